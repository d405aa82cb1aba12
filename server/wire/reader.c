/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/wire/reader.h"

double reader_f64(struct reader *reader)
{
    int64_t bits = reader_i64(reader);
    double value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

uint64_t reader_long_uvarint(struct reader *reader, uint8_t first, unsigned bits_max)
{
    uint64_t value = first & 0x7f;

    for (unsigned shift = 7; shift < bits_max; shift += 7) {
        uint64_t part = (uint8_t)reader_i8(reader);

        if (shift + 7 > bits_max && (part & 0x7f) >> (bits_max - shift) != 0) {
            break;
        }
        value |= (part & 0x7f) << shift;
        if ((part & 0x80) == 0) {
            return reader->failed ? 0 : value;
        }
    }
    reader_fail(reader);
    return 0;
}

int32_t reader_varint(struct reader *reader)
{
    uint32_t value = reader_uvarint(reader);

    return (int32_t)((value >> 1) ^ (~(value & 1) + 1));
}

int64_t reader_varlong(struct reader *reader)
{
    uint8_t first = (uint8_t)reader_i8(reader);
    uint64_t value = first < 0x80 ? first : reader_long_uvarint(reader, first, 64);

    return (int64_t)((value >> 1) ^ (~(value & 1) + 1));
}
