/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A lane is a queue and its threads: one thread for an ordered lane, so that order needs no other
 * means; several for reads. Finished requests go back through one completion list.
 *
 * The journal's thread runs for microseconds between its waits, and everybody waits for it. So it
 * asks for short slices: when it wakes up it runs at once instead of when the running thread's
 * longer slice ends, which with a coarse tick is milliseconds later. Its share of the processor
 * stays the same. Linux before 6.12 takes the wish and does nothing.
 *
 * Nobody waits for a segment's write. So the segments' thread takes no processor from the loop that
 * wakes it, finds all requests of the turn when it runs, and tells of them with one wakeup.
 */
#include "disk_thread.h"

#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "gyre/base/check.h"
#include "gyre/runtime/disk_engine.h"

#include "completion_uv.h"
#include "disk_system.h"

enum {
    READ_THREADS = 4,
    LANE_COUNT = 3,
    LANE_STACK_BYTES = 256 * 1024,
    SHORT_SLICE_NS = 100 * 1000,
    HELD_MAX = 16 /* finished requests of a patient lane that the loop is not told of yet */
};

struct lane {
    struct disk_thread *owner;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct disk_request *oldest; /* under the mutex, as the next two */
    struct disk_request *newest;
    int waiting_count; /* threads with nothing to do, under the mutex, too */
    bool is_stopping;
    bool is_urgent;
    bool is_patient;
    pthread_t threads[READ_THREADS];
    int thread_count;
};

struct disk_thread {
    struct disk_engine engine;
    struct completion completion;
    struct lane lanes[LANE_COUNT];
};

/* NULL: the lane is stopping, or, unless `waits`, there is nothing to do. */
static struct disk_request *lane_take(struct lane *lane, bool waits)
{
    struct disk_request *request;

    CHECK(pthread_mutex_lock(&lane->mutex) == 0);
    while (waits && lane->oldest == NULL && !lane->is_stopping) {
        lane->waiting_count++;
        CHECK(pthread_cond_wait(&lane->changed, &lane->mutex) == 0);
        lane->waiting_count--;
    }
    request = lane->oldest;
    if (request != NULL) {
        lane->oldest = request->next;
        if (lane->oldest == NULL) {
            lane->newest = NULL;
        }
    }
    CHECK(pthread_mutex_unlock(&lane->mutex) == 0);
    return request;
}

/* What sched_setattr() takes: the C library has no name for it. */
struct schedule {
    uint32_t size;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t slice_ns; /* 0: the default */
    uint64_t deadline_ns;
    uint64_t period_ns;
};

static void ask_for_short_slices(void)
{
    struct schedule schedule = {.size = sizeof schedule};

    if (syscall(SYS_sched_getattr, 0, &schedule, sizeof schedule, 0) == 0 &&
        schedule.policy == SCHED_OTHER) {
        schedule.slice_ns = SHORT_SLICE_NS;
        (void)syscall(SYS_sched_setattr, 0, &schedule, 0); /* refused: it works, only later */
    }
}

/* To wake up is no reason to run before whoever runs; refused: it works, with more switches. */
static void ask_to_be_patient(void)
{
    const struct sched_param parameters = {.sched_priority = 0};

    (void)pthread_setschedparam(pthread_self(), SCHED_BATCH, &parameters);
}

static void run_patiently(struct lane *lane)
{
    void *finished[HELD_MAX];
    struct disk_request *request;
    int count = 0;

    while ((request = lane_take(lane, count == 0)) != NULL || count > 0) {
        if (request != NULL) {
            disk_system_perform(request);
            finished[count++] = request;
        }
        if (request == NULL || count == HELD_MAX) {
            completion_push_all(&lane->owner->completion, finished, count);
            count = 0;
        }
    }
}

static void *lane_main(void *argument)
{
    struct lane *lane = argument;
    struct disk_request *request;

    if (lane->is_urgent) {
        ask_for_short_slices();
    }
    if (lane->is_patient) {
        ask_to_be_patient();
        run_patiently(lane);
        return NULL;
    }
    while ((request = lane_take(lane, true)) != NULL) {
        disk_system_perform(request);
        completion_push(&lane->owner->completion, request);
    }
    return NULL;
}

