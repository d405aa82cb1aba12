/* SPDX-License-Identifier: Apache-2.0 */
/* A turn runs due timers in order of time, then tasks, then last tasks. */
#include "gyre/runtime/loop.h"

#include "support/test.h"

static uint64_t now_us;
static char trace[64];
static size_t trace_length;
static struct loop loop;

static uint64_t monotonic_us(const struct clock *clock)
{
    (void)clock;
    return now_us;
}

static int64_t wall_ms(const struct clock *clock)
{
    (void)clock;
    return 0;
}

static const struct clock fake_clock = {monotonic_us, wall_ms};

struct named_timer {
    struct timer timer;
    char name;
};

static void note(char name)
{
    trace[trace_length++] = name;
    trace[trace_length] = '\0';
}

static void on_timer(struct timer *timer)
{
    note(CONTAINER_OF(timer, struct named_timer, timer)->name);
}

static struct task first;
static struct task second;
static struct task last;

static void run_second(struct task *task)
{
    (void)task;
    note('2');
}

static void run_first(struct task *task)
{
    (void)task;
    note('1');
    loop_defer(&loop, &second);
}

static void run_last(struct task *task)
{
    (void)task;
    note('L');
}

static void begin(void)
{
    now_us = 1000;
    trace_length = 0;
    trace[0] = '\0';
    loop_init(&loop, &fake_clock);
}

static void last_tasks_run_behind_all_others(void **state)
{
    (void)state;
    begin();
    task_init(&first, run_first);
    task_init(&second, run_second);
    task_init(&last, run_last);
    loop_defer_last(&loop, &last);
    loop_defer(&loop, &first);
    loop_defer(&loop, &first);
    assert_true(loop_turn(&loop) == UINT64_MAX);
    assert_string_equal(trace, "12L");
    loop_release(&loop);
}

static void timers_fire_in_order_of_time_and_not_when_stopped(void **state)
{
    struct named_timer timers[26];

    (void)state;
    begin();
    for (int i = 0; i < 26; i++) {
        timers[i].name = (char)('a' + i);
        timer_init(&timers[i].timer, on_timer);
        timer_start(&loop, &timers[i].timer, (uint64_t)(i * 7 % 26) * 10 + 10);
    }
    for (int i = 0; i < 26; i += 2) {
        timer_stop(&loop, &timers[i].timer);
        timer_stop(&loop, &timers[i].timer);
    }
    assert_true(loop_turn(&loop) > now_us);
    assert_int_equal(trace_length, 0);
    now_us += 1000;
    assert_true(loop_turn(&loop) == UINT64_MAX);
    assert_int_equal(trace_length, 13);
    for (size_t i = 1; i < trace_length; i++) {
        assert_true((trace[i - 1] - 'a') * 7 % 26 < (trace[i] - 'a') * 7 % 26);
    }
    loop_release(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(last_tasks_run_behind_all_others),
        cmocka_unit_test(timers_fire_in_order_of_time_and_not_when_stopped),
    };
    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
