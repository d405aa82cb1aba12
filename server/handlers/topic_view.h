/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Partitions and brokers as clients are shown them, the same way in Metadata,
 * DescribeTopicPartitions and DescribeCluster. Thread: the shard's own.
 */
#ifndef GYRE_HANDLERS_TOPIC_VIEW_H
#define GYRE_HANDLERS_TOPIC_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/metadata/catalog.h"
#include "gyre/wire/message.h"

#include "handlers/hosted_partition.h"

struct request;

enum { TOPIC_VIEW_NODES_MAX = 2 * CATALOG_REPLICAS_MAX };

/* Lives in the request's arena. */
struct partition_view {
    int16_t error_code; /* LEADER_NOT_AVAILABLE, or none */
    int32_t leader_id;  /* -1: none at the moment */
    int32_t leader_epoch;
    struct int32_array replicas; /* while a reassignment runs, the new ones and then the old ones */
    struct int32_array in_sync;
    struct int32_array offline;
};
/* False: the request's memory is exhausted. */
bool topic_view_partition(struct request *request, const struct catalog_topic *topic,
                          int32_t partition, struct partition_view *out_view);

/* Old and new replicas together, at most TOPIC_VIEW_NODES_MAX; how many. */
int topic_view_replicas(const struct catalog_partition *partition,
                        int32_t out_nodes[TOPIC_VIEW_NODES_MAX]);

/* Calls visit() for each registered broker that can be reached through the listener that the
 * request came in by. */
struct broker_view {
    int32_t node_id;
    struct broker_endpoint endpoint;
    bool is_live;
    bool is_remembered; /* it is live, or was within the last seconds */
};
void topic_view_brokers(const struct request *request,
                        void (*visit)(void *context, const struct broker_view *broker),
                        void *context);

/* The catalog's leader, or any other live broker: each takes administrative requests. -1: none. */
int32_t topic_view_controller(const struct request *request);

/* Into the arena. */
struct string topic_view_cluster_id(struct request *request);

#endif
