/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/tls/tls_link_guard.h"

#include <stdlib.h>

#include "gyre/tls/tls_source.h"
#include "gyre/tls/tls_stream.h"

struct link_guard_stream {
    struct tls_stream *tls;          /* owned */
    const struct tls_source *source; /* borrowed; of its context */
};

static struct link_guard_stream *open_stream(struct link_guard *base, const char *host)
{
    const struct tls_link_guard *guard = CONTAINER_OF(base, struct tls_link_guard, base);
    struct tls_source *source = host == NULL ? guard->accepting : guard->dialling;
    struct tls_context *context = tls_source_context(source);
    struct link_guard_stream *stream = check_alloc_zero(sizeof *stream);

    stream->source = source;
    stream->tls = tls_stream_new(context, host);
    tls_context_unref(context);
    return stream;
}

static void close_stream(struct link_guard_stream *stream)
{
    tls_stream_free(stream->tls);
    free(stream);
}

static void feed(struct link_guard_stream *stream, const char *bytes, size_t length)
{
    tls_stream_feed(stream->tls, bytes, length);
}

static enum error handshake(struct link_guard_stream *stream)
{
    return tls_stream_handshake(stream->tls);
}

static enum error read_plain(struct link_guard_stream *stream, char *to, size_t size,
                             size_t *out_size)
{
    return tls_stream_read(stream->tls, to, size, out_size);
}

static enum error write_plain(struct link_guard_stream *stream, const struct buffer_slice *slices,
                              size_t count, size_t offset, size_t *out_taken)
{
    return tls_stream_write_slices(stream->tls, slices, count, offset, TLS_WRITE_BYTES_MAX,
                                   out_taken);
}

static struct buffer_slice take_output(struct link_guard_stream *stream)
{
    return tls_stream_take_output(stream->tls);
}

static const char *reason(const struct link_guard_stream *stream)
{
    return tls_stream_reason(stream->tls);
}

static bool is_believed(const struct link_guard_stream *stream)
{
    struct tls_context *context = tls_source_context(stream->source);
    bool is_believed = tls_stream_trusts_alike(stream->tls, context) ||
                       tls_stream_is_believed(stream->tls, context);

    tls_context_unref(context);
    return is_believed;
}

static const struct link_guard_operations operations = {
    .open = open_stream,
    .close = close_stream,
    .feed = feed,
    .handshake = handshake,
    .read = read_plain,
    .write = write_plain,
    .take_output = take_output,
    .reason = reason,
    .is_believed = is_believed,
};

void tls_link_guard_init(struct tls_link_guard *guard, struct tls_source *accepting,
                         struct tls_source *dialling)
{
    *guard = (struct tls_link_guard){
        .base.operations = &operations, .accepting = accepting, .dialling = dialling};
}
