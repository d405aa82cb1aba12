/* SPDX-License-Identifier: Apache-2.0 */
/* The zigzag varints inside records. Readers move `*at` and refuse to pass `end`. */
#ifndef GYRE_WIRE_VARINT_H
#define GYRE_WIRE_VARINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VARINT_32_BYTES_MAX = 5, VARINT_64_BYTES_MAX = 10 };

static inline uint64_t varint_zigzag(int64_t value)
{
    return ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0);
}

static inline int64_t varint_unzigzag(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

static inline bool varint_read_raw(const char **at, const char *end, int bytes_max, uint64_t *out)
{
    uint64_t value = 0;

    for (int i = 0; i < bytes_max && *at < end; i++) {
        uint8_t byte = (uint8_t) * (*at)++;

        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *out = value;
            return true;
        }
    }
    return false;
}

static inline bool varint_read_64(const char **at, const char *end, int64_t *out)
{
    uint64_t raw;

    if (!varint_read_raw(at, end, VARINT_64_BYTES_MAX, &raw)) {
        return false;
    }
    *out = varint_unzigzag(raw);
    return true;
}

/* As Kafka: bits beyond 32 of a fifth byte are dropped. */
static inline bool varint_read_32(const char **at, const char *end, int32_t *out)
{
    uint64_t raw;

    if (!varint_read_raw(at, end, VARINT_32_BYTES_MAX, &raw)) {
        return false;
    }
    *out = (int32_t)varint_unzigzag(raw & UINT32_MAX);
    return true;
}

static inline size_t varint_size(int64_t value)
{
    uint64_t raw = varint_zigzag(value);
    int bits = 64 - __builtin_clzll(raw | 1);

    return (size_t)((bits + 6) / 7);
}

static inline char *varint_write(char *to, int64_t value)
{
    uint64_t raw = varint_zigzag(value);

    while (raw >= 0x80) {
        *to++ = (char)(uint8_t)(raw | 0x80);
        raw >>= 7;
    }
    *to++ = (char)(uint8_t)raw;
    return to;
}

#endif
