/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A classic group: who is in it, which generation it is at, what was committed in its name.
 *
 *                      (join)                    (all joined, or time is up)
 *     EMPTY ────────────────────────► PREPARING_REBALANCE ──────► COMPLETING_REBALANCE
 *       ▲ ▲                             │   ▲     ▲                        │       │
 *       │ └──(the last member is gone)──┘   │     └──(join, leave, lost)───┘       │
 *       │                                   └──(join, leave, lost)── STABLE ◄──────┘
 *       └──(deletion failed)── DEAD ◄──(delete)── EMPTY                  (assignment stored)
 *
 * A group is DEAD while its tombstone is on the way to the log; then it is no more.
 * Thread: the shard's own.
 */
#ifndef GYRE_COORDINATOR_GROUP_H
#define GYRE_COORDINATOR_GROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/base/bytes.h"
#include "gyre/base/list.h"
#include "gyre/base/map.h"
#include "gyre/runtime/loop.h"

#include "coordinator/group_offsets.h"

struct group_coordinator;
struct group_member;
struct group_shard;

enum group_state {
    GROUP_EMPTY,
    GROUP_PREPARING_REBALANCE,
    GROUP_COMPLETING_REBALANCE,
    GROUP_STABLE,
    GROUP_DEAD,
};

struct group {
    /* ---- its place ---- */
    struct map_link by_id; /* in the coordinator */
    struct list of_shard;  /* in the shard */
    struct group_coordinator *coordinator;
    struct group_shard *shard;
    struct string id; /* owned */

    /* ---- state ---- */
    enum group_state state;
    enum group_state previous_state;
    int64_t state_since_ms;      /* wall time; -1 unknown */
    struct string protocol_type; /* owned; null: a simple group, so far */
    struct string protocol;      /* owned; null: none chosen */
    int32_t generation;

    /* ---- members ---- */
    struct list members; /* in order of joining */
    struct map members_by_id;
    struct map members_by_instance; /* static ones */
    struct map protocol_supports;   /* how many members support each protocol */
    struct map pending;             /* ids that were handed out and have not joined */
    struct group_member *leader;
    int32_t member_count;
    int32_t awaiting_join_count;
    int32_t pending_sync_count; /* members that have not sent SyncGroup in this generation */
    size_t bytes;               /* of ids and protocols */

    /* ---- rebalance ---- */
    struct timer join_timer; /* until the members that came make the next generation */
    struct timer sync_timer; /* until members that did not send SyncGroup are removed */
    bool is_initial_delay;   /* the join timer is group.initial.rebalance.delay.ms */
    bool new_member_added;   /* while it ran */
    int32_t initial_delay_ms;
    int32_t initial_remaining_ms;

    struct group_offsets offsets;
    int32_t open_writes; /* group_write structs that point to it */
};

/* In state EMPTY, of no protocol. The caller checked that there is room. */
struct group *group_new(struct group_shard *shard, struct string id);
/* Members must have no calls parked. */
void group_free(struct group *group);

/* Back to what group_new() makes, offsets kept. For replays. */
void group_reset(struct group *group);

struct group *group_find(const struct group_coordinator *coordinator, struct string id);

/* CHECKs the picture above. */
void group_move(struct group *group, enum group_state state);
bool group_can_rebalance(const struct group *group);

/* Kafka's word for it. */
const char *group_state_name(enum group_state state);

bool group_uses_consumer_protocol(const struct group *group);

/* The longest of its members', ms. */
int32_t group_rebalance_timeout_ms(const struct group *group);

bool group_has_all_joined(const struct group *group);

/* A leader that has not rejoined gives way to a member that has. False: nobody has, or there is
 * nobody. */
bool group_elect_joined_leader(struct group *group);

int64_t group_wall_ms(const struct group *group);

#endif
