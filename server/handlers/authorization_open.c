/* SPDX-License-Identifier: Apache-2.0 */
/* What feeds the authorizer; handlers need only authorization.c. */
#include <stdlib.h>

#include "gyre/access/authorizer.h"
#include "gyre/config/config.h"
#include "gyre/observe/log.h"

#include "handlers/authorization.h"
#include "handlers/authorization_state.h"

static void put_stream(void *context, const struct catalog_stream *stream)
{
    struct authorization *authorization = context;
    const struct stream_rules rules = {
        .name = stream->name,
        .is_additive = stream->is_additive,
        .expressions = {stream->produce, stream->consume, stream->topics, stream->admin,
                        stream->copy},
    };

    if (stream_policies_put(authorization->streams, &rules) != ERROR_NONE) {
        log_warning(LOG_HANDLERS, "a stream has a policy that cannot be read: it lets nobody in",
                    field_text("stream", stream->name));
    }
}

static void on_changed(void *context, enum catalog_security kind)
{
    struct authorization *authorization = context;

    if (kind == CATALOG_STREAM) {
        authorization->are_streams_stale = true; /* many may come at once */
    } else if (kind == CATALOG_ROLE) {
        stream_policies_touch(authorization->streams);
    }
}

static void find_roles(void *context, struct string principal, struct expression_subject *subject)
{
    const struct authorization *authorization = context;
    struct catalog_groups groups = catalog_groups_of(authorization->catalog, principal);

    subject->roles = groups.names;
    subject->role_count = groups.count;
}

static void take_streams(struct authorization *authorization)
{
    stream_policies_clear(authorization->streams);
    catalog_for_each_stream(authorization->catalog, put_stream, authorization);
}

/* Our own registration was committed after we began: what came before it is known now. */
static void on_broker(void *context, const struct catalog_broker *broker)
{
    struct authorization *authorization = context;

    if (broker->node_id == authorization->node_id &&
        broker->incarnation == authorization->incarnation) {
        authorization->is_ready = true;
    }
}

struct authorization *authorization_new(const struct broker_config *config, struct catalog *catalog,
                                        uint64_t incarnation)
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
    authorization->catalog = catalog;
    authorization->node_id = config->node_id;
    authorization->incarnation = incarnation;
    authorization->take_streams = take_streams;
    authorization->streams = stream_policies_new();
    options.acls = catalog_acls(catalog);
    options.streams = authorization->streams;
    options.find_roles = find_roles;
    options.context = authorization;
    authorization->authorizer = authorizer_new(&options);
    authorization->listener = (struct catalog_listener){
        .security_changed = on_changed, .broker_changed = on_broker, .context = authorization};
    catalog_add_listener(catalog, &authorization->listener);
    on_changed(authorization, CATALOG_STREAM);
    return authorization;
}

void authorization_free(struct authorization *authorization)
{
    if (authorization == NULL) {
        return;
    }
    list_remove(&authorization->listener.link);
    authorizer_free(authorization->authorizer);
    stream_policies_free(authorization->streams);
    free(authorization);
}
