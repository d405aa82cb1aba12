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
#include <string.h>

#include "gyre/base/bytes.h"
#include "gyre/base/check.h"

struct writer {
    char *bytes; /* borrowed; NULL: count only */
    size_t size;
    size_t used;
};

/* `bytes` may be NULL to count. NOLINTNEXTLINE(readability-non-const-parameter): written later */
static inline void writer_init(struct writer *writer, char *bytes, size_t size)
{
    *writer = (struct writer){.bytes = bytes, .size = size};
}

/* Room for `length` bytes that the caller fills, or NULL while counting. */
static inline char *writer_claim(struct writer *writer, size_t length)
{
    size_t used = writer->used;

    writer->used = used + length;
    if (writer->bytes == NULL) {
        return NULL;
    }
    CHECK(length <= writer->size - used);
    return writer->bytes + used;
}

static inline void writer_bytes(struct writer *writer, const void *bytes, size_t length)
{
    char *to = writer_claim(writer, length);

    if (to != NULL && length > 0) {
        memcpy(to, bytes, length);
    }
}

static inline void writer_i8(struct writer *writer, int8_t value)
{
    char *to = writer_claim(writer, 1);

    if (to != NULL) {
        *to = (char)value;
    }
}

static inline void writer_u16(struct writer *writer, uint16_t value)
{
    char *to = writer_claim(writer, sizeof value);

    if (to != NULL) {
        store_be16(to, value);
    }
}

static inline void writer_u32(struct writer *writer, uint32_t value)
{
    char *to = writer_claim(writer, sizeof value);

    if (to != NULL) {
        store_be32(to, value);
    }
}

static inline void writer_i64(struct writer *writer, int64_t value)
{
    char *to = writer_claim(writer, sizeof value);

    if (to != NULL) {
        store_be64(to, (uint64_t)value);
    }
}

static inline void writer_i16(struct writer *writer, int16_t value)
{
    writer_u16(writer, (uint16_t)value);
}

static inline void writer_i32(struct writer *writer, int32_t value)
{
    writer_u32(writer, (uint32_t)value);
}

void writer_f64(struct writer *writer, double value);

/* Seven bits a byte, lowest first. */
void writer_long_uvarint(struct writer *writer, uint64_t value);

static inline void writer_uvarint(struct writer *writer, uint32_t value)
{
    if (value < 0x80) {
        writer_i8(writer, (int8_t)value);
    } else {
        writer_long_uvarint(writer, value);
    }
}

/* Zigzag, as in records. */
void writer_varint(struct writer *writer, int32_t value);
void writer_varlong(struct writer *writer, int64_t value);

#endif
