/* SPDX-License-Identifier: Apache-2.0 */
/* Answers whose bytes are in files, through real sockets on loopback. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gyre/observe/metrics.h"
#include "gyre/runtime/disk_engine.h"
#include "gyre/runtime/file_range.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/loop_uv.h"

#include "handlers/dispatch.h"
#include "network/network.h"
#include "support/test.h"
#include "wire_messages/api_keys.h"

enum { ROUNDS_MAX = 2000000, FILE_BYTES = 9 * 1024 * 1024, REQUEST_BYTES = 14 };

/* The answer: little, a file, little, a file, little. */
enum { LITTLE = 10, FIRST = 6 * 1024 * 1024 + 3, SECOND = 70001 };
enum { ANSWER_BYTES = 3 * LITTLE + FIRST + SECOND };

struct server {
    uv_loop_t uv;
    struct loop loop;
    struct loop_uv driver;
    struct metrics *metrics;
    struct network *network;
    struct disk *threads;
    struct disk disk; /* the same, but for what is in memory */
    int cold_count;   /* so often it says that nothing is */
    int reads;
    bool is_holding; /* the next read waits for the end */
    struct disk_request *held;
    int fd;
    char *bytes;    /* owned; of the file */
    char *expected; /* owned */
    int ranges;     /* under way */
    uint16_t port;
};

static struct server *server;

static bool is_resident(struct disk *disk, int fd, int64_t offset, int64_t length)
{
    return server->cold_count-- <= 0 &&
           server->threads->operations->is_resident(disk, fd, offset, length);
}

static void submit(struct disk *disk, enum disk_lane lane, struct disk_request *request)
{
    (void)disk;
    server->reads++;
    if (server->is_holding) {
        server->held = request;
        return;
    }
    disk_submit(server->threads, lane, request);
}

static void on_free(struct buffer *buffer)
{
    server->ranges--;
    free(CONTAINER_OF(buffer, struct file_range, buffer));
}

static struct buffer_slice range_of(int64_t offset, size_t size)
{
    struct file_range *range = check_alloc(sizeof *range);
    struct buffer_slice slice;

    file_range_init(range, size);
    range->buffer.free_bytes = on_free;
    range->disk = &server->disk;
    range->fd = server->fd;
    range->offset = offset;
    server->ranges++;
    slice = file_range_slice(range);
    buffer_unref(&range->buffer);
    return slice;
}

static struct buffer_slice memory_of(int64_t offset, size_t size)
{
    struct buffer *buffer = buffer_copy(server->bytes + offset, size);

    return (struct buffer_slice){.buffer = buffer, .bytes = buffer->bytes, .length = size};
}

static void answer(struct request *request)
{
    frame_output_append(&request->output, memory_of(0, LITTLE));
    frame_output_append(&request->output, range_of(100, FIRST));
    frame_output_append(&request->output, memory_of(20, LITTLE));
    frame_output_append(&request->output, range_of(FILE_BYTES - SECOND, SECOND));
    request_relay(request, memory_of(40, LITTLE));
}

static char *append(char *to, int64_t offset, size_t size)
{
    memcpy(to, server->bytes + offset, size);
    return to + size;
}

