/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/storage/partition_log.h"

#include <stdlib.h>
#include <string.h>

#include "gyre/base/check.h"
#include "gyre/base/mutation.h"
#include "gyre/observe/log.h"

#include "log_change.h"
#include "log_files.h"
#include "log_tail.h"
#include "mover.h"

enum { SEGMENT_BYTES_DEFAULT = 1 << 30, INDEX_INTERVAL_DEFAULT = 64 * 1024 };

/* ---- durability ---- */

static void on_journal_durable(struct journal_party *party, uint64_t sequence)
{
    struct partition_log *log = CONTAINER_OF(party, struct partition_log, party);

    if (sequence > log->journal_sequence) {
        log->journal_sequence = sequence;
        if (log->needs_cut) {
            mover_kick(log, false);
        }
    }
    log_report(log);
}

static void advance_durable_index(struct partition_log *log)
{
    while (log_tail_has(&log->tail, log->durable_index + 1) &&
           log_tail_at(&log->tail, log->durable_index + 1)->sequence <= log->durable_sequence) {
        log->durable_index++;
    }
}

void log_report(struct partition_log *log)
{
    struct storage *storage = log->storage;
    uint64_t limit = log->journal_sequence;

    if (log->is_removed) {
        return;
    }
    if (log->announced_sequence != 0 && limit >= log->announced_sequence) {
        log_adopt_snapshot(log);
    }
    if (!list_is_empty(&log->outside_writes) && !MUTATION(45)) {
        const struct outside_write *first =
            list_first(&log->outside_writes, struct outside_write, link);

        limit = first->sequence <= limit ? first->sequence - 1 : limit;
    }
    if (limit <= log->durable_sequence) {
        return;
    }
    log->durable_sequence = limit;
    advance_durable_index(log);
    mover_kick(log, false);
    log_install_poke(log);
    if (storage->listener.durable != NULL && limit > log->recovery_sequence) {
        storage->listener.durable(log->context, limit); /* the log may be gone afterwards */
    }
}

/* ---- life ---- */

struct partition_log *log_new(struct storage *storage, struct group_id group)
{
    struct partition_log *log = check_alloc_zero(sizeof *log);

    log->storage = storage;
    log->group = group;
    log->options = (struct log_options){.durability = LOG_DURABILITY_FSYNC,
                                        .segment_bytes = SEGMENT_BYTES_DEFAULT,
                                        .segment_ms = INT64_MAX,
                                        .index_interval_bytes = INDEX_INTERVAL_DEFAULT};
    log->first_index = 1;
    log->party.durable = on_journal_durable;
    log->moved.data_base = -1;
    log->syncing.data_base = -1;
    log->synced.data_base = -1;
    log_tail_init(&log->tail, 1);
    list_init(&log->pins);
    list_init(&log->outside_writes);
    list_init(&log->move_link);
    list_init(&log->cache_link);
    list_init(&log->pulled);
    list_init(&log->outside_jobs);
    list_init(&log->corrupt_link);
    map_insert(&storage->logs, &log->by_group, group_id_hash(group));
    return log;
}

void log_free(struct partition_log *log)
{
    list_for_each_safe(link, &log->outside_writes) {
        struct outside_write *write = list_entry(link, struct outside_write, link);

        list_remove(link);
        list_remove(&write->all_link);
        list_remove(&write->unwritten_link);
        free(write);
    }
    list_for_each_safe(link, &log->pins) {
        list_remove(link);
    }
    list_remove(&log->move_link);
    list_remove(&log->cache_link);
    list_remove(&log->corrupt_link);
    log->storage->cached_bytes -= log->tail_bytes;
    log_tail_release(&log->tail);
    free(log->corrupt_reason);
    log_files_release(log);
    log_snapshot_release(&log->snapshot);
    log_snapshot_release(&log->announced);
    free(log->terms);
    free(log);
}

struct group_id partition_log_group(const struct partition_log *log)
{
    return log->group;
}

void partition_log_set_context(struct partition_log *log, void *context)
{
    log->context = context;
}

/* Its record comes before what it allows, and behind what it demands to be stable. */
static void note_durability(struct partition_log *log)
{
    struct durability_meta meta = {.is_memory = log->options.durability == LOG_DURABILITY_MEMORY,
                                   .trusted_open = (uint32_t)log->storage->open_count};
    struct journal_record record = {
        .type = RECORD_DURABILITY, .meta = &meta, .meta_length = sizeof meta};

    log->is_memory = meta.is_memory != 0;
    log->trusted_open = meta.trusted_open;
    (void)log_add_record(log, &record);
}

/* It is in memory until the last batch that nobody waited for is stable. */
static void settle_durability(struct partition_log *log)
{
    bool is_memory = log->options.durability == LOG_DURABILITY_MEMORY;

    if (log->is_memory != is_memory && (is_memory || log->outside_relaxed == 0)) {
        note_durability(log);
    }
}

bool log_is_relaxed(const struct partition_log *log)
{
    return log->is_memory && log->options.durability == LOG_DURABILITY_MEMORY;
}

void log_outside_settled(struct partition_log *log)
{
    if (!log->is_removed && !log->is_doubtful) {
        settle_durability(log);
    }
    log_announce_stable(log);
}

void partition_log_set_options(struct partition_log *log, const struct log_options *options)
{
    CHECK(options->segment_bytes > 0);
    log->options = *options;
    if (log->options.index_interval_bytes < INDEX_BYTES_MIN) {
        log->options.index_interval_bytes = INDEX_BYTES_MIN;
    }
    if (!log->is_doubtful) {
        settle_durability(log);
    }
}

