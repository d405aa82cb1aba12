/* SPDX-License-Identifier: Apache-2.0 */
#include "log_tail.h"

#include <stdlib.h>

#include "gyre/base/check.h"

enum { CAPACITY_MIN = 2, CAPACITY_KEPT = 16 };

void log_tail_init(struct log_tail *tail, uint64_t first_index)
{
    *tail = (struct log_tail){.first_index = first_index};
}

void log_tail_reset(struct log_tail *tail, uint64_t first_index)
{
    while (tail->count > 0) {
        log_tail_drop_first(tail);
    }
    tail->first_index = first_index;
}

void log_tail_release(struct log_tail *tail)
{
    log_tail_reset(tail, 0);
    free(tail->ring);
    *tail = (struct log_tail){0};
}

static void resize(struct log_tail *tail, uint32_t capacity)
{
    struct tail_entry *ring = check_alloc(capacity * sizeof *ring);

    for (uint32_t i = 0; i < tail->count; i++) {
        ring[i] = tail->ring[(tail->head + i) & (tail->capacity - 1)];
    }
    free(tail->ring);
    tail->ring = ring;
    tail->capacity = capacity;
    tail->head = 0;
}

void log_tail_push(struct log_tail *tail, const struct tail_entry *entry)
{
    CHECK(entry->entry.index == tail->first_index + tail->count);
    if (tail->count == tail->capacity) {
        resize(tail, tail->capacity == 0 ? CAPACITY_MIN : tail->capacity * 2);
    }
    tail->ring[(tail->head + tail->count) & (tail->capacity - 1)] = *entry;
    tail->count++;
}

void log_tail_drop_first(struct log_tail *tail)
{
    CHECK(tail->count > 0);
    buffer_slice_unref(&tail->ring[tail->head].entry.payload);
    tail->head = (tail->head + 1) & (tail->capacity - 1);
    tail->first_index++;
    tail->count--;
    /* A log that was busy once must not hold the memory for ever. */
    if (tail->capacity > CAPACITY_KEPT && tail->count <= tail->capacity / 8) {
        resize(tail, tail->capacity / 4);
    }
}

void log_tail_drop_last(struct log_tail *tail)
{
    CHECK(tail->count > 0);
    tail->count--;
    buffer_slice_unref(
        &tail->ring[(tail->head + tail->count) & (tail->capacity - 1)].entry.payload);
}
