/* SPDX-License-Identifier: Apache-2.0 */
/* Every form that this processor has agrees with the definition, bit by bit. */
#include "gyre/base/crc32c.h"
#include "gyre/base/random.h"

#include "base/crc32c_forms.h"
#include "support/test.h"

enum { LENGTH_MAX = 4096, ALIGNMENTS = 64, SEED = 20240611 };

static uint32_t update_bit_by_bit(uint32_t state, uint8_t byte)
{
    state ^= byte;
    for (int bit = 0; bit < 8; bit++) {
        state = (state >> 1) ^ (0x82F63B78u & (0u - (state & 1u)));
    }
    return state;
}

static void fill(uint8_t *bytes, size_t size)
{
    struct random random;

    random_seed(&random, SEED);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)random_u64(&random);
    }
}

static void the_published_values_hold(void **state)
{
    uint8_t bytes[32] = {0};

    (void)state;
    assert_int_equal(crc32c("123456789", 9), 0xE3069283);
    assert_int_equal(crc32c(bytes, 32), 0x8A9136AA); /* RFC 3720 B.4 */
    for (int i = 0; i < 32; i++) {
        bytes[i] = (uint8_t)i;
    }
    assert_int_equal(crc32c(bytes, 32), 0x46DD794E);
    assert_int_equal(crc32c_extend(crc32c(bytes, 11), bytes + 11, 21), 0x46DD794E);
    assert_int_equal(crc32c(NULL, 0), 0);
}

static void all_forms_agree_at_all_lengths_and_alignments(void **state)
{
    static uint8_t bytes[LENGTH_MAX + ALIGNMENTS];

    (void)state;
    print_message("seed %d\n", SEED);
    fill(bytes, sizeof bytes);
    for (size_t f = 0; f < CRC32C_FORM_COUNT; f++) {
        if (!crc32c_forms[f].is_supported()) {
            print_message("%s: not on this processor\n", crc32c_forms[f].name);
            continue;
        }
        for (size_t start = 0; start < ALIGNMENTS; start += start < 9 ? 1 : 11) {
            uint32_t expected = 0x1234567;

            for (size_t length = 0; length <= LENGTH_MAX; length++) {
                assert_int_equal(crc32c_forms[f].update(0x1234567, bytes + start, length),
                                 expected);
                expected = update_bit_by_bit(expected, bytes[start + length]);
            }
        }
    }
}

static void long_spans_agree_too(void **state)
{
    static uint8_t bytes[1000003];
    uint32_t expected = 0xffffffff;

    (void)state;
    fill(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        expected = update_bit_by_bit(expected, bytes[i]);
    }
    for (size_t f = 0; f < CRC32C_FORM_COUNT; f++) {
        if (crc32c_forms[f].is_supported()) {
            assert_int_equal(crc32c_forms[f].update(0xffffffff, bytes, sizeof bytes), expected);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_values_hold),
        cmocka_unit_test(all_forms_agree_at_all_lengths_and_alignments),
        cmocka_unit_test(long_spans_agree_too),
    };
    return cmocka_run_group_tests_name("crc32c", tests, NULL, NULL);
}
