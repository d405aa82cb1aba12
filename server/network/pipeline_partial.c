/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A frame that has not come whole gets a buffer of its own, into which the rest is read. To promise
 * a large one costs nothing: who is nobody yet gets memory as bytes come, out of a small pool.
 */
#include <string.h>

#include "network/pipeline_internal.h"

enum { UNAUTHENTICATED_FIRST_BYTES = 1024 };

/* False: the unauthenticated hold too much already. */
static bool charge_partial(struct pipeline *pipeline, size_t bytes)
{
    struct pipeline_shared *shared = pipeline->shared;

    if (!pipeline->connection->is_authenticated) {
        if (bytes > UNAUTHENTICATED_MEMORY_BYTES_MAX - shared->unauthenticated_memory) {
            pipeline_refuse(pipeline, "memory of those who have not authenticated", ERROR_LIMIT);
            return false;
        }
        shared->unauthenticated_memory += bytes;
        pipeline->unauthenticated_bytes += bytes;
    }
    pipeline_charge(shared, bytes);
    return true;
}

static size_t first_bytes(const struct pipeline *pipeline, size_t received, size_t size)
{
    size_t first = UNAUTHENTICATED_FIRST_BYTES;

    if (pipeline->connection->is_authenticated) {
        return size;
    }
    first = 2 * received > first ? 2 * received : first;
    return first < size ? first : size;
}

void pipeline_partial_begin(struct pipeline *pipeline, struct buffer_slice *slice, size_t size)
{
    size_t first = first_bytes(pipeline, slice->length, size);

    if (!charge_partial(pipeline, first)) {
        return;
    }
    pipeline->partial = buffer_new(first);
    pipeline->partial_used = slice->length;
    pipeline->partial_size = size;
    memcpy(pipeline->partial->bytes, slice->bytes, slice->length);
    slice->bytes += slice->length;
    slice->length = 0;
}

void pipeline_partial_grow(struct pipeline *pipeline)
{
    size_t size = 2 * pipeline->partial->size;
    struct buffer *larger;

    size = size < pipeline->partial_size ? size : pipeline->partial_size;
    if (!charge_partial(pipeline, size - pipeline->partial->size)) {
        return;
    }
    larger = buffer_new(size);
    memcpy(larger->bytes, pipeline->partial->bytes, pipeline->partial_used);
    buffer_unref(pipeline->partial);
    pipeline->partial = larger;
}

static void leave_pool(struct pipeline *pipeline)
{
    CHECK(pipeline->shared->unauthenticated_memory >= pipeline->unauthenticated_bytes);
    pipeline->shared->unauthenticated_memory -= pipeline->unauthenticated_bytes;
    pipeline->unauthenticated_bytes = 0;
}

struct buffer_slice pipeline_partial_complete(struct pipeline *pipeline)
{
    struct buffer *whole = pipeline->partial;

    CHECK(whole->size == pipeline->partial_size);
    leave_pool(pipeline);
    pipeline->partial = NULL;
    pipeline->partial_used = 0;
    return (struct buffer_slice){.buffer = whole, .bytes = whole->bytes, .length = whole->size};
}

void pipeline_partial_forget(struct pipeline *pipeline)
{
    if (pipeline->partial != NULL) {
        leave_pool(pipeline);
        pipeline_discharge(pipeline->shared, pipeline->partial->size);
        buffer_unref(pipeline->partial);
        pipeline->partial = NULL;
    }
}
