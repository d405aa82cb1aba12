/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/access/stream_name.h"

#include "metadata/catalog_apply.h"
#include "metadata/catalog_commands.h"
#include "metadata/catalog_state.h"
#include "metadata/streams.h"
#include "metadata/topic_name.h"

static bool replicas_are_sound(const struct catalog_state *state, const struct int32_array *nodes)
{
    if (nodes->count < 1 || nodes->count > CATALOG_REPLICAS_MAX) {
        return false;
    }
    for (int32_t i = 0; i < nodes->count; i++) {
        if (brokers_find(state, nodes->items[i]) == NULL) {
            return false;
        }
        for (int32_t j = 0; j < i; j++) {
            if (nodes->items[j] == nodes->items[i]) {
                return false;
            }
        }
    }
    return true;
}

static void set_nodes(int32_t *out_nodes, int *out_count, const struct int32_array *nodes)
{
    CHECK(nodes->count <= CATALOG_REPLICAS_MAX);
    for (int32_t i = 0; i < nodes->count; i++) {
        out_nodes[i] = nodes->items[i];
    }
    *out_count = nodes->count;
}

static void refuse_replicas(struct catalog_result *result, int32_t partition)
{
    catalog_refuse(result, KAFKA_ERROR_INVALID_REPLICA_ASSIGNMENT,
                   "The replicas of partition %d are not distinct registered brokers, at most %d.",
                   partition, CATALOG_REPLICAS_MAX);
}

static bool name_is_free(const struct catalog_state *state, struct string name,
                         struct catalog_result *result)
{
    if (topics_find(state, name) != NULL) {
        catalog_refuse(result, KAFKA_ERROR_TOPIC_ALREADY_EXISTS, "Topic '%.*s' already exists.",
                       STRING_ARGUMENTS(name));
        return false;
    }
    const struct topic_object *colliding = topics_find_folded(state, name);
    if (colliding != NULL) {
        catalog_refuse(result, KAFKA_ERROR_INVALID_TOPIC_EXCEPTION,
                       "Topic '%.*s' collides with existing topic: %.*s", STRING_ARGUMENTS(name),
                       STRING_ARGUMENTS(colliding->topic.name));
        return false;
    }
    return true;
}

static bool lies_where_it_may(const struct catalog_state *state, struct string name,
                              struct catalog_result *result)
{
    struct stream_name_text legal;

    if (!string_equal(stream_name_legal(name, &legal), name)) {
        catalog_refuse(result, KAFKA_ERROR_INVALID_TOPIC_EXCEPTION,
                       "The catalog keeps topics by their legal names.");
        return false;
    }
    if (!streams_admit(state, name)) {
        catalog_refuse(result, KAFKA_ERROR_INVALID_TOPIC_EXCEPTION,
                       "There is no stream for the topic '%.*s'.", STRING_ARGUMENTS(name));
        return false;
    }
    return true;
}

static bool topic_is_sound(const struct catalog_state *state, const struct catalog_create_topic *in,
                           struct catalog_result *result)
{
    if (!topic_name_is_valid(in->name, result->message, sizeof result->message)) {
        result->error = KAFKA_ERROR_INVALID_TOPIC_EXCEPTION;
        return false;
    }
    if (!lies_where_it_may(state, in->name, result) || !name_is_free(state, in->name, result)) {
        return false;
    }
    if (uuid_is_zero(in->topic_id) || topics_find_id(state, in->topic_id) != NULL) {
        catalog_refuse(result, KAFKA_ERROR_INVALID_REQUEST, "A topic has an id that no other has.");
        return false;
    }
    if (in->partitions.count < 1 || in->partitions.count > CATALOG_TOPIC_PARTITIONS_MAX) {
        catalog_refuse(result, KAFKA_ERROR_INVALID_PARTITIONS,
                       "A topic has from 1 to %d partitions.", CATALOG_TOPIC_PARTITIONS_MAX);
        return false;
    }
    for (int32_t i = 0; i < in->partitions.count; i++) {
        if (!replicas_are_sound(state, &in->partitions.items[i].replicas)) {
            refuse_replicas(result, i);
            return false;
        }
    }
    return true;
}

void catalog_apply_create_topic(struct catalog_state *state, const void *message,
                                struct catalog_result *result)
{
    const struct catalog_create_topic *in = message;
    const struct topic_object *same = topics_find_id(state, in->topic_id);

