/* SPDX-License-Identifier: Apache-2.0 */
/* Batches that were pulled from a peer and are on their way to a segment. */
#ifndef GYRE_STORAGE_PULLED_H
#define GYRE_STORAGE_PULLED_H

#include "storage_state.h"

struct pulled_batches {
    struct list link;             /* in log.pulled, by position */
    struct data_segment *segment; /* used */
    uint32_t position;
    struct buffer_slice slice;
};

void pulled_free(struct partition_log *log, struct pulled_batches *pulled);

#endif
