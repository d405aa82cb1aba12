/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shard is the groups of one partition of __consumer_offsets while this broker leads it.
 * Thread: the shard's own.
 */
#ifndef GYRE_COORDINATOR_GROUP_SHARD_H
#define GYRE_COORDINATOR_GROUP_SHARD_H

struct group_coordinator;
struct group_shard;
struct partition;

/* Begins to load. */
struct group_shard *group_shard_new(struct group_coordinator *coordinator,
                                    struct partition *partition);
/* Everybody who waits is told NOT_COORDINATOR. */
void group_shard_free(struct group_shard *shard);

/* Called by the loader. */
void group_shard_loaded(struct group_shard *shard);

#endif
