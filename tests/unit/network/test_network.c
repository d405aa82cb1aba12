/* SPDX-License-Identifier: Apache-2.0 */
/* Real sockets on loopback: requests are answered, limits hold, everything closes. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gyre/base/buffer.h"
#include "gyre/observe/metrics.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/loop_uv.h"
#include "gyre/wire/api.h"

#include "handlers/api_versions.h"
#include "handlers/dispatch.h"
#include "network/admin_http.h"
#include "network/network.h"
#include "support/test.h"
#include "wire_messages/api_keys.h"

enum { ROUNDS_MAX = 100000 };

struct server {
    uv_loop_t uv;
    struct loop loop;
    struct loop_uv driver;
    struct metrics *metrics;
    struct network *network;
    struct admin_http *admin;
    uint16_t port;
    uint16_t admin_port;
    bool is_ready;
    int closed_count;
};

static const struct handler handlers[] = {
    {API_API_VERSIONS, api_versions_handle, HANDLER_BEFORE_AUTHENTICATION}};
static const struct handler_table table = {.handlers = handlers, .count = 1};

static bool is_ready(void *context, const char **out_reason)
{
    *out_reason = "the \"catalog\" is not here";
    return ((struct server *)context)->is_ready;
}

static void start(struct server *server, int connections_max, int per_ip_max)
{
    const struct config_listener listener = {
        .name = "PLAINTEXT", .bind = {.host = "127.0.0.1"}, .advertised = {.host = "localhost"}};
    const struct config_endpoint admin_endpoint = {.host = "127.0.0.1"};
    struct network_options options = {
        .frame_bytes_max = 1 << 20,
        .requests_max = 64,
        .request_memory_max = -1,
        .idle_max_ms = -1,
        .connections_max = connections_max,
        .connections_per_ip_max = per_ip_max,
        .connection_rate_max = INT32_MAX,
        .send_buffer_bytes = 8192,
        .receive_buffer_bytes = -1,
        .backlog = 16,
        .table = &table,
    };
    struct admin_http_options admin_options = {.is_ready = is_ready, .context = server};
    char message[256];

    memset(server, 0, sizeof *server);
    assert_int_equal(uv_loop_init(&server->uv), 0);
    loop_init(&server->loop, clock_system());
    loop_uv_start(&server->driver, &server->uv, &server->loop);
    server->metrics = metrics_new();
    options.uv = admin_options.uv = &server->uv;
    options.loop = admin_options.loop = &server->loop;
    options.metrics = admin_options.metrics = server->metrics;
    server->network = network_new(&options);
    server->admin = admin_http_new(&admin_options);
    assert_int_equal(network_listen(server->network, &listener, NULL, message, &server->port),
                     ERROR_NONE);
    assert_int_equal(
        admin_http_listen(server->admin, &admin_endpoint, message, &server->admin_port),
        ERROR_NONE);
}

static void on_closed(void *context)
{
    struct server *server = context;

    if (++server->closed_count == 2) {
        loop_uv_stop(&server->driver);
    }
}

static void stop(struct server *server)
{
    network_close(server->network, on_closed, server);
    admin_http_close(server->admin, on_closed, server);
    assert_int_equal(uv_run(&server->uv, UV_RUN_DEFAULT), 0);
    assert_int_equal(server->closed_count, 2);
    assert_int_equal(uv_loop_close(&server->uv), 0);
    loop_release(&server->loop);
    metrics_free(server->metrics);
}

static int dial(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

/* Turns the server until `length` bytes came, or the end. Returns how many. */
static size_t read_all(struct server *server, int fd, char *into, size_t length)
{
    size_t got = 0;

    for (int round = 0; round < ROUNDS_MAX && got < length; round++) {
        ssize_t size = read(fd, into + got, length - got);

        if (size == 0) {
            break;
        }
        if (size > 0) {
            got += (size_t)size;
        } else {
            assert_true(errno == EAGAIN || errno == ECONNRESET);
            if (errno == ECONNRESET) {
                break;
            }
        }
        (void)uv_run(&server->uv, UV_RUN_NOWAIT);
    }
    return got;
}

static struct buffer *api_versions_frame(int32_t correlation_id)
{
    struct buffer *frame = buffer_new(14);

