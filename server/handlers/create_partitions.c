/* SPDX-License-Identifier: Apache-2.0 */
/* CreatePartitions (37): the count in the request is the new total. */
#include "wire_messages/create_partitions.h"

#include "gyre/base/map.h"

#include "handlers/access.h"
#include "handlers/admin_handlers.h"
#include "handlers/broker.h"
#include "handlers/catalog_changes.h"
#include "handlers/hosted_partition.h"
#include "handlers/leader_wait.h"
#include "handlers/quotas.h"
#include "handlers/request.h"
#include "handlers/topic_plan.h"
#include "metadata/catalog_commands.h"

enum { VERSION_STRICT_QUOTA = 3 };

struct growing_topic {
    struct map_link by_name;
    const struct create_partitions_request_topics *in;
    struct create_partitions_response_results *out;
    bool is_twice;
    const struct catalog_topic *topic; /* borrowed until the end of the turn */
    int32_t added;
    struct catalog_partition *partitions;
};

struct partition_creations {
    struct request *request; /* we live in its arena */
    struct create_partitions_request in;
    struct create_partitions_response out;
    struct growing_topic *topics;
    int32_t count;
    struct catalog_changes changes;
    struct leader_wait wait;
};

static bool refuse(struct growing_topic *topic, enum kafka_error error, struct string message)
{
    topic->out->error_code = (int16_t)error;
    topic->out->error_message = message;
    return false;
}

/* ---- checking ---- */

static bool check_count(struct partition_creations *self, struct growing_topic *topic)
{
    int32_t current = topic->topic->partition_count;
    int32_t wanted = topic->in->count;

    if (wanted == current) {
        return refuse(
            topic, KAFKA_ERROR_INVALID_PARTITIONS,
            catalog_changes_text(self->request, "Topic already has %d partition(s).", current));
    }
    if (wanted < current) {
        return refuse(topic, KAFKA_ERROR_INVALID_PARTITIONS,
                      catalog_changes_text(self->request,
                                           "The topic %.*s currently has %d partition(s); %d would "
                                           "not be an increase.",
                                           STRING_ARGUMENTS(topic->in->name), current, wanted));
    }
    topic->added = wanted - current;
    if (topic->added > TOPIC_PLAN_REQUEST_PARTITIONS_MAX) {
        return refuse(topic, KAFKA_ERROR_POLICY_VIOLATION, TOPIC_PLAN_EXCESSIVE);
    }
    return true;
}

static bool take_assignments(struct partition_creations *self, struct growing_topic *topic)
{
    const struct create_partitions_request_topics_assignments_array *in = &topic->in->assignments;
    struct topic_fault fault = {0};

    if (in->count != topic->added) {
        return refuse(topic, KAFKA_ERROR_INVALID_REPLICA_ASSIGNMENT,
                      catalog_changes_text(self->request,
                                           "Attempted to add %d additional partition(s), but only "
                                           "%d assignment(s) were specified.",
                                           topic->added, in->count));
    }
    topic->partitions =
        arena_alloc_array(&self->request->arena, (size_t)in->count, sizeof *topic->partitions);
    if (topic->partitions == NULL) {
        return refuse(topic, KAFKA_ERROR_POLICY_VIOLATION, TOPIC_PLAN_EXCESSIVE);
    }
    for (int32_t i = 0; i < in->count; i++) {
        const struct int32_array *nodes = &in->items[i].broker_ids;
        if (!topic_plan_check_replicas(self->request, nodes,
                                       topic->topic->partitions[0].replica_count, &fault)) {
            return refuse(topic, fault.error, fault.message);
        }
        memcpy(topic->partitions[i].replicas, nodes->items,
               (size_t)nodes->count * sizeof nodes->items[0]);
        topic->partitions[i].replica_count = nodes->count;
    }
    return true;
}

static bool place(struct partition_creations *self, struct growing_topic *topic)
{
    struct topic_fault fault = {0};

    if (!topic_plan_place(self->request, topic->added, topic->topic->partitions[0].replica_count,
                          &topic->partitions, &fault)) {
        return refuse(topic, fault.error, fault.message);
    }
    return true;
}

static bool check(struct partition_creations *self, struct growing_topic *topic)
{
    struct topic_reference reference = {.name = topic->in->name};

    if (topic->is_twice) {
        return refuse(topic, KAFKA_ERROR_INVALID_REQUEST, STRING("Duplicate topic name."));
    }
    enum kafka_error error =
        hosted_partition_find_topic(self->request, &reference, ACCESS_ALTER, &topic->topic);
    if (error != KAFKA_ERROR_NONE) {
        return refuse(topic, error, string_from(kafka_error_text((int16_t)error)));
    }
    if (!check_count(self, topic)) {
        return false;
    }
    return topic->in->assignments.count >= 0 ? take_assignments(self, topic) : place(self, topic);
}

