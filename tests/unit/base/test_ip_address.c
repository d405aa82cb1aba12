/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/base/ip_address.h"

#include "support/test.h"

static void an_address_has_one_usual_spelling(void **state)
{
    static const struct {
        const char *given;
        const char *usual;
    } cases[] = {
        {"10.0.0.7", "10.0.0.7"},
        {"2001:db8::1", "2001:db8::1"},
        {"2001:db8:0:0:0:0:0:1", "2001:db8::1"},
        {"2001:0DB8:0000:0000:0000:0000:0000:0001", "2001:db8::1"},
        {"0:0:0:0:0:0:0:1", "::1"},
        {"::ffff:10.0.0.7", "10.0.0.7"},
        {"::FFFF:a00:7", "10.0.0.7"},
        {"0000:0000:0000:0000:0000:ffff:010.000.000.007", NULL},
        {"*", NULL},
        {"", NULL},
        {"10.0.0", NULL},
        {"localhost", NULL},
        {"fe80::1%eth0", NULL},
        {"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa", NULL},
    };
    struct ip_address_text room;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct string given = string_from(cases[i].given);
        struct string usual = ip_address_usual(given, &room);

        assert_int_equal(ip_address_normalise(given, &room), cases[i].usual != NULL);
        if (cases[i].usual == NULL) {
            assert_ptr_equal(usual.bytes, given.bytes);
            assert_int_equal(usual.length, given.length);
        } else {
            assert_string_equal(usual.bytes, cases[i].usual);
        }
    }
    assert_false(ip_address_normalise((struct string){"10.0.0.7\0x", 10}, &room));
}

static void spellings_of_one_address_are_the_same(void **state)
{
    (void)state;
    assert_true(ip_address_is_same(STRING("::1"), STRING("0:0:0:0:0:0:0:1")));
    assert_true(ip_address_is_same(STRING("*"), STRING("*")));
    assert_true(ip_address_is_same(STRING("host"), STRING("host")));
    assert_false(ip_address_is_same(STRING("::1"), STRING("::2")));
    assert_false(ip_address_is_same(STRING("::1"), STRING("*")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_has_one_usual_spelling),
        cmocka_unit_test(spellings_of_one_address_are_the_same),
    };
    return cmocka_run_group_tests_name("ip_address", tests, NULL, NULL);
}
