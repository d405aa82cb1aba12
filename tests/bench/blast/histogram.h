/* SPDX-License-Identifier: Apache-2.0 */
/* Counts of durations in log-linear buckets: below 1.6 % of error from 1 ns to hours. */
#ifndef GYRE_TESTS_BENCH_HISTOGRAM_H
#define GYRE_TESTS_BENCH_HISTOGRAM_H

#include <stdint.h>

enum {
    HISTOGRAM_SUB_BITS = 7,
    HISTOGRAM_BUCKETS = (64 - HISTOGRAM_SUB_BITS) << HISTOGRAM_SUB_BITS
};

struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS];
    uint64_t count;
    double sum;
    int64_t max;
};

void histogram_reset(struct histogram *histogram);
void histogram_add(struct histogram *histogram, int64_t value);

/* The value that `share` (0 to 1) of all values do not pass; 0 if there are none. */
int64_t histogram_quantile(const struct histogram *histogram, double share);

#endif
