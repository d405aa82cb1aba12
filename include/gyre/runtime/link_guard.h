/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guard stands between the frames of a link and its socket: it hides them, and lets nobody in who
 * has not proved that they belong here. The module tls fills this table
 * (gyre/tls/tls_link_guard.h); without a guard links are plaintext.
 *
 * The calls are those of gyre/tls/tls_stream.h, where they are explained.
 *
 * Thread: the loop's own.
 */
#ifndef GYRE_RUNTIME_LINK_GUARD_H
#define GYRE_RUNTIME_LINK_GUARD_H

#include <stdbool.h>

#include "gyre/base/buffer.h"
#include "gyre/base/error.h"

struct link_guard;
struct link_guard_stream;

struct link_guard_operations {
    /* `host`: whom we dialled; NULL: we were. */
    struct link_guard_stream *(*open)(struct link_guard *guard, const char *host);
    void (*close)(struct link_guard_stream *stream);
    void (*feed)(struct link_guard_stream *stream, const char *bytes, size_t length);
    enum error (*handshake)(struct link_guard_stream *stream);
    enum error (*read)(struct link_guard_stream *stream, char *to, size_t size, size_t *out_size);
    enum error (*write)(struct link_guard_stream *stream, const struct buffer_slice *slices,
                        size_t count, size_t offset, size_t *out_taken);
    struct buffer_slice (*take_output)(struct link_guard_stream *stream);
    const char *(*reason)(const struct link_guard_stream *stream);
    /* Would whoever was let in be let in today? */
    bool (*is_believed)(const struct link_guard_stream *stream);
};

/* The first member of every guard. */
struct link_guard {
    const struct link_guard_operations *operations;
};

#endif
