/* SPDX-License-Identifier: Apache-2.0 */
/* JoinGroup, once the group's shard is known to be here and loaded. Thread: the shard's own. */
#ifndef GYRE_COORDINATOR_GROUP_JOIN_H
#define GYRE_COORDINATOR_GROUP_JOIN_H

struct group_join;
struct group_shard;

void group_join_start(struct group_shard *shard, struct group_join *join);

#endif
