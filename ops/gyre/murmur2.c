/* SPDX-License-Identifier: Apache-2.0 */
#include "murmur2.h"

#include <string.h>

static const uint32_t SEED = 0x9747b28c;
static const uint32_t FACTOR = 0x5bd1e995;

uint32_t murmur2(const char *bytes, size_t length)
{
    uint32_t hash = SEED ^ (uint32_t)length;
    size_t rest = length % 4;
    uint32_t tail = 0;

    for (size_t i = 0; i + 4 <= length; i += 4) {
        uint32_t word;

        memcpy(&word, bytes + i, sizeof word); /* little-endian, as gyre/base/bytes.h demands */
        word *= FACTOR;
        word ^= word >> 24;
        word *= FACTOR;
        hash = hash * FACTOR ^ word;
    }
    memcpy(&tail, bytes + (length - rest), rest);
    if (rest > 0) {
        hash = (hash ^ tail) * FACTOR;
    }
    hash ^= hash >> 13;
    hash *= FACTOR;
    return hash ^ hash >> 15;
}
