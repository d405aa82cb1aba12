/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One TCP stream between two brokers: frames out, frames in. It knows bytes and sockets; who the
 * peer is and what a frame means is its owner's business (links_uv.c).
 *
 * Thread: the loop's own.
 */
#ifndef GYRE_RUNTIME_LINK_STREAM_H
#define GYRE_RUNTIME_LINK_STREAM_H

#include <uv.h>

#include "gyre/base/buffer.h"
#include "gyre/base/error.h"
#include "gyre/base/list.h"
#include "gyre/runtime/loop.h"

struct link_guard;
struct link_guard_stream;
struct link_stream;

/* The owner's side. No call comes after `closed`, which is the last and frees the owner's part. */
struct link_stream_events {
    void (*connected)(struct link_stream *stream);
    /* MALFORMED closes the stream. The slice is borrowed. */
    enum error (*frame)(struct link_stream *stream, uint8_t channel, struct buffer_slice payload);
    void (*closed)(struct link_stream *stream, enum error reason);
};

struct link_stream {
    uv_tcp_t tcp;
    struct loop *loop;
    const struct link_stream_events *events;

    /* Privacy: `guard` NULL is plaintext. Ciphertext is read into `input`; what is encrypted and
     * not sent yet is `output`. */
    struct link_guard *guard;          /* borrowed */
    struct link_guard_stream *guarded; /* owned */
    char *input;                       /* owned */
    struct buffer_slice output;
    char *host;      /* owned; whom we dial, NULL: we were dialled */
    bool is_private; /* the guard let the peer in */

    /* Reading: bytes of `slab` from `begin` to `end` are not parsed yet. */
    struct buffer *slab;
    size_t begin;
    size_t end;
    uint32_t frame_bytes_max; /* small, until the owner knows the peer */
    struct list stranger;     /* link_strangers.streams */

    /* Writing: slices in order; the first `first_slice` are gone, `first_offset` bytes of the next.
     */
    struct buffer_slice *queue;
    size_t queue_count;
    size_t queue_capacity;
    size_t first_slice;
    size_t first_offset;
    size_t queued_bytes;
    struct task flush;
    uv_write_t write;
    size_t writing_bytes; /* in flight, still in the queue */
    bool is_writing;

    uv_connect_t connect;
    bool is_connected;
    bool is_closing; /* nothing may be sent any more */
    enum error reason;
};

void link_stream_init(struct link_stream *stream, uv_loop_t *uv, struct loop *loop,
                      struct link_guard *guard, const struct link_stream_events *events);
void link_stream_connect(struct link_stream *stream, const char *host,
                         const struct sockaddr *address);
MUST_USE
enum error link_stream_accept(struct link_stream *stream, uv_stream_t *listener);

/* Takes the references. */
void link_stream_send(struct link_stream *stream, uint8_t channel,
                      const struct buffer_slice *slices, int slice_count, size_t bytes);
void link_stream_close(struct link_stream *stream, enum error reason);

/* Closes it when the guard would not let the peer in today. */
void link_stream_check(struct link_stream *stream);

#endif
