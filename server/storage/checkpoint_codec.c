/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/base/check.h"
#include "gyre/base/crc32c.h"
#include "gyre/base/mutation.h"
#include "gyre/wire/record_batch.h"

#include "checkpoint.h"
#include "log_change.h"
#include "log_files.h"
#include "log_tail.h"
#include "mover.h"
#include "removal.h"

void checkpoint_path(const struct storage *storage, const char *name, char path[STORAGE_PATH_MAX])
{
    int length = snprintf(path, STORAGE_PATH_MAX, "%s/%s", storage->directory, name);

    CHECK(length > 0);
    CHECK(length < STORAGE_PATH_MAX);
}

/* ---- encoding ---- */

static void put(struct checkpoint_bytes *out, const void *bytes, size_t length)
{
    if (out->length + length > out->capacity) {
        out->capacity = (out->length + length) * 2 + 4096;
        out->bytes = check_realloc(out->bytes, out->capacity);
    }
    if (length > 0) {
        memcpy(out->bytes + out->length, bytes, length);
        out->length += length;
    }
}

static void put_data(struct checkpoint_bytes *out, const struct partition_log *log,
                     uint32_t *out_count)
{
    for (uint32_t i = 0; i < log->data_count; i++) {
        const struct data_segment *segment = log->data[i];
        bool is_last = segment->base_offset == log->synced.data_base;
        struct segment_row row = {.base_offset = segment->base_offset,
                                  .end_offset = is_last ? log->synced.offset : segment->end_offset,
                                  .max_timestamp_ms = segment->max_timestamp_ms,
                                  .max_timestamp_offset = segment->max_timestamp_offset,
                                  .size = is_last ? log->synced.data_size : segment->size,
                                  .flags = segment->is_max_loose ? SEGMENT_MAX_IS_LOOSE : 0u};

        if (segment->base_offset <= log->synced.data_base) {
            put(out, &row, sizeof row);
            (*out_count)++;
        }
    }
}

static void put_side(struct checkpoint_bytes *out, const struct partition_log *log,
                     uint32_t *out_count)
{
    for (uint32_t i = 0; i < log->side_count; i++) {
        const struct side_segment *segment = log->side[i];
        bool is_last = segment->first_index == log->synced.side_first;
        struct checkpoint_side row = {
            .first_index = segment->first_index,
            .end_index = is_last ? log->synced.index + 1 : segment->end_index,
            .command_bytes = is_last ? log->synced.command_bytes : segment->command_bytes};

        if (segment->first_index <= log->synced.side_first) {
            put(out, &row, sizeof row);
            (*out_count)++;
        }
    }
}

static void put_doomed(struct checkpoint_bytes *out, struct partition_log *log)
{
    for (uint32_t i = 0; i < log->doomed_count; i++) {
        struct checkpoint_doomed doomed = {.number = log->doomed[i].number,
                                           .kind = (uint32_t)log->doomed[i].kind};

        put(out, &doomed, sizeof doomed);
        if (log->doomed[i].when == DOOMED_LATER) {
            log->doomed[i].when = DOOMED_IN_CHECKPOINT;
        }
    }
}

/* Entries that are not in segments and need not be: few, small, no batch. */
static void put_inline(struct checkpoint_bytes *out, const struct partition_log *log,
                       uint32_t *out_count)
{
    for (uint64_t index = log->synced.index + 1; index <= log->last_index; index++) {
        const struct tail_entry *entry = log_tail_at(&log->tail, index);
        struct entry_meta meta;

        log_encode_entry(entry, &meta);
        put(out, &meta, sizeof meta);
        put(out, entry->entry.payload.bytes, entry->size);
        (*out_count)++;
    }
}

/* Can all that is not synced come along? If it is still in memory. */
static bool may_inline(const struct partition_log *log)
{
    return log->synced.index == log->last_index ||
           (log_tail_has(&log->tail, log->synced.index + 1) &&
            mover_may_inline(log, log->synced.index));
}

static uint64_t applied_lsn(const struct partition_log *log, bool is_inlined)
{
    if (is_inlined) {
        return journal_next_lsn(log->storage->journal) - 1;
    }
    /* The cache drops only what was moved, which may be a little more than what is synced. */
    if (log_tail_has(&log->tail, log->synced.index + 1)) {
        uint64_t lsn = log_tail_at(&log->tail, log->synced.index + 1)->lsn - 1;

        return lsn > log->synced_lsn ? lsn : log->synced_lsn;
    }
    return log->synced_lsn;
}

