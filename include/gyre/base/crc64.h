/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-64/XZ (ECMA-182, reflected), the check of .xz files. Gyre keeps it as the digest of record
 * batches: as fast as CRC-32C with carry-less multiplication, and independent of it.
 *
 * Thread: any.
 */
#ifndef GYRE_BASE_CRC64_H
#define GYRE_BASE_CRC64_H

#include <stddef.h>
#include <stdint.h>

/* Continue `crc` (0 to begin) over `length` bytes. */
uint64_t crc64_extend(uint64_t crc, const void *bytes, size_t length);

static inline uint64_t crc64(const void *bytes, size_t length)
{
    return crc64_extend(0, bytes, length);
}

#endif
