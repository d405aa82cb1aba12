/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Installing what a leader sends instead of entries. Pulled batches go straight to new segments;
 * when all of them are synced, with the state, one record makes them part of the log. Before that
 * record nothing names them: a crash leaves the kept prefix, or a log that knows it is incomplete.
 */
#include <stdlib.h>
#include <string.h>

#include "gyre/base/check.h"
#include "gyre/base/mutation.h"
#include "gyre/observe/log.h"
#include "gyre/wire/record_batch.h"

#include "checkpoint.h"
#include "descriptors.h"
#include "failure.h"
#include "log_change.h"
#include "log_files.h"
#include "log_index.h"
#include "log_tail.h"
#include "mover.h"
#include "outside.h"
#include "pulled.h"

enum install_step { PULLING, FINISHING, SYNCING, NAMING, NAMING_ROOT, WRITING_STATE };

struct install {
    struct storage_job job;
    struct partition_log *log; /* NULL: given up while a request runs */
    enum install_step step;
    bool has_segment; /* the first pulled batch opened one */
    struct outside_write *hold;
    struct log_snapshot snapshot; /* from finish() on */
    struct disk_request request;
    struct log_file *file; /* being synced */
    uint32_t sync_at;
    char path[STORAGE_PATH_MAX];
};

static void abandon(struct storage_job *job)
{
    struct install *install = CONTAINER_OF(job, struct install, job);

    list_remove(&job->link);
    log_snapshot_release(&install->snapshot);
    free(install);
}

void log_install_release(struct partition_log *log)
{
    list_for_each_safe(link, &log->pulled) {
        pulled_free(log, list_entry(link, struct pulled_batches, link));
    }
    if (log->install != NULL && log->install->request.done == NULL) {
        abandon(&log->install->job);
    } else if (log->install != NULL) {
        log->install->log = NULL; /* ends when its request does; the log may be gone then */
    }
    log->install = NULL;
}

/* ---- start ---- */

static bool keeps_prefix(struct partition_log *log, uint64_t keep_index, int64_t start_offset)
{
    struct log_position end;

    if (log->is_corrupt || keep_index == 0 || keep_index + 1 < log->first_index ||
        keep_index > log->last_index) {
        return false;
    }
    return log_position_before(log, keep_index + 1, &end) == ERROR_NONE &&
           end.offset >= start_offset;
}

static void start_anew(struct partition_log *log, int64_t start_offset)
{
    struct offset_meta meta = {.offset = start_offset};
    struct journal_record record = {
        .type = RECORD_RESET, .meta = &meta, .meta_length = sizeof meta};

    log_drop_all(log, start_offset);
    (void)log_add_record(log, &record);
}

uint64_t partition_log_install_start(struct partition_log *log, uint64_t keep_index,
                                     int64_t start_offset)
{
    struct install *install;

    log->sequence++;
    if (log->install != NULL) {
        log_install_release(log); /* the one before was given up */
    }
    log->keeps_nothing = !keeps_prefix(log, keep_index, start_offset);
    if (log->keeps_nothing) {
        start_anew(log, start_offset);
    } else {
        CHECK(log_drop_from(log, keep_index + 1) == ERROR_NONE); /* its rows were just read */
    }
    install = check_alloc_zero(sizeof *install);
    storage_job_init(&install->job, log->storage, abandon);
    install->log = log;
    log->install = install;
    log->is_installing = true;
    return log->sequence;
}

/* ---- batches ---- */

void pulled_free(struct partition_log *log, struct pulled_batches *pulled)
{
    log->storage->pulled_bytes -= pulled->slice.length;
    list_remove(&pulled->link);
    log_file_let_go(log->storage, &pulled->segment->file);
    buffer_slice_unref(&pulled->slice);
    free(pulled);
}

static struct data_segment *segment_for(struct partition_log *log, int64_t base_offset, size_t size)
{
    struct data_segment *segment = log_files_last_data(log);

    if (log->install->has_segment && segment->size + size <= (size_t)log->options.segment_bytes) {
        return segment;
    }
    log->install->has_segment = true;
    return log_files_add_data(log, base_offset, true);
}

static void take_batch(struct partition_log *log, struct data_segment *segment,
                       const struct record_batch_info *info)
{
    log_index_note(log, segment, info->base_offset, info->max_timestamp_ms);
    segment->size += (uint32_t)info->size;
    segment->end_offset = info->last_offset + 1;
    log->end_offset = segment->end_offset;
}

