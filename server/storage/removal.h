/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removing a log: its record becomes durable, a checkpoint no longer names it, its files are
 * unlinked. A new log of the same group may be made meanwhile; it keeps off the disk until then.
 */
#ifndef GYRE_STORAGE_REMOVAL_H
#define GYRE_STORAGE_REMOVAL_H

#include "storage_state.h"

bool removal_is_running(const struct storage *storage, struct group_id group);
/* A checkpoint is finished. */
void removal_on_checkpoint(struct storage *storage);
void removal_poke(struct storage *storage);
void removal_release_all(struct storage *storage);

/* Unlink a directory with all that is in it, blocking. For recovery. */
MUST_USE
enum error removal_execute(struct storage *storage, const char *path);

#endif
