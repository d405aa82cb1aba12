/* SPDX-License-Identifier: Apache-2.0 */
#include "descriptors.h"

#include <stdlib.h>

#include "gyre/base/check.h"

#include "log_files.h"
#include "log_sync.h"

enum {
    LIMIT_MIN = 64, /* all movers at once, and reads beside them */
    SLACK_SHARE = 8,
    AGAIN_US = 50000,
};

struct descriptor_job {
    struct storage_job job;
    struct list link;            /* in descriptors.waiting or .patient, or alone */
    struct disk_request request; /* as the caller's */
    struct disk_request *caller; /* NULL: a close */
    enum disk_lane lane;
    bool is_counted;
};

static void job_free(struct descriptor_job *job)
{
    list_remove(&job->link);
    list_remove(&job->job.link);
    free(job);
}

static void abandon(struct storage_job *job)
{
    job_free(CONTAINER_OF(job, struct descriptor_job, job));
}

static struct descriptor_job *job_new(struct storage *storage, const struct disk_request *request)
{
    struct descriptor_job *job = check_alloc_zero(sizeof *job);

    storage_job_init(&job->job, storage, abandon);
    list_init(&job->link);
    job->request = *request;
    return job;
}

/* ---- who waits ---- */

static void start_waiting(struct storage *storage);

static void on_again(struct timer *timer)
{
    struct storage *storage = CONTAINER_OF(timer, struct storage, descriptors.again);

    storage->descriptors.is_refused = false;
    start_waiting(storage);
}

void descriptors_init(struct storage *storage)
{
    struct descriptors *self = &storage->descriptors;

    list_init(&self->waiting);
    list_init(&self->patient);
    list_init(&self->idle);
    timer_init(&self->again, on_again);
    self->limit_max = storage->options.open_files_max;
    if (self->limit_max < LIMIT_MIN) {
        self->limit_max = self->limit_max == 0 ? OPEN_FILES_DEFAULT : LIMIT_MIN;
    }
    self->limit = self->limit_max;
}

void descriptors_release(struct storage *storage)
{
    timer_stop(storage->loop, &storage->descriptors.again);
}

static void on_done(struct disk_request *request);

static void start(struct storage *storage, struct list *link)
{
    struct descriptor_job *job = list_entry(link, struct descriptor_job, link);

    list_remove(link);
    storage->descriptors.count += job->is_counted ? 1 : 0;
    job->request.done = on_done;
    disk_submit(storage->disk, job->lane, &job->request);
}

static void start_waiting(struct storage *storage)
{
    struct descriptors *self = &storage->descriptors;

    while (!self->is_refused && !list_is_empty(&self->patient)) {
        start(storage, self->patient.next);
    }
    while (!self->is_refused && !list_is_empty(&self->waiting) && self->count < self->limit) {
        start(storage, self->waiting.next);
    }
    descriptors_trim(storage);
}

/* Also where we have fewer than our bound: the least recently used of them. */
static void close_idle(struct storage *storage)
{
    struct list *idle = &storage->descriptors.idle;

    for (int i = 0; i <= storage->descriptors.count / SLACK_SHARE && !list_is_empty(idle); i++) {
        log_file_close(storage, list_first(idle, struct log_file, idle_link));
    }
    log_sync_poke(storage);
}

/* Others of this process may hold what is missing: with what we have now we have too many. */
static void on_refused(struct descriptor_job *job)
{
    struct storage *storage = job->job.storage;
    struct descriptors *self = &storage->descriptors;

    self->limit = self->count - self->count / SLACK_SHARE;
    self->limit = self->limit < LIMIT_MIN ? LIMIT_MIN : self->limit;
    self->is_refused = true;
    list_prepend(job->is_counted ? &self->waiting : &self->patient, &job->link);
    timer_stop(storage->loop, &self->again);
    timer_start(storage->loop, &self->again, AGAIN_US);
    close_idle(storage);
}

static void on_done(struct disk_request *request)
{
    struct descriptor_job *job = CONTAINER_OF(request, struct descriptor_job, request);
    struct storage *storage = job->job.storage;
    struct disk_request *caller = job->caller;

    if (request->error != ERROR_NONE && job->is_counted) {
        storage->descriptors.count--;
    }
    if (request->error == ERROR_NO_DESCRIPTORS) {
        on_refused(job);
        return;
    }
    if (request->error == ERROR_NONE &&
        storage->descriptors.limit < storage->descriptors.limit_max) {
        storage->descriptors.limit++;
    }
    caller->error = request->error;
    caller->system_error = request->system_error;
    caller->bytes = request->bytes;
    caller->opened_fd = request->opened_fd;
    job_free(job);
    caller->done(caller);
}

static void enqueue(struct storage *storage, enum disk_lane lane, struct disk_request *request,
                    bool is_counted)
{
    struct descriptor_job *job = job_new(storage, request);

    job->caller = request;
    job->lane = lane;
    job->is_counted = is_counted;
    list_append(is_counted ? &storage->descriptors.waiting : &storage->descriptors.patient,
                &job->link);
    start_waiting(storage);
}

void descriptors_open(struct storage *storage, enum disk_lane lane, struct disk_request *request)
{
    CHECK(request->operation == DISK_OPEN);
    enqueue(storage, lane, request, true);
}

void descriptors_submit(struct storage *storage, enum disk_lane lane, struct disk_request *request)
{
    if (request->operation == DISK_OPEN || request->operation == DISK_SYNC_DIRECTORY ||
        request->operation == DISK_SYNC_ALL) {
        enqueue(storage, lane, request, false);
    } else {
        disk_submit(storage->disk, lane, request);
    }
}

/* ---- closing ---- */

static void on_closed(struct disk_request *request)
{
    struct descriptor_job *job = CONTAINER_OF(request, struct descriptor_job, request);
    struct storage *storage = job->job.storage;

    storage->descriptors.count -= job->is_counted ? 1 : 0;
    storage->descriptors.closing -= job->is_counted ? 1 : 0;
    storage->descriptors.is_refused = false;
    job_free(job);
    start_waiting(storage);
}

static void submit_close(struct storage *storage, int fd, bool is_counted)
{
    struct disk_request request = {.operation = DISK_CLOSE, .fd = fd, .done = on_closed};
    struct descriptor_job *job;

    if (storage->is_dead) {
        return; /* the disk is not ours to ask any more; the descriptor goes with the process */
    }
    job = job_new(storage, &request);
    job->is_counted = is_counted;
    storage->descriptors.closing += is_counted ? 1 : 0;
    disk_submit(storage->disk, DISK_LANE_READ, &job->request);
}

void descriptors_close(struct storage *storage, int fd)
{
    submit_close(storage, fd, true);
}

void descriptors_close_other(struct storage *storage, int fd)
{
    submit_close(storage, fd, false);
}

static bool are_too_many(const struct storage *storage)
{
    const struct descriptors *self = &storage->descriptors;

    return self->count - self->closing > self->limit - self->limit / SLACK_SHARE;
}

bool descriptors_are_short(const struct storage *storage)
{
    return storage->descriptors.is_refused || are_too_many(storage);
}

void descriptors_trim(struct storage *storage)
{
    struct list *idle = &storage->descriptors.idle;

    while (are_too_many(storage) && !list_is_empty(idle)) {
        log_file_close(storage, list_first(idle, struct log_file, idle_link));
    }
    if (descriptors_are_short(storage)) {
        log_sync_poke(storage);
    }
}
