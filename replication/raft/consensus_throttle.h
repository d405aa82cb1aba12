/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The throttles of replication (KIP-73): what a broker gives to and takes from replicas that are
 * catching up and were named for it is held to a rate. Entries that a live member of the quorum
 * gets are never held back, nor are those of a member that the group cannot commit without.
 *
 * Whoever is beyond its rate asks for no piece of an install, or refuses one with BUSY; entries
 * wait in the feed, and a follower tells its leader so by a flag of its ACKs. Heartbeats go on.
 */
#ifndef GYRE_CONSENSUS_THROTTLE_H
#define GYRE_CONSENSUS_THROTTLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gyre/quota/quota_bucket.h"

struct consensus;
struct consensus_feed;
struct consensus_group;
struct consensus_message;

struct consensus_throttle {
    int64_t bytes_per_second; /* INT64_MAX: no limit */
    struct quota_bucket bucket;
    uint64_t bytes; /* of throttled replicas, ever */
};

void consensus_throttle_init(struct consensus *consensus);

/* ---- installs: the giving and the taking side ---- */
bool consensus_throttle_giver_rests(const struct consensus_group *group);
void consensus_throttle_give(const struct consensus_group *group, size_t bytes);
bool consensus_throttle_taker_rests(const struct consensus_group *group);
void consensus_throttle_take(const struct consensus_group *group, size_t bytes);
/* Longest piece at once, so that a slow rate is kept evenly. */
size_t consensus_throttle_piece_bytes(const struct consensus_group *group, size_t bytes_max);

/* ---- feeds ---- */
/* Is this member's share limited at all, and must it wait now? */
bool consensus_throttle_paces(const struct consensus_feed *feed);
bool consensus_throttle_holds(const struct consensus_feed *feed);

/* A follower's side: an APPEND came, and what its ACK should say. */
void consensus_throttle_received(struct consensus_group *group,
                                 const struct consensus_message *message);
bool consensus_throttle_asks_for_rest(const struct consensus_group *group);

#endif
