/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Idle groups sleep: no ticks, no heartbeats, clocks stand still. The leader asks, every member
 * agrees, the leader tells; from then on both sides count the group in a digest that the shard's
 * beats carry. A beat that is missing, a link that was reset, or digests that stay different wake
 * the groups concerned.
 */
#ifndef GYRE_CONSENSUS_SLEEP_H
#define GYRE_CONSENSUS_SLEEP_H

#include "consensus_peer.h"

/* After a leader's tick and after applying: is there any reason to stay awake? */
void consensus_sleep_consider(struct consensus_group *group);
void consensus_sleep_receive(struct consensus_group *group, struct consensus_peer *peer,
                             const struct consensus_message *message);
/* Fine if it is awake. Tells the other members of a group that was asleep. */
void consensus_sleep_wake(struct consensus_group *group);

/* Wake what this node and the peer share. */
void consensus_sleep_wake_shared(struct consensus *consensus, struct consensus_peer *peer);

#endif
