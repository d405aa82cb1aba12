/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Truncation. In memory it is done at once. In the files the old bytes stay until the record is
 * durable; then the mover cuts them off, and only then writes new ones in their place.
 */
#include "gyre/base/check.h"
#include "gyre/base/crc32c.h"

#include "log_change.h"
#include "log_files.h"
#include "log_index.h"
#include "log_row.h"
#include "log_tail.h"
#include "mover.h"
#include "outside.h"

/* Position of the first batch and the first command at or behind an index. */
struct first_places {
    struct log_position *position;
    bool has_batch;
    bool has_command;
};

static void note_place(struct partition_log *log, struct first_places *places, enum entry_kind kind,
                       int64_t base_offset, uint32_t at)
{
    if (kind == ENTRY_BATCH && !places->has_batch) {
        const struct data_segment *segment =
            log_files_find_data(log, at == 0 ? base_offset - 1 : base_offset);

        /* At the front of a segment: the prefix ends with the one before. */
        places->has_batch = true;
        places->position->data_base = segment == NULL ? -1 : segment->base_offset;
        places->position->data_size = segment == NULL ? 0 : at == 0 ? segment->size : at;
    } else if (kind != ENTRY_BATCH && !places->has_command) {
        places->has_command = true;
        places->position->command_bytes = at;
    }
}

static enum error visit_from(struct partition_log *log, uint64_t index, struct first_places *places,
                             uint64_t side_end)
{
    for (; index <= log->last_index; index++) {
        struct entry_row row;
        enum error error;

        if (places->has_batch && (places->has_command || index >= side_end)) {
            break;
        }
        if (log_tail_has(&log->tail, index)) {
            const struct tail_entry *entry = log_tail_at(&log->tail, index);

            log_row_encode(entry, &row);
        } else {
            error = log_row_read_blocking(log, index, &row);
            if (error != ERROR_NONE) {
                return error;
            }
        }
        if (row.kind == ENTRY_BATCH || index < side_end) {
            note_place(log, places, (enum entry_kind)row.kind, row.base_offset, row.position);
        }
    }
    return ERROR_NONE;
}

struct log_position log_end_position(const struct partition_log *log)
{
    const struct data_segment *data = log_files_last_data(log);
    const struct side_segment *side = log_files_last_side(log);

    return (struct log_position){.index = log->last_index,
                                 .offset = log->end_offset,
                                 .data_base = data == NULL ? -1 : data->base_offset,
                                 .data_size = data == NULL ? 0 : data->size,
                                 .side_first = side == NULL ? 0 : side->first_index,
                                 .command_bytes = side == NULL ? 0 : side->command_bytes};
}

enum error log_position_before(struct partition_log *log, uint64_t index,
                               struct log_position *out_position)
{
    const struct side_segment *side = log_files_find_side(log, index - 1);
    struct first_places places = {.position = out_position};
    struct entry_row row;
    enum error error = ERROR_NONE;

    *out_position = log_end_position(log);
    if (index > log->last_index) {
        return ERROR_NONE;
    }
    if (log_tail_has(&log->tail, index)) {
        out_position->offset = log_tail_at(&log->tail, index)->entry.base_offset;
    } else {
        error = log_row_read_blocking(log, index, &row);
        out_position->offset = row.base_offset;
    }
    out_position->index = index - 1;
    out_position->side_first = side == NULL ? 0 : side->first_index;
    out_position->command_bytes = side == NULL ? 0 : side->command_bytes;
    if (error == ERROR_NONE) {
        error = visit_from(log, index, &places, side == NULL ? 0 : side->end_index);
    }
    return error;
}

/* ---- dropping ---- */

static void drop_tail_from(struct partition_log *log, uint64_t index)
{
    while (log->tail.count > 0 && log->tail.first_index + log->tail.count > index) {
        uint64_t last = log->tail.first_index + log->tail.count - 1;
        const struct tail_entry *entry = log_tail_at(&log->tail, last);
        size_t bytes = log_tail_entry_bytes(entry);

        if (last > log->moved.index) {
            log->unmoved_bytes -= entry->size;
        }
        log->tail_bytes -= bytes;
        log->storage->cached_bytes -= bytes;
        log_tail_drop_last(&log->tail);
    }
    if (log->tail.count == 0) {
        log_tail_reset(&log->tail, index);
    }
}

static void drop_files_behind(struct partition_log *log, const struct log_position *end)
{
    struct data_segment *data;
    struct side_segment *side;

    while (log->data_count > 0 && log->data[log->data_count - 1]->base_offset >= end->offset &&
           log->data[log->data_count - 1]->base_offset != end->data_base) {
        log_files_drop_data(log, log->data_count - 1, true);
    }
    data = log_files_last_data(log);
    if (data != NULL && data->size > end->data_size) {
        data->size = end->data_size;
        data->end_offset = end->offset;
        log_index_cut(data, data->size);
    }
    while (log->side_count > 0 && log->side[log->side_count - 1]->first_index > end->index) {
        log_files_drop_side(log, log->side_count - 1, true);
    }
    side = log_files_last_side(log);
    if (side != NULL) {
        side->end_index = end->index + 1;
        side->command_bytes = end->command_bytes;
    }
}

