/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A peer is another broker as consensus sees it: whether it lives, what it says it leads asleep,
 * and the frame that this turn's messages to it gather in.
 */
#ifndef GYRE_CONSENSUS_PEER_H
#define GYRE_CONSENSUS_PEER_H

#include "consensus_private.h"

/* Which groups sleep, in any order of arrival. */
struct consensus_digest {
    uint64_t sum;
    uint64_t count;
};

struct consensus_peer {
    struct consensus *consensus;
    int32_t node;
    bool is_up;    /* the link */
    bool is_alive; /* heard within peer_timeout_us */
    uint64_t alive_since_us;
    uint64_t heard_us;
    uint64_t incarnation;             /* theirs; 0: not heard yet */
    uint64_t heard_incarnation;       /* ours, as they last heard it */
    struct consensus_digest led;      /* groups asleep that we lead and the peer is in */
    struct consensus_digest followed; /* groups asleep here that the peer leads */
    int mismatches;                   /* beats in a row whose digest was another */

    /* The frame of this turn. */
    struct buffer *heads; /* owned; what is not payload */
    size_t heads_used;
    size_t frame_bytes;
    int slice_count;
    struct buffer_slice slices[LINK_SLICES_MAX];
};

struct consensus_peer *consensus_peer_get(struct consensus *consensus, int32_t node);
struct consensus_peer *consensus_peer_find(const struct consensus *consensus, int32_t node);
void consensus_peer_free(struct consensus_peer *peer);

/* Add to this turn's frame; payloads are referenced. Dropped while the link is down. */
void consensus_peer_send(struct consensus_peer *peer, const struct consensus_message *message);
void consensus_peer_flush(struct consensus_peer *peer);

static inline size_t consensus_peer_queued_bytes(const struct consensus_peer *peer)
{
    return peer->frame_bytes +
           peer->consensus->links->operations->queued_bytes(peer->consensus->links, peer->node);
}

#endif
