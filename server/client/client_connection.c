/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Happy path: open, ask for versions, send what waits, take answers in order. Every failure ends
 * all calls of the connection; the asker decides whether to ask again, and only an idle connection,
 * its handles closed, opens anew.
 */
#include "client/client_connection.h"

#include <stdio.h>
#include <stdlib.h>

#include "gyre/base/buffer.h"
#include "gyre/base/check.h"
#include "gyre/wire/api.h"
#include "gyre/wire/frame.h"
#include "gyre/wire/reader.h"

#include "client/client_opening.h"
#include "client/client_private.h"
#include "client/client_sasl.h"
#include "client/client_tls.h"
#include "wire_messages/api_keys.h"
#include "wire_messages/api_versions.h"

enum {
    GREETING_VERSION = 0,            /* every broker answers it */
    GREETING_ARENA_BYTES = 64 << 10, /* of a table of less than a hundred rows */
};

/* One frame on its way out; frees itself when it is written. */
struct outgoing {
    uv_write_t write;
    struct client_connection *connection;
    struct frame_output output;
    int32_t correlation_id;
    bool has_no_answer;
    uv_buf_t buffers[];
};

static struct client_call *call_of(struct list *link)
{
    return list_entry(link, struct client_call, link);
}

struct client_connection *client_connection_new(struct client *client, const char *host,
                                                int32_t port)
{
    struct client_connection *connection = check_alloc_zero(sizeof *connection);

    connection->client = client;
    connection->port = port;
    (void)snprintf(connection->host, sizeof connection->host, "%s", host);
    list_init(&connection->link);
    list_init(&connection->waiting);
    list_init(&connection->in_flight);
    return connection;
}

void client_connection_free(struct client_connection *connection)
{
    CHECK(connection->state == CLIENT_CONNECTION_IDLE);
    CHECK(list_is_empty(&connection->waiting));
    list_remove(&connection->link);
    free(connection);
}

/* ---- closing ---- */

void client_connection_idle(struct client_connection *connection)
{
    connection->state = CLIENT_CONNECTION_IDLE;
    connection->has_answered = false;
    if (!list_is_empty(&connection->waiting) && !connection->client->is_closing) {
        client_opening_begin(connection);
    } else {
        client_connection_is_idle(connection->client);
    }
}

static void finish_all(struct list *calls, enum error error)
{
    while (!list_is_empty(calls)) {
        client_finish(call_of(calls->next), error);
    }
}

void client_connection_fail(struct client_connection *connection, enum error error)
{
    enum client_connection_state state = connection->state;

    finish_all(&connection->in_flight, error);
    finish_all(&connection->waiting, error);
    buffer_unref(connection->frame);
    connection->frame = NULL;
    connection->prefix_length = 0;
    client_sasl_end(connection);
    client_tls_end(connection);
    if (state == CLIENT_CONNECTION_IDLE || state == CLIENT_CONNECTION_CLOSING) {
        return;
    }
    connection->state = CLIENT_CONNECTION_CLOSING;
    client_opening_end(connection, state);
}

/* ---- sending ---- */

static void on_written(uv_write_t *write, int status)
{
    struct outgoing *outgoing = CONTAINER_OF(write, struct outgoing, write);
    struct client_connection *connection = outgoing->connection;
    int32_t id = outgoing->correlation_id;
    bool has_no_answer = outgoing->has_no_answer;

    frame_output_release(&outgoing->output);
    free(outgoing);
    if (status < 0) {
        client_connection_fail(connection, ERROR_CLOSED);
        return;
    }
    list_for_each_safe(link, &connection->in_flight) {
        struct client_call *call = call_of(link);

        if (has_no_answer && call->correlation_id == id) {
            client_finish(call, ERROR_NONE);
        }
    }
}

