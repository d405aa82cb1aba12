/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers to members whose JoinGroup or SyncGroup is parked. All of them do nothing where no call
 * is parked. Thread: the shard's own.
 */
#ifndef GYRE_COORDINATOR_GROUP_ANSWER_H
#define GYRE_COORDINATOR_GROUP_ANSWER_H

#include <stdbool.h>

#include "gyre/base/bytes.h"
#include "gyre/wire/kafka_error.h"

struct group;
struct group_coordinator;
struct group_join;
struct group_member;
struct group_sync;

/* The present generation, for a call that was never parked. `skips_assignment`: a leader that need
 * not assign; it is told the members as well. */
void group_answer_now(const struct group_member *member, struct group_join *join,
                      bool skips_assignment);
/* An error with this member id, for a call that was never parked. */
void group_answer_refuse_join(struct group_coordinator *coordinator, struct group_join *join,
                              enum kafka_error error, struct string member_id);
void group_answer_refuse_sync(struct group_coordinator *coordinator, struct group_sync *sync,
                              enum kafka_error error);

/* ---- parked calls ---- */
void group_answer_join(struct group_member *member, bool skips_assignment);
/* With the member's id, or without any if the member is unknown from now on. */
void group_answer_join_error(struct group_member *member, enum kafka_error error);
void group_answer_sync(struct group_member *member);
void group_answer_sync_error(struct group_member *member, enum kafka_error error);
/* Every parked call of the group. */
void group_answer_all(struct group *group, enum kafka_error error);

#endif
