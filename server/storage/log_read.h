/* SPDX-License-Identifier: Apache-2.0 */
/* Reading files of a log without blocking: one request at a time, files opened as needed. */
#ifndef GYRE_STORAGE_LOG_READ_H
#define GYRE_STORAGE_LOG_READ_H

#include "storage_state.h"

/* Embedded in a reader. Reads `length` bytes (fewer at the end of the file) into a new buffer. */
struct log_read {
    struct storage_job job;
    struct partition_log *log;
    struct log_file *file; /* used while running */
    uint64_t number;       /* of the file */
    int64_t offset;
    size_t length;
    struct buffer *buffer; /* out; the reader takes it */
    size_t got;            /* out */
    void (*done)(struct log_read *read, enum error error);
    struct disk_request request;
    struct iovec vector;
    char path[STORAGE_PATH_MAX];
};

void log_read_init(struct log_read *read, struct partition_log *log,
                   void (*abandon)(struct storage_job *job));
void log_read_start(struct log_read *read, struct log_file *file, uint64_t number, int64_t offset,
                    size_t length, void (*done)(struct log_read *read, enum error error));
/* The reader is finished; the log may be gone afterwards. */
void log_read_release(struct log_read *read);

/* Bytes of the segment that are in its file. */
uint32_t log_read_written(const struct partition_log *log, const struct data_segment *segment);
/* First batch in the tail at or behind the offset; 0: none. */
uint64_t log_read_find_in_tail(const struct partition_log *log, int64_t offset);

#endif
