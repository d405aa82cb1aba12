/* SPDX-License-Identifier: Apache-2.0 */
#include "blast/histogram.h"

#include <stddef.h>
#include <string.h>

enum { SUB_COUNT = 1 << HISTOGRAM_SUB_BITS };

/* Values below SUB_COUNT have a bucket each; every further power of two has SUB_COUNT / 2. */
static size_t bucket_of(uint64_t value)
{
    int shift;

    if (value < SUB_COUNT) {
        return (size_t)value;
    }
    shift = 63 - __builtin_clzll(value) - (HISTOGRAM_SUB_BITS - 1);
    return (size_t)shift * (SUB_COUNT / 2) + (size_t)(value >> shift);
}

static uint64_t upper_end_of(size_t bucket)
{
    size_t shift;

    if (bucket < SUB_COUNT) {
        return bucket;
    }
    shift = bucket / (SUB_COUNT / 2) - 1;
    return ((uint64_t)(bucket - shift * (SUB_COUNT / 2) + 1) << shift) - 1;
}

void histogram_reset(struct histogram *histogram)
{
    memset(histogram, 0, sizeof *histogram);
}

void histogram_add(struct histogram *histogram, int64_t value)
{
    if (value < 0) {
        value = 0;
    }
    histogram->counts[bucket_of((uint64_t)value)]++;
    histogram->count++;
    histogram->sum += (double)value;
    histogram->max = value > histogram->max ? value : histogram->max;
}

int64_t histogram_quantile(const struct histogram *histogram, double share)
{
    uint64_t wanted = (uint64_t)(share * (double)histogram->count + 0.9999999);
    uint64_t seen = 0;

    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->counts[i];
        if (seen >= wanted && seen > 0) {
            int64_t value = (int64_t)upper_end_of(i);

            return value < histogram->max ? value : histogram->max;
        }
    }
    return 0;
}
