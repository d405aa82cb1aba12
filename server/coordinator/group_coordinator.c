/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/group_coordinator.h"

#include <stdlib.h>

#include "gyre/base/arena.h"
#include "gyre/base/check.h"
#include "gyre/observe/log.h"

#include "coordinator/group.h"
#include "coordinator/group_admin.h"
#include "coordinator/group_answer.h"
#include "coordinator/group_commit.h"
#include "coordinator/group_coordinator_state.h"
#include "coordinator/group_hash.h"
#include "coordinator/group_join.h"
#include "coordinator/group_retention.h"
#include "coordinator/group_session.h"
#include "coordinator/group_shard.h"
#include "coordinator/group_sync.h"
#include "wire_messages/describe_groups.h"
#include "wire_messages/heartbeat.h"
#include "wire_messages/join_group.h"
#include "wire_messages/offset_commit.h"
#include "wire_messages/offset_delete.h"
#include "wire_messages/sync_group.h"

/* ---- partitions come and go ---- */

static bool keeps_groups(const struct group_coordinator *coordinator,
                         const struct partition *partition)
{
    const struct catalog_topic *topic =
        catalog_find_topic(coordinator->services.catalog, STRING(GROUP_COORDINATOR_TOPIC));

    return topic != NULL && uuid_equal(topic->id, partition_group(partition).topic);
}

static void make_place(struct group_coordinator *coordinator, int32_t index)
{
    size_t count = (size_t)index + 1;

    if (index < coordinator->shard_count) {
        return;
    }
    coordinator->shards = check_realloc(coordinator->shards, count * sizeof(struct group_shard *));
    for (int32_t i = coordinator->shard_count; i <= index; i++) {
        coordinator->shards[i] = NULL;
    }
    coordinator->shard_count = index + 1;
}

static void drop_shard(struct group_coordinator *coordinator, int32_t index)
{
    if (index < coordinator->shard_count && coordinator->shards[index] != NULL) {
        struct group_shard *shard = coordinator->shards[index];

        coordinator->shards[index] = NULL;
        group_shard_free(shard);
    }
}

static void on_lead(void *context, struct partition *partition, int32_t leader_epoch)
{
    struct group_coordinator *coordinator = context;
    int32_t index = partition_group(partition).partition;

    if (coordinator->is_closing || !keeps_groups(coordinator, partition)) {
        return;
    }
    log_debug(LOG_COORDINATOR, "groups are being loaded", field_i64("partition", index),
              field_i64("leader_epoch", leader_epoch));
    make_place(coordinator, index);
    drop_shard(coordinator, index); /* another term of ours */
    coordinator->shards[index] = group_shard_new(coordinator, partition);
}

static void on_follow(void *context, struct partition *partition)
{
    struct group_coordinator *coordinator = context;
    int32_t index = partition_group(partition).partition;

    /* By the pointer: the topic may be gone from the catalog already. */
    if (index < coordinator->shard_count && coordinator->shards[index] != NULL &&
        coordinator->shards[index]->partition == partition) {
        drop_shard(coordinator, index);
    }
}

static void on_topic_deleted(void *context, const struct catalog_topic *topic)
{
    struct group_coordinator *coordinator = context;

    group_retention_note_deleted(coordinator, topic->name, topic->id);
}

/* ---- calls that end ---- */

static void run_finish(struct task *task)
{
    struct group_coordinator *coordinator = CONTAINER_OF(task, struct group_coordinator, finish);

    while (!list_is_empty(&coordinator->finished)) {
        struct group_call *call = list_first(&coordinator->finished, struct group_call, link);

        list_remove(&call->link);
        call->done(call);
    }
}

void group_coordinator_finish(struct group_coordinator *coordinator, struct group_call *call)
{
    list_append(&coordinator->finished, &call->link);
    loop_defer(coordinator->services.loop, &coordinator->finish);
}

/* ---- birth and end ---- */

struct group_coordinator *group_coordinator_new(const struct group_coordinator_services *services)
{
    struct group_coordinator *coordinator = check_alloc_zero(sizeof *coordinator);

    coordinator->services = *services;
    map_init(&coordinator->groups);
    list_init(&coordinator->finished);
    task_init(&coordinator->finish, run_finish);
    group_retention_start(coordinator);
    coordinator->partition_listener =
        (struct partition_listener){.lead = on_lead, .follow = on_follow, .context = coordinator};
    partition_table_add_listener(services->partitions, &coordinator->partition_listener);
    coordinator->catalog_listener =
        (struct catalog_listener){.topic_deleted = on_topic_deleted, .context = coordinator};
    list_init(&coordinator->catalog_listener.link);
    catalog_add_listener(services->catalog, &coordinator->catalog_listener);
    return coordinator;
}

