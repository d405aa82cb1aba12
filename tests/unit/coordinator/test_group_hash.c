/* SPDX-License-Identifier: Apache-2.0 */
/* Groups must live where Kafka puts them: numbers of Java's String.hashCode() and length(). */
#include "coordinator/group_hash.h"
#include "support/test.h"

static void hashes_are_those_of_java(void **state)
{
    (void)state;
    assert_int_equal(group_hash(STRING("")), 0);
    assert_int_equal(group_hash(STRING("hello")), 99162322);
    assert_int_equal(group_hash(STRING("Aa")), 2112);
    assert_int_equal(group_hash(STRING("BB")), 2112);
    assert_int_equal(group_hash(STRING("polygenelubricants")), INT32_MIN);
    assert_int_equal(group_hash(STRING("h\xC3\xA9llo")), 103094734);
}

static void characters_beyond_sixteen_bits_count_as_two(void **state)
{
    (void)state;
    assert_int_equal(group_hash(STRING("\xF0\x9F\x98\x80")), 1772899);
    assert_int_equal(group_hash_length(STRING("\xF0\x9F\x98\x80")), 2);
    assert_int_equal(group_hash_length(STRING("h\xC3\xA9llo")), 5);
}

static void bytes_that_are_not_text_count_as_one_replacement_each(void **state)
{
    (void)state;
    assert_int_equal(group_hash(STRING("\xFF")), 0xFFFD);
    assert_int_equal(group_hash_length(STRING("\xE2\x82")), 2);
}

static void the_smallest_hash_is_in_partition_zero(void **state)
{
    (void)state;
    assert_int_equal(group_hash_partition(STRING("polygenelubricants"), 50), 0);
    assert_int_equal(group_hash_partition(STRING("hello"), 50), 22);
    assert_int_equal(group_hash_partition(STRING("hello"), 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_those_of_java),
        cmocka_unit_test(characters_beyond_sixteen_bits_count_as_two),
        cmocka_unit_test(bytes_that_are_not_text_count_as_one_replacement_each),
        cmocka_unit_test(the_smallest_hash_is_in_partition_zero),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
