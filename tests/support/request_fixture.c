/* SPDX-License-Identifier: Apache-2.0 */
#include "support/request_fixture.h"

#include <string.h>

#include "gyre/wire/api.h"
#include "gyre/wire/message.h"

void request_fixture_init(struct request_fixture *fixture, struct broker *broker)
{
    *fixture = (struct request_fixture){
        .listener = {.name = "PLAINTEXT", .advertised_host = "localhost", .advertised_port = 9092}};
    connection_info_init(&fixture->connection, &fixture->listener);
    fixture->connection.id = 1;
    memcpy(fixture->connection.peer_host, "127.0.0.1", sizeof "127.0.0.1");
    fixture->connection.peer_port = 40000;
    arena_init(&fixture->answer, 64U << 20);
    request_init(&fixture->request, broker, &fixture->connection, (struct buffer_slice){0});
}

static void forget(struct request_fixture *fixture)
{
    request_release(&fixture->request);
    arena_release(&fixture->answer);
    buffer_unref(fixture->answer_bytes);
    fixture->answer_bytes = NULL;
}

void request_fixture_release(struct request_fixture *fixture)
{
    forget(fixture);
    connection_info_release(&fixture->connection);
}

enum error request_fixture_dispatch(struct request_fixture *fixture,
                                    const struct handler_table *table, int16_t api_key,
                                    int16_t version, const void *in)
{
    struct frame_header header = {.api_key = api_key,
                                  .api_version = version,
                                  .correlation_id = 77,
                                  .client_id = STRING("test"),
                                  .api = api_find(api_key)};
    struct broker *broker = fixture->request.broker;
    const struct handler *handler = NULL;
    struct frame_output output;
    struct buffer *bytes;
    enum error error;

    forget(fixture);
    frame_output_init(&output);
    CHECK(frame_encode_request(&header, in, &output) == ERROR_NONE);
    bytes = frame_output_join(&output);
    frame_output_release(&output);
    request_init(&fixture->request, broker, &fixture->connection,
                 buffer_slice(bytes, FRAME_PREFIX_BYTES, bytes->size - FRAME_PREFIX_BYTES));
    buffer_unref(bytes);
    error = dispatch_parse(table, &fixture->request, &handler);
    if (error == ERROR_NONE) {
        dispatch_start(handler, &fixture->request);
    }
    return error;
}

void request_fixture_ask(struct request_fixture *fixture, int16_t api_key, int16_t version,
                         const void *in, request_handler handle)
{
    struct handler handler = {.api_key = api_key, .handle = handle};
    struct handler_table table = {.handlers = &handler, .count = 1};

    CHECK(request_fixture_dispatch(fixture, &table, api_key, version, in) == ERROR_NONE);
    fixture->request.table = NULL; /* it ends with this function */
}

void request_fixture_answer(struct request_fixture *fixture, void *out)
{
    const struct request *request = &fixture->request;
    struct reader reader;
    int32_t correlation_id;

    CHECK(request->end == REQUEST_REPLIED);
    buffer_unref(fixture->answer_bytes);
    fixture->answer_bytes = frame_output_join(&request->output);
    CHECK(load_be32(fixture->answer_bytes->bytes) + 4 == fixture->answer_bytes->size);
    reader_init(&reader, fixture->answer_bytes->bytes + FRAME_PREFIX_BYTES,
                fixture->answer_bytes->size - FRAME_PREFIX_BYTES);
    CHECK(frame_decode_response_header(&reader, request->api->key, request->api_version,
                                       &correlation_id) == ERROR_NONE);
    CHECK(correlation_id == request->correlation_id);
    CHECK(message_decode(request->api->response, request->api_version, &reader, &fixture->answer,
                         out) == ERROR_NONE);
    CHECK(reader_left(&reader) == 0);
}
