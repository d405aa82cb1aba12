/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the names in a request to a replica on this broker, and from a partition to the broker that
 * a client should ask instead (KIP-951). Thread: the shard's own; pointers are borrowed until the
 * end of the loop's turn.
 */
#ifndef GYRE_HANDLERS_HOSTED_PARTITION_H
#define GYRE_HANDLERS_HOSTED_PARTITION_H

#include <stdint.h>

#include "gyre/base/bytes.h"
#include "gyre/base/uuid.h"
#include "gyre/partition/partition.h"

#include "handlers/access.h"

struct catalog_topic;
struct request;

/* How a request names a topic. `id` counts where `by_id` is set. */
struct topic_reference {
    bool by_id;
    struct string name;
    struct uuid id;
};

/* UNKNOWN_TOPIC_OR_PARTITION or UNKNOWN_TOPIC_ID; TOPIC_AUTHORIZATION_FAILED. */
enum kafka_error hosted_partition_find_topic(const struct request *request,
                                             const struct topic_reference *reference,
                                             enum access_operation operation,
                                             const struct catalog_topic **out_topic);

/* What a topic's finding came to, or UNKNOWN_TOPIC_OR_PARTITION: it has no such partition. */
enum kafka_error hosted_partition_check(enum kafka_error topic_error,
                                        const struct catalog_topic *topic, int32_t index);

/* UNKNOWN_TOPIC_OR_PARTITION: no such partition. NOT_LEADER_OR_FOLLOWER: no replica of it here. */
enum kafka_error hosted_partition_find(const struct request *request,
                                       const struct catalog_topic *topic, int32_t index,
                                       struct partition **out_partition);

/* Where a broker is reached through the listener that the request came in by. False: unknown. */
struct broker_endpoint {
    struct string host;
    struct string rack; /* null: none */
    int32_t port;
};
bool hosted_partition_endpoint(const struct request *request, int32_t node_id,
                               struct broker_endpoint *out_endpoint);

#endif
