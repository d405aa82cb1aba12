/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/runtime/loop.h"

#include <stdlib.h>

enum { TIMER_CAPACITY_MIN = 64 };

void loop_init(struct loop *loop, const struct clock *clock)
{
    *loop = (struct loop){.clock = clock, .now_us = clock_monotonic_us(clock)};
    list_init(&loop->tasks);
    list_init(&loop->last_tasks);
}

void loop_release(struct loop *loop)
{
    free(loop->timers);
    loop->timers = NULL;
    loop->timer_count = 0;
    loop->timer_capacity = 0;
}

void task_init(struct task *task, void (*run)(struct task *task))
{
    list_init(&task->link);
    task->run = run;
}

static void wake(struct loop *loop)
{
    if (!loop->is_turning && loop->wake != NULL) {
        loop->wake(loop);
    }
}

void loop_defer(struct loop *loop, struct task *task)
{
    if (list_is_alone(&task->link)) {
        list_append(&loop->tasks, &task->link);
        wake(loop);
    }
}

void loop_defer_last(struct loop *loop, struct task *task)
{
    if (list_is_alone(&task->link)) {
        list_append(&loop->last_tasks, &task->link);
        wake(loop);
    }
}

void task_cancel(struct task *task)
{
    list_remove(&task->link);
}

/* ---- timers: a binary heap whose elements know their place ---- */

static void place(struct loop *loop, size_t index, struct timer *timer)
{
    loop->timers[index] = timer;
    timer->heap_index = index;
}

static void sift_up(struct loop *loop, size_t index, struct timer *timer)
{
    while (index > 1 && loop->timers[index / 2]->deadline_us > timer->deadline_us) {
        place(loop, index, loop->timers[index / 2]);
        index /= 2;
    }
    place(loop, index, timer);
}

static void sift_down(struct loop *loop, size_t index, struct timer *timer)
{
    for (;;) {
        size_t child = index * 2;

        if (child > loop->timer_count) {
            break;
        }
        if (child < loop->timer_count &&
            loop->timers[child + 1]->deadline_us < loop->timers[child]->deadline_us) {
            child++;
        }
        if (loop->timers[child]->deadline_us >= timer->deadline_us) {
            break;
        }
        place(loop, index, loop->timers[child]);
        index = child;
    }
    place(loop, index, timer);
}

void timer_init(struct timer *timer, void (*expired)(struct timer *timer))
{
    *timer = (struct timer){.expired = expired};
}

void timer_stop(struct loop *loop, struct timer *timer)
{
    size_t index = timer->heap_index;
    struct timer *last;

    if (index == 0) {
        return;
    }
    timer->heap_index = 0;
    last = loop->timers[loop->timer_count--];
    if (last == timer) {
        return;
    }
    if (index > 1 && loop->timers[index / 2]->deadline_us > last->deadline_us) {
        sift_up(loop, index, last);
    } else {
        sift_down(loop, index, last);
    }
}

void timer_start_at(struct loop *loop, struct timer *timer, uint64_t deadline_us)
{
    timer_stop(loop, timer);
    timer->deadline_us = deadline_us;
    if (loop->timer_count + 2 > loop->timer_capacity) {
        loop->timer_capacity =
            loop->timer_capacity == 0 ? TIMER_CAPACITY_MIN : loop->timer_capacity * 2;
        loop->timers = check_realloc(loop->timers, loop->timer_capacity * sizeof(struct timer *));
    }
    sift_up(loop, ++loop->timer_count, timer);
    wake(loop);
}

void timer_start(struct loop *loop, struct timer *timer, uint64_t delay_us)
{
    timer_start_at(loop, timer, clock_monotonic_us(loop->clock) + delay_us);
}

/* ---- a turn ---- */

static void run_due_timers(struct loop *loop)
{
    while (loop->timer_count > 0 && loop->timers[1]->deadline_us <= loop->now_us) {
        struct timer *timer = loop->timers[1];

        timer_stop(loop, timer);
        timer->expired(timer);
    }
}

static void run_list(struct list *pending)
{
    struct list taken;

    list_init(&taken);
    list_append_all(&taken, pending);
    while (!list_is_empty(&taken)) {
        struct task *task = list_first(&taken, struct task, link);

        list_remove(&task->link);
        task->run(task);
    }
}

uint64_t loop_turn(struct loop *loop)
{
    CHECK(!loop->is_turning);
    loop->is_turning = true;
    loop->now_us = clock_monotonic_us(loop->clock);
    run_due_timers(loop);
    while (!list_is_empty(&loop->tasks) || !list_is_empty(&loop->last_tasks)) {
        while (!list_is_empty(&loop->tasks)) {
            run_list(&loop->tasks);
        }
        run_list(&loop->last_tasks);
    }
    loop->is_turning = false;
    return loop->timer_count > 0 ? loop->timers[1]->deadline_us : UINT64_MAX;
}
