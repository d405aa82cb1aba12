/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who joins is new and dynamic, new and static, or known already:
 *
 *     new, dynamic ──(version 4 on)──► pending: MEMBER_ID_REQUIRED, to come back with the id
 *          └──(before)──► added ──► rebalance
 *     new, static ──(nobody has the instance id)──► added ──► rebalance
 *          └──(somebody has)──► takes that member's place; no rebalance if the group is stable
 *     known ──(leader, or with other protocols)──► rebalance
 *          └──(else)──► the present generation again
 */
#include "coordinator/group_join.h"

#include <stdio.h>
#include <stdlib.h>

#include "gyre/base/check.h"
#include "gyre/base/uuid.h"
#include "gyre/observe/log.h"

#include "coordinator/group.h"
#include "coordinator/group_answer.h"
#include "coordinator/group_coordinator_state.h"
#include "coordinator/group_member.h"
#include "coordinator/group_protocols.h"
#include "coordinator/group_rebalance.h"
#include "coordinator/group_store.h"
#include "coordinator/owned_string.h"
#include "wire_messages/join_group.h"

enum {
    JOIN_MEMBER_ID_REQUIRED = 4,
    JOIN_SKIPS_ASSIGNMENT = 9,
    UUID_TEXT_BYTES = 37, /* 8-4-4-4-12 and NUL */
    NAME_PREFIX_BYTES_MAX = 1024,
    MEMBER_ID_BYTES = NAME_PREFIX_BYTES_MAX + 1 + UUID_TEXT_BYTES,
};

