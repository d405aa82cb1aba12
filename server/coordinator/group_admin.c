/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/group_admin.h"

#include <stdlib.h>

#include "gyre/base/arena.h"
#include "gyre/base/check.h"

#include "coordinator/group.h"
#include "coordinator/group_member.h"
#include "coordinator/group_protocols.h"
#include "coordinator/group_records.h"
#include "coordinator/group_store.h"
#include "wire_messages/describe_groups.h"

/* Metadata is that of the chosen protocol, so there is some in a stable group only. */
static bool describe_member(const struct group_member *member, struct arena *arena,
                            struct describe_groups_response_groups_members *out)
{
    const struct group *group = member->group;
    struct string metadata = group->state == GROUP_STABLE
                                 ? group_protocols_metadata(member, group->protocol)
                                 : STRING("");

    return arena_copy_string(arena, member->id, &out->member_id) &&
           arena_copy_string(arena, member->instance_id, &out->group_instance_id) &&
           arena_copy_string(arena, member->client_id, &out->client_id) &&
           arena_copy_string(arena, member->client_host, &out->client_host) &&
           arena_copy_bytes(arena, metadata, &out->member_metadata) &&
           arena_copy_bytes(arena, member->assignment, &out->member_assignment);
}

enum error group_admin_describe(const struct group *group, struct arena *arena,
                                struct describe_groups_response_groups *out)
{
    struct string protocol_type =
        group->protocol_type.bytes == NULL ? STRING("") : group->protocol_type;
    int32_t count = 0;
    enum error error;

    out->group_state = string_from(group_state_name(group->state));
    out->protocol_data = STRING("");
    if (!arena_copy_string(arena, protocol_type, &out->protocol_type) ||
        (group->state == GROUP_STABLE &&
         !arena_copy_string(arena, group->protocol, &out->protocol_data))) {
        return ERROR_LIMIT;
    }
    error = describe_groups_response_groups_members_array_alloc(&out->members, arena,
                                                                group->member_count);
    if (error != ERROR_NONE) {
        return error;
    }
    list_for_each(link, &group->members) {
        if (!describe_member(list_entry(link, struct group_member, link), arena,
                             &out->members.items[count++])) {
            return ERROR_LIMIT;
        }
    }
    return ERROR_NONE;
}

/* ---- deletion ---- */

struct deletion {
    struct group_write write;
    int32_t index;
    group_admin_deleted done;
    void *context;
};

static void write_tombstones(struct deletion *deletion)
{
    struct group *group = deletion->write.group;
    struct group_records records;

    group_records_init(&records);
    map_for_each(link, &group->offsets.by_key) {
        const struct committed_offset *committed =
            CONTAINER_OF(link, struct committed_offset, by_key);

        group_records_add_offset_tombstone(&records, group->id, committed->topic->name,
                                           committed->partition);
    }
    group_records_add_group_tombstone(&records, group->id);
    group_store_write(group->shard, &records, &deletion->write);
}

static void end_group(struct group *group)
{
    if (group->open_writes == 0) {
        group_free(group);
    } else {
        group_reset(group);
    }
}

static void on_deleted(struct group_write *write, enum kafka_error error)
{
    struct deletion *deletion = CONTAINER_OF(write, struct deletion, write);
    struct group *group = write->group;

    if (error == KAFKA_ERROR_NONE && group->offsets.count > 0) {
        /* Their commits were on their way when the deletion began. There are no others: a group
         * that is dead takes none. */
        write_tombstones(deletion);
        return;
    }
    deletion->done(deletion->context, deletion->index, error);
    free(deletion);
    if (error == KAFKA_ERROR_NONE) {
        end_group(group);
    } else {
        group_move(group, GROUP_EMPTY);
    }
}

enum kafka_error group_admin_delete(struct group *group, int32_t index, group_admin_deleted done,
                                    void *context)
{
    struct deletion *deletion;

    if (group == NULL || group->state == GROUP_DEAD) {
        return KAFKA_ERROR_GROUP_ID_NOT_FOUND;
    }
    if (group->state != GROUP_EMPTY) {
        return KAFKA_ERROR_NON_EMPTY_GROUP;
    }
    deletion = check_alloc_zero(sizeof *deletion);
    deletion->write.group = group;
    deletion->write.done = on_deleted;
    deletion->index = index;
    deletion->done = done;
    deletion->context = context;
    group_move(group, GROUP_DEAD); /* whoever comes now has to wait */
    map_for_each_safe(link, &group->pending) {
        group_member_remove_pending(CONTAINER_OF(link, struct group_pending, by_id));
    }
    write_tombstones(deletion);
    return KAFKA_ERROR_NONE;
}
