/* SPDX-License-Identifier: Apache-2.0 */
/* Every form that this processor has agrees with the definition, bit by bit. */
#include "gyre/base/crc64.h"
#include "gyre/base/random.h"

#include "base/crc64_forms.h"
#include "support/test.h"

enum { LENGTH_MAX = 2100, ALIGNMENTS = 64, SEED = 20240612 };

static uint64_t update_bit_by_bit(uint64_t state, uint8_t byte)
{
    state ^= byte;
    for (int bit = 0; bit < 8; bit++) {
        state = (state >> 1) ^ (0xC96C5795D7870F42u & (0u - (state & 1u)));
    }
    return state;
}

static void the_published_value_holds(void **state)
{
    (void)state;
    assert_true(crc64("123456789", 9) == 0x995DC9BBDF1939FAu);
    assert_true(crc64_extend(crc64("1234", 4), "56789", 5) == 0x995DC9BBDF1939FAu);
    assert_true(crc64(NULL, 0) == 0);
}

static void all_forms_agree_at_all_lengths_and_alignments(void **state)
{
    static uint8_t bytes[LENGTH_MAX + ALIGNMENTS];
    struct random random;

    (void)state;
    print_message("seed %d\n", SEED);
    random_seed(&random, SEED);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)random_u64(&random);
    }
    for (size_t f = 0; f < CRC64_FORM_COUNT; f++) {
        if (!crc64_forms[f].is_supported()) {
            print_message("%s: not on this processor\n", crc64_forms[f].name);
            continue;
        }
        for (size_t start = 0; start < ALIGNMENTS; start += start < 9 ? 1 : 11) {
            uint64_t expected = 0x123456789abcdef;

            for (size_t length = 0; length <= LENGTH_MAX; length++) {
                assert_true(crc64_update(&crc64_forms[f], 0x123456789abcdef, bytes + start,
                                         length) == expected);
                expected = update_bit_by_bit(expected, bytes[start + length]);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_value_holds),
        cmocka_unit_test(all_forms_agree_at_all_lengths_and_alignments),
    };
    return cmocka_run_group_tests_name("crc64", tests, NULL, NULL);
}