/* Kafka's form: the name of the client or of the instance, and a random part. */
static struct string make_member_id(struct group *group, const struct group_join *join,
                                    char id[MEMBER_ID_BYTES])
{
    struct string name =
        join->in->group_instance_id.bytes != NULL ? join->in->group_instance_id : join->client_id;
    struct uuid uuid = uuid_random(group->coordinator->services.random);
    const uint8_t *u = uuid.bytes;
    int length = name.length < NAME_PREFIX_BYTES_MAX ? (int)name.length : NAME_PREFIX_BYTES_MAX;

    while (length < name.length && length > 0 && ((uint8_t)name.bytes[length] & 0xC0) == 0x80) {
        length--; /* not inside a character */
    }
    length = snprintf(id, MEMBER_ID_BYTES,
                      "%.*s-%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                      length, name.bytes == NULL ? "" : name.bytes, u[0], u[1], u[2], u[3], u[4],
                      u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
    return (struct string){.bytes = id, .length = length};
}

static int32_t rebalance_timeout_ms(const struct group_join *join)
{
    /* Version 0 has none. */
    return join->version == 0 ? join->in->session_timeout_ms : join->in->rebalance_timeout_ms;
}

static void refuse(struct group *group, struct group_join *join, enum kafka_error error,
                   struct string member_id)
{
    group_answer_refuse_join(group->coordinator, join, error, member_id);
}

static void set_member(struct group_member *member, struct group_join *join)
{
    group_protocols_set(member, &join->in->protocols);
    member->rebalance_timeout_ms = rebalance_timeout_ms(join);
    member->session_timeout_ms = join->in->session_timeout_ms;
    group_member_park_join(member, join);
}

static void add_member(struct group *group, struct group_join *join, struct string member_id)
{
    struct group_member_settings settings = {
        .id = member_id,
        .instance_id = join->in->group_instance_id,
        .client_id = join->client_id.bytes == NULL ? STRING("") : join->client_id,
        .client_host = join->client_host,
    };
    struct group_member *member;

    if (group->member_count == 0) {
        owned_string_set(&group->protocol_type, join->in->protocol_type);
    }
    member = group_member_add(group, &settings);
    member->is_new = true;
    set_member(member, join);
    if (group->state == GROUP_PREPARING_REBALANCE && group->previous_state == GROUP_EMPTY) {
        group->new_member_added = true;
    }
    /* It does not know its id before the answer and cannot send heartbeats; if it went away, this
     * is how long its place is kept. */
    group_member_touch_for(member, GROUP_NEW_MEMBER_TIMEOUT_MS);
    group_rebalance_start_or_finish(group, "a member joined");
}

static void rejoin(struct group_member *member, struct group_join *join, const char *reason)
{
    set_member(member, join);
    group_rebalance_start_or_finish(member->group, reason);
}

/* ---- static members ---- */

/* The new id of a static member on its way into the log. */
struct replacement {
    struct group_write write;
    struct string old_id; /* owned */
    struct string new_id; /* owned */
    int16_t version;
};

static void answer_replaced(struct group_member *member, const struct replacement *replacement,
                            enum kafka_error error)
{
    if (error == KAFKA_ERROR_NONE) {
        group_answer_join(member, replacement->version >= JOIN_SKIPS_ASSIGNMENT &&
                                      member == member->group->leader);
    } else {
        group_answer_join_error(member, error);
        group_member_rename(member, replacement->old_id);
    }
    group_member_touch(member);
}

static void on_replaced(struct group_write *write, enum kafka_error error)
{
    struct replacement *replacement = CONTAINER_OF(write, struct replacement, write);
    struct group_member *member = group_member_find(write->group, replacement->new_id);

    /* If a rebalance answered it meanwhile, it goes by the new id, which is stored with the next
     * assignment. */
    if (member != NULL && member->awaits_id) {
        answer_replaced(member, replacement, error);
    }
    owned_string_release(&replacement->old_id);
    owned_string_release(&replacement->new_id);
    free(replacement);
}

static void store_replacement(struct group_member *member, struct string old_id, int16_t version)
{
    struct replacement *replacement = check_alloc_zero(sizeof *replacement);

    replacement->write.group = member->group;
    replacement->write.done = on_replaced;
    replacement->old_id = owned_string_copy(old_id);
    replacement->new_id = owned_string_copy(member->id);
    replacement->version = version;
    member->awaits_id = true;
    group_store_write_group(member->group, false, &replacement->write);
}

static void settle_replacement(struct group_member *member, struct group_join *join,
                               struct string old_id)
{
    struct group *group = member->group;

    switch (group->state) {
    case GROUP_STABLE:
        if (string_equal(group->protocol, group_protocols_vote(group))) {
            store_replacement(member, old_id, join->version);
        } else {
            group_rebalance_prepare(group, "a static member changed the protocol");
        }
        return;
    case GROUP_COMPLETING_REBALANCE:
        /* The leader assigns to the old id. */
        group_rebalance_prepare(group, "a static member was replaced");
        return;
    case GROUP_PREPARING_REBALANCE: group_rebalance_try_finish(group); return;
    case GROUP_EMPTY:
    case GROUP_DEAD: break;
    }
    CHECK_UNREACHABLE("a group with members is neither empty nor dead");
}

static void replace_static(struct group_member *member, struct group_join *join,
                           struct string member_id)
{
    struct string old_id = owned_string_copy(member->id);

    log_info(LOG_COORDINATOR, "a static member came back under a new id",
             field_text("group", member->group->id), field_text("instance", member->instance_id));
    group_answer_join_error(member, KAFKA_ERROR_FENCED_INSTANCE_ID);
    group_answer_sync_error(member, KAFKA_ERROR_FENCED_INSTANCE_ID);
    group_member_rename(member, member_id);
    member->is_new = false; /* the instance is known: it may wait as long as others */
    set_member(member, join);
    group_member_touch(member);
    settle_replacement(member, join, old_id);
    owned_string_release(&old_id);
}

/* ---- the two ways in ---- */

static void join_new(struct group *group, struct group_join *join)
{
    struct string instance_id = join->in->group_instance_id;
    char id[MEMBER_ID_BYTES];
    struct string member_id;
    struct group_member *existing = NULL;

    if (!group_protocols_accept(group, join->in)) {
        refuse(group, join, KAFKA_ERROR_INCONSISTENT_GROUP_PROTOCOL, STRING(""));
        return;
    }
    member_id = make_member_id(group, join, id);
    if (instance_id.bytes != NULL) {
        existing = group_member_find_static(group, instance_id);
    }
    if (existing != NULL) {
        replace_static(existing, join, member_id);
    } else if (instance_id.bytes == NULL && join->version >= JOIN_MEMBER_ID_REQUIRED) {
        group_member_add_pending(group, member_id, join->in->session_timeout_ms);
        refuse(group, join, KAFKA_ERROR_MEMBER_ID_REQUIRED, member_id);
    } else {
        add_member(group, join, member_id);
    }
}

static void join_member(struct group_member *member, struct group_join *join)
{
    struct group *group = member->group;
    bool is_same = group_protocols_match(member, &join->in->protocols);

    switch (group->state) {
    case GROUP_PREPARING_REBALANCE: rejoin(member, join, "a member joined again"); return;
    case GROUP_COMPLETING_REBALANCE:
        if (!is_same) {
            rejoin(member, join, "a member changed its protocols");
            return;
        }
        /* The answer did not reach it. */
        group_answer_now(member, join, false);
        return;
    case GROUP_STABLE:
        if (member == group->leader) {
            rejoin(member, join, "the leader asked for it");
        } else if (!is_same) {
            rejoin(member, join, "a member changed its protocols");
        } else {
            group_answer_now(member, join, false);
        }
        return;
    case GROUP_EMPTY:
    case GROUP_DEAD: break;
    }
    refuse(group, join, KAFKA_ERROR_UNKNOWN_MEMBER_ID, STRING(""));
}

static void join_known(struct group *group, struct group_join *join)
{
    const struct join_group_request *in = join->in;
    struct group_pending *pending = group_member_find_pending(group, in->member_id);
    struct group_member *member = NULL;
    enum kafka_error error;

    if (!group_protocols_accept(group, in)) {
        refuse(group, join, KAFKA_ERROR_INCONSISTENT_GROUP_PROTOCOL, in->member_id);
        return;
    }
    if (pending != NULL && in->group_instance_id.bytes != NULL) {
        refuse(group, join, KAFKA_ERROR_UNKNOWN_SERVER_ERROR, in->member_id); /* as Kafka */
        return;
    }
    if (pending != NULL) {
        group_member_remove_pending(pending);
        add_member(group, join, in->member_id);
        return;
    }
    error = group_member_validate(group, in->member_id, in->group_instance_id, &member);
    if (error != KAFKA_ERROR_NONE) {
        refuse(group, join, error, in->member_id);
        return;
    }
    join_member(member, join);
}

/* ---- limits ---- */

/* Ids on their way are limited where they are handed out, not for who comes back with one. */
static bool has_id_left(const struct group *group, const struct group_join *join, int64_t count_max)
{
    return join->in->member_id.length > 0 || (int64_t)group->pending.count < count_max;
}

static bool has_place(const struct group *group, const struct group_join *join,
                      const struct group_member *member)
{
    int32_t size_max = group->coordinator->services.config->group_max_size;

    switch (group->state) {
    case GROUP_EMPTY:
    case GROUP_DEAD: return has_id_left(group, join, size_max);
    case GROUP_PREPARING_REBALANCE:
        /* The last to come back are out if the limit was lowered. */
        return (member != NULL && member->join != NULL) || group->awaiting_join_count < size_max;
    case GROUP_COMPLETING_REBALANCE:
    case GROUP_STABLE: return member != NULL || group->member_count < size_max;
    }
    return false;
}

static bool fits(const struct group *group, const struct group_join *join,
                 const struct group_member *member)
{
    size_t bytes = group->bytes + group_protocols_bytes(&join->in->protocols);

    if (member != NULL) {
        bytes -= group_protocols_bytes_of(member);
    }
    return bytes <= GROUP_BYTES_MAX &&
           has_id_left(group, join,
                       (int64_t)group->coordinator->services.config->group_max_size + 1);
}

/* The others wait for it no longer, and what was assigned to it is theirs. */
static void turn_away(struct group *group, struct group_join *join, struct group_member *member)
{
    struct group_pending *pending = group_member_find_pending(group, join->in->member_id);

    refuse(group, join, KAFKA_ERROR_GROUP_MAX_SIZE_REACHED, STRING(""));
    if (pending != NULL) {
        group_member_remove_pending(pending);
        group_rebalance_try_finish(group);
    }
    if (member != NULL) {
        group_answer_join_error(member, KAFKA_ERROR_UNKNOWN_MEMBER_ID);
        group_answer_sync_error(member, KAFKA_ERROR_UNKNOWN_MEMBER_ID);
        group_member_remove(member);
        group_rebalance_start_or_finish(group, "a member was turned away");
    }
}

static void join_group(struct group *group, struct group_join *join)
{
    struct group_member *member = group_member_find(group, join->in->member_id);

    if (group->state == GROUP_DEAD) {
        refuse(group, join, KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE, join->in->member_id);
    } else if (!has_place(group, join, member) || !fits(group, join, member)) {
        turn_away(group, join, member);
    } else if (join->in->member_id.length == 0) {
        join_new(group, join);
    } else {
        join_known(group, join);
    }
}

void group_join_start(struct group_shard *shard, struct group_join *join)
{
    struct group_coordinator *coordinator = shard->coordinator;
    struct group *group = group_find(coordinator, join->in->group_id);
    bool is_new = group == NULL;

    if (is_new && join->in->member_id.length > 0) {
        group_answer_refuse_join(coordinator, join, KAFKA_ERROR_UNKNOWN_MEMBER_ID,
                                 join->in->member_id);
        return;
    }
    if (is_new && coordinator->groups.count >= GROUP_COORDINATOR_GROUPS_MAX) {
        group_answer_refuse_join(coordinator, join, KAFKA_ERROR_POLICY_VIOLATION, STRING(""));
        return;
    }
    if (is_new) {
        group = group_new(shard, join->in->group_id);
    }
    join_group(group, join);
    if (is_new && group->state == GROUP_EMPTY && group->pending.count == 0) {
        group_free(group); /* nobody came in after all */
    } else if (is_new) {
        group_store_write_group(group, false, NULL);
    }
}
