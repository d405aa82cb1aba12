/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recovery: the checkpoint's logs, then the journal's records on top, then a look at the files.
 * It may be cut short at any point and begun again: until the journal is written to, it changes
 * nothing but files that nothing names.
 */
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
#include "log_index.h"
#include "log_tail.h"
#include "mover.h"
#include "recovery_files.h"
#include "storage_life.h"

struct recovery {
    struct storage *storage;
    struct journal_replay replay;
    uint64_t outside_max;
    bool is_all_damaged;
    const char *all_reason;
};

/* ---- records ---- */

static void replay_entry(struct recovery *recovery, struct partition_log *log,
                         const struct journal_found *found)
{
    const struct record_header *header = &found->header;
    struct entry_meta meta;
    bool is_extent = header->type == RECORD_EXTENT;

    if (header->meta_length != sizeof meta) {
        log->is_broken = true;
        return;
    }
    memcpy(&meta, found->meta, sizeof meta);
    if (!is_extent && meta.size != header->payload_length) {
        log->is_broken = true;
        return;
    }
    log_replay_entry(log, &meta, is_extent ? NULL : found->payload, header->payload_crc,
                     found->lsn);
    if (is_extent && !log->is_broken) {
        log_tail_at(&log->tail, meta.index)->outside = header->outside;
    }
    if (header->outside > recovery->outside_max) {
        recovery->outside_max = header->outside;
    }
}

static void replay_term_vote(struct partition_log *log, const struct journal_found *found)
{
    struct term_vote_meta meta;

    if (found->header.meta_length != sizeof meta) {
        log->is_broken = true;
        return;
    }
    memcpy(&meta, found->meta, sizeof meta);
    if (meta.term > log->term || (meta.term == log->term && meta.vote != 0)) {
        log->term = meta.term;
        log->vote = meta.vote;
    }
}

static void replay_truncate(struct partition_log *log, const struct journal_found *found)
{
    struct truncate_meta meta;

    if (found->header.meta_length != sizeof meta) {
        log->is_broken = true;
        return;
    }
    memcpy(&meta, found->meta, sizeof meta);
    if (!log_replay_truncate(log, &meta)) {
        log->is_broken = true;
    }
}

/* The snapshot of a SNAPSHOT or INSTALLED record into `announced`; `rest` gets what follows. */
static bool decode_snapshot(struct partition_log *log, const struct journal_found *found,
                            struct snapshot_meta *meta, const char **rest, size_t *rest_length)
{
    size_t length = found->header.payload_length;
    size_t inline_length;

    if (found->header.meta_length != sizeof *meta) {
        return false;
    }
    memcpy(meta, found->meta, sizeof *meta);
    inline_length = meta->state_is_in_file ? 0 : meta->state_length;
    if (meta->configuration_length > length ||
        inline_length > length - meta->configuration_length) {
        return false;
    }
    log_decode_snapshot(log, meta, found->payload,
                        meta->state_is_in_file ? NULL
                                               : found->payload + meta->configuration_length);
    *rest = found->payload + meta->configuration_length + inline_length;
    *rest_length = length - meta->configuration_length - inline_length;
    /* A newer snapshot than one whose file is gone makes that good. */
    log->is_state_missing = meta->state_is_in_file && log_load_state(log, meta) != ERROR_NONE;
    return true;
}

/*
 * A broken log keeps the snapshot of before the damage: what is lost may have replaced entries that
 * a later one speaks of, and up to a snapshot the batches are shown as committed.
 */
static void replay_snapshot(struct partition_log *log, const struct journal_found *found)
{
    struct snapshot_meta meta;
    const char *rest;
    size_t rest_length;

    if (log->is_broken && !MUTATION(74)) {
        return;
    }
    if (found->header.meta_length == sizeof meta) {
        memcpy(&meta, found->meta, sizeof meta);
        if (meta.index <= log->snapshot.index) {
            return;
        }
    }
    if (!decode_snapshot(log, found, &meta, &rest, &rest_length)) {
        log->is_broken = true;
        return;
    }
    log_adopt_snapshot(log);
}

static void replay_reset(struct partition_log *log, const struct journal_found *found)
{
    struct offset_meta meta;

    if (found->header.meta_length != sizeof meta) {
        log->is_broken = true;
        return;
    }
    memcpy(&meta, found->meta, sizeof meta);
    log_drop_all(log, meta.offset);
    log->is_installing = true;
    log->is_broken = false;
}

