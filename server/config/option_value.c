/* SPDX-License-Identifier: Apache-2.0 */
#include "config/option_value.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { NUMBER_BYTES_MAX = 63 };

/* strtoll() and strtod() want a NUL; they also take leading blanks, which were trimmed. */
static bool copy_number(struct string text, char copy[NUMBER_BYTES_MAX + 1])
{
    text = string_trim(text);
    if (text.length <= 0 || text.length > NUMBER_BYTES_MAX) {
        return false;
    }
    memcpy(copy, text.bytes, (size_t)text.length);
    copy[text.length] = '\0';
    return strlen(copy) == (size_t)text.length;
}

enum error option_value_parse_long(struct string text, int64_t *out_value)
{
    char copy[NUMBER_BYTES_MAX + 1];
    char *end;
    long long value;

    if (!copy_number(text, copy)) {
        return ERROR_INVALID;
    }
    errno = 0;
    value = strtoll(copy, &end, 10);
    if (errno != 0 || *end != '\0') {
        return ERROR_INVALID;
    }
    *out_value = value;
    return ERROR_NONE;
}

enum error option_value_parse_double(struct string text, double *out_value)
{
    char copy[NUMBER_BYTES_MAX + 1];
    char *end;
    double value;

    if (!copy_number(text, copy)) {
        return ERROR_INVALID;
    }
    value = strtod(copy, &end);
    if (*end != '\0' || isnan(value)) {
        return ERROR_INVALID;
    }
    *out_value = value;
    return ERROR_NONE;
}

enum error option_value_parse_bool(struct string text, bool *out_value)
{
    text = string_trim(text);
    if (text.length == 4 && strncasecmp(text.bytes, "true", 4) == 0) {
        *out_value = true;
        return ERROR_NONE;
    }
    if (text.length == 5 && strncasecmp(text.bytes, "false", 5) == 0) {
        *out_value = false;
        return ERROR_NONE;
    }
    return ERROR_INVALID;
}

bool option_value_is_choice(struct string text, const char *choices)
{
    while (*choices != '\0') {
        size_t length = strcspn(choices, "|");

        if ((size_t)text.length == length && memcmp(text.bytes, choices, length) == 0) {
            return true;
        }
        choices += length + (choices[length] == '|' ? 1 : 0);
    }
    return false;
}

static enum error refuse(char *reason, size_t size, const char *wanted, struct string value)
{
    (void)snprintf(reason, size, "must be %s, is '%.*s'", wanted,
                   value.length < 100 ? (int)value.length : 100,
                   value.bytes == NULL ? "" : value.bytes);
    return ERROR_INVALID;
}

static enum error check_bounds(const struct option_rule *rule, int64_t value, char *reason,
                               size_t size)
{
    if (value < rule->low) {
        (void)snprintf(reason, size, "must be at least %" PRId64 ", is %" PRId64, rule->low, value);
        return ERROR_INVALID;
    }
    if (value > rule->high) {
        (void)snprintf(reason, size, "must be at most %" PRId64 ", is %" PRId64, rule->high, value);
        return ERROR_INVALID;
    }
    return ERROR_NONE;
}

static enum error check_double(const struct option_rule *rule, struct string value, char *reason,
                               size_t size)
{
    double number;

    if (option_value_parse_double(value, &number) != ERROR_NONE) {
        return refuse(reason, size, "a number", value);
    }
    if (number < (double)rule->low || number > (double)rule->high) {
        (void)snprintf(reason, size, "must lie between %" PRId64 " and %" PRId64 ", is %g",
                       rule->low, rule->high, number);
        return ERROR_INVALID;
    }
    return ERROR_NONE;
}

static enum error check_list(const struct option_rule *rule, struct string value, char *reason,
                             size_t size)
{
    struct string rest = value;
    struct string element;
    char wanted[128];

    while (string_next_element(&rest, ',', &element)) {
        if (rule->choices != NULL && !option_value_is_choice(element, rule->choices)) {
            (void)snprintf(wanted, sizeof wanted, "a list of %s", rule->choices);
            return refuse(reason, size, wanted, value);
        }
    }
    return ERROR_NONE;
}

enum error option_value_check(const struct option_rule *rule, struct string value, char *reason,
                              size_t reason_size)
{
    char wanted[128];
    int64_t number;
    bool truth;

    switch (rule->type) {
    case OPTION_TYPE_BOOL:
        return option_value_parse_bool(value, &truth) == ERROR_NONE
                   ? ERROR_NONE
                   : refuse(reason, reason_size, "true or false", value);
    case OPTION_TYPE_INT:
    case OPTION_TYPE_LONG:
        return option_value_parse_long(value, &number) == ERROR_NONE
                   ? check_bounds(rule, number, reason, reason_size)
                   : refuse(reason, reason_size, "a whole number", value);
    case OPTION_TYPE_DOUBLE: return check_double(rule, value, reason, reason_size);
    case OPTION_TYPE_LIST: return check_list(rule, value, reason, reason_size);
    case OPTION_TYPE_PASSWORD:
    case OPTION_TYPE_STRING: break;
    }
    if (rule->choices == NULL || option_value_is_choice(value, rule->choices)) {
        return ERROR_NONE;
    }
    (void)snprintf(wanted, sizeof wanted, "one of %s", rule->choices);
    return refuse(reason, reason_size, wanted, value);
}
