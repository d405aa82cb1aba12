/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AlterPartitionReassignments (45) says where replicas shall be; null calls a running reassignment
 * off. The cluster moves them afterwards. One command carries all partitions of a topic.
 */
#include "wire_messages/alter_partition_reassignments.h"

#include "handlers/access.h"
#include "handlers/admin_handlers.h"
#include "handlers/broker.h"
#include "handlers/catalog_changes.h"
#include "handlers/request.h"
#include "handlers/topic_plan.h"
#include "metadata/catalog_commands.h"

/* What the command of one topic came to; copied to its partitions. */
struct topic_outcome {
    int16_t error;
    struct string message;
};

struct reassignment {
    struct request *request; /* we live in its arena */
    struct alter_partition_reassignments_request in;
    struct alter_partition_reassignments_response out;
    struct topic_outcome *outcomes;
    struct catalog_changes changes;
};

static bool refuse(struct alter_partition_reassignments_response_responses_partitions *out,
                   enum kafka_error error, struct string message)
{
    out->error_code = (int16_t)error;
    out->error_message = message;
    return false;
}

static bool check_replicas(struct reassignment *self, const struct catalog_partition *now,
                           const struct alter_partition_reassignments_request_topics_partitions *in,
                           struct alter_partition_reassignments_response_responses_partitions *out)
{
    struct topic_fault fault = {0};

    if (in->replicas.count < 0) {
        return catalog_partition_moves(now) ||
               refuse(out, KAFKA_ERROR_NO_REASSIGNMENT_IN_PROGRESS,
                      STRING("No partition reassignment is in progress."));
    }
    if (!topic_plan_check_replicas(self->request, &in->replicas, 0, &fault)) {
        return refuse(out, fault.error, fault.message);
    }
    if (!self->in.allow_replication_factor_change && in->replicas.count != now->replica_count) {
        return refuse(out, KAFKA_ERROR_INVALID_REPLICATION_FACTOR,
                      catalog_changes_text(self->request,
                                           "The replication factor is changed from %d to %d",
                                           now->replica_count, in->replicas.count));
    }
    return true;
}

static bool is_where_it_shall_be(const struct catalog_partition *now,
                                 const struct int32_array *replicas)
{
    return replicas->count == now->replica_count &&
           memcmp(replicas->items, now->replicas,
                  (size_t)replicas->count * sizeof replicas->items[0]) == 0;
}

static bool check(struct reassignment *self, const struct catalog_topic *topic,
                  const struct alter_partition_reassignments_request_topics *topic_in,
                  const struct alter_partition_reassignments_request_topics_partitions *in,
                  struct alter_partition_reassignments_response_responses_partitions *out)
{
    if (topic == NULL) {
        return refuse(out, KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION,
                      catalog_changes_text(self->request, "Unable to find a topic named %.*s.",
                                           STRING_ARGUMENTS(topic_in->name)));
    }
    if (in->partition_index < 0 || in->partition_index >= topic->partition_count) {
        return refuse(out, KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION,
                      catalog_changes_text(self->request, "Unable to find partition %.*s:%d.",
                                           STRING_ARGUMENTS(topic_in->name), in->partition_index));
    }
    return check_replicas(self, &topic->partitions[in->partition_index], in, out);
}

static void add_target(const struct catalog_partition *now,
                       const struct alter_partition_reassignments_request_topics_partitions *in,
                       struct catalog_set_targets *command)
{
    struct catalog_set_targets_partitions *out =
        &command->partitions.items[command->partitions.count];
    bool is_to_end = in->replicas.count < 0 || is_where_it_shall_be(now, &in->replicas);

    if (is_to_end && now->target_count == 0) {
        return;
    }
    out->partition = in->partition_index;
    out->targets = !is_to_end ? in->replicas : (struct int32_array){.count = 0};
    command->partitions.count++;
}

