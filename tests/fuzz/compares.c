/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What code compares is told to the fuzzer, which tries such values in later inputs. It keeps the
 * last few of thousands an input, and to note them all takes a third of the time: so it hears of
 * one in TOLD_ONE_IN, a prime, so that no loop hides the same comparison each time, and of no equal
 * values, which would lead to the input that is there.
 *
 * The linker puts these functions between; they end in jumps, so that the fuzzer still sees the
 * caller's place. This file itself must not be instrumented.
 */
#include <stdint.h>

enum { TOLD_ONE_IN = 13 };

static unsigned untold;

#define TOLD(name, type, second)                                                                   \
    void __wrap___sanitizer_cov_trace_##name(type one, second other);                              \
    void __real___sanitizer_cov_trace_##name(type one, second other);                              \
    void __wrap___sanitizer_cov_trace_##name(type one, second other)                               \
    {                                                                                              \
        if ((uint64_t)one != (uint64_t)(uintptr_t)other && ++untold >= TOLD_ONE_IN) {              \
            untold = 0;                                                                            \
            __real___sanitizer_cov_trace_##name(one, other);                                       \
        }                                                                                          \
    }

TOLD(cmp1, uint8_t, uint8_t)
TOLD(cmp2, uint16_t, uint16_t)
TOLD(cmp4, uint32_t, uint32_t)
TOLD(cmp8, uint64_t, uint64_t)
TOLD(const_cmp1, uint8_t, uint8_t)
TOLD(const_cmp2, uint16_t, uint16_t)
TOLD(const_cmp4, uint32_t, uint32_t)
TOLD(const_cmp8, uint64_t, uint64_t)
TOLD(switch, uint64_t, uint64_t *)
