/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client against a broker made of a few lines, on the same loop and a real socket: what a call
 * ends with when the broker answers, falls silent, hangs up or sends nonsense.
 */
#include <stdlib.h>
#include <uv.h>

#include "gyre/base/buffer.h"
#include "gyre/client/client.h"
#include "gyre/runtime/clock.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/loop_uv.h"
#include "gyre/wire/frame.h"
#include "gyre/wire/reader.h"

#include "support/test.h"
#include "wire_messages/api_keys.h"
#include "wire_messages/api_versions.h"
#include "wire_messages/delete_groups.h"
#include "wire_messages/metadata.h"
#include "wire_messages/produce.h"

enum manner { ANSWERS, HANGS_UP, IS_SILENT, SENDS_HUGE_FRAME, ANSWERS_ANOTHER, SENDS_HALF };

enum { NODE_ID = 7, REQUEST_BYTES_MAX = 4096, METADATA_VERSION_MAX = 9, TIMEOUT_MS = 2000 };

struct fake_broker {
    uv_tcp_t listener;
    uv_tcp_t peer;
    bool has_peer;
    bool is_peer_waiting;
    int port;
    enum manner manner; /* with everything but ApiVersions */
    int connection_count;
    int request_count;
    int16_t last_version;
    char input[REQUEST_BYTES_MAX];
    size_t input_length;
};

struct fixture {
    uv_loop_t uv;
    struct loop loop;
    struct loop_uv driver;
    struct fake_broker broker;
    struct client *client;
    bool is_closed;
};

struct question {
    struct client_call call;
    enum error error;
    int done_count;
};

/* ---- the broker ---- */

struct reply {
    uv_write_t write;
    struct buffer *bytes;
};

static void on_replied(uv_write_t *write, int status)
{
    struct reply *reply = CONTAINER_OF(write, struct reply, write);

    (void)status;
    buffer_unref(reply->bytes);
    free(reply);
}

static void send_bytes(struct fake_broker *broker, struct buffer *bytes, size_t length)
{
    struct reply *reply = check_alloc_zero(sizeof *reply);
    uv_buf_t buffer = uv_buf_init(bytes->bytes, (unsigned)length);

    reply->bytes = bytes;
    assert_int_equal(uv_write(&reply->write, (uv_stream_t *)&broker->peer, &buffer, 1, on_replied),
                     0);
}

static void send_response(struct fake_broker *broker, const struct frame_header *header,
                          const void *response)
{
    struct frame_output output;
    struct buffer *bytes;

    frame_output_init(&output);
    assert_int_equal(frame_encode_response(header, response, &output), ERROR_NONE);
    bytes = frame_output_join(&output);
    frame_output_release(&output);
    send_bytes(broker, bytes, broker->manner == SENDS_HALF ? bytes->size / 2 : bytes->size);
}

static void answer_versions(struct fake_broker *broker, const struct frame_header *header)
{
    struct api_versions_response_api_keys rows[] = {
        {.api_key = API_PRODUCE, .min_version = 3, .max_version = 9},
        {.api_key = API_METADATA, .min_version = 0, .max_version = METADATA_VERSION_MAX},
        {.api_key = 10000, .min_version = 0, .max_version = 1}, /* of another maker */
    };
    struct api_versions_response response = {.api_keys = {rows, 3}};
    enum manner manner = broker->manner;

    broker->manner = ANSWERS;
    send_response(broker, header, &response);
    broker->manner = manner;
}

static void answer_metadata(struct fake_broker *broker, const struct frame_header *header)
{
    struct metadata_response_brokers node = {
        .node_id = NODE_ID, .host = STRING("127.0.0.1"), .port = broker->port};
    struct metadata_response_topics_partitions partitions[] = {
        {.partition_index = 1, .leader_id = -1}, {.partition_index = 0, .leader_id = NODE_ID}};
    struct metadata_response_topics topics[] = {
        {.name = STRING("clicks"), .partitions = {partitions, 2}},
        {.name = STRING("gone"), .error_code = 3},
    };
    struct metadata_response response;

    metadata_response_init(&response);
    response.brokers = (struct metadata_response_brokers_array){&node, 1};
    response.topics = (struct metadata_response_topics_array){topics, 2};
    send_response(broker, header, &response);
}