    if (same != NULL && string_equal(same->topic.name, in->name)) {
        return; /* submitted twice, because the first answer was lost */
    }
    if (!topic_is_sound(state, in, result)) {
        return;
    }
    struct topic_object *topic = topics_new(in->name, in->topic_id, in->is_internal);
    topics_resize(topic, in->partitions.count);
    for (int32_t i = 0; i < in->partitions.count; i++) {
        struct catalog_partition *partition = &topic->topic.partitions[i];
        set_nodes(partition->replicas, &partition->replica_count,
                  &in->partitions.items[i].replicas);
    }
    for (int32_t i = 0; i < in->settings.count; i++) {
        settings_put(&topic->topic.settings, in->settings.items[i].name,
                     in->settings.items[i].value);
    }
    topic->topic.created_index = state->applied_index;
    topics_enter(state, topic);
}

static struct topic_object *find_topic(const struct catalog_state *state, struct uuid id,
                                       struct catalog_result *result)
{
    struct topic_object *topic = topics_find_id(state, id);

    if (topic == NULL) {
        catalog_refuse(result, KAFKA_ERROR_UNKNOWN_TOPIC_ID,
                       "This server does not host this topic ID.");
    }
    return topic;
}

void catalog_apply_delete_topic(struct catalog_state *state, const void *message,
                                struct catalog_result *result)
{
    const struct catalog_delete_topic *in = message;
    struct topic_object *topic = find_topic(state, in->topic_id, result);

    if (topic != NULL) {
        topics_remove(state, topic);
    }
}

static bool were_added_before(const struct catalog_topic *topic,
                              const struct catalog_add_partitions *in)
{
    if (in->first_partition < 0 || in->partitions.count < 1 ||
        topic->partition_count != in->first_partition + in->partitions.count) {
        return false;
    }
    for (int32_t i = 0; i < in->partitions.count; i++) {
        const struct catalog_partition *partition = &topic->partitions[in->first_partition + i];
        const struct int32_array *nodes = &in->partitions.items[i].replicas;
        if (partition->replica_count != nodes->count ||
            memcmp(partition->replicas, nodes->items,
                   (size_t)nodes->count * sizeof nodes->items[0]) != 0) {
            return false;
        }
    }
    return true;
}

static bool partitions_are_sound(const struct catalog_state *state,
                                 const struct catalog_topic *topic,
                                 const struct catalog_add_partitions *in,
                                 struct catalog_result *result)
{
    if (in->first_partition != topic->partition_count) {
        catalog_refuse(result, KAFKA_ERROR_INVALID_PARTITIONS,
                       "The topic currently has %d partition(s), which is not what the request "
                       "was made for.",
                       topic->partition_count);
        return false;
    }
    if (in->partitions.count < 1 ||
        in->partitions.count > CATALOG_TOPIC_PARTITIONS_MAX - topic->partition_count) {
        catalog_refuse(result, KAFKA_ERROR_INVALID_PARTITIONS, "A topic has at most %d partitions.",
                       CATALOG_TOPIC_PARTITIONS_MAX);
        return false;
    }
    for (int32_t i = 0; i < in->partitions.count; i++) {
        if (!replicas_are_sound(state, &in->partitions.items[i].replicas)) {
            refuse_replicas(result, topic->partition_count + i);
            return false;
        }
    }
    return true;
}

void catalog_apply_add_partitions(struct catalog_state *state, const void *message,
                                  struct catalog_result *result)
{
    const struct catalog_add_partitions *in = message;
    struct topic_object *topic = find_topic(state, in->topic_id, result);

    if (topic == NULL || were_added_before(&topic->topic, in) ||
        !partitions_are_sound(state, &topic->topic, in, result)) {
        return;
    }
    topics_resize(topic, in->first_partition + in->partitions.count);
    for (int32_t i = 0; i < in->partitions.count; i++) {
        struct catalog_partition *partition = &topic->topic.partitions[in->first_partition + i];
        set_nodes(partition->replicas, &partition->replica_count,
                  &in->partitions.items[i].replicas);
    }
    state->partition_count += in->partitions.count;
    topics_changed(state, topic);
}

static bool partition_exists(const struct catalog_topic *topic, int32_t partition,
                             struct catalog_result *result)
{
    if (partition < 0 || partition >= topic->partition_count) {
        catalog_refuse(result, KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION,
                       "The topic has no partition %d.", partition);
        return false;
    }
    return true;
}

/* Whom a reassignment was to bring and brings no more; the leader lets go of him. False: they are
 * too many. */
