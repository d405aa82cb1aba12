/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A loop is what one shard's thread runs: tasks that were put off, and timers. It knows no sockets
 * and no files, so gyred drives it from libuv (loop_uv.h) and the simulator from its own queue.
 *
 * Callbacks never run inside the call that registered them. A turn runs
 *
 *     due timers -> tasks, until none is left -> last tasks, once -> again from tasks if any came
 *
 * "Last" tasks gather what a turn produced: one journal write, one send for each connection.
 *
 * Thread: the loop's own, for everything here.
 */
#ifndef GYRE_RUNTIME_LOOP_H
#define GYRE_RUNTIME_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gyre/base/list.h"
#include "gyre/runtime/clock.h"

/* Embedded in its owner; owned by the caller; may be put off again from its own run(). */
struct task {
    struct list link;
    void (*run)(struct task *task);
};

/* Embedded in its owner. Stopped when `heap_index` is 0. */
struct timer {
    uint64_t deadline_us;
    size_t heap_index; /* private */
    void (*expired)(struct timer *timer);
};

struct loop {
    const struct clock *clock;
    struct list tasks;
    struct list last_tasks;
    struct timer **timers; /* owned; a binary heap from index 1 */
    size_t timer_count;
    size_t timer_capacity;
    uint64_t now_us;                 /* as of the start of this turn */
    void (*wake)(struct loop *loop); /* work came outside of a turn; may be NULL */
    bool is_turning;
};

void loop_init(struct loop *loop, const struct clock *clock);
void loop_release(struct loop *loop); /* nothing may be pending that still has an owner */

void task_init(struct task *task, void (*run)(struct task *task));

/* Run `task` later in this turn or in the next. Once, however often it is asked for. */
void loop_defer(struct loop *loop, struct task *task);
void loop_defer_last(struct loop *loop, struct task *task);
void task_cancel(struct task *task); /* fine if it is not pending */

void timer_init(struct timer *timer, void (*expired)(struct timer *timer));
void timer_start(struct loop *loop, struct timer *timer, uint64_t delay_us); /* restarts */
void timer_start_at(struct loop *loop, struct timer *timer, uint64_t deadline_us);
void timer_stop(struct loop *loop, struct timer *timer); /* fine if it is not running */
static inline bool timer_is_running(const struct timer *timer)
{
    return timer->heap_index != 0;
}

/* Run what is due. Returns when the next timer is due, UINT64_MAX if there is none. */
uint64_t loop_turn(struct loop *loop);

/* Monotonic time of this turn; all decisions of one turn see one time. */
static inline uint64_t loop_now_us(const struct loop *loop)
{
    return loop->now_us;
}

/* The same within a turn, and the clock itself between turns, where loop_now_us() is old. */
static inline uint64_t loop_clock_us(const struct loop *loop)
{
    return loop->is_turning ? loop->now_us : clock_monotonic_us(loop->clock);
}

#endif
