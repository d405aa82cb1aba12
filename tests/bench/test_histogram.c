/* SPDX-License-Identifier: Apache-2.0 */
/* Quantiles are upper ends of buckets that are never wider than 1/64 of their value. */
#include "blast/histogram.h"
#include "support/test.h"

static void small_values_are_exact(void **state)
{
    static struct histogram histogram;

    (void)state;
    histogram_reset(&histogram);
    for (int64_t value = 1; value <= 100; value++) {
        histogram_add(&histogram, value);
    }
    assert_int_equal(histogram_quantile(&histogram, 0.5), 50);
    assert_int_equal(histogram_quantile(&histogram, 0.99), 99);
    assert_int_equal(histogram_quantile(&histogram, 1), 100);
}

static void large_values_are_near(void **state)
{
    static struct histogram histogram;

    (void)state;
    for (int64_t value = 100; value < INT64_MAX / 8; value = value * 7 / 3) {
        histogram_reset(&histogram);
        histogram_add(&histogram, value);
        histogram_add(&histogram, value * 2);
        assert_in_range(histogram_quantile(&histogram, 0.5), value, value + value / 64);
        assert_int_equal(histogram_quantile(&histogram, 1), value * 2);
    }
}

static void an_empty_histogram_says_nothing(void **state)
{
    static struct histogram histogram;

    (void)state;
    histogram_reset(&histogram);
    assert_int_equal(histogram_quantile(&histogram, 0.99), 0);
    histogram_add(&histogram, -5);
    assert_int_equal(histogram_quantile(&histogram, 0.99), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_values_are_exact),
        cmocka_unit_test(large_values_are_near),
        cmocka_unit_test(an_empty_histogram_says_nothing),
    };
    return cmocka_run_group_tests_name("histogram", tests, NULL, NULL);
}