static bool note_leaving(struct catalog_partition *partition, const int32_t *nodes, int count)
{
    for (int i = 0; i < count; i++) {
        if (catalog_partition_names(partition, nodes[i])) {
            continue;
        }
        if (partition->leaving_count == CATALOG_REPLICAS_MAX) {
            return false;
        }
        partition->leaving[partition->leaving_count++] = nodes[i];
    }
    return true;
}

/* A reassignment that is called off goes back to where the replicas were. */
static bool retarget(const struct catalog_partition *from, const struct int32_array *targets,
                     struct catalog_partition *out_partition)
{
    *out_partition = *from;
    set_nodes(out_partition->targets, &out_partition->target_count, targets);
    if (targets->count == 0 && from->target_count > 0) {
        memcpy(out_partition->targets, from->replicas, sizeof from->replicas);
        out_partition->target_count = from->replica_count;
    }
    out_partition->leaving_count = 0;
    return note_leaving(out_partition, from->leaving, from->leaving_count) &&
           note_leaving(out_partition, from->targets, from->target_count);
}

static bool targets_are_sound(const struct catalog_state *state, const struct catalog_topic *topic,
                              const struct catalog_set_targets *in, struct catalog_result *result)
{
    for (int32_t i = 0; i < in->partitions.count; i++) {
        const struct catalog_set_targets_partitions *change = &in->partitions.items[i];
        struct catalog_partition retargeted;
        if (!partition_exists(topic, change->partition, result)) {
            return false;
        }
        if (change->targets.count > 0 && !replicas_are_sound(state, &change->targets)) {
            refuse_replicas(result, change->partition);
            return false;
        }
        if (!retarget(&topic->partitions[change->partition], &change->targets, &retargeted)) {
            catalog_refuse(result, KAFKA_ERROR_REASSIGNMENT_IN_PROGRESS,
                           "Too many earlier reassignments of partition %d are under way.",
                           change->partition);
            return false;
        }
    }
    return true;
}

void catalog_apply_set_targets(struct catalog_state *state, const void *message,
                               struct catalog_result *result)
{
    const struct catalog_set_targets *in = message;
    struct topic_object *topic = find_topic(state, in->topic_id, result);

    if (topic == NULL || !targets_are_sound(state, &topic->topic, in, result)) {
        return;
    }
    for (int32_t i = 0; i < in->partitions.count; i++) {
        const struct catalog_set_targets_partitions *change = &in->partitions.items[i];
        struct catalog_partition *partition = &topic->topic.partitions[change->partition];
        struct catalog_partition before = *partition;
        CHECK(retarget(&before, &change->targets, partition));
    }
    topics_changed(state, topic);
}

static bool are_nodes(const int32_t *nodes, int count, const struct int32_array *array)
{
    return count == array->count &&
           memcmp(nodes, array->items, (size_t)count * sizeof nodes[0]) == 0;
}

/* A leader says that its group is where it was to go. One that was overtaken by another
 * reassignment speaks of what is no more. */
static bool reached_are_sound(const struct catalog_topic *topic,
                              const struct catalog_set_replicas *in, struct catalog_result *result)
{
    for (int32_t i = 0; i < in->partitions.count; i++) {
        const struct catalog_set_replicas_partitions *change = &in->partitions.items[i];
        const struct catalog_partition *partition;
        if (!partition_exists(topic, change->partition, result)) {
            return false;
        }
        partition = &topic->partitions[change->partition];
        if (!are_nodes(partition->targets, partition->target_count, &change->replicas) &&
            !(partition->target_count == 0 &&
              are_nodes(partition->replicas, partition->replica_count, &change->replicas))) {
            catalog_refuse(result, KAFKA_ERROR_NO_REASSIGNMENT_IN_PROGRESS,
                           "Partition %d is not to move there.", change->partition);
            return false;
        }
    }
    return true;
}

void catalog_apply_set_replicas(struct catalog_state *state, const void *message,
                                struct catalog_result *result)
{
    const struct catalog_set_replicas *in = message;
    struct topic_object *topic = find_topic(state, in->topic_id, result);

    if (topic == NULL || !reached_are_sound(&topic->topic, in, result)) {
        return;
    }
    for (int32_t i = 0; i < in->partitions.count; i++) {
        const struct catalog_set_replicas_partitions *change = &in->partitions.items[i];
        struct catalog_partition *partition = &topic->topic.partitions[change->partition];
        if (!are_nodes(partition->replicas, partition->replica_count, &change->replicas)) {
            partition->has_moved = true;
        }
        set_nodes(partition->replicas, &partition->replica_count, &change->replicas);
        partition->target_count = 0;
        partition->leaving_count = 0;
    }
    topics_changed(state, topic);
}
