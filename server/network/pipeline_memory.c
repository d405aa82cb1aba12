/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of requests, of all connections of a shard. It is charged as it is taken: a frame that
 * announces 100 MB and has brought 100 KB holds 200 KB. Who may not have more waits ("starves"),
 * with what it has, until some is freed. The limit depends on the frame:
 *
 *     larger than USUAL_FRAME_BYTES_MAX   three quarters
 *     others                              all of it
 *     not larger than 64 KiB              twice as much
 *
 * so that a few large ones do not keep the usual ones waiting, nor those the small ones.
 *
 * Half frames can hold all of it, each waiting for the rest. So one of them at a time is exempt: it
 * gets what it needs until it is whole, and counts for nobody else. That is the excess: one frame.
 * And while anyone starves, who is free to send and does not is closed.
 */
#include "gyre/observe/metrics.h"

#include "network/pipeline_internal.h"

enum { SMALL_FRAME_BYTES_MAX = 64 * 1024 };

/* In this time of shortage comes a part of the memory that is held, or the connection is closed. */
enum {
    SHORTAGE_LOOK_MS = 3000,
    PROGRESS_DIVISOR = 32,
    PROGRESS_BYTES_MAX = 1024 * 1024,
};

/* Each gets one try; who is still too large for what is free queues up again. */
static void resume_starved(struct task *task)
{
    struct pipeline_shared *shared = CONTAINER_OF(task, struct pipeline_shared, memory_freed);
    struct list waiting;

    list_init(&waiting);
    list_append_all(&waiting, &shared->starved);
    while (!list_is_empty(&waiting)) {
        struct pipeline *pipeline = list_first(&waiting, struct pipeline, starved_link);

        list_remove(&pipeline->starved_link);
        pipeline_resume(pipeline);
    }
}

static void wake_starved(struct pipeline_shared *shared)
{
    if (!list_is_empty(&shared->starved)) {
        loop_defer(shared->loop, &shared->memory_freed);
    }
}

/* ---- shortage ---- */

static bool is_too_slow(const struct pipeline *pipeline)
{
    size_t wanted = pipeline->partial_room / PROGRESS_DIVISOR;

    wanted = wanted < PROGRESS_BYTES_MAX ? wanted : PROGRESS_BYTES_MAX;
    return pipeline->is_watched && pipeline->partial_used - pipeline->watched_used < wanted;
}

/* Who is not read from cannot bring anything. */
static void look_at(struct pipeline *pipeline)
{
    if (pipeline->is_reading && is_too_slow(pipeline)) {
        metric_add(pipeline->shared->metrics, METRIC_FRAMES_GIVEN_UP, 1);
        pipeline_refuse(pipeline, "half a request holds memory that others wait for", ERROR_LIMIT);
        return;
    }
    pipeline->is_watched = pipeline->is_reading;
    pipeline->watched_used = pipeline->partial_used;
}

static void on_shortage(struct timer *timer)
{
    struct pipeline_shared *shared = CONTAINER_OF(timer, struct pipeline_shared, shortage);

    if (list_is_empty(&shared->starved)) {
        return;
    }
    list_for_each_safe(link, &shared->partials) {
        look_at(list_entry(link, struct pipeline, partial_link));
    }
    timer_start(shared->loop, timer, (uint64_t)SHORTAGE_LOOK_MS * 1000);
}

void pipeline_starve(struct pipeline *pipeline)
{
    struct pipeline_shared *shared = pipeline->shared;

    if (list_is_alone(&pipeline->starved_link)) {
        list_append(&shared->starved, &pipeline->starved_link);
    }
    if (!timer_is_running(&shared->shortage)) {
        timer_start(shared->loop, &shared->shortage, (uint64_t)SHORTAGE_LOOK_MS * 1000);
    }
}

/* ---- life ---- */

void pipeline_shared_init(struct pipeline_shared *shared)
{
    shared->request_memory = 0;
    shared->partial_memory = 0;
    shared->unauthenticated_memory = 0;
    shared->slab = NULL;
    shared->slab_used = 0;
    shared->exempt = NULL;
    list_init(&shared->starved);
    list_init(&shared->partials);
    task_init(&shared->memory_freed, resume_starved);
    timer_init(&shared->shortage, on_shortage);
}

void pipeline_shared_release(struct pipeline_shared *shared)
{
    CHECK(list_is_empty(&shared->starved));
    CHECK(list_is_empty(&shared->partials));
    CHECK(shared->partial_memory == 0);
    CHECK(shared->unauthenticated_memory == 0);
    task_cancel(&shared->memory_freed);
    timer_stop(shared->loop, &shared->shortage);
    buffer_unref(shared->slab);
    shared->slab = NULL;
}

/* ---- taking and giving back ---- */

void pipeline_charge(struct pipeline_shared *shared, size_t bytes)
{
    shared->request_memory += bytes;
    metric_set(shared->metrics, METRIC_REQUEST_MEMORY_BYTES, (int64_t)shared->request_memory);
}

void pipeline_discharge(struct pipeline_shared *shared, size_t bytes)
{
    CHECK(shared->request_memory >= bytes);
    shared->request_memory -= bytes;
    metric_set(shared->metrics, METRIC_REQUEST_MEMORY_BYTES, (int64_t)shared->request_memory);
    wake_starved(shared);
}

size_t pipeline_memory_limit(const struct pipeline_shared *shared, size_t size)
{
    size_t limit = shared->request_memory_max;

    if (size <= SMALL_FRAME_BYTES_MAX) {
        return 2 * limit;
    }
    return size <= USUAL_FRAME_BYTES_MAX ? limit : limit - limit / 4;
}

/* Were the exempt one counted, a single large frame could keep the usual ones waiting. */
size_t pipeline_memory_contested(const struct pipeline_shared *shared)
{
    return shared->request_memory - (shared->exempt == NULL ? 0 : shared->exempt->partial_room);
}

/* Those who are nobody yet are not asked: they have a pool of their own, and never wait. */
bool pipeline_may_grow(struct pipeline *pipeline, size_t more)
{
    struct pipeline_shared *shared = pipeline->shared;

    if (!pipeline->connection->is_authenticated || shared->exempt == pipeline ||
        pipeline_memory_contested(shared) + more <=
            pipeline_memory_limit(shared, pipeline->partial_size)) {
        return true;
    }
    /* Whole requests end by themselves: while it is they that take the memory, everyone waits. */
    if (shared->exempt == NULL &&
        shared->request_memory - shared->partial_memory < shared->request_memory_max) {
        shared->exempt = pipeline;
        wake_starved(shared);
        return true;
    }
    return false;
}

void pipeline_enter_partials(struct pipeline *pipeline)
{
    pipeline->is_watched = false;
    list_append(&pipeline->shared->partials, &pipeline->partial_link);
}

void pipeline_leave_partials(struct pipeline *pipeline)
{
    struct pipeline_shared *shared = pipeline->shared;

    CHECK(shared->partial_memory >= pipeline->partial_room);
    shared->partial_memory -= pipeline->partial_room;
    list_remove(&pipeline->partial_link);
    if (shared->exempt == pipeline) {
        shared->exempt = NULL;
        wake_starved(shared);
    }
}
