/* SPDX-License-Identifier: Apache-2.0 */
/* ListPartitionReassignments (46): the partitions that have targets, with what comes and what goes.
 */
#include "wire_messages/list_partition_reassignments.h"

#include "handlers/access.h"
#include "handlers/admin_handlers.h"
#include "handlers/broker.h"
#include "handlers/request.h"
#include "handlers/topic_view.h"

struct reassignment_listing {
    struct request *request; /* we live in its arena */
    struct list_partition_reassignments_request in;
    struct list_partition_reassignments_response out;
    bool is_exhausted;
};

static bool holds(const int32_t *nodes, int count, int32_t node)
{
    for (int i = 0; i < count; i++) {
        if (nodes[i] == node) {
            return true;
        }
    }
    return false;
}

static void fill(struct reassignment_listing *self, const struct catalog_partition *partition,
                 struct list_partition_reassignments_response_topics_partitions *out)
{
    int32_t *memory =
        arena_alloc_array(&self->request->arena, (size_t)2 * TOPIC_VIEW_NODES_MAX, sizeof *memory);

    if (memory == NULL) {
        self->is_exhausted = true;
        return;
    }
    out->replicas.items = memory;
    out->replicas.count = topic_view_replicas(partition, memory);
    out->adding_replicas.items = memory + out->replicas.count;
    for (int i = 0; i < partition->target_count; i++) {
        if (!holds(partition->replicas, partition->replica_count, partition->targets[i])) {
            out->adding_replicas.items[out->adding_replicas.count++] = partition->targets[i];
        }
    }
    out->removing_replicas.items = out->adding_replicas.items + out->adding_replicas.count;
    for (int i = 0; i < partition->replica_count; i++) {
        if (!holds(partition->targets, partition->target_count, partition->replicas[i])) {
            out->removing_replicas.items[out->removing_replicas.count++] = partition->replicas[i];
        }
    }
}

/* A topic in the answer, with room for `capacity` partitions. */
static struct list_partition_reassignments_response_topics *open_topic(
    struct reassignment_listing *self, const struct catalog_topic *topic, int32_t capacity)
{
    struct list_partition_reassignments_response_topics *out =
        &self->out.topics.items[self->out.topics.count];

    *out = (struct list_partition_reassignments_response_topics){.name = topic->name};
    out->partitions.items = arena_alloc_array(&self->request->arena, (size_t)capacity + 1,
                                              sizeof *out->partitions.items);
    self->is_exhausted |= out->partitions.items == NULL;
    return out;
}

static void add_partition(struct reassignment_listing *self, const struct catalog_topic *topic,
                          int32_t index, struct list_partition_reassignments_response_topics *out)
{
    if (index < 0 || index >= topic->partition_count ||
        !catalog_partition_moves(&topic->partitions[index]) || self->is_exhausted) {
        return;
    }
    struct list_partition_reassignments_response_topics_partitions *partition =
        &out->partitions.items[out->partitions.count++];
    partition->partition_index = index;
    fill(self, &topic->partitions[index], partition);
}

static int32_t count_moving(const struct catalog_topic *topic)
{
    int32_t count = 0;

    for (int32_t i = 0; i < topic->partition_count; i++) {
        count += catalog_partition_moves(&topic->partitions[i]);
    }
    return count;
}

static void add_whole_topic(void *context, const struct catalog_topic *topic)
{
    struct reassignment_listing *self = context;
    int32_t moving = count_moving(topic);

    if (moving == 0 || self->is_exhausted) {
        return;
    }
    struct list_partition_reassignments_response_topics *out = open_topic(self, topic, moving);
    for (int32_t i = 0; i < topic->partition_count; i++) {
        add_partition(self, topic, i, out);
    }
    self->out.topics.count++;
}

static void add_named(struct reassignment_listing *self,
                      const struct list_partition_reassignments_request_topics *in)
{
    const struct catalog_topic *topic =
        catalog_find_topic(self->request->broker->catalog, in->name);

    if (topic == NULL || self->is_exhausted) {
        return;
    }
    struct list_partition_reassignments_response_topics *out =
        open_topic(self, topic, in->partition_indexes.count);
    out->name = in->name;
    for (int32_t i = 0; i < in->partition_indexes.count; i++) {
        add_partition(self, topic, in->partition_indexes.items[i], out);
    }
    self->out.topics.count += out->partitions.count > 0;
}

static void list_all(struct reassignment_listing *self)
{
    struct request *request = self->request;
    int32_t capacity = self->in.topics.count < 0 ? catalog_topic_count(request->broker->catalog)
                                                 : self->in.topics.count;

    self->out.topics.items =
        request_alloc(request, ((size_t)capacity + 1) * sizeof *self->out.topics.items);
    if (self->out.topics.items == NULL) {
        return;
    }
    if (self->in.topics.count < 0) {
        catalog_for_each_topic(request->broker->catalog, add_whole_topic, self);
    }
    for (int32_t i = 0; i < self->in.topics.count; i++) {
        add_named(self, &self->in.topics.items[i]);
    }
    if (self->is_exhausted) {
        request_close(request);
        return;
    }
    request_reply(request, &list_partition_reassignments_response_layout, &self->out);
}

void list_partition_reassignments_handle(struct request *request)
{
    struct reassignment_listing *self = request_alloc(request, sizeof *self);

    if (self == NULL) {
        return;
    }
    self->request = request;
    if (!request_decode(request, &list_partition_reassignments_request_layout, &self->in)) {
        return;
    }
    list_partition_reassignments_response_init(&self->out);
    self->out.error_message = STRING_NULL;
    if (!access_allows_cluster(request, ACCESS_DESCRIBE)) {
        self->out.error_code = KAFKA_ERROR_CLUSTER_AUTHORIZATION_FAILED;
        self->out.error_message = STRING("Cluster authorization failed.");
        request_reply(request, &list_partition_reassignments_response_layout, &self->out);
        return;
    }
    list_all(self);
}
