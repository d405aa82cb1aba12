/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slices on their way out, oldest first. The bytes are not copied; a slice's reference is dropped
 * when all of it is gone.
 *
 * Thread: the shard's own. Private to network/.
 */
#ifndef GYRE_NETWORK_OUTPUT_QUEUE_H
#define GYRE_NETWORK_OUTPUT_QUEUE_H

#include <stdbool.h>
#include <uv.h>

#include "gyre/base/buffer.h"

struct frame_output;

struct output_queue {
    struct buffer_slice *slices; /* owned */
    size_t first;
    size_t end;
    size_t capacity;
};

void output_queue_release(struct output_queue *queue);

static inline bool output_queue_is_empty(const struct output_queue *queue)
{
    return queue->first == queue->end;
}

/* Take the slices, and leave what they came from empty. */
void output_queue_append(struct output_queue *queue, struct buffer_slice slice);
void output_queue_append_all(struct output_queue *queue, struct frame_output *output);

/* How many of the oldest are in memory, before the first that is in a file. */
size_t output_queue_count_in_memory(const struct output_queue *queue);
/* The one behind `at` others, if it is in a file; NULL: it is in memory, or there is none. */
const struct buffer_slice *output_queue_file_at(const struct output_queue *queue, size_t at);
/* The front of the oldest was brought to memory. */
void output_queue_replace_front(struct output_queue *queue, struct buffer *buffer, size_t size);

/* The oldest that are in memory, up to `count` of them. Returns how many there are. */
unsigned output_queue_vectors(const struct output_queue *queue, uv_buf_t *vectors, unsigned count);

/* The oldest `bytes` are gone. */
void output_queue_consume(struct output_queue *queue, size_t bytes);

#endif
