/* SPDX-License-Identifier: Apache-2.0 */
/* The ways to compute CRC-64, best first, for the choice at run time, tests and benchmarks. */
#ifndef GYRE_BASE_CRC64_FORMS_H
#define GYRE_BASE_CRC64_FORMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CRC64_LANE_BYTES = 16, CRC64_FORM_COUNT = 3 };

/*
 * Folds as many bytes as it can into one lane of 16 bytes that has the same remainder, and returns
 * how many; 0 and an untouched lane if `length` is too small to begin.
 */
typedef size_t (*crc64_fold)(uint64_t state, const uint8_t *at, size_t length,
                             uint8_t lane[CRC64_LANE_BYTES]);

struct crc64_form {
    const char *name;
    crc64_fold fold;
    bool (*is_supported)(void);
};

extern const struct crc64_form crc64_forms[CRC64_FORM_COUNT];

/* `state` is the register, inverted by the caller before and after. */
uint64_t crc64_update(const struct crc64_form *form, uint64_t state, const uint8_t *at,
                      size_t length);

/* In crc64_x86.c; on other processors nothing but the table is supported. */
bool crc64_x86_has_vpclmul(void);
bool crc64_x86_has_pclmul(void);
size_t crc64_x86_vpclmul(uint64_t state, const uint8_t *at, size_t length,
                         uint8_t lane[CRC64_LANE_BYTES]);
size_t crc64_x86_pclmul(uint64_t state, const uint8_t *at, size_t length,
                        uint8_t lane[CRC64_LANE_BYTES]);

#endif
