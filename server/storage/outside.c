/* SPDX-License-Identifier: Apache-2.0 */
#include "outside.h"

#include <stdlib.h>

#include "gyre/base/check.h"
#include "gyre/base/mutation.h"

#include "descriptors.h"
#include "failure.h"
#include "log_change.h"
#include "log_files.h"
#include "log_sync.h"
#include "log_tail.h"
#include "mover.h"
#include "outside_job.h"
#include "removal.h"

/* ---- who waits ---- */

struct outside_write *outside_hold(struct partition_log *log, uint64_t sequence)
{
    struct outside_write *write = check_alloc_zero(sizeof *write);
    struct list *where = &log->outside_writes;

    /* Almost always the last. */
    while (where->previous != &log->outside_writes &&
           list_entry(where->previous, struct outside_write, link)->sequence > sequence) {
        where = where->previous;
    }
    write->sequence = sequence;
    list_init(&write->link);
    list_init(&write->all_link);
    list_init(&write->unwritten_link);
    list_insert_before(where, &write->link);
    return write;
}

static void move_watermark(struct storage *storage)
{
    uint64_t complete = storage->next_outside - 1;
    uint64_t written = complete;

    if (!list_is_empty(&storage->outside_writes) && !MUTATION(44)) {
        complete = list_first(&storage->outside_writes, struct outside_write, all_link)->number - 1;
    }
    if (!list_is_empty(&storage->outside_unwritten) && !MUTATION(44)) {
        written =
            list_first(&storage->outside_unwritten, struct outside_write, unwritten_link)->number -
            1;
    }
    journal_set_watermark(storage->journal, complete, written);
}

static void forget(struct partition_log *log, struct outside_write *write)
{
    list_remove(&write->link);
    list_remove(&write->all_link);
    list_remove(&write->unwritten_link);
    free(write);
    move_watermark(log->storage);
}

void outside_done(struct partition_log *log, struct outside_write *write)
{
    forget(log, write);
    log_report(log);
}

uint64_t outside_last_number(const struct storage *storage)
{
    return storage->next_outside - 1;
}

/* ---- big batches ---- */

static void job_free(struct outside_job *job)
{
    list_remove(&job->job.link);
    list_remove(&job->link);
    list_remove(&job->unsynced_link);
    job->log->outside_relaxed -= job->is_relaxed ? 1 : 0;
    job->log->storage->outside_bytes -= job->payload.length;
    buffer_slice_unref(&job->payload);
    free(job);
}

static void abandon(struct storage_job *base)
{
    struct outside_job *job = CONTAINER_OF(base, struct outside_job, job);

    if (job->is_running) {
        log_file_abandon(&job->segment->file);
    }
    if (!list_is_alone(&job->unsynced_link) && job->write != NULL) {
        list_remove(&job->write->all_link);
        list_remove(&job->write->unwritten_link);
        free(job->write); /* its log knows it no more */
    }
    job_free(job);
}

void outside_job_end(struct outside_job *job)
{
    struct partition_log *log = job->log;
    struct outside_write *write = job->write;
    struct storage *storage = log->storage;

    log_file_unuse(log->storage, &job->segment->file);
    log->outside_running--;
    job_free(job);
    if (write != NULL) {
        forget(log, write);
    }
    if (log->is_removed) {
        removal_poke(storage); /* the log may be gone afterwards */
        return;
    }
    log_outside_settled(log);
    mover_kick(log, false);
    log_install_poke(log);
    log_report(log);
}

/* The change is durable as it is asked for; the watermark waits until the bytes are stable. */
static void settle_for_written(struct outside_job *job)
{
    struct partition_log *log = job->log;

    log_sync_mark(log->storage, &job->segment->file);
    log->storage->outside_bytes -= job->payload.length;
    buffer_slice_unref(&job->payload);
    job->payload = (struct buffer_slice){0};
    list_remove(&job->write->link);
    list_remove(&job->write->unwritten_link);
    if (MUTATION(73)) {
        list_remove(&job->write->all_link);
    }
    move_watermark(log->storage);
    outside_flush_later(job);
    mover_kick(log, false);
    log_report(log); /* the log may be gone afterwards */
}

