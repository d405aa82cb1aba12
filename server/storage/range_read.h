/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One read of a file of a log, off the loop: opens the file if need be, reads a range into a new
 * buffer, tells. The file stays open and its segment alive until done() has returned.
 */
#ifndef GYRE_STORAGE_RANGE_READ_H
#define GYRE_STORAGE_RANGE_READ_H

#include "storage_state.h"

struct range_read {
    struct storage_job job;
    struct partition_log *log;
    struct log_file *file; /* used while the read runs */
    struct disk_request request;
    struct iovec vector;
    struct buffer *buffer; /* owned; out: `length` bytes of it are there */
    size_t length;
    enum error error; /* out */
    void (*done)(struct range_read *read);
    char path[STORAGE_PATH_MAX];
};

/* The struct is the caller's, inside an allocation whose `job.abandon` frees it. `number` names the
 * file together with its kind. */
void range_read_start(struct range_read *read, struct partition_log *log, struct log_file *file,
                      uint64_t number, int64_t offset, size_t length);

#endif
