/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "gyre/config/topic_options.h"

#include "metadata/catalog_state.h"
#include "metadata/streams.h"

static uint64_t folded_hash(struct string name)
{
    char folded[256];
    size_t length = (size_t)name.length < sizeof folded ? (size_t)name.length : sizeof folded;

    for (size_t i = 0; i < length; i++) {
        folded[i] = name.bytes[i] == '.' ? '_' : name.bytes[i];
    }
    return hash_bytes(folded, length);
}

static bool folded_equal(struct string a, struct string b)
{
    if (a.length != b.length) {
        return false;
    }
    for (int32_t i = 0; i < a.length; i++) {
        char x = a.bytes[i] == '.' ? '_' : a.bytes[i];
        char y = b.bytes[i] == '.' ? '_' : b.bytes[i];
        if (x != y) {
            return false;
        }
    }
    return true;
}

struct topic_object *topics_find(const struct catalog_state *state, struct string name)
{
    if (name.bytes == NULL) {
        return NULL;
    }
    map_for_each_match(link, &state->topics_by_name, string_hash(name)) {
        struct topic_object *topic = CONTAINER_OF(link, struct topic_object, topic.by_name);
        if (string_equal(topic->topic.name, name)) {
            return topic;
        }
    }
    return NULL;
}

struct topic_object *topics_find_id(const struct catalog_state *state, struct uuid id)
{
    map_for_each_match(link, &state->topics_by_id, hash_bytes(id.bytes, sizeof id.bytes)) {
        struct topic_object *topic = CONTAINER_OF(link, struct topic_object, topic.by_id);
        if (uuid_equal(topic->topic.id, id)) {
            return topic;
        }
    }
    return NULL;
}

struct topic_object *topics_find_folded(const struct catalog_state *state, struct string name)
{
    map_for_each_match(link, &state->topics_by_folded_name, folded_hash(name)) {
        struct topic_object *topic = CONTAINER_OF(link, struct topic_object, by_folded_name);
        if (folded_equal(topic->topic.name, name)) {
            return topic;
        }
    }
    return NULL;
}

struct topic_object *topics_new(struct string name, struct uuid id, bool is_internal)
{
    struct topic_object *topic = check_alloc_zero(sizeof *topic);

    topic->topic.name = string_keep(name);
    topic->topic.id = id;
    topic->topic.is_internal = is_internal;
    list_init(&topic->topic.settings);
    return topic;
}

void topics_free(struct topic_object *topic)
{
    if (topic != NULL) {
        string_drop(&topic->topic.name);
        settings_clear(&topic->topic.settings);
        free(topic->topic.partitions);
        free(topic);
    }
}

void topics_resize(struct topic_object *topic, int32_t partition_count)
{
    int32_t before = topic->topic.partition_count;

    CHECK(partition_count <= CATALOG_TOPIC_PARTITIONS_MAX);
    topic->topic.partitions =
        check_realloc(topic->topic.partitions, (size_t)(partition_count > 0 ? partition_count : 1) *
                                                   sizeof *topic->topic.partitions);
    if (partition_count > before) {
        memset(topic->topic.partitions + before, 0,
               (size_t)(partition_count - before) * sizeof *topic->topic.partitions);
    }
    topic->topic.partition_count = partition_count;
}

static void touch(struct catalog_state *state, struct uuid id)
{
    catalog_state_touch(state, ROW_TOPIC, id.bytes, sizeof id.bytes);
}

void topics_enter(struct catalog_state *state, struct topic_object *topic)
{
    struct catalog_topic *entered = &topic->topic;

    CHECK(topics_find(state, entered->name) == NULL);
    CHECK(topics_find_id(state, entered->id) == NULL);
    map_insert(&state->topics_by_name, &entered->by_name, string_hash(entered->name));
    map_insert(&state->topics_by_id, &entered->by_id,
               hash_bytes(entered->id.bytes, sizeof entered->id.bytes));
    map_insert(&state->topics_by_folded_name, &topic->by_folded_name, folded_hash(entered->name));
    state->partition_count += entered->partition_count;
    topics_compute_config(state, topic);
    touch(state, entered->id);
    list_for_each_safe(link, &state->listeners) {
        struct catalog_listener *listener = list_entry(link, struct catalog_listener, link);
        if (listener->topic_created != NULL) {
            listener->topic_created(listener->context, entered);
        }
    }
}

void topics_remove(struct catalog_state *state, struct topic_object *topic)
{
    struct catalog_topic *removed = &topic->topic;

    map_remove(&state->topics_by_name, &removed->by_name);
    map_remove(&state->topics_by_id, &removed->by_id);
    map_remove(&state->topics_by_folded_name, &topic->by_folded_name);
    state->partition_count -= removed->partition_count;
    touch(state, removed->id);
    list_for_each_safe(link, &state->listeners) {
        struct catalog_listener *listener = list_entry(link, struct catalog_listener, link);
        if (listener->topic_deleted != NULL) {
            listener->topic_deleted(listener->context, removed);
        }
    }
    topics_free(topic);
}

static void tell_changed(const struct catalog_state *state, const struct topic_object *topic)
{
    list_for_each_safe(link, &state->listeners) {
        struct catalog_listener *listener = list_entry(link, struct catalog_listener, link);
        if (listener->topic_changed != NULL) {
            listener->topic_changed(listener->context, &topic->topic);
        }
    }
}

void topics_changed(struct catalog_state *state, struct topic_object *topic)
{
    topics_compute_config(state, topic);
    touch(state, topic->topic.id);
    tell_changed(state, topic);
}

static struct string find_in_list(const void *context, struct string name)
{
    return settings_find(context, name);
}

static int add_owner(struct config_layer *layers, int count, const struct catalog_state *state,
                     struct string owner, enum config_source source)
{
    const struct settings_object *object = settings_find_owner(&state->broker_settings, owner);

    if (object != NULL) {
        layers[count++] = (struct config_layer){source, find_in_list, &object->settings, false};
    }
    return count;
}

/* Strongest first: the topic, its stream, this broker, all brokers, the file. */
void topics_compute_config(const struct catalog_state *state, struct topic_object *topic)
{
    const struct catalog_stream *stream = streams_find_around(state, topic->topic.name);
    struct config_layer layers[5];
    int count = 0;

    layers[count++] =
        (struct config_layer){CONFIG_SOURCE_TOPIC, find_in_list, &topic->topic.settings, true};
    if (stream != NULL) {
        layers[count++] = (struct config_layer){CONFIG_SOURCE_DYNAMIC_DEFAULT, streams_find_setting,
                                                stream, true};
    }
    count = add_owner(layers, count, state, string_from(state->node_text),
                      CONFIG_SOURCE_DYNAMIC_BROKER);
    count = add_owner(layers, count, state, STRING(""), CONFIG_SOURCE_DYNAMIC_DEFAULT);
    if (state->config != NULL) {
        layers[count++] = config_layer_of_file(state->config);
    }
    topic_config_compute(layers, count, &topic->topic.config);
}

void topics_compute_all(struct catalog_state *state)
{
    map_for_each(link, &state->topics_by_id) {
        struct topic_object *topic = CONTAINER_OF(link, struct topic_object, topic.by_id);
        struct topic_config before = topic->topic.config;
        topics_compute_config(state, topic);
        /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): at worst it is told twice. */
        if (memcmp(&before, &topic->topic.config, sizeof before) != 0) {
            tell_changed(state, topic);
        }
    }
}
