/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strings and bytes that outlive the request they came in: groups keep copies of their own. The
 * caller has limited the length. Thread: any.
 */
#ifndef GYRE_COORDINATOR_OWNED_STRING_H
#define GYRE_COORDINATOR_OWNED_STRING_H

#include <stdlib.h>

#include "gyre/base/bytes.h"
#include "gyre/base/check.h"

/* A copy of the caller's own; null stays null. */
static inline struct string owned_string_copy(struct string text)
{
    char *bytes;

    if (text.bytes == NULL) {
        return STRING_NULL;
    }
    bytes = check_alloc((size_t)text.length + 1);
    memcpy(bytes, text.bytes, (size_t)text.length);
    return (struct string){.bytes = bytes, .length = text.length};
}

static inline void owned_string_release(struct string *text)
{
    free((void *)(uintptr_t)text->bytes);
    *text = STRING_NULL;
}

static inline void owned_string_set(struct string *text, struct string value)
{
    struct string copy = owned_string_copy(value); /* it may be a part of the old one */

    owned_string_release(text);
    *text = copy;
}

#endif
