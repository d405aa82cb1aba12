/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walking the batches of one .log that are in the file: header by header, in pieces of 64 KiB or
 * more, without blocking. The walker stops where its visitor says, at the end of the file, or
 * where bytes are not a batch.
 */
#ifndef GYRE_STORAGE_LOG_WALK_H
#define GYRE_STORAGE_LOG_WALK_H

#include "log_read.h"

struct walked_batch {
    int64_t base_offset;
    int64_t last_offset;
    int64_t max_timestamp_ms;
    uint32_t position;
    uint32_t size;
    const char *bytes; /* NULL: not all of it is in memory */
};

struct log_walk {
    struct log_read read;
    struct data_segment *segment; /* used while walking */
    uint64_t truncations;
    uint32_t position; /* of the next batch */
    uint32_t end;      /* bytes in the file when the walk began */
    uint32_t chunk_at; /* file position of `chunk` */
    uint32_t chunk_length;
    struct buffer *chunk;
    size_t want;             /* bytes to read at once, at least 64 KiB */
    int64_t expected_offset; /* base offsets never fall */
    /* True: go on. */
    bool (*visit)(struct log_walk *walk, const struct walked_batch *batch);
    /* The visitor stopped it (NONE) or the file ended (NONE, has_ended). CORRUPT. STATE: the log
     * was truncated meanwhile; nothing that was seen need be there. */
    void (*done)(struct log_walk *walk, enum error error);
    bool has_ended;
    bool is_noting; /* the front of the segment has no index: slots are noted on the way */
    int64_t noted_max_ms;
    int64_t noted_max_offset;
};

void log_walk_init(struct log_walk *walk, struct partition_log *log,
                   void (*abandon)(struct storage_job *job));
void log_walk_start(struct log_walk *walk, struct data_segment *segment, uint32_t position);
/* From visit(), with answer false: call done() as if the file had ended. */
void log_walk_stop(struct log_walk *walk);
/* Read this range of the segment into `chunk`, then call done(). */
void log_walk_fetch(struct log_walk *walk, uint32_t position, uint32_t length);
void log_walk_release(struct log_walk *walk); /* the log may be gone afterwards */
void log_walk_abandon(struct log_walk *walk);

#endif
