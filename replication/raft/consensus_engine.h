/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one place that includes libraft. What its raft_step() owns and frees changes after 0.22.1,
 * so any other release is refused here and by CMake.
 */
#ifndef GYRE_CONSENSUS_ENGINE_H
#define GYRE_CONSENSUS_ENGINE_H

#include <raft.h>

#if RAFT_VERSION_NUMBER != 2201
#    error "Gyre needs libraft 0.22.1 exactly: the ownership rules of raft_step() differ elsewhere"
#endif

#include <stdint.h>

/* Engine ids begin at 1, node ids at 0. */
static inline raft_id consensus_engine_id(int32_t node)
{
    return (raft_id)(uint32_t)node + 1;
}

static inline int32_t consensus_engine_node(raft_id id)
{
    return (int32_t)(id - 1);
}

/* Make failed allocations of the engine end the process: half a step must not be seen. */
void consensus_engine_init(void);

/* The engine wants addresses; ours are the ids in text. Room for any id. */
enum { CONSENSUS_ENGINE_ADDRESS_BYTES = 24 };
void consensus_engine_address(raft_id id, char address[CONSENSUS_ENGINE_ADDRESS_BYTES]);

#endif