static void put_log(struct checkpoint_bytes *out, struct partition_log *log, uint64_t *lsn)
{
    struct checkpoint_log fixed = {.partition = log->group.partition,
                                   .term = MUTATION(42) ? 0 : log->term,
                                   .vote = log->vote,
                                   .first_index = log->first_index,
                                   .synced_index = log->synced.index,
                                   .start_offset = log->start_offset,
                                   .end_offset = log->synced.offset,
                                   .doomed_count = log->doomed_count};
    const struct log_snapshot *snapshot = &log->snapshot;
    bool is_inlined = may_inline(log);
    size_t at = out->length;
    size_t inline_at;

    memcpy(fixed.topic, log->group.topic.bytes, sizeof fixed.topic);
    fixed.applied_lsn = applied_lsn(log, is_inlined);
    /* A snapshot may be of entries that are not durable: it must not become so before them. Then
     * nothing comes along, and the entries are the journal's to give back. */
    if (log->announced_lsn != 0 && log->announced_lsn <= fixed.applied_lsn) {
        is_inlined = false;
        fixed.applied_lsn = applied_lsn(log, is_inlined);
        if (log->announced_lsn <= fixed.applied_lsn) {
            fixed.applied_lsn = log->announced_lsn - 1;
        }
    }
    *lsn = fixed.applied_lsn + 1 < *lsn ? fixed.applied_lsn + 1 : *lsn;
    fixed.flags = (log->is_corrupt ? CHECKPOINT_CORRUPT : 0u) |
                  (log->is_installing && log->keeps_nothing ? CHECKPOINT_INSTALLING : 0u) |
                  (log->has_directory && !log->is_held ? CHECKPOINT_HAS_DIRECTORY : 0u) |
                  (log->is_memory ? CHECKPOINT_MEMORY : 0u);
    log_encode_snapshot(snapshot, &fixed.snapshot);
    fixed.snapshot.trusted_open = log->trusted_open;
    put(out, &fixed, sizeof fixed);
    for (uint32_t i = 0; i < log->term_count; i++) {
        if (log->terms[i].first_index <= log->synced.index || i == 0) {
            put(out, &log->terms[i], sizeof log->terms[i]);
            fixed.term_count++;
        }
    }
    put_data(out, log, &fixed.data_count);
    put_side(out, log, &fixed.side_count);
    put_doomed(out, log);
    inline_at = out->length;
    if (is_inlined) {
        put_inline(out, log, &fixed.inline_count);
    }
    fixed.inline_bytes = (uint32_t)(out->length - inline_at);
    put(out, snapshot->configuration.bytes, snapshot->configuration.length);
    if (!fixed.snapshot.state_is_in_file) {
        put(out, snapshot->state.bytes, snapshot->state.length);
    }
    memcpy(out->bytes + at, &fixed, sizeof fixed);
}

void checkpoint_encode(struct storage *storage, struct checkpoint_bytes *out, uint64_t *out_lsn)
{
    struct checkpoint_file header = {.magic = CHECKPOINT_MAGIC,
                                     .version = STORAGE_FORMAT_VERSION,
                                     .next_lsn = journal_next_lsn(storage->journal),
                                     .next_outside = storage->next_outside};

    *out_lsn = header.next_lsn;
    put(out, &header, sizeof header);
    map_for_each(link, &storage->logs) {
        put_log(out, CONTAINER_OF(link, struct partition_log, by_group), out_lsn);
        header.log_count++;
    }
    header.length = out->length;
    header.from_sequence = journal_sequence_for(storage->journal, *out_lsn);
    memcpy(out->bytes, &header, sizeof header);
    header.crc = crc32c(out->bytes + 8, out->length - 8);
    memcpy(out->bytes, &header, sizeof header);
}

/* ---- decoding: the CRC held, and yet nothing is believed without a look ---- */

struct rest {
    const char *bytes;
    size_t length;
    bool failed;
};

static const char *take(struct rest *rest, uint64_t length)
{
    const char *taken = rest->bytes;

    if (rest->failed || length > rest->length) {
        rest->failed = true;
        return NULL;
    }
    rest->bytes += length;
    rest->length -= length;
    return taken;
}

static bool copy(struct rest *rest, void *to, size_t length)
{
    const char *from = take(rest, length);

    if (from != NULL) {
        memcpy(to, from, length);
    }
    return from != NULL;
}

static void take_data(struct rest *rest, struct partition_log *log, uint32_t count)
{
    struct segment_row row;

    for (uint32_t i = 0; i < count && copy(rest, &row, sizeof row); i++) {
        const struct data_segment *last = log_files_last_data(log);
        struct data_segment *segment;

        if (row.base_offset < 0 || (last != NULL && last->base_offset >= row.base_offset)) {
            rest->failed = true;
            return;
        }
        segment = log_files_add_data(log, row.base_offset, false);
        segment->is_named = true;
        segment->end_offset = row.end_offset;
        segment->max_timestamp_ms = row.max_timestamp_ms;
        segment->max_timestamp_offset = row.max_timestamp_offset;
        segment->size = row.size;
        segment->is_max_loose = (row.flags & SEGMENT_MAX_IS_LOOSE) != 0;
        segment->unindexed = row.size;
    }
}

