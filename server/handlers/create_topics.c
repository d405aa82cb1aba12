/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CreateTopics (19). Each topic of the request has an answer of its own: those that are sound are
 * placed together, so that they spread evenly, and created by one command each.
 *
 *     CHECK each ──► PLACE those without assignment ──► submit ──(all answered)──► WAIT
 *                                                       (leaders known, or a second) ──► REPLY
 */
#include "wire_messages/create_topics.h"

#include "gyre/base/map.h"
#include "gyre/config/config.h"

#include "cluster/cluster.h"
#include "handlers/access.h"
#include "handlers/admin_handlers.h"
#include "handlers/broker.h"
#include "handlers/catalog_changes.h"
#include "handlers/config_view.h"
#include "handlers/leader_wait.h"
#include "handlers/quotas.h"
#include "handlers/request.h"
#include "handlers/stream_topics.h"
#include "handlers/topic_plan.h"
#include "metadata/catalog_commands.h"
#include "metadata/topic_name.h"

enum { VERSION_DESCRIBED = 5, VERSION_STRICT_QUOTA = 6 }; /* the answer holds counts and settings */

/* One distinct name of the request. */
struct wanted_topic {
    struct map_link by_name;
    const struct create_topics_request_topics *in;
    struct create_topics_response_topics *out;
    struct string name; /* the legal spelling */
    bool is_twice;
    int32_t partition_count;
    int replication_factor;
    struct catalog_partition *partitions;
    struct uuid id;
};

struct topic_creations {
    struct request *request; /* we live in its arena */
    struct create_topics_request in;
    struct create_topics_response out;
    struct wanted_topic *topics;
    int32_t count;
    struct catalog_changes changes;
    struct leader_wait wait;
};

static bool refuse(struct wanted_topic *topic, enum kafka_error error, struct string message)
{
    topic->out->error_code = (int16_t)error;
    topic->out->error_message = message;
    return false;
}

static bool is_refused(const struct wanted_topic *topic)
{
    return topic->out->error_code != KAFKA_ERROR_NONE;
}

/* ---- checking ---- */

static bool check_name(struct topic_creations *self, struct wanted_topic *topic)
{
    struct request *request = self->request;
    struct string name = topic->in->name;
    char reason[CATALOG_REASON_BYTES];

    if (topic->is_twice) {
        return refuse(topic, KAFKA_ERROR_INVALID_REQUEST, STRING("Duplicate topic name."));
    }
    if (!access_allows_topic_or_cluster(request, ACCESS_CREATE, name)) {
        return refuse(topic, KAFKA_ERROR_TOPIC_AUTHORIZATION_FAILED,
                      STRING("Authorization failed."));
    }
    if (!topic_name_is_valid(name, reason, sizeof reason)) {
        return refuse(topic, KAFKA_ERROR_INVALID_TOPIC_EXCEPTION,
                      catalog_changes_text(request, "%s", reason));
    }
    if (catalog_find_topic(request->broker->catalog, name) != NULL) {
        return refuse(
            topic, KAFKA_ERROR_TOPIC_ALREADY_EXISTS,
            catalog_changes_text(request, "Topic '%.*s' already exists.", STRING_ARGUMENTS(name)));
    }
    struct string fault = stream_topics_fault(request, name);
    if (fault.bytes != NULL) {
        return refuse(topic, KAFKA_ERROR_INVALID_TOPIC_EXCEPTION, fault);
    }
    struct string other = catalog_find_colliding_topic(request->broker->catalog, topic->name);
    if (other.bytes != NULL) {
        return refuse(topic, KAFKA_ERROR_INVALID_TOPIC_EXCEPTION,
                      catalog_changes_text(request,
                                           "Topic '%.*s' collides with existing topic: %.*s",
                                           STRING_ARGUMENTS(name), STRING_ARGUMENTS(other)));
    }
    return true;
}

static struct string find_setting(const void *context, struct string name)
{
    const struct wanted_topic *topic = context;

    for (int32_t i = topic->in->configs.count - 1; i >= 0; i--) {
        if (string_equal(topic->in->configs.items[i].name, name)) {
            return topic->in->configs.items[i].value;
        }
    }
    return STRING_NULL;
}

