/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/wire/kafka_error.h"

struct description {
    const char *name;
    const char *text;
    bool is_retriable;
};

enum { RETRY = 1, FINAL = 0 };

static struct description describe(int16_t code)
{
    switch (code) {
#define KAFKA_ERROR(code, name, retry, text)                                                       \
    case (code):                                                                                   \
        return (struct description){#name, text, (retry) == RETRY};
#include "gyre/wire/kafka_error.def"
#undef KAFKA_ERROR
    default: return describe(KAFKA_ERROR_UNKNOWN_SERVER_ERROR);
    }
}

const char *kafka_error_name(int16_t code)
{
    return describe(code).name;
}

const char *kafka_error_text(int16_t code)
{
    return describe(code).text;
}

bool kafka_error_is_retriable(int16_t code)
{
    return describe(code).is_retriable;
}
