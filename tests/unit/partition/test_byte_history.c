/* SPDX-License-Identifier: Apache-2.0 */
/* The guess is exact for the newest batches and near the truth for old ones. */
#include "partition/byte_history.h"
#include "support/test.h"

static void the_guess_is_near_the_truth(void **unused)
{
    struct byte_history history = {0};

    (void)unused;
    assert_int_equal(byte_history_from(&history, 0), 0);
    for (int64_t i = 0; i < 10000; i++) {
        byte_history_add(&history, i * 2, i * 2 + 2, 100);
    }
    assert_int_equal(byte_history_from(&history, 20000), 0);
    assert_int_equal(byte_history_from(&history, 19998), 100);
    assert_int_equal(byte_history_from(&history, 19999), 100);
    for (int64_t offset = 0; offset < 19998; offset += 7) {
        int64_t truth = (20000 - offset) * 50;
        int64_t guess = byte_history_from(&history, offset);

        assert_true(guess >= truth - 100);
        assert_true(guess <= truth + 100);
    }
}

static void batches_of_very_many_offsets_are_guessed_too(void **unused)
{
    const int64_t count = INT32_MAX;
    const int64_t bytes = (int64_t)1 << 40;
    struct byte_history history = {0};

    (void)unused;
    for (int64_t i = 0; i < 100; i++) {
        byte_history_add(&history, i * count, (i + 1) * count, bytes);
    }
    for (int64_t i = 1; i < 100; i++) {
        int64_t guess = byte_history_from(&history, i * count + count / 2);

        assert_true(guess >= (100 - i - 1) * bytes);
        assert_true(guess <= (100 - i + 1) * bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_guess_is_near_the_truth),
        cmocka_unit_test(batches_of_very_many_offsets_are_guessed_too),
    };
    return cmocka_run_group_tests_name("byte_history", tests, NULL, NULL);
}
