/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this folder share: the groups of a shard, and one group's replica on this
 * node. Who changes what is named at each part; all of it on the shard's thread.
 */
#ifndef GYRE_CONSENSUS_PRIVATE_H
#define GYRE_CONSENSUS_PRIVATE_H

#include "gyre/base/map.h"
#include "gyre/base/mutation.h"
#include "gyre/base/random.h"
#include "gyre/raft/consensus.h"
#include "gyre/runtime/links.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/rpc.h"
#include "gyre/storage/storage.h"

#include "consensus_configuration.h"
#include "consensus_engine.h"
#include "consensus_message.h"
#include "consensus_throttle.h"

enum {
    /* Granularity of election timeouts. */
    CONSENSUS_WALK_US = 50 * 1000,
    /* A group's share of a turn, so that one that replays does not starve the others. */
    CONSENSUS_APPLY_ENTRIES_MAX = 256,
    CONSENSUS_APPLY_BYTES_MAX = 1024 * 1024,
    /* Longest APPEND, apart from a single larger entry. */
    CONSENSUS_APPEND_BYTES_MAX = 1024 * 1024,
    /* A link that has so much to send gets no more entries. */
    CONSENSUS_QUEUED_BYTES_MAX = 16 * 1024 * 1024,
    /* Bytes applied since the last snapshot, which are read again at the next start, ask for a new
     * one even if few entries made them: */
    CONSENSUS_SNAPSHOT_BYTES_MIN = 1024 * 1024,
    CONSENSUS_SNAPSHOT_BYTES = 256 * 1024 * 1024,
    CONSENSUS_SNAPSHOT_STATE_SHARE = 1024,     /* and so many times what the state takes */
    CONSENSUS_SNAPSHOT_STOP_BYTES = 16 * 1024, /* before an orderly end, so much */
};

struct consensus_change;
struct consensus_feed;
struct consensus_install;
struct consensus_loading;
struct consensus_peer;

/* ---- an asynchronous read of entries, pooled: it is large ---- */

struct consensus_reader {
    struct list link;                              /* of the free or the busy ones */
    struct consensus *consensus;                   /* NULL: freed meanwhile */
    struct consensus_group *group;                 /* NULL: closed meanwhile */
    struct consensus_feed *feed;                   /* if it is for a follower */
    struct consensus_install *install;             /* if it is for an install */
    void (*done)(struct consensus_reader *reader); /* with a group */
    struct entries_read read;
};

/* ---- an append that is not durable yet ---- */

struct consensus_flight {
    uint64_t sequence;
    uint64_t last_index;
    uint64_t term; /* of the entry at last_index */
};

struct consensus_flights {
    struct consensus_flight *items; /* owned ring, a power of two, NULL while empty */
    unsigned capacity, front, count;
};

/* ---- one group ---- */

enum consensus_group_state {
    GROUP_LOADING, /* the engine does not run: first records become durable, changes are read */
    GROUP_RUNNING,
    GROUP_FAILED,
};

struct consensus_group {
    struct map_link by_id;
    struct list walk_link; /* in consensus->awake */
    struct list work_link; /* in consensus->working */
    struct consensus *consensus;
    struct partition_log *log;
    struct group_id id;
    struct state_machine machine;
    void *context;
    enum consensus_group_state state;
    struct raft engine;                /* valid while RUNNING */
    struct consensus_loading *loading; /* owned; while LOADING */

    /* Time of this group in microseconds: now - frozen + advanced. Stands still while asleep. */
    uint64_t frozen_us;
    uint64_t advanced_us;
    uint64_t slept_at_us;
    uint64_t next_tick_us;    /* leader: next RAFT_TIMEOUT */
    uint64_t election_due_us; /* a vote is asked for at this moment; 0: the engine decides */
    uint64_t leader_heard_us; /* follower: last APPEND of the present leader */
    uint64_t refused_us;      /* follower: a candidate was told last that there is a leader */
    unsigned election_attempts;
    bool prefers_to_lead;
    struct list fresh_link; /* consensus.fresh: it stands for its first election */
    unsigned fresh_attempts;

