/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots: what Raft needs to know of the entries that may be forgotten. The state machine's
 * state travels in the journal record if it is small; otherwise it goes to a file of its own,
 * which is complete and synced before the record is added.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/base/check.h"
#include "gyre/base/crc32c.h"

#include "checkpoint.h"
#include "descriptors.h"
#include "failure.h"
#include "log_change.h"
#include "log_files.h"
#include "mover.h"
#include "outside.h"
#include "removal.h"
#include "space.h"

enum { RETRY_US = 1000000, PATH_WITH_SUFFIX_MAX = STORAGE_PATH_MAX + 8 };

void log_snapshot_release(struct log_snapshot *snapshot)
{
    buffer_slice_unref(&snapshot->configuration);
    buffer_slice_unref(&snapshot->state);
    *snapshot = (struct log_snapshot){0};
}

void log_encode_snapshot(const struct log_snapshot *snapshot, struct snapshot_meta *out_meta)
{
    *out_meta =
        (struct snapshot_meta){.index = snapshot->index,
                               .term = snapshot->term,
                               .start_offset = snapshot->start_offset,
                               .next_offset = snapshot->next_offset,
                               .configuration_index = snapshot->configuration_index,
                               .configuration_length = (uint32_t)snapshot->configuration.length,
                               .state_length = (uint32_t)snapshot->state.length,
                               .state_crc = crc32c(snapshot->state.bytes, snapshot->state.length),
                               .state_is_in_file = snapshot->state.length > STATE_INLINE_BYTES_MAX};
}

static struct buffer_slice slice_of(const char *bytes, size_t length)
{
    struct buffer *buffer;
    struct buffer_slice slice;

    if (length == 0) {
        return (struct buffer_slice){0};
    }
    buffer = buffer_copy(bytes, length);
    slice = buffer_slice(buffer, 0, length);
    buffer_unref(buffer);
    return slice;
}

void log_decode_snapshot(struct partition_log *log, const struct snapshot_meta *meta,
                         const char *configuration, const char *state)
{
    log_snapshot_release(&log->announced);
    log->announced = (struct log_snapshot){
        .index = meta->index,
        .term = meta->term,
        .start_offset = meta->start_offset,
        .next_offset = meta->next_offset,
        .configuration_index = meta->configuration_index,
        .configuration = slice_of(configuration, meta->configuration_length),
        .state = state != NULL ? slice_of(state, meta->state_length) : (struct buffer_slice){0}};
}

void log_adopt_snapshot(struct partition_log *log)
{
    bool had_file = log->snapshot.state.length > STATE_INLINE_BYTES_MAX;

    if (had_file && log->snapshot.index != log->announced.index) {
        log_files_doom(log, LOG_FILE_STATE, log->snapshot.index, false);
    }
    for (uint32_t i = 0; i < log->doomed_count; i++) {
        if (log->doomed[i].when == DOOMED_WITH_SNAPSHOT) {
            log->doomed[i].when = DOOMED_LATER;
        }
    }
    log_snapshot_release(&log->snapshot);
    log->announced_lsn = 0;
    log->snapshot = log->announced;
    log->announced = (struct log_snapshot){0};
    log->announced_sequence = 0;
    log_drop_old_segments(log);
}

/* ---- state files ---- */

enum state_step {
    STATE_DIRECTORY,
    STATE_OPEN,
    STATE_EMPTY,
    STATE_WRITE,
    STATE_SYNC,
    STATE_CLOSE,
    STATE_RENAME,
    STATE_NAME,
    STATE_ROOT,
    STATE_DONE,
};

struct state_job {
    struct storage_job job;
    struct partition_log *log;
    void (*written)(struct partition_log *log);
    enum state_step step;
    uint64_t index;
    struct buffer_slice state;
    struct state_file header;
    struct iovec vectors[2];
    struct disk_request request;
    struct timer retry;
    int fd;
    char directory[STORAGE_PATH_MAX];
    char path[STORAGE_PATH_MAX];
    char new_path[PATH_WITH_SUFFIX_MAX];
};

static void state_free(struct state_job *job)
{
    timer_stop(job->job.storage->loop, &job->retry);
    list_remove(&job->job.link);
    buffer_slice_unref(&job->state);
    free(job);
}

static void abandon(struct storage_job *base)
{
    state_free(CONTAINER_OF(base, struct state_job, job));
}

static void on_state_step(struct disk_request *request);

static void submit(struct state_job *job, struct disk_request request)
{
    job->request = request;
    job->request.done = on_state_step;
    descriptors_submit(job->job.storage, DISK_LANE_SEGMENT, &job->request);
}

static void state_end(struct state_job *job)
{
    struct partition_log *log = job->log;
    void (*written)(struct partition_log * log) = job->written;
    struct storage *storage = job->job.storage;

    log->state_job = NULL;
    log->has_directory = true;
    state_free(job);
    if (log->is_removed) {
        removal_poke(storage);
        return;
    }
    written(log);
    log_install_poke(log);
}

