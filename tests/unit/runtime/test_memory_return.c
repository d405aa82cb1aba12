/* SPDX-License-Identifier: Apache-2.0 */

#include "gyre/runtime/memory_return_uv.h"

#include "support/test.h"

enum { MIB = 1024 * 1024, SECOND_US = 1000000 };

static bool is_due(uint64_t cpu_us, int64_t resident_mib, int64_t floor_mib)
{
    const struct memory_look last = {.now_us = 7 * SECOND_US, .cpu_us = 3 * SECOND_US};
    const struct memory_look now = {.now_us = 12 * SECOND_US,
                                    .cpu_us = last.cpu_us + cpu_us,
                                    .resident_bytes = resident_mib * MIB};

    return memory_return_is_due(&last, &now, floor_mib * MIB);
}

static void memory_goes_back_after_a_rest(void **state)
{
    (void)state;
    assert_true(is_due(0, 700, 80));
    assert_true(is_due(SECOND_US / 2 - 1, 700, 80));
}

static void nobody_who_works_is_held_up(void **state)
{
    (void)state;
    assert_false(is_due(SECOND_US / 2, 700, 80)); /* a tenth of five seconds */
    assert_false(is_due(5 * SECOND_US, 5000, 80));
}

static void little_is_not_worth_it(void **state)
{
    (void)state;
    assert_false(is_due(0, 143, 80));
    assert_true(is_due(0, 144, 80));
    assert_false(is_due(0, 60, 80));
}

static void it_ends_with_its_loop(void **state)
{
    struct memory_return self;
    uv_loop_t uv;

    (void)state;
    assert_int_equal(uv_loop_init(&uv), 0);
    memory_return_start(&self, &uv);
    assert_true(self.floor_bytes > 0);
    assert_int_equal(uv_run(&uv, UV_RUN_DEFAULT), 0); /* it alone keeps no loop running */
    memory_return_stop(&self);
    assert_int_equal(uv_run(&uv, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&uv), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_goes_back_after_a_rest),
        cmocka_unit_test(nobody_who_works_is_held_up),
        cmocka_unit_test(little_is_not_worth_it),
        cmocka_unit_test(it_ends_with_its_loop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
