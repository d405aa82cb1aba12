/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/base/buffer.h"

#include <stdlib.h>
#include <string.h>

#include "gyre/base/check.h"

struct buffer *buffer_new(size_t size)
{
    struct buffer *buffer;

    CHECK(size <= SIZE_MAX - sizeof *buffer);
    buffer = check_alloc(sizeof *buffer + size);
    atomic_init(&buffer->references, 1);
    buffer->is_in_file = false;
    buffer->size = size;
    buffer->free_bytes = NULL;
    buffer->bytes = (char *)(buffer + 1);
    return buffer;
}

struct buffer *buffer_copy(const void *bytes, size_t size)
{
    struct buffer *buffer = buffer_new(size);

    if (size > 0) {
        memcpy(buffer->bytes, bytes, size);
    }
    return buffer;
}

struct buffer *buffer_grow(struct buffer *buffer, size_t size)
{
    CHECK(atomic_load_explicit(&buffer->references, memory_order_acquire) == 1);
    CHECK(buffer->free_bytes == NULL && !buffer->is_in_file);
    CHECK(size >= buffer->size);
    CHECK(size <= SIZE_MAX - sizeof *buffer);
    buffer = check_realloc(buffer, sizeof *buffer + size);
    buffer->size = size;
    buffer->bytes = (char *)(buffer + 1);
    return buffer;
}

struct buffer *buffer_ref(struct buffer *buffer)
{
    unsigned before = atomic_fetch_add_explicit(&buffer->references, 1, memory_order_relaxed);

    CHECK(before > 0);
    return buffer;
}

void buffer_unref(struct buffer *buffer)
{
    unsigned before;

    if (buffer == NULL) {
        return;
    }
    before = atomic_fetch_sub_explicit(&buffer->references, 1, memory_order_acq_rel);
    CHECK(before > 0);
    if (before == 1) {
        if (buffer->free_bytes != NULL) {
            buffer->free_bytes(buffer);
        } else {
            free(buffer);
        }
    }
}

struct buffer_slice buffer_slice(struct buffer *buffer, size_t offset, size_t length)
{
    CHECK(offset <= buffer->size);
    CHECK(length <= buffer->size - offset);
    return (struct buffer_slice){
        .buffer = buffer_ref(buffer), .bytes = buffer->bytes + offset, .length = length};
}

struct buffer_slice buffer_slice_ref(struct buffer_slice slice)
{
    if (slice.buffer != NULL) {
        buffer_ref(slice.buffer);
    }
    return slice;
}

void buffer_slice_unref(struct buffer_slice *slice)
{
    buffer_unref(slice->buffer);
    *slice = (struct buffer_slice){0};
}
