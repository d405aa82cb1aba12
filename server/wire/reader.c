/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/wire/reader.h"

#include <string.h>

#include "gyre/base/bytes.h"

void reader_fail(struct reader *reader)
{
    reader->position = reader->end;
    reader->failed = true;
}

char *reader_take(struct reader *reader, size_t length)
{
    char *taken = reader->position;

    if (length > reader_left(reader)) {
        reader_fail(reader);
        return NULL;
    }
    reader->position += length;
    return taken;
}

int8_t reader_i8(struct reader *reader)
{
    const char *at = reader_take(reader, 1);

    return at == NULL ? 0 : (int8_t)*at;
}

uint16_t reader_u16(struct reader *reader)
{
    const char *at = reader_take(reader, 2);

    return at == NULL ? 0 : load_be16(at);
}

int16_t reader_i16(struct reader *reader)
{
    return (int16_t)reader_u16(reader);
}

uint32_t reader_u32(struct reader *reader)
{
    const char *at = reader_take(reader, 4);

    return at == NULL ? 0 : load_be32(at);
}

int32_t reader_i32(struct reader *reader)
{
    return (int32_t)reader_u32(reader);
}

int64_t reader_i64(struct reader *reader)
{
    const char *at = reader_take(reader, 8);

    return at == NULL ? 0 : (int64_t)load_be64(at);
}

double reader_f64(struct reader *reader)
{
    int64_t bits = reader_i64(reader);
    double value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Seven bits a byte, lowest first, in at most `bits_max` bits. */
static uint64_t read_varint(struct reader *reader, unsigned bits_max)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < bits_max; shift += 7) {
        uint64_t part = (uint8_t)reader_i8(reader);

        if (shift + 7 > bits_max && (part & 0x7f) >> (bits_max - shift) != 0) {
            break;
        }
        value |= (part & 0x7f) << shift;
        if ((part & 0x80) == 0) {
            return value;
        }
    }
    reader_fail(reader);
    return 0;
}

uint32_t reader_uvarint(struct reader *reader)
{
    return (uint32_t)read_varint(reader, 32);
}

int32_t reader_varint(struct reader *reader)
{
    uint32_t value = (uint32_t)read_varint(reader, 32);

    return (int32_t)((value >> 1) ^ (~(value & 1) + 1));
}

int64_t reader_varlong(struct reader *reader)
{
    uint64_t value = read_varint(reader, 64);

    return (int64_t)((value >> 1) ^ (~(value & 1) + 1));
}
