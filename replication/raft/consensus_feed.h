/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A feed carries a leader's entries to one member, in order. The engine says which entries should
 * go; the feed reads them from storage, memory or disk, cuts them to size and keeps a window of
 * what was sent and not acknowledged. It lives as long as the leadership.
 */
#ifndef GYRE_CONSENSUS_FEED_H
#define GYRE_CONSENSUS_FEED_H

#include "consensus_peer.h"

enum { FEED_CHUNKS_MAX = 128 };

struct consensus_chunk {
    uint64_t last_index;
    size_t bytes;
};

struct consensus_feed {
    struct consensus_group *group;
    struct consensus_peer *peer;
    struct consensus_reader *reader; /* running */
    uint64_t next;                   /* to be sent */
    uint64_t last;                   /* wanted by the engine; below `next`: nothing to do */
    uint64_t sent_last;              /* highest index sent on this link; 0: none */
    uint64_t repeat_at_us;           /* before this, what was sent is not sent again */
    uint64_t match_index;            /* as the engine last knew */
    uint64_t told_commit;
    uint64_t heard_us;
    bool is_asked_to_rest;          /* by the flag of its last ACK */
    uint64_t agreed_index;          /* SLEEP_YES for this index */
    uint64_t beat_turn_us;          /* an empty APPEND went out in the turn of this time ... */
    uint64_t beat_index;            /* ... behind this index */
    struct consensus_chunk *chunks; /* owned ring of FEED_CHUNKS_MAX, NULL until used */
    unsigned chunk_front, chunk_count;
    size_t open_bytes; /* sum of chunks */
};

/* The engine leads or its members changed: one feed for each member but us; old ones stay. */
void consensus_feed_arrange(struct consensus_group *group);
void consensus_feed_release_all(struct consensus_group *group);
struct consensus_feed *consensus_feed_find(const struct consensus_group *group, int32_t node);

/* The engine's APPEND for a member: `count` entries behind previous_index. */
void consensus_feed_append(struct consensus_feed *feed, uint64_t previous_index,
                           uint64_t previous_term, unsigned count);
/* Before and after the engine takes in an ACK; the first only if it is a rejection. */
void consensus_feed_rejected(struct consensus_feed *feed);
void consensus_feed_acked(struct consensus_feed *feed);
/* The link went down: what was sent may be lost. */
void consensus_feed_reset(struct consensus_feed *feed);
/* A leader's tick: see that the member answers before the next one. */
void consensus_feed_tick(struct consensus_feed *feed);
/* The commit index moved and nothing else will say so. */
void consensus_feed_tell_commit(struct consensus_feed *feed);
void consensus_feed_continue(struct consensus_feed *feed);

#endif