static void take_side(struct rest *rest, struct partition_log *log, uint32_t count)
{
    struct checkpoint_side row;

    for (uint32_t i = 0; i < count && copy(rest, &row, sizeof row); i++) {
        const struct side_segment *last = log_files_last_side(log);
        struct side_segment *segment;

        if (last != NULL && last->first_index >= row.first_index) {
            rest->failed = true;
            return;
        }
        segment = log_files_add_side(log, row.first_index, false);
        segment->end_index = row.end_index;
        segment->command_bytes = row.command_bytes;
    }
}

static void take_doomed(struct rest *rest, struct partition_log *log, uint32_t count)
{
    struct checkpoint_doomed doomed;

    for (uint32_t i = 0; i < count && copy(rest, &doomed, sizeof doomed); i++) {
        if (doomed.kind > LOG_FILE_STATE) {
            rest->failed = true;
            return;
        }
        log_files_doom(log, (enum log_file_kind)doomed.kind, doomed.number, true);
    }
}

static void take_inline(struct rest *rest, struct partition_log *log, uint32_t count)
{
    struct entry_meta meta;

    for (uint32_t i = 0; i < count && copy(rest, &meta, sizeof meta); i++) {
        const char *payload = take(rest, meta.size);

        if (payload == NULL || meta.index != log->last_index + 1 || meta.kind == ENTRY_BATCH ||
            meta.kind > ENTRY_CHANGE) {
            rest->failed = true;
            return;
        }
        log_replay_entry(log, &meta, payload, crc32c(payload, meta.size), 0);
    }
}

static void take_snapshot(struct rest *rest, struct partition_log *log,
                          const struct snapshot_meta *meta)
{
    const char *configuration = take(rest, meta->configuration_length);
    const char *state = meta->state_is_in_file ? NULL : take(rest, meta->state_length);

    if (rest->failed || meta->index == 0) {
        return;
    }
    log_decode_snapshot(log, meta, configuration, state);
    /* The journal may know a newer one, for which this one's file had to go. */
    log->is_state_missing = meta->state_is_in_file && log_load_state(log, meta) != ERROR_NONE;
    log_adopt_snapshot(log);
}

static void take_log(struct storage *storage, struct rest *rest)
{
    struct checkpoint_log fixed;
    struct partition_log *log;
    struct group_id group = {0};
    struct term_run run;

    if (!copy(rest, &fixed, sizeof fixed)) {
        return;
    }
    memcpy(group.topic.bytes, fixed.topic, sizeof fixed.topic);
    group.partition = fixed.partition;
    if (storage_find_log(storage, group) != NULL || fixed.first_index == 0) {
        rest->failed = true;
        return;
    }
    log = log_new(storage, group);
    log->replayed_lsn = fixed.applied_lsn;
    log->synced_lsn = fixed.applied_lsn;
    log->term = fixed.term;
    log->vote = fixed.vote;
    log->first_index = fixed.first_index;
    log->last_index = fixed.synced_index;
    log->start_offset = fixed.start_offset;
    log->end_offset = fixed.end_offset;
    log->is_corrupt = (fixed.flags & (CHECKPOINT_CORRUPT | CHECKPOINT_INSTALLING)) != 0;
    log->has_directory = (fixed.flags & CHECKPOINT_HAS_DIRECTORY) != 0;
    log->is_memory = (fixed.flags & CHECKPOINT_MEMORY) != 0;
    log->trusted_open = fixed.snapshot.trusted_open;
    log_tail_reset(&log->tail, fixed.synced_index + 1);
    for (uint32_t i = 0; i < fixed.term_count && copy(rest, &run, sizeof run); i++) {
        log_note_term(log, run.first_index, run.term);
    }
    take_data(rest, log, fixed.data_count);
    take_side(rest, log, fixed.side_count);
    take_doomed(rest, log, fixed.doomed_count);
    log->moved = log_end_position(log);
    log->synced = log->moved;
    log->syncing = log->moved;
    log->durable_index = log->last_index;
    take_inline(rest, log, fixed.inline_count);
    take_snapshot(rest, log, &fixed.snapshot);
}

enum error checkpoint_decode(struct storage *storage, const char *bytes, size_t length,
                             struct checkpoint_file *out_header)
{
    struct rest rest = {.bytes = bytes, .length = length};

    if (!copy(&rest, out_header, sizeof *out_header) || out_header->magic != CHECKPOINT_MAGIC) {
        return ERROR_CORRUPT;
    }
    if (out_header->version > STORAGE_FORMAT_VERSION) {
        return ERROR_VERSION;
    }
    if (out_header->length != length || out_header->crc != crc32c(bytes + 8, length - 8)) {
        return ERROR_CORRUPT;
    }
    for (uint32_t i = 0; i < out_header->log_count && !rest.failed; i++) {
        take_log(storage, &rest);
    }
    return rest.failed ? ERROR_CORRUPT : ERROR_NONE;
}