static void replay_installed(struct partition_log *log, const struct journal_found *found)
{
    struct snapshot_meta meta;
    const char *rest;
    size_t rest_length;

    if (!decode_snapshot(log, found, &meta, &rest, &rest_length) ||
        rest_length != meta.segment_count * sizeof(struct segment_row)) {
        log->is_broken = true;
        return;
    }
    recovery_replace_data(log, rest, meta.segment_count);
    log_begin_behind_snapshot(log);
    log_adopt_snapshot(log);
    log->is_broken = false;
}

static void replay_corrupt(struct partition_log *log, const struct journal_found *found)
{
    char reason[REASON_MAX];

    (void)snprintf(reason, sizeof reason, "%.*s", (int)found->header.payload_length,
                   found->payload);
    log_set_corrupt(log, reason);
}

static void replay_durability(struct partition_log *log, const struct journal_found *found)
{
    struct durability_meta meta;

    if (found->header.meta_length != sizeof meta) {
        log->is_broken = true;
        return;
    }
    memcpy(&meta, found->meta, sizeof meta);
    log->is_memory = meta.is_memory != 0;
    log->trusted_open = meta.trusted_open;
}

static void replay_on_log(struct recovery *recovery, struct partition_log *log,
                          const struct journal_found *found)
{
    switch ((enum record_type)found->header.type) {
    case RECORD_ENTRY:
    case RECORD_EXTENT:
        if (!log->is_broken) {
            replay_entry(recovery, log, found);
        }
        break;
    case RECORD_TERM_VOTE: replay_term_vote(log, found); break;
    case RECORD_TRUNCATE:
        if (!log->is_broken) {
            replay_truncate(log, found);
        }
        break;
    case RECORD_SNAPSHOT: replay_snapshot(log, found); break;
    case RECORD_RESET: replay_reset(log, found); break;
    case RECORD_INSTALLED: replay_installed(log, found); break;
    case RECORD_CORRUPT: replay_corrupt(log, found); break;
    case RECORD_DURABILITY: replay_durability(log, found); break;
    case RECORD_REMOVE: break;
    }
}

static void on_record(void *context, const struct journal_found *found)
{
    struct recovery *recovery = context;
    struct storage *storage = recovery->storage;
    struct group_id group = {.partition = found->header.partition};
    struct partition_log *log;

    memcpy(group.topic.bytes, found->header.topic, sizeof group.topic.bytes);
    log = storage_find_log(storage, group);
    if (log != NULL && found->lsn <= log->replayed_lsn) {
        return;
    }
    if (found->header.type == RECORD_REMOVE) {
        if (log != NULL) {
            map_remove(&storage->logs, &log->by_group);
            log_free(log);
        }
        return;
    }
    if (log == NULL) {
        log = log_new(storage, group);
        log->is_broken = recovery->is_all_damaged;
    }
    log->was_replayed = true;
    replay_on_log(recovery, log, found);
}

/* What a log has in the checkpoint, or installed later, is whole whatever the journal lost. */
static void on_damaged(void *context, const struct group_id *group, uint64_t last_lsn,
                       const char *reason)
{
    struct recovery *recovery = context;
    struct storage *storage = recovery->storage;
    struct partition_log *log;

    if (group == NULL) {
        recovery->is_all_damaged = true;
        recovery->all_reason = reason;
        map_for_each(link, &storage->logs) {
            log = CONTAINER_OF(link, struct partition_log, by_group);
            log->is_broken = log->is_broken || log->replayed_lsn < last_lsn;
        }
        return;
    }
    log = storage_find_log(storage, *group);
    if (log == NULL) {
        log = log_new(storage, *group);
    }
    log->is_broken = log->is_broken || log->replayed_lsn < last_lsn;
}

/* ---- the checkpoint ---- */

static enum error read_checkpoint(struct storage *storage, struct checkpoint_file *out_header,
                                  char *message)
{
    char path[STORAGE_PATH_MAX];
    char *bytes = NULL;
    size_t length = 0;
    enum error error;

    *out_header = (struct checkpoint_file){.from_sequence = 1, .next_lsn = 1, .next_outside = 1};
    checkpoint_path(storage, "checkpoint", path);
    error = recovery_read_file(storage, path, &bytes, &length);
    if (error == ERROR_NOT_FOUND) {
        return ERROR_NONE; /* never made one */
    }
    if (error == ERROR_NONE) {
        error = checkpoint_decode(storage, bytes, length, out_header);
    }
    free(bytes);
    if (error != ERROR_NONE) {
        (void)snprintf(message, REASON_MAX,
                       "%.150s cannot be used (%s): replace the disk and format it anew", path,
                       error_text(error));
    }
    return error;
}

