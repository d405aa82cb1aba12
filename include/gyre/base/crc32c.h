/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-32C (Castagnoli), as in RFC 3720 appendix B.4 and Kafka's record batches. The fastest form
 * that this processor has is chosen once, at the first call.
 *
 * Thread: any.
 */
#ifndef GYRE_BASE_CRC32C_H
#define GYRE_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Continue `crc` (0 to begin) over `length` bytes. */
uint32_t crc32c_extend(uint32_t crc, const void *bytes, size_t length);

static inline uint32_t crc32c(const void *bytes, size_t length)
{
    return crc32c_extend(0, bytes, length);
}

/* "vpclmul", "pclmul", "sse42" or "table": for logs and benchmarks. */
const char *crc32c_form(void);

#endif
