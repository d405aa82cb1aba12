/* SPDX-License-Identifier: Apache-2.0 */
/* Birth and end, who is alive, and where events of the neighbours go. */
#include <stdlib.h>

#include "gyre/runtime/links.h"

#include "cluster/cluster_private.h"

/* Behind it an election has ended and clients have asked anew. Clients that ask any broker that is
 * listed run into one that is dead meanwhile: no longer than it has to be. */
static const uint64_t REMEMBER_US = 3 * 1000 * 1000;

/* ---- events ---- */

static void on_topic_changed(void *context, const struct catalog_topic *topic)
{
    replicas_topic_changed(context, topic);
}

static void on_topic_deleted(void *context, const struct catalog_topic *topic)
{
    replicas_topic_deleted(context, topic);
}

static void on_broker_changed(void *context, const struct catalog_broker *broker)
{
    struct cluster *cluster = context;
    struct links *links = cluster->services.links;
    char host[256];

    if (broker->node_id != cluster->services.node_id &&
        (size_t)broker->rpc_host.length < sizeof host) {
        memcpy(host, broker->rpc_host.bytes, (size_t)broker->rpc_host.length);
        host[broker->rpc_host.length] = '\0';
        links->operations->set_peer(links, broker->node_id, host, broker->rpc_port);
    }
    if (broker->node_id == cluster->services.node_id) {
        registration_look(cluster);
    }
}

static void on_leader_changed(void *context, int32_t node)
{
    if (node >= 0) {
        registration_look(context);
    }
}

static void on_broker_removed(void *context, int32_t node_id)
{
    struct cluster *cluster = context;
    struct links *links = cluster->services.links;

    if (node_id != cluster->services.node_id) {
        links->operations->set_peer(links, node_id, NULL, 0);
    }
}

static void on_loaded(void *context)
{
    struct cluster *cluster = context;

    cluster->is_loaded = true;
}

static void on_lead(void *context, struct partition *partition, int32_t leader_epoch)
{
    struct cluster *cluster = context;
    struct cluster_replica *replica = replicas_find(cluster, partition_group(partition));

    leadership_led(cluster, partition, leader_epoch);
    if (replica != NULL) {
        replica_moves_look(cluster, replica);
    }
}

static void on_members_changed(void *context, struct partition *partition)
{
    struct cluster *cluster = context;
    struct cluster_replica *replica = replicas_find(cluster, partition_group(partition));

    if (replica != NULL) {
        replica_moves_look(cluster, replica);
    }
}

static void on_peer_up(void *context, int32_t peer)
{
    struct cluster *cluster = context;

    registration_peer_up(cluster, peer);
    formation_peer_up(cluster, peer);
    if (cluster->phase == FORMATION_MEMBER) {
        leadership_peer_up(cluster, peer);
    }
}

/* ---- who is alive ---- */

bool cluster_broker_is_live(const struct cluster *cluster, int32_t node_id)
{
    return node_id == cluster->services.node_id ||
           consensus_peer_is_live(cluster->services.consensus, node_id);
}

bool cluster_broker_is_remembered(const struct cluster *cluster, int32_t node_id)
{
    return cluster_broker_is_live(cluster, node_id) ||
           consensus_peer_silent_us(cluster->services.consensus, node_id) < REMEMBER_US;
}

struct census {
    const struct cluster *cluster;
    int live;
};

static void count_live(void *context, const struct catalog_broker *broker)
{
    struct census *census = context;

    census->live += cluster_broker_is_live(census->cluster, broker->node_id);
}

int cluster_live_broker_count(const struct cluster *cluster)
{
    struct census census = {cluster, 0};

    catalog_for_each_broker(cluster->services.catalog, count_live, &census);
    return census.live;
}

int cluster_in_sync(const struct cluster *cluster, const struct catalog_topic *topic,
                    int32_t partition_index, int32_t out_nodes[CONSENSUS_MEMBERS_MAX])
{
    const struct catalog_partition *wanted = &topic->partitions[partition_index];
    struct partition *partition =
        partition_find(cluster->services.partitions, (struct group_id){topic->id, partition_index});
    int count = 0;

    if (partition != NULL && consensus_leads(partition_consensus(partition))) {
        return partition_in_sync(partition, out_nodes);
    }
    for (int i = 0; i < wanted->replica_count; i++) {
        if (cluster_broker_is_live(cluster, wanted->replicas[i])) {
            out_nodes[count++] = wanted->replicas[i];
        }
    }
    return count;
}

bool cluster_is_ready(const struct cluster *cluster, const char **out_reason)
{
    *out_reason = NULL;
    if (cluster->phase == FORMATION_SEEKING) {
        *out_reason = "the region is not formed: waiting for the seeds";
    } else if (!cluster->is_loaded) {
        *out_reason = "the catalog is not loaded";
    } else if (!cluster->is_registered) {
        *out_reason = "not registered with the catalog's leader";
    } else if (catalog_leader(cluster->services.catalog) < 0) {
        *out_reason = "the catalog has no leader";
    } else if (!cluster->is_current) {
        *out_reason = "the catalog tells what happened since this broker stopped";
    } else if (!list_is_empty(&cluster->dirty_replicas)) {
        *out_reason = "replicas are being opened";
    }
    return *out_reason == NULL;
}

/* ---- life ---- */

static void listen(struct cluster *cluster)
{
    cluster->catalog_listener = (struct catalog_listener){
        .topic_created = on_topic_changed,
        .topic_deleted = on_topic_deleted,
        .topic_changed = on_topic_changed,
        .broker_changed = on_broker_changed,
        .broker_removed = on_broker_removed,
        .leader_changed = on_leader_changed,
        .loaded = on_loaded,
        .context = cluster,
    };
    cluster->partition_listener = (struct partition_listener){
        .lead = on_lead,
        .members_changed = on_members_changed,
        .context = cluster,
    };
    list_init(&cluster->catalog_listener.link);
    list_init(&cluster->partition_listener.link);
    catalog_add_listener(cluster->services.catalog, &cluster->catalog_listener);
    rpc_watch_links(cluster->services.rpc, on_peer_up, cluster);
    partition_table_add_listener(cluster->services.partitions, &cluster->partition_listener);
}

enum error cluster_start(const struct cluster_services *services,
                         const struct cluster_events *events, struct cluster **out_cluster)
{
    struct cluster *cluster = check_alloc_zero(sizeof *cluster);
    enum error error;

    cluster->services = *services;
    cluster->events = *events;
    *out_cluster = cluster;
    registration_init(cluster);
    catalog_members_init(cluster);
    replicas_start(cluster);
    leadership_start(cluster);
    replica_moves_start(cluster);
    balance_start(cluster);
    election_start(cluster);
    listen(cluster);
    error = formation_start(cluster);
    if (error != ERROR_NONE) {
        *out_cluster = NULL;
        cluster_stop(cluster);
    }
    return error;
}

void cluster_stop(struct cluster *cluster)
{
    if (cluster == NULL) {
        return;
    }
    rpc_watch_links(cluster->services.rpc, NULL, NULL);
    list_remove(&cluster->catalog_listener.link);
    list_remove(&cluster->partition_listener.link);
    formation_stop(cluster);
    registration_stop(cluster);
    catalog_members_stop(cluster);
    replica_moves_stop(cluster);
    balance_stop(cluster);
    leadership_stop(cluster);
    replicas_stop(cluster);
    free(cluster);
}
