/* SPDX-License-Identifier: Apache-2.0 */
/* Names print as the JDK prints them: tests/golden/dn_names.tsv, which dn_names.py writes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/tls/principal_rules.h"

#include "support/test.h"

enum { LINE_BYTES_MAX = 65536 };

static size_t parse_hex(const char *hex, size_t digits, uint8_t *out)
{
    for (size_t i = 0; i + 1 < digits; i += 2) {
        char byte[3] = {hex[i], hex[i + 1], '\0'};

        out[i / 2] = (uint8_t)strtoul(byte, NULL, 16);
    }
    return digits / 2;
}

static void names_print_as_the_jdk_prints_them(void **state)
{
    static char line[LINE_BYTES_MAX];
    static uint8_t der[LINE_BYTES_MAX / 2];
    static uint8_t expected[LINE_BYTES_MAX / 2];
    FILE *file = fopen(GOLDEN_FILE, "r");
    int count = 0;

    (void)state;
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        size_t digits = strcspn(line, "\t");
        size_t der_length = parse_hex(line, digits, der);
        size_t wanted = parse_hex(line + digits + 1, strcspn(line + digits + 1, "\n"), expected);
        char text[DN_TEXT_BYTES_MAX];
        size_t length = 0;

        count++;
        if (dn_text_print(der, der_length, text, sizeof text, &length) != ERROR_NONE) {
            fail_msg("line %d cannot be read", count);
        }
        if (length != wanted || memcmp(text, expected, wanted) != 0) {
            fail_msg("line %d: '%s' is not the JDK's '%.*s'", count, text, (int)wanted,
                     (const char *)expected);
        }
    }
    assert_int_equal(fclose(file), 0);
    assert_true(count > 250);
}

static void what_is_no_name_or_too_long_is_refused(void **state)
{
    static const uint8_t cut_off[] = {0x30, 0x10, 0x31};
    static const uint8_t empty_and_more[] = {0x30, 0x00, 0x00};
    static const uint8_t alice[] = {0x30, 0x10, 0x31, 0x0e, 0x30, 0x0c, 0x06, 0x03, 0x55,
                                    0x04, 0x03, 0x0c, 0x05, 'a',  'l',  'i',  'c',  'e'};
    char text[9];
    size_t length;

    (void)state;
    assert_int_equal(dn_text_print(cut_off, sizeof cut_off, text, sizeof text, &length),
                     ERROR_MALFORMED);
    assert_int_equal(
        dn_text_print(empty_and_more, sizeof empty_and_more, text, sizeof text, &length),
        ERROR_MALFORMED);
    assert_int_equal(dn_text_print(alice, sizeof alice, text, 8, &length), ERROR_LIMIT);
    assert_int_equal(dn_text_print(alice, sizeof alice, text, 9, &length), ERROR_NONE);
    assert_string_equal(text, "CN=alice");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_print_as_the_jdk_prints_them),
        cmocka_unit_test(what_is_no_name_or_too_long_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
