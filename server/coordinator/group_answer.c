/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An answer is sent later than it is made, when members may have changed: it has copies of all it
 * says, in the memory of its request.
 */
#include "coordinator/group_answer.h"

#include "gyre/base/arena.h"

#include "coordinator/group.h"
#include "coordinator/group_coordinator_state.h"
#include "coordinator/group_member.h"
#include "coordinator/group_protocols.h"
#include "wire_messages/join_group.h"
#include "wire_messages/sync_group.h"

/* False: the request's memory is exhausted. */
static bool fill_members(const struct group *group, struct arena *arena,
                         struct join_group_response_members_array *out_members)
{
    int32_t count = 0;

    if (join_group_response_members_array_alloc(out_members, arena, group->member_count) !=
        ERROR_NONE) {
        return false;
    }
    list_for_each(link, &group->members) {
        const struct group_member *member = list_entry(link, struct group_member, link);
        struct join_group_response_members *to = &out_members->items[count++];

        if (!arena_copy_string(arena, member->id, &to->member_id) ||
            !arena_copy_string(arena, member->instance_id, &to->group_instance_id) ||
            !arena_copy_bytes(arena, group_protocols_metadata(member, group->protocol),
                              &to->metadata)) {
            return false;
        }
    }
    return true;
}

static bool fill_join(const struct group_member *member, struct group_join *join, bool has_members)
{
    const struct group *group = member->group;
    struct arena *arena = join->call.arena;
    struct join_group_response *out = join->out;

    out->error_code = KAFKA_ERROR_NONE;
    out->generation_id = group->generation;
    return arena_copy_string(arena, group->protocol_type, &out->protocol_type) &&
           arena_copy_string(arena, group->protocol, &out->protocol_name) &&
           arena_copy_string(arena, group->leader == NULL ? STRING("") : group->leader->id,
                             &out->leader) &&
           arena_copy_string(arena, member->id, &out->member_id) &&
           (!has_members || fill_members(group, arena, &out->members));
}

static void set_join_error(struct group_join *join, enum kafka_error error, struct string member_id)
{
    join_group_response_init(join->out);
    join->out->error_code = (int16_t)error;
    if (!arena_copy_string(join->call.arena, member_id, &join->out->member_id)) {
        join->out->member_id = STRING("");
    }
}

void group_answer_now(const struct group_member *member, struct group_join *join,
                      bool skips_assignment)
{
    const struct group *group = member->group;

    join->out->skip_assignment = skips_assignment;
    if (!fill_join(member, join, group->leader == member)) {
        set_join_error(join, KAFKA_ERROR_UNKNOWN_SERVER_ERROR, STRING(""));
    }
    group_coordinator_finish(group->coordinator, &join->call);
}

void group_answer_refuse_join(struct group_coordinator *coordinator, struct group_join *join,
                              enum kafka_error error, struct string member_id)
{
    set_join_error(join, error, member_id);
    group_coordinator_finish(coordinator, &join->call);
}

void group_answer_refuse_sync(struct group_coordinator *coordinator, struct group_sync *sync,
                              enum kafka_error error)
{
    sync->out->error_code = (int16_t)error;
    group_coordinator_finish(coordinator, &sync->call);
}

static struct group_join *take_join(struct group_member *member)
{
    struct group_join *join = member->join;

    if (join != NULL) {
        member->join = NULL;
        member->awaits_id = false;
        member->group->awaiting_join_count--;
    }
    return join;
}

void group_answer_join(struct group_member *member, bool skips_assignment)
{
    struct group_join *join = take_join(member);

    if (join != NULL) {
        group_answer_now(member, join, skips_assignment);
    }
}

void group_answer_join_error(struct group_member *member, enum kafka_error error)
{
    struct group_join *join = take_join(member);

    if (join != NULL) {
        group_answer_refuse_join(member->group->coordinator, join, error,
                                 error == KAFKA_ERROR_UNKNOWN_MEMBER_ID ? STRING("") : member->id);
    }
}

void group_answer_sync(struct group_member *member)
{
    const struct group *group = member->group;
    struct group_sync *sync = member->sync;
    struct sync_group_response *out;

    if (sync == NULL) {
        return;
    }
    member->sync = NULL;
    out = sync->out;
    if (!arena_copy_string(sync->call.arena, group->protocol_type, &out->protocol_type) ||
        !arena_copy_string(sync->call.arena, group->protocol, &out->protocol_name) ||
        !arena_copy_bytes(sync->call.arena, member->assignment, &out->assignment)) {
        sync_group_response_init(out);
        out->error_code = KAFKA_ERROR_UNKNOWN_SERVER_ERROR;
    }
    group_coordinator_finish(group->coordinator, &sync->call);
}

void group_answer_sync_error(struct group_member *member, enum kafka_error error)
{
    struct group_sync *sync = member->sync;

    if (sync != NULL) {
        member->sync = NULL;
        group_answer_refuse_sync(member->group->coordinator, sync, error);
    }
}

void group_answer_all(struct group *group, enum kafka_error error)
{
    list_for_each(link, &group->members) {
        struct group_member *member = list_entry(link, struct group_member, link);

        group_answer_join_error(member, error);
        group_answer_sync_error(member, error);
    }
}
