/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/access/stream_name.h"

#include "metadata/catalog_internal.h"

const struct catalog_topic *catalog_find_topic(const struct catalog *catalog, struct string name)
{
    struct stream_name_text legal;
    const struct topic_object *topic =
        topics_find(&catalog->state, stream_name_legal(name, &legal));

    return topic == NULL ? NULL : &topic->topic;
}

const struct catalog_topic *catalog_find_topic_by_id(const struct catalog *catalog, struct uuid id)
{
    const struct topic_object *topic = topics_find_id(&catalog->state, id);

    return topic == NULL ? NULL : &topic->topic;
}

const struct catalog_broker *catalog_find_broker(const struct catalog *catalog, int32_t node_id)
{
    return brokers_find(&catalog->state, node_id);
}

void catalog_for_each_topic(const struct catalog *catalog,
                            void (*visit)(void *context, const struct catalog_topic *topic),
                            void *context)
{
    map_for_each_safe(link, &catalog->state.topics_by_id) {
        visit(context, CONTAINER_OF(link, struct catalog_topic, by_id));
    }
}

void catalog_for_each_broker(const struct catalog *catalog,
                             void (*visit)(void *context, const struct catalog_broker *broker),
                             void *context)
{
    map_for_each_safe(link, &catalog->state.brokers) {
        visit(context, CONTAINER_OF(link, struct catalog_broker, by_id));
    }
}

int catalog_broker_count(const struct catalog *catalog)
{
    return (int)catalog->state.brokers.count;
}

int32_t catalog_topic_count(const struct catalog *catalog)
{
    return (int32_t)catalog->state.topics_by_id.count;
}

int64_t catalog_partition_count(const struct catalog *catalog)
{
    return catalog->state.partition_count;
}

static const struct list *settings_of(const struct map *map, struct string owner)
{
    static const struct list nothing = {.next = (struct list *)(uintptr_t)&nothing,
                                        .previous = (struct list *)(uintptr_t)&nothing};
    const struct settings_object *object = settings_find_owner(map, owner);

    return object == NULL ? &nothing : &object->settings;
}

const struct list *catalog_broker_settings(const struct catalog *catalog, struct string broker)
{
    return settings_of(&catalog->state.broker_settings, broker);
}

struct string catalog_effective_setting(const struct catalog *catalog, struct string name)
{
    const struct map *settings = &catalog->state.broker_settings;
    struct string us = string_from(catalog->state.node_text);
    struct string own = settings_find(settings_of(settings, us), name);

    return own.bytes != NULL ? own : settings_find(settings_of(settings, STRING("")), name);
}

const struct list *catalog_group_settings(const struct catalog *catalog, struct string group)
{
    return settings_of(&catalog->state.group_settings, group);
}

struct string catalog_find_setting(const struct list *settings, struct string name)
{
    return settings_find(settings, name);
}

void catalog_for_each_group_settings(const struct catalog *catalog,
                                     void (*visit)(void *context, struct string group,
                                                   const struct list *settings),
                                     void *context)
{
    map_for_each_safe(link, &catalog->state.group_settings) {
        const struct settings_object *object = CONTAINER_OF(link, struct settings_object, by_owner);
        visit(context, object->owner, &object->settings);
    }
}

struct string catalog_find_colliding_topic(const struct catalog *catalog, struct string name)
{
    const struct topic_object *topic = topics_find_folded(&catalog->state, name);

    if (topic == NULL || string_equal(topic->topic.name, name)) {
        return STRING_NULL;
    }
    return topic->topic.name;
}

struct uuid catalog_cluster_id(const struct catalog *catalog)
{
    return catalog->state.cluster_id;
}

struct string catalog_region(const struct catalog *catalog)
{
    return catalog->state.region;
}

int32_t catalog_region_index(const struct catalog *catalog)
{
    return catalog->state.region_index;
}

uint64_t catalog_applied_index(const struct catalog *catalog)
{
    return catalog->state.applied_index;
}

bool catalog_leads(const struct catalog *catalog)
{
    return catalog->leads;
}

int32_t catalog_leader(const struct catalog *catalog)
{
    return catalog->leader;
}

/* Whoever counted as heard had spoken a while before: a limit that is kept has to include that. */
bool catalog_is_stale(const struct catalog *catalog, uint64_t limit_us)
{
    uint64_t late_us = limit_us / CATALOG_HEARD_LATE_SHARE;

    late_us = late_us < CATALOG_HEARD_LATE_US ? late_us : CATALOG_HEARD_LATE_US;
    return !catalog->was_heard ||
           loop_now_us(catalog->services.loop) - catalog->heard_us >= limit_us - late_us;
}
