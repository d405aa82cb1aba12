/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots that this node takes, and what it gives to members that pull one: the state in pieces,
 * then the partition's batches. What is being pulled is pinned, so that retention leaves it alone.
 *
 *     RPC_PULL_STATE    asks   16 topic, i32 partition, u64 term, u64 offset in the state,
 *                              u64 snapshot index (0: the newest), u8 enum pull_reason
 *                       tells  u64 index, u64 term, i64 start offset, i64 next offset,
 *                              u64 configuration index, u64 last index, u64 state length,
 *                              u32 configuration length, configuration, piece of the state
 *     RPC_PULL_SEGMENT  asks   16 topic, i32 partition, i64 offset, i64 limit offset, u32 bytes
 *                       tells  whole batches
 */
#ifndef GYRE_CONSENSUS_SNAPSHOT_H
#define GYRE_CONSENSUS_SNAPSHOT_H

#include "consensus_private.h"

/* On the wire. */
enum pull_reason {
    PULL_BEHIND,  /* the log is whole and too short */
    PULL_LOST,    /* it may have lost its newest entries, and nothing else */
    PULL_DAMAGED, /* and perhaps its newest term: consensus_confirm.h */
};

enum {
    PULL_STATE_ASK_BYTES = 45,
    PULL_STATE_TELL_BYTES = 60,
    PULL_SEGMENT_ASK_BYTES = 40,
    PULL_PIECE_BYTES_MAX = 4 * 1024 * 1024,
};

void consensus_snapshot_serve(struct consensus *consensus);
/* Take one if it is time. */
void consensus_snapshot_consider(struct consensus_group *group);
/* A member needs entries whose batches went with the start of the log: keep no entry before the
 * next snapshot, so that it is given that. */
void consensus_snapshot_cut(struct consensus_group *group);
void consensus_snapshot_durable(struct consensus_group *group);
/* The group is closed: its pins and waiting callers go. */
void consensus_snapshot_cancel(struct consensus_group *group);
/* Drop pins of members that pull no longer. */
void consensus_snapshot_expire_pins(struct consensus *consensus);
/* The shard ends before storage has answered what members pull. */
void consensus_snapshot_leave_pulls(struct consensus *consensus);

#endif