void group_coordinator_stop(struct group_coordinator *coordinator)
{
    coordinator->is_closing = true;
    for (int32_t i = 0; i < coordinator->shard_count; i++) {
        drop_shard(coordinator, i);
    }
}

void group_coordinator_free(struct group_coordinator *coordinator)
{
    if (coordinator == NULL) {
        return;
    }
    group_coordinator_stop(coordinator);
    group_retention_stop(coordinator);
    list_remove(&coordinator->catalog_listener.link); /* others of the list go after us */
    task_cancel(&coordinator->finish);
    CHECK(coordinator->groups.count == 0);
    CHECK(coordinator->offset_count == 0);
    map_release(&coordinator->groups);
    free(coordinator->shards);
    free(coordinator);
}

/* ---- which shard ---- */

int32_t group_coordinator_partition(const struct group_coordinator *coordinator,
                                    struct string group_id)
{
    const struct catalog_topic *topic =
        catalog_find_topic(coordinator->services.catalog, STRING(GROUP_COORDINATOR_TOPIC));
    int32_t count = topic != NULL ? topic->partition_count
                                  : coordinator->services.config->offsets_topic_num_partitions;

    return group_hash_partition(group_id, count);
}

/* `out_shard` where the answer is NONE. */
static enum kafka_error find_shard(const struct group_coordinator *coordinator,
                                   struct string group_id, struct group_shard **out_shard)
{
    int32_t index = group_coordinator_partition(coordinator, group_id);
    struct group_shard *shard =
        index < coordinator->shard_count ? coordinator->shards[index] : NULL;

    if (shard == NULL) {
        return KAFKA_ERROR_NOT_COORDINATOR;
    }
    if (!shard->is_active) {
        return KAFKA_ERROR_COORDINATOR_LOAD_IN_PROGRESS;
    }
    *out_shard = shard;
    return KAFKA_ERROR_NONE;
}

enum kafka_error group_coordinator_check(const struct group_coordinator *coordinator,
                                         struct string group_id)
{
    struct group_shard *shard;

    return find_shard(coordinator, group_id, &shard);
}

/* False: we have no replica of the partition that keeps the group. */
static bool find_status(const struct group_coordinator *coordinator, struct string group_id,
                        struct partition_status *out_status)
{
    const struct catalog_topic *topic =
        catalog_find_topic(coordinator->services.catalog, STRING(GROUP_COORDINATOR_TOPIC));
    const struct partition *partition = NULL;

    if (topic != NULL) {
        partition = partition_find(
            coordinator->services.partitions,
            (struct group_id){topic->id, group_coordinator_partition(coordinator, group_id)});
    }
    if (partition != NULL) {
        partition_status(partition, out_status);
    }
    return partition != NULL;
}

bool group_coordinator_is_moving(const struct group_coordinator *coordinator,
                                 struct string group_id)
{
    struct partition_status status;

    if (!find_status(coordinator, group_id, &status)) {
        return false;
    }
    if (status.leads) {
        return status.hands_over ||
               group_coordinator_check(coordinator, group_id) != KAFKA_ERROR_NONE;
    }
    return status.will_lead || status.leader < 0;
}

int32_t group_coordinator_leader(const struct group_coordinator *coordinator,
                                 struct string group_id)
{
    struct partition_status status;

    return find_status(coordinator, group_id, &status) ? status.leader : -1;
}

bool group_coordinator_is_loading(const struct group_coordinator *coordinator)
{
    for (int32_t i = 0; i < coordinator->shard_count; i++) {
        if (coordinator->shards[i] != NULL && !coordinator->shards[i]->is_active) {
            return true;
        }
    }
    return false;
}

/* ---- members ---- */

void group_coordinator_join(struct group_coordinator *coordinator, struct group_join *join)
{
    const struct broker_config *config = coordinator->services.config;
    const struct join_group_request *in = join->in;
    struct group_shard *shard = NULL;
    enum kafka_error error = KAFKA_ERROR_NONE;

    if (in->group_id.length == 0) {
        error = KAFKA_ERROR_INVALID_GROUP_ID;
    } else if (in->session_timeout_ms < config->group_min_session_timeout_ms ||
               in->session_timeout_ms > config->group_max_session_timeout_ms) {
        error = KAFKA_ERROR_INVALID_SESSION_TIMEOUT;
    } else {
        error = find_shard(coordinator, in->group_id, &shard);
    }
    if (error != KAFKA_ERROR_NONE) {
        group_answer_refuse_join(coordinator, join, error, in->member_id);
        return;
    }
    group_join_start(shard, join);
}

