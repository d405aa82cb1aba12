/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From "somebody came or went" to the next generation. Thread: the shard's own.
 */
#ifndef GYRE_COORDINATOR_GROUP_REBALANCE_H
#define GYRE_COORDINATOR_GROUP_REBALANCE_H

#include "gyre/wire/kafka_error.h"

struct group;
struct group_member;

void group_rebalance_init(struct group *group);
void group_rebalance_cancel(struct group *group); /* stops its timers */

/* All members have to join again; who waits for an assignment is told so. */
void group_rebalance_prepare(struct group *group, const char *reason);

/* Prepare one if the state allows; otherwise finish the one that is underway if all have joined. */
void group_rebalance_start_or_finish(struct group *group, const char *reason);

/* Finish the one that is underway if all have joined and it is not a new group's delay. */
void group_rebalance_try_finish(struct group *group);

/* Who has not joined is out; the next generation begins. */
void group_rebalance_finish(struct group *group);

/* The member's SyncGroup came. */
void group_rebalance_note_sync(struct group_member *member);

/* Everybody's assignment is void, and who waits for one is told `error`. */
void group_rebalance_void_assignments(struct group *group, enum kafka_error error);

#endif
