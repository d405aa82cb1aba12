/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A member of a classic group, and ids that were handed out to members to come (pending). Owned by
 * the group. Thread: the shard's own.
 */
#ifndef GYRE_COORDINATOR_GROUP_MEMBER_H
#define GYRE_COORDINATOR_GROUP_MEMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/base/bytes.h"
#include "gyre/base/list.h"
#include "gyre/base/map.h"
#include "gyre/runtime/loop.h"
#include "gyre/wire/kafka_error.h"

struct group;
struct group_join;
struct group_sync;
struct join_group_request_protocols_array;

struct group_protocol {
    struct string name;     /* owned */
    struct string metadata; /* owned */
};

struct group_member {
    struct list link; /* in the group, in order of joining */
    struct map_link by_id;
    struct map_link by_instance; /* static members only */
    struct group *group;
    struct string id;          /* owned, all of them */
    struct string instance_id; /* null: dynamic */
    struct string client_id;
    struct string client_host;
    int32_t session_timeout_ms;
    int32_t rebalance_timeout_ms;
    struct group_protocol *protocols; /* owned, by preference */
    int32_t protocol_count;
    struct string assignment;      /* owned */
    struct string next_assignment; /* owned; of the leader, not yet in the log */

    struct group_join *join; /* parked, borrowed until it is finished */
    struct group_sync *sync;
    bool is_new;      /* its first JoinGroup is not answered: it cannot send heartbeats */
    bool awaits_sync; /* the group waits for its SyncGroup */
    bool awaits_id;   /* its parked JoinGroup waits until its new id is in the log */
    struct timer session;
};

/* What a member is made of; strings are copied. */
struct group_member_settings {
    struct string id;
    struct string instance_id;
    struct string client_id;
    struct string client_host;
    int32_t session_timeout_ms;
    int32_t rebalance_timeout_ms;
};

/* Adds it at the end; it has no protocols yet. The first becomes leader. */
struct group_member *group_member_add(struct group *group,
                                      const struct group_member_settings *settings);
/* Frees it; another member becomes leader if it was. Its calls must be finished. */
void group_member_remove(struct group_member *member);

struct group_member *group_member_find(const struct group *group, struct string id);
struct group_member *group_member_find_static(const struct group *group, struct string instance_id);

/* Kafka's check of who asks: UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID. */
enum kafka_error group_member_validate(const struct group *group, struct string id,
                                       struct string instance_id, struct group_member **out_member);

/* A static member came back under another id. */
void group_member_rename(struct group_member *member, struct string id);

/* Neither counts for the group's bytes: who asks to join has no say in what is assigned. */
void group_member_set_assignment(struct group_member *member, struct string assignment);
void group_member_set_next_assignment(struct group_member *member, struct string assignment);
void group_member_park_join(struct group_member *member, struct group_join *join);

/* (Re)start the session, or another deadline. */
void group_member_touch(struct group_member *member);
void group_member_touch_for(struct group_member *member, int32_t timeout_ms);

/* ---- pending ids ---- */
struct group_pending {
    struct map_link by_id;
    struct group *group;
    struct string id; /* owned */
    struct timer expiry;
};
void group_member_add_pending(struct group *group, struct string id, int32_t timeout_ms);
struct group_pending *group_member_find_pending(const struct group *group, struct string id);
void group_member_remove_pending(struct group_pending *pending);

#endif