static void lane_start(struct lane *lane, struct disk_thread *owner, int thread_count)
{
    pthread_attr_t attributes;

    lane->owner = owner;
    lane->thread_count = thread_count;
    CHECK(pthread_mutex_init(&lane->mutex, NULL) == 0);
    CHECK(pthread_cond_init(&lane->changed, NULL) == 0);
    CHECK(pthread_attr_init(&attributes) == 0);
    CHECK(pthread_attr_setstacksize(&attributes, LANE_STACK_BYTES) == 0);
    for (int i = 0; i < thread_count; i++) {
        CHECK(pthread_create(&lane->threads[i], &attributes, lane_main, lane) == 0);
    }
    (void)pthread_attr_destroy(&attributes);
}

static void lane_stop(struct lane *lane)
{
    CHECK(pthread_mutex_lock(&lane->mutex) == 0);
    lane->is_stopping = true;
    CHECK(pthread_cond_broadcast(&lane->changed) == 0);
    CHECK(pthread_mutex_unlock(&lane->mutex) == 0);
    for (int i = 0; i < lane->thread_count; i++) {
        CHECK(pthread_join(lane->threads[i], NULL) == 0);
    }
    (void)pthread_cond_destroy(&lane->changed);
    (void)pthread_mutex_destroy(&lane->mutex);
}

static void thread_submit(struct disk *disk, enum disk_lane which, struct disk_request *request)
{
    struct disk_thread *self = CONTAINER_OF(disk, struct disk_thread, engine.disk);
    struct lane *lane = &self->lanes[which];
    bool is_awaited;

    request->next = NULL;
    CHECK(pthread_mutex_lock(&lane->mutex) == 0);
    if (lane->newest == NULL) {
        lane->oldest = request;
    } else {
        lane->newest->next = request;
    }
    lane->newest = request;
    is_awaited = lane->waiting_count > 0;
    CHECK(pthread_mutex_unlock(&lane->mutex) == 0);
    if (is_awaited) { /* with the mutex free: the thread may run at once, and wants it */
        CHECK(pthread_cond_signal(&lane->changed) == 0);
    }
}

static void thread_execute(struct disk *disk, struct disk_request *request)
{
    (void)disk;
    disk_system_perform(request);
}

static void **next_of(void *item)
{
    return (void **)(void *)&((struct disk_request *)item)->next;
}

static void drain(struct completion *completion, void *item)
{
    struct disk_request *request = item;

    (void)completion;
    request->done(request);
}

static void on_closed(struct completion *completion)
{
    free(CONTAINER_OF(completion, struct disk_thread, completion));
}

static void thread_free(struct disk_engine *engine)
{
    struct disk_thread *self = CONTAINER_OF(engine, struct disk_thread, engine);

    for (int i = 0; i < LANE_COUNT; i++) {
        lane_stop(&self->lanes[i]);
    }
    completion_close(&self->completion);
}

struct disk *disk_thread_new(uv_loop_t *uv)
{
    static const struct disk_operations operations = {.submit = thread_submit,
                                                      .execute = thread_execute,
                                                      .stat = disk_system_stat,
                                                      .list = disk_system_list,
                                                      .space = disk_system_space,
                                                      .is_resident = disk_system_is_resident};
    struct disk_thread *self = check_alloc_zero(sizeof *self);

    self->engine =
        (struct disk_engine){.disk = {.operations = &operations}, .free_engine = thread_free};
    completion_init(&self->completion, uv);
    self->completion.next_of = next_of;
    self->completion.drain = drain;
    self->completion.closed = on_closed;
    self->lanes[DISK_LANE_JOURNAL].is_urgent = true;
    self->lanes[DISK_LANE_SEGMENT].is_patient = true;
    lane_start(&self->lanes[DISK_LANE_JOURNAL], self, 1);
    lane_start(&self->lanes[DISK_LANE_SEGMENT], self, 1);
    lane_start(&self->lanes[DISK_LANE_READ], self, READ_THREADS);
    return &self->engine.disk;
}
