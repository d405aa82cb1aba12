/* SPDX-License-Identifier: Apache-2.0 */
/* SyncGroup, once the group is known to be here. Thread: the shard's own. */
#ifndef GYRE_COORDINATOR_GROUP_SYNC_H
#define GYRE_COORDINATOR_GROUP_SYNC_H

struct group;
struct group_sync;

void group_sync_start(struct group *group, struct group_sync *sync);

#endif
