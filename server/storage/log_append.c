/* SPDX-License-Identifier: Apache-2.0 */
/* Appending: an entry gets its place in the files, goes to the tail and to the journal. */
#include <stdlib.h>
#include <string.h>

#include "gyre/base/check.h"
#include "gyre/base/crc32c.h"
#include "gyre/wire/record_batch.h"

#include "log_change.h"
#include "log_files.h"
#include "log_index.h"
#include "log_tail.h"
#include "outside.h"
#include "space.h"

enum { SIDE_ENTRIES_MAX = 64 * 1024, SIDE_COMMAND_BYTES_MAX = 16 * 1024 * 1024 };

/* ---- places ---- */

/* An empty segment takes any batch: rolling would make a second file of the same name. Offsets
 * are limited too: the index has 32 bits for one, and a small batch may claim very many. */
static bool data_must_roll(struct partition_log *log, const struct tail_entry *entry)
{
    const struct data_segment *active = log_files_last_data(log);
    int64_t now_ms = clock_wall_ms(log->storage->loop->clock);

    if (active == NULL || active->size == 0) {
        return active == NULL;
    }
    if (log->segment_began_ms == 0) {
        log->segment_began_ms = now_ms; /* before our start: counted from the first append since */
    }
    return active->size + (size_t)entry->size > (size_t)log->options.segment_bytes ||
           log->end_offset + entry->entry.offset_count - active->base_offset > INT32_MAX ||
           now_ms - log->segment_began_ms > log->options.segment_ms;
}

static bool side_must_roll(const struct partition_log *log, size_t command_bytes)
{
    const struct side_segment *active = log_files_last_side(log);

    return active == NULL || active->end_index - active->first_index >= SIDE_ENTRIES_MAX ||
           (active->command_bytes > 0 &&
            active->command_bytes + command_bytes > SIDE_COMMAND_BYTES_MAX);
}

static void place_batch(struct partition_log *log, struct tail_entry *entry)
{
    struct data_segment *segment;

    if ((entry->rolls & ENTRY_ROLLS_DATA) != 0) {
        (void)log_files_add_data(log, entry->entry.base_offset, true);
        log->segment_began_ms = clock_wall_ms(log->storage->loop->clock);
    }
    segment = log_files_last_data(log);
    CHECK(segment != NULL);
    entry->position = segment->size;
    log_index_note(log, segment, entry->entry.base_offset, entry->max_timestamp_ms);
    segment->size += entry->size;
    segment->end_offset = entry->entry.base_offset + entry->entry.offset_count;
    log->end_offset = segment->end_offset;
}

void log_take_entry(struct partition_log *log, struct tail_entry *entry)
{
    struct side_segment *side;

    CHECK(entry->entry.index == log->last_index + 1);
    if ((entry->rolls & ENTRY_ROLLS_SIDE) != 0) {
        (void)log_files_add_side(log, entry->entry.index, true);
    }
    side = log_files_last_side(log);
    CHECK(side != NULL);
    if (entry->entry.kind == ENTRY_BATCH) {
        place_batch(log, entry);
    } else {
        entry->position = side->command_bytes;
        side->command_bytes += entry->size;
    }
    side->end_index = entry->entry.index + 1;
    log->last_index = entry->entry.index;
    log_note_term(log, entry->entry.index, entry->entry.term);
    log_tail_push(&log->tail, entry);
    log->tail_bytes += log_tail_entry_bytes(entry);
    log->storage->cached_bytes += log_tail_entry_bytes(entry);
    log->unmoved_bytes += entry->size;
    log_cache_touch(log);
}

/* ---- journal ---- */

void log_encode_entry(const struct tail_entry *entry, struct entry_meta *out_meta)
{
    *out_meta = (struct entry_meta){.index = entry->entry.index,
                                    .term = entry->entry.term,
                                    .base_offset = entry->entry.base_offset,
                                    .digest = entry->entry.digest,
                                    .position = entry->position,
                                    .size = entry->size,
                                    .offset_count = entry->entry.offset_count,
                                    .kind = (uint8_t)entry->entry.kind,
                                    .rolls = entry->rolls};
}