static void accept_peer(struct fake_broker *broker);

static void on_peer_closed(uv_handle_t *handle)
{
    struct fake_broker *broker = handle->data;

    broker->has_peer = false;
    broker->input_length = 0;
    if (broker->is_peer_waiting) {
        accept_peer(broker);
    }
}

static void hang_up(struct fake_broker *broker)
{
    if (broker->has_peer && !uv_is_closing((uv_handle_t *)&broker->peer)) {
        uv_close((uv_handle_t *)&broker->peer, on_peer_closed);
    }
}

static void take_request(struct fake_broker *broker, struct reader *reader)
{
    struct frame_header header;
    struct buffer *huge;

    assert_int_equal(frame_decode_request_header(reader, &header), ERROR_NONE);
    if (header.api_key == API_API_VERSIONS) {
        answer_versions(broker, &header);
        return;
    }
    broker->request_count++;
    broker->last_version = header.api_version;
    switch (broker->manner) {
    case ANSWERS_ANOTHER:
        header.correlation_id += 1;
        answer_metadata(broker, &header);
        return;
    case SENDS_HALF:
    case ANSWERS:
        if (header.api_key == API_METADATA) {
            answer_metadata(broker, &header);
        }
        return;
    case HANGS_UP: hang_up(broker); return;
    case IS_SILENT: return;
    case SENDS_HUGE_FRAME:
        huge = buffer_new(4);
        store_be32(huge->bytes, 1 << 30);
        send_bytes(broker, huge, 4);
        return;
    }
}

static void on_peer_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out_buffer)
{
    struct fake_broker *broker = handle->data;

    (void)suggested;
    *out_buffer = uv_buf_init(broker->input + broker->input_length,
                              (unsigned)(sizeof broker->input - broker->input_length));
}

static void on_peer_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer)
{
    struct fake_broker *broker = stream->data;

    (void)buffer;
    if (length < 0) {
        hang_up(broker);
        return;
    }
    broker->input_length += (size_t)length;
    while (broker->input_length >= 4 && !uv_is_closing((uv_handle_t *)stream)) {
        size_t size = load_be32(broker->input);
        struct reader reader;

        if (broker->input_length < 4 + size) {
            return;
        }
        reader_init(&reader, broker->input + 4, size);
        take_request(broker, &reader);
        broker->input_length -= 4 + size;
        memmove(broker->input, broker->input + 4 + size, broker->input_length);
    }
}

static void accept_peer(struct fake_broker *broker)
{
    broker->is_peer_waiting = false;
    broker->has_peer = true;
    broker->connection_count++;
    assert_int_equal(uv_tcp_init(broker->listener.loop, &broker->peer), 0);
    broker->peer.data = broker;
    assert_int_equal(uv_accept((uv_stream_t *)&broker->listener, (uv_stream_t *)&broker->peer), 0);
    assert_int_equal(uv_read_start((uv_stream_t *)&broker->peer, on_peer_alloc, on_peer_read), 0);
}

/* The next may come before the end of the one before has been seen. */
static void on_peer(uv_stream_t *listener, int status)
{
    struct fake_broker *broker = listener->data;

    assert_int_equal(status, 0);
    assert_false(broker->is_peer_waiting);
    if (broker->has_peer) {
        broker->is_peer_waiting = true;
    } else {
        accept_peer(broker);
    }
}