/* False: the request's memory is exhausted. */
static bool alter_topic(struct reassignment *self, int32_t at)
{
    const struct alter_partition_reassignments_request_topics *in = &self->in.topics.items[at];
    struct alter_partition_reassignments_response_responses *out = &self->out.responses.items[at];
    const struct catalog_topic *topic =
        catalog_find_topic(self->request->broker->catalog, in->name);
    struct arena *arena = &self->request->arena;
    struct catalog_set_targets command;

    catalog_set_targets_init(&command);
    out->name = in->name;
    if (alter_partition_reassignments_response_responses_partitions_array_alloc(
            &out->partitions, arena, in->partitions.count) != ERROR_NONE ||
        catalog_set_targets_partitions_array_alloc(&command.partitions, arena,
                                                   in->partitions.count) != ERROR_NONE) {
        return false;
    }
    command.partitions.count = 0;
    for (int32_t i = 0; i < in->partitions.count; i++) {
        const struct alter_partition_reassignments_request_topics_partitions *partition =
            &in->partitions.items[i];
        out->partitions.items[i].partition_index = partition->partition_index;
        out->partitions.items[i].error_message = STRING_NULL;
        if (check(self, topic, in, partition, &out->partitions.items[i])) {
            add_target(&topic->partitions[partition->partition_index], partition, &command);
        }
    }
    if (command.partitions.count > 0) {
        command.topic_id = topic->id;
        catalog_changes_make(&self->changes, &catalog_set_targets_layout,
                             CATALOG_SET_TARGETS_RECORD, &command, &self->outcomes[at].error,
                             &self->outcomes[at].message);
    }
    return true;
}

static void reply(struct catalog_changes *changes)
{
    struct reassignment *self = changes->context;

    for (int32_t i = 0; i < self->out.responses.count; i++) {
        const struct topic_outcome *outcome = &self->outcomes[i];
        struct alter_partition_reassignments_response_responses_partitions_array *partitions =
            &self->out.responses.items[i].partitions;
        for (int32_t j = 0; j < partitions->count && outcome->error != 0; j++) {
            if (partitions->items[j].error_code == KAFKA_ERROR_NONE) {
                (void)refuse(&partitions->items[j], (enum kafka_error)outcome->error,
                             outcome->message);
            }
        }
    }
    request_reply(self->request, &alter_partition_reassignments_response_layout, &self->out);
}

static void alter_all(struct reassignment *self)
{
    struct request *request = self->request;

    self->outcomes =
        request_alloc(request, ((size_t)self->in.topics.count + 1) * sizeof *self->outcomes);
    if (self->outcomes == NULL) {
        return;
    }
    if (alter_partition_reassignments_response_responses_array_alloc(
            &self->out.responses, &request->arena, self->in.topics.count) != ERROR_NONE) {
        request_close(request);
        return;
    }
    catalog_changes_init(&self->changes, request, reply, self);
    for (int32_t i = 0; i < self->in.topics.count; i++) {
        if (!alter_topic(self, i)) {
            self->out.responses.count = i;
            self->out.error_code = KAFKA_ERROR_INVALID_REQUEST;
            self->out.error_message = STRING("The request is too large.");
            break;
        }
    }
    catalog_changes_all_made(&self->changes);
}

void alter_partition_reassignments_handle(struct request *request)
{
    struct reassignment *self = request_alloc(request, sizeof *self);

    if (self == NULL) {
        return;
    }
    self->request = request;
    if (!request_decode(request, &alter_partition_reassignments_request_layout, &self->in)) {
        return;
    }
    alter_partition_reassignments_response_init(&self->out);
    self->out.error_message = STRING_NULL;
    self->out.allow_replication_factor_change = self->in.allow_replication_factor_change;
    if (!access_allows_cluster(request, ACCESS_ALTER)) {
        self->out.error_code = KAFKA_ERROR_CLUSTER_AUTHORIZATION_FAILED;
        self->out.error_message = STRING("Cluster authorization failed.");
        request_reply(request, &alter_partition_reassignments_response_layout, &self->out);
        return;
    }
    alter_all(self);
}
