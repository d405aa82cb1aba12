/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/authorization.h"

#include "gyre/config/config.h"

#include "handlers/authorization_state.h"

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

bool authorization_is_ready(const struct authorization *authorization)
{
    return authorization->is_ready;
}

static void refresh(struct authorization *authorization)
{
    if (authorization->are_streams_stale) {
        authorization->are_streams_stale = false;
        authorization->take_streams(authorization);
    }
}

struct authorizer *authorization_authorizer(struct authorization *authorization)
{
    refresh(authorization);
    return authorization->authorizer;
}

const struct stream_policies *authorization_streams(struct authorization *authorization)
{
    refresh(authorization);
    return authorization->streams;
}