static void on_written(struct disk_request *request)
{
    struct outside_job *job = CONTAINER_OF(request, struct outside_job, request);
    struct storage *storage = job->log->storage;

    if (request->error == ERROR_NO_SPACE && job->write != NULL) {
        /* The bytes are in memory and the append is not answered: try until there is room. */
        job->is_running = false;
        log_file_unuse(storage, &job->segment->file);
        job->log->outside_running--;
        mover_out_of_space(storage);
        return;
    }
    if (request->error != ERROR_NONE && request->error != ERROR_NO_SPACE) {
        storage_fail(storage, request, "a segment write failed");
        return;
    }
    if (job->is_relaxed && job->write != NULL && !job->log->is_removed) {
        settle_for_written(job);
    } else {
        outside_job_end(job);
    }
}

static void write_payload(struct outside_job *job)
{
    job->vector = (struct iovec){.iov_base = job->payload.bytes, .iov_len = job->payload.length};
    job->request =
        (struct disk_request){.operation = job->is_relaxed ? DISK_WRITE_AT : DISK_WRITE_DURABLE,
                              .fd = job->segment->file.fd,
                              .offset = job->position,
                              .vectors = &job->vector,
                              .vector_count = 1,
                              .done = on_written};
    disk_submit(job->log->storage->disk, DISK_LANE_READ, &job->request);
}

static void on_opened(struct disk_request *request)
{
    struct outside_job *job = CONTAINER_OF(request, struct outside_job, request);
    struct storage *storage = job->log->storage;

    if (request->error != ERROR_NONE) {
        storage_fail(storage, request, "a segment could not be opened");
        return;
    }
    log_file_opened(storage, &job->segment->file, request->opened_fd);
    write_payload(job);
}

static void start(struct outside_job *job)
{
    struct partition_log *log = job->log;

    job->is_running = true;
    log->outside_running++;
    log_file_use(&job->segment->file);
    if (job->segment->file.fd >= 0) {
        write_payload(job);
        return;
    }
    log_files_path(log, LOG_FILE_DATA, (uint64_t)job->segment->base_offset, job->path);
    job->request =
        (struct disk_request){.operation = DISK_OPEN, .path = job->path, .done = on_opened};
    descriptors_open(log->storage, DISK_LANE_READ, &job->request);
}

struct data_segment *outside_waiting_segment(const struct partition_log *log)
{
    list_for_each(link, &log->outside_jobs) {
        const struct outside_job *job = list_entry(link, struct outside_job, link);

        if (!job->is_running) {
            return job->segment;
        }
    }
    return NULL;
}

void outside_start_waiting(struct partition_log *log)
{
    list_for_each_safe(link, &log->outside_jobs) {
        struct outside_job *job = list_entry(link, struct outside_job, link);

        if (job->is_running) {
            continue;
        }
        if (log->needs_cut || log->is_held || !job->segment->is_named) {
            log->needs_segment = true;
            mover_kick(log, false);
            break;
        }
        start(job);
    }
}

bool outside_is_stable(const struct partition_log *log, uint64_t index)
{
    list_for_each(link, &log->outside_jobs) {
        const struct outside_job *job = list_entry(link, struct outside_job, link);

        if (job->is_relaxed && job->write != NULL && job->index <= index) {
            return false;
        }
    }
    return true;
}

void outside_begin(struct partition_log *log, uint64_t index)
{
    const struct tail_entry *entry = log_tail_at(&log->tail, index);
    struct storage *storage = log->storage;
    struct outside_job *job = check_alloc_zero(sizeof *job);

    storage_job_init(&job->job, storage, abandon);
    list_init(&job->link);
    list_init(&job->unsynced_link);
    list_append(&log->outside_jobs, &job->link);
    job->log = log;
    job->segment = log_files_find_data(log, entry->entry.base_offset);
    job->index = index;
    job->position = entry->position;
    job->is_relaxed = log_is_relaxed(log);
    log->outside_relaxed += job->is_relaxed ? 1 : 0;
    job->payload = buffer_slice_ref(entry->entry.payload);
    storage->outside_bytes += entry->size;
    job->write = outside_hold(log, entry->sequence);
    job->write->number = storage->next_outside++;
    list_append(&storage->outside_writes, &job->write->all_link);
    list_append(&storage->outside_unwritten, &job->write->unwritten_link);
    move_watermark(storage);
    outside_start_waiting(log);
}

void outside_drop_from(struct partition_log *log, uint64_t index)
{
    bool is_dropped = false;

    list_for_each_safe(link, &log->outside_jobs) {
        struct outside_job *job = list_entry(link, struct outside_job, link);

        if (job->index < index) {
            continue;
        }
        is_dropped = true;
        if (job->write != NULL) {
            forget(log, job->write);
            job->write = NULL;
        }
        if (!job->is_running) {
            job_free(job);
        }
    }
    if (is_dropped) {
        log_outside_settled(log);
    }
}