static bool check_settings(struct topic_creations *self, struct wanted_topic *topic)
{
    char reason[CATALOG_REASON_BYTES];

    for (int32_t i = 0; i < topic->in->configs.count; i++) {
        const struct create_topics_request_topics_configs *config = &topic->in->configs.items[i];
        if (config->value.bytes == NULL) {
            return refuse(topic, KAFKA_ERROR_INVALID_CONFIG,
                          catalog_changes_text(self->request,
                                               "Null value not supported for topic configs: %.*s",
                                               STRING_ARGUMENTS(config->name)));
        }
        if (config_view_check_topic(config->name, config->value, reason, sizeof reason) !=
            ERROR_NONE) {
            return refuse(topic, KAFKA_ERROR_INVALID_CONFIG,
                          catalog_changes_text(self->request, "%s", reason));
        }
    }
    if (config_view_check_topic_as_a_whole(self->request->broker, topic->name, find_setting, topic,
                                           reason, sizeof reason) != ERROR_NONE) {
        return refuse(topic, KAFKA_ERROR_INVALID_CONFIG,
                      catalog_changes_text(self->request, "%s", reason));
    }
    return true;
}

/* Partitions by index, each once, without a gap. */
static bool take_assignments(struct topic_creations *self, struct wanted_topic *topic)
{
    const struct create_topics_request_topics_assignments_array *in = &topic->in->assignments;
    struct request *request = self->request;
    struct topic_fault fault = {0};
    int32_t replicas = 0;

    topic->partitions =
        arena_alloc_array(&request->arena, (size_t)in->count, sizeof *topic->partitions);
    if (topic->partitions == NULL) {
        return refuse(topic, KAFKA_ERROR_POLICY_VIOLATION, TOPIC_PLAN_EXCESSIVE);
    }
    for (int32_t i = 0; i < in->count; i++) {
        int32_t index = in->items[i].partition_index;
        const struct int32_array *nodes = &in->items[i].broker_ids;
        if (index < 0 || index >= in->count) {
            return refuse(topic, KAFKA_ERROR_INVALID_REPLICA_ASSIGNMENT,
                          STRING("partitions should be a consecutive 0-based integer sequence"));
        }
        if (topic->partitions[index].replica_count > 0) {
            return refuse(
                topic, KAFKA_ERROR_INVALID_REPLICA_ASSIGNMENT,
                catalog_changes_text(request,
                                     "Found multiple manual partition assignments for partition %d",
                                     index));
        }
        if (!topic_plan_check_replicas(request, nodes, replicas, &fault)) {
            return refuse(topic, fault.error, fault.message);
        }
        memcpy(topic->partitions[index].replicas, nodes->items,
               (size_t)nodes->count * sizeof nodes->items[0]);
        topic->partitions[index].replica_count = nodes->count;
        replicas = nodes->count;
    }
    topic->partition_count = in->count;
    topic->replication_factor = replicas;
    return true;
}

static bool check_assignments(struct topic_creations *self, struct wanted_topic *topic)
{
    if (topic->in->replication_factor != -1) {
        return refuse(topic, KAFKA_ERROR_INVALID_REQUEST,
                      STRING("A manual partition assignment was specified, but replication factor "
                             "was not set to -1."));
    }
    if (topic->in->num_partitions != -1) {
        return refuse(topic, KAFKA_ERROR_INVALID_REQUEST,
                      STRING("A manual partition assignment was specified, but numPartitions was "
                             "not set to -1."));
    }
    return take_assignments(self, topic);
}

static bool check_counts(struct topic_creations *self, struct wanted_topic *topic)
{
    const struct broker *broker = self->request->broker;
    int32_t partitions = topic->in->num_partitions;
    int32_t replicas = topic->in->replication_factor;

    if (replicas < -1 || replicas == 0) {
        return refuse(topic, KAFKA_ERROR_INVALID_REPLICATION_FACTOR,
                      STRING("Replication factor must be larger than 0, or -1 to use the default "
                             "value."));
    }
    if (partitions < -1 || partitions == 0) {
        return refuse(topic, KAFKA_ERROR_INVALID_PARTITIONS,
                      STRING("Number of partitions was set to an invalid non-positive value."));
    }
    topic->partition_count =
        partitions == -1 ? stream_topics_partitions(broker, topic->name) : partitions;
    topic->replication_factor =
        replicas == -1 ? cluster_default_replication_factor(broker->cluster) : replicas;
    return true;
}

static void check(struct topic_creations *self, struct wanted_topic *topic)
{
    if (check_name(self, topic) && check_settings(self, topic)) {
        bool is_sound = topic->in->assignments.count > 0 ? check_assignments(self, topic)
                                                         : check_counts(self, topic);
        (void)is_sound; /* the answer holds why not */
    }
}

