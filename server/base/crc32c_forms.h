/* SPDX-License-Identifier: Apache-2.0 */
/* The ways to compute CRC-32C, best first, for the choice at run time, tests and benchmarks. */
#ifndef GYRE_BASE_CRC32C_FORMS_H
#define GYRE_BASE_CRC32C_FORMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `state` is the register, inverted by the caller before and after. */
typedef uint32_t (*crc32c_update)(uint32_t state, const uint8_t *at, size_t length);

struct crc32c_form {
    const char *name;
    crc32c_update update;
    bool (*is_supported)(void);
};

enum { CRC32C_FORM_COUNT = 4 };

extern const struct crc32c_form crc32c_forms[CRC32C_FORM_COUNT];

/* In crc32c_x86.c; on other processors nothing but the table is supported. */
bool crc32c_x86_has_vpclmul(void);
bool crc32c_x86_has_pclmul(void);
bool crc32c_x86_has_sse42(void);
uint32_t crc32c_x86_vpclmul(uint32_t state, const uint8_t *at, size_t length);
uint32_t crc32c_x86_pclmul(uint32_t state, const uint8_t *at, size_t length);
uint32_t crc32c_x86_sse42(uint32_t state, const uint8_t *at, size_t length);

#endif
