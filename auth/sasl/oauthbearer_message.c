/* SPDX-License-Identifier: Apache-2.0 */
#include "oauthbearer_message.h"

#include <strings.h>

static const char SEPARATOR = '\x01';
static const char scheme[] = "Bearer ";

/* What stands before `mark`, which is taken too. False: there is none. */
static bool take_until(struct string *rest, char mark, struct string *out_part)
{
    const char *at = rest->length == 0 ? NULL : memchr(rest->bytes, mark, (size_t)rest->length);

    if (at == NULL) {
        return false;
    }
    *out_part = (struct string){rest->bytes, (int32_t)(at - rest->bytes)};
    rest->bytes += out_part->length + 1;
    rest->length -= out_part->length + 1;
    return true;
}

/* "n,a=user," and the separator behind it. */
static bool take_header(struct string *rest, struct oauthbearer_message *message)
{
    struct string field;

    if (!take_until(rest, ',', &field) || (!string_is(field, "n") && !string_is(field, "y")) ||
        !take_until(rest, ',', &field)) {
        return false;
    }
    if (field.length > 0) {
        if (field.length < 3 || memcmp(field.bytes, "a=", 2) != 0) {
            return false;
        }
        message->authzid = (struct string){field.bytes + 2, field.length - 2};
    }
    return take_until(rest, SEPARATOR, &field) && field.length == 0;
}

static bool take_token(struct string value, struct oauthbearer_message *message)
{
    int32_t length = (int32_t)strlen(scheme);

    if (message->token.bytes != NULL || value.length <= length ||
        strncasecmp(value.bytes, scheme, (size_t)length) != 0) {
        return false;
    }
    message->token = (struct string){value.bytes + length, value.length - length};
    return true;
}

enum error oauthbearer_message_parse(struct string text, struct oauthbearer_message *out_message)
{
    struct oauthbearer_message message = {.authzid = STRING_NULL, .token = STRING_NULL};
    struct string rest = text;
    struct string pair;
    struct string key;
    bool is_ended = false;

    if (!take_header(&rest, &message)) {
        return ERROR_MALFORMED;
    }
    while (take_until(&rest, SEPARATOR, &pair)) {
        is_ended = pair.length == 0;
        if (is_ended) {
            break;
        }
        if (!take_until(&pair, '=', &key) || key.length == 0) {
            return ERROR_MALFORMED;
        }
        if (string_is(key, "auth") && !take_token(pair, &message)) {
            return ERROR_MALFORMED;
        }
    }
    if (!is_ended || rest.length != 0 || message.token.bytes == NULL) {
        return ERROR_MALFORMED;
    }
    *out_message = message;
    return ERROR_NONE;
}
