/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/wire/reader.h"

double reader_f64(struct reader *reader)
{
    int64_t bits = reader_i64(reader);
    double value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

uint64_t reader_long_uvarint(struct reader *reader, unsigned bits_max)
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

int32_t reader_varint(struct reader *reader)
{
    uint32_t value = (uint32_t)reader_long_uvarint(reader, 32);

    return (int32_t)((value >> 1) ^ (~(value & 1) + 1));
}

int64_t reader_varlong(struct reader *reader)
{
    uint64_t value = reader_long_uvarint(reader, 64);

    return (int64_t)((value >> 1) ^ (~(value & 1) + 1));
}
