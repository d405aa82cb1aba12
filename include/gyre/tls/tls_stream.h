/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TLS stream is an engine of bytes: ciphertext goes in, plaintext comes out, and the other way
 * round. It knows no sockets. Its owner does
 *
 *     bytes came    tls_stream_feed(); tls_stream_handshake() until it is NONE; then
 *                   tls_stream_read() until AGAIN; and always tls_stream_take_output() to the
 * socket bytes to go   tls_stream_write(), then tls_stream_take_output() the end
 * tls_stream_shutdown(), take_output() once more, tls_stream_free()
 *
 * Thread: one at a time.
 */
#ifndef GYRE_TLS_TLS_STREAM_H
#define GYRE_TLS_TLS_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gyre/base/buffer.h"
#include "gyre/base/error.h"

struct tls_context;
struct tls_stream; /* opaque */

enum {
    TLS_RECORD_BYTES = 16 * 1024,     /* plaintext of the largest record */
    TLS_INPUT_BYTES_MAX = 64 * 1024,  /* read at most this much before others have their turn */
    TLS_WRITE_BYTES_MAX = 256 * 1024, /* encrypt at most this much for one write */
    TLS_HANDSHAKE_TIMEOUT_MS = 10000,
};

/* `host` is whom a client dials: asked for (SNI) and, where the context says so, verified. NULL for
 * servers. Copied. */
struct tls_stream *tls_stream_new(struct tls_context *context, const char *host);
void tls_stream_free(struct tls_stream *stream); /* NULL is fine */

/*
 * Lends ciphertext: it must stay where it is until a call has said AGAIN or failed, or
 * tls_stream_keep_input() was called. What is left of earlier bytes is copied before them.
 */
void tls_stream_feed(struct tls_stream *stream, const char *bytes, size_t length);

/* Copies what is left of the lent bytes, so that they may go: for an owner who pauses. */
void tls_stream_keep_input(struct tls_stream *stream);

/*
 * NONE: done, now and for ever. AGAIN: more must come. Else the reason is tls_stream_reason(), and
 * the output holds the alert that tells the peer. A client begins with a call before any byte came.
 */
MUST_USE
enum error tls_stream_handshake(struct tls_stream *stream);
bool tls_stream_is_open(const struct tls_stream *stream); /* the handshake is done */

/* Up to `size` bytes of plaintext. AGAIN: all input is used up. CLOSED: the peer said goodbye.
 * LIMIT: the peer changes keys without end. */
MUST_USE
enum error tls_stream_read(struct tls_stream *stream, char *to, size_t size, size_t *out_size);

/* Encrypts all of it into the output. Large pieces are cheaper: a record each 16 KiB. */
MUST_USE
enum error tls_stream_write(struct tls_stream *stream, const char *bytes, size_t length);

/*
 * The same for up to `limit` bytes of slices, the first without its `offset` bytes: large ones as
 * they lie, small ones put together into whole records. How many were taken is told.
 */
MUST_USE
enum error tls_stream_write_slices(struct tls_stream *stream, const struct buffer_slice *slices,
                                   size_t count, size_t offset, size_t limit, size_t *out_taken);

/* Says goodbye. */
void tls_stream_shutdown(struct tls_stream *stream);

/* What is to be sent, in order; the caller's. Empty (length 0) if there is nothing. */
struct buffer_slice tls_stream_take_output(struct tls_stream *stream);

/* Memory for that much output at once, instead of growing to it. */
void tls_stream_reserve_output(struct tls_stream *stream, size_t plaintext_bytes);

/* Of an open stream: is the peer's certificate one that `context` believes today? True
 * where there is none. Costs what checking it in the handshake did. */
bool tls_stream_is_believed(const struct tls_stream *stream, const struct tls_context *context);
/* Did it begin with the trust of `context`? */
bool tls_stream_trusts_alike(const struct tls_stream *stream, const struct tls_context *context);

/* Why it failed, for the log; "" before. Holds nothing that the peer could write at will. */
const char *tls_stream_reason(const struct tls_stream *stream);

/* What a finished handshake tells. Lives as long as the stream. */
struct tls_facts {
    const char *version; /* "TLSv1.3" */
    const char *cipher;  /* "TLS_AES_256_GCM_SHA384" */
    bool is_resumed;
    bool has_certificate;    /* the peer showed one, and it was verified */
    const char *peer_name;   /* its subject as Java prints it; NULL: none, or too long */
    size_t peer_name_length; /* a NUL may be inside */
    int64_t peer_expires_ms; /* of that certificate, since 1970; 0: none */
};
const struct tls_facts *tls_stream_facts(const struct tls_stream *stream);

#endif
