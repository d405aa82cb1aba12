/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/base/bytes.h"

int string_compare(struct string a, struct string b)
{
    int32_t shorter = a.length < b.length ? a.length : b.length;
    int order = shorter == 0 ? 0 : memcmp(a.bytes, b.bytes, (size_t)shorter);

    if (order != 0) {
        return order;
    }
    return (a.length > b.length) - (a.length < b.length);
}

static bool is_blank(char character)
{
    return character == ' ' || character == '\t';
}

struct string string_trim(struct string text)
{
    while (text.length > 0 && is_blank(text.bytes[0])) {
        text.bytes++;
        text.length--;
    }
    while (text.length > 0 && is_blank(text.bytes[text.length - 1])) {
        text.length--;
    }
    return text;
}

bool string_next_element(struct string *rest, char separator, struct string *out_element)
{
    while (rest->length > 0) {
        const char *end = memchr(rest->bytes, separator, (size_t)rest->length);
        int32_t length = end == NULL ? rest->length : (int32_t)(end - rest->bytes);
        int32_t taken = end == NULL ? length : length + 1;

        *out_element = string_trim((struct string){.bytes = rest->bytes, .length = length});
        rest->bytes += taken;
        rest->length -= taken;
        if (out_element->length > 0) {
            return true;
        }
    }
    return false;
}

/* Length of the sequence that `lead` begins, 0 if it begins none. */
static int32_t sequence_length(uint8_t lead)
{
    if (lead < 0x80) {
        return 1;
    }
    if (lead >= 0xC2 && lead <= 0xDF) {
        return 2;
    }
    if (lead >= 0xE0 && lead <= 0xEF) {
        return 3;
    }
    return lead >= 0xF0 && lead <= 0xF4 ? 4 : 0;
}

/* Overlong forms, surrogates and code points above U+10FFFF show in the second byte. */
static bool second_byte_fits(uint8_t lead, uint8_t second)
{
    switch (lead) {
    case 0xE0: return second >= 0xA0;
    case 0xED: return second <= 0x9F;
    case 0xF0: return second >= 0x90;
    case 0xF4: return second <= 0x8F;
    default: return true;
    }
}

bool string_is_utf8(struct string text)
{
    const uint8_t *at = (const uint8_t *)text.bytes;
    int32_t left = text.length;

    while (left > 0) {
        int32_t length = sequence_length(at[0]);

        if (length == 0 || length > left) {
            return false;
        }
        for (int32_t i = 1; i < length; i++) {
            if ((at[i] & 0xC0) != 0x80) {
                return false;
            }
        }
        if (length > 1 && !second_byte_fits(at[0], at[1])) {
            return false;
        }
        at += length;
        left -= length;
    }
    return true;
}