static void start_broker(struct fixture *fixture)
{
    struct fake_broker *broker = &fixture->broker;
    struct sockaddr_in address;
    int length = sizeof address;

    assert_int_equal(uv_ip4_addr("127.0.0.1", 0, &address), 0);
    assert_int_equal(uv_tcp_init(&fixture->uv, &broker->listener), 0);
    broker->listener.data = broker;
    assert_int_equal(uv_tcp_bind(&broker->listener, (struct sockaddr *)&address, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&broker->listener, 8, on_peer), 0);
    assert_int_equal(uv_tcp_getsockname(&broker->listener, (struct sockaddr *)&address, &length),
                     0);
    broker->port = ntohs(address.sin_port);
}

/* ---- the fixture ---- */

static int set_up(void **state)
{
    struct fixture *fixture = check_alloc_zero(sizeof *fixture);
    struct client_options options = {
        .client_id = "test", .timeout_ms = TIMEOUT_MS, .response_bytes_max = 1 << 20};
    char bootstrap[64];

    assert_int_equal(uv_loop_init(&fixture->uv), 0);
    loop_init(&fixture->loop, clock_system());
    loop_uv_start(&fixture->driver, &fixture->uv, &fixture->loop);
    start_broker(fixture);
    (void)snprintf(bootstrap, sizeof bootstrap, "127.0.0.1:%d", fixture->broker.port);
    options.bootstrap = bootstrap;
    assert_int_equal(client_new(&fixture->uv, &fixture->loop, &options, &fixture->client),
                     ERROR_NONE);
    *state = fixture;
    return 0;
}

static void on_closed(void *context)
{
    struct fixture *fixture = context;

    fixture->is_closed = true;
}

static void close_client(struct fixture *fixture)
{
    client_close(fixture->client, on_closed, fixture);
    assert_false(fixture->is_closed);
    while (!fixture->is_closed) {
        (void)uv_run(&fixture->uv, UV_RUN_NOWAIT);
    }
    client_free(fixture->client);
    fixture->client = NULL;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    if (fixture->client != NULL) {
        close_client(fixture);
    }
    hang_up(&fixture->broker);
    uv_close((uv_handle_t *)&fixture->broker.listener, NULL);
    loop_uv_stop(&fixture->driver);
    (void)uv_run(&fixture->uv, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&fixture->uv), 0);
    loop_release(&fixture->loop);
    free(fixture);
    return 0;
}

static void on_done(struct client_call *call, enum error error)
{
    struct question *question = CONTAINER_OF(call, struct question, call);

    question->error = error;
    question->done_count++;
}

static void ask_metadata(struct fixture *fixture, struct question *question, uint32_t timeout_ms)
{
    static const struct metadata_request request = {.allow_auto_topic_creation = true};

    *question = (struct question){.call = {.node_id = CLIENT_ANY_NODE,
                                           .api_key = API_METADATA,
                                           .version_max = METADATA_REQUEST_VERSION_MAX,
                                           .timeout_ms = timeout_ms,
                                           .request = &request,
                                           .done = on_done}};
    client_send(fixture->client, &question->call);
    assert_int_equal(question->done_count, 0); /* never inside client_send() */
}

static enum error wait_for(struct fixture *fixture, struct question *question)
{
    while (question->done_count == 0) {
        (void)uv_run(&fixture->uv, UV_RUN_NOWAIT);
    }
    assert_int_equal(question->done_count, 1);
    return question->error;
}

/* ---- the tests ---- */

static void a_call_gets_its_answer_in_the_highest_common_version(void **state)
{
    struct fixture *fixture = *state;
    const struct metadata_response *response;
    struct question question;

    ask_metadata(fixture, &question, 0);
    assert_int_equal(wait_for(fixture, &question), ERROR_NONE);
    response = question.call.response;
    assert_int_equal(response->topics.count, 2);
    assert_int_equal(question.call.version, METADATA_VERSION_MAX);
    assert_int_equal(fixture->broker.last_version, METADATA_VERSION_MAX);
    client_call_release(&question.call);
}