static void make_file(void)
{
    char path[] = "/tmp/gyre-output-XXXXXX";
    char *to;

    server->bytes = check_alloc(FILE_BYTES);
    for (size_t i = 0; i < FILE_BYTES; i++) {
        server->bytes[i] = (char)(i * 11 + i / 253);
    }
    server->expected = to = check_alloc(ANSWER_BYTES);
    to = append(to, 0, LITTLE);
    to = append(to, 100, FIRST);
    to = append(to, 20, LITTLE);
    to = append(to, FILE_BYTES - SECOND, SECOND);
    (void)append(to, 40, LITTLE);
    server->fd = mkstemp(path);
    assert_true(server->fd >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(write(server->fd, server->bytes, FILE_BYTES), FILE_BYTES);
}

static void start(struct server *fixture)
{
    static const struct handler handlers[] = {
        {API_API_VERSIONS, answer, HANDLER_BEFORE_AUTHENTICATION}};
    static const struct handler_table table = {.handlers = handlers, .count = 1};
    static struct disk_operations operations;
    const struct config_listener listener = {
        .name = "PLAINTEXT", .bind = {.host = "127.0.0.1"}, .advertised = {.host = "localhost"}};
    struct network_options options = {.frame_bytes_max = 1 << 20,
                                      .requests_max = 64,
                                      .request_memory_max = -1,
                                      .idle_max_ms = -1,
                                      .connections_max = 10,
                                      .connections_per_ip_max = 10,
                                      .connection_rate_max = INT32_MAX,
                                      .send_buffer_bytes = -1,
                                      .receive_buffer_bytes = -1,
                                      .backlog = 16,
                                      .table = &table};
    char message[256];

    server = fixture;
    memset(server, 0, sizeof *server);
    assert_int_equal(uv_loop_init(&server->uv), 0);
    loop_init(&server->loop, clock_system());
    loop_uv_start(&server->driver, &server->uv, &server->loop);
    server->metrics = metrics_new();
    server->threads = disk_thread_new(&server->uv);
    operations = *server->threads->operations;
    operations.is_resident = is_resident;
    operations.submit = submit;
    server->disk.operations = &operations;
    make_file();
    options.uv = &server->uv;
    options.loop = &server->loop;
    options.metrics = server->metrics;
    server->network = network_new(&options);
    assert_int_equal(network_listen(server->network, &listener, NULL, message, &server->port),
                     ERROR_NONE);
}

static void on_closed(void *context)
{
    (void)context;
    loop_uv_stop(&server->driver);
    disk_engine_free(server->threads);
}

static void stop(void)
{
    network_close(server->network, on_closed, NULL);
    if (server->held != NULL) {
        (void)uv_run(&server->uv, UV_RUN_NOWAIT); /* sockets close meanwhile */
        disk_submit(server->threads, DISK_LANE_READ, server->held);
    }
    assert_int_equal(uv_run(&server->uv, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&server->uv), 0);
    assert_int_equal(server->ranges, 0);
    loop_release(&server->loop);
    metrics_free(server->metrics);
    assert_int_equal(close(server->fd), 0);
    free(server->bytes);
    free(server->expected);
    file_range_set_copying(false);
}

static int dial(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(server->port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

static void ask(int fd)
{
    char frame[REQUEST_BYTES];

    store_be32(frame, REQUEST_BYTES - 4);
    store_be16(frame + 4, API_API_VERSIONS);
    store_be16(frame + 6, 0);
    store_be32(frame + 8, 1);
    store_be16(frame + 12, 0xffff);
    assert_int_equal(write(fd, frame, sizeof frame), sizeof frame);
}

/* Turns the server until `length` bytes came, or the end. */
static size_t read_all(int fd, char *into, size_t length)
{
    size_t got = 0;

    for (int round = 0; round < ROUNDS_MAX && got < length; round++) {
        ssize_t size = read(fd, into + got, length - got);

        if (size == 0 || (size < 0 && errno == ECONNRESET)) {
            break;
        }
        assert_true(size > 0 || errno == EAGAIN);
        got += size > 0 ? (size_t)size : 0;
        (void)uv_run(&server->uv, UV_RUN_NOWAIT);
    }
    return got;
}

static void expect_answers(int count)
{
    char *came = check_alloc(ANSWER_BYTES);
    int fd = dial();

    for (int i = 0; i < count; i++) {
        ask(fd);
    }
    for (int i = 0; i < count; i++) {
        assert_int_equal(read_all(fd, came, ANSWER_BYTES), ANSWER_BYTES);
        assert_memory_equal(came, server->expected, ANSWER_BYTES);
    }
    assert_int_equal(close(fd), 0);
    free(came);
}

static void files_and_memory_arrive_in_order(void **state)
{
    struct server fixture;

    (void)state;
    start(&fixture);
    expect_answers(4);
    assert_int_equal(server->metrics->values[METRIC_SENT_BYTES], 4 * ANSWER_BYTES);
    stop();
}

static void they_do_where_files_must_be_copied(void **state)
{
    struct server fixture;

    (void)state;
    start(&fixture);
    file_range_set_copying(true);
    expect_answers(4);
    stop();
}

static void what_is_not_in_memory_is_loaded_first(void **state)
{
    struct server fixture;

    (void)state;
    start(&fixture);
    server->cold_count = 7;
    expect_answers(2);
    assert_true(server->reads >= 7); /* the kernel may have to wait for a page, too */
    stop();
}

static void a_connection_may_go_while_it_is_loading(void **state)
{
    struct server fixture;
    int fd;

    (void)state;
    start(&fixture);
    server->cold_count = 1;
    server->is_holding = true;
    fd = dial();
    ask(fd);
    for (int round = 0; round < ROUNDS_MAX && server->reads == 0; round++) {
        (void)uv_run(&server->uv, UV_RUN_NOWAIT);
    }
    assert_int_equal(server->reads, 1);
    stop();
    assert_int_equal(close(fd), 0);
}

static void a_file_that_is_too_short_ends_the_connection(void **state)
{
    struct server fixture;
    char *came = check_alloc(ANSWER_BYTES);

    (void)state;
    for (int is_copying = 0; is_copying <= 1; is_copying++) {
        int fd;

        start(&fixture);
        file_range_set_copying(is_copying != 0);
        assert_int_equal(ftruncate(server->fd, FIRST / 2), 0);
        fd = dial();
        ask(fd);
        assert_true(read_all(fd, came, ANSWER_BYTES) < ANSWER_BYTES);
        assert_int_equal(network_connection_count(server->network), 0);
        assert_int_equal(close(fd), 0);
        stop();
    }
    free(came);
}

static void what_a_client_does_not_read_goes_with_it(void **state)
{
    struct server fixture;
    int fd;

    (void)state;
    start(&fixture);
    fd = dial();
    for (int i = 0; i < 50; i++) {
        ask(fd);
    }
    for (int round = 0; round < 2000; round++) {
        (void)uv_run(&server->uv, UV_RUN_NOWAIT);
    }
    assert_true(server->ranges > 0);
    assert_int_equal(close(fd), 0);
    for (int round = 0; round < ROUNDS_MAX && server->ranges > 0; round++) {
        (void)uv_run(&server->uv, UV_RUN_NOWAIT);
    }
    assert_int_equal(server->ranges, 0);
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_and_memory_arrive_in_order),
        cmocka_unit_test(they_do_where_files_must_be_copied),
        cmocka_unit_test(what_is_not_in_memory_is_loaded_first),
        cmocka_unit_test(a_connection_may_go_while_it_is_loading),
        cmocka_unit_test(a_file_that_is_too_short_ends_the_connection),
        cmocka_unit_test(what_a_client_does_not_read_goes_with_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
