/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/base/crc32c.h"

uint32_t crc32c_extend(uint32_t crc, const void *bytes, size_t length)
{
    const uint8_t *at = bytes;

    crc = ~crc;
    while (length-- > 0) {
        crc ^= *at++;
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ (0x82F63B78u & (0u - (crc & 1u)));
        }
    }
    return ~crc;
}

const char *crc32c_form(void)
{
    return "bitwise";
}
