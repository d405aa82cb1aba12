/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gyre/runtime/disk_engine.h"
#include "gyre/runtime/file_range.h"

#include "support/test.h"

enum { FILE_BYTES = 3 * 1024 * 1024 + 77, FROM = 12345 };

struct fixture {
    char *bytes; /* owned; what is in the file */
    int fd;
    int sockets[2];
    struct file_range range;
    bool is_freed;
};

static struct fixture *freed;

static void on_free(struct buffer *buffer)
{
    (void)buffer;
    freed->is_freed = true;
}

static void begin(struct fixture *fixture, size_t size)
{
    char path[] = "/tmp/gyre-range-XXXXXX";

    memset(fixture, 0, sizeof *fixture);
    freed = fixture;
    fixture->bytes = check_alloc(FILE_BYTES);
    for (size_t i = 0; i < FILE_BYTES; i++) {
        fixture->bytes[i] = (char)(i * 7 + i / 251);
    }
    fixture->fd = mkstemp(path);
    assert_true(fixture->fd >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(write(fixture->fd, fixture->bytes, FILE_BYTES), FILE_BYTES);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fixture->sockets), 0);
    file_range_init(&fixture->range, size);
    fixture->range.buffer.free_bytes = on_free;
    fixture->range.disk = disk_blocking();
    fixture->range.fd = fixture->fd;
    fixture->range.offset = FROM;
}

static void end(struct fixture *fixture)
{
    buffer_unref(&fixture->range.buffer);
    assert_true(fixture->is_freed);
    assert_int_equal(close(fixture->fd), 0);
    (void)close(fixture->sockets[0]);
    (void)close(fixture->sockets[1]);
    free(fixture->bytes);
    file_range_set_copying(false);
}

static void consume(struct buffer_slice *slice, size_t size)
{
    assert_true(size <= slice->length);
    slice->length -= size;
}

static size_t take(struct fixture *fixture, char *to, size_t room)
{
    ssize_t got = read(fixture->sockets[1], to, room);

    return got < 0 ? 0 : (size_t)got;
}

static enum error peek(const struct buffer_slice *slice, char *bytes, size_t size, size_t *out_size)
{
    enum error error;

    do {
        error = file_range_peek(slice, bytes, size, out_size);
    } while (error == ERROR_BUSY);
    return error;
}

static void send_all(struct fixture *fixture)
{
    size_t size = fixture->range.buffer.size;
    struct buffer_slice slice = file_range_slice(&fixture->range);
    char *scratch = check_alloc(FILE_PIECE_BYTES);
    char *came = check_alloc(size + 1);
    size_t got = 0;
    int full = 0;

    while (slice.length > 0) {
        size_t sent;
        enum error error = file_range_send(&slice, fixture->sockets[0], scratch, &sent);

        /* BUSY: the kernel would have to wait for a page, as it may at any time. */
        assert_true(error == ERROR_NONE || error == ERROR_AGAIN || error == ERROR_BUSY);
        assert_true(sent <= FILE_SEND_BYTES);
        consume(&slice, sent);
        if (error == ERROR_AGAIN) {
            full++;
            got += take(fixture, came + got, size + 1 - got);
        }
    }
    while (got < size) {
        got += take(fixture, came + got, size + 1 - got);
    }
    assert_int_equal(take(fixture, came + got, 1), 0);
    assert_true(full > 0);
    assert_memory_equal(came, fixture->bytes + FROM, size);
    slice.length = 0;
    buffer_slice_unref(&slice);
    free(came);
    free(scratch);
}

static void the_socket_gets_the_bytes_of_the_range(void **state)
{
    struct fixture fixture;

    (void)state;
    begin(&fixture, 2 * 1024 * 1024 + 5);
    send_all(&fixture);
    end(&fixture);
}

static void it_gets_them_where_they_must_be_copied(void **state)
{
    struct fixture fixture;

    (void)state;
    begin(&fixture, 2 * 1024 * 1024 + 5);
    file_range_set_copying(true);
    send_all(&fixture);
    end(&fixture);
}

static void a_peek_shows_what_comes_next(void **state)
{
    struct fixture fixture;
    struct buffer_slice slice;
    char bytes[1000];
    size_t size;

    (void)state;
    begin(&fixture, 1500);
    slice = file_range_slice(&fixture.range);
    assert_int_equal(peek(&slice, bytes, sizeof bytes, &size), ERROR_NONE);
    assert_int_equal(size, 1000);
    assert_memory_equal(bytes, fixture.bytes + FROM, size);
    consume(&slice, 900);
    assert_int_equal(peek(&slice, bytes, sizeof bytes, &size), ERROR_NONE);
    assert_int_equal(size, 600);
    assert_memory_equal(bytes, fixture.bytes + FROM + 900, size);
    buffer_slice_unref(&slice);
    end(&fixture);
}

static void a_file_that_ends_too_early_is_an_error(void **state)
{
    struct fixture fixture;
    struct buffer_slice slice;
    char *scratch = check_alloc(FILE_PIECE_BYTES);
    size_t size;

    (void)state;
    begin(&fixture, 4000);
    assert_int_equal(ftruncate(fixture.fd, FROM), 0);
    slice = file_range_slice(&fixture.range);
    assert_int_equal(peek(&slice, scratch, 100, &size), ERROR_RANGE);
    assert_int_equal(size, 0);
    file_range_set_copying(true);
    assert_int_equal(file_range_send(&slice, fixture.sockets[0], scratch, &size), ERROR_RANGE);
    assert_int_equal(size, 0);
    file_range_set_copying(false);
    /* Nothing of it is in memory either, as far as anybody can tell without waiting. */
    assert_int_equal(file_range_send(&slice, fixture.sockets[0], scratch, &size), ERROR_BUSY);
    buffer_slice_unref(&slice);
    free(scratch);
    end(&fixture);
}

static void a_peer_that_is_gone_is_told(void **state)
{
    struct fixture fixture;
    struct buffer_slice slice;
    char *scratch = check_alloc(FILE_PIECE_BYTES);
    enum error error;
    size_t size;

    (void)state;
    begin(&fixture, 4000);
    (void)signal(SIGPIPE, SIG_IGN);
    assert_int_equal(close(fixture.sockets[1]), 0);
    slice = file_range_slice(&fixture.range);
    while ((error = file_range_send(&slice, fixture.sockets[0], scratch, &size)) == ERROR_BUSY) {
    }
    assert_int_equal(error, ERROR_CLOSED);
    buffer_slice_unref(&slice);
    free(scratch);
    end(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_socket_gets_the_bytes_of_the_range),
        cmocka_unit_test(it_gets_them_where_they_must_be_copied),
        cmocka_unit_test(a_peek_shows_what_comes_next),
        cmocka_unit_test(a_file_that_ends_too_early_is_an_error),
        cmocka_unit_test(a_peer_that_is_gone_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
