/* SPDX-License-Identifier: Apache-2.0 */
#include "network/file_output.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "gyre/runtime/file_range.h"

#include "network/network_internal.h"

enum {
    WAIT_BYTES = 4096, /* handed to libuv, which waits until the socket takes them */
    VECTORS_MAX = 64,
};

/* A piece on its way to memory. The connection is not freed before it is done. */
struct load {
    struct disk_request request;
    struct iovec vector;
    struct connection *connection;
    struct output_queue *queue;
    struct buffer *buffer;     /* owned */
    struct buffer_slice slice; /* a reference, so that the file stays open */
};

static int socket_of(const struct connection *connection)
{
    uv_os_fd_t fd = -1;

    CHECK(uv_fileno((const uv_handle_t *)&connection->tcp, &fd) == 0);
    return fd;
}

/* ---- what is not in memory ---- */

static void on_loaded(struct disk_request *request)
{
    struct load *load = CONTAINER_OF(request, struct load, request);
    struct connection *connection = load->connection;
    bool is_whole = request->error == ERROR_NONE && request->bytes == (int64_t)load->buffer->size;

    if (!connection->is_closing && is_whole) {
        output_queue_replace_front(load->queue, load->buffer, load->buffer->size);
    }
    buffer_slice_unref(&load->slice);
    buffer_unref(load->buffer);
    free(load);
    connection_loaded(connection, is_whole);
}

static void start_loading(struct connection *connection, struct output_queue *queue,
                          const struct buffer_slice *slice)
{
    struct load *load = check_alloc_zero(sizeof *load);
    size_t size = slice->length < FILE_PIECE_BYTES ? slice->length : FILE_PIECE_BYTES;

    load->connection = connection;
    load->queue = queue;
    load->buffer = buffer_new(size);
    load->slice = buffer_slice_ref(*slice);
    load->vector = (struct iovec){.iov_base = load->buffer->bytes, .iov_len = size};
    load->request = (struct disk_request){.operation = DISK_READ_AT,
                                          .fd = file_range_of(slice)->fd,
                                          .offset = file_range_position(slice),
                                          .vectors = &load->vector,
                                          .vector_count = 1,
                                          .done = on_loaded};
    connection->is_loading = true;
    disk_submit(file_range_of(slice)->disk, DISK_LANE_READ, &load->request);
}

/* ---- to the socket ---- */

enum error file_output_send_before(struct connection *connection, const uv_buf_t *vectors,
                                   unsigned count, size_t *out_sent)
{
    struct iovec iovecs[VECTORS_MAX];
    struct msghdr message = {.msg_iov = iovecs, .msg_iovlen = count};
    ssize_t sent;

    CHECK(count <= VECTORS_MAX);
    for (unsigned i = 0; i < count; i++) {
        iovecs[i] = (struct iovec){.iov_base = vectors[i].base, .iov_len = vectors[i].len};
    }
    *out_sent = 0;
    sent = sendmsg(socket_of(connection), &message, MSG_MORE | MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) {
        *out_sent = (size_t)sent;
        return ERROR_NONE;
    }
    return errno == EAGAIN || errno == EINTR ? ERROR_AGAIN : ERROR_CLOSED;
}

/* libuv can wait for a socket only with something to write. */
enum error file_output_wait(struct connection *connection)
{
    const struct buffer_slice *slice = output_queue_file_at(&connection->queue, 0);
    struct buffer *buffer = buffer_new(slice->length < WAIT_BYTES ? slice->length : WAIT_BYTES);
    size_t size;
    enum error error = file_range_peek(slice, buffer->bytes, buffer->size, &size);

    if (error == ERROR_NONE) {
        output_queue_replace_front(&connection->queue, buffer, size);
        error = ERROR_AGAIN;
    } else if (error == ERROR_BUSY) {
        start_loading(connection, &connection->queue, slice);
    }
    buffer_unref(buffer);
    return error;
}

enum error file_output_send(struct connection *connection, size_t *out_sent)
{
    const struct buffer_slice *slice = output_queue_file_at(&connection->queue, 0);
    enum error error = file_range_send(slice, socket_of(connection),
                                       network_file_piece(connection->network), out_sent);

    if (error == ERROR_AGAIN) {
        return file_output_wait(connection);
    }
    if (error == ERROR_BUSY) {
        start_loading(connection, &connection->queue, slice);
    }
    return error;
}

/* ---- to TLS ---- */

enum error file_output_piece(struct connection *connection, struct output_queue *queue,
                             const char **out_bytes, size_t *out_size)
{
    const struct buffer_slice *slice = output_queue_file_at(queue, 0);
    char *piece = network_file_piece(connection->network);
    enum error error = file_range_peek(slice, piece, FILE_PIECE_BYTES, out_size);

    *out_bytes = piece;
    if (error == ERROR_BUSY) {
        start_loading(connection, queue, slice);
    }
    return error;
}
