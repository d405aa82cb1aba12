/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/runtime/memory_return_uv.h"

#include <malloc.h>
#include <sys/resource.h>

#include "gyre/base/check.h"

static const uint64_t US_PER_S = 1000 * 1000;

static uint64_t us_of(struct timeval time)
{
    return (uint64_t)time.tv_sec * US_PER_S + (uint64_t)time.tv_usec;
}

/* From the kernel's memory: reading it waits for nothing. */
static int64_t resident_bytes(void)
{
    size_t bytes = 0;

    return uv_resident_set_memory(&bytes) == 0 ? (int64_t)bytes : 0;
}

static struct memory_look look(uv_loop_t *uv)
{
    struct memory_look look = {.now_us = uv_now(uv) * 1000, .resident_bytes = resident_bytes()};
    struct rusage usage;

    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        look.cpu_us = us_of(usage.ru_utime) + us_of(usage.ru_stime);
    }
    return look;
}

bool memory_return_is_due(const struct memory_look *last, const struct memory_look *now,
                          int64_t floor_bytes)
{
    uint64_t passed_us = now->now_us - last->now_us;
    uint64_t used_us = now->cpu_us - last->cpu_us;

    return used_us * 100 < passed_us * MEMORY_REST_PERCENT &&
           now->resident_bytes - floor_bytes >= MEMORY_GROWTH_BYTES_MIN;
}

static void give_back(uv_work_t *work)
{
    (void)work;
    (void)malloc_trim(0);
}

static void on_given(uv_work_t *work, int status)
{
    struct memory_return *self = CONTAINER_OF(work, struct memory_return, work);

    (void)status;
    self->is_working = false;
    self->last = look(work->loop);
    self->floor_bytes = self->last.resident_bytes;
}

static void on_timer(uv_timer_t *timer)
{
    struct memory_return *self = CONTAINER_OF(timer, struct memory_return, timer);
    struct memory_look now = look(timer->loop);

    if (self->is_working) {
        return;
    }
    if (memory_return_is_due(&self->last, &now, self->floor_bytes)) {
        self->is_working = true;
        CHECK(uv_queue_work(timer->loop, &self->work, give_back, on_given) == 0);
    } else if (now.resident_bytes < self->floor_bytes) {
        self->floor_bytes = now.resident_bytes;
    }
    self->last = now;
}

void memory_return_start(struct memory_return *self, uv_loop_t *uv)
{
    *self = (struct memory_return){.last = look(uv)};
    self->floor_bytes = self->last.resident_bytes;
    CHECK(uv_timer_init(uv, &self->timer) == 0);
    CHECK(uv_timer_start(&self->timer, on_timer, MEMORY_LOOK_MS, MEMORY_LOOK_MS) == 0);
    uv_unref((uv_handle_t *)&self->timer);
}

void memory_return_stop(struct memory_return *self)
{
    uv_close((uv_handle_t *)&self->timer, NULL);
}
