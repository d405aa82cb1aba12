/* SPDX-License-Identifier: Apache-2.0 */
/* One run of a mover: what goes to which file. Shared by mover.c and mover_run.c only. */
#ifndef GYRE_STORAGE_MOVER_RUN_H
#define GYRE_STORAGE_MOVER_RUN_H

#include "storage_state.h"

enum mover_step {
    STEP_UNLINK,
    STEP_CUT_OPEN,
    STEP_CUT,
    STEP_DIRECTORY,
    STEP_OPEN,
    STEP_EMPTY,
    STEP_WRITE,
    STEP_NAME,
    STEP_NAME_ROOT,
};

enum { MOVER_DATA, MOVER_ENTRIES, MOVER_COMMANDS, MOVER_FILES };

/* One of the three writes of a run. */
struct mover_write {
    struct disk_request request;
    struct mover *mover;
    struct log_file *file; /* NULL: nothing to write */
    enum log_file_kind kind;
    uint64_t number;
    struct iovec *vectors; /* owned */
    int vector_count;
    int64_t offset;
};

struct mover {
    struct storage_job job;
    struct partition_log *log;
    enum mover_step step;
    struct disk_request request;
    char path[STORAGE_PATH_MAX];
    /* what is moved */
    struct data_segment *data; /* used; NULL: no batches in this run */
    struct side_segment *side; /* used; NULL: a cut */
    struct log_position target;
    struct mover_write writes[MOVER_FILES];
    int file_at;
    struct buffer_slice *held; /* owned: keeps the payloads */
    int held_count;
    struct entry_row *rows; /* owned */
    int row_count;
    struct disk_request write_back;
    int writes_running; /* with the writing back */
    struct list pulled; /* struct pulled_batches that this run writes */
    enum error error;
};

/* Choose entries behind `moved`, all in the same files, and fill in the writes. */
void mover_gather(struct mover *mover);
/* The same with pulled batches. */
void mover_gather_pulled(struct mover *mover);
/* Is so much of the segment in the page cache alone that the disk should have it? */
bool mover_plan_write_back(struct mover *mover);
void mover_aim(struct mover *mover, int which, enum log_file_kind kind, uint64_t number,
               struct log_file *file);

#endif
