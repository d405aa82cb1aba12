/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One replica: the engine, what it asks for, and the order in which that becomes durable.
 *
 *     open ──► LOADING ──(records durable, changes read)──► RUNNING ──(contradiction)──► FAILED
 *                 ▲                                            │
 *                 └───────────────(restart from disk)──────────┘
 */
#ifndef GYRE_CONSENSUS_GROUP_H
#define GYRE_CONSENSUS_GROUP_H

#include "consensus_peer.h"

/* Leave the engine, keep the log, and begin again from disk. */
void consensus_group_restart(struct consensus_group *group);
/* Continue LOADING as far as possible without waiting. */
void consensus_group_load(struct consensus_group *group);
void consensus_group_release(struct consensus_group *group);
void consensus_group_fail(struct consensus_group *group, const char *reason);

void consensus_group_receive(struct consensus_group *group, struct consensus_peer *peer,
                             struct consensus_message *message);
/* The appends that a new leader's first message waited for are durable, or never will be. */
void consensus_receive_waiting(struct consensus_group *group);
void consensus_receive_drop_waiting(struct consensus_group *group);
/* UINT64_MAX: the leader's last index is not known here. */
void consensus_receive_maybe_vote_again(struct consensus_group *group, uint64_t leader_last_index);
void consensus_group_durable(struct consensus_group *group, uint64_t sequence);
void consensus_group_corrupt(struct consensus_group *group, const char *reason);
/* Called every CONSENSUS_WALK_US while awake. */
void consensus_group_walk(struct consensus_group *group);

/* The first of a new group's members asks for votes at once, and again soon: the others open their
 * replicas in the same moment. */
void consensus_group_stand_first(struct consensus_group *group);
void consensus_election_init(struct consensus *consensus);
void consensus_election_release(struct consensus *consensus);

/* At the leader. Fills index and term, and the offset of entries that are not batches. */
void consensus_group_submit(struct consensus_group *group, struct log_entry *entries, int count);
/* A CHANGE was applied. */
void consensus_group_confirm_change(struct consensus_group *group, uint64_t index,
                                    const struct consensus_configuration *configuration);
/* A snapshot is durable: the engine forgets what lies `trailing` entries before it. */
void consensus_group_confirm_snapshot(struct consensus_group *group, uint64_t trailing);
/* Ask the engine to hand leadership over. */
void consensus_group_transfer(struct consensus_group *group, int32_t node);

/* The leader is gone: this member asks for votes after its turn has come. */
void consensus_group_lost_leader(struct consensus_group *group);
/* Somebody is gone: one who asks for votes already need not wait to ask again. */
void consensus_group_lost_peer(struct consensus_group *group);
/* As far as this node knows; -1: nobody. */
int32_t consensus_group_leader(const struct consensus_group *group);
bool consensus_group_may_vote(const struct consensus_group *group);

/* Through the order of durability: held while a new term or vote is not durable. */
void consensus_group_post(struct consensus_group *group, struct consensus_peer *peer,
                          const struct consensus_message *message);

static inline uint64_t consensus_group_last_index(const struct consensus_group *group)
{
    return partition_log_last_index(group->log);
}

/* What may be applied here. Followers wait for their own disk too (fault N13). */
static inline uint64_t consensus_group_apply_limit(const struct consensus_group *group)
{
    uint64_t commit = group->state == GROUP_RUNNING ? raft_commit_index(&group->engine) : 0;

    if (MUTATION(57) && group->is_elected) {
        return group->engine.last_stored;
    }
    if (group->is_elected || commit <= group->engine.last_stored || MUTATION(13)) {
        return commit;
    }
    return group->engine.last_stored;
}

#endif
