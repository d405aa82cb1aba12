/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/wire/writer.h"

#include <string.h>

#include "gyre/base/bytes.h"
#include "gyre/base/check.h"

char *writer_claim(struct writer *writer, size_t length)
{
    char *claimed = NULL;

    if (writer->bytes != NULL) {
        CHECK(length <= writer->size - writer->used);
        claimed = writer->bytes + writer->used;
    }
    writer->used += length;
    return claimed;
}

void writer_bytes(struct writer *writer, const void *bytes, size_t length)
{
    char *to = writer_claim(writer, length);

    if (to != NULL && length > 0) {
        memcpy(to, bytes, length);
    }
}

void writer_i8(struct writer *writer, int8_t value)
{
    writer_bytes(writer, &value, 1);
}

void writer_u16(struct writer *writer, uint16_t value)
{
    char *to = writer_claim(writer, sizeof value);

    if (to != NULL) {
        store_be16(to, value);
    }
}

void writer_i16(struct writer *writer, int16_t value)
{
    writer_u16(writer, (uint16_t)value);
}

void writer_u32(struct writer *writer, uint32_t value)
{
    char *to = writer_claim(writer, sizeof value);

    if (to != NULL) {
        store_be32(to, value);
    }
}

void writer_i32(struct writer *writer, int32_t value)
{
    writer_u32(writer, (uint32_t)value);
}

void writer_i64(struct writer *writer, int64_t value)
{
    char *to = writer_claim(writer, sizeof value);

    if (to != NULL) {
        store_be64(to, (uint64_t)value);
    }
}

void writer_f64(struct writer *writer, double value)
{
    int64_t bits;

    memcpy(&bits, &value, sizeof bits);
    writer_i64(writer, bits);
}

static void write_varint(struct writer *writer, uint64_t value)
{
    char bytes[10];
    size_t length = 0;

    while (value >= 0x80) {
        bytes[length++] = (char)(uint8_t)(value | 0x80);
        value >>= 7;
    }
    bytes[length++] = (char)(uint8_t)value;
    writer_bytes(writer, bytes, length);
}

void writer_uvarint(struct writer *writer, uint32_t value)
{
    write_varint(writer, value);
}

void writer_varint(struct writer *writer, int32_t value)
{
    write_varint(writer, ((uint32_t)value << 1) ^ (value < 0 ? UINT32_MAX : 0));
}

void writer_varlong(struct writer *writer, int64_t value)
{
    write_varint(writer, ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0));
}
