/* SPDX-License-Identifier: Apache-2.0 */
/* A clock that tests set. Monotonic time begins at a second; wall time follows it, with a jump. */
#ifndef GYRE_TESTS_SUPPORT_FAKE_CLOCK_H
#define GYRE_TESTS_SUPPORT_FAKE_CLOCK_H

#include "gyre/runtime/clock.h"

struct fake_clock {
    struct clock clock; /* first */
    uint64_t now_us;
    int64_t wall_offset_ms;
};

void fake_clock_init(struct fake_clock *clock);

#endif
