/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/wire/writer.h"

void writer_f64(struct writer *writer, double value)
{
    int64_t bits;

    memcpy(&bits, &value, sizeof bits);
    writer_i64(writer, bits);
}

void writer_long_uvarint(struct writer *writer, uint64_t value)
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

void writer_varint(struct writer *writer, int32_t value)
{
    writer_long_uvarint(writer, ((uint32_t)value << 1) ^ (value < 0 ? UINT32_MAX : 0));
}

void writer_varlong(struct writer *writer, int64_t value)
{
    writer_long_uvarint(writer, ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0));
}