    store_be32(frame->bytes, 10);
    store_be16(frame->bytes + 4, API_API_VERSIONS);
    store_be16(frame->bytes + 6, 0);
    store_be32(frame->bytes + 8, (uint32_t)correlation_id);
    store_be16(frame->bytes + 12, 0xffff);
    return frame;
}

static void say(int fd, const void *bytes, size_t length)
{
    assert_int_equal(write(fd, bytes, length), (ssize_t)length);
}

static void ask(int fd, int32_t correlation_id)
{
    struct buffer *frame = api_versions_frame(correlation_id);

    say(fd, frame->bytes, frame->size);
    buffer_unref(frame);
}

enum { ANSWER_BYTES = 4 + 4 + 2 + 4 + 6 };

static void requests_in_one_write_are_answered_in_order(void **state)
{
    struct server server;
    char bytes[20 * ANSWER_BYTES];
    int fd;

    (void)state;
    start(&server, 10, 10);
    fd = dial(server.port);
    for (int i = 0; i < 20; i++) {
        ask(fd, i);
    }
    assert_int_equal(read_all(&server, fd, bytes, sizeof bytes), sizeof bytes);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(load_be32(bytes + i * ANSWER_BYTES + 4), i);
    }
    assert_int_equal(server.metrics->values[METRIC_CONNECTIONS], 1);
    assert_int_equal(server.metrics->by_api[API_METRIC_REQUESTS][API_API_VERSIONS], 20);
    assert_int_equal(close(fd), 0);
    for (int round = 0; network_connection_count(server.network) > 0; round++) {
        assert_true(round < ROUNDS_MAX);
        (void)uv_run(&server.uv, UV_RUN_NOWAIT);
    }
    stop(&server);
}

static void bytes_that_are_no_request_close_the_connection(void **state)
{
    static const char *const wrong[] = {"GET / HTTP/1.1\r\n\r\n",
                                        "\x16\x03\x01\x02\x00\x01\x00\x01", "\xff\xff\xff\xff",
                                        "----------------"};
    struct server server;
    char byte;

    (void)state;
    start(&server, 10, 10);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        int fd = dial(server.port);

        say(fd, wrong[i], strlen(wrong[i]));
        assert_int_equal(read_all(&server, fd, &byte, 1), 0);
        assert_int_equal(close(fd), 0);
    }
    stop(&server);
}

static void turn(struct server *server, int rounds)
{
    for (int i = 0; i < rounds; i++) {
        (void)uv_run(&server->uv, UV_RUN_NOWAIT);
    }
}

static void expect_answer(struct server *server, int fd)
{
    char bytes[ANSWER_BYTES];

    assert_int_equal(read_all(server, fd, bytes, sizeof bytes), sizeof bytes);
}

static void connections_beyond_the_limit_of_an_address_are_closed(void **state)
{
    struct server server;
    int fds[4];
    char byte;

    (void)state;
    start(&server, 100, 2);
    for (int i = 0; i < 3; i++) {
        fds[i] = dial(server.port);
        turn(&server, 1);
    }
    assert_int_equal(read_all(&server, fds[2], &byte, 1), 0);
    ask(fds[1], 1);
    expect_answer(&server, fds[1]);
    assert_int_equal(close(fds[0]), 0);
    turn(&server, 100);
    fds[3] = dial(server.port);
    ask(fds[3], 1);
    expect_answer(&server, fds[3]);
    for (int i = 1; i < 4; i++) {
        assert_int_equal(close(fds[i]), 0);
    }
    stop(&server);
}

static void connections_beyond_the_limit_wait_for_room(void **state)
{
    enum { ROOM = 2, COUNT = 5 };
    struct server server;
    int fds[COUNT];

    (void)state;
    start(&server, ROOM, 100);
    for (int i = 0; i < COUNT; i++) {
        fds[i] = dial(server.port);
        ask(fds[i], 1);
    }
    turn(&server, 100);
    assert_int_equal(network_connection_count(server.network), ROOM);
    assert_int_equal(server.metrics->values[METRIC_LISTENERS_FULL], 1);
    for (int i = 0; i < ROOM; i++) {
        expect_answer(&server, fds[i]);
    }
    assert_int_equal(close(fds[0]), 0);
    expect_answer(&server, fds[2]); /* one went, the next comes in */
    turn(&server, 100);
    assert_int_equal(network_connection_count(server.network), ROOM);
    network_set_connection_limits(server.network, 100, 100, INT32_MAX);
    expect_answer(&server, fds[3]);
    expect_answer(&server, fds[4]);
    assert_int_equal(server.metrics->values[METRIC_LISTENERS_FULL], 0);
    for (int i = 1; i < COUNT; i++) {
        assert_int_equal(close(fds[i]), 0);
    }
    stop(&server);
}

