/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a partition of __consumer_offsets from its start to its end when its leadership begins,
 * piece by piece, other work in between. Thread: the shard's own.
 */
#ifndef GYRE_COORDINATOR_GROUP_LOADER_H
#define GYRE_COORDINATOR_GROUP_LOADER_H

struct group_shard;

/* group_shard_loaded() is called when it is through. */
void group_loader_start(struct group_shard *shard);
void group_loader_stop(struct group_shard *shard); /* fine if it does not run */

#endif
