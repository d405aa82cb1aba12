/* SPDX-License-Identifier: Apache-2.0 */
/* Timers and deferred tasks run under libuv, in order, and stopping ends uv_run(). */
#include "gyre/base/check.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/loop_uv.h"

#include "support/test.h"

struct fixture {
    uv_loop_t uv;
    struct loop loop;
    struct loop_uv driver;
    struct timer timer;
    struct task task;
    struct task last;
    char order[8];
    int count;
    uint64_t asked_us;
    uint64_t expired_us;
};

static void run_last(struct task *task)
{
    struct fixture *fixture = CONTAINER_OF(task, struct fixture, last);

    fixture->order[fixture->count++] = 'l';
    loop_uv_stop(&fixture->driver);
}

static void run_task(struct task *task)
{
    struct fixture *fixture = CONTAINER_OF(task, struct fixture, task);

    fixture->order[fixture->count++] = 'd';
}

static void expire(struct timer *timer)
{
    struct fixture *fixture = CONTAINER_OF(timer, struct fixture, timer);

    fixture->expired_us = loop_now_us(&fixture->loop);
    fixture->order[fixture->count++] = 't';
    loop_defer_last(&fixture->loop, &fixture->last);
    loop_defer(&fixture->loop, &fixture->task);
}

static void a_timer_expires_and_its_tasks_follow(void **state)
{
    struct fixture fixture = {0};

    (void)state;
    assert_int_equal(uv_loop_init(&fixture.uv), 0);
    loop_init(&fixture.loop, clock_system());
    loop_uv_start(&fixture.driver, &fixture.uv, &fixture.loop);
    timer_init(&fixture.timer, expire);
    task_init(&fixture.task, run_task);
    task_init(&fixture.last, run_last);
    fixture.asked_us = clock_monotonic_us(clock_system());
    timer_start(&fixture.loop, &fixture.timer, 3500);
    assert_int_equal(uv_run(&fixture.uv, UV_RUN_DEFAULT), 0);
    assert_string_equal(fixture.order, "tdl");
    assert_true(fixture.expired_us - fixture.asked_us >= 3500);
    loop_release(&fixture.loop);
    assert_int_equal(uv_loop_close(&fixture.uv), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_timer_expires_and_its_tasks_follow)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
