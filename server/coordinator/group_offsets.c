/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/group_offsets.h"

#include "gyre/base/check.h"

#include "coordinator/owned_string.h"

void group_offsets_init(struct group_offsets *offsets)
{
    *offsets = (struct group_offsets){0};
    map_init(&offsets->by_key);
    map_init(&offsets->topics);
    list_init(&offsets->in_order);
}

void group_offsets_release(struct group_offsets *offsets)
{
    map_for_each_safe(link, &offsets->by_key) {
        group_offsets_remove(offsets, CONTAINER_OF(link, struct committed_offset, by_key));
    }
    CHECK(offsets->count == 0);
    CHECK(offsets->topic_count == 0);
    map_release(&offsets->by_key);
    map_release(&offsets->topics);
}

static uint64_t key_hash(struct string topic, int32_t partition)
{
    return string_hash(topic) ^ hash_u64((uint64_t)(uint32_t)partition);
}

struct committed_offset *group_offsets_find(const struct group_offsets *offsets,
                                            struct string topic, int32_t partition)
{
    map_for_each_match(link, &offsets->by_key, key_hash(topic, partition)) {
        struct committed_offset *committed = CONTAINER_OF(link, struct committed_offset, by_key);

        if (committed->partition == partition && string_equal(committed->topic->name, topic)) {
            return committed;
        }
    }
    return NULL;
}

struct offset_topic *group_offsets_find_topic(const struct group_offsets *offsets,
                                              struct string topic)
{
    map_for_each_match(link, &offsets->topics, string_hash(topic)) {
        struct offset_topic *found = CONTAINER_OF(link, struct offset_topic, by_name);

        if (string_equal(found->name, topic)) {
            return found;
        }
    }
    return NULL;
}

static struct offset_topic *get_topic(struct group_offsets *offsets, struct string name)
{
    struct offset_topic *topic = group_offsets_find_topic(offsets, name);

    if (topic == NULL) {
        topic = check_alloc_zero(sizeof *topic);
        topic->name = owned_string_copy(name);
        list_init(&topic->offsets);
        list_append(&offsets->in_order, &topic->link);
        map_insert(&offsets->topics, &topic->by_name, string_hash(name));
        offsets->topic_count++;
    }
    return topic;
}

void group_offsets_put(struct group_offsets *offsets, struct string topic, int32_t partition,
                       const struct offset_value *value)
{
    struct committed_offset *committed = group_offsets_find(offsets, topic, partition);

    if (committed == NULL) {
        committed = check_alloc_zero(sizeof *committed);
        committed->topic = get_topic(offsets, topic);
        committed->partition = partition;
        committed->topic->count++;
        list_append(&committed->topic->offsets, &committed->link);
        map_insert(&offsets->by_key, &committed->by_key, key_hash(topic, partition));
        offsets->count++;
    }
    committed->offset = value->offset;
    committed->leader_epoch = value->leader_epoch;
    committed->commit_ms = value->commit_ms;
    committed->expire_ms = value->expire_ms;
    committed->topic_id = value->topic_id;
    owned_string_set(&committed->metadata, value->metadata);
}

void group_offsets_remove(struct group_offsets *offsets, struct committed_offset *committed)
{
    struct offset_topic *topic = committed->topic;

    map_remove(&offsets->by_key, &committed->by_key);
    list_remove(&committed->link);
    owned_string_release(&committed->metadata);
    free(committed);
    offsets->count--;
    topic->count--;
    if (topic->count == 0) {
        map_remove(&offsets->topics, &topic->by_name);
        list_remove(&topic->link);
        owned_string_release(&topic->name);
        free(topic);
        offsets->topic_count--;
    }
}
