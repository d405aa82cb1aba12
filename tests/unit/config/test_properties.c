/* SPDX-License-Identifier: Apache-2.0 */
/* Files are read as Java reads them. */
#include <stdio.h>

#include "config/properties.h"
#include "support/test.h"

static char seen[4096];

static void remember(void *context, struct string key, struct string value, int line)
{
    size_t used = strlen(seen);

    (void)context;
    (void)snprintf(seen + used, sizeof seen - used, "%d|%.*s|%.*s\n", line, STRING_ARGUMENTS(key),
                   STRING_ARGUMENTS(value));
}

static enum error parse(const char *text, int *out_line)
{
    seen[0] = '\0';
    return properties_parse(text, strlen(text), remember, NULL, out_line);
}

static void keys_and_values_are_told_apart_as_in_java(void **state)
{
    static const struct {
        const char *text;
        const char *entries;
    } cases[] = {
        {"a=1\nb:2\nc 3\nd", "1|a|1\n2|b|2\n3|c|3\n4|d|\n"},
        {"# x=1\n  ! y=2\n\n  z  =  3  \n", "4|z|3\n"},
        {"a = b = c", "1|a|b = c\n"},
        {"list=a,\\\n    b,\\\n    c\nnext=1", "1|list|a,b,c\n4|next|1\n"},
        {"a=1\r\nb=2\rc=3", "1|a|1\n2|b|2\n3|c|3\n"},
        {"path=C\\:\\\\x\\ty\\u00e9", "1|path|C:\\x\ty\xc3\xa9\n"},
        {"k\\=e\\ y=v", "1|k=e y|v\n"},
        {"a=1\na=2", "1|a|1\n2|a|2\n"},
        {"a=\\", "1|a|\n"},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int line;

        assert_int_equal(parse(cases[i].text, &line), ERROR_NONE);
        assert_string_equal(seen, cases[i].entries);
    }
}

static void what_is_no_text_is_refused_with_its_line(void **state)
{
    static const char *const wrong[] = {"\na=\\u12", "\na=\\uzzzz", "\na=\\ud800", "\na=\\u0000",
                                        "\na=\xff"};

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        int line = 0;

        assert_int_equal(parse(wrong[i], &line), ERROR_MALFORMED);
        assert_int_equal(line, 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_and_values_are_told_apart_as_in_java),
        cmocka_unit_test(what_is_no_text_is_refused_with_its_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
