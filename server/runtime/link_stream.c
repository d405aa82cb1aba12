/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading: bytes go into a slab; frames are handed on as slices of it, without a copy. What is cut
 * off at the end of a slab moves to the next one, which is as large as the frame needs.
 * Writing: what a turn of the loop queued leaves in one writev.
 */
#include "runtime/link_stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/observe/log.h"
#include "gyre/runtime/link_guard.h"
#include "gyre/runtime/links.h"

enum {
    FRAME_HEADER_BYTES = 5, /* u32 length | u8 channel */
    SLAB_BYTES = 256 * 1024,
    READ_BYTES_MIN = 16 * 1024,
    VECTORS_MAX = 256,
    INPUT_BYTES = 64 * 1024,
    FIRST_FRAME_BYTES_MAX = 4096,
    USER_TIMEOUT_MS = 5000, /* a cut stream must die so that it can be dialled again */
};

static void flush(struct task *task);

void link_stream_init(struct link_stream *stream, uv_loop_t *uv, struct loop *loop,
                      struct link_guard *guard, const struct link_stream_events *events)
{
    *stream = (struct link_stream){
        .loop = loop, .guard = guard, .events = events, .frame_bytes_max = FIRST_FRAME_BYTES_MAX};
    list_init(&stream->stranger);
    task_init(&stream->flush, flush);
    CHECK(uv_tcp_init(uv, &stream->tcp) == 0);
}

/* ---- closing ---- */

static void on_closed(uv_handle_t *handle)
{
    struct link_stream *stream = CONTAINER_OF(handle, struct link_stream, tcp);

    for (size_t i = stream->first_slice; i < stream->queue_count; i++) {
        buffer_slice_unref(&stream->queue[i]);
    }
    free(stream->queue);
    stream->queue = NULL;
    buffer_unref(stream->slab);
    stream->slab = NULL;
    if (stream->guarded != NULL) {
        stream->guard->operations->close(stream->guarded);
    }
    buffer_slice_unref(&stream->output);
    free(stream->input);
    free(stream->host);
    task_cancel(&stream->flush);
    stream->events->closed(stream, stream->reason);
}

void link_stream_close(struct link_stream *stream, enum error reason)
{
    if (!stream->is_closing) {
        stream->is_closing = true;
        stream->reason = reason;
        uv_close((uv_handle_t *)&stream->tcp, on_closed);
    }
}

/* ---- reading ---- */

static size_t bytes_needed(const struct link_stream *stream)
{
    size_t have = stream->end - stream->begin;
    uint32_t length;

    if (have < FRAME_HEADER_BYTES) {
        return FRAME_HEADER_BYTES;
    }
    memcpy(&length, stream->slab->bytes + stream->begin, sizeof length);
    return sizeof length + length;
}

/* Where the next bytes of frames go. */
static uv_buf_t reserve(struct link_stream *stream)
{
    size_t have = stream->end - stream->begin;
    size_t need = stream->slab == NULL ? 0 : bytes_needed(stream);

    if (stream->slab == NULL || stream->slab->size - stream->begin < need ||
        stream->slab->size - stream->end < READ_BYTES_MIN) {
        struct buffer *slab =
            buffer_new(need > SLAB_BYTES - READ_BYTES_MIN ? need + READ_BYTES_MIN : SLAB_BYTES);
        if (have > 0) {
            memcpy(slab->bytes, stream->slab->bytes + stream->begin, have);
        }
        buffer_unref(stream->slab);
        stream->slab = slab;
        stream->begin = 0;
        stream->end = have;
    }
    return uv_buf_init(stream->slab->bytes + stream->end,
                       (unsigned)(stream->slab->size - stream->end));
}

/* One frame, if it is there whole. AGAIN: it is not. */
static enum error take_frame(struct link_stream *stream)
{
    size_t have = stream->end - stream->begin;
    struct buffer_slice payload;
    uint32_t length;
    uint8_t channel;
    enum error error;

