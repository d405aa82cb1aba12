/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one subject has used: a rate over the last windows. Private to quota/. Thread: the shard's
 * own.
 */
#ifndef GYRE_QUOTA_QUOTA_METER_H
#define GYRE_QUOTA_QUOTA_METER_H

#include <stdint.h>

enum { QUOTA_SAMPLES_MAX = 64 };

struct quota_sample {
    uint64_t start_us;
    double sum;
};

struct quota_rate {
    int current;
    int used; /* samples that were ever begun */
    struct quota_sample samples[QUOTA_SAMPLES_MAX];
};

/* Amounts of the last `sample_count` windows and the time they cover. */
struct quota_measure {
    double sum;
    double seconds;
};
void quota_rate_add(struct quota_rate *rate, int sample_count, uint64_t window_us, double amount,
                    uint64_t now_us);
struct quota_measure quota_rate_measure(const struct quota_rate *rate, int sample_count,
                                        uint64_t window_us, uint64_t now_us);

#endif
