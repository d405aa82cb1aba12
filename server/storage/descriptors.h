/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The descriptors of logs' files have a bound: who wants one more waits until there is room, and
 * files that nobody uses are closed for it, dirty ones after a sync (log_sync.h). When the
 * operating system has none to give all the same, the bound sinks, the request is made again
 * later, and the bound rises by one with each open that succeeds.
 */
#ifndef GYRE_STORAGE_DESCRIPTORS_H
#define GYRE_STORAGE_DESCRIPTORS_H

#include "storage_state.h"

void descriptors_init(struct storage *storage);
void descriptors_release(struct storage *storage);

/* Open a log's file: a DISK_OPEN whose descriptor goes back by descriptors_close(). The request is
 * the caller's until done(), as with disk_submit(), and never fails for lack of descriptors. */
void descriptors_open(struct storage *storage, enum disk_lane lane, struct disk_request *request);
void descriptors_close(struct storage *storage, int fd);
/* What descriptors_submit() opened, when its own chain of requests was broken off. */
void descriptors_close_other(struct storage *storage, int fd);
/* Any other request; those that take a descriptor for a moment are patient, too. */
void descriptors_submit(struct storage *storage, enum disk_lane lane, struct disk_request *request);

/* A file has become idle, or more of them are wanted: close what is too much. */
void descriptors_trim(struct storage *storage);
/* Are more open, or about to be, than there is ample room for? */
bool descriptors_are_short(const struct storage *storage);

#endif