void group_coordinator_sync(struct group_coordinator *coordinator, struct group_sync *sync)
{
    struct group_shard *shard;
    struct group *group;
    enum kafka_error error = sync->in->group_id.length == 0
                                 ? KAFKA_ERROR_INVALID_GROUP_ID
                                 : find_shard(coordinator, sync->in->group_id, &shard);

    if (error == KAFKA_ERROR_COORDINATOR_LOAD_IN_PROGRESS) {
        error = KAFKA_ERROR_REBALANCE_IN_PROGRESS; /* clients understand this one here */
    }
    group = group_find(coordinator, sync->in->group_id);
    if (error == KAFKA_ERROR_NONE && (group == NULL || group->state == GROUP_EMPTY)) {
        error = KAFKA_ERROR_UNKNOWN_MEMBER_ID;
    }
    if (error != KAFKA_ERROR_NONE) {
        group_answer_refuse_sync(coordinator, sync, error);
        return;
    }
    group_sync_start(group, sync);
}

enum kafka_error group_coordinator_heartbeat(struct group_coordinator *coordinator,
                                             const struct heartbeat_request *in)
{
    struct group_shard *shard;
    struct group *group;
    enum kafka_error error = in->group_id.length == 0
                                 ? KAFKA_ERROR_INVALID_GROUP_ID
                                 : find_shard(coordinator, in->group_id, &shard);

    if (error == KAFKA_ERROR_COORDINATOR_LOAD_IN_PROGRESS) {
        return KAFKA_ERROR_NONE; /* the member is given the benefit of the doubt */
    }
    if (error != KAFKA_ERROR_NONE) {
        return error;
    }
    group = group_find(coordinator, in->group_id);
    return group == NULL ? KAFKA_ERROR_UNKNOWN_MEMBER_ID : group_session_heartbeat(group, in);
}

enum kafka_error group_coordinator_leave(struct group_coordinator *coordinator,
                                         struct string group_id, struct group_leaver *leavers,
                                         int32_t count)
{
    struct group_shard *shard;
    struct group *group;
    enum kafka_error error = group_id.length == 0 ? KAFKA_ERROR_INVALID_GROUP_ID
                                                  : find_shard(coordinator, group_id, &shard);

    if (error != KAFKA_ERROR_NONE) {
        return error;
    }
    group = group_find(coordinator, group_id);
    if (group != NULL) {
        return group_session_leave(group, leavers, count);
    }
    for (int32_t i = 0; i < count; i++) {
        leavers[i].error_code = KAFKA_ERROR_UNKNOWN_MEMBER_ID;
    }
    return KAFKA_ERROR_NONE;
}

/* ---- offsets ---- */

void group_coordinator_commit(struct group_coordinator *coordinator, struct group_commit *commit)
{
    struct group_shard *shard;
    enum kafka_error error = find_shard(coordinator, commit->in->group_id, &shard);

    if (error == KAFKA_ERROR_NONE) {
        group_commit_start(shard, commit);
        return;
    }
    group_commit_refuse(coordinator, commit, error);
}

void group_coordinator_delete_offsets(struct group_coordinator *coordinator,
                                      struct group_offset_delete *remove)
{
    struct group_shard *shard;
    enum kafka_error error = remove->in->group_id.length == 0
                                 ? KAFKA_ERROR_INVALID_GROUP_ID
                                 : find_shard(coordinator, remove->in->group_id, &shard);

    if (error == KAFKA_ERROR_NONE) {
        group_commit_start_delete(shard, remove);
        return;
    }
    group_commit_refuse_delete(coordinator, remove, error);
}

static const struct group *find_living(const struct group_coordinator *coordinator,
                                       struct string group_id)
{
    const struct group *group = group_find(coordinator, group_id);

    return group == NULL || group->state == GROUP_DEAD ? NULL : group;
}

/* Another topic has the name since (`topic`; NULL: none), and the offset says nothing about its
 * records. Kafka compares where topics are asked for by id; here the name comes to the same. The
 * offset stays until it is committed anew or expires. */
static bool is_outlived(const struct committed_offset *committed, const struct catalog_topic *topic)
{
    return topic != NULL && !uuid_is_zero(committed->topic_id) &&
           !uuid_equal(committed->topic_id, topic->id);
}

static struct group_offset offset_of(const struct committed_offset *committed)
{
    return (struct group_offset){
        .offset = committed->offset,
        .leader_epoch = committed->leader_epoch,
        .metadata = committed->metadata.bytes == NULL ? STRING("") : committed->metadata,
    };
}