static void the_network_ends_while_connections_wait(void **state)
{
    struct server server;
    int fds[2];

    (void)state;
    start(&server, 1, 100);
    for (int i = 0; i < 2; i++) {
        fds[i] = dial(server.port);
    }
    turn(&server, 100);
    assert_int_equal(server.metrics->values[METRIC_LISTENERS_FULL], 1);
    stop(&server);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(close(fds[i]), 0);
    }
}

/* Ten windows of one second each have room for ten at once; what comes then begins later. */
static void connections_that_come_too_fast_begin_later(void **state)
{
    enum { COUNT = 14, BURST = 10 };
    struct server server;
    int fds[COUNT];

    (void)state;
    start(&server, 100, 100);
    network_set_connection_limits(server.network, 100, 100, 1);
    for (int i = 0; i < COUNT; i++) {
        fds[i] = dial(server.port);
    }
    for (int i = 0; i < ROUNDS_MAX && network_connection_count(server.network) < COUNT; i++) {
        (void)uv_run(&server.uv, UV_RUN_NOWAIT);
    }
    assert_int_equal(network_connection_count(server.network), COUNT);
    assert_int_equal(server.metrics->values[METRIC_CONNECTIONS_HELD], COUNT - BURST);
    stop(&server); /* those that wait are closed like all others */
    for (int i = 0; i < COUNT; i++) {
        (void)close(fds[i]);
    }
}

/* A client that asks for ever and never reads: what we hold for it stays small. */
static void a_client_that_never_reads_is_not_read_either(void **state)
{
    struct buffer *frame = api_versions_frame(1);
    static char block[14 * 4000];
    struct server server;
    size_t said = 0;
    int stuck = 0;
    int fd;

    (void)state;
    for (size_t i = 0; i < sizeof block; i += frame->size) {
        memcpy(block + i, frame->bytes, frame->size);
    }
    start(&server, 10, 10);
    fd = dial(server.port);
    while (stuck < 200 && said < (1U << 26)) {
        size_t at = said % sizeof block;
        ssize_t size = write(fd, block + at, sizeof block - at);

        said += size > 0 ? (size_t)size : 0;
        stuck = size > 0 ? 0 : stuck + 1;
        (void)uv_run(&server.uv, UV_RUN_NOWAIT);
    }
    assert_int_equal(stuck, 200);
    assert_true(server.metrics->values[METRIC_REQUEST_MEMORY_BYTES] < 1 << 20);
    assert_int_equal(close(fd), 0);
    buffer_unref(frame);
    stop(&server);
}

static void draining_answers_and_closes(void **state)
{
    struct server server;
    char bytes[ANSWER_BYTES + 1];
    int fd;

    (void)state;
    start(&server, 10, 10);
    fd = dial(server.port);
    ask(fd, 1);
    for (int i = 0; i < 10; i++) {
        (void)uv_run(&server.uv, UV_RUN_NOWAIT);
    }
    network_drain(server.network);
    assert_int_equal(read_all(&server, fd, bytes, sizeof bytes), ANSWER_BYTES);
    assert_int_equal(close(fd), 0);
    stop(&server);
}

static void who_closed_its_half_gets_its_answers(void **state)
{
    struct server server;
    char bytes[2 * ANSWER_BYTES + 1];
    int fd;

    (void)state;
    start(&server, 10, 10);
    fd = dial(server.port);
    ask(fd, 1);
    ask(fd, 2);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    assert_int_equal(read_all(&server, fd, bytes, sizeof bytes), 2 * ANSWER_BYTES);
    assert_int_equal(load_be32(bytes + ANSWER_BYTES + 4), 2);
    assert_int_equal(close(fd), 0);
    stop(&server);
}

/* ---- the admin port ---- */

static const char *http(struct server *server, const char *request)
{
    static char answer[65536];
    int fd = dial(server->admin_port);

    say(fd, request, strlen(request));
    answer[read_all(server, fd, answer, sizeof answer - 1)] = '\0';
    assert_int_equal(close(fd), 0);
    return answer;
}

