/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Consensus: one Raft group for each partition and one for the catalog, all groups of a shard
 * driven together over one storage and one link per peer. The engine is libraft's raft_step();
 * nothing outside replication/raft knows that.
 *
 * A node takes part in groups under its node id. What a group decides is handed to its state
 * machine in order, once for each start of the process: first the snapshot, then every entry.
 *
 * Thread: the shard's own. No callback runs inside the call that caused it.
 */
#ifndef GYRE_RAFT_CONSENSUS_H
#define GYRE_RAFT_CONSENSUS_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/base/error.h"
#include "gyre/storage/partition_log.h"

struct consensus;
struct consensus_group;
struct links;
struct loop;
struct random;
struct rpc;
struct storage;

/* The catalog may have so many: every broker of a region is in it. Other groups have a few. */
enum { CONSENSUS_MEMBERS_MAX = 64 };

enum member_role { MEMBER_VOTER, MEMBER_STANDBY };

struct consensus_member {
    int32_t node;
    enum member_role role;
};

struct consensus_options {
    uint64_t tick_us;             /* leaders' heartbeat and contact check: >= 500 ms */
    uint64_t election_timeout_us; /* followers; randomised up to twice this */
    uint64_t shard_heartbeat_us;  /* node-level heartbeat that guards sleeping groups: 100 ms */
    uint64_t peer_timeout_us;     /* a silent peer is taken for dead */
    int inflight_entries_max;     /* pipeline to one follower */
    size_t inflight_bytes_max;
    uint64_t snapshot_entries; /* take a snapshot after so many applied entries */
    bool sleep_when_idle;
};

/* Filled by the owner of a group. `context` is the owner's. */
struct state_machine {
    /* A committed BATCH or COMMAND (on followers: also durable here). Payload is borrowed for the
     * call. Barriers and changes are not shown. */
    void (*apply)(void *context, const struct log_entry *entry);
    /* We lead, and the barrier of our own term has been applied: reads and writes may begin. */
    void (*lead)(void *context, uint64_t term);
    /* We lead no longer; entries submitted and not applied may or may not be committed. */
    void (*follow)(void *context);
    /* Who leads, as far as known; node -1: nobody. Also called for ourselves, after lead(). */
    void (*leader_changed)(void *context, int32_t node, uint64_t term);
    /* Encode the state as of the last applied entry. */
    struct buffer *(*take_snapshot)(void *context);
    /* First committed offset that must be kept, to be named in the snapshot. */
    int64_t (*start_offset)(void *context);
    /* Replace the state, also by an older one. CORRUPT stops the group. */
    enum error (*restore)(void *context, const struct log_snapshot *snapshot);
    /* A follower's stored index moved (leaders only). May be NULL. */
    void (*progressed)(void *context);
    /* The membership is now this (applied). May be NULL. */
    void (*members_changed)(void *context, const struct consensus_member *members, int count);
    /* The group cannot go on here: its log contradicts the leader's or is corrupt. */
    void (*failed)(void *context, const char *reason);
};

struct consensus *consensus_new(struct loop *loop, struct storage *storage, struct links *links,
                                struct rpc *rpc, struct random *random,
                                const struct consensus_options *options);
/* The process is about to end in order: groups that would have much to read again at the next start
 * take a snapshot in the loop's next turns. */
void consensus_prepare_stop(struct consensus *consensus);
void consensus_free(struct consensus *consensus); /* groups are closed before */
/* The same at the end of a simulated crash: storage will not answer what it was asked. */
void consensus_abandon(struct consensus *consensus);

/*
 * Open a group on this node. `members` is the first configuration of a new group, the same on all
 * of its first members, and is ignored when the log holds anything; a node that joins a running
 * group passes count 0 and waits to be fed. The first member is preferred as leader and does not
 * wait for a timeout before its first election.
 */
MUST_USE
enum error consensus_open_group(struct consensus *consensus, struct partition_log *log,
                                const struct consensus_member *members, int count,
                                const struct state_machine *machine, void *context,
                                struct consensus_group **out_group);
/* No callback comes afterwards. The log stays. */
void consensus_close_group(struct consensus_group *group);

/*
 * Append at the leader. Fills index and term of each entry; takes the payloads' references, also
 * on failure. Kind must be BATCH or COMMAND. NOT_LEADER; BUSY: the window is full, ask again after
 * the next apply(); NO_SPACE; STATE: leadership is being transferred, which ends with follow() or
 * leaves things as they were: ask again in a moment.
 */
MUST_USE
enum error consensus_submit(struct consensus_group *group, struct log_entry *entries, int count);

