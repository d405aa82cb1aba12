/* SPDX-License-Identifier: Apache-2.0 */
/* Strings compare by bytes, null differs from empty, and UTF-8 is checked as RFC 3629 says. */
#include "gyre/base/bytes.h"

#include "support/test.h"

static void null_and_empty_differ(void **state)
{
    (void)state;
    assert_false(string_equal(STRING_NULL, STRING("")));
    assert_true(string_equal(STRING_NULL, STRING_NULL));
    assert_true(string_is(STRING("abc"), "abc"));
    assert_true(string_compare(STRING("ab"), STRING("abc")) < 0);
}

static void a_list_is_taken_apart_without_blanks_and_empty_elements(void **state)
{
    struct string rest = STRING(" one,two\t ,, \t,three four,");
    struct string element;

    (void)state;
    assert_true(string_next_element(&rest, ',', &element));
    assert_true(string_is(element, "one"));
    assert_true(string_next_element(&rest, ',', &element));
    assert_true(string_is(element, "two"));
    assert_true(string_next_element(&rest, ',', &element));
    assert_true(string_is(element, "three four"));
    assert_false(string_next_element(&rest, ',', &element));
    rest = STRING_NULL;
    assert_false(string_next_element(&rest, ';', &element));
    assert_int_equal(string_trim(STRING(" \t ")).length, 0);
}

static void malformed_utf8_is_refused(void **state)
{
    (void)state;
    assert_true(string_is_utf8(STRING("plain, \xC3\xA9, \xE2\x82\xAC, \xF0\x9F\x98\x80")));
    assert_false(string_is_utf8(STRING("\xC0\x80")));         /* overlong NUL */
    assert_false(string_is_utf8(STRING("\xE0\x9F\xBF")));     /* overlong */
    assert_false(string_is_utf8(STRING("\xED\xA0\x80")));     /* surrogate */
    assert_false(string_is_utf8(STRING("\xF4\x90\x80\x80"))); /* above U+10FFFF */
    assert_false(string_is_utf8(STRING("\xE2\x82")));         /* cut off */
    assert_false(string_is_utf8(STRING("\x80")));             /* no lead */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(null_and_empty_differ),
        cmocka_unit_test(a_list_is_taken_apart_without_blanks_and_empty_elements),
        cmocka_unit_test(malformed_utf8_is_refused),
    };
    return cmocka_run_group_tests_name("bytes", tests, NULL, NULL);
}
