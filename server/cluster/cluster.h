/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cluster is how the brokers of a region act together: formation and joining, which broker is
 * alive, who leads which partition, where new replicas are placed, and the reconciliation of what
 * the catalog wants with the groups that run here.
 *
 * Thread: the shard's own. What it returns is borrowed until the end of the loop's turn.
 */
#ifndef GYRE_CLUSTER_CLUSTER_H
#define GYRE_CLUSTER_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/base/error.h"
#include "gyre/metadata/catalog.h"
#include "gyre/storage/group_id.h"

struct cluster;

/* Is this broker registered and heard of within the peer timeout? Ourselves: always. */
bool cluster_broker_is_live(const struct cluster *cluster, int32_t node_id);
/* Is it live, or was it within the last seconds? What began to restart is not forgotten. */
bool cluster_broker_is_remembered(const struct cluster *cluster, int32_t node_id);
int cluster_live_broker_count(const struct cluster *cluster);

/* Who leads a partition, on every broker, also those without a replica. */
struct cluster_leader {
    int32_t node_id;      /* -1: unknown or none */
    int32_t leader_epoch; /* -1 with it; else never goes back */
};
struct cluster_leader cluster_leader(const struct cluster *cluster, struct group_id group);

/* The replicas that are in sync, for Metadata: the leader's knowledge or, elsewhere, the live
 * replicas. Returns how many. */
int cluster_in_sync(const struct cluster *cluster, const struct catalog_topic *topic,
                    int32_t partition, int32_t out_nodes[CONSENSUS_MEMBERS_MAX]);

/* Place `count` partitions of `replication_factor` replicas, spread over racks and evenly over what
 * is there; on brokers that are down only where no others are left. LIMIT: not enough brokers are
 * registered, or no majority of replicas would be up. */
MUST_USE
enum error cluster_place(struct cluster *cluster, int32_t count, int replication_factor,
                         struct catalog_partition *out_partitions);

/* The default replication factor: min(3, brokers), unless configured. */
int cluster_default_replication_factor(const struct cluster *cluster);

/* Move leadership, wherever the leader is now: to `preferred`, or, unclean, to whatever replica is
 * left (the operator was told what may be lost). */
typedef void (*cluster_done)(void *context, enum kafka_error error);
void cluster_elect(struct cluster *cluster, struct group_id group, int32_t preferred,
                   bool is_unclean, cluster_done done, void *context);

/* Is the region formed and the catalog known here? If not, why not: a static text. */
bool cluster_is_ready(const struct cluster *cluster, const char **out_reason);

#endif
