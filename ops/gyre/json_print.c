/* SPDX-License-Identifier: Apache-2.0 */
#include "json_print.h"

#include <stdio.h>
#include <stdlib.h>

#include "gyre/base/check.h"
#include "gyre/wire/message.h"

#include "command.h"

void json_print(json_t *json)
{
    if (json == NULL) {
        complain("what the broker said cannot be written as JSON");
        return;
    }
    (void)json_dumpf(json, stdout, JSON_INDENT(2));
    (void)putchar('\n');
    json_decref(json);
}

/* How many bytes of `text` make its first character; 0: they make none. */
static int32_t character_bytes(struct string text)
{
    for (int32_t length = 1; length <= 4 && length <= text.length; length++) {
        if (string_is_utf8((struct string){text.bytes, length})) {
            return length;
        }
    }
    return 0;
}

static json_t *from_broken(struct string text)
{
    static const char replacement[] = "\xef\xbf\xbd";
    char *fixed = check_alloc((size_t)text.length * 3 + 1);
    size_t used = 0;
    json_t *json;

    while (text.length > 0) {
        int32_t length = character_bytes(text);

        if (length == 0) {
            memcpy(fixed + used, replacement, 3);
            used += 3;
            length = 1;
        } else {
            memcpy(fixed + used, text.bytes, (size_t)length);
            used += (size_t)length;
        }
        text.bytes += length;
        text.length -= length;
    }
    json = json_stringn(fixed, used);
    free(fixed);
    return json;
}

json_t *json_from_string(struct string text)
{
    if (text.bytes == NULL) {
        return json_null();
    }
    return string_is_utf8(text) ? json_stringn(text.bytes, (size_t)text.length) : from_broken(text);
}

json_t *json_from_int32s(const struct int32_array *numbers)
{
    json_t *list = json_array();

    for (int32_t i = 0; i < numbers->count; i++) {
        (void)json_array_append_new(list, json_integer(numbers->items[i]));
    }
    return list;
}
