/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A writer fills bytes whose number was counted before. Without bytes it only counts, so that the
 * same walk serves for both. Writing past the end is a bug of ours and ends the process.
 *
 * Thread: one at a time. Owns nothing.
 */
#ifndef GYRE_WIRE_WRITER_H
#define GYRE_WIRE_WRITER_H

#include <stddef.h>
#include <stdint.h>

struct writer {
    char *bytes; /* borrowed; NULL: count only */
    size_t size;
    size_t used;
};

/* `bytes` may be NULL to count. */
static inline void writer_init(struct writer *writer, char *bytes, size_t size)
{
    *writer = (struct writer){.bytes = bytes, .size = size};
}

/* Room for `length` bytes that the caller fills, or NULL while counting. */
char *writer_claim(struct writer *writer, size_t length);

void writer_bytes(struct writer *writer, const void *bytes, size_t length);
void writer_i8(struct writer *writer, int8_t value);
void writer_i16(struct writer *writer, int16_t value);
void writer_u16(struct writer *writer, uint16_t value);
void writer_i32(struct writer *writer, int32_t value);
void writer_u32(struct writer *writer, uint32_t value);
void writer_i64(struct writer *writer, int64_t value);
void writer_f64(struct writer *writer, double value);
void writer_uvarint(struct writer *writer, uint32_t value);
void writer_varint(struct writer *writer, int32_t value);
void writer_varlong(struct writer *writer, int64_t value);

#endif
