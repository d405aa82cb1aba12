/* SPDX-License-Identifier: Apache-2.0 */
/* DeleteStream (1002): a stream that has no topics any more. */
#include "wire_messages/delete_stream.h"

#include "gyre/access/stream_name.h"

#include "handlers/broker.h"
#include "handlers/catalog_changes.h"
#include "handlers/request.h"
#include "handlers/stream_access.h"
#include "handlers/stream_handlers.h"
#include "metadata/catalog_commands.h"

struct stream_deletion {
    struct request *request; /* we live in its arena */
    struct delete_stream_request in;
    struct delete_stream_response out;
    struct catalog_changes changes;
};

static bool refuse(struct stream_deletion *self, enum kafka_error error, struct string message)
{
    self->out.error_code = (int16_t)error;
    self->out.error_message = message;
    return false;
}

static bool check(struct stream_deletion *self, struct string path)
{
    const struct catalog *catalog = self->request->broker->catalog;

    if (!stream_access_administers(self->request, path)) {
        return refuse(self, KAFKA_ERROR_CLUSTER_AUTHORIZATION_FAILED,
                      STRING("Cluster authorization failed."));
    }
    if (path.bytes == NULL || catalog_find_stream(catalog, path) == NULL) {
        return refuse(self, KAFKA_ERROR_RESOURCE_NOT_FOUND, STRING("There is no such stream."));
    }
    if (catalog_stream_topic_count(catalog, path) > 0) {
        return refuse(self, KAFKA_ERROR_INVALID_REQUEST, STRING("The stream has topics."));
    }
    return true;
}

static void reply(struct catalog_changes *changes)
{
    struct stream_deletion *self = changes->context;

    request_reply(self->request, &delete_stream_response_layout, &self->out);
}

void delete_stream_handle(struct request *request)
{
    struct stream_deletion *self = request_alloc(request, sizeof *self);
    struct catalog_remove_stream command;
    struct stream_name_text text;

    if (self == NULL || !request_decode(request, &delete_stream_request_layout, &self->in)) {
        return;
    }
    self->request = request;
    delete_stream_response_init(&self->out);
    catalog_changes_init(&self->changes, request, reply, self);
    catalog_remove_stream_init(&command);
    command.name = stream_name_path(self->in.name, &text);
    if (check(self, command.name) && !self->in.validate_only) {
        catalog_changes_make(&self->changes, &catalog_remove_stream_layout,
                             CATALOG_REMOVE_STREAM_RECORD, &command, &self->out.error_code,
                             &self->out.error_message);
    }
    catalog_changes_all_made(&self->changes);
}
