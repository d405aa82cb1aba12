/* SPDX-License-Identifier: Apache-2.0 */
#include "support/fake_clock.h"

enum { BEGIN_US = 1000 * 1000 };

static uint64_t monotonic_us(const struct clock *clock)
{
    return ((const struct fake_clock *)(const void *)clock)->now_us;
}

static int64_t wall_ms(const struct clock *clock)
{
    const struct fake_clock *fake = (const struct fake_clock *)(const void *)clock;

    return (int64_t)(fake->now_us / 1000) + fake->wall_offset_ms;
}

void fake_clock_init(struct fake_clock *clock)
{
    *clock = (struct fake_clock){
        .clock = {monotonic_us, wall_ms},
        .now_us = BEGIN_US,
        .wall_offset_ms = 1700000000000,
    };
}