/* Kafka refuses the whole of a request that is too large. */
static bool is_excessive(const struct topic_creations *self)
{
    int64_t total = 0;

    for (int32_t i = 0; i < self->count; i++) {
        if (!is_refused(&self->topics[i])) {
            total += self->topics[i].partition_count;
        }
    }
    return total > TOPIC_PLAN_REQUEST_PARTITIONS_MAX;
}

/* ---- placing ---- */

/* All topics of one replication factor are placed as if they were one. */
static void place_factor(struct topic_creations *self, int replication_factor)
{
    struct catalog_partition *places = NULL;
    struct topic_fault fault = {0};
    int32_t total = 0;

    for (int32_t i = 0; i < self->count; i++) {
        const struct wanted_topic *topic = &self->topics[i];
        if (!is_refused(topic) && topic->partitions == NULL &&
            topic->replication_factor == replication_factor) {
            total += topic->partition_count;
        }
    }
    bool is_placed = topic_plan_place(self->request, total, replication_factor, &places, &fault);
    for (int32_t i = 0; i < self->count; i++) {
        struct wanted_topic *topic = &self->topics[i];
        if (is_refused(topic) || topic->partitions != NULL ||
            topic->replication_factor != replication_factor) {
            continue;
        }
        if (is_placed) {
            topic->partitions = places;
            places += topic->partition_count;
        } else {
            (void)refuse(topic, fault.error, fault.message);
        }
    }
}

static void place(struct topic_creations *self)
{
    for (int32_t i = 0; i < self->count; i++) {
        if (!is_refused(&self->topics[i]) && self->topics[i].partitions == NULL) {
            place_factor(self, self->topics[i].replication_factor);
        }
    }
}

/* ---- carrying out ---- */

static void submit(struct topic_creations *self, struct wanted_topic *topic)
{
    struct arena *arena = &self->request->arena;
    struct catalog_create_topic command;

    catalog_create_topic_init(&command);
    command.name = topic->name;
    command.topic_id = uuid_random(self->request->broker->random);
    command.is_internal = topic_name_is_internal(topic->name);
    if (catalog_create_topic_partitions_array_alloc(&command.partitions, arena,
                                                    topic->partition_count) != ERROR_NONE ||
        catalog_create_topic_settings_array_alloc(&command.settings, arena,
                                                  topic->in->configs.count) != ERROR_NONE) {
        (void)refuse(topic, KAFKA_ERROR_POLICY_VIOLATION, TOPIC_PLAN_EXCESSIVE);
        return;
    }
    for (int32_t i = 0; i < topic->partition_count; i++) {
        command.partitions.items[i].replicas =
            (struct int32_array){topic->partitions[i].replicas, topic->partitions[i].replica_count};
    }
    for (int32_t i = 0; i < topic->in->configs.count; i++) {
        command.settings.items[i].name = topic->in->configs.items[i].name;
        command.settings.items[i].value = topic->in->configs.items[i].value;
    }
    topic->id = command.topic_id;
    catalog_changes_make(&self->changes, &catalog_create_topic_layout, CATALOG_CREATE_TOPIC_RECORD,
                         &command, &topic->out->error_code, &topic->out->error_message);
}

/* ---- answering ---- */

/* As many as there is memory for: the topic is made. */
static void describe_settings(struct topic_creations *self, struct wanted_topic *topic)
{
    struct create_topics_response_topics *out = topic->out;
    struct config_view_layers layers;

    out->configs.items = arena_alloc_array(&self->request->arena, (size_t)topic_option_count(),
                                           sizeof *out->configs.items);
    if (out->configs.items == NULL) {
        return;
    }
    config_view_topic_layers(self->request->broker, topic->name, find_setting, topic, &layers);
    for (int i = 0; i < topic_option_count(); i++) {
        struct config_entry entry;
        if (config_view_topic_option(self->request, topic_option_at(i), &layers, &entry) &&
            !entry.is_exhausted) {
            out->configs.items[out->configs.count++] =
                (struct create_topics_response_topics_configs){
                    .name = entry.name,
                    .value = entry.value,
                    .read_only = false,
                    .config_source = (int8_t)entry.source,
                };
        }
    }
}

static void describe(struct topic_creations *self, struct wanted_topic *topic)
{
    struct create_topics_response_topics *out = topic->out;

    out->configs = (struct create_topics_response_topics_configs_array){.count = 0};
    if (is_refused(topic) || self->request->api_version < VERSION_DESCRIBED) {
        return;
    }
    if (!self->in.validate_only) {
        out->topic_id = topic->id;
    }
    if (!access_sees(self->request, ACCESS_DESCRIBE_CONFIGS, ACCESS_TOPIC, out->name)) {
        out->topic_config_error_code = KAFKA_ERROR_TOPIC_AUTHORIZATION_FAILED;
        out->configs.count = -1;
        return;
    }
    out->num_partitions = topic->partition_count;
    out->replication_factor = (int16_t)topic->replication_factor;
    describe_settings(self, topic);
}