static void clip(struct log_position *position, const struct log_position *end)
{
    if (position->index > end->index) {
        *position = *end;
    }
}

void log_drop_behind(struct partition_log *log, const struct log_position *end)
{
    uint64_t index = end->index + 1;

    outside_drop_from(log, index);
    drop_tail_from(log, index);
    drop_files_behind(log, end);
    log->truncations++;
    if (!log->needs_cut) {
        log->cut = *end;
    }
    clip(&log->cut, end);
    log->needs_cut = true;
    log->cut_sequence = log->sequence;
    clip(&log->moved, end);
    clip(&log->syncing, end);
    clip(&log->synced, end);
    mover_clip(log, end);
    log->last_index = end->index;
    log->end_offset = end->offset;
    log->durable_index = log->durable_index < index ? log->durable_index : end->index;
    log_cut_terms(log, log->last_index);
}

enum error log_drop_from(struct partition_log *log, uint64_t index)
{
    struct log_position end;
    enum error error;

    CHECK(index >= log->first_index);
    error = log_position_before(log, index, &end);
    if (error != ERROR_NONE) {
        return error;
    }
    if (index <= log->last_index) {
        log_drop_behind(log, &end);
    }
    log_add_truncate(log, &end);
    return ERROR_NONE;
}

void log_add_truncate(struct partition_log *log, const struct log_position *end)
{
    struct truncate_meta meta = {.index = end->index + 1,
                                 .offset = end->offset,
                                 .data_base = end->data_base,
                                 .side_first = end->side_first,
                                 .data_size = end->data_size,
                                 .command_bytes = end->command_bytes};
    struct journal_record record = {
        .type = RECORD_TRUNCATE, .meta = &meta, .meta_length = sizeof meta};

    (void)log_add_record(log, &record);
}

/* Does the record's end lie in this log? */
static bool is_end_of(const struct partition_log *log, const struct log_position *end)
{
    const struct data_segment *data = log_files_find_data(log, end->data_base);

    /* It may end before first_index: replay has not yet come to where that was raised. */
    if (end->offset > log->end_offset) {
        return false;
    }
    return end->data_base < 0 ||
           (data != NULL && data->base_offset == end->data_base && data->size >= end->data_size);
}

bool log_replay_truncate(struct partition_log *log, const struct truncate_meta *meta)
{
    struct log_position end = {.index = meta->index - 1,
                               .offset = meta->offset,
                               .data_base = meta->data_base,
                               .data_size = meta->data_size,
                               .command_bytes = meta->command_bytes,
                               .side_first = meta->side_first};

    if (meta->index == 0 || !is_end_of(log, &end)) {
        return false;
    }
    if (meta->index <= log->last_index) {
        log_drop_behind(log, &end);
    }
    return true;
}

void log_drop_all(struct partition_log *log, int64_t start_offset)
{
    struct log_position nothing = {.data_base = -1, .offset = start_offset};

    log->truncations++;
    outside_drop_from(log, 0);
    drop_tail_from(log, 0);
    while (log->data_count > 0) {
        log_files_drop_data(log, log->data_count - 1, true);
    }
    while (log->side_count > 0) {
        log_files_drop_side(log, log->side_count - 1, true);
    }
    for (uint32_t i = 0; i < log->doomed_count; i++) {
        log->doomed[i].when = DOOMED_NOW;
    }
    log_tail_reset(&log->tail, 1);
    log->needs_cut = true;
    log->cut = nothing;
    log->cut_sequence = log->sequence;
    log->unmoved_bytes = 0;
    log->moved = nothing;
    log->syncing = nothing;
    log->synced = nothing;
    mover_clip(log, &nothing);
    log->term_count = 0;
    log->first_index = 1;
    log->last_index = 0;
    log->durable_index = 0;
    log->start_offset = start_offset;
    log->end_offset = start_offset;
    log_snapshot_release(&log->snapshot);
    log_snapshot_release(&log->announced);
    log->announced_sequence = 0;
    log->announced_lsn = 0;
    log->announced_is_newer = false;
}

uint64_t partition_log_truncate(struct partition_log *log, uint64_t index)
{
    CHECK(!log->is_installing);
    log->sequence++;
    if (log_drop_from(log, index) != ERROR_NONE) {
        log_mark_corrupt(log, "an entry's row cannot be read where the log must be cut");
    }
    return log->sequence;
}