bool partition_log_is_doubtful(const struct partition_log *log)
{
    return log->is_doubtful;
}

void partition_log_trust(struct partition_log *log)
{
    if (log->is_doubtful) {
        log->is_doubtful = false;
        note_durability(log);
    }
}

/* ---- what is there ---- */

uint64_t partition_log_term(const struct partition_log *log)
{
    return log->term;
}

uint64_t partition_log_vote(const struct partition_log *log)
{
    return log->vote;
}

uint64_t partition_log_first_index(const struct partition_log *log)
{
    return log->first_index;
}

uint64_t partition_log_last_index(const struct partition_log *log)
{
    return log->last_index;
}

int64_t partition_log_start_offset(const struct partition_log *log)
{
    return log->start_offset;
}

int64_t partition_log_end_offset(const struct partition_log *log)
{
    return log->end_offset;
}

int64_t partition_log_size_bytes(const struct partition_log *log)
{
    int64_t size = 0;

    for (uint32_t i = 0; i < log->data_count; i++) {
        size += log->data[i]->size;
    }
    return size;
}

bool partition_log_is_corrupt(const struct partition_log *log)
{
    return log->is_corrupt;
}

const struct log_snapshot *partition_log_snapshot(const struct partition_log *log)
{
    return &log->snapshot;
}

/* ---- terms ---- */

void log_note_term(struct partition_log *log, uint64_t index, uint64_t term)
{
    if (log->term_count > 0 && log->terms[log->term_count - 1].term == term) {
        return;
    }
    if (log->term_count == log->term_capacity) {
        log->term_capacity = log->term_capacity == 0 ? 2 : log->term_capacity * 2;
        log->terms = check_realloc(log->terms, log->term_capacity * sizeof *log->terms);
    }
    log->terms[log->term_count++] = (struct term_run){.first_index = index, .term = term};
}

void log_cut_terms(struct partition_log *log, uint64_t last_index)
{
    while (log->term_count > 0 && log->terms[log->term_count - 1].first_index > last_index) {
        log->term_count--;
    }
}

uint64_t partition_log_term_at(const struct partition_log *log, uint64_t index)
{
    if (index == 0 || index > log->last_index || index + 1 < log->first_index) {
        return 0;
    }
    for (uint32_t i = log->term_count; i > 0; i--) {
        if (log->terms[i - 1].first_index <= index) {
            return log->terms[i - 1].term;
        }
    }
    return 0;
}

/* ---- records ---- */

uint64_t log_add_record(struct partition_log *log, struct journal_record *record)
{
    record->group = log->group;
    return journal_add(log->storage->journal, record, &log->party, log->sequence);
}

uint64_t partition_log_set_term_vote(struct partition_log *log, uint64_t term, uint64_t vote)
{
    struct term_vote_meta meta = {.term = term, .vote = vote};
    struct journal_record record = {
        .type = RECORD_TERM_VOTE, .meta = &meta, .meta_length = sizeof meta};

    CHECK(term >= log->term);
    log->term = term;
    log->vote = vote;
    log->sequence++;
    (void)log_add_record(log, &record);
    return log->sequence;
}

void log_report_corrupt(struct task *task)
{
    struct storage *storage = CONTAINER_OF(task, struct storage, corrupt_task);

    while (!list_is_empty(&storage->corrupt_logs)) {
        struct partition_log *log =
            list_first(&storage->corrupt_logs, struct partition_log, corrupt_link);

        char directory[STORAGE_PATH_MAX];

        list_remove(&log->corrupt_link);
        log_files_directory(storage, log->group, directory);
        log_error(LOG_STORAGE, "stored bytes are damaged: the replica is refilled from its peers",
                  field_string("log", directory), field_string("reason", log->corrupt_reason));
        if (storage->listener.corrupt != NULL) {
            storage->listener.corrupt(log->context, log->corrupt_reason);
        }
    }
}

void log_set_corrupt(struct partition_log *log, const char *reason)
{
    size_t length = strlen(reason);

    if (log->is_corrupt && log->corrupt_reason != NULL) {
        return;
    }
    log->is_corrupt = true;
    free(log->corrupt_reason);
    log->corrupt_reason = check_alloc(length + 1);
    memcpy(log->corrupt_reason, reason, length + 1);
    list_remove(&log->corrupt_link);
    list_append(&log->storage->corrupt_logs, &log->corrupt_link);
    loop_defer(log->storage->loop, &log->storage->corrupt_task);
}

void log_mark_corrupt(struct partition_log *log, const char *reason)
{
    struct iovec payload;
    struct journal_record record = {
        .type = RECORD_CORRUPT, .payload = &payload, .payload_count = 1};

    if (log->is_corrupt || log->is_removed) {
        return;
    }
    log_set_corrupt(log, reason);
    payload = (struct iovec){.iov_base = log->corrupt_reason, .iov_len = strlen(reason)};
    (void)log_add_record(log, &record);
}

void log_detach(struct partition_log *log)
{
    while (log->data_count > 0) {
        log_files_drop_data(log, log->data_count - 1, true);
    }
    while (log->side_count > 0) {
        log_files_drop_side(log, log->side_count - 1, true);
    }
    list_remove(&log->cache_link);
    list_remove(&log->corrupt_link);
    list_for_each_safe(link, &log->pins) {
        list_remove(link);
    }
}
