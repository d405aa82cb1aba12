/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/base/uuid.h"

#include "gyre/base/random.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

struct uuid uuid_random(struct random *random)
{
    struct uuid uuid;

    do {
        uint64_t high = random_u64(random);
        uint64_t low = random_u64(random);

        store_be64(uuid.bytes, high);
        store_be64(uuid.bytes + 8, low);
        uuid.bytes[6] = (uint8_t)((uuid.bytes[6] & 0x0F) | 0x40);
        uuid.bytes[8] = (uint8_t)((uuid.bytes[8] & 0x3F) | 0x80);
    } while (uuid.bytes[0] >> 2 == 62); /* a leading '-' reads as a command-line flag */
    return uuid;
}

bool uuid_is_zero(struct uuid uuid)
{
    return uuid_equal(uuid, (struct uuid){0});
}

bool uuid_equal(struct uuid a, struct uuid b)
{
    return uuid_compare(a, b) == 0;
}

int uuid_compare(struct uuid a, struct uuid b)
{
    return memcmp(a.bytes, b.bytes, sizeof a.bytes);
}

void uuid_format(struct uuid uuid, char text[UUID_TEXT_LENGTH + 1])
{
    uint8_t padded[18] = {0};

    memcpy(padded, uuid.bytes, sizeof uuid.bytes);
    for (int i = 0; i < UUID_TEXT_LENGTH; i++) {
        int bit = i * 6;
        unsigned pair = (unsigned)padded[bit / 8] << 8 | padded[bit / 8 + 1];

        text[i] = alphabet[(pair >> (10 - bit % 8)) & 63];
    }
    text[UUID_TEXT_LENGTH] = '\0';
}

enum error uuid_parse(struct string text, struct uuid *out_uuid)
{
    uint8_t padded[18] = {0};

    if (text.length != UUID_TEXT_LENGTH) {
        return ERROR_MALFORMED;
    }
    for (int i = 0; i < UUID_TEXT_LENGTH; i++) {
        const char *found = text.bytes[i] == '\0' ? NULL : strchr(alphabet, text.bytes[i]);
        int bit = i * 6;
        unsigned shifted;

        if (found == NULL) {
            return ERROR_MALFORMED;
        }
        shifted = (unsigned)(found - alphabet) << (10 - bit % 8);
        padded[bit / 8] = (uint8_t)(padded[bit / 8] | shifted >> 8);
        padded[bit / 8 + 1] = (uint8_t)(padded[bit / 8 + 1] | (shifted & 0xFF));
    }
    if (padded[16] != 0) {
        return ERROR_MALFORMED; /* the last character carries 4 bits that must be zero */
    }
    memcpy(out_uuid->bytes, padded, sizeof out_uuid->bytes);
    return ERROR_NONE;
}
