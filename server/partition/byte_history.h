/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many bytes lie between an offset and the end of the log: a guess from a few samples that are
 * dense near the end and thin out behind it. Fetches wait for min_bytes with it and need not read
 * again for every small batch. Thread: the shard's own.
 */
#ifndef GYRE_SERVER_PARTITION_BYTE_HISTORY_H
#define GYRE_SERVER_PARTITION_BYTE_HISTORY_H

#include <stdint.h>

enum { BYTE_HISTORY_SAMPLES = 32 };

struct byte_history {
    int64_t end_offset;
    int64_t end_bytes; /* counted from an arbitrary start */
    int count;
    struct {
        int64_t offset;
        int64_t bytes; /* before `offset` */
    } samples[BYTE_HISTORY_SAMPLES];
};

/* A batch of `bytes` follows from `base_offset` to `next_offset`. */
void byte_history_add(struct byte_history *history, int64_t base_offset, int64_t next_offset,
                      int64_t bytes);

/* Exact for the newest batches; below the oldest sample at least what lies above it. */
int64_t byte_history_from(const struct byte_history *history, int64_t offset);

#endif