/* ---- the end ---- */

static void finish_log(struct recovery *recovery, struct partition_log *log)
{
    if (log->snapshot.start_offset > log->start_offset) {
        log->start_offset = log->snapshot.start_offset;
    }
    if (log->start_offset > log->end_offset) {
        log->start_offset = log->end_offset; /* it was raised over batches that were not durable */
    }
    if (log->is_broken) {
        log_mark_corrupt(log, recovery->is_all_damaged
                                  ? recovery->all_reason
                                  : "journal records of this log are damaged or missing");
    }
    if (log->is_state_missing) {
        log_mark_corrupt(log, "the state file of the log's snapshot is damaged or missing");
    }
    if (log->is_installing) {
        log->is_installing = false;
        log_mark_corrupt(log, "a refill from a peer was cut short");
    }
    recovery_verify_outside(log, recovery->replay.watermark, recovery->replay.written);
    if (log->snapshot.index > log->last_index) {
        log_mark_corrupt(log, "the snapshot is of entries that are not there");
    }
    log->is_doubtful = log->is_memory && log->trusted_open < log->storage->doubted_open;
    /* What was moved from frames that are lost lies behind the end, whatever was replayed. */
    if ((log->was_replayed || log->is_doubtful) && log->has_directory) {
        log->needs_cut = true;
        log->cut = log_end_position(log);
        log->directory_is_dirty = true;
    }
    mover_kick(log, false);
}

static void finish(struct recovery *recovery, const struct checkpoint_file *header)
{
    struct storage *storage = recovery->storage;
    uint64_t next_lsn = recovery->replay.last_lsn + 1;

    next_lsn = next_lsn > header->next_lsn ? next_lsn : header->next_lsn;
    storage->next_outside = recovery->outside_max + 1;
    if (header->next_outside > storage->next_outside) {
        storage->next_outside = header->next_outside;
    }
    /* Until torn writes are cut by records of their own, only what was complete is complete. */
    journal_start(storage->journal, next_lsn, recovery->replay.watermark,
                  storage_journal_events(storage));
    if (storage->recovery_error == ERROR_NONE) {
        recovery_look_at_files(storage);
    }
    map_for_each(link, &storage->logs) {
        if (storage->recovery_error == ERROR_NONE) {
            finish_log(recovery, CONTAINER_OF(link, struct partition_log, by_group));
        }
    }
    journal_set_watermark(storage->journal, storage->next_outside - 1, storage->next_outside - 1);
    if (recovery->is_all_damaged || recovery->replay.frames > 0) {
        checkpoint_request_soon(storage);
    }
}

enum error storage_recover(struct storage *storage, char *message)
{
    struct recovery recovery = {.storage = storage};
    struct checkpoint_file header;
    struct journal_options options = {
        .loop = storage->loop,
        .disk = storage->disk,
        .directory = storage->journal_directory,
        .file_bytes = storage->options.journal_file_bytes,
        .file_count = storage->options.journal_file_count,
        .crc_seed = crc32c(storage->identity.directory_id.bytes, sizeof(struct uuid)),
        .incarnation = storage->open_count,
        .flush_us = storage->options.memory_sync_us,
        .whole_from = storage->doubted_open};
    enum error error = read_checkpoint(storage, &header, message);

    if (error != ERROR_NONE) {
        return error;
    }
    recovery.replay = (struct journal_replay){.from_sequence = header.from_sequence,
                                              .record = on_record,
                                              .damaged = on_damaged,
                                              .context = &recovery};
    error = journal_open(&options, &recovery.replay, &storage->journal);
    if (error != ERROR_NONE) {
        (void)snprintf(message, REASON_MAX, "the journal in %.150s cannot be read: %s",
                       storage->journal_directory, error_text(error));
        return error;
    }
    finish(&recovery, &header);
    if (storage->recovery_error != ERROR_NONE) {
        (void)snprintf(message, REASON_MAX, "the files in %.150s cannot be looked at: %s",
                       storage->directory, error_text(storage->recovery_error));
    }
    return storage->recovery_error;
}
