/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commits and deletions of offsets become records at once; they take effect when those are
 * committed (group_replay.c), and then the answer goes out.
 */
#include "coordinator/group_commit.h"

#include "gyre/base/arena.h"
#include "gyre/base/check.h"

#include "coordinator/group.h"
#include "coordinator/group_coordinator_state.h"
#include "coordinator/group_hash.h"
#include "coordinator/group_member.h"
#include "coordinator/group_protocols.h"
#include "coordinator/group_records.h"
#include "coordinator/group_store.h"
#include "wire_messages/offset_commit.h"
#include "wire_messages/offset_delete.h"

enum { COMMIT_GROUP_ID_NOT_FOUND = 9 };

/* ---- who may commit ---- */

static enum kafka_error validate_member(struct group *group, const struct offset_commit_request *in)
{
    struct group_member *member = NULL;
    enum kafka_error error;

    error = group_member_validate(group, in->member_id, in->group_instance_id, &member);
    if (error != KAFKA_ERROR_NONE) {
        return error;
    }
    if (in->generation_id_or_member_epoch != group->generation) {
        return KAFKA_ERROR_ILLEGAL_GENERATION;
    }
    if (group->state == GROUP_COMPLETING_REBALANCE) {
        /* It knows of the new generation, but not of its assignment. */
        return KAFKA_ERROR_REBALANCE_IN_PROGRESS;
    }
    group_member_touch(member);
    return KAFKA_ERROR_NONE;
}

/* `group` NULL: nobody committed in this name yet. */
static enum kafka_error validate(struct group *group, const struct group_commit *commit)
{
    const struct offset_commit_request *in = commit->in;
    int32_t generation = in->generation_id_or_member_epoch;

    if (group == NULL) {
        if (generation < 0) {
            return KAFKA_ERROR_NONE; /* a simple consumer, or an administrator */
        }
        return commit->version >= COMMIT_GROUP_ID_NOT_FOUND ? KAFKA_ERROR_GROUP_ID_NOT_FOUND
                                                            : KAFKA_ERROR_ILLEGAL_GENERATION;
    }
    if (group->state == GROUP_DEAD) {
        return KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE;
    }
    if (generation < 0 && group->state == GROUP_EMPTY) {
        return KAFKA_ERROR_NONE;
    }
    if (generation >= 0 || in->member_id.length > 0 || in->group_instance_id.bytes != NULL) {
        return validate_member(group, in);
    }
    return KAFKA_ERROR_UNKNOWN_MEMBER_ID;
}

/* ---- the answer ---- */

static void set_errors(struct offset_commit_response *out, enum kafka_error error)
{
    for (int32_t i = 0; i < out->topics.count; i++) {
        struct offset_commit_response_topics *topic = &out->topics.items[i];

        for (int32_t j = 0; j < topic->partitions.count; j++) {
            if (topic->partitions.items[j].error_code == KAFKA_ERROR_NONE) {
                topic->partitions.items[j].error_code = (int16_t)error;
            }
        }
    }
}

void group_commit_refuse(struct group_coordinator *coordinator, struct group_commit *commit,
                         enum kafka_error error)
{
    if (error != KAFKA_ERROR_NONE) {
        set_errors(commit->out, error);
    }
    group_coordinator_finish(coordinator, &commit->call);
}

struct commit_write {
    struct group_write write; /* in the request's memory */
    struct group_coordinator *coordinator;
    struct group_commit *commit;
};

static void on_committed(struct group_write *write, enum kafka_error error)
{
    struct commit_write *self = CONTAINER_OF(write, struct commit_write, write);

    group_commit_refuse(self->coordinator, self->commit, error);
}

/* ---- the records ---- */

static struct uuid topic_id_of(const struct group_coordinator *coordinator, struct string name)
{
    const struct catalog_topic *topic = catalog_find_topic(coordinator->services.catalog, name);

    return topic != NULL ? topic->id : (struct uuid){0};
}

static bool has_room(const struct group_coordinator *coordinator, const struct group *group,
                     struct string topic, int32_t partition)
{
    return coordinator->offset_count < GROUP_COORDINATOR_OFFSETS_MAX ||
           (group != NULL && group_offsets_find(&group->offsets, topic, partition) != NULL);
}

static void add_topic(struct group_coordinator *coordinator, const struct group_commit *commit,
                      int32_t index, struct group_records *records)
{
    const struct offset_commit_request *in = commit->in;
    const struct offset_commit_request_topics *topic = &in->topics.items[index];
    const struct group *group = group_find(coordinator, in->group_id);
    int64_t now_ms = clock_wall_ms(coordinator->services.loop->clock);
    struct uuid topic_id = topic_id_of(coordinator, topic->name);

    for (int32_t i = 0; i < topic->partitions.count; i++) {
        const struct offset_commit_request_topics_partitions *from = &topic->partitions.items[i];
        int16_t *error = &commit->out->topics.items[index].partitions.items[i].error_code;
        struct offset_value value = {
            .offset = from->committed_offset,
            .leader_epoch = from->committed_leader_epoch,
            .commit_ms = from->commit_timestamp >= 0 ? from->commit_timestamp : now_ms,
            .expire_ms = in->retention_time_ms >= 0 ? now_ms + in->retention_time_ms : -1,
            .metadata = from->committed_metadata,
            .topic_id = topic_id,
        };

        if (*error != KAFKA_ERROR_NONE) {
            continue;
        }
        if (group_hash_length(from->committed_metadata) >
            coordinator->services.config->offset_metadata_max_bytes) {
            *error = KAFKA_ERROR_OFFSET_METADATA_TOO_LARGE;
        } else if (!has_room(coordinator, group, topic->name, from->partition_index)) {
            *error = KAFKA_ERROR_POLICY_VIOLATION;
        } else {
            group_records_add_offset(records, in->group_id, topic->name, from->partition_index,
                                     &value);
        }
    }
}

