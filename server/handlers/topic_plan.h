/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What CreateTopics and CreatePartitions share: explicit assignments, and places for partitions
 * that have none. Errors and sentences are Kafka's. Thread: the shard's own.
 */
#ifndef GYRE_HANDLERS_TOPIC_PLAN_H
#define GYRE_HANDLERS_TOPIC_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/metadata/catalog.h"
#include "gyre/wire/message.h"

struct request;

#define TOPIC_PLAN_EXCESSIVE STRING("Excessively large number of partitions per request.")

enum { TOPIC_PLAN_REQUEST_PARTITIONS_MAX = 10000 }; /* Kafka's limit of one request */

/* What is wrong with one topic; error NONE: nothing. The message lives in the request's arena. */
struct topic_fault {
    enum kafka_error error;
    struct string message;
};

/* Are these replicas of one partition acceptable? `replica_count`: of the partitions before, 0:
 * none yet. */
bool topic_plan_check_replicas(struct request *request, const struct int32_array *replicas,
                               int32_t replica_count, struct topic_fault *out_fault);

/* Places for `count` partitions, into the arena; the fault says why not. */
bool topic_plan_place(struct request *request, int32_t count, int replication_factor,
                      struct catalog_partition **out_partitions, struct topic_fault *out_fault);

#endif