    if (have < FRAME_HEADER_BYTES) {
        return ERROR_AGAIN;
    }
    memcpy(&length, stream->slab->bytes + stream->begin, sizeof length);
    if (length < 1 || length > stream->frame_bytes_max) {
        return ERROR_MALFORMED;
    }
    if (have - sizeof length < length) {
        return ERROR_AGAIN;
    }
    channel = (uint8_t)stream->slab->bytes[stream->begin + sizeof length];
    payload = buffer_slice(stream->slab, stream->begin + FRAME_HEADER_BYTES, length - 1);
    stream->begin += sizeof length + length;
    error = stream->events->frame(stream, channel, payload);
    buffer_slice_unref(&payload);
    return error;
}

/* `count` bytes came to where reserve() said. */
static void take_bytes(struct link_stream *stream, size_t count)
{
    enum error error = ERROR_NONE;

    stream->end += count;
    while (error == ERROR_NONE && !stream->is_closing) {
        error = take_frame(stream);
    }
    if (error != ERROR_NONE && error != ERROR_AGAIN) {
        link_stream_close(stream, error);
    }
}

/* ---- reading through a guard ---- */

static void refuse_peer(struct link_stream *stream)
{
    log_warning(LOG_RUNTIME, "a peer was not let in, or did not let us in",
                field_string("dialled", stream->host == NULL ? "" : stream->host),
                field_string("reason", stream->guard->operations->reason(stream->guarded)));
    flush(&stream->flush); /* the alert, if the socket takes it at once */
    link_stream_close(stream, ERROR_CLOSED);
}

void link_stream_check(struct link_stream *stream)
{
    if (stream->is_private && !stream->is_closing &&
        !stream->guard->operations->is_believed(stream->guarded)) {
        log_warning(LOG_RUNTIME, "a peer's certificate is not trusted any more",
                    field_string("dialled", stream->host == NULL ? "" : stream->host));
        link_stream_close(stream, ERROR_CLOSED);
    }
}

/* False: the guard has not let the peer in, or not yet. */
static bool pass_guard(struct link_stream *stream)
{
    enum error error;

    if (stream->is_private) {
        return true;
    }
    error = stream->guard->operations->handshake(stream->guarded);
    loop_defer_last(stream->loop, &stream->flush);
    if (error == ERROR_AGAIN) {
        return false;
    }
    if (error != ERROR_NONE) {
        refuse_peer(stream);
        return false;
    }
    stream->is_private = true;
    link_stream_check(stream); /* trust may have changed under the handshake */
    if (!stream->is_closing) {
        stream->events->connected(stream);
    }
    return !stream->is_closing;
}

static void take_guarded(struct link_stream *stream, const char *bytes, size_t count)
{
    const struct link_guard_operations *guard = stream->guard->operations;
    enum error error = ERROR_NONE;

    guard->feed(stream->guarded, bytes, count);
    if (!pass_guard(stream)) {
        return;
    }
    while (error == ERROR_NONE && !stream->is_closing) {
        uv_buf_t room = reserve(stream);
        size_t size;

        error = guard->read(stream->guarded, room.base, room.len, &size);
        if (error == ERROR_NONE) {
            take_bytes(stream, size);
        }
    }
    if (error != ERROR_NONE && error != ERROR_AGAIN) {
        if (error != ERROR_CLOSED) {
            refuse_peer(stream);
        }
        link_stream_close(stream, ERROR_CLOSED);
    }
    loop_defer_last(stream->loop, &stream->flush); /* what the guard itself has to say */
}

/* ---- the socket ---- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct link_stream *stream = CONTAINER_OF(handle, struct link_stream, tcp);

    (void)suggested;
    *out = stream->guard == NULL ? reserve(stream) : uv_buf_init(stream->input, INPUT_BYTES);
}

static void on_read(uv_stream_t *handle, ssize_t count, const uv_buf_t *buf)
{
    struct link_stream *stream = CONTAINER_OF(handle, struct link_stream, tcp);

    if (count < 0) {
        link_stream_close(stream, ERROR_CLOSED);
    } else if (stream->guard == NULL) {
        take_bytes(stream, (size_t)count);
    } else {
        take_guarded(stream, buf->base, (size_t)count);
    }
}

/* ---- opening ---- */