bool consensus_leads(const struct consensus_group *group); /* after lead(), before follow() */
/* Elected, and lead() is still to come: the barrier of the own term is not applied yet. */
bool consensus_will_lead(const struct consensus_group *group);
/* It leads, and is giving that away: writes are refused with STATE. */
bool consensus_hands_over(const struct consensus_group *group);
int32_t consensus_leader(const struct consensus_group *group); /* -1: unknown */
/* We lead, or the one who does has said so not long ago: what is decided reaches us soon. */
bool consensus_hears_leader(const struct consensus_group *group);
uint64_t consensus_term(const struct consensus_group *group);
uint64_t consensus_commit_index(const struct consensus_group *group);
uint64_t consensus_applied_index(const struct consensus_group *group);

struct member_progress {
    int32_t node;
    enum member_role role;
    uint64_t match_index;  /* leader's knowledge; 0 unless we lead */
    uint64_t last_seen_us; /* monotonic; last answer, or last shard heartbeat while asleep */
    bool is_live;
};
/* At most CONSENSUS_MEMBERS_MAX; returns how many. */
int consensus_members(const struct consensus_group *group, struct member_progress *out_members);

/* Membership, one change at a time, at the leader. A node is added as STANDBY, becomes VOTER when
 * it has caught up; done() reports the end, unless the group is closed first. STATE: another change
 * runs. A leader does not remove or demote itself: it hands leadership over and answers NOT_LEADER;
 * ask the new one. */
typedef void (*consensus_done)(void *context, enum error error);
void consensus_set_member(struct consensus_group *group, int32_t node, enum member_role role,
                          consensus_done done, void *context);
void consensus_remove_member(struct consensus_group *group, int32_t node, consensus_done done,
                             void *context);
/* Wait no longer for a node that is being made a voter and has not caught up: it stays a standby,
 * and done() gets STATE. */
void consensus_stop_waiting(struct consensus_group *group, int32_t node);
/* Hand leadership to `node`; writes are refused with STATE meanwhile. A node that is waited for, as
 * above, is waited for no longer: ask the next leader. */
void consensus_transfer(struct consensus_group *group, int32_t node, consensus_done done,
                        void *context);

/* Take a snapshot now (retention moved the start). done() when it is durable; may be NULL. */
void consensus_snapshot(struct consensus_group *group, consensus_done done, void *context);

/* Operator's last resort after a majority is lost for good: this node alone becomes the group.
 * STATE: not now. CORRUPT: its log cannot be taken for the truth. */
MUST_USE
enum error consensus_force_single_member(struct consensus_group *group);

/* Would that be possible, and how much has it? Of two logs the one whose last entry is of the
 * greater term has more; of the same term, the longer one. Errors as above. */
MUST_USE
enum error consensus_may_force(const struct consensus_group *group, uint64_t *out_last_term);

/*
 * How fast replicas that are named for it may catch up, in bytes a second; INT64_MAX: no limit.
 * Whoever is not named, is in sync or is needed to decide anything is not held back.
 */
void consensus_set_throttle_rates(struct consensus *consensus, int64_t leader_bytes_per_second,
                                  int64_t follower_bytes_per_second);
struct consensus_throttled {
    bool gives;       /* what we send of this group to others counts for the leader's rate */
    bool takes;       /* what comes counts for the follower's */
    bool others_take; /* the same is true of another member: it may ask us for a rest */
};
void consensus_set_throttled(struct consensus_group *group,
                             const struct consensus_throttled *throttled);

/* Node-level liveness from the shard heartbeats. */
bool consensus_peer_is_live(const struct consensus *consensus, int32_t node);
/* For how long another node has been live without a break; 0: it is not. */
uint64_t consensus_peer_live_us(const struct consensus *consensus, int32_t node);
/* For how long nothing came from another node; not longer than since we started. Ourselves: 0. */
uint64_t consensus_peer_silent_us(const struct consensus *consensus, int32_t node);
struct consensus_listener {
    void (*peer_alive)(void *context, int32_t node, uint64_t incarnation);
    void (*peer_dead)(void *context, int32_t node);
    void *context;
};
void consensus_set_listener(struct consensus *consensus, const struct consensus_listener *listener);

struct consensus_stats {
    uint64_t elections, snapshots_taken, snapshots_installed, truncations, messages_sent,
        messages_received, malformed_frames, lost_frames, space_changes;
    uint64_t groups, groups_asleep, groups_led;
    uint64_t throttled_given_bytes, throttled_taken_bytes; /* replicas that catch up */
};
void consensus_stats(const struct consensus *consensus, struct consensus_stats *out_stats);

#endif