static void starts_with(const char *text, const char *start_text)
{
    if (strncmp(text, start_text, strlen(start_text)) != 0) {
        fail_msg("'%s' does not begin with '%s'", text, start_text);
    }
}

static void health_and_metrics_are_served(void **state)
{
    struct server server;

    (void)state;
    start(&server, 10, 10);
    starts_with(http(&server, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 200 OK\r\n");
    starts_with(http(&server, "GET /readyz?x=y HTTP/1.0\r\n\r\n"),
                "HTTP/1.1 503 Service Unavailable\r\n");
    assert_non_null(strstr(http(&server, "GET /readyz HTTP/1.0\r\n\r\n"),
                           "\r\n\r\n{\"ready\":false,\"reasons\":"
                           "[\"the \\\"catalog\\\" is not here\"]}"));
    server.is_ready = true;
    assert_non_null(strstr(http(&server, "GET /readyz HTTP/1.0\r\n\r\n"),
                           "\r\n\r\n{\"ready\":true,\"reasons\":[]}"));
    assert_non_null(
        strstr(http(&server, "GET /metrics HTTP/1.0\r\n\r\n"), "\ngyre_connections 0\n"));
    assert_null(strstr(http(&server, "HEAD /metrics HTTP/1.0\r\n\r\n"), "gyre_connections"));
    stop(&server);
}

static void bad_http_is_refused(void **state)
{
    static char long_path[3000];
    static char long_head[20000];
    struct server server;

    (void)state;
    start(&server, 10, 10);
    starts_with(http(&server, "GET /nothing HTTP/1.1\r\n\r\n"), "HTTP/1.1 404 ");
    starts_with(http(&server, "GET /livez/ HTTP/1.1\r\n\r\n"), "HTTP/1.1 404 ");
    starts_with(http(&server, "GET /nobody HTTP/1.1\r\n\r\n"), "HTTP/1.1 404 ");
    assert_non_null(strstr(http(&server, "GET / HTTP/1.1\r\n\r\n"), "href=\"/metrics\""));
    starts_with(http(&server, "POST /livez HTTP/1.1\r\nContent-Length: 0\r\n\r\n"),
                "HTTP/1.1 405 ");
    starts_with(http(&server, "\x16\x03\x01 what\r\n\r\n"), "HTTP/1.1 400 ");
    (void)snprintf(long_path, sizeof long_path, "GET /%02000d HTTP/1.1\r\n\r\n", 7);
    starts_with(http(&server, long_path), "HTTP/1.1 414 ");
    (void)snprintf(long_head, sizeof long_head, "GET / HTTP/1.1\r\nX: %012000d", 7);
    starts_with(http(&server, long_head), "HTTP/1.1 431 ");
    stop(&server);
}

static void respond_with_path(void *context, const char *path, struct admin_http_answer *answer)
{
    answer->status = 200;
    answer->content_type = "text/plain";
    answer->body = malloc(128);
    answer->body_length = (size_t)snprintf(answer->body, 128, "%s:%s", (const char *)context, path);
}

static void the_longest_route_decides(void **state)
{
    static char a[] = "a";
    static char b[] = "b";
    struct server server;

    (void)state;
    start(&server, 10, 10);
    admin_http_add_route(server.admin, "/console/", respond_with_path, a);
    admin_http_add_route(server.admin, "/console/api/", respond_with_path, b);
    assert_non_null(strstr(http(&server, "GET /console/x HTTP/1.1\r\n\r\n"), "a:/console/x"));
    assert_non_null(
        strstr(http(&server, "GET /console/api/x HTTP/1.1\r\n\r\n"), "b:/console/api/x"));
    stop(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_in_one_write_are_answered_in_order),
        cmocka_unit_test(bytes_that_are_no_request_close_the_connection),
        cmocka_unit_test(connections_beyond_the_limit_of_an_address_are_closed),
        cmocka_unit_test(connections_beyond_the_limit_wait_for_room),
        cmocka_unit_test(the_network_ends_while_connections_wait),
        cmocka_unit_test(connections_that_come_too_fast_begin_later),
        cmocka_unit_test(a_client_that_never_reads_is_not_read_either),
        cmocka_unit_test(draining_answers_and_closes),
        cmocka_unit_test(who_closed_its_half_gets_its_answers),
        cmocka_unit_test(health_and_metrics_are_served),
        cmocka_unit_test(bad_http_is_refused),
        cmocka_unit_test(the_longest_route_decides),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
