/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes outside of the journal that a change waits for: big batches that go straight to their
 * place in a segment (the journal gets an extent record with their CRC), and state files. The
 * change is durable when both the record and the write are.
 *
 * In a log in memory a batch is durable when it is written; its file is synced in time, and until
 * then the watermark does not pass it. A second number beside it does: where only the process
 * ended, such a batch cannot be torn, and one that does not match its checksum was damaged.
 */
#ifndef GYRE_STORAGE_OUTSIDE_H
#define GYRE_STORAGE_OUTSIDE_H

#include "storage_state.h"

/* Hold back reports from `sequence` on until outside_done(). */
struct outside_write *outside_hold(struct partition_log *log, uint64_t sequence);
void outside_done(struct partition_log *log, struct outside_write *write);

/* Is every big batch up to `index` that was written in memory on stable storage, or gone? */
bool outside_is_stable(const struct partition_log *log, uint64_t index);

/* ---- outside_flush.c ---- */
void outside_flush_init(struct storage *storage);
/* Somebody waits for it. */
void outside_flush_now(struct storage *storage);

/* ---- outside.c ---- */
/* The entry at `index` of the tail is to be written to its segment. */
void outside_begin(struct partition_log *log, uint64_t index);
uint64_t outside_last_number(const struct storage *storage);
/* Begin writes that waited for a cut or for the segment to be made. */
void outside_start_waiting(struct partition_log *log);
/* The segment that the first waiting write needs; NULL: none waits. */
struct data_segment *outside_waiting_segment(const struct partition_log *log);
/* Entries from `index` on are gone. Their writes may still run; a cut waits for them. */
void outside_drop_from(struct partition_log *log, uint64_t index);

#endif