/* Takes `output`, also when it fails. */
static enum error write_output(struct client_connection *connection, struct frame_output *output,
                               int32_t correlation_id, bool has_no_answer)
{
    size_t count = (size_t)output->count;
    struct outgoing *outgoing =
        check_alloc_zero(sizeof *outgoing + count * sizeof outgoing->buffers[0]);

    outgoing->connection = connection;
    outgoing->output = *output;
    outgoing->correlation_id = correlation_id;
    outgoing->has_no_answer = has_no_answer;
    for (size_t i = 0; i < count; i++) {
        outgoing->buffers[i].base = output->slices[i].bytes;
        outgoing->buffers[i].len = output->slices[i].length;
    }
    if (uv_write(&outgoing->write, (uv_stream_t *)&connection->tcp, outgoing->buffers,
                 (unsigned)count, on_written) != 0) {
        frame_output_release(&outgoing->output);
        free(outgoing);
        return ERROR_CLOSED;
    }
    return ERROR_NONE;
}

enum error client_connection_write(struct client_connection *connection,
                                   struct frame_output *output)
{
    return write_output(connection, output, -1, false);
}

/* Takes `output`. */
static void write_frame(struct client_connection *connection, struct frame_output *output,
                        int32_t correlation_id, bool has_no_answer)
{
    enum error error =
        connection->tls == NULL ? ERROR_NONE : client_tls_encrypt(connection, output);

    if (error != ERROR_NONE) {
        frame_output_release(output);
    } else {
        error = write_output(connection, output, correlation_id, has_no_answer);
    }
    if (error != ERROR_NONE) {
        client_connection_fail(connection, ERROR_CLOSED);
    }
}

static int16_t least(int16_t a, int16_t b)
{
    return a < b ? a : b;
}

/* -1: there is none. Gyre's own APIs are not advertised, lest they startle other clients. */
static int16_t choose_version(const struct client_connection *connection,
                              const struct client_call *call)
{
    const struct api_description *api = api_find(call->api_key);
    int16_t highest;

    if (api == NULL) {
        return -1;
    }
    if (call->api_key >= GYRE_API_FIRST) {
        return least(call->version_max, api->request->version_max);
    }
    if (call->api_key >= CLIENT_API_KEYS) {
        return -1;
    }
    highest = least(least(call->version_max, api->request->version_max),
                    connection->version_max[call->api_key]);
    if (highest < api->request->version_min || highest < connection->version_min[call->api_key]) {
        return -1;
    }
    return highest;
}

static enum error encode(struct client_connection *connection, int16_t api_key, int16_t version,
                         const void *request, struct frame_output *output)
{
    struct frame_header header = {
        .api_key = api_key,
        .api_version = version,
        .correlation_id = connection->next_correlation_id,
        .client_id = string_from(connection->client->client_id),
        .api = api_find(api_key),
    };

    return frame_encode_request(&header, request, output);
}

static int32_t take_correlation_id(struct client_connection *connection)
{
    int32_t id = connection->next_correlation_id;

    connection->next_correlation_id = id == INT32_MAX ? 0 : id + 1;
    return id;
}

static void send_one(struct client_connection *connection, struct client_call *call)
{
    struct frame_output output;
    enum error error;

    call->version = choose_version(connection, call);
    if (call->version < 0) {
        client_finish(call, ERROR_UNSUPPORTED);
        return;
    }
    frame_output_init(&output);
    error = encode(connection, call->api_key, call->version, call->request, &output);
    if (error != ERROR_NONE) {
        frame_output_release(&output);
        client_finish(call, error);
        return;
    }
    list_remove(&call->link);
    list_append(&connection->in_flight, &call->link);
    call->correlation_id = take_correlation_id(connection);
    write_frame(connection, &output, call->correlation_id, call->has_no_answer);
}

enum error client_connection_ask(struct client_connection *connection, int16_t api_key,
                                 int16_t version, const void *request)
{
    struct frame_output output;
    enum error error;

    frame_output_init(&output);
    error = encode(connection, api_key, version, request, &output);
    if (error != ERROR_NONE) {
        frame_output_release(&output);
        return error;
    }
    connection->asked_id = take_correlation_id(connection);
    connection->asked_api = api_key;
    connection->asked_version = version;
    write_frame(connection, &output, connection->asked_id, false);
    return ERROR_NONE;
}

