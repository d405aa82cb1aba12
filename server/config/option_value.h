/* SPDX-License-Identifier: Apache-2.0 */
/* Values of options as text: parsing, bounds, choices, lists. Thread: any. */
#ifndef GYRE_CONFIG_OPTION_VALUE_H
#define GYRE_CONFIG_OPTION_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gyre/base/bytes.h"
#include "gyre/base/error.h"
#include "gyre/config/config.h"

MUST_USE
enum error option_value_parse_long(struct string text, int64_t *out_value);
MUST_USE
enum error option_value_parse_double(struct string text, double *out_value);
/* As Java: true or false in any case. */
MUST_USE
enum error option_value_parse_bool(struct string text, bool *out_value);

/* Is it one of "a|b|c"? */
bool option_value_is_choice(struct string text, const char *choices);

/* What an option asks of its value, whichever table it stands in. */
struct option_rule {
    enum option_type type;
    const char *choices;
    int64_t low;
    int64_t high;
};

/* ERROR_INVALID with a sentence in `reason`: "must be at least 1, is 0". */
MUST_USE
enum error option_value_check(const struct option_rule *rule, struct string value, char *reason,
                              size_t reason_size);

#endif