static void journal_entry(struct partition_log *log, struct tail_entry *entry)
{
    struct entry_meta meta;
    struct iovec payload = {.iov_base = entry->entry.payload.bytes,
                            .iov_len = entry->entry.payload.length};
    struct journal_record record = {.type = RECORD_ENTRY,
                                    .meta = &meta,
                                    .meta_length = sizeof meta,
                                    .payload = &payload,
                                    .payload_count = 1,
                                    .is_relaxed =
                                        log_is_relaxed(log) && entry->entry.kind != ENTRY_CHANGE,
                                    .has_crc = true,
                                    .crc = entry->crc};

    log_encode_entry(entry, &meta);
    if (entry->is_outside) {
        record.type = RECORD_EXTENT;
        record.outside = outside_last_number(log->storage);
        record.payload_count = 0;
    }
    log_tail_at(&log->tail, entry->entry.index)->lsn = log_add_record(log, &record);
}

static void append_one(struct partition_log *log, const struct log_entry *entry)
{
    struct tail_entry placed = {.entry = *entry, .size = (uint32_t)entry->payload.length};

    CHECK(entry->payload.length <= INT32_MAX);
    CHECK(entry->term > 0);
    placed.sequence = ++log->sequence;
    placed.crc = crc32c(entry->payload.bytes, entry->payload.length);
    if (side_must_roll(log, entry->kind == ENTRY_BATCH ? 0 : placed.size)) {
        placed.rolls |= ENTRY_ROLLS_SIDE;
    }
    if (entry->kind == ENTRY_BATCH) {
        CHECK(placed.size >= RECORD_BATCH_HEADER_BYTES);
        CHECK(entry->base_offset == log->end_offset);
        CHECK(entry->offset_count > 0);
        placed.max_timestamp_ms = record_batch_max_timestamp_ms(entry->payload.bytes);
        if (data_must_roll(log, &placed)) {
            placed.rolls |= ENTRY_ROLLS_DATA;
        }
    } else {
        placed.entry.base_offset = log->end_offset;
        placed.entry.offset_count = 0;
    }
    placed.outside = 0;
    placed.is_outside = entry->kind == ENTRY_BATCH && placed.size >= OUTSIDE_BYTES_MIN;
    log_take_entry(log, &placed);
    if (placed.is_outside) {
        outside_begin(log, placed.entry.index);
    }
    journal_entry(log, &placed);
}

/* ---- replay ---- */

/* Does the record continue this log? It comes from a checked frame; a bug or damage may not. */
static bool fits(const struct partition_log *log, const struct entry_meta *meta)
{
    const struct data_segment *data = log_files_last_data(log);
    bool rolls_data = (meta->rolls & ENTRY_ROLLS_DATA) != 0;

    if (meta->index != log->last_index + 1 || meta->kind < ENTRY_BATCH ||
        meta->kind > ENTRY_CHANGE || meta->size > INT32_MAX || meta->term == 0 ||
        (log->side_count == 0 && (meta->rolls & ENTRY_ROLLS_SIDE) == 0)) {
        return false;
    }
    if (meta->kind != ENTRY_BATCH) {
        return true;
    }
    return meta->base_offset == log->end_offset && meta->offset_count > 0 &&
           meta->size >= RECORD_BATCH_HEADER_BYTES &&
           (data == NULL ? rolls_data : !rolls_data || data->base_offset < meta->base_offset) &&
           meta->position == (rolls_data ? 0 : data->size);
}

void log_replay_entry(struct partition_log *log, const struct entry_meta *meta, const char *payload,
                      uint32_t crc, uint64_t lsn)
{
    struct tail_entry entry = {.entry = {.index = meta->index,
                                         .term = meta->term,
                                         .kind = (enum entry_kind)meta->kind,
                                         .offset_count = meta->offset_count,
                                         .base_offset = meta->base_offset,
                                         .digest = meta->digest},
                               .lsn = lsn,
                               .size = meta->size,
                               .crc = crc,
                               .rolls = meta->rolls,
                               .max_timestamp_ms = -1};

    if (!fits(log, meta)) {
        log->is_broken = true;
        return;
    }
    entry.is_outside = payload == NULL;
    if (payload != NULL && meta->size > 0) {
        struct buffer *buffer = buffer_copy(payload, meta->size);

        entry.entry.payload = buffer_slice(buffer, 0, meta->size);
        buffer_unref(buffer);
    }
    if (payload != NULL && meta->kind == ENTRY_BATCH) {
        entry.max_timestamp_ms = record_batch_max_timestamp_ms(payload);
    }
    log_take_entry(log, &entry);
    log->durable_index = log->last_index;
}

uint64_t partition_log_append(struct partition_log *log, const struct log_entry *entries, int count)
{
    size_t bytes = 0;

    CHECK(!log->is_installing);
    for (int i = 0; i < count; i++) {
        bytes += entries[i].payload.length;
        append_one(log, &entries[i]);
    }
    log_cache_trim(log->storage);
    space_take(log->storage, bytes);
    return log->sequence;
}
