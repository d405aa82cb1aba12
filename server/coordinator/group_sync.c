/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The leader hands in everybody's assignment. It takes effect when the group's record is committed;
 * if the group has moved on meanwhile, it never does.
 */
#include "coordinator/group_sync.h"

#include <stdlib.h>

#include "gyre/base/check.h"
#include "gyre/observe/log.h"

#include "coordinator/group.h"
#include "coordinator/group_answer.h"
#include "coordinator/group_coordinator_state.h"
#include "coordinator/group_member.h"
#include "coordinator/group_rebalance.h"
#include "coordinator/group_store.h"
#include "wire_messages/sync_group.h"

struct assignment_write {
    struct group_write write;
    int32_t generation;
};

static void assign(struct group *group)
{
    list_for_each(link, &group->members) {
        struct group_member *member = list_entry(link, struct group_member, link);

        group_member_set_assignment(member, member->next_assignment);
        group_member_set_next_assignment(member, STRING_NULL);
        if (member->sync != NULL) {
            group_answer_sync(member);
            group_member_touch(member);
        }
    }
    group_move(group, GROUP_STABLE);
    log_info(LOG_COORDINATOR, "a group is stable", field_text("group", group->id),
             field_i64("generation", group->generation), field_i64("members", group->member_count));
}

static void on_stored(struct group_write *write, enum kafka_error error)
{
    struct assignment_write *self = CONTAINER_OF(write, struct assignment_write, write);
    struct group *group = write->group;
    int32_t generation = self->generation;

    free(self);
    if (group->state != GROUP_COMPLETING_REBALANCE || generation != group->generation ||
        group->shard->is_dropped) {
        return;
    }
    if (error == KAFKA_ERROR_NONE) {
        assign(group);
        return;
    }
    group_rebalance_void_assignments(group, error);
    group_rebalance_start_or_finish(group, "the assignment could not be stored");
}

static struct string text_of(struct bytes bytes)
{
    return (struct string){.bytes = bytes.bytes == NULL ? "" : bytes.bytes,
                           .length = bytes.length < 0 ? 0 : bytes.length};
}

static size_t bytes_of(const struct sync_group_request *in)
{
    size_t bytes = 0;

    for (int32_t i = 0; i < in->assignments.count; i++) {
        bytes += (size_t)text_of(in->assignments.items[i].assignment).length;
    }
    return bytes;
}

/* False: they are too large, for one record with what the members brought along. */
static bool take_assignments(struct group *group, const struct sync_group_request *in)
{
    if (group->bytes + bytes_of(in) > 2 * (size_t)GROUP_BYTES_MAX) {
        return false;
    }
    list_for_each(link, &group->members) {
        group_member_set_next_assignment(list_entry(link, struct group_member, link), STRING(""));
    }
    for (int32_t i = 0; i < in->assignments.count; i++) {
        struct group_member *member = group_member_find(group, in->assignments.items[i].member_id);

        if (member != NULL) {
            group_member_set_next_assignment(member, text_of(in->assignments.items[i].assignment));
        }
    }
    return true;
}

static void store(struct group *group)
{
    struct assignment_write *self = check_alloc_zero(sizeof *self);

    self->write.group = group;
    self->write.done = on_stored;
    self->generation = group->generation;
    group_store_write_group(group, true, &self->write);
}

static bool is_other(struct string asked, struct string present)
{
    return asked.bytes != NULL && present.bytes != NULL && !string_equal(asked, present);
}

static enum kafka_error validate(const struct group *group, const struct sync_group_request *in,
                                 struct group_member **out_member)
{
    enum kafka_error error;

    if (group->state == GROUP_DEAD) {
        return KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE;
    }
    error = group_member_validate(group, in->member_id, in->group_instance_id, out_member);
    if (error != KAFKA_ERROR_NONE) {
        return error;
    }
    if (in->generation_id != group->generation) {
        return KAFKA_ERROR_ILLEGAL_GENERATION;
    }
    if (is_other(in->protocol_type, group->protocol_type) ||
        is_other(in->protocol_name, group->protocol)) {
        return KAFKA_ERROR_INCONSISTENT_GROUP_PROTOCOL;
    }
    return group->state == GROUP_PREPARING_REBALANCE ? KAFKA_ERROR_REBALANCE_IN_PROGRESS
                                                     : KAFKA_ERROR_NONE;
}

static void wait_for_leader(struct group_member *member, struct group_sync *sync)
{
    struct group *group = member->group;

    /* The client gave the older request up and asks again. */
    group_answer_sync_error(member, KAFKA_ERROR_REBALANCE_IN_PROGRESS);
    member->sync = sync;
    group_rebalance_note_sync(member);
    if (member != group->leader) {
        return;
    }
    if (!take_assignments(group, sync->in)) {
        group_rebalance_void_assignments(group, KAFKA_ERROR_UNKNOWN_SERVER_ERROR);
        group_rebalance_prepare(group, "the assignment is too large");
        return;
    }
    store(group);
}

void group_sync_start(struct group *group, struct group_sync *sync)
{
    struct group_member *member = NULL;
    enum kafka_error error = validate(group, sync->in, &member);

    if (error != KAFKA_ERROR_NONE) {
        group_answer_refuse_sync(group->coordinator, sync, error);
        return;
    }
    if (group->state == GROUP_COMPLETING_REBALANCE) {
        wait_for_leader(member, sync);
        return;
    }
    CHECK(group->state == GROUP_STABLE); /* it has members */
    group_rebalance_note_sync(member);
    member->sync = sync;
    group_answer_sync(member);
}
