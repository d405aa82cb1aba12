/* SPDX-License-Identifier: Apache-2.0 */
#include "log_index.h"

#include <string.h>

#include "gyre/base/check.h"

static void add_slot(struct segment_index *index, struct index_slot slot)
{
    if (index->count == index->capacity) {
        index->capacity = index->capacity == 0 ? 4 : index->capacity * 2;
        index->slots = check_realloc(index->slots, index->capacity * sizeof *index->slots);
    }
    index->slots[index->count++] = slot;
}

void log_index_note(struct partition_log *log, struct data_segment *segment, int64_t base_offset,
                    int64_t max_timestamp_ms)
{
    struct segment_index *index = &segment->index;
    uint32_t from =
        index->count == 0 ? segment->unindexed : index->slots[index->count - 1].position;
    bool is_due = index->count == 0 && segment->unindexed > 0;

    if (is_due || segment->size - from >= (uint32_t)log->options.index_interval_bytes) {
        add_slot(index, (struct index_slot){
                            .relative_offset = (uint32_t)(base_offset - segment->base_offset),
                            .position = segment->size,
                            .max_timestamp_ms = segment->max_timestamp_ms,
                            .max_relative_offset =
                                (uint32_t)(segment->max_timestamp_offset - segment->base_offset),
                            .is_verified = true});
    }
    if (max_timestamp_ms > segment->max_timestamp_ms) {
        segment->max_timestamp_ms = max_timestamp_ms;
        segment->max_timestamp_offset = base_offset;
    }
}

void log_index_note_old(struct data_segment *segment, uint32_t position, int64_t base_offset,
                        int64_t max_ms_before, int64_t max_offset_before)
{
    struct segment_index *index = &segment->index;
    uint32_t from = segment->noted_count == 0 ? 0 : index->slots[segment->noted_count - 1].position;
    struct index_slot slot = {.relative_offset = (uint32_t)(base_offset - segment->base_offset),
                              .position = position,
                              .max_timestamp_ms = max_ms_before,
                              .max_relative_offset =
                                  (uint32_t)(max_offset_before - segment->base_offset)};

    if (position >= segment->unindexed || position - from < INDEX_BYTES_MIN) {
        return;
    }
    add_slot(index, slot); /* makes room; then it goes in front of those of this process */
    memmove(&index->slots[segment->noted_count + 1], &index->slots[segment->noted_count],
            (index->count - 1 - segment->noted_count) * sizeof slot);
    index->slots[segment->noted_count++] = slot;
}

void log_index_cut(struct data_segment *segment, uint32_t size)
{
    struct segment_index *index = &segment->index;

    while (index->count > 0 && index->slots[index->count - 1].position >= size) {
        index->count--;
    }
    segment->noted_count =
        segment->noted_count < index->count ? segment->noted_count : index->count;
    segment->is_max_loose = true;
    if (segment->unindexed > size) {
        segment->unindexed = size;
    }
}

/* A field of the slots that never falls from slot to slot. */
typedef int64_t (*slot_value)(const struct index_slot *slot);

static int64_t value_offset(const struct index_slot *slot)
{
    return slot->relative_offset;
}

static int64_t value_time(const struct index_slot *slot)
{
    return slot->max_timestamp_ms;
}

static int64_t value_position(const struct index_slot *slot)
{
    return slot->position;
}

/* How many slots have at most `limit`: they are the first ones. */
static inline uint32_t count_up_to(const struct segment_index *index, slot_value value,
                                   int64_t limit)
{
    uint32_t low = 0;
    uint32_t high = index->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (value(&index->slots[middle]) <= limit) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

const struct index_slot *log_index_slot(const struct data_segment *segment, int64_t offset)
{
    uint32_t count = count_up_to(&segment->index, value_offset, offset - segment->base_offset);

    return count == 0 ? NULL : &segment->index.slots[count - 1];
}

uint32_t log_index_find(const struct data_segment *segment, int64_t offset)
{
    const struct index_slot *slot = log_index_slot(segment, offset);

    return slot == NULL ? 0 : slot->position;
}

uint32_t log_index_find_time(const struct data_segment *segment, int64_t timestamp_ms)
{
    uint32_t count =
        timestamp_ms == INT64_MIN ? 0 : count_up_to(&segment->index, value_time, timestamp_ms - 1);

    return count == 0 ? 0 : segment->index.slots[count - 1].position;
}

/* ---- what was verified ---- */

uint32_t log_index_floor(const struct data_segment *segment, uint32_t position)
{
    return count_up_to(&segment->index, value_position, position);
}

static uint32_t end_of_slot(const struct data_segment *segment, uint32_t at)
{
    return at < segment->index.count ? segment->index.slots[at].position : segment->size;
}

void log_index_set_verified(struct data_segment *segment, uint32_t from, uint32_t to)
{
    struct segment_index *index = &segment->index;
    uint32_t at = log_index_floor(segment, from);

    if (from == 0 && end_of_slot(segment, 0) <= to) {
        segment->is_front_verified = true;
    }
    if (at > 0 && index->slots[at - 1].position == from) {
        at--;
    }
    for (; at < index->count && end_of_slot(segment, at + 1) <= to; at++) {
        index->slots[at].is_verified = true;
    }
}

bool log_index_is_verified(const struct data_segment *segment, uint32_t from, uint32_t to)
{
    const struct segment_index *index = &segment->index;
    uint32_t at = log_index_floor(segment, from);

    if (at == 0 && segment->unindexed > 0 && !segment->is_front_verified) {
        return false;
    }
    for (at = at > 0 ? at - 1 : 0; at < index->count && index->slots[at].position < to; at++) {
        if (!index->slots[at].is_verified) {
            return false;
        }
    }
    return true;
}
