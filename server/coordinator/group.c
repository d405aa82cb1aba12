/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/group.h"

#include <stdlib.h>

#include "gyre/base/check.h"

#include "coordinator/group_coordinator_state.h"
#include "coordinator/group_member.h"
#include "coordinator/group_rebalance.h"
#include "coordinator/owned_string.h"

static const bool allowed[GROUP_DEAD + 1][GROUP_DEAD + 1] = {
    [GROUP_EMPTY] = {[GROUP_PREPARING_REBALANCE] = true, [GROUP_DEAD] = true},
    [GROUP_PREPARING_REBALANCE] = {[GROUP_COMPLETING_REBALANCE] = true, [GROUP_EMPTY] = true},
    [GROUP_COMPLETING_REBALANCE] = {[GROUP_STABLE] = true, [GROUP_PREPARING_REBALANCE] = true},
    [GROUP_STABLE] = {[GROUP_PREPARING_REBALANCE] = true},
    [GROUP_DEAD] = {[GROUP_EMPTY] = true},
};

struct group *group_new(struct group_shard *shard, struct string id)
{
    struct group_coordinator *coordinator = shard->coordinator;
    struct group *group = check_alloc_zero(sizeof *group);

    group->coordinator = coordinator;
    group->shard = shard;
    group->id = owned_string_copy(id);
    group->state = GROUP_EMPTY;
    group->previous_state = GROUP_DEAD;
    group->state_since_ms = clock_wall_ms(coordinator->services.loop->clock);
    list_init(&group->members);
    map_init(&group->members_by_id);
    map_init(&group->members_by_instance);
    map_init(&group->protocol_supports);
    map_init(&group->pending);
    group_rebalance_init(group);
    group_offsets_init(&group->offsets);
    map_insert(&coordinator->groups, &group->by_id, string_hash(id));
    list_append(&shard->groups, &group->of_shard);
    return group;
}

void group_reset(struct group *group)
{
    while (!list_is_empty(&group->members)) {
        group_member_remove(list_first(&group->members, struct group_member, link));
    }
    map_for_each_safe(link, &group->pending) {
        group_member_remove_pending(CONTAINER_OF(link, struct group_pending, by_id));
    }
    group_rebalance_cancel(group);
    owned_string_release(&group->protocol_type);
    owned_string_release(&group->protocol);
    group->state = GROUP_EMPTY;
    group->previous_state = GROUP_DEAD;
    group->generation = 0;
    CHECK(group->member_count == 0);
    CHECK(group->bytes == 0);
}

void group_free(struct group *group)
{
    struct group_coordinator *coordinator = group->coordinator;

    CHECK(group->open_writes == 0);
    group_reset(group);
    coordinator->offset_count -= group->offsets.count;
    group_offsets_release(&group->offsets);
    map_remove(&coordinator->groups, &group->by_id);
    list_remove(&group->of_shard);
    map_release(&group->members_by_id);
    map_release(&group->members_by_instance);
    map_release(&group->protocol_supports);
    map_release(&group->pending);
    owned_string_release(&group->id);
    free(group);
}

struct group *group_find(const struct group_coordinator *coordinator, struct string id)
{
    map_for_each_match(link, &coordinator->groups, string_hash(id)) {
        struct group *group = CONTAINER_OF(link, struct group, by_id);

        if (string_equal(group->id, id)) {
            return group;
        }
    }
    return NULL;
}

void group_move(struct group *group, enum group_state state)
{
    CHECK(allowed[group->state][state]);
    group->previous_state = group->state;
    group->state = state;
    group->state_since_ms = group_wall_ms(group);
}

bool group_can_rebalance(const struct group *group)
{
    return allowed[group->state][GROUP_PREPARING_REBALANCE];
}

const char *group_state_name(enum group_state state)
{
    switch (state) {
    case GROUP_EMPTY: return "Empty";
    case GROUP_PREPARING_REBALANCE: return "PreparingRebalance";
    case GROUP_COMPLETING_REBALANCE: return "CompletingRebalance";
    case GROUP_STABLE: return "Stable";
    case GROUP_DEAD: break;
    }
    return "Dead";
}

bool group_uses_consumer_protocol(const struct group *group)
{
    return string_is(group->protocol_type, "consumer");
}

int32_t group_rebalance_timeout_ms(const struct group *group)
{
    int32_t longest_ms = 0;

    list_for_each(link, &group->members) {
        const struct group_member *member = list_entry(link, struct group_member, link);

        if (member->rebalance_timeout_ms > longest_ms) {
            longest_ms = member->rebalance_timeout_ms;
        }
    }
    return longest_ms;
}

bool group_has_all_joined(const struct group *group)
{
    return group->member_count == group->awaiting_join_count && group->pending.count == 0;
}

bool group_elect_joined_leader(struct group *group)
{
    if (group->leader == NULL) {
        return false;
    }
    if (group->leader->join != NULL) {
        return true;
    }
    list_for_each(link, &group->members) {
        struct group_member *member = list_entry(link, struct group_member, link);

        if (member->join != NULL) {
            group->leader = member;
            return true;
        }
    }
    return false;
}

int64_t group_wall_ms(const struct group *group)
{
    return clock_wall_ms(group->coordinator->services.loop->clock);
}
