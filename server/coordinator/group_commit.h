/* SPDX-License-Identifier: Apache-2.0 */
/* OffsetCommit and OffsetDelete, once the shard is known to be here. Thread: the shard's own. */
#ifndef GYRE_COORDINATOR_GROUP_COMMIT_H
#define GYRE_COORDINATOR_GROUP_COMMIT_H

#include "gyre/wire/kafka_error.h"

struct group_commit;
struct group_coordinator;
struct group_offset_delete;
struct group_shard;

void group_commit_start(struct group_shard *shard, struct group_commit *commit);
void group_commit_start_delete(struct group_shard *shard, struct group_offset_delete *remove);

/* The same error for all of it. */
void group_commit_refuse(struct group_coordinator *coordinator, struct group_commit *commit,
                         enum kafka_error error);
void group_commit_refuse_delete(struct group_coordinator *coordinator,
                                struct group_offset_delete *remove, enum kafka_error error);

#endif
