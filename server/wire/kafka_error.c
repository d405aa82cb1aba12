/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/wire/kafka_error.h"

#include <stddef.h>

struct description {
    const char *name;
    const char *text;
    bool is_retriable;
};

enum { RETRY = 1, FINAL = 0 };

/* By code, from -1 on. */
static const struct description descriptions[] = {
#define KAFKA_ERROR(code, name, retry, text) [(code) + 1] = {#name, text, (retry) == RETRY},
#include "gyre/wire/kafka_error.def"
#undef KAFKA_ERROR
};

static const struct description *describe(int16_t code)
{
    size_t index = code < -1 ? 0 : (size_t)(code + 1);

    return &descriptions[index < sizeof descriptions / sizeof descriptions[0] ? index : 0];
}

const char *kafka_error_name(int16_t code)
{
    return describe(code)->name;
}

const char *kafka_error_text(int16_t code)
{
    return describe(code)->text;
}

bool kafka_error_is_retriable(int16_t code)
{
    return describe(code)->is_retriable;
}