/* Queue `length` bytes of whole batches that all go to one segment. */
static void queue_bytes(struct partition_log *log, struct buffer_slice batches, size_t offset,
                        struct data_segment *segment, uint32_t position)
{
    struct pulled_batches *pulled = check_alloc_zero(sizeof *pulled);
    size_t length = segment->size - position;

    list_init(&pulled->link);
    pulled->segment = segment;
    pulled->position = position;
    pulled->slice = buffer_slice(batches.buffer,
                                 (size_t)(batches.bytes - batches.buffer->bytes) + offset, length);
    log_file_hold(&segment->file);
    log->storage->pulled_bytes += length;
    list_append(&log->pulled, &pulled->link);
}

void partition_log_install_append(struct partition_log *log, struct buffer_slice batches)
{
    size_t at = 0;
    size_t from = 0;
    struct data_segment *current = NULL;
    uint32_t position = 0;

    CHECK(log->is_installing);
    while (at < batches.length) {
        struct record_batch_info info;
        struct data_segment *segment;

        if (record_batch_parse(batches.bytes + at, batches.length - at, &info) != ERROR_NONE ||
            info.base_offset < log->end_offset ||
            !record_batch_crc_holds(batches.bytes + at, info.size)) {
            log_mark_corrupt(log, "a batch that was pulled from a peer is damaged");
            break;
        }
        segment = segment_for(log, info.base_offset, info.size);
        if (segment != current && current != NULL) {
            queue_bytes(log, batches, from, current, position);
            from = at;
        }
        if (segment != current) {
            current = segment;
            position = segment->size;
        }
        take_batch(log, segment, &info);
        at += info.size;
    }
    if (current != NULL && current->size > position) {
        queue_bytes(log, batches, from, current, position);
    }
    buffer_slice_unref(&batches);
    mover_kick(log, true);
}

/* ---- finish ---- */

void log_begin_behind_snapshot(struct partition_log *log)
{
    const struct log_snapshot *snapshot = &log->announced;
    const struct data_segment *data = log_files_last_data(log);
    struct log_position position = {.index = snapshot->index,
                                    .offset = snapshot->next_offset,
                                    .data_base = data == NULL ? -1 : data->base_offset,
                                    .data_size = data == NULL ? 0 : data->size};

    while (log->side_count > 0) {
        log_files_drop_side(log, log->side_count - 1, false);
    }
    log->storage->cached_bytes -= log->tail_bytes;
    log->tail_bytes = 0;
    log->unmoved_bytes = 0;
    log_tail_reset(&log->tail, snapshot->index + 1);
    log->moved = position;
    log->syncing = position;
    log->synced = position;
    log->first_index = snapshot->index + 1;
    log->last_index = snapshot->index;
    log->durable_index = snapshot->index;
    log->end_offset = snapshot->next_offset;
    log->start_offset = snapshot->start_offset;
    log->term_count = 0;
    log_note_term(log, snapshot->index, snapshot->term);
    log->is_installing = false;
    log->keeps_nothing = false;
    log->is_corrupt = false;
    log->is_state_missing = false;
    list_remove(&log->corrupt_link); /* what was reported is made good */
}

static void add_record(struct partition_log *log)
{
    struct snapshot_meta meta;
    struct segment_row *rows = check_alloc(log->data_count * sizeof *rows);
    struct iovec payload[3];
    struct journal_record record = {
        .type = RECORD_INSTALLED, .meta = &meta, .meta_length = sizeof meta, .payload = payload};

    log_encode_snapshot(&log->announced, &meta);
    meta.segment_count = log->data_count;
    for (uint32_t i = 0; i < log->data_count; i++) {
        const struct data_segment *segment = log->data[i];

        rows[i] = (struct segment_row){.base_offset = segment->base_offset,
                                       .end_offset = segment->end_offset,
                                       .max_timestamp_ms = segment->max_timestamp_ms,
                                       .max_timestamp_offset = segment->max_timestamp_offset,
                                       .size = segment->size,
                                       .flags = segment->is_max_loose ? SEGMENT_MAX_IS_LOOSE : 0u};
    }
    payload[record.payload_count++] =
        (struct iovec){.iov_base = log->announced.configuration.bytes,
                       .iov_len = log->announced.configuration.length};
    if (!meta.state_is_in_file) {
        payload[record.payload_count++] = (struct iovec){.iov_base = log->announced.state.bytes,
                                                         .iov_len = log->announced.state.length};
    }
    payload[record.payload_count++] =
        (struct iovec){.iov_base = rows, .iov_len = log->data_count * sizeof *rows};
    log->synced_lsn = log_add_record(log, &record);
    log->syncing_lsn = log->synced_lsn;
    free(rows);
}