static void start(struct link_stream *stream)
{
    unsigned timeout_ms = USER_TIMEOUT_MS;
    uv_os_fd_t fd;

    (void)uv_tcp_nodelay(&stream->tcp, 1);
    (void)uv_tcp_keepalive(&stream->tcp, 1, 5);
    if (uv_fileno((uv_handle_t *)&stream->tcp, &fd) == 0) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
    }
    stream->is_connected = true;
    if (stream->guard != NULL) {
        stream->guarded = stream->guard->operations->open(stream->guard, stream->host);
        stream->input = check_alloc(INPUT_BYTES);
    }
    if (uv_read_start((uv_stream_t *)&stream->tcp, on_alloc, on_read) != 0) {
        link_stream_close(stream, ERROR_IO);
        return;
    }
    if (stream->guard == NULL) {
        stream->events->connected(stream);
    } else if (stream->host != NULL) {
        (void)pass_guard(stream); /* who dials speaks first */
    }
}

static void on_connect(uv_connect_t *connect, int status)
{
    struct link_stream *stream = CONTAINER_OF(connect, struct link_stream, connect);

    if (stream->is_closing) {
        return;
    }
    if (status != 0) {
        link_stream_close(stream, ERROR_IO);
        return;
    }
    start(stream);
}

void link_stream_connect(struct link_stream *stream, const char *host,
                         const struct sockaddr *address)
{
    stream->host = strdup(host);
    CHECK(stream->host != NULL);
    if (uv_tcp_connect(&stream->connect, &stream->tcp, address, on_connect) != 0) {
        link_stream_close(stream, ERROR_IO);
    }
}

enum error link_stream_accept(struct link_stream *stream, uv_stream_t *listener)
{
    if (uv_accept(listener, (uv_stream_t *)&stream->tcp) != 0) {
        return ERROR_IO;
    }
    start(stream);
    return ERROR_NONE;
}

/* ---- writing ---- */

static void push(struct link_stream *stream, struct buffer_slice slice)
{
    if (stream->queue_count == stream->queue_capacity) {
        if (stream->first_slice > stream->queue_count / 2) {
            stream->queue_count -= stream->first_slice;
            memmove(stream->queue, stream->queue + stream->first_slice,
                    stream->queue_count * sizeof *stream->queue);
            stream->first_slice = 0;
        } else {
            stream->queue_capacity = stream->queue_capacity == 0 ? 64 : stream->queue_capacity * 2;
            stream->queue =
                check_realloc(stream->queue, stream->queue_capacity * sizeof *stream->queue);
        }
    }
    stream->queue[stream->queue_count++] = slice;
    stream->queued_bytes += slice.length;
}

void link_stream_send(struct link_stream *stream, uint8_t channel,
                      const struct buffer_slice *slices, int slice_count, size_t bytes)
{
    struct buffer *header = buffer_new(FRAME_HEADER_BYTES);
    uint32_t length = (uint32_t)bytes + 1;

    CHECK(bytes < LINK_FRAME_BYTES_MAX);
    memcpy(header->bytes, &length, sizeof length);
    header->bytes[sizeof length] = (char)channel;
    push(stream, (struct buffer_slice){header, header->bytes, (size_t)FRAME_HEADER_BYTES});
    for (int i = 0; i < slice_count; i++) {
        push(stream, slices[i]);
    }
    loop_defer_last(stream->loop, &stream->flush);
}

static int gather(const struct link_stream *stream, uv_buf_t *vectors, size_t *out_bytes)
{
    size_t offset = stream->first_offset;
    int count = 0;

    *out_bytes = 0;
    for (size_t i = stream->first_slice; i < stream->queue_count && count < VECTORS_MAX; i++) {
        struct buffer_slice slice = stream->queue[i];

        vectors[count++] = uv_buf_init(slice.bytes + offset, (unsigned)(slice.length - offset));
        *out_bytes += slice.length - offset;
        offset = 0;
    }
    return count;
}

