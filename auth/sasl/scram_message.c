/* SPDX-License-Identifier: Apache-2.0 */
#include "scram_message.h"

/* Takes what stands before the next comma, and the comma. False: no comma is left. */
static bool take_field(struct string *rest, struct string *out_field)
{
    const char *comma = rest->length == 0 ? NULL : memchr(rest->bytes, ',', (size_t)rest->length);

    if (comma == NULL) {
        return false;
    }
    *out_field = (struct string){rest->bytes, (int32_t)(comma - rest->bytes)};
    rest->bytes += out_field->length + 1;
    rest->length -= out_field->length + 1;
    return true;
}

/* The last field has no comma behind it. */
static bool take_last(struct string *rest, struct string *out_field)
{
    if (take_field(rest, out_field)) {
        return true;
    }
    *out_field = *rest;
    rest->length = 0;
    return out_field->length > 0;
}

/* "r=...": what stands behind. False: it is another field. */
static bool has_letter(struct string field, char letter, struct string *out_value)
{
    if (field.length < 2 || field.bytes[0] != letter || field.bytes[1] != '=') {
        return false;
    }
    *out_value = (struct string){field.bytes + 2, field.length - 2};
    return true;
}

/* Printable ASCII without the comma, which ends it. */
static bool is_nonce(struct string text)
{
    for (int32_t i = 0; i < text.length; i++) {
        if (text.bytes[i] < 0x21 || text.bytes[i] > 0x7e) {
            return false;
        }
    }
    return text.length > 0 && text.length <= SCRAM_NONCE_BYTES_MAX;
}

static bool has_nul(struct string text)
{
    return memchr(text.bytes, '\0', (size_t)text.length) != NULL;
}

static enum error parse_header(struct string *rest, struct scram_client_first *message)
{
    const char *start = rest->bytes;
    struct string field;

    if (!take_field(rest, &field)) {
        return ERROR_MALFORMED;
    }
    if (field.length > 1 && field.bytes[0] == 'p') {
        return ERROR_UNSUPPORTED; /* we do not offer -PLUS */
    }
    if (!string_is(field, "n") && !string_is(field, "y")) {
        return ERROR_MALFORMED;
    }
    if (!take_field(rest, &field) ||
        (field.length > 0 && !has_letter(field, 'a', &message->authzid))) {
        return ERROR_MALFORMED;
    }
    message->gs2_header = (struct string){start, (int32_t)(rest->bytes - start)};
    return ERROR_NONE;
}

static void take_extensions(struct string *rest, struct scram_client_first *message)
{
    struct string field;

    while (take_last(rest, &field)) {
        if (string_is(field, "tokenauth=true")) {
            message->is_token = true;
        }
    }
}

enum error scram_message_parse_first(struct string text, struct scram_client_first *out_message)
{
    struct scram_client_first message = {0};
    struct string rest = text;
    struct string field;
    enum error error;

    if (text.length <= 0 || text.length > SCRAM_MESSAGE_BYTES_MAX || has_nul(text)) {
        return ERROR_MALFORMED;
    }
    error = parse_header(&rest, &message);
    if (error != ERROR_NONE) {
        return error;
    }
    message.bare = rest;
    if (!take_field(&rest, &field)) {
        return ERROR_MALFORMED;
    }
    if (has_letter(field, 'm', &message.user)) {
        return ERROR_UNSUPPORTED; /* an extension that must be understood */
    }
    if (!has_letter(field, 'n', &message.user) || message.user.length == 0 ||
        !take_last(&rest, &field) || !has_letter(field, 'r', &message.nonce) ||
        !is_nonce(message.nonce)) {
        return ERROR_MALFORMED;
    }
    take_extensions(&rest, &message);
    *out_message = message;
    return ERROR_NONE;
}

enum error scram_message_parse_final(struct string text, struct scram_client_final *out_message)
{
    struct scram_client_final message = {0};
    struct string rest = text;
    struct string field;

    if (text.length <= 0 || text.length > SCRAM_MESSAGE_BYTES_MAX || has_nul(text)) {
        return ERROR_MALFORMED;
    }
    if (!take_field(&rest, &field) || !has_letter(field, 'c', &message.channel) ||
        !take_field(&rest, &field) || !has_letter(field, 'r', &message.nonce) ||
        !is_nonce(message.nonce)) {
        return ERROR_MALFORMED;
    }
    while (take_field(&rest, &field)) {
        /* an extension: signed like all of it, and nothing that we know */
    }
    if (!has_letter(rest, 'p', &message.proof)) {
        return ERROR_MALFORMED;
    }
    message.without_proof = (struct string){text.bytes, (int32_t)(rest.bytes - text.bytes) - 1};
    *out_message = message;
    return ERROR_NONE;
}

enum error scram_message_unescape(struct string text, char *out_name, int32_t *out_length)
{
    int32_t length = 0;

    for (int32_t i = 0; i < text.length; i++) {
        struct string code = {text.bytes + i, 3};

        if (text.bytes[i] != '=') {
            out_name[length++] = text.bytes[i];
            continue;
        }
        if (text.length - i < 3 || (!string_is(code, "=2C") && !string_is(code, "=3D"))) {
            return ERROR_MALFORMED;
        }
        out_name[length++] = text.bytes[i + 2] == 'C' ? ',' : '=';
        i += 2;
    }
    if (!string_is_utf8((struct string){out_name, length})) {
        return ERROR_MALFORMED;
    }
    *out_length = length;
    return ERROR_NONE;
}
