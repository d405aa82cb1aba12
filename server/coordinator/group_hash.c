/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/group_hash.h"

#include "gyre/base/check.h"

enum { REPLACEMENT = 0xFFFD, HASH_FACTOR = 31 };

/* Decode the rune at `at`; returns how many bytes it takes. */
static int32_t decode(struct string text, int32_t at, uint32_t *out_rune)
{
    static const uint8_t lengths[16] = {1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 2, 2, 3, 4};
    static const uint32_t masks[5] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint8_t first = (uint8_t)text.bytes[at];
    int32_t length = lengths[first >> 4];
    struct string piece = {.bytes = text.bytes + at, .length = length};
    uint32_t rune;

    if (length == 0 || length > text.length - at || !string_is_utf8(piece)) {
        *out_rune = REPLACEMENT;
        return 1;
    }
    rune = first & masks[length];
    for (int32_t i = 1; i < length; i++) {
        rune = rune << 6 | ((uint8_t)piece.bytes[i] & 0x3F);
    }
    *out_rune = rune;
    return length;
}

int32_t group_hash(struct string text)
{
    uint32_t hash = 0;
    uint32_t rune;

    for (int32_t at = 0; at < text.length;) {
        at += decode(text, at, &rune);
        if (rune >= 0x10000) {
            rune -= 0x10000;
            hash = hash * HASH_FACTOR + (0xD800 | rune >> 10);
            rune = 0xDC00 | (rune & 0x3FF);
        }
        hash = hash * HASH_FACTOR + rune;
    }
    return (int32_t)hash;
}

int32_t group_hash_length(struct string text)
{
    int32_t length = 0;
    uint32_t rune;

    for (int32_t at = 0; at < text.length;) {
        at += decode(text, at, &rune);
        length += rune >= 0x10000 ? 2 : 1;
    }
    return length;
}

int32_t group_hash_partition(struct string group_id, int32_t partition_count)
{
    int32_t hash = group_hash(group_id);

    CHECK(partition_count > 0);
    if (hash == INT32_MIN) {
        return 0; /* as Kafka's Utils.abs() */
    }
    return (hash < 0 ? -hash : hash) % partition_count;
}
