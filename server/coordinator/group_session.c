/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/group_session.h"

#include "gyre/base/check.h"
#include "gyre/observe/log.h"

#include "coordinator/group.h"
#include "coordinator/group_answer.h"
#include "coordinator/group_coordinator.h"
#include "coordinator/group_member.h"
#include "coordinator/group_rebalance.h"
#include "wire_messages/heartbeat.h"

enum kafka_error group_session_heartbeat(struct group *group, const struct heartbeat_request *in)
{
    struct group_member *member = NULL;
    enum kafka_error error;

    if (group->state == GROUP_DEAD) {
        return KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE;
    }
    error = group_member_validate(group, in->member_id, in->group_instance_id, &member);
    if (error != KAFKA_ERROR_NONE) {
        return error;
    }
    if (in->generation_id != group->generation) {
        return KAFKA_ERROR_ILLEGAL_GENERATION;
    }
    group_member_touch(member);
    return group->state == GROUP_PREPARING_REBALANCE ? KAFKA_ERROR_REBALANCE_IN_PROGRESS
                                                     : KAFKA_ERROR_NONE;
}

static void remove_member(struct group_member *member, const char *reason)
{
    log_info(LOG_COORDINATOR, "a member is out of its group",
             field_text("group", member->group->id), field_text("member", member->id),
             field_string("reason", reason));
    /* Its JoinGroup may be parked: if it is still there, it will ask again. */
    group_answer_join_error(member, KAFKA_ERROR_UNKNOWN_MEMBER_ID);
    group_answer_sync_error(member, KAFKA_ERROR_UNKNOWN_MEMBER_ID);
    group_member_remove(member);
}

static enum kafka_error remove_leaver(struct group *group, const struct group_leaver *leaver)
{
    struct group_pending *pending;
    struct group_member *member = NULL;
    enum kafka_error error;

    if (leaver->member_id.length == 0) { /* an administrator names the instance alone */
        member = leaver->instance_id.bytes == NULL
                     ? NULL
                     : group_member_find_static(group, leaver->instance_id);
        error = member == NULL ? KAFKA_ERROR_UNKNOWN_MEMBER_ID : KAFKA_ERROR_NONE;
    } else {
        pending = group_member_find_pending(group, leaver->member_id);
        if (pending != NULL) {
            group_member_remove_pending(pending);
            return KAFKA_ERROR_NONE;
        }
        error = group_member_validate(group, leaver->member_id, leaver->instance_id, &member);
    }
    if (error == KAFKA_ERROR_NONE) {
        remove_member(member, "it left");
    }
    return error;
}

enum kafka_error group_session_leave(struct group *group, struct group_leaver *leavers,
                                     int32_t count)
{
    bool somebody_left = false;

    if (group->state == GROUP_DEAD) {
        return KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE;
    }
    for (int32_t i = 0; i < count; i++) {
        leavers[i].error_code = (int16_t)remove_leaver(group, &leavers[i]);
        somebody_left = somebody_left || leavers[i].error_code == KAFKA_ERROR_NONE;
    }
    if (somebody_left && group->state != GROUP_EMPTY) {
        group_rebalance_start_or_finish(group, "a member left");
    }
    return KAFKA_ERROR_NONE;
}

void group_session_expired(struct timer *timer)
{
    struct group_member *member = CONTAINER_OF(timer, struct group_member, session);
    struct group *group = member->group;

    /* Who waits for us cannot send heartbeats. Its session begins again with the answer. */
    if (!member->is_new && (member->join != NULL || member->sync != NULL)) {
        return;
    }
    remove_member(member, "its session ended");
    if (group->state == GROUP_PREPARING_REBALANCE) {
        if (group_has_all_joined(group)) {
            group_rebalance_finish(group);
        }
    } else {
        group_rebalance_start_or_finish(group, "the session of a member ended");
    }
}

void group_session_pending_expired(struct timer *timer)
{
    struct group_pending *pending = CONTAINER_OF(timer, struct group_pending, expiry);
    struct group *group = pending->group;

    group_member_remove_pending(pending);
    if (group->state == GROUP_PREPARING_REBALANCE && group_has_all_joined(group)) {
        group_rebalance_finish(group);
    }
}
