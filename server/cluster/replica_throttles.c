/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which replicas catch up at a limited rate: leader. and follower.replication.throttled.replicas of
 * their topics. The rates are settings of brokers.
 */
#include "gyre/config/throttled_replicas.h"

#include "cluster/cluster_private.h"

static struct throttled_replicas find(const struct cluster *cluster,
                                      const struct catalog_topic *topic,
                                      const struct cluster_replica *replica, const char *name)
{
    return throttled_replicas_find(catalog_find_setting(&topic->settings, string_from(name)),
                                   replica->group.partition, cluster->services.node_id);
}

void replica_throttles_apply(const struct cluster *cluster, const struct cluster_replica *replica,
                             const struct catalog_topic *topic)
{
    struct throttled_replicas giving =
        find(cluster, topic, replica, "leader.replication.throttled.replicas");
    struct throttled_replicas taking =
        find(cluster, topic, replica, "follower.replication.throttled.replicas");
    const struct consensus_throttled throttled = {
        .gives = giving.names_node, .takes = taking.names_node, .others_take = taking.names_others};

    consensus_set_throttled(partition_consensus(replica->partition), &throttled);
}
