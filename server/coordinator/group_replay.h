/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What records of __consumer_offsets mean in memory, when they are loaded and when our own were
 * committed. Thread: the shard's own.
 */
#ifndef GYRE_COORDINATOR_GROUP_REPLAY_H
#define GYRE_COORDINATOR_GROUP_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct group_shard;

/*
 * Whole batches. `is_loading`: all of it counts. Otherwise they are our own: memory knows more of
 * a group than its record does, so only offsets and tombstones take effect. Records that cannot be
 * understood are named in the log and passed over. Returns the offset behind the last batch, -1 if
 * there was none.
 */
int64_t group_replay_batches(struct group_shard *shard, const char *bytes, size_t length,
                             bool is_loading);

#endif
