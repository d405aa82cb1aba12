/* SPDX-License-Identifier: Apache-2.0 */
#include "client/metadata_cache.h"

#include <stdlib.h>

#include "gyre/base/check.h"
#include "gyre/client/client.h"

#include "wire_messages/metadata.h"

struct cached_topic {
    struct map_link by_name;
    int32_t partition_count;
    int32_t name_length;
    int32_t *leaders; /* owned; by partition, -1: none */
    char name[];
};

void metadata_cache_init(struct metadata_cache *cache)
{
    *cache = (struct metadata_cache){.nodes = NULL};
    map_init(&cache->topics);
}

static void free_topic(struct metadata_cache *cache, struct cached_topic *topic)
{
    map_remove(&cache->topics, &topic->by_name);
    free(topic->leaders);
    free(topic);
}

void metadata_cache_release(struct metadata_cache *cache)
{
    map_for_each_safe(link, &cache->topics) {
        free_topic(cache, CONTAINER_OF(link, struct cached_topic, by_name));
    }
    map_release(&cache->topics);
    free(cache->nodes);
    *cache = (struct metadata_cache){.nodes = NULL};
}

/* ---- learning ---- */

static void learn_nodes(struct metadata_cache *cache, const struct metadata_response *response)
{
    int32_t count = 0;

    free(cache->nodes);
    cache->nodes = check_alloc_zero(((size_t)response->brokers.count + 1) * sizeof *cache->nodes);
    for (int32_t i = 0; i < response->brokers.count; i++) {
        const struct metadata_response_brokers *broker = &response->brokers.items[i];
        struct client_node *node = &cache->nodes[count];

        if (broker->host.length > 0 && (size_t)broker->host.length < sizeof node->host) {
            node->id = broker->node_id;
            node->port = broker->port;
            memcpy(node->host, broker->host.bytes, (size_t)broker->host.length);
            count++;
        }
    }
    cache->node_count = count;
}

static struct cached_topic *find_topic(const struct metadata_cache *cache, struct string name)
{
    map_for_each_match(link, &cache->topics, string_hash(name)) {
        struct cached_topic *topic = CONTAINER_OF(link, struct cached_topic, by_name);
        struct string other = {topic->name, topic->name_length};

        if (string_equal(other, name)) {
            return topic;
        }
    }
    return NULL;
}

/* Partitions come in any order; a number beyond their count is the other side's mistake. */
static void learn_topic(struct metadata_cache *cache, const struct metadata_response_topics *told)
{
    struct cached_topic *topic = find_topic(cache, told->name);
    size_t count = (size_t)(told->partitions.count < 0 ? 0 : told->partitions.count);

    if (topic != NULL) {
        free_topic(cache, topic);
    }
    if (told->error_code != 0 || told->name.bytes == NULL) {
        return;
    }
    topic = check_alloc_zero(sizeof *topic + (size_t)told->name.length);
    topic->name_length = told->name.length;
    memcpy(topic->name, told->name.bytes, (size_t)told->name.length);
    topic->partition_count = (int32_t)count;
    topic->leaders = check_alloc((count + 1) * sizeof *topic->leaders);
    for (size_t i = 0; i < count; i++) {
        topic->leaders[i] = -1;
    }
    for (size_t i = 0; i < count; i++) {
        const struct metadata_response_topics_partitions *partition = &told->partitions.items[i];

        if (partition->partition_index >= 0 && (size_t)partition->partition_index < count) {
            topic->leaders[partition->partition_index] = partition->leader_id;
        }
    }
    map_insert(&cache->topics, &topic->by_name, string_hash(told->name));
}

void metadata_cache_learn(struct metadata_cache *cache, const struct metadata_response *response)
{
    if (response->brokers.count > 0) {
        learn_nodes(cache, response);
    }
    for (int32_t i = 0; i < response->topics.count; i++) {
        learn_topic(cache, &response->topics.items[i]);
    }
}

/* ---- asking ---- */

const struct client_node *metadata_cache_find_node(const struct metadata_cache *cache, int32_t id)
{
    for (int32_t i = 0; i < cache->node_count; i++) {
        if (cache->nodes[i].id == id) {
            return &cache->nodes[i];
        }
    }
    return NULL;
}

int32_t metadata_cache_find_leader(const struct metadata_cache *cache, struct string topic,
                                   int32_t partition)
{
    const struct cached_topic *found = find_topic(cache, topic);

    if (found == NULL || partition < 0 || partition >= found->partition_count) {
        return -1;
    }
    return found->leaders[partition];
}

int32_t metadata_cache_find_count(const struct metadata_cache *cache, struct string topic)
{
    const struct cached_topic *found = find_topic(cache, topic);

    return found == NULL ? -1 : found->partition_count;
}
