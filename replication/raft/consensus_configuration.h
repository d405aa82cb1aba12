/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is in a group, in our own bytes: the payload of CHANGE entries and a part of snapshots. The
 * engine's own encoding is not checked when it is decoded, so it never leaves this folder's memory.
 *
 *     u8 version (1), u8 count, u16 zero, u32 zero, u64 no_vote_below, count x {i32 node, u8 role}
 *
 * `no_vote_below` belongs to this node alone and is 0 in entries: a replica whose log was refilled
 * does not vote before its log reaches this index.
 */
#ifndef GYRE_CONSENSUS_CONFIGURATION_H
#define GYRE_CONSENSUS_CONFIGURATION_H

#include <stdbool.h>

#include "gyre/raft/consensus.h"

#include "consensus_engine.h"

struct consensus_configuration {
    /* One more than there may be: a change is made up before it is judged. */
    struct consensus_member members[CONSENSUS_MEMBERS_MAX + 1];
    int count;
    uint64_t no_vote_below;
};

/* One reference. */
struct buffer_slice consensus_configuration_encode(
    const struct consensus_configuration *configuration);

/* MALFORMED: bad version, length, role, or a node twice. */
MUST_USE
enum error consensus_configuration_decode(struct buffer_slice bytes,
                                          struct consensus_configuration *out_configuration);

/* -1: not a member. */
int consensus_configuration_index(const struct consensus_configuration *configuration,
                                  int32_t node);
bool consensus_configuration_votes(const struct consensus_configuration *configuration,
                                   int32_t node);
int consensus_configuration_voter_count(const struct consensus_configuration *configuration);

/* Into and out of the engine's structs; the result of to_engine becomes the engine's. */
void consensus_configuration_to_engine(const struct consensus_configuration *configuration,
                                       struct raft_configuration *out_engine);
void consensus_configuration_from_engine(const struct raft_configuration *engine,
                                         struct consensus_configuration *out_configuration);

#endif