void group_commit_start(struct group_shard *shard, struct group_commit *commit)
{
    struct group_coordinator *coordinator = shard->coordinator;
    struct group *group = group_find(coordinator, commit->in->group_id);
    struct commit_write *self;
    struct group_records records;
    enum kafka_error error = validate(group, commit);

    if (error == KAFKA_ERROR_NONE && group == NULL &&
        coordinator->groups.count >= GROUP_COORDINATOR_GROUPS_MAX) {
        error = KAFKA_ERROR_POLICY_VIOLATION;
    }
    self = arena_alloc(commit->call.arena, sizeof *self);
    if (error == KAFKA_ERROR_NONE && self == NULL) {
        error = KAFKA_ERROR_UNKNOWN_SERVER_ERROR;
    }
    if (error != KAFKA_ERROR_NONE) {
        group_commit_refuse(coordinator, commit, error);
        return;
    }
    group_records_init(&records);
    CHECK(commit->out->topics.count == commit->in->topics.count);
    for (int32_t i = 0; i < commit->in->topics.count; i++) {
        add_topic(coordinator, commit, i, &records);
    }
    if (records.count == 0) {
        group_records_release(&records);
        group_commit_refuse(coordinator, commit, KAFKA_ERROR_NONE);
        return;
    }
    *self = (struct commit_write){.write.group = group,
                                  .write.done = on_committed,
                                  .coordinator = coordinator,
                                  .commit = commit};
    group_store_write(shard, &records, &self->write);
}

/* ---- OffsetDelete ---- */

struct delete_write {
    struct group_write write; /* in the request's memory */
    struct group_coordinator *coordinator;
    struct group_offset_delete *remove;
};

void group_commit_refuse_delete(struct group_coordinator *coordinator,
                                struct group_offset_delete *remove, enum kafka_error error)
{
    if (error != KAFKA_ERROR_NONE) {
        remove->out->error_code = (int16_t)error;
        remove->out->topics.count = 0;
    }
    group_coordinator_finish(coordinator, &remove->call);
}

static void on_deleted(struct group_write *write, enum kafka_error error)
{
    struct delete_write *self = CONTAINER_OF(write, struct delete_write, write);

    group_commit_refuse_delete(self->coordinator, self->remove, error);
}

static enum kafka_error validate_delete(const struct group *group)
{
    if (group == NULL || group->state == GROUP_DEAD) {
        return KAFKA_ERROR_GROUP_ID_NOT_FOUND;
    }
    if (group->state != GROUP_EMPTY && !group_uses_consumer_protocol(group)) {
        return KAFKA_ERROR_NON_EMPTY_GROUP;
    }
    return KAFKA_ERROR_NONE;
}

static void delete_topic(const struct group *group, const struct offset_delete_request_topics *in,
                         struct offset_delete_response_topics *out, struct group_records *records)
{
    bool is_subscribed = group_protocols_subscribe(group, in->name);

    for (int32_t i = 0; i < in->partitions.count; i++) {
        int32_t partition = in->partitions.items[i].partition_index;

        if (out->partitions.items[i].error_code != KAFKA_ERROR_NONE) {
            continue;
        }
        if (is_subscribed) {
            out->partitions.items[i].error_code = KAFKA_ERROR_GROUP_SUBSCRIBED_TO_TOPIC;
        } else if (group_offsets_find(&group->offsets, in->name, partition) != NULL ||
                   group->open_writes > 0) { /* a first commit may be on its way */
            group_records_add_offset_tombstone(records, group->id, in->name, partition);
        }
    }
}

void group_commit_start_delete(struct group_shard *shard, struct group_offset_delete *remove)
{
    struct group_coordinator *coordinator = shard->coordinator;
    struct group *group = group_find(coordinator, remove->in->group_id);
    struct delete_write *self = arena_alloc(remove->call.arena, sizeof *self);
    struct group_records records;
    enum kafka_error error = validate_delete(group);

    if (error == KAFKA_ERROR_NONE && self == NULL) {
        error = KAFKA_ERROR_UNKNOWN_SERVER_ERROR;
    }
    if (error != KAFKA_ERROR_NONE) {
        group_commit_refuse_delete(coordinator, remove, error);
        return;
    }
    group_records_init(&records);
    for (int32_t i = 0; i < remove->in->topics.count; i++) {
        delete_topic(group, &remove->in->topics.items[i], &remove->out->topics.items[i], &records);
    }
    if (records.count == 0) {
        group_records_release(&records);
        group_commit_refuse_delete(coordinator, remove, KAFKA_ERROR_NONE);
        return;
    }
    *self = (struct delete_write){.write.group = group,
                                  .write.done = on_deleted,
                                  .coordinator = coordinator,
                                  .remove = remove};
    group_store_write(shard, &records, &self->write);
}
