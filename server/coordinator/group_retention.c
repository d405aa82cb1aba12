/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/group_retention.h"

#include <stdlib.h>

#include "gyre/base/check.h"
#include "gyre/observe/log.h"

#include "coordinator/group.h"
#include "coordinator/group_coordinator_state.h"
#include "coordinator/group_protocols.h"
#include "coordinator/group_records.h"
#include "coordinator/group_store.h"
#include "coordinator/owned_string.h"

static const uint64_t US_PER_MS = 1000;
enum { MS_PER_MINUTE = 60 * 1000, RECORDS_A_WRITE = 1000 };

struct deleted_topic {
    struct list link;
    struct string name; /* owned */
    struct uuid id;
};

/* When the time of an offset begins to run out: -1 not at all. Kafka's rule: from the last commit
 * in simple groups and in stable groups that do not read the topic, else from when the group
 * became empty. */
static int64_t retention_begins_ms(const struct group *group,
                                   const struct committed_offset *committed)
{
    if (group->protocol_type.bytes == NULL) {
        return committed->commit_ms;
    }
    if (group->state == GROUP_EMPTY) {
        return group->state_since_ms >= 0 ? group->state_since_ms : committed->commit_ms;
    }
    if (group->state == GROUP_STABLE && group_uses_consumer_protocol(group)) {
        return committed->commit_ms;
    }
    return -1;
}

static bool is_expired(const struct group *group, const struct committed_offset *committed,
                       int64_t now_ms)
{
    int64_t retention_ms =
        (int64_t)group->coordinator->services.config->offsets_retention_minutes * MS_PER_MINUTE;
    int64_t begins_ms = retention_begins_ms(group, committed);

    if (begins_ms < 0) {
        return false;
    }
    if (committed->expire_ms >= 0) {
        return now_ms >= committed->expire_ms;
    }
    return now_ms - begins_ms >= retention_ms;
}

static void write_if(struct group *group, struct group_records *records, int32_t count_min)
{
    if (records->count >= count_min) {
        group_store_write(group->shard, records, NULL);
    }
}

static bool add_expired(const struct group *group, const struct offset_topic *topic, int64_t now_ms,
                        struct group_records *records)
{
    bool all_expired = true;

    list_for_each(link, &topic->offsets) {
        const struct committed_offset *committed = list_entry(link, struct committed_offset, link);

        if (is_expired(group, committed, now_ms) &&
            !group_protocols_subscribe(group, topic->name)) {
            group_records_add_offset_tombstone(records, group->id, topic->name,
                                               committed->partition);
        } else {
            all_expired = false;
        }
    }
    return all_expired;
}

static void expire_group(struct group *group, int64_t now_ms)
{
    struct group_records records;
    bool all_expired = true;

    if (group->open_writes > 0) {
        /* A commit of what has expired may be on its way: a tombstone behind it would undo it. */
        return;
    }
    group_records_init(&records);
    list_for_each(link, &group->offsets.in_order) {
        if (!add_expired(group, list_entry(link, struct offset_topic, link), now_ms, &records)) {
            all_expired = false;
        }
        write_if(group, &records, RECORDS_A_WRITE);
    }
    if (all_expired && group->state == GROUP_EMPTY && group->pending.count == 0) {
        group_records_add_group_tombstone(&records, group->id);
    }
    write_if(group, &records, 1);
    group_records_release(&records);
}

static void expire_all(struct group_coordinator *coordinator)
{
    int64_t now_ms = clock_wall_ms(coordinator->services.loop->clock);

    for (int32_t i = 0; i < coordinator->shard_count; i++) {
        struct group_shard *shard = coordinator->shards[i];

        if (shard == NULL || !shard->is_active) {
            continue;
        }
        list_for_each(link, &shard->groups) {
            expire_group(list_entry(link, struct group, of_shard), now_ms);
        }
    }
}

static void start_timer(struct group_coordinator *coordinator)
{
    int64_t interval_ms = coordinator->services.config->offsets_retention_check_interval_ms;
    int64_t longest_ms = INT64_MAX / 2000;

    timer_start(coordinator->services.loop, &coordinator->retention,
                (uint64_t)(interval_ms < longest_ms ? interval_ms : longest_ms) * US_PER_MS);
}

static void on_retention(struct timer *timer)
{
    struct group_coordinator *coordinator =
        CONTAINER_OF(timer, struct group_coordinator, retention);

    expire_all(coordinator);
    start_timer(coordinator);
}

/* ---- deleted topics ---- */

static void forget_in_group(struct group *group, const struct deleted_topic *deleted)
{
    const struct offset_topic *topic = group_offsets_find_topic(&group->offsets, deleted->name);
    struct group_records records;

    if (topic == NULL) {
        return;
    }
    group_records_init(&records);
    list_for_each(link, &topic->offsets) {
        const struct committed_offset *committed = list_entry(link, struct committed_offset, link);

        /* Another id: a topic of the same name was made since. */
        if (uuid_is_zero(committed->topic_id) || uuid_equal(committed->topic_id, deleted->id)) {
            group_records_add_offset_tombstone(&records, group->id, topic->name,
                                               committed->partition);
        }
        write_if(group, &records, RECORDS_A_WRITE);
    }
    write_if(group, &records, 1);
    group_records_release(&records);
}

static void forget_topic(struct group_coordinator *coordinator, const struct deleted_topic *deleted)
{
    map_for_each(link, &coordinator->groups) {
        struct group *group = CONTAINER_OF(link, struct group, by_id);

        if (group->shard->is_active) {
            forget_in_group(group, deleted);
        }
    }
}

static void free_deleted(struct deleted_topic *deleted)
{
    list_remove(&deleted->link);
    owned_string_release(&deleted->name);
    free(deleted);
}

static void run_forget(struct task *task)
{
    struct group_coordinator *coordinator =
        CONTAINER_OF(task, struct group_coordinator, forget_topics);

    while (!list_is_empty(&coordinator->deleted_topics)) {
        struct deleted_topic *deleted =
            list_first(&coordinator->deleted_topics, struct deleted_topic, link);

        forget_topic(coordinator, deleted);
        free_deleted(deleted);
    }
}

void group_retention_note_deleted(struct group_coordinator *coordinator, struct string topic,
                                  struct uuid topic_id)
{
    struct deleted_topic *deleted = check_alloc_zero(sizeof *deleted);

    deleted->name = owned_string_copy(topic);
    deleted->id = topic_id;
    list_append(&coordinator->deleted_topics, &deleted->link);
    loop_defer(coordinator->services.loop, &coordinator->forget_topics);
}

void group_retention_start(struct group_coordinator *coordinator)
{
    list_init(&coordinator->deleted_topics);
    task_init(&coordinator->forget_topics, run_forget);
    timer_init(&coordinator->retention, on_retention);
    start_timer(coordinator);
}

void group_retention_stop(struct group_coordinator *coordinator)
{
    timer_stop(coordinator->services.loop, &coordinator->retention);
    task_cancel(&coordinator->forget_topics);
    while (!list_is_empty(&coordinator->deleted_topics)) {
        free_deleted(list_first(&coordinator->deleted_topics, struct deleted_topic, link));
    }
}