/* ---- carrying out ---- */

static void submit(struct partition_creations *self, struct growing_topic *topic)
{
    struct catalog_add_partitions command;

    catalog_add_partitions_init(&command);
    command.topic_id = topic->topic->id;
    command.first_partition = topic->topic->partition_count;
    if (catalog_add_partitions_partitions_array_alloc(&command.partitions, &self->request->arena,
                                                      topic->added) != ERROR_NONE) {
        (void)refuse(topic, KAFKA_ERROR_POLICY_VIOLATION, TOPIC_PLAN_EXCESSIVE);
        return;
    }
    for (int32_t i = 0; i < topic->added; i++) {
        command.partitions.items[i].replicas =
            (struct int32_array){topic->partitions[i].replicas, topic->partitions[i].replica_count};
    }
    catalog_changes_make(&self->changes, &catalog_add_partitions_layout,
                         CATALOG_ADD_PARTITIONS_RECORD, &command, &topic->out->error_code,
                         &topic->out->error_message);
}

/* The last that is asked: what is refused for another reason uses nothing. */
static bool charge(struct partition_creations *self, struct growing_topic *topic)
{
    return quotas_charge_mutations(self->request, topic->added, VERSION_STRICT_QUOTA) ||
           refuse(topic, KAFKA_ERROR_THROTTLING_QUOTA_EXCEEDED,
                  STRING("The throttling quota has been exceeded."));
}

static void reply(void *context)
{
    struct partition_creations *self = context;

    request_reply(self->request, &create_partitions_response_layout, &self->out);
}

static bool is_electing(void *context)
{
    const struct partition_creations *self = context;
    const struct broker *broker = self->request->broker;

    for (int32_t i = 0; i < self->count && !self->in.validate_only; i++) {
        const struct growing_topic *growing = &self->topics[i];
        const struct catalog_topic *topic =
            growing->out->error_code != KAFKA_ERROR_NONE
                ? NULL
                : catalog_find_topic(broker->catalog, growing->in->name);
        if (topic != NULL &&
            leader_wait_is_electing(broker, topic, growing->in->count - growing->added)) {
            return true;
        }
    }
    return false;
}

static void on_changed(struct catalog_changes *changes)
{
    struct partition_creations *self = changes->context;

    self->wait = (struct leader_wait){
        .request = self->request, .is_electing = is_electing, .done = reply, .context = self};
    leader_wait_after_change(&self->wait, self->in.timeout_ms);
}

/* ---- what is asked for ---- */

static struct growing_topic *find_growing(const struct map *names, struct string name)
{
    map_for_each_match(link, names, string_hash(name)) {
        struct growing_topic *topic = CONTAINER_OF(link, struct growing_topic, by_name);
        if (string_equal(topic->in->name, name)) {
            return topic;
        }
    }
    return NULL;
}

static bool collect(struct partition_creations *self)
{
    struct request *request = self->request;
    int32_t count = self->in.topics.count;
    struct map names;

    self->topics = request_alloc(request, ((size_t)count + 1) * sizeof *self->topics);
    if (self->topics == NULL) {
        return false;
    }
    create_partitions_response_init(&self->out);
    if (create_partitions_response_results_array_alloc(&self->out.results, &request->arena,
                                                       count) != ERROR_NONE) {
        request_close(request);
        return false;
    }
    map_init(&names);
    for (int32_t i = 0; i < count; i++) {
        const struct create_partitions_request_topics *in = &self->in.topics.items[i];
        struct growing_topic *topic = find_growing(&names, in->name);
        if (topic != NULL) {
            topic->is_twice = true;
            continue;
        }
        topic = &self->topics[self->count];
        topic->in = in;
        topic->out = &self->out.results.items[self->count++];
        topic->out->name = in->name;
        map_insert(&names, &topic->by_name, string_hash(in->name));
    }
    map_release(&names);
    self->out.results.count = self->count;
    return true;
}

void create_partitions_handle(struct request *request)
{
    struct partition_creations *self = request_alloc(request, sizeof *self);

    if (self == NULL) {
        return;
    }
    self->request = request;
    if (!request_decode(request, &create_partitions_request_layout, &self->in) || !collect(self)) {
        return;
    }
    catalog_changes_init(&self->changes, request, on_changed, self);
    for (int32_t i = 0; i < self->count; i++) {
        if (check(self, &self->topics[i]) && !self->in.validate_only &&
            charge(self, &self->topics[i])) {
            submit(self, &self->topics[i]);
        }
    }
    catalog_changes_all_made(&self->changes);
}
