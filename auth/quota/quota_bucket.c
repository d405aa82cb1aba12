/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/quota/quota_bucket.h"

#include <math.h>

void quota_bucket_fill(struct quota_bucket *bucket, double quota, double burst, uint64_t now_us)
{
    double seconds = (double)(now_us - bucket->filled_us) / 1e6;

    bucket->tokens = fmin(burst, bucket->tokens + quota * seconds);
    bucket->filled_us = now_us;
}