static void on_state_written(struct partition_log *log)
{
    struct install *install = log->install;
    struct outside_write *hold = install->hold;

    add_record(log);
    if (log->is_corrupt) {
        char directory[STORAGE_PATH_MAX];

        log_files_directory(log->storage, log->group, directory);
        log_info(LOG_STORAGE, "a damaged replica was refilled from its peers",
                 field_string("log", directory));
    }
    log_begin_behind_snapshot(log);
    log_adopt_snapshot(log); /* all of it is on stable storage, but for the record */
    log->install = NULL;
    abandon(&install->job);
    checkpoint_request_soon(log->storage);
    outside_done(log, hold);
}

static void on_step_done(struct disk_request *request);

static void submit(struct install *install, enum disk_lane lane, struct disk_request request)
{
    install->request = request;
    install->request.done = on_step_done;
    descriptors_submit(install->log->storage, lane, &install->request);
}

/* Sync the segments that are not yet; one that is closed is synced. */
static bool sync_next(struct install *install)
{
    struct partition_log *log = install->log;

    while (install->sync_at < log->data_count) {
        struct log_file *file = &log->data[install->sync_at++]->file;

        if (file->fd >= 0) {
            install->file = file;
            log_file_use(file);
            submit(install, DISK_LANE_READ,
                   (struct disk_request){.operation = DISK_SYNC, .fd = file->fd});
            return true;
        }
    }
    return false;
}

static void take_snapshot(struct install *install)
{
    struct partition_log *log = install->log;

    if (log->announced_sequence != 0) {
        log_supersede_announced(log);
    }
    log_snapshot_release(&log->announced);
    log->announced = install->snapshot;
    install->snapshot = (struct log_snapshot){0};
}

static void install_step(struct install *install)
{
    struct partition_log *log = install->log;

    if (install->step == SYNCING && !MUTATION(60) && sync_next(install)) {
        return;
    }
    install->step++;
    if (install->step == NAMING && (!log->has_directory || MUTATION(60))) {
        install->step = WRITING_STATE;
    }
    if (install->step == NAMING) {
        log_files_directory(log->storage, log->group, install->path);
        submit(install, DISK_LANE_SEGMENT,
               (struct disk_request){.operation = DISK_SYNC_DIRECTORY, .path = install->path});
    } else if (install->step == NAMING_ROOT) {
        submit(install, DISK_LANE_SEGMENT,
               (struct disk_request){.operation = DISK_SYNC_DIRECTORY,
                                     .path = log->storage->directory});
    } else {
        take_snapshot(install);
        log_write_state(log, &log->announced, on_state_written);
    }
}

static void on_step_done(struct disk_request *request)
{
    struct install *install = CONTAINER_OF(request, struct install, request);
    struct storage *storage = install->job.storage;

    if (request->error != ERROR_NONE) {
        storage_fail(storage, request, "an installed segment could not be synced");
        return;
    }
    request->done = NULL;
    if (install->file != NULL) {
        log_file_unuse(storage, install->file);
        install->file = NULL;
    }
    if (install->log == NULL) {
        abandon(&install->job);
        return;
    }
    install_step(install);
}

void log_install_poke(struct partition_log *log)
{
    struct install *install = log->install;

    if (install == NULL || install->step != FINISHING || log->is_removed ||
        !list_is_empty(&log->pulled) || log->needs_cut || log->mover != NULL ||
        log->outside_running > 0 || log->state_job != NULL ||
        log->durable_index < log->last_index || mover_has_work(log)) {
        return;
    }
    install->step = SYNCING;
    install_step(install);
}

uint64_t partition_log_install_finish(struct partition_log *log,
                                      const struct log_snapshot *snapshot)
{
    CHECK(log->is_installing);
    CHECK(log->install != NULL);
    CHECK(log->install->step == PULLING);
    log->sequence++;
    log->install->step = FINISHING;
    log->install->hold = outside_hold(log, log->sequence);
    log->install->snapshot = *snapshot;
    mover_kick(log, true);
    log_install_poke(log);
    return log->sequence;
}
