/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mover brings a log's durable entries from memory to its files, behind everybody's back. One
 * mover works on a log at a time; it alone makes, cuts and unlinks the log's files.
 */
#ifndef GYRE_STORAGE_MOVER_H
#define GYRE_STORAGE_MOVER_H

#include "storage_state.h"

/* Look whether the log has enough to do; `force`: anything is enough. */
void mover_kick(struct partition_log *log, bool force);
/* The log was cut; what a running mover writes behind `end` does not count. */
void mover_clip(struct partition_log *log, const struct log_position *end);
/* Is there a durable entry that is not in the files and must not stay in the checkpoint? */
bool mover_has_work(const struct partition_log *log);
/* May all entries behind `index` stay in the checkpoint, being few and small? */
bool mover_may_inline(const struct partition_log *log, uint64_t index);
void mover_out_of_space(struct storage *storage);
void mover_retry(struct timer *timer);
void mover_run(struct task *task);

#endif