static void leaders_are_known_from_metadata(void **state)
{
    struct fixture *fixture = *state;
    struct question question;

    assert_int_equal(client_find_leader(fixture->client, STRING("clicks"), 0), -1);
    ask_metadata(fixture, &question, 0);
    assert_int_equal(wait_for(fixture, &question), ERROR_NONE);
    client_call_release(&question.call);
    assert_int_equal(client_node_count(fixture->client), 1);
    assert_int_equal(client_node_at(fixture->client, 0)->id, NODE_ID);
    assert_int_equal(client_find_partition_count(fixture->client, STRING("clicks")), 2);
    assert_int_equal(client_find_leader(fixture->client, STRING("clicks"), 0), NODE_ID);
    assert_int_equal(client_find_leader(fixture->client, STRING("clicks"), 1), -1);
    assert_int_equal(client_find_leader(fixture->client, STRING("clicks"), 2), -1);
    assert_int_equal(client_find_partition_count(fixture->client, STRING("gone")), -1);
}

static void calls_in_flight_share_a_connection_and_keep_their_answers(void **state)
{
    struct fixture *fixture = *state;
    struct question questions[20];

    for (int i = 0; i < 20; i++) {
        ask_metadata(fixture, &questions[i], 0);
    }
    for (int i = 0; i < 20; i++) {
        assert_int_equal(wait_for(fixture, &questions[i]), ERROR_NONE);
        client_call_release(&questions[i].call);
    }
    assert_int_equal(fixture->broker.connection_count, 1);
    assert_int_equal(fixture->broker.request_count, 20);
}

static void an_api_that_the_broker_lacks_is_unsupported(void **state)
{
    struct fixture *fixture = *state;
    struct delete_groups_request request = {.groups_names = {NULL, 0}};
    struct question question = {.call = {.node_id = CLIENT_ANY_NODE,
                                         .api_key = API_DELETE_GROUPS,
                                         .version_max = DELETE_GROUPS_REQUEST_VERSION_MAX,
                                         .request = &request,
                                         .done = on_done}};

    client_send(fixture->client, &question.call);
    assert_int_equal(wait_for(fixture, &question), ERROR_UNSUPPORTED);
    assert_int_equal(fixture->broker.request_count, 0);
    client_call_release(&question.call);
}

static void a_node_that_nobody_told_of_is_not_found(void **state)
{
    struct fixture *fixture = *state;
    struct metadata_request request = {.allow_auto_topic_creation = true};
    struct question question = {.call = {.node_id = 99,
                                         .api_key = API_METADATA,
                                         .version_max = METADATA_REQUEST_VERSION_MAX,
                                         .request = &request,
                                         .done = on_done}};

    client_send(fixture->client, &question.call);
    assert_int_equal(wait_for(fixture, &question), ERROR_NOT_FOUND);
    client_call_release(&question.call);
}

static void a_produce_without_answer_is_done_when_it_is_written(void **state)
{
    struct fixture *fixture = *state;
    struct produce_request request;
    struct question question = {.call = {.node_id = CLIENT_ANY_NODE,
                                         .api_key = API_PRODUCE,
                                         .version_max = PRODUCE_REQUEST_VERSION_MAX,
                                         .has_no_answer = true,
                                         .request = &request,
                                         .done = on_done}};

    produce_request_init(&request);
    client_send(fixture->client, &question.call);
    assert_int_equal(wait_for(fixture, &question), ERROR_NONE);
    assert_null(question.call.response);
    client_call_release(&question.call);
}

static void check_ends_with(struct fixture *fixture, enum manner manner, uint32_t timeout_ms,
                            enum error expected)
{
    struct question question;

    /* Connected first: what is timed is the answer alone. */
    ask_metadata(fixture, &question, 0);
    assert_int_equal(wait_for(fixture, &question), ERROR_NONE);
    client_call_release(&question.call);

    fixture->broker.manner = manner;
    ask_metadata(fixture, &question, timeout_ms);
    assert_int_equal(wait_for(fixture, &question), expected);
    client_call_release(&question.call);

