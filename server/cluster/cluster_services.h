/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What main gives to the cluster, and how main hears from it. Thread: the shard's own.
 */
#ifndef GYRE_CLUSTER_CLUSTER_SERVICES_H
#define GYRE_CLUSTER_CLUSTER_SERVICES_H

#include "cluster/cluster.h"

struct broker_config;
struct consensus;
struct disk;
struct links;
struct loop;
struct partition_table;
struct random;
struct rpc;
struct storage;

/* All borrowed for the cluster's life. */
struct cluster_services {
    struct loop *loop;
    struct random *random;
    struct disk *disk;
    struct links *links;
    struct rpc *rpc;
    struct storage *storage;
    struct consensus *consensus;
    struct catalog *catalog;
    struct partition_table *partitions;
    const struct broker_config *config;
    const char *directory; /* of the data */
    int32_t node_id;
    uint64_t incarnation; /* of this process */
    const char *rpc_host; /* as peers reach us */
    uint16_t rpc_port;
    const struct catalog_endpoint *endpoints; /* as clients reach us */
    int endpoint_count;
};

struct cluster_events {
    /* The region has an id now: links and answers carry it. */
    void (*cluster_id_known)(void *context, struct uuid cluster_id);
    /* This broker may not take part; the sentence says what to do. The process must end. */
    void (*refused)(void *context, const char *sentence);
    void *context;
};

/* Opens the catalog's group when the region is known, and the partitions that the catalog names. */
MUST_USE
enum error cluster_start(const struct cluster_services *services,
                         const struct cluster_events *events, struct cluster **out_cluster);
/* Give all leaderships away, at most for `limit_us`, then call drained(). */
void cluster_drain(struct cluster *cluster, uint64_t limit_us, void (*drained)(void *context),
                   void *context);
void cluster_stop(struct cluster *cluster); /* frees it; partitions stay open */

#endif