static void state_step(struct state_job *job)
{
    switch (job->step) {
    case STATE_DIRECTORY:
        submit(job,
               (struct disk_request){.operation = DISK_MAKE_DIRECTORY, .path = job->directory});
        break;
    case STATE_OPEN:
        submit(job, (struct disk_request){
                        .operation = DISK_OPEN, .flags = DISK_CREATE, .path = job->new_path});
        break;
    case STATE_EMPTY:
        job->fd = job->request.opened_fd;
        submit(job, (struct disk_request){.operation = DISK_TRUNCATE, .fd = job->fd});
        break;
    case STATE_WRITE:
        submit(job, (struct disk_request){.operation = DISK_WRITE_AT,
                                          .fd = job->fd,
                                          .vectors = job->vectors,
                                          .vector_count = 2});
        break;
    case STATE_SYNC:
        submit(job, (struct disk_request){.operation = DISK_SYNC, .fd = job->fd});
        break;
    case STATE_CLOSE:
        submit(job, (struct disk_request){.operation = DISK_CLOSE, .fd = job->fd});
        job->fd = -1;
        break;
    case STATE_RENAME:
        submit(job, (struct disk_request){
                        .operation = DISK_RENAME, .path = job->new_path, .to_path = job->path});
        break;
    case STATE_NAME:
        submit(job,
               (struct disk_request){.operation = DISK_SYNC_DIRECTORY, .path = job->directory});
        break;
    case STATE_ROOT:
        submit(job, (struct disk_request){.operation = DISK_SYNC_DIRECTORY,
                                          .path = job->job.storage->directory});
        break;
    case STATE_DONE: state_end(job); break;
    }
}

static void on_retry(struct timer *timer)
{
    struct state_job *job = CONTAINER_OF(timer, struct state_job, retry);

    if (job->log->is_held) {
        timer_start(job->job.storage->loop, &job->retry, RETRY_US);
        return;
    }
    job->step = STATE_DIRECTORY;
    state_step(job);
}

static void on_state_step(struct disk_request *request)
{
    struct state_job *job = CONTAINER_OF(request, struct state_job, request);
    struct storage *storage = job->job.storage;
    bool is_there = job->step == STATE_DIRECTORY && request->error == ERROR_EXISTS;

    if (request->error == ERROR_NO_SPACE) {
        if (job->fd >= 0) {
            descriptors_close_other(storage, job->fd);
            job->fd = -1;
        }
        space_set(storage, false);
        timer_start(storage->loop, &job->retry, RETRY_US);
        return;
    }
    if (request->error != ERROR_NONE && !is_there) {
        storage_fail(storage, request, "a snapshot's state could not be written");
        return;
    }
    job->step++;
    state_step(job);
}

void log_write_state(struct partition_log *log, const struct log_snapshot *snapshot,
                     void (*written)(struct partition_log *log))
{
    struct state_job *job;

    if (snapshot->state.length <= STATE_INLINE_BYTES_MAX) {
        written(log);
        return;
    }
    job = check_alloc_zero(sizeof *job);
    storage_job_init(&job->job, log->storage, abandon);
    job->log = log;
    job->written = written;
    job->index = snapshot->index;
    job->state = buffer_slice_ref(snapshot->state);
    job->fd = -1;
    timer_init(&job->retry, on_retry);
    job->header = (struct state_file){.magic = STATE_MAGIC,
                                      .version = STORAGE_FORMAT_VERSION,
                                      .length = (uint32_t)snapshot->state.length,
                                      .index = snapshot->index,
                                      .term = snapshot->term};
    job->header.crc = crc32c((const char *)&job->header + 8, sizeof job->header - 8);
    job->header.crc = crc32c_extend(job->header.crc, snapshot->state.bytes, snapshot->state.length);
    job->vectors[0] = (struct iovec){.iov_base = &job->header, .iov_len = sizeof job->header};
    job->vectors[1] = (struct iovec){.iov_base = job->state.bytes, .iov_len = job->state.length};
    log_files_directory(log->storage, log->group, job->directory);
    log_files_path(log, LOG_FILE_STATE, snapshot->index, job->path);
    (void)snprintf(job->new_path, sizeof job->new_path, "%s.new", job->path);
    log->state_job = job;
    if (log->is_held) {
        timer_start(log->storage->loop, &job->retry, RETRY_US);
    } else {
        state_step(job);
    }
}

static enum error read_state(struct storage *storage, int fd, const struct snapshot_meta *meta,
                             struct buffer_slice *out_state)
{
    struct state_file header = {0};
    struct buffer *buffer = buffer_new(meta->state_length);
    struct iovec vectors[2] = {{.iov_base = &header, .iov_len = sizeof header},
                               {.iov_base = buffer->bytes, .iov_len = meta->state_length}};
    struct disk_request read = {
        .operation = DISK_READ_AT, .fd = fd, .vectors = vectors, .vector_count = 2};
    uint32_t crc;

