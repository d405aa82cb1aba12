/* SPDX-License-Identifier: Apache-2.0 */
/* AlterRole (1005): principals into a group or role, and out of it. */
#include "wire_messages/alter_role.h"

#include "gyre/access/expression.h"

#include "handlers/access.h"
#include "handlers/catalog_changes.h"
#include "handlers/request.h"
#include "handlers/stream_handlers.h"
#include "metadata/catalog_commands.h"

struct role_change {
    struct request *request; /* we live in its arena */
    struct alter_role_request in;
    struct alter_role_response out;
    struct catalog_changes changes;
};

static bool refuse(struct role_change *self, enum kafka_error error, struct string message)
{
    self->out.error_code = (int16_t)error;
    self->out.error_message = message;
    return false;
}

/* "g:NAME" or "r:NAME", as an expression would ask for it; "t:NAME", what `gyre team` remembers. */
static bool is_role_name(struct string name)
{
    return name.length > 2 && memchr("grt", name.bytes[0], 3) != NULL && name.bytes[1] == ':' &&
           string_is_utf8(name);
}

static bool are_principals(const struct string_array *names)
{
    for (int32_t i = 0; i < names->count; i++) {
        struct string name = names->items[i];
        const char *colon = name.length < 3 ? NULL : memchr(name.bytes, ':', (size_t)name.length);

        if (colon == NULL || colon == name.bytes || colon + 1 == name.bytes + name.length ||
            name.length > CATALOG_PRINCIPAL_BYTES_MAX || !string_is_utf8(name)) {
            return false;
        }
    }
    return true;
}

static bool check(struct role_change *self)
{
    if (!access_allows_cluster(self->request, ACCESS_ALTER)) {
        return refuse(self, KAFKA_ERROR_CLUSTER_AUTHORIZATION_FAILED,
                      STRING("Cluster authorization failed."));
    }
    if (!is_role_name(self->in.name)) {
        return refuse(
            self, KAFKA_ERROR_INVALID_REQUEST,
            STRING("A group is named g:NAME, a role r:NAME, the record of a team t:NAME."));
    }
    return (are_principals(&self->in.additions) && are_principals(&self->in.removals)) ||
           refuse(self, KAFKA_ERROR_INVALID_REQUEST,
                  STRING("Members are principals, like User:alice."));
}

static void reply(struct catalog_changes *changes)
{
    struct role_change *self = changes->context;

    request_reply(self->request, &alter_role_response_layout, &self->out);
}

void alter_role_handle(struct request *request)
{
    struct role_change *self = request_alloc(request, sizeof *self);
    struct catalog_set_role command;

    if (self == NULL || !request_decode(request, &alter_role_request_layout, &self->in)) {
        return;
    }
    self->request = request;
    alter_role_response_init(&self->out);
    catalog_changes_init(&self->changes, request, reply, self);
    if (check(self) && !self->in.validate_only) {
        catalog_set_role_init(&command);
        command.name = self->in.name;
        command.removals = self->in.removals;
        command.additions = self->in.additions;
        catalog_changes_make(&self->changes, &catalog_set_role_layout, CATALOG_SET_ROLE_RECORD,
                             &command, &self->out.error_code, &self->out.error_message);
    }
    catalog_changes_all_made(&self->changes);
}
