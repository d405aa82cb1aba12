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

struct reader {
    char *position; /* borrowed */
    char *end;
    bool failed;
};

static inline void reader_init(struct reader *reader, char *bytes, size_t length)
{
    *reader = (struct reader){.position = bytes, .end = bytes + length};
}

static inline size_t reader_left(const struct reader *reader)
{
    return (size_t)(reader->end - reader->position);
}

/* The next `length` bytes, or NULL. */
char *reader_take(struct reader *reader, size_t length);

/* Gives up: nothing is left and `failed` is set. */
void reader_fail(struct reader *reader);

/* Big-endian, as Kafka's protocol and record formats are. */
int8_t reader_i8(struct reader *reader);
int16_t reader_i16(struct reader *reader);
uint16_t reader_u16(struct reader *reader);
int32_t reader_i32(struct reader *reader);
uint32_t reader_u32(struct reader *reader);
int64_t reader_i64(struct reader *reader);
double reader_f64(struct reader *reader);

/* Unsigned, at most 5 bytes and 32 bits; longer ones fail. */
uint32_t reader_uvarint(struct reader *reader);

/* Zigzag, as in records: at most 5 bytes, at most 10. */
int32_t reader_varint(struct reader *reader);
int64_t reader_varlong(struct reader *reader);

#endif