void client_connection_greet(struct client_connection *connection)
{
    struct api_versions_request request;
    enum error error;

    api_versions_request_init(&request);
    connection->state = CLIENT_CONNECTION_GREETING;
    error = client_connection_ask(connection, API_API_VERSIONS, GREETING_VERSION, &request);
    CHECK(error == ERROR_NONE);
}

static void send_waiting(struct client_connection *connection)
{
    while (connection->state == CLIENT_CONNECTION_READY && !list_is_empty(&connection->waiting)) {
        send_one(connection, call_of(connection->waiting.next));
    }
}

void client_connection_ready(struct client_connection *connection)
{
    connection->state = CLIENT_CONNECTION_READY;
    send_waiting(connection);
}

/* ---- reading ---- */

static enum error take_greeting(struct client_connection *connection, struct reader *reader)
{
    struct api_versions_response versions;
    struct arena arena;
    enum error error;

    for (int i = 0; i < CLIENT_API_KEYS; i++) {
        connection->version_min[i] = 0;
        connection->version_max[i] = -1;
    }
    arena_init(&arena, GREETING_ARENA_BYTES);
    error = api_versions_response_decode(GREETING_VERSION, reader, &arena, &versions);
    if (error == ERROR_NONE && versions.error_code != 0) {
        error = ERROR_UNSUPPORTED;
    }
    for (int32_t i = 0; error == ERROR_NONE && i < versions.api_keys.count; i++) {
        const struct api_versions_response_api_keys *row = &versions.api_keys.items[i];

        if (row->api_key >= 0 && row->api_key < CLIENT_API_KEYS) {
            connection->version_min[row->api_key] = row->min_version;
            connection->version_max[row->api_key] = row->max_version;
        }
    }
    arena_release(&arena);
    return error;
}

/* Takes `frame`, also when it fails. */
static enum error take_answer(struct client_call *call, struct reader *reader, struct buffer *frame)
{
    const struct message_layout *layout = api_find(call->api_key)->response;

    arena_keep_buffer(&call->arena, frame);
    call->response = arena_alloc(&call->arena, layout->root->size);
    if (call->response == NULL) {
        return ERROR_LIMIT;
    }
    return message_decode(layout, call->version, reader, &call->arena, call->response);
}

static struct client_call *oldest_in_flight(struct client_connection *connection)
{
    list_for_each(link, &connection->in_flight) {
        if (!call_of(link)->has_no_answer) {
            return call_of(link);
        }
    }
    return NULL;
}

/* What the connection itself asked, before it is ready. */
static enum error take_own_answer(struct client_connection *connection, const struct buffer *frame)
{
    bool is_greeting = connection->state == CLIENT_CONNECTION_GREETING;
    struct reader reader;
    int32_t id;
    enum error error;

    reader_init(&reader, frame->bytes, frame->size);
    error = frame_decode_response_header(&reader, connection->asked_api, connection->asked_version,
                                         &id);
    if (error == ERROR_NONE && id != connection->asked_id) {
        error = ERROR_MALFORMED;
    }
    if (error == ERROR_NONE) {
        error = is_greeting ? take_greeting(connection, &reader)
                            : client_sasl_take(connection, &reader);
    }
    if (error == ERROR_NONE && is_greeting) {
        error = client_sasl_begin(connection);
    }
    return error;
}

/* Takes `frame`. */
static enum error take_frame(struct client_connection *connection, struct buffer *frame)
{
    struct client_call *call;
    struct reader reader;
    int32_t id;
    enum error error;

    if (connection->state != CLIENT_CONNECTION_READY) {
        error = take_own_answer(connection, frame);
        buffer_unref(frame);
        return error;
    }
    call = oldest_in_flight(connection);
    if (call == NULL) {
        buffer_unref(frame);
        return ERROR_MALFORMED;
    }
    reader_init(&reader, frame->bytes, frame->size);
    error = frame_decode_response_header(&reader, call->api_key, call->version, &id);
    if (error != ERROR_NONE || id != call->correlation_id) {
        buffer_unref(frame);
        return ERROR_MALFORMED;
    }
    error = take_answer(call, &reader, frame);
    connection->has_answered = true;
    client_finish(call, error);
    return error;
}

