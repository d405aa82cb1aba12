/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/produce_repeated.h"

#include "gyre/base/map.h"
#include "gyre/base/uuid.h"

#include "handlers/request.h"
#include "wire_messages/produce.h"

/* So much is looked through without memory: clients name nothing twice. */
enum { QUICK_TOPICS = 8, QUICK_PARTITIONS = 1024 };

struct named_part {
    struct map_link link;
    const struct produce_request_topic_data *topic;
    struct produce_request_topic_data_partition_data *part;
};

struct named_parts {
    struct map map;
    struct named_part *parts; /* of the request's arena */
    int32_t count;
};

static int32_t count_parts(const struct produce_request *in)
{
    int32_t count = 0;

    for (int32_t i = 0; i < in->topic_data.count; i++) {
        count += in->topic_data.items[i].partition_data.count;
    }
    return count;
}

/* By name or by id: what the version does not have is alike in all. */
static bool is_same(const struct produce_request_topic_data *a,
                    const struct produce_request_topic_data *b)
{
    return a == b || (uuid_equal(a->topic_id, b->topic_id) && string_equal(a->name, b->name));
}

static bool has_each_once(const struct produce_request_topic_data_partition_data_array *parts)
{
    uint64_t seen[QUICK_PARTITIONS / 64] = {0};

    for (int32_t i = 0; i < parts->count; i++) {
        int32_t index = parts->items[i].index;
        uint64_t bit = (uint64_t)1 << (index & 63);

        if (index < 0 || index >= QUICK_PARTITIONS || (seen[index / 64] & bit) != 0) {
            return false;
        }
        seen[index / 64] |= bit;
    }
    return true;
}

/* False: perhaps not. */
static bool names_each_once(const struct produce_request *in)
{
    if (in->topic_data.count > QUICK_TOPICS) {
        return false;
    }
    for (int32_t i = 0; i < in->topic_data.count; i++) {
        const struct produce_request_topic_data *topic = &in->topic_data.items[i];

        for (int32_t j = 0; j < i; j++) {
            if (is_same(topic, &in->topic_data.items[j])) {
                return false;
            }
        }
        if (!has_each_once(&topic->partition_data)) {
            return false;
        }
    }
    return true;
}

static uint64_t hash_part(const struct produce_request_topic_data *topic, int32_t index)
{
    uint64_t hash = hash_u64((uint64_t)(uint32_t)index);

    if (topic->name.length > 0) {
        hash ^= string_hash(topic->name);
    }
    return hash ^ hash_bytes(&topic->topic_id, sizeof topic->topic_id);
}

static struct produce_request_topic_data_partition_data *find(
    const struct named_parts *named, const struct produce_request_topic_data *topic, int32_t index,
    uint64_t hash)
{
    map_for_each_match(link, &named->map, hash) {
        struct named_part *other = CONTAINER_OF(link, struct named_part, link);

        if (other->part->index == index && is_same(other->topic, topic)) {
            return other->part;
        }
    }
    return NULL;
}

/* Keeps the partitions of the topic that nobody named before; the others go to those who did. */
static void join_topic(struct named_parts *named, struct produce_request_topic_data *topic)
{
    struct produce_request_topic_data_partition_data_array *parts = &topic->partition_data;
    int32_t kept = 0;

    for (int32_t i = 0; i < parts->count; i++) {
        const struct produce_request_topic_data_partition_data part = parts->items[i];
        uint64_t hash = hash_part(topic, part.index);
        struct produce_request_topic_data_partition_data *first =
            find(named, topic, part.index, hash);

        if (first != NULL) {
            first->records = part.records;
            continue;
        }
        parts->items[kept] = part;
        named->parts[named->count] =
            (struct named_part){.topic = topic, .part = &parts->items[kept++]};
        map_insert(&named->map, &named->parts[named->count++].link, hash);
    }
    parts->count = kept;
}

bool produce_repeated_join(struct request *request, struct produce_request *in)
{
    int32_t count = count_parts(in);
    struct named_parts named = {.count = 0};
    int32_t kept = 0;

    if (names_each_once(in)) {
        return true;
    }
    named.parts = arena_alloc_array(&request->arena, (size_t)count, sizeof *named.parts);
    if (named.parts == NULL) {
        return false;
    }
    map_init(&named.map);
    for (int32_t i = 0; i < in->topic_data.count; i++) {
        struct produce_request_topic_data *topic = &in->topic_data.items[kept];
        bool was_empty = in->topic_data.items[i].partition_data.count == 0;

        *topic = in->topic_data.items[i];
        join_topic(&named, topic);
        kept += topic->partition_data.count > 0 || was_empty;
    }
    in->topic_data.count = kept;
    map_release(&named.map);
    return true;
}
