/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/group_rebalance.h"

#include "gyre/base/check.h"
#include "gyre/observe/log.h"

#include "coordinator/group.h"
#include "coordinator/group_answer.h"
#include "coordinator/group_coordinator_state.h"
#include "coordinator/group_member.h"
#include "coordinator/group_protocols.h"
#include "coordinator/group_store.h"
#include "coordinator/owned_string.h"

static const uint64_t US_PER_MS = 1000;

static struct loop *loop_of(const struct group *group)
{
    return group->coordinator->services.loop;
}

static void start_join_timer(struct group *group, int32_t delay_ms, bool is_initial_delay)
{
    group->is_initial_delay = is_initial_delay;
    timer_start(loop_of(group), &group->join_timer, (uint64_t)delay_ms * US_PER_MS);
}

static void clear_pending_syncs(struct group *group)
{
    list_for_each(link, &group->members) {
        list_entry(link, struct group_member, link)->awaits_sync = false;
    }
    group->pending_sync_count = 0;
}

void group_rebalance_cancel(struct group *group)
{
    clear_pending_syncs(group);
    timer_stop(loop_of(group), &group->join_timer);
    timer_stop(loop_of(group), &group->sync_timer);
}

void group_rebalance_void_assignments(struct group *group, enum kafka_error error)
{
    list_for_each(link, &group->members) {
        struct group_member *member = list_entry(link, struct group_member, link);

        group_member_set_assignment(member, STRING(""));
        if (member->sync != NULL) {
            group_answer_sync_error(member, error);
            group_member_touch(member);
        }
    }
}

static void begin_initial_delay(struct group *group)
{
    int32_t delay_ms = group->coordinator->services.config->group_initial_rebalance_delay_ms;
    int32_t rebalance_ms = group_rebalance_timeout_ms(group);

    group->new_member_added = false;
    group->initial_delay_ms = delay_ms;
    group->initial_remaining_ms = rebalance_ms > delay_ms ? rebalance_ms - delay_ms : 0;
    start_join_timer(group, delay_ms, true);
}

void group_rebalance_prepare(struct group *group, const char *reason)
{
    bool is_initial = group->state == GROUP_EMPTY;

    if (group->state == GROUP_COMPLETING_REBALANCE) {
        group_rebalance_void_assignments(group, KAFKA_ERROR_REBALANCE_IN_PROGRESS);
    }
    clear_pending_syncs(group);
    timer_stop(loop_of(group), &group->sync_timer);
    group_move(group, GROUP_PREPARING_REBALANCE);
    log_debug(LOG_COORDINATOR, "a group rebalances", field_text("group", group->id),
              field_i64("generation", group->generation), field_string("reason", reason));
    if (is_initial) {
        begin_initial_delay(group);
    } else if (group_has_all_joined(group)) {
        group_rebalance_finish(group);
    } else {
        start_join_timer(group, group_rebalance_timeout_ms(group), false);
    }
}

void group_rebalance_try_finish(struct group *group)
{
    if (group->state == GROUP_PREPARING_REBALANCE && group->previous_state != GROUP_EMPTY &&
        group_has_all_joined(group)) {
        group_rebalance_finish(group);
    }
}

void group_rebalance_start_or_finish(struct group *group, const char *reason)
{
    if (group_can_rebalance(group)) {
        group_rebalance_prepare(group, reason);
    } else {
        group_rebalance_try_finish(group);
    }
}

static void remove_missing_members(struct group *group)
{
    list_for_each_safe(link, &group->members) {
        struct group_member *member = list_entry(link, struct group_member, link);

        if (member->join == NULL && member->instance_id.bytes == NULL) {
            group_answer_sync_error(member, KAFKA_ERROR_UNKNOWN_MEMBER_ID);
            group_member_remove(member);
        }
    }
}

static void answer_members(struct group *group)
{
    list_for_each(link, &group->members) {
        struct group_member *member = list_entry(link, struct group_member, link);

        group_answer_join(member, false);
        group_member_touch(member);
        member->is_new = false;
        member->awaits_sync = true;
        group->pending_sync_count++;
    }
    timer_start(loop_of(group), &group->sync_timer,
                (uint64_t)group_rebalance_timeout_ms(group) * US_PER_MS);
}

static void begin_generation(struct group *group)
{
    group->generation = group->generation == INT32_MAX ? 0 : group->generation + 1;
    clear_pending_syncs(group);
    owned_string_set(&group->protocol, group_protocols_vote(group));
    if (group->member_count == 0) {
        group_move(group, GROUP_EMPTY);
        group_store_write_group(group, false, NULL);
        return;
    }
    CHECK(group->protocol.bytes != NULL);
    group_move(group, GROUP_COMPLETING_REBALANCE);
    answer_members(group);
}

void group_rebalance_finish(struct group *group)
{
    timer_stop(loop_of(group), &group->join_timer);
    remove_missing_members(group);
    if (!group_elect_joined_leader(group) && group->member_count > 0) {
        /* Only static members that did not come back: wait until their sessions end. */
        start_join_timer(group, group_rebalance_timeout_ms(group), false);
        return;
    }
    begin_generation(group);
}

static void on_join_timer(struct timer *timer)
{
    struct group *group = CONTAINER_OF(timer, struct group, join_timer);
    int32_t initial_ms = group->coordinator->services.config->group_initial_rebalance_delay_ms;
    int32_t remaining_ms = group->initial_remaining_ms;

    if (group->state != GROUP_PREPARING_REBALANCE) {
        return;
    }
    if (!group->is_initial_delay || !group->new_member_added || remaining_ms == 0) {
        group_rebalance_finish(group);
        return;
    }
    /* Somebody came meanwhile: others may be on their way (KIP-134). */
    group->new_member_added = false;
    group->initial_remaining_ms =
        remaining_ms > group->initial_delay_ms ? remaining_ms - group->initial_delay_ms : 0;
    group->initial_delay_ms = initial_ms < remaining_ms ? initial_ms : remaining_ms;
    start_join_timer(group, group->initial_delay_ms, true);
}

static void on_sync_timer(struct timer *timer)
{
    struct group *group = CONTAINER_OF(timer, struct group, sync_timer);

    if (group->pending_sync_count == 0 || !group_can_rebalance(group)) {
        return;
    }
    list_for_each_safe(link, &group->members) {
        struct group_member *member = list_entry(link, struct group_member, link);

        if (member->awaits_sync) {
            group_answer_join_error(member, KAFKA_ERROR_UNKNOWN_MEMBER_ID);
            group_answer_sync_error(member, KAFKA_ERROR_UNKNOWN_MEMBER_ID);
            group_member_remove(member);
        }
    }
    group_rebalance_prepare(group, "members did not ask for their assignment");
}

void group_rebalance_note_sync(struct group_member *member)
{
    struct group *group = member->group;

    if (member->awaits_sync) {
        member->awaits_sync = false;
        group->pending_sync_count--;
    }
    if (group->pending_sync_count == 0) {
        timer_stop(loop_of(group), &group->sync_timer);
    }
}

void group_rebalance_init(struct group *group)
{
    timer_init(&group->join_timer, on_join_timer);
    timer_init(&group->sync_timer, on_sync_timer);
}
