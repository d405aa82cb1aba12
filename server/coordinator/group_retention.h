/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offsets and groups that nobody needs any more: those whose time is over, and those of topics that
 * were deleted. Thread: the shard's own.
 */
#ifndef GYRE_COORDINATOR_GROUP_RETENTION_H
#define GYRE_COORDINATOR_GROUP_RETENTION_H

#include "gyre/base/bytes.h"
#include "gyre/base/uuid.h"

struct group_coordinator;

void group_retention_start(struct group_coordinator *coordinator);
void group_retention_stop(struct group_coordinator *coordinator);

/* Take note; the offsets go a moment later. */
void group_retention_note_deleted(struct group_coordinator *coordinator, struct string topic,
                                  struct uuid topic_id);

#endif
