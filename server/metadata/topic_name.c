/* SPDX-License-Identifier: Apache-2.0 */
#include "metadata/topic_name.h"

#include <stdio.h>

#include "gyre/access/stream_name.h"

static bool is_legal(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

static bool has_illegal(struct string name)
{
    for (int32_t i = 0; i < name.length; i++) {
        if (!is_legal(name.bytes[i])) {
            return true;
        }
    }
    return false;
}

static bool has_double_dot(struct string name)
{
    for (int32_t i = 1; i < name.length; i++) {
        if (name.bytes[i] == '.' && name.bytes[i - 1] == '.') {
            return true;
        }
    }
    return false;
}

/* What is shown of a name that is not a name: its beginning, and only if it is text. */
static struct string shown(struct string name)
{
    if (!string_is_utf8(name)) {
        return STRING("?");
    }
    int32_t length = name.length;
    if (length > 300) {
        length = 300;
        while (length > 0 && ((unsigned char)name.bytes[length] & 0xc0) == 0x80) {
            length--;
        }
    }
    return (struct string){.bytes = name.bytes, .length = length};
}

bool topic_name_is_valid(struct string name, char *reason, size_t reason_size)
{
    struct stream_name_text legal;
    struct string text = shown(name);

    if (stream_name_is_topic(stream_name_legal(name, &legal))) {
        if (name.length <= TOPIC_NAME_BYTES_MAX) {
            return true;
        }
    }
    if (name.bytes == NULL || name.length == 0) {
        (void)snprintf(reason, reason_size,
                       "Topic name is invalid: the empty string is not allowed");
    } else if (string_is(name, ".")) {
        (void)snprintf(reason, reason_size, "Topic name is invalid: '.' is not allowed");
    } else if (string_is(name, "..")) {
        (void)snprintf(reason, reason_size, "Topic name is invalid: '..' is not allowed");
    } else if (name.length > TOPIC_NAME_BYTES_MAX) {
        (void)snprintf(reason, reason_size,
                       "Topic name is invalid: the length of '%.*s' is longer than the max allowed "
                       "length %d",
                       STRING_ARGUMENTS(text), TOPIC_NAME_BYTES_MAX);
    } else if (has_illegal(name)) {
        (void)snprintf(reason, reason_size,
                       "Topic name is invalid: '%.*s' contains one or more characters other than "
                       "ASCII alphanumerics, '.', '_' and '-'",
                       STRING_ARGUMENTS(text));
    } else if (has_double_dot(name)) {
        (void)snprintf(
            reason, reason_size,
            "Topic name is invalid: '%.*s' contains '..', but is not STREAM..TOPIC, a topic "
            "inside of a stream",
            STRING_ARGUMENTS(text));
    } else {
        return true;
    }
    return false;
}

bool topic_name_is_internal(struct string name)
{
    return string_is(name, "__consumer_offsets") || string_is(name, "__transaction_state") ||
           string_is(name, "__share_group_state") || string_is(name, "__audit");
}
