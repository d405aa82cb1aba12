/* SPDX-License-Identifier: Apache-2.0 */
#include "network/output_queue.h"

#include <stdlib.h>
#include <string.h>

#include "gyre/base/check.h"
#include "gyre/runtime/file_range.h"
#include "gyre/wire/frame.h"

enum { CAPACITY_MIN = 16 };

void output_queue_release(struct output_queue *queue)
{
    for (size_t i = queue->first; i < queue->end; i++) {
        buffer_slice_unref(&queue->slices[i]);
    }
    free(queue->slices);
    *queue = (struct output_queue){0};
}

static void make_room(struct output_queue *queue, size_t more)
{
    size_t waiting = queue->end - queue->first;

    if (queue->end + more <= queue->capacity) {
        return;
    }
    if (queue->first > 0 && waiting > 0) {
        memmove(queue->slices, queue->slices + queue->first, waiting * sizeof *queue->slices);
    }
    queue->first = 0;
    queue->end = waiting;
    if (waiting + more > queue->capacity) {
        queue->capacity = 2 * (waiting + more) + CAPACITY_MIN;
        queue->slices = check_realloc(queue->slices, queue->capacity * sizeof *queue->slices);
    }
}

void output_queue_append(struct output_queue *queue, struct buffer_slice slice)
{
    if (slice.length == 0) {
        buffer_slice_unref(&slice);
        return;
    }
    make_room(queue, 1);
    queue->slices[queue->end++] = slice;
}

void output_queue_append_all(struct output_queue *queue, struct frame_output *output)
{
    make_room(queue, (size_t)output->count);
    for (int32_t i = 0; i < output->count; i++) {
        if (output->slices[i].length > 0) {
            queue->slices[queue->end++] = output->slices[i];
            output->slices[i] = (struct buffer_slice){0};
        }
    }
}

size_t output_queue_count_in_memory(const struct output_queue *queue)
{
    size_t count = 0;

    while (queue->first + count < queue->end &&
           !buffer_slice_is_in_file(&queue->slices[queue->first + count])) {
        count++;
    }
    return count;
}

const struct buffer_slice *output_queue_file_at(const struct output_queue *queue, size_t at)
{
    return at < queue->end - queue->first &&
                   buffer_slice_is_in_file(&queue->slices[queue->first + at])
               ? &queue->slices[queue->first + at]
               : NULL;
}

void output_queue_replace_front(struct output_queue *queue, struct buffer *buffer, size_t size)
{
    struct buffer_slice front = buffer_slice(buffer, 0, size);

    output_queue_consume(queue, size);
    if (queue->first == 0) {
        make_room(queue, 1);
        memmove(queue->slices + 1, queue->slices, queue->end * sizeof *queue->slices);
        queue->end++;
        queue->first = 1;
    }
    queue->slices[--queue->first] = front;
}

unsigned output_queue_vectors(const struct output_queue *queue, uv_buf_t *vectors, unsigned count)
{
    unsigned used = 0;

    for (size_t i = queue->first; i < queue->end && used < count; i++) {
        if (buffer_slice_is_in_file(&queue->slices[i])) {
            break;
        }
        vectors[used++] = uv_buf_init(queue->slices[i].bytes, (unsigned)queue->slices[i].length);
    }
    return used;
}

void output_queue_consume(struct output_queue *queue, size_t bytes)
{
    while (bytes > 0) {
        struct buffer_slice *slice = &queue->slices[queue->first];

        if (bytes < slice->length) {
            if (!buffer_slice_is_in_file(slice)) {
                slice->bytes += bytes;
            }
            slice->length -= bytes;
            return;
        }
        bytes -= slice->length;
        buffer_slice_unref(slice);
        queue->first++;
    }
    if (queue->first == queue->end) {
        queue->first = queue->end = 0;
    }
}