    /* And the next call finds its way. */
    fixture->broker.manner = ANSWERS;
    ask_metadata(fixture, &question, 0);
    assert_int_equal(wait_for(fixture, &question), ERROR_NONE);
    client_call_release(&question.call);
    assert_int_equal(fixture->broker.connection_count, 2);
}

static void a_broker_that_hangs_up_closes_the_call(void **state)
{
    check_ends_with(*state, HANGS_UP, 0, ERROR_CLOSED);
}

static void a_silent_broker_is_given_up_in_time(void **state)
{
    check_ends_with(*state, IS_SILENT, 50, ERROR_TIMEOUT);
}

static void half_an_answer_is_given_up_in_time(void **state)
{
    check_ends_with(*state, SENDS_HALF, 50, ERROR_TIMEOUT);
}

static void a_frame_beyond_the_limit_is_refused_before_memory_is_taken(void **state)
{
    check_ends_with(*state, SENDS_HUGE_FRAME, 0, ERROR_LIMIT);
}

static void an_answer_to_another_question_is_malformed(void **state)
{
    check_ends_with(*state, ANSWERS_ANOTHER, 0, ERROR_MALFORMED);
}

static void a_broker_that_is_not_there_closes_the_call(void **state)
{
    struct fixture *fixture = *state;
    struct client_options options = {.bootstrap = "127.0.0.1:1",
                                     .client_id = "test",
                                     .timeout_ms = TIMEOUT_MS,
                                     .response_bytes_max = 1 << 20};
    struct question question;

    close_client(fixture);
    fixture->is_closed = false;
    assert_int_equal(client_new(&fixture->uv, &fixture->loop, &options, &fixture->client),
                     ERROR_NONE);
    ask_metadata(fixture, &question, 0);
    assert_int_equal(wait_for(fixture, &question), ERROR_CLOSED);
    client_call_release(&question.call);
}

static void closing_cancels_what_is_in_flight(void **state)
{
    struct fixture *fixture = *state;
    struct question question;

    fixture->broker.manner = IS_SILENT;
    ask_metadata(fixture, &question, 0);
    while (fixture->broker.request_count == 0) {
        (void)uv_run(&fixture->uv, UV_RUN_NOWAIT);
    }
    close_client(fixture);
    assert_int_equal(question.done_count, 1);
    assert_int_equal(question.error, ERROR_CANCELLED);
    client_call_release(&question.call);
}

static void a_bootstrap_list_that_cannot_be_read_is_invalid(void **state)
{
    static const char *const lists[] = {
        "", ":9092", "host:", "host:0", "h:1,,", "h:1,h:65536", "host:9092trailing"};
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        struct client_options options = {
            .bootstrap = lists[i], .client_id = "test", .response_bytes_max = 1 << 20};
        struct client *client = NULL;

        assert_int_equal(client_new(&fixture->uv, &fixture->loop, &options, &client),
                         ERROR_INVALID);
        assert_null(client);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_call_gets_its_answer_in_the_highest_common_version),
        CASE(leaders_are_known_from_metadata),
        CASE(calls_in_flight_share_a_connection_and_keep_their_answers),
        CASE(an_api_that_the_broker_lacks_is_unsupported),
        CASE(a_node_that_nobody_told_of_is_not_found),
        CASE(a_produce_without_answer_is_done_when_it_is_written),
        CASE(a_broker_that_hangs_up_closes_the_call),
        CASE(a_silent_broker_is_given_up_in_time),
        CASE(half_an_answer_is_given_up_in_time),
        CASE(a_frame_beyond_the_limit_is_refused_before_memory_is_taken),
        CASE(an_answer_to_another_question_is_malformed),
        CASE(a_broker_that_is_not_there_closes_the_call),
        CASE(closing_cancels_what_is_in_flight),
        CASE(a_bootstrap_list_that_cannot_be_read_is_invalid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
