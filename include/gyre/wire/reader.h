/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reader walks over bytes that somebody else wrote. It saturates: after the end, or after
 * nonsense, every answer is 0 or NULL and `failed` stays set, so that a decoder asks once.
 *
 * Thread: one at a time. Owns nothing; what it returns points into the bytes it was given.
 */
#ifndef GYRE_WIRE_READER_H
#define GYRE_WIRE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gyre/base/bytes.h"

struct reader {
    char *position; /* borrowed */
    char *end;
    bool failed;
};

/* NOLINTNEXTLINE(readability-non-const-parameter): what is taken may be written to */
static inline void reader_init(struct reader *reader, char *bytes, size_t length)
{
    /* An empty message may have no bytes at all, and NULL + 0 is not defined. */
    *reader = (struct reader){.position = bytes, .end = length == 0 ? bytes : bytes + length};
}

static inline size_t reader_left(const struct reader *reader)
{
    return (size_t)(reader->end - reader->position);
}

/* Gives up: nothing is left and `failed` is set. */
static inline void reader_fail(struct reader *reader)
{
    reader->position = reader->end;
    reader->failed = true;
}

/* The next `length` bytes, or NULL. */
static inline char *reader_take(struct reader *reader, size_t length)
{
    char *taken = reader->position;

    if (__builtin_expect(length > reader_left(reader), 0)) {
        reader_fail(reader);
        return NULL;
    }
    reader->position += length;
    return taken;
}

/* Big-endian, as Kafka's protocol and record formats are. */
static inline int8_t reader_i8(struct reader *reader)
{
    const char *at = reader_take(reader, 1);

    if (at == NULL) {
        return 0;
    }
    return (int8_t)*at;
}

static inline uint16_t reader_u16(struct reader *reader)
{
    const char *at = reader_take(reader, 2);

    return at == NULL ? 0 : load_be16(at);
}

static inline uint32_t reader_u32(struct reader *reader)
{
    const char *at = reader_take(reader, 4);

    return at == NULL ? 0 : load_be32(at);
}

static inline int64_t reader_i64(struct reader *reader)
{
    const char *at = reader_take(reader, 8);

    return at == NULL ? 0 : (int64_t)load_be64(at);
}

static inline int16_t reader_i16(struct reader *reader)
{
    return (int16_t)reader_u16(reader);
}

static inline int32_t reader_i32(struct reader *reader)
{
    return (int32_t)reader_u32(reader);
}

double reader_f64(struct reader *reader);

/* The rest behind a first byte above 127: at most `bits_max` bits in seven a byte, lowest first. */
uint64_t reader_long_uvarint(struct reader *reader, uint8_t first, unsigned bits_max);

/* Unsigned, at most 5 bytes and 32 bits. */
static inline uint32_t reader_uvarint(struct reader *reader)
{
    uint8_t first = (uint8_t)reader_i8(reader);

    return first < 0x80 ? first : (uint32_t)reader_long_uvarint(reader, first, 32);
}

/* Zigzag, as in records: at most 5 bytes, at most 10. */
int32_t reader_varint(struct reader *reader);
int64_t reader_varlong(struct reader *reader);

#endif
