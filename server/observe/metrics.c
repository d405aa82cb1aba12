/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/observe/metrics.h"

#include <stdlib.h>

#include "gyre/base/check.h"

struct metrics *metrics_new(void)
{
    struct metrics *metrics = check_alloc_zero(sizeof *metrics);

    list_init(&metrics->collectors);
    return metrics;
}

void metrics_free(struct metrics *metrics)
{
    if (metrics != NULL) {
        CHECK(list_is_empty(&metrics->collectors));
        free(metrics);
    }
}

/*
 * Slot 2k counts durations up to 2^k us, slot 2k + 1 those up to 1.5 * 2^k us: bounds that a float
 * holds exactly and that are at most half apart.
 */
static int slot_of(uint64_t duration_us)
{
    int power;

    if (duration_us <= 1) {
        return 0;
    }
    power = 63 - __builtin_clzll(duration_us);
    if (power >= METRIC_HISTOGRAM_SLOTS / 2) {
        return METRIC_HISTOGRAM_SLOTS;
    }
    if (duration_us == UINT64_C(1) << power) {
        return 2 * power;
    }
    if (2 * duration_us <= UINT64_C(3) << power) {
        return 2 * power + 1;
    }
    return 2 * power + 2;
}

void metric_observe(struct metrics *metrics, enum duration_metric metric, uint64_t duration_us)
{
    struct metric_histogram *histogram = &metrics->durations[metric];

    histogram->slots[slot_of(duration_us)]++;
    histogram->count++;
    histogram->sum_us += duration_us;
}

void metrics_add_collector(struct metrics *metrics, struct metrics_collector *collector)
{
    list_append(&metrics->collectors, &collector->link);
}
