/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/topic_view.h"

#include "cluster/cluster.h"
#include "handlers/broker.h"
#include "handlers/request.h"

static bool holds(const int32_t *nodes, int count, int32_t node)
{
    for (int i = 0; i < count; i++) {
        if (nodes[i] == node) {
            return true;
        }
    }
    return false;
}

int topic_view_replicas(const struct catalog_partition *partition,
                        int32_t out_nodes[TOPIC_VIEW_NODES_MAX])
{
    int count = 0;

    for (int i = 0; i < partition->target_count; i++) {
        out_nodes[count++] = partition->targets[i];
    }
    for (int i = 0; i < partition->replica_count; i++) {
        if (!holds(partition->targets, partition->target_count, partition->replicas[i])) {
            out_nodes[count++] = partition->replicas[i];
        }
    }
    return count;
}

static struct int32_array take(int32_t **memory, const int32_t *nodes, int count)
{
    struct int32_array array = {.items = *memory, .count = count};

    for (int i = 0; i < count; i++) {
        (*memory)[i] = nodes[i];
    }
    *memory += count;
    return array;
}

bool topic_view_partition(struct request *request, const struct catalog_topic *topic,
                          int32_t partition, struct partition_view *out_view)
{
    const struct cluster *cluster = request->broker->cluster;
    struct group_id group = {.topic = topic->id, .partition = partition};
    struct cluster_leader leader = cluster_leader(cluster, group);
    int32_t replicas[TOPIC_VIEW_NODES_MAX];
    int32_t in_sync[CONSENSUS_MEMBERS_MAX];
    int32_t offline[TOPIC_VIEW_NODES_MAX];
    int replica_count = topic_view_replicas(&topic->partitions[partition], replicas);
    int in_sync_count = cluster_in_sync(cluster, topic, partition, in_sync);
    int offline_count = 0;

    for (int i = 0; i < replica_count; i++) {
        if (!cluster_broker_is_live(cluster, replicas[i])) {
            offline[offline_count++] = replicas[i];
        }
    }
    int32_t *memory = arena_alloc_array(&request->arena,
                                        (size_t)(replica_count + in_sync_count + offline_count) + 1,
                                        sizeof *memory);
    if (memory == NULL) {
        return false;
    }
    bool has_leader = leader.node_id >= 0 && cluster_broker_is_live(cluster, leader.node_id);
    *out_view = (struct partition_view){
        .error_code = has_leader ? KAFKA_ERROR_NONE : KAFKA_ERROR_LEADER_NOT_AVAILABLE,
        .leader_id = has_leader ? leader.node_id : -1,
        .leader_epoch = leader.leader_epoch,
        .replicas = take(&memory, replicas, replica_count),
        .in_sync = take(&memory, in_sync, in_sync_count),
        .offline = take(&memory, offline, offline_count),
    };
    return true;
}

struct broker_visit {
    const struct request *request;
    void (*visit)(void *context, const struct broker_view *broker);
    void *context;
};

static void visit_broker(void *context, const struct catalog_broker *broker)
{
    const struct broker_visit *visit = context;
    struct broker_view view = {
        .node_id = broker->node_id,
        .is_live = cluster_broker_is_live(visit->request->broker->cluster, broker->node_id),
        .is_remembered =
            cluster_broker_is_remembered(visit->request->broker->cluster, broker->node_id),
    };

    if (hosted_partition_endpoint(visit->request, broker->node_id, &view.endpoint)) {
        visit->visit(visit->context, &view);
    }
}

void topic_view_brokers(const struct request *request,
                        void (*visit)(void *context, const struct broker_view *broker),
                        void *context)
{
    struct broker_visit visits = {request, visit, context};

    catalog_for_each_broker(request->broker->catalog, visit_broker, &visits);
}

/* The smallest id, so that all brokers name the same one. */
static void choose_live(void *context, const struct broker_view *broker)
{
    int32_t *chosen = context;

    if (broker->is_live && (*chosen < 0 || broker->node_id < *chosen)) {
        *chosen = broker->node_id;
    }
}

int32_t topic_view_controller(const struct request *request)
{
    int32_t leader = catalog_leader(request->broker->catalog);
    struct broker_endpoint endpoint;

    if (leader >= 0 && cluster_broker_is_live(request->broker->cluster, leader) &&
        hosted_partition_endpoint(request, leader, &endpoint)) {
        return leader;
    }
    int32_t chosen = -1;
    topic_view_brokers(request, choose_live, &chosen);
    return chosen;
}

struct string topic_view_cluster_id(struct request *request)
{
    char text[UUID_TEXT_LENGTH + 1];

    uuid_format(request->broker->cluster_id, text);
    return string_from(arena_copy_text(&request->arena, text, UUID_TEXT_LENGTH));
}
