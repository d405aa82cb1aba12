/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AlterStream (1001) creates a stream, or changes what is given of one. The command holds the whole
 * stream and the version that it was made from, so that two who change it at once do not undo each
 * other unseen.
 */
#include "wire_messages/alter_stream.h"

#include "gyre/access/expression.h"
#include "gyre/access/identity.h"
#include "gyre/access/stream_name.h"

#include "handlers/access.h"
#include "handlers/broker.h"
#include "handlers/catalog_changes.h"
#include "handlers/request.h"
#include "handlers/stream_access.h"
#include "handlers/stream_handlers.h"
#include "handlers/stream_properties.h"
#include "metadata/catalog_commands.h"

struct stream_change {
    struct request *request; /* we live in its arena */
    struct alter_stream_request in;
    struct alter_stream_response out;
    struct stream_name_text path_text;
    struct string path;
    const struct catalog_stream *old; /* for the turn; NULL: it is new */
    struct catalog_set_stream command;
    struct catalog_changes changes;
};

static bool refuse(struct stream_change *self, enum kafka_error error, struct string message)
{
    self->out.error_code = (int16_t)error;
    self->out.error_message = message;
    return false;
}

/* Before anything is looked up. */
static bool check_access(struct stream_change *self)
{
    bool is_allowed = self->in.is_creation ? access_allows_cluster(self->request, ACCESS_CREATE)
                                           : stream_access_administers(self->request, self->path);

    return is_allowed || refuse(self, KAFKA_ERROR_CLUSTER_AUTHORIZATION_FAILED,
                                STRING("Cluster authorization failed."));
}

static bool check_existence(struct stream_change *self)
{
    if (self->path.bytes == NULL) {
        return refuse(self, KAFKA_ERROR_INVALID_REQUEST,
                      STRING("A stream is named /like/this: words of letters, digits, _ and -."));
    }
    self->old = catalog_find_stream(self->request->broker->catalog, self->path);
    if (self->in.is_creation && self->old != NULL) {
        return refuse(self, KAFKA_ERROR_INVALID_REQUEST, STRING("The stream exists already."));
    }
    return self->in.is_creation || self->old != NULL ||
           refuse(self, KAFKA_ERROR_RESOURCE_NOT_FOUND, STRING("There is no such stream."));
}

/* ---- what the stream will be ---- */

/* u:OWNER, in quotation marks. Null: memory is exhausted. */
static struct string owner_alone(struct stream_change *self, struct string owner)
{
    const char *colon = memchr(owner.bytes, ':', (size_t)owner.length);
    struct string name = {colon + 1, owner.length - (int32_t)(colon + 1 - owner.bytes)};
    char *text = arena_alloc(&self->request->arena, 2 * (size_t)name.length + 5);
    int32_t length = 0;

    if (text == NULL) {
        return STRING_NULL;
    }
    memcpy(text, "u:\"", 3);
    length = 3;
    for (int32_t i = 0; i < name.length; i++) {
        if (name.bytes[i] == '"' || name.bytes[i] == '\\') {
            text[length++] = '\\';
        }
        text[length++] = name.bytes[i];
    }
    text[length++] = '"';
    return (struct string){text, length};
}

static bool take_owner(struct stream_change *self)
{
    struct string owner = self->in.owner;

    if (owner.bytes == NULL) {
        owner =
            self->old != NULL ? self->old->owner : self->request->connection->identity->principal;
    }
    self->command.owner = owner;
    return memchr(owner.bytes, ':', (size_t)owner.length) != NULL ||
           refuse(self, KAFKA_ERROR_INVALID_REQUEST,
                  STRING("The owner is a principal, like User:alice."));
}

static bool take_expression(struct stream_change *self, enum stream_permission permission,
                            struct string given, struct string before, struct string *to)
{
    struct expression_fault fault;
    struct expression *expression;
    enum error error;

    if (given.bytes == NULL && self->old != NULL) {
        *to = before;
        return true;
    }
    if (given.bytes == NULL) {
        *to = owner_alone(self, self->command.owner);
        return to->bytes != NULL ||
               refuse(self, KAFKA_ERROR_INVALID_REQUEST, STRING("The request is too large."));
    }
    error = expression_parse(given, &expression, &fault);
    if (error != ERROR_NONE) {
        return refuse(self, KAFKA_ERROR_INVALID_REQUEST,
                      catalog_changes_text(self->request, "%s: at byte %d: %s",
                                           stream_permission_name(permission), fault.position,
                                           fault.text));
    }
    expression_free(expression);
    *to = given;
    return true;
}

static bool take_expressions(struct stream_change *self)
{
    static const struct catalog_stream nothing;
    const struct catalog_stream *old = self->old == NULL ? &nothing : self->old;
    struct catalog_set_stream *command = &self->command;

    return take_expression(self, STREAM_PRODUCE, self->in.produce, old->produce,
                           &command->produce) &&
           take_expression(self, STREAM_CONSUME, self->in.consume, old->consume,
                           &command->consume) &&
           take_expression(self, STREAM_TOPICS, self->in.topics, old->topics, &command->topics) &&
           take_expression(self, STREAM_ADMIN, self->in.admin, old->admin, &command->admin) &&
           take_expression(self, STREAM_COPY, self->in.copy, old->copy, &command->copy);
}

static bool take_mode(struct stream_change *self)
{
    self->command.is_additive = self->in.ace_mode < 0 ? self->old != NULL && self->old->is_additive
                                                      : self->in.ace_mode == 1;
    return (self->in.ace_mode >= -1 && self->in.ace_mode <= 1) ||
           refuse(self, KAFKA_ERROR_INVALID_REQUEST, STRING("ace.mode is enforce or additive."));
}

static bool take_properties(struct stream_change *self)
{
    struct string fault = stream_properties_merge(self->request, self->old, &self->in.properties,
                                                  &self->command.properties);

    return fault.bytes == NULL || refuse(self, KAFKA_ERROR_INVALID_CONFIG, fault);
}

static bool make_command(struct stream_change *self)
{
    catalog_set_stream_init(&self->command);
    self->command.name = self->path;
    self->command.seen_version = self->old == NULL ? 0 : (int64_t)self->old->version;
    return take_owner(self) && take_expressions(self) && take_mode(self) && take_properties(self);
}

static void reply(struct catalog_changes *changes)
{
    struct stream_change *self = changes->context;
    const struct catalog_stream *stream =
        self->out.error_code == KAFKA_ERROR_NONE
            ? catalog_find_stream(self->request->broker->catalog, self->path)
            : NULL;

    self->out.version = stream == NULL ? -1 : (int64_t)stream->version;
    request_reply(self->request, &alter_stream_response_layout, &self->out);
}

void alter_stream_handle(struct request *request)
{
    struct stream_change *self = request_alloc(request, sizeof *self);

    if (self == NULL || !request_decode(request, &alter_stream_request_layout, &self->in)) {
        return;
    }
    self->request = request;
    alter_stream_response_init(&self->out);
    self->path = stream_name_path(self->in.name, &self->path_text);
    catalog_changes_init(&self->changes, request, reply, self);
    if (check_access(self) && check_existence(self) && make_command(self) &&
        !self->in.validate_only) {
        catalog_changes_make(&self->changes, &catalog_set_stream_layout, CATALOG_SET_STREAM_RECORD,
                             &self->command, &self->out.error_code, &self->out.error_message);
    }
    catalog_changes_all_made(&self->changes);
}
