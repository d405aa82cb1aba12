/* SPDX-License-Identifier: Apache-2.0 */
#include <time.h>

#include "gyre/runtime/clock.h"

static uint64_t monotonic_us(const struct clock *clock)
{
    struct timespec now;

    (void)clock;
    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int64_t wall_ms(const struct clock *clock)
{
    struct timespec now;

    (void)clock;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

const struct clock *clock_system(void)
{
    static const struct clock system_clock = {.monotonic_us = monotonic_us, .wall_ms = wall_ms};

    return &system_clock;
}
