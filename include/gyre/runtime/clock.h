/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time is a parameter. Monotonic time counts from an arbitrary start (CLOCK_BOOTTIME in gyred, so
 * that it goes on while the machine is suspended); wall time is for record timestamps, retention
 * and logs and may jump. The simulator has a clock of its own.
 */
#ifndef GYRE_RUNTIME_CLOCK_H
#define GYRE_RUNTIME_CLOCK_H

#include <stdint.h>

struct clock {
    uint64_t (*monotonic_us)(const struct clock *clock);
    int64_t (*wall_ms)(const struct clock *clock);
};

static inline uint64_t clock_monotonic_us(const struct clock *clock)
{
    return clock->monotonic_us(clock);
}

static inline int64_t clock_wall_ms(const struct clock *clock)
{
    return clock->wall_ms(clock);
}

/* The operating system's clock. Static. Thread: any. */
const struct clock *clock_system(void);

#endif