static void consume(struct link_stream *stream, size_t bytes)
{
    stream->queued_bytes -= bytes;
    while (bytes > 0 || (stream->first_slice < stream->queue_count &&
                         stream->queue[stream->first_slice].length == stream->first_offset)) {
        struct buffer_slice *slice = &stream->queue[stream->first_slice];
        size_t left = slice->length - stream->first_offset;

        if (bytes < left) {
            stream->first_offset += bytes;
            return;
        }
        bytes -= left;
        stream->first_offset = 0;
        buffer_slice_unref(slice);
        stream->first_slice++;
    }
    if (stream->first_slice == stream->queue_count) {
        stream->first_slice = 0;
        stream->queue_count = 0;
    }
}

/* Encrypts what is queued, when all that was is sent. False: there is nothing to send. */
static bool refill(struct link_stream *stream)
{
    const struct link_guard_operations *guard = stream->guard->operations;
    size_t taken = 0;

    if (stream->output.length > 0) {
        return true;
    }
    buffer_slice_unref(&stream->output);
    if (stream->is_private && stream->queue_count > stream->first_slice &&
        guard->write(stream->guarded, stream->queue + stream->first_slice,
                     stream->queue_count - stream->first_slice, stream->first_offset,
                     &taken) != ERROR_NONE) {
        link_stream_close(stream, ERROR_CLOSED);
        return false;
    }
    consume(stream, taken);
    stream->output = guard->take_output(stream->guarded);
    return stream->output.length > 0;
}

/* What goes to the socket next. 0: nothing. */
static int next_vectors(struct link_stream *stream, uv_buf_t *vectors, size_t *out_bytes)
{
    if (stream->guard == NULL) {
        return stream->queue_count == 0 ? 0 : gather(stream, vectors, out_bytes);
    }
    if (stream->guarded == NULL || !refill(stream)) {
        return 0;
    }
    vectors[0] = uv_buf_init(stream->output.bytes, (unsigned)stream->output.length);
    *out_bytes = stream->output.length;
    return 1;
}

/* The socket took this much. */
static void sent(struct link_stream *stream, size_t bytes)
{
    if (stream->guard == NULL) {
        consume(stream, bytes);
    } else {
        stream->output.bytes += bytes;
        stream->output.length -= bytes;
    }
}

static void on_written(uv_write_t *write, int status)
{
    struct link_stream *stream = CONTAINER_OF(write, struct link_stream, write);

    stream->is_writing = false;
    if (stream->is_closing) {
        return;
    }
    if (status != 0) {
        link_stream_close(stream, ERROR_CLOSED);
        return;
    }
    sent(stream, stream->writing_bytes);
    loop_defer_last(stream->loop, &stream->flush);
}

/* The socket is full: libuv goes on when it takes more. The bytes stay ours until then. */
static void write_later(struct link_stream *stream)
{
    uv_buf_t vectors[VECTORS_MAX];
    int count = next_vectors(stream, vectors, &stream->writing_bytes);

    if (uv_write(&stream->write, (uv_stream_t *)&stream->tcp, vectors, (unsigned)count,
                 on_written) != 0) {
        link_stream_close(stream, ERROR_CLOSED);
        return;
    }
    stream->is_writing = true;
}

static void flush(struct task *task)
{
    struct link_stream *stream = CONTAINER_OF(task, struct link_stream, flush);
    uv_buf_t vectors[VECTORS_MAX];
    size_t bytes = 0;
    int count;

    while (!stream->is_closing && !stream->is_writing &&
           (count = next_vectors(stream, vectors, &bytes)) > 0) {
        int written = uv_try_write((uv_stream_t *)&stream->tcp, vectors, (unsigned)count);

        if (written < 0 && written != UV_EAGAIN) {
            link_stream_close(stream, ERROR_CLOSED);
            return;
        }
        sent(stream, written > 0 ? (size_t)written : 0);
        if (written < 0 || (size_t)written < bytes) {
            write_later(stream);
        }
    }
}