static void reply(void *context)
{
    struct topic_creations *self = context;

    for (int32_t i = 0; i < self->count; i++) {
        describe(self, &self->topics[i]);
    }
    request_reply(self->request, &create_topics_response_layout, &self->out);
}

static bool is_electing(void *context)
{
    const struct topic_creations *self = context;
    const struct broker *broker = self->request->broker;

    for (int32_t i = 0; i < self->count && !self->in.validate_only; i++) {
        const struct catalog_topic *topic =
            is_refused(&self->topics[i])
                ? NULL
                : catalog_find_topic_by_id(broker->catalog, self->topics[i].id);
        if (topic != NULL && leader_wait_is_electing(broker, topic, 0)) {
            return true;
        }
    }
    return false;
}

static void on_changed(struct catalog_changes *changes)
{
    struct topic_creations *self = changes->context;

    self->wait = (struct leader_wait){
        .request = self->request, .is_electing = is_electing, .done = reply, .context = self};
    leader_wait_after_change(&self->wait, self->in.timeout_ms);
}

/* ---- what is asked for ---- */

static struct wanted_topic *find_wanted(const struct map *names, struct string name)
{
    map_for_each_match(link, names, string_hash(name)) {
        struct wanted_topic *topic = CONTAINER_OF(link, struct wanted_topic, by_name);
        if (string_equal(topic->name, name)) {
            return topic;
        }
    }
    return NULL;
}

static bool collect(struct topic_creations *self)
{
    struct request *request = self->request;
    int32_t count = self->in.topics.count;
    struct map names;

    self->topics = request_alloc(request, ((size_t)count + 1) * sizeof *self->topics);
    if (self->topics == NULL) {
        return false;
    }
    create_topics_response_init(&self->out);
    if (create_topics_response_topics_array_alloc(&self->out.topics, &request->arena, count) !=
        ERROR_NONE) {
        request_close(request);
        return false;
    }
    map_init(&names);
    for (int32_t i = 0; i < count; i++) {
        const struct create_topics_request_topics *in = &self->in.topics.items[i];
        struct string name = stream_topics_legal(request, in->name);
        if (name.bytes == NULL) {
            map_release(&names);
            request_close(request);
            return false;
        }
        struct wanted_topic *topic = find_wanted(&names, name);
        if (topic != NULL) {
            topic->is_twice = true;
            continue;
        }
        topic = &self->topics[self->count];
        topic->in = in;
        topic->name = name;
        topic->out = &self->out.topics.items[self->count++];
        topic->out->name = in->name;
        topic->out->error_message = STRING_NULL;
        map_insert(&names, &topic->by_name, string_hash(name));
    }
    map_release(&names);
    self->out.topics.count = self->count;
    return true;
}

/* The last that is asked: what is refused for another reason uses nothing. */
static void charge(struct topic_creations *self, struct wanted_topic *topic)
{
    if (!is_refused(topic) && !self->in.validate_only &&
        !quotas_charge_mutations(self->request, topic->partition_count, VERSION_STRICT_QUOTA)) {
        (void)refuse(topic, KAFKA_ERROR_THROTTLING_QUOTA_EXCEEDED,
                     STRING("The throttling quota has been exceeded."));
    }
}

static void check_all(struct topic_creations *self)
{
    for (int32_t i = 0; i < self->count; i++) {
        check(self, &self->topics[i]);
    }
    if (!is_excessive(self)) {
        place(self);
        return;
    }
    for (int32_t i = 0; i < self->count; i++) {
        (void)refuse(&self->topics[i], KAFKA_ERROR_POLICY_VIOLATION, TOPIC_PLAN_EXCESSIVE);
    }
}

void create_topics_handle(struct request *request)
{
    struct topic_creations *self = request_alloc(request, sizeof *self);

    if (self == NULL) {
        return;
    }
    self->request = request;
    if (!request_decode(request, &create_topics_request_layout, &self->in) || !collect(self)) {
        return;
    }
    check_all(self);
    catalog_changes_init(&self->changes, request, on_changed, self);
    for (int32_t i = 0; i < self->count; i++) {
        charge(self, &self->topics[i]);
        if (!is_refused(&self->topics[i]) && !self->in.validate_only) {
            submit(self, &self->topics[i]);
        }
    }
    catalog_changes_all_made(&self->changes);
}
