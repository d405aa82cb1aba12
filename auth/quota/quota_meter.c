/* SPDX-License-Identifier: Apache-2.0 */
#include "quota_meter.h"

void quota_rate_add(struct quota_rate *rate, int sample_count, uint64_t window_us, double amount,
                    uint64_t now_us)
{
    struct quota_sample *sample = &rate->samples[rate->current];

    if (rate->used == 0) {
        rate->used = 1;
        *sample = (struct quota_sample){.start_us = now_us};
    } else if (now_us - sample->start_us >= window_us) {
        rate->current = (rate->current + 1) % sample_count;
        rate->used = rate->used < sample_count ? rate->used + 1 : sample_count;
        sample = &rate->samples[rate->current];
        *sample = (struct quota_sample){.start_us = now_us};
    }
    sample->sum += amount;
}

/*
 * A young rate is taken over samples - 1 windows, not over the moment since its first amount: a
 * client that begins with one large request is not punished for it.
 */
struct quota_measure quota_rate_measure(const struct quota_rate *rate, int sample_count,
                                        uint64_t window_us, uint64_t now_us)
{
    uint64_t kept_us = (uint64_t)sample_count * window_us;
    uint64_t least_windows = (uint64_t)sample_count - 1;
    uint64_t oldest_us = now_us;
    struct quota_measure measure = {0};

    for (int i = 0; i < rate->used; i++) {
        const struct quota_sample *sample = &rate->samples[i];

        if (now_us - sample->start_us < kept_us) {
            measure.sum += sample->sum;
            oldest_us = sample->start_us < oldest_us ? sample->start_us : oldest_us;
        }
    }
    uint64_t covered_us = now_us - oldest_us;
    uint64_t windows = covered_us / window_us;

    if (windows < least_windows) {
        covered_us += (least_windows - windows) * window_us;
    }
    measure.seconds = (double)covered_us / 1e6;
    return measure;
}
