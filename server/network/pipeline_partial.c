/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A frame that has not come whole gets a buffer of its own, into which the rest is read. To promise
 * a large one costs nothing, so the buffer grows as bytes come, to twice what there is. Only where
 * memory is plenty a frame of usual size gets all of it at once. What those hold who are nobody yet
 * comes out of a small pool.
 *
 * Where the last frames were large, the next is read at once into a buffer for one such frame
 * ("ahead"): nothing of it is copied, and one call mostly brings all of it. Should it be smaller,
 * it is copied after all, so that no small frame holds a large buffer.
 */
#include <string.h>

#include "network/pipeline_internal.h"

enum {
    UNAUTHENTICATED_FIRST_BYTES = 1024,
    FIRST_BYTES = 64 * 1024,
    AHEAD_FRAME_BYTES_MIN = 32 * 1024, /* smaller ones share the slab and are mostly whole there */
    AHEAD_FRAME_BYTES_MAX = 1024 * 1024,
    AHEAD_SLACK_DIVISOR = 16, /* sizes vary a little */
};

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
    shared->partial_memory += bytes;
    return true;
}

/* Half of the memory is there for those who do as they say. */
static bool is_believed(const struct pipeline *pipeline, size_t size)
{
    const struct pipeline_shared *shared = pipeline->shared;

    return pipeline->connection->is_authenticated && size <= USUAL_FRAME_BYTES_MAX &&
           shared->request_memory + size <= shared->request_memory_max / 2;
}

static size_t first_bytes(const struct pipeline *pipeline, size_t received, size_t size)
{
    size_t first =
        pipeline->connection->is_authenticated ? FIRST_BYTES : UNAUTHENTICATED_FIRST_BYTES;

    if (is_believed(pipeline, size)) {
        return size;
    }
    first = 2 * received > first ? 2 * received : first;
    return first < size ? first : size;
}

/* Is `buffer` pipeline->ahead, and would a frame of `size` bytes not waste too much of it? */
static bool suits_ahead(const struct pipeline *pipeline, const struct buffer *buffer, size_t size)
{
    return buffer == pipeline->ahead && size >= buffer->size / 4 * 3;
}

/* Does the rest of a frame of `size` bytes go where it began? */
static bool may_stay(const struct pipeline *pipeline, const struct buffer_slice *slice, size_t size)
{
    return suits_ahead(pipeline, slice->buffer, size) &&
           size <= slice->buffer->size - (size_t)(slice->bytes - slice->buffer->bytes);
}

void pipeline_partial_begin(struct pipeline *pipeline, struct buffer_slice *slice, size_t size)
{
    size_t first = first_bytes(pipeline, slice->length, size);
    bool stays = first == size && may_stay(pipeline, slice, size);

    if (!charge_partial(pipeline, first)) {
        return;
    }
    pipeline->partial = stays ? buffer_ref(slice->buffer) : buffer_new(first);
    pipeline->partial_bytes = stays ? slice->bytes : pipeline->partial->bytes;
    pipeline->partial_room = first;
    pipeline->partial_used = slice->length;
    pipeline->partial_size = size;
    pipeline_enter_partials(pipeline);
    if (!stays) {
        memcpy(pipeline->partial_bytes, slice->bytes, slice->length);
    }
    slice->bytes += slice->length;
    slice->length = 0;
}

bool pipeline_partial_grow(struct pipeline *pipeline)
{
    size_t size = 2 * pipeline->partial_room;
    size_t more;

    size = size < pipeline->partial_size ? size : pipeline->partial_size;
    more = size - pipeline->partial_room;
    if (!pipeline_may_grow(pipeline, more)) {
        return false;
    }
    if (charge_partial(pipeline, more)) {
        pipeline->partial = buffer_grow(pipeline->partial, size);
        pipeline->partial_bytes = pipeline->partial->bytes;
        pipeline->partial_room = size;
    }
    return true;
}

static void leave_pool(struct pipeline *pipeline)
{
    CHECK(pipeline->shared->unauthenticated_memory >= pipeline->unauthenticated_bytes);
    pipeline->shared->unauthenticated_memory -= pipeline->unauthenticated_bytes;
    pipeline->unauthenticated_bytes = 0;
}

struct buffer_slice pipeline_partial_complete(struct pipeline *pipeline)
{
    struct buffer_slice whole = {.buffer = pipeline->partial,
                                 .bytes = pipeline->partial_bytes,
                                 .length = pipeline->partial_size};

    CHECK(pipeline->partial_room == pipeline->partial_size);
    leave_pool(pipeline);
    pipeline_leave_partials(pipeline);
    pipeline->partial = NULL;
    pipeline->partial_used = 0;
    return whole;
}

void pipeline_partial_forget(struct pipeline *pipeline)
{
    if (pipeline->partial != NULL) {
        leave_pool(pipeline);
        pipeline_leave_partials(pipeline);
        pipeline_discharge(pipeline->shared, pipeline->partial_room);
        buffer_unref(pipeline->partial);
        pipeline->partial = NULL;
    }
}

/* ---- large frames, one after the other ---- */

void pipeline_ahead_note(struct pipeline *pipeline, size_t size)
{
    size_t expected = pipeline->frame_bytes_expected;

    if (size > AHEAD_FRAME_BYTES_MAX) {
        pipeline->frame_bytes_expected = 0;
    } else if (size >= expected) {
        pipeline->frame_bytes_expected = size;
    } else {
        pipeline->frame_bytes_expected = expected - (expected - size + 3) / 4;
    }
}

/* Nothing is charged yet, so there must be room for all of it. */
bool pipeline_ahead_begin(struct pipeline *pipeline)
{
    const struct pipeline_shared *shared = pipeline->shared;
    size_t expected = pipeline->frame_bytes_expected;
    size_t size = FRAME_PREFIX_BYTES + expected + expected / AHEAD_SLACK_DIVISOR;

    if (expected >= AHEAD_FRAME_BYTES_MIN && pipeline->prefix_used == 0 &&
        pipeline->connection->is_authenticated &&
        shared->request_memory + size <= shared->request_memory_max) {
        pipeline->ahead = buffer_new(size);
    }
    return pipeline->ahead != NULL;
}

void pipeline_ahead_end(struct pipeline *pipeline)
{
    buffer_unref(pipeline->ahead);
    pipeline->ahead = NULL;
}

struct buffer_slice pipeline_ahead_cut(const struct pipeline *pipeline,
                                       const struct buffer_slice *slice, size_t size)
{
    struct buffer_slice frame = {.length = size};

    if (slice->buffer == pipeline->ahead && !suits_ahead(pipeline, slice->buffer, size)) {
        frame.buffer = buffer_copy(slice->bytes, size);
        frame.bytes = frame.buffer->bytes;
    } else {
        frame.buffer = buffer_ref(slice->buffer);
        frame.bytes = slice->bytes;
    }
    return frame;
}