uv_buf_t client_connection_room(struct client_connection *connection)
{
    if (connection->frame == NULL) {
        return uv_buf_init(connection->prefix + connection->prefix_length,
                           (unsigned)(FRAME_PREFIX_BYTES - connection->prefix_length));
    }
    return uv_buf_init(connection->frame->bytes + connection->frame_length,
                       (unsigned)(connection->frame->size - connection->frame_length));
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out_buffer)
{
    struct client_connection *connection = handle->data;

    (void)suggested;
    *out_buffer = connection->tls == NULL ? client_connection_room(connection)
                                          : client_tls_input(connection->client);
}

static enum error take_prefix(struct client_connection *connection)
{
    int32_t size;
    enum error error = frame_parse_size(
        connection->prefix, (int32_t)connection->client->options.response_bytes_max, &size);

    if (error == ERROR_NONE && size == 0) {
        error = ERROR_MALFORMED;
    }
    if (error == ERROR_NONE) {
        connection->prefix_length = 0;
        connection->frame = buffer_new((size_t)size);
        connection->frame_length = 0;
    }
    return error;
}

enum error client_connection_take(struct client_connection *connection, size_t length)
{
    struct buffer *frame = connection->frame;

    if (frame == NULL) {
        connection->prefix_length += length;
        return connection->prefix_length == FRAME_PREFIX_BYTES ? take_prefix(connection)
                                                               : ERROR_NONE;
    }
    connection->frame_length += length;
    if (connection->frame_length < frame->size) {
        return ERROR_NONE;
    }
    connection->frame = NULL;
    return take_frame(connection, frame);
}

static const char *end_in_words(const struct client_connection *connection)
{
    switch (connection->state) {
    case CLIENT_CONNECTION_SECURING: return "ends the connection during the TLS handshake";
    case CLIENT_CONNECTION_GREETING:
        return connection->tls == NULL
                   ? "ends the connection before it tells its versions (does it want TLS?)"
                   : "ends the connection before it tells its versions";
    case CLIENT_CONNECTION_AUTHENTICATING: return "ends the connection during authentication";
    case CLIENT_CONNECTION_READY:
        if (!connection->has_answered &&
            connection->client->options.credentials.mechanism == NULL) {
            return "ends the connection at the first question (does it want to know who asks?)";
        }
        break;
    case CLIENT_CONNECTION_IDLE:
    case CLIENT_CONNECTION_RESOLVING:
    case CLIENT_CONNECTION_CONNECTING:
    case CLIENT_CONNECTION_CLOSING: break;
    }
    return "ends the connection";
}

static void on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer)
{
    struct client_connection *connection = stream->data;
    enum error error = ERROR_CLOSED;

    if (length == 0) {
        return;
    }
    if (length < 0) {
        client_opening_tell(connection, end_in_words(connection), (int)length);
    } else {
        error = connection->tls == NULL
                    ? client_connection_take(connection, (size_t)length)
                    : client_tls_received(connection, buffer->base, (size_t)length);
        if (error == ERROR_CLOSED) {
            client_opening_tell(connection, end_in_words(connection), 0); /* in order, within TLS */
        }
    }
    if (error != ERROR_NONE) {
        client_connection_fail(connection, error);
    }
}

enum error client_connection_listen(struct client_connection *connection)
{
    return uv_read_start((uv_stream_t *)&connection->tcp, on_alloc, on_read) == 0 ? ERROR_NONE
                                                                                  : ERROR_CLOSED;
}

void client_connection_send(struct client_connection *connection, struct client_call *call)
{
    call->connection = connection;
    list_append(&connection->waiting, &call->link);
    switch (connection->state) {
    case CLIENT_CONNECTION_IDLE: client_opening_begin(connection); return;
    case CLIENT_CONNECTION_READY: send_waiting(connection); return;
    case CLIENT_CONNECTION_RESOLVING:
    case CLIENT_CONNECTION_CONNECTING:
    case CLIENT_CONNECTION_SECURING:
    case CLIENT_CONNECTION_GREETING:
    case CLIENT_CONNECTION_AUTHENTICATING:
    case CLIENT_CONNECTION_CLOSING: return; /* it will be sent when the state allows */
    }
}
