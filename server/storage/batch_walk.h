/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks the batches of one .log file, chunk by chunk, from the nearest position that the index
 * knows. On the way through bytes that the index does not describe yet (a segment of before the
 * start) it notes slots, so that nobody walks there a second time.
 */
#ifndef GYRE_STORAGE_BATCH_WALK_H
#define GYRE_STORAGE_BATCH_WALK_H

#include "range_read.h"

/* A batch whole in memory. */
struct walked_batch {
    const char *bytes;
    int64_t base_offset;
    int64_t end_offset; /* behind its last */
    int64_t max_timestamp_ms;
    size_t size;
    size_t at; /* in the chunk */
};

enum walk_answer {
    WALK_SKIP, /* its header was enough */
    WALK_TAKE, /* stop here: the chunk, which holds it whole, is the result */
    WALK_STOP, /* what is wanted is not here */
};

struct batch_walk {
    struct range_read read;
    struct data_segment *segment;
    int64_t base_offset; /* names the file */
    uint32_t position;   /* of the chunk */
    uint32_t limit;      /* bytes that are in the file */
    size_t chunk_bytes;
    uint64_t truncations; /* of the log when it began */
    /* the header is there; the rest of the batch may not be */
    enum walk_answer (*look)(struct batch_walk *walk, const struct walked_batch *batch);
    /* NONE: `taken` and the chunk's buffer hold it, or taken.bytes is NULL: the end was reached.
     * The walk may be freed. */
    void (*done)(struct batch_walk *walk, enum error error);
    struct walked_batch taken;
    size_t chunk_length;
    /* slots noted on the way */
    struct segment_index noted;
    int64_t noted_max_timestamp_ms;
    int64_t noted_max_offset;
    bool is_noting;
};

/* How many bytes of the segment are in its file. */
uint32_t batch_walk_limit(const struct partition_log *log, const struct data_segment *segment);

/* `walk` is zeroed, with job.abandon, look, done and chunk_bytes set. */
void batch_walk_start(struct batch_walk *walk, struct partition_log *log,
                      struct data_segment *segment, uint32_t position);

/* What the walk holds besides itself. */
void batch_walk_release(struct batch_walk *walk);

#endif
