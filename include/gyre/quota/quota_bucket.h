/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bucket of tokens: it fills at a steady rate up to a limit, and what is used is taken out, also
 * more than there is. Times are microseconds of any monotonic clock. Thread: the owner's.
 */
#ifndef GYRE_QUOTA_QUOTA_BUCKET_H
#define GYRE_QUOTA_QUOTA_BUCKET_H

#include <stdint.h>

struct quota_bucket {
    double tokens;
    uint64_t filled_us;
};

/* Fills it up to now: quota tokens a second, never more than `burst`. */
void quota_bucket_fill(struct quota_bucket *bucket, double quota, double burst, uint64_t now_us);

#endif
