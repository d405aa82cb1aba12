/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/runtime/work_uv.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "gyre/base/check.h"

#include "completion_uv.h"

enum { WORK_NICENESS = 10 };

struct work_uv {
    struct work_pool pool;
    struct completion completion;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct work *oldest; /* under the mutex, as the next two */
    struct work *newest;
    bool is_stopping;
    pthread_t threads[WORK_THREADS_MAX];
    int thread_count;
    bool is_spare;
    int under_way; /* the loop's, as the rest; submitted and not done */
    struct work nothing;
    void (*idle)(void *context); /* NULL: nobody waits for that */
    void *idle_context;
};

static struct work *take(struct work_uv *self)
{
    struct work *work;

    CHECK(pthread_mutex_lock(&self->mutex) == 0);
    while (self->oldest == NULL && !self->is_stopping) {
        CHECK(pthread_cond_wait(&self->changed, &self->mutex) == 0);
    }
    work = self->oldest;
    if (work != NULL) {
        self->oldest = work->next;
        if (self->oldest == NULL) {
            self->newest = NULL;
        }
    }
    CHECK(pthread_mutex_unlock(&self->mutex) == 0);
    return work;
}

/* Strangers can make it derive keys for as long as they like: the loop, which wakes for a moment
 * only, must not wait for that. Where the system does not allow it, it is as before. */
static void yield_to_loop(void)
{
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), WORK_NICENESS);
}

/* A thread of this class loses the processor at once to any other that wakes. */
static void yield_to_all(void)
{
    const struct sched_param none = {0};

    (void)sched_setscheduler(gettid(), SCHED_IDLE, &none);
}

static void *worker_main(void *argument)
{
    struct work_uv *self = argument;
    struct work *work;

    yield_to_loop();
    if (self->is_spare) {
        yield_to_all();
    }
    while ((work = take(self)) != NULL) {
        work->run(work);
        completion_push(&self->completion, work);
    }
    return NULL;
}

static void submit(struct work_pool *pool, struct work *work)
{
    struct work_uv *self = CONTAINER_OF(pool, struct work_uv, pool);

    work->next = NULL;
    self->under_way++;
    CHECK(pthread_mutex_lock(&self->mutex) == 0);
    if (self->newest == NULL) {
        self->oldest = work;
    } else {
        self->newest->next = work;
    }
    self->newest = work;
    CHECK(pthread_cond_signal(&self->changed) == 0);
    CHECK(pthread_mutex_unlock(&self->mutex) == 0);
}

static void **next_of(void *item)
{
    return (void **)(void *)&((struct work *)item)->next;
}

static void drain(struct completion *completion, void *item)
{
    struct work_uv *self = CONTAINER_OF(completion, struct work_uv, completion);
    struct work *work = item;
    void (*idle)(void *context);

    work->done(work);
    self->under_way--;
    if (self->under_way == 0 && self->idle != NULL) {
        idle = self->idle;
        self->idle = NULL;
        idle(self->idle_context); /* may free us */
    }
}

static void do_nothing(struct work *work)
{
    (void)work;
}

void work_uv_when_idle(struct work_pool *pool, void (*idle)(void *context), void *context)
{
    struct work_uv *self = CONTAINER_OF(pool, struct work_uv, pool);

    CHECK(self->idle == NULL);
    self->idle = idle;
    self->idle_context = context;
    self->nothing = (struct work){.run = do_nothing, .done = do_nothing};
    work_submit(pool, &self->nothing); /* even if nothing is under way, this ends later */
}

static void on_closed(struct completion *completion)
{
    free(CONTAINER_OF(completion, struct work_uv, completion));
}

static struct work_pool *start(uv_loop_t *uv, int thread_count, bool is_spare)
{
    static const struct work_pool_operations operations = {.submit = submit};
    struct work_uv *self = check_alloc_zero(sizeof *self);

    CHECK(thread_count > 0);
    CHECK(thread_count <= WORK_THREADS_MAX);
    self->pool.operations = &operations;
    self->thread_count = thread_count;
    self->is_spare = is_spare;
    completion_init(&self->completion, uv);
    self->completion.next_of = next_of;
    self->completion.drain = drain;
    self->completion.closed = on_closed;
    CHECK(pthread_mutex_init(&self->mutex, NULL) == 0);
    CHECK(pthread_cond_init(&self->changed, NULL) == 0);
    for (int i = 0; i < thread_count; i++) {
        CHECK(pthread_create(&self->threads[i], NULL, worker_main, self) == 0);
    }
    return &self->pool;
}

struct work_pool *work_uv_new(uv_loop_t *uv, int thread_count)
{
    return start(uv, thread_count, false);
}

struct work_pool *work_uv_new_spare(uv_loop_t *uv)
{
    return start(uv, 1, true);
}

void work_uv_free(struct work_pool *pool)
{
    struct work_uv *self;

    if (pool == NULL) {
        return;
    }
    self = CONTAINER_OF(pool, struct work_uv, pool);
    CHECK(self->under_way == 0);
    CHECK(pthread_mutex_lock(&self->mutex) == 0);
    self->is_stopping = true;
    CHECK(pthread_cond_broadcast(&self->changed) == 0);
    CHECK(pthread_mutex_unlock(&self->mutex) == 0);
    for (int i = 0; i < self->thread_count; i++) {
        CHECK(pthread_join(self->threads[i], NULL) == 0);
    }
    (void)pthread_cond_destroy(&self->changed);
    (void)pthread_mutex_destroy(&self->mutex);
    completion_close(&self->completion);
}