struct group_offset group_coordinator_find_offset(const struct group_coordinator *coordinator,
                                                  struct string group_id, struct string topic,
                                                  int32_t partition)
{
    const struct group *group = find_living(coordinator, group_id);
    const struct committed_offset *committed =
        group == NULL ? NULL : group_offsets_find(&group->offsets, topic, partition);

    if (committed == NULL ||
        is_outlived(committed, catalog_find_topic(coordinator->services.catalog, topic))) {
        return (struct group_offset){.offset = -1, .leader_epoch = -1, .metadata = STRING("")};
    }
    return offset_of(committed);
}

void group_coordinator_for_each_offset(const struct group_coordinator *coordinator,
                                       struct string group_id,
                                       void (*visit)(void *context, struct string topic,
                                                     int32_t partition,
                                                     const struct group_offset *offset),
                                       void *context)
{
    const struct group *group = find_living(coordinator, group_id);

    if (group == NULL) {
        return;
    }
    list_for_each(link, &group->offsets.in_order) {
        const struct offset_topic *topic = list_entry(link, struct offset_topic, link);
        const struct catalog_topic *present =
            catalog_find_topic(coordinator->services.catalog, topic->name);

        list_for_each(inner, &topic->offsets) {
            const struct committed_offset *committed =
                list_entry(inner, struct committed_offset, link);
            struct group_offset offset = offset_of(committed);

            if (!is_outlived(committed, present)) {
                visit(context, topic->name, committed->partition, &offset);
            }
        }
    }
}

void group_coordinator_count_offsets(const struct group_coordinator *coordinator,
                                     struct string group_id, int32_t *out_topics,
                                     int32_t *out_offsets)
{
    const struct group *group = find_living(coordinator, group_id);

    *out_topics = group == NULL ? 0 : group->offsets.topic_count;
    *out_offsets = group == NULL ? 0 : group->offsets.count;
}

/* ---- administration ---- */

static void on_group_deleted(void *context, int32_t index, enum kafka_error error)
{
    struct group_delete *remove = context;

    remove->errors[index] = (int16_t)error;
    if (--remove->pending == 0) {
        group_coordinator_finish(remove->coordinator, &remove->call);
    }
}

void group_coordinator_delete_groups(struct group_coordinator *coordinator,
                                     struct group_delete *remove)
{
    remove->coordinator = coordinator;
    remove->pending = 1;
    for (int32_t i = 0; i < remove->count; i++) {
        struct group_shard *shard;
        enum kafka_error error;

        if (remove->errors[i] != KAFKA_ERROR_NONE) {
            continue;
        }
        error = find_shard(coordinator, remove->groups[i], &shard);
        if (error == KAFKA_ERROR_NONE) {
            error = group_admin_delete(group_find(coordinator, remove->groups[i]), i,
                                       on_group_deleted, remove);
        }
        remove->errors[i] = (int16_t)error;
        remove->pending += error == KAFKA_ERROR_NONE ? 1 : 0;
    }
    if (--remove->pending == 0) {
        group_coordinator_finish(coordinator, &remove->call);
    }
}

void group_coordinator_describe(const struct group_coordinator *coordinator, struct string group_id,
                                struct arena *arena, struct describe_groups_response_groups *out)
{
    struct group_shard *shard;
    enum kafka_error error = find_shard(coordinator, group_id, &shard);
    const struct group *group = find_living(coordinator, group_id);

    if (error == KAFKA_ERROR_NONE && group == NULL) {
        out->group_state = STRING("Dead");
        error = KAFKA_ERROR_GROUP_ID_NOT_FOUND;
    }
    if (error == KAFKA_ERROR_NONE && group_admin_describe(group, arena, out) != ERROR_NONE) {
        out->members.count = 0;
        error = KAFKA_ERROR_UNKNOWN_SERVER_ERROR;
    }
    out->error_code = (int16_t)error;
}

void group_coordinator_for_each_group(const struct group_coordinator *coordinator,
                                      void (*visit)(void *context,
                                                    const struct group_listing *listing),
                                      void *context)
{
    map_for_each(link, &coordinator->groups) {
        const struct group *group = CONTAINER_OF(link, struct group, by_id);
        struct group_listing listing = {
            .group_id = group->id,
            .protocol_type = group->protocol_type.bytes == NULL ? STRING("") : group->protocol_type,
            .state = string_from(group_state_name(group->state)),
            .type = STRING("classic"),
        };

        if (group->shard->is_active) {
            visit(context, &listing);
        }
    }
}
