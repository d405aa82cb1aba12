/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A buffer is counted bytes: a frame from a client, a batch on its way to followers and segments.
 * A slice names a range of a buffer and holds one reference of it.
 *
 * Thread: the count is atomic, so any thread may hold and drop a reference. The bytes are written
 * by the one who made the buffer, before it is shared.
 */
#ifndef GYRE_BASE_BUFFER_H
#define GYRE_BASE_BUFFER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer {
    atomic_uint references;
    bool is_in_file; /* a struct file_range: `bytes` is NULL. Only who asked for it meets one */
    size_t size;
    void (*free_bytes)(struct buffer *buffer); /* NULL: bytes follow the struct */
    char *bytes;
};

struct buffer_slice {
    struct buffer *buffer; /* shared; NULL only when length is 0 */
    char *bytes;
    size_t length;
};

/* One reference, uninitialised bytes. Ends the process when memory is out: cap `size` before. */
struct buffer *buffer_new(size_t size);
struct buffer *buffer_copy(const void *bytes, size_t size);

/* The same bytes and more room, mostly without a copy. Takes `buffer`, which nobody shares. */
struct buffer *buffer_grow(struct buffer *buffer, size_t size);

struct buffer *buffer_ref(struct buffer *buffer);
void buffer_unref(struct buffer *buffer); /* NULL is fine */

/* A slice with a reference of its own. */
struct buffer_slice buffer_slice(struct buffer *buffer, size_t offset, size_t length);
struct buffer_slice buffer_slice_ref(struct buffer_slice slice);
void buffer_slice_unref(struct buffer_slice *slice); /* leaves it empty */

#endif
