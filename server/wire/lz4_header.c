/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/lz4_header.h"

#include <stdint.h>
#include <string.h>

enum { FRAME_MAGIC_BYTES = 4, FLAG_CONTENT_SIZE = 0x08, FLAG_DICTIONARY = 0x01 };

size_t lz4_header_size(const char *bytes, size_t available)
{
    size_t size = FRAME_MAGIC_BYTES + 3; /* flags, block descriptor, checksum */

    if (available <= FRAME_MAGIC_BYTES) {
        return 0;
    }
    size += (bytes[FRAME_MAGIC_BYTES] & FLAG_CONTENT_SIZE) != 0 ? 8 : 0;
    size += (bytes[FRAME_MAGIC_BYTES] & FLAG_DICTIONARY) != 0 ? 4 : 0;
    return size <= available ? size : 0;
}

static uint32_t rotate(uint32_t value, unsigned bits)
{
    return (value << bits) | (value >> (32 - bits));
}

/* XXH32 with seed 0, for less than 16 bytes. */
static uint32_t short_xxh32(const char *bytes, size_t size)
{
    const uint32_t prime_1 = 2654435761u;
    const uint32_t prime_2 = 2246822519u;
    const uint32_t prime_3 = 3266489917u;
    const uint32_t prime_4 = 668265263u;
    const uint32_t prime_5 = 374761393u;
    uint32_t hash = prime_5 + (uint32_t)size;

    for (; size >= 4; size -= 4, bytes += 4) {
        uint32_t word;

        memcpy(&word, bytes, sizeof word);
        hash = rotate(hash + word * prime_3, 17) * prime_4;
    }
    for (; size > 0; size--, bytes++) {
        hash = rotate(hash + (uint8_t)*bytes * prime_5, 11) * prime_1;
    }
    hash = (hash ^ (hash >> 15)) * prime_2;
    hash = (hash ^ (hash >> 13)) * prime_3;
    return hash ^ (hash >> 16);
}

void lz4_header_set_checksum(char *header, size_t size)
{
    uint32_t hash = short_xxh32(header + FRAME_MAGIC_BYTES, size - FRAME_MAGIC_BYTES - 1);

    header[size - 1] = (char)(uint8_t)(hash >> 8);
}

/* Only for headers that we wrote: without content size and dictionary they stay below 16 bytes. */
void lz4_header_set_old_checksum(char *header, size_t size)
{
    uint32_t hash = short_xxh32(header, size - 1);

    header[size - 1] = (char)(uint8_t)(hash >> 8);
}
