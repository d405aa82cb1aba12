/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that were written and not synced, in the order of their first such write. They are synced
 * when a checkpoint asks for it, or when descriptors are short: a dirty file keeps its descriptor
 * until it is synced, so that no failed write back goes unseen. Many files are synced at once, by
 * one sync of their file system: it costs as much as a few of the others.
 */
#ifndef GYRE_STORAGE_LOG_SYNC_H
#define GYRE_STORAGE_LOG_SYNC_H

#include "storage_state.h"

void log_sync_init(struct storage *storage);
/* A write to the file has ended. Not before: a sync that overtakes the write would take the mark
 * away and not the bytes. */
void log_sync_mark(struct storage *storage, struct log_file *file);
/* Its log has dropped the file. */
void log_sync_forget(struct storage *storage, struct log_file *file);
/* Sync all that is marked now. Returns what log_sync_is_done() takes; a checkpoint is poked
 * meanwhile. */
uint64_t log_sync_marked(struct storage *storage);
/* ... and all names that were made, or removed. */
uint64_t log_sync_all(struct storage *storage);
/* Are `count` more than those that are marked so many that all should be synced together? */
bool log_sync_is_much(const struct storage *storage, size_t count);
bool log_sync_is_done(const struct storage *storage, uint64_t mark);
/* Descriptors may be short. */
void log_sync_poke(struct storage *storage);

#endif
