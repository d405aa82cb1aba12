/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Big batches of logs in memory, a moment after they were written: one sync a segment makes all of
 * its batches stable that were written before it began.
 */
#include <stdlib.h>

#include "gyre/base/check.h"

#include "failure.h"
#include "log_files.h"
#include "outside.h"
#include "outside_job.h"

struct flush {
    struct storage_job job;
    struct data_segment *segment; /* used */
    uint64_t round;
    struct disk_request request;
};

static void release(struct flush *flush)
{
    list_remove(&flush->job.link);
    free(flush);
}

static void abandon(struct storage_job *base)
{
    struct flush *flush = CONTAINER_OF(base, struct flush, job);

    log_file_abandon(&flush->segment->file);
    release(flush);
}

static void on_synced(struct disk_request *request)
{
    struct flush *flush = CONTAINER_OF(request, struct flush, request);
    struct storage *storage = flush->job.storage;
    struct list ended;

    if (request->error != ERROR_NONE) {
        storage_fail(storage, request, "a segment could not be synced");
        return;
    }
    list_init(&ended);
    list_for_each_safe(link, &storage->outside_unsynced) {
        const struct outside_job *job = list_entry(link, struct outside_job, unsynced_link);

        if (job->segment == flush->segment && job->round != 0 && job->round <= flush->round) {
            list_remove(link);
            list_append(&ended, link);
        }
    }
    while (!list_is_empty(&ended)) {
        outside_job_end(list_first(&ended, struct outside_job, unsynced_link));
    }
    log_file_unuse(storage, &flush->segment->file);
    release(flush);
}

static void start(struct storage *storage, struct data_segment *segment)
{
    struct flush *flush = check_alloc_zero(sizeof *flush);

    CHECK(segment->file.fd >= 0);
    storage_job_init(&flush->job, storage, abandon);
    log_file_use(&segment->file);
    segment->file.flush_round = storage->outside_round;
    flush->segment = segment;
    flush->round = storage->outside_round;
    flush->request =
        (struct disk_request){.operation = DISK_SYNC, .fd = segment->file.fd, .done = on_synced};
    disk_submit(storage->disk, DISK_LANE_READ, &flush->request);
}

void outside_flush_now(struct storage *storage)
{
    timer_stop(storage->loop, &storage->outside_timer);
    storage->outside_round++;
    list_for_each(link, &storage->outside_unsynced) {
        struct outside_job *job = list_entry(link, struct outside_job, unsynced_link);

        if (job->round != 0 || storage->is_dead) {
            continue;
        }
        job->round = storage->outside_round;
        if (job->segment->file.flush_round != storage->outside_round) {
            start(storage, job->segment);
        }
    }
}

static void on_timer(struct timer *timer)
{
    outside_flush_now(CONTAINER_OF(timer, struct storage, outside_timer));
}

void outside_flush_init(struct storage *storage)
{
    list_init(&storage->outside_unsynced);
    timer_init(&storage->outside_timer, on_timer);
}

void outside_flush_later(struct outside_job *job)
{
    struct storage *storage = job->log->storage;

    list_append(&storage->outside_unsynced, &job->unsynced_link);
    if (!timer_is_running(&storage->outside_timer)) {
        timer_start(storage->loop, &storage->outside_timer, storage->options.memory_sync_us);
    }
}