    disk_execute(storage->disk, &read);
    crc = crc32c((const char *)&header + 8, sizeof header - 8);
    crc = crc32c_extend(crc, buffer->bytes, meta->state_length);
    if (read.error != ERROR_NONE || read.bytes != (int64_t)(sizeof header + meta->state_length) ||
        header.magic != STATE_MAGIC || header.crc != crc || header.index != meta->index ||
        header.length != meta->state_length ||
        crc32c(buffer->bytes, meta->state_length) != meta->state_crc) {
        buffer_unref(buffer);
        return ERROR_CORRUPT;
    }
    *out_state = buffer_slice(buffer, 0, meta->state_length);
    buffer_unref(buffer);
    return ERROR_NONE;
}

enum error log_load_state(struct partition_log *log, const struct snapshot_meta *meta)
{
    struct storage *storage = log->storage;
    char path[STORAGE_PATH_MAX];
    struct disk_request open = {.operation = DISK_OPEN, .flags = DISK_READ_ONLY, .path = path};
    struct disk_request close = {.operation = DISK_CLOSE};
    enum error error;

    log_files_path(log, LOG_FILE_STATE, meta->index, path);
    disk_execute(storage->disk, &open);
    if (open.error != ERROR_NONE) {
        storage->recovery_error =
            open.error == ERROR_NO_DESCRIPTORS ? open.error : storage->recovery_error;
        return ERROR_CORRUPT;
    }
    error = read_state(storage, open.opened_fd, meta, &log->announced.state);
    close.fd = open.opened_fd;
    disk_execute(storage->disk, &close);
    return error;
}

/* ---- setting a snapshot ---- */

/* Its record is on its way and may be replayed: its file goes when the next one is durable. */
void log_supersede_announced(struct partition_log *log)
{
    if (log->announced.state.length > STATE_INLINE_BYTES_MAX) {
        log_files_doom(log, LOG_FILE_STATE, log->announced.index, false);
        log->doomed[log->doomed_count - 1].when = DOOMED_WITH_SNAPSHOT;
    }
    log->announced_sequence = 0;
}

static void add_record(struct partition_log *log)
{
    struct snapshot_meta meta;
    struct iovec payload[2];
    uint64_t lsn;
    struct journal_record record = {.type = RECORD_SNAPSHOT,
                                    .meta = &meta,
                                    .meta_length = sizeof meta,
                                    .payload = payload,
                                    .payload_count = 1};

    log_encode_snapshot(&log->announced, &meta);
    payload[0] = (struct iovec){.iov_base = log->announced.configuration.bytes,
                                .iov_len = log->announced.configuration.length};
    if (!meta.state_is_in_file) {
        payload[record.payload_count++] = (struct iovec){.iov_base = log->announced.state.bytes,
                                                         .iov_len = log->announced.state.length};
    }
    lsn = log_add_record(log, &record);
    log->announced_lsn = log->announced_lsn == 0 ? lsn : log->announced_lsn;
    log->announced_sequence = log->sequence;
    if (log->announced_hold != NULL) {
        outside_done(log, log->announced_hold);
        log->announced_hold = NULL;
    }
}

static void on_state_written(struct partition_log *log)
{
    if (log->announced.index == 0) {
        /* The log was reset meanwhile. */
        outside_done(log, log->announced_hold);
        log->announced_hold = NULL;
        return;
    }
    if (log->announced_is_newer) {
        /* Another one was set while this was written; its file is of no use. */
        log->announced_is_newer = false;
        log_files_doom(log, LOG_FILE_STATE, log->written_state_index, false);
        log->written_state_index = log->announced.index;
        log_write_state(log, &log->announced, on_state_written);
        return;
    }
    if (!outside_is_stable(log, log->announced.index)) {
        /* It must not say more than the disk holds. */
        log->announced_waits = true;
        outside_flush_now(log->storage);
        return;
    }
    add_record(log);
}

void log_announce_stable(struct partition_log *log)
{
    if (log->announced_waits &&
        (log->announced.index == 0 || outside_is_stable(log, log->announced.index))) {
        log->announced_waits = false;
        on_state_written(log);
    }
}

uint64_t partition_log_set_snapshot(struct partition_log *log, const struct log_snapshot *snapshot)
{
    CHECK(!log->is_installing);
    CHECK(snapshot->index <= log->last_index);
    log->sequence++;
    if (log->announced_sequence != 0) {
        log_supersede_announced(log);
    }
    log_snapshot_release(&log->announced);
    log->announced = *snapshot;
    if (log->state_job != NULL || log->announced_waits) {
        log->announced_is_newer = true;
        return log->sequence;
    }
    if (snapshot->state.length > STATE_INLINE_BYTES_MAX ||
        !outside_is_stable(log, snapshot->index)) {
        log->announced_hold = outside_hold(log, log->sequence);
    }
    log->written_state_index = snapshot->index;
    log_write_state(log, &log->announced, on_state_written);
    return log->sequence;
}
