/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/authorization.h"

#include <stdlib.h>

#include "gyre/access/authorizer.h"
#include "gyre/config/config.h"
#include "gyre/metadata/catalog.h"

struct authorization {
    struct authorizer *authorizer; /* owned */
};

bool authorization_is_asked_for(const struct broker_config *config)
{
    if (config->authorizer_class_name.length > 0 || config->super_users.length > 0) {
        return true;
    }
    for (int i = 0; i < config->kafka_listener_count; i++) {
        if (config->kafka_listeners[i].security_protocol != SECURITY_PROTOCOL_PLAINTEXT) {
            return true;
        }
    }
    return false;
}

struct authorization *authorization_new(const struct broker_config *config, struct catalog *catalog)
{
    struct authorizer_options options = {
        .super_users = config->super_users,
        .allow_everyone_if_no_acl_found = config->allow_everyone_if_no_acl_found,
    };
    struct authorization *authorization;

    if (!authorization_is_asked_for(config)) {
        return NULL;
    }
    authorization = check_alloc_zero(sizeof *authorization);
    options.acls = catalog_acls(catalog);
    authorization->authorizer = authorizer_new(&options);
    return authorization;
}

void authorization_free(struct authorization *authorization)
{
    if (authorization == NULL) {
        return;
    }
    authorizer_free(authorization->authorizer);
    free(authorization);
}

struct authorizer *authorization_authorizer(struct authorization *authorization)
{
    return authorization->authorizer;
}
