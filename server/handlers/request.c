/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/request.h"

#include <string.h>

#include "gyre/observe/log.h"
#include "gyre/wire/api.h"
#include "gyre/wire/message.h"

#include "handlers/quotas.h"

void request_init(struct request *request, struct broker *broker,
                  struct connection_info *connection, struct buffer_slice frame)
{
    *request = (struct request){.broker = broker, .connection = connection, .frame = frame};
    arena_init(&request->arena, REQUEST_ARENA_BYTES_MAX);
    frame_output_init(&request->output);
    list_init(&request->link);
    reader_init(&request->body, frame.bytes, frame.length);
}

void request_release(struct request *request)
{
    frame_output_release(&request->output);
    arena_release(&request->arena);
    buffer_slice_unref(&request->frame);
}

static void finish(struct request *request, enum request_end end)
{
    CHECK(request->end == REQUEST_OPEN);
    request->end = end;
    if (request->ended != NULL) {
        request->ended(request);
    }
}

static const char *api_name(const struct request *request)
{
    return request->api == NULL ? "?" : request->api->name;
}

static void refuse(struct request *request, const char *message, enum error error)
{
    log_warning(LOG_HANDLERS, message, field_string("api", api_name(request)),
                field_i64("version", request->api_version),
                field_string("peer", request->connection->peer_host),
                field_text("client", request->client_id), field_error(error));
    finish(request, REQUEST_CLOSED);
}

bool request_decode(struct request *request, const struct message_layout *layout, void *in)
{
    enum error error;

    CHECK(layout == request->api->request);
    error = message_decode(layout, request->api_version, &request->body, &request->arena, in);
    if (error != ERROR_NONE) {
        refuse(request, "request is malformed", error);
        return false;
    }
    return true;
}

void request_rewind(struct request *request)
{
    reader_init(&request->body, request->frame.bytes, request->frame.length);
    enum error error = frame_decode_request_header(&request->body, &request->header);
    CHECK(error == ERROR_NONE); /* as the first time */
}

/* What the client is told to wait (KIP-219); the pipeline sees to it that it does. */
static void tell_throttle(const struct request *request, const struct message_layout *layout,
                          void *out)
{
    const struct struct_layout *root = layout->root;

    for (uint16_t i = 0; i < root->field_count; i++) {
        const struct field_layout *field = &root->fields[i];

        if (field->kind == FIELD_INT32 && strcmp(field->name, "throttle_time_ms") == 0) {
            memcpy((char *)out + field->offset, &request->throttle_ms, sizeof request->throttle_ms);
            return;
        }
    }
}

void request_reply(struct request *request, const struct message_layout *layout, void *out)
{
    enum error error;

    CHECK(layout == request->api->response);
    quotas_charge_time(request);
    if (request->throttle_ms > 0) {
        tell_throttle(request, layout, out);
    }
    if (request->is_orphaned) {
        finish(request, REQUEST_REPLIED);
        return;
    }
    error = frame_encode_response(&request->header, out, &request->output);
    if (error != ERROR_NONE) {
        refuse(request, "answer cannot be expressed in this version", error);
        return;
    }
    finish(request, REQUEST_REPLIED);
}

void request_relay(struct request *request, struct buffer_slice answer)
{
    frame_output_append(&request->output, answer);
    finish(request, REQUEST_REPLIED);
}

void request_reply_nothing(struct request *request)
{
    finish(request, REQUEST_SILENT);
}

void request_close(struct request *request)
{
    finish(request, REQUEST_CLOSED);
}

void *request_alloc(struct request *request, size_t bytes)
{
    void *memory = arena_alloc(&request->arena, bytes);

    if (memory == NULL) {
        refuse(request, "request needs too much memory", ERROR_LIMIT);
    }
    return memory;
}

struct buffer_slice request_keep(struct request *request, char *bytes, size_t length)
{
    struct buffer *buffer = request->frame.buffer;
    struct buffer_slice kept = {.bytes = bytes, .length = length};

    CHECK(bytes >= request->frame.bytes);
    CHECK(bytes + length <= request->frame.bytes + request->frame.length);
    if (request->frame.length >= buffer->size / 2) {
        kept.buffer = buffer_ref(buffer);
        return kept;
    }
    kept.buffer = buffer_copy(bytes, length);
    kept.bytes = kept.buffer->bytes;
    return kept;
}