    /* Durability (consensus_group.c). */
    uint64_t durable_sequence;
    uint64_t start_sequence; /* LOADING until this is durable */
    uint64_t vote_sequence;  /* messages wait for it */
    struct list held;        /* owned held_message */
    struct consensus_flights flights;
    uint64_t flights_term; /* in which the newest of them was added, not that of its entries */
    struct consensus_message *waiting; /* owned: first APPEND of a new term, rule 6 */
    struct consensus_peer *waiting_peer;

    /* Applying (consensus_apply.c). */
    struct consensus_reader *reader; /* running read, also while LOADING */
    uint64_t applied_index;
    int64_t applied_offset;                       /* the first behind what is applied */
    uint64_t applied_bytes;                       /* since the last snapshot */
    struct consensus_configuration configuration; /* applied */
    uint64_t configuration_index;
    bool is_restored;
    bool configuration_moved; /* members_changed() is due */
    bool progress_moved;      /* progressed() is due */

    /* Leading. */
    bool is_elected;        /* the engine leads */
    bool leads;             /* lead() was called */
    uint64_t barrier_index; /* of our own term; 0: not submitted yet */
    uint64_t lead_term;
    uint64_t open_bytes;          /* submitted and not applied */
    struct consensus_feed *feeds; /* owned; one a member but us */
    int feed_count;
    struct consensus_change *change; /* owned: membership change or transfer that runs */
    struct list confirms;            /* owned consensus_confirm */
    int32_t told_leader;             /* what leader_changed() said last */
    uint64_t told_term;

    /* Sleeping (consensus_sleep.c). */
    bool is_asleep;
    bool is_counted; /* in the digests */
    uint64_t quiet_since_us;
    uint64_t ask_index; /* leader: SLEEP_ASK sent for this index; 0: none */

    /* Snapshots (consensus_snapshot.c, consensus_install.c). */
    uint64_t snapshot_sequence; /* one becomes durable; 0: none does */
    uint64_t snapshot_index;
    struct list snapshot_waiters;
    bool snapshot_wanted;
    bool wants_cut;
    struct consensus_install *install; /* owned: we pull */
    bool install_wanted;

    /* A replica that lost acknowledged entries does not vote below this index. */
    uint64_t no_vote_below;
    bool needs_refill;

    /* Throttles (consensus_throttle.c). */
    struct consensus_throttled throttled;
    bool is_behind; /* as the last APPEND said; kept while throttled only */

    char *failure; /* owned: failed() is due */
};

/* ---- all groups of a shard ---- */

struct consensus {
    struct loop *loop;
    struct storage *storage;
    struct links *links;
    struct rpc *rpc;
    struct random *random;
    struct consensus_options options;
    int32_t node;
    uint64_t incarnation;
    uint64_t started_us;

    struct map groups;
    struct list awake;
    struct list working;
    struct list fresh; /* new groups that we are to lead, until they were walked often enough */
    struct task work;
    struct task flush;
    struct timer more; /* work that was left for the next turn */
    struct timer walk;
    struct timer fresh_walk;
    struct timer beat;

    struct consensus_peer **peers; /* owned, each owned */
    int peer_count;
    struct list readers;      /* free */
    struct list busy_readers; /* storage has not answered them yet */
    struct list pins;         /* owned pull_pin (consensus_snapshot.c) */
    struct list pulls;        /* pull_read (consensus_snapshot.c): storage owes an answer */
    struct list answers;      /* owned late_answer (consensus_change.c) */

    struct raft_entry *engine_entries; /* scratch, MESSAGE_ENTRIES_MAX */
    struct log_entry *frame_entries;   /* scratch for decoding */
    struct consensus_group *running;   /* whose callbacks may run now; NULL when it was closed */

    struct consensus_throttle given; /* to replicas that catch up */
    struct consensus_throttle taken; /* by ours that do */

    struct consensus_listener listener;
    struct consensus_stats stats;
};

struct consensus_reader *consensus_reader_take(struct consensus *consensus,
                                               struct consensus_group *group);
void consensus_reader_return(struct consensus_reader *reader);
void consensus_reader_done(struct entries_read *read);

struct consensus_group *consensus_find_group(const struct consensus *consensus, struct group_id id);

/* Deferred work of a group: callbacks, applying, snapshots. */
void consensus_work_later(struct consensus_group *group);

static inline uint64_t consensus_now_us(const struct consensus *consensus)
{
    return loop_clock_us(consensus->loop);
}

#endif
