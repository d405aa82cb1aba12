/* SPDX-License-Identifier: Apache-2.0 */
/* A big batch on its way to its segment. Shared by outside.c and outside_flush.c only. */
#ifndef GYRE_STORAGE_OUTSIDE_JOB_H
#define GYRE_STORAGE_OUTSIDE_JOB_H

#include "storage_state.h"

struct outside_job {
    struct storage_job job;
    struct list link;          /* in log.outside_jobs, oldest first */
    struct list unsynced_link; /* in storage.outside_unsynced: written, and not synced */
    struct partition_log *log;
    struct data_segment *segment; /* used while running */
    struct outside_write *write;  /* NULL: the entry is gone */
    uint64_t index;
    uint64_t round; /* the flush that covers it; 0: none yet */
    uint32_t position;
    struct buffer_slice payload;
    struct disk_request request;
    struct iovec vector;
    bool is_running; /* until it is on stable storage */
    bool is_relaxed; /* nobody waits for that */
    char path[STORAGE_PATH_MAX];
};

/* ---- outside.c ---- */
/* It is on stable storage, or nobody wants it any more. */
void outside_job_end(struct outside_job *job);

/* ---- outside_flush.c ---- */
/* It was written: it is synced in time, and ends then. */
void outside_flush_later(struct outside_job *job);

#endif
