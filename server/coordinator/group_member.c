/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/group_member.h"

#include <stdlib.h>

#include "gyre/base/check.h"

#include "coordinator/group.h"
#include "coordinator/group_answer.h"
#include "coordinator/group_coordinator_state.h"
#include "coordinator/group_protocols.h"
#include "coordinator/group_session.h"
#include "coordinator/owned_string.h"

static const uint64_t US_PER_MS = 1000;

static size_t bytes_of(const struct group_member *member)
{
    return (size_t)member->id.length + (size_t)member->instance_id.length +
           (size_t)member->client_id.length + (size_t)member->client_host.length;
}

struct group_member *group_member_add(struct group *group,
                                      const struct group_member_settings *settings)
{
    struct group_member *member = check_alloc_zero(sizeof *member);

    CHECK(group_member_find(group, settings->id) == NULL);
    member->group = group;
    member->id = owned_string_copy(settings->id);
    member->instance_id = owned_string_copy(settings->instance_id);
    member->client_id = owned_string_copy(settings->client_id);
    member->client_host = owned_string_copy(settings->client_host);
    member->session_timeout_ms = settings->session_timeout_ms;
    member->rebalance_timeout_ms = settings->rebalance_timeout_ms;
    timer_init(&member->session, group_session_expired);
    list_append(&group->members, &member->link);
    map_insert(&group->members_by_id, &member->by_id, string_hash(member->id));
    if (member->instance_id.bytes != NULL) {
        map_insert(&group->members_by_instance, &member->by_instance,
                   string_hash(member->instance_id));
    }
    group->member_count++;
    group->bytes += bytes_of(member);
    if (group->leader == NULL) {
        group->leader = member;
    }
    return member;
}

static void elect_without(struct group *group, const struct group_member *gone)
{
    if (group->leader != gone) {
        return;
    }
    group->leader = list_is_empty(&group->members)
                        ? NULL
                        : list_first(&group->members, struct group_member, link);
}

void group_member_remove(struct group_member *member)
{
    struct group *group = member->group;

    CHECK(member->join == NULL);
    CHECK(member->sync == NULL);
    timer_stop(group->coordinator->services.loop, &member->session);
    if (member->awaits_sync) {
        group->pending_sync_count--;
    }
    group_protocols_clear(member);
    list_remove(&member->link);
    map_remove(&group->members_by_id, &member->by_id);
    if (member->instance_id.bytes != NULL) {
        map_remove(&group->members_by_instance, &member->by_instance);
    }
    group->member_count--;
    group->bytes -= bytes_of(member);
    elect_without(group, member);
    owned_string_release(&member->id);
    owned_string_release(&member->instance_id);
    owned_string_release(&member->client_id);
    owned_string_release(&member->client_host);
    owned_string_release(&member->assignment);
    owned_string_release(&member->next_assignment);
    free(member);
}

struct group_member *group_member_find(const struct group *group, struct string id)
{
    map_for_each_match(link, &group->members_by_id, string_hash(id)) {
        struct group_member *member = CONTAINER_OF(link, struct group_member, by_id);

        if (string_equal(member->id, id)) {
            return member;
        }
    }
    return NULL;
}

struct group_member *group_member_find_static(const struct group *group, struct string instance_id)
{
    map_for_each_match(link, &group->members_by_instance, string_hash(instance_id)) {
        struct group_member *member = CONTAINER_OF(link, struct group_member, by_instance);

        if (string_equal(member->instance_id, instance_id)) {
            return member;
        }
    }
    return NULL;
}

enum kafka_error group_member_validate(const struct group *group, struct string id,
                                       struct string instance_id, struct group_member **out_member)
{
    struct group_member *member;

    if (instance_id.bytes != NULL) {
        member = group_member_find_static(group, instance_id);
        if (member == NULL) {
            return KAFKA_ERROR_UNKNOWN_MEMBER_ID;
        }
        if (!string_equal(member->id, id)) {
            return KAFKA_ERROR_FENCED_INSTANCE_ID;
        }
    } else {
        member = group_member_find(group, id);
        if (member == NULL) {
            return KAFKA_ERROR_UNKNOWN_MEMBER_ID;
        }
    }
    *out_member = member;
    return KAFKA_ERROR_NONE;
}

void group_member_rename(struct group_member *member, struct string id)
{
    struct group *group = member->group;

    map_remove(&group->members_by_id, &member->by_id);
    group->bytes -= (size_t)member->id.length;
    owned_string_set(&member->id, id);
    group->bytes += (size_t)member->id.length;
    map_insert(&group->members_by_id, &member->by_id, string_hash(member->id));
}

void group_member_set_assignment(struct group_member *member, struct string assignment)
{
    owned_string_set(&member->assignment, assignment);
}

void group_member_set_next_assignment(struct group_member *member, struct string assignment)
{
    owned_string_set(&member->next_assignment, assignment);
}

void group_member_park_join(struct group_member *member, struct group_join *join)
{
    /* The client gave the older request up and asks again. */
    group_answer_join_error(member, KAFKA_ERROR_REBALANCE_IN_PROGRESS);
    member->join = join;
    member->group->awaiting_join_count++;
}

void group_member_touch_for(struct group_member *member, int32_t timeout_ms)
{
    timer_start(member->group->coordinator->services.loop, &member->session,
                (uint64_t)timeout_ms * US_PER_MS);
}

void group_member_touch(struct group_member *member)
{
    group_member_touch_for(member, member->session_timeout_ms);
}

/* ---- pending ids ---- */

void group_member_add_pending(struct group *group, struct string id, int32_t timeout_ms)
{
    struct group_pending *pending = check_alloc_zero(sizeof *pending);

    pending->group = group;
    pending->id = owned_string_copy(id);
    timer_init(&pending->expiry, group_session_pending_expired);
    timer_start(group->coordinator->services.loop, &pending->expiry,
                (uint64_t)timeout_ms * US_PER_MS);
    map_insert(&group->pending, &pending->by_id, string_hash(id));
}

struct group_pending *group_member_find_pending(const struct group *group, struct string id)
{
    map_for_each_match(link, &group->pending, string_hash(id)) {
        struct group_pending *pending = CONTAINER_OF(link, struct group_pending, by_id);

        if (string_equal(pending->id, id)) {
            return pending;
        }
    }
    return NULL;
}

void group_member_remove_pending(struct group_pending *pending)
{
    timer_stop(pending->group->coordinator->services.loop, &pending->expiry);
    map_remove(&pending->group->pending, &pending->by_id);
    owned_string_release(&pending->id);
    free(pending);
}
