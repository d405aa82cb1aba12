/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XXH64 (Yann Collet, xxHash specification 0.1.1), seed 0. Written out here because its result is
 * on disk: a library may change its mind, this file may not.
 */
#include "gyre/base/check.h"
#include "gyre/wire/record_batch.h"

static const uint64_t prime_1 = 0x9E3779B185EBCA87u;
static const uint64_t prime_2 = 0xC2B2AE3D27D4EB4Fu;
static const uint64_t prime_3 = 0x165667B19E3779F9u;
static const uint64_t prime_4 = 0x85EBCA77C2B2AE63u;
static const uint64_t prime_5 = 0x27D4EB2F165667C5u;

static uint64_t rotate(uint64_t value, unsigned bits)
{
    return (value << bits) | (value >> (64 - bits));
}

static uint64_t load_u64(const uint8_t *from)
{
    uint64_t value;

    memcpy(&value, from, sizeof value);
    return value;
}

static uint64_t round_of(uint64_t lane, uint64_t input)
{
    return rotate(lane + input * prime_2, 31) * prime_1;
}

static uint64_t merge(uint64_t hash, uint64_t lane)
{
    return (hash ^ round_of(0, lane)) * prime_1 + prime_4;
}

static uint64_t digest_stripes(const uint8_t **at, const uint8_t *end)
{
    uint64_t lane[4] = {prime_1 + prime_2, prime_2, 0, 0 - prime_1};
    uint64_t hash;

    while (end - *at >= 32) {
        for (int i = 0; i < 4; i++) {
            lane[i] = round_of(lane[i], load_u64(*at + 8 * i));
        }
        *at += 32;
    }
    hash = rotate(lane[0], 1) + rotate(lane[1], 7) + rotate(lane[2], 12) + rotate(lane[3], 18);
    for (int i = 0; i < 4; i++) {
        hash = merge(hash, lane[i]);
    }
    return hash;
}

static uint64_t digest_tail(uint64_t hash, const uint8_t *at, const uint8_t *end)
{
    for (; end - at >= 8; at += 8) {
        hash = rotate(hash ^ round_of(0, load_u64(at)), 27) * prime_1 + prime_4;
    }
    if (end - at >= 4) {
        uint32_t word;

        memcpy(&word, at, sizeof word);
        hash = rotate(hash ^ (word * prime_1), 23) * prime_2 + prime_3;
        at += 4;
    }
    for (; at < end; at++) {
        hash = rotate(hash ^ (*at * prime_5), 11) * prime_1;
    }
    return hash;
}

uint64_t record_batch_digest_of(const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    const uint8_t *end = at + size;
    uint64_t hash = size >= 32 ? digest_stripes(&at, end) : prime_5;

    hash = digest_tail(hash + size, at, end);
    hash = (hash ^ (hash >> 33)) * prime_2;
    hash = (hash ^ (hash >> 29)) * prime_3;
    return hash ^ (hash >> 32);
}

uint64_t record_batch_digest(const char *batch, size_t size)
{
    CHECK(size >= RECORD_BATCH_HEADER_BYTES);
    return record_batch_digest_of(batch + RECORD_BATCH_AT_MAGIC, size - RECORD_BATCH_AT_MAGIC);
}
