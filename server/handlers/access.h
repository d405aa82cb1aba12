/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May the one who asks do this? Every handler asks here and nowhere else, before it looks at the
 * resource, so that a refusal and an absence can be made to look alike.
 *
 * There is no authorizer yet: everybody may do everything. Thread: the shard's own.
 */
#ifndef GYRE_HANDLERS_ACCESS_H
#define GYRE_HANDLERS_ACCESS_H

#include <stdbool.h>

#include "gyre/base/bytes.h"

struct broker;
struct request;

/* Kafka's numbers (AclOperation). */
enum access_operation {
    ACCESS_READ = 3,
    ACCESS_WRITE = 4,
    ACCESS_CREATE = 5,
    ACCESS_DELETE = 6,
    ACCESS_ALTER = 7,
    ACCESS_DESCRIBE = 8,
    ACCESS_CLUSTER_ACTION = 9,
    ACCESS_DESCRIBE_CONFIGS = 10,
    ACCESS_ALTER_CONFIGS = 11,
    ACCESS_IDEMPOTENT_WRITE = 12,
};

/* Kafka's numbers (ResourceType). */
enum access_resource {
    ACCESS_TOPIC = 2,
    ACCESS_GROUP = 3,
    ACCESS_CLUSTER = 4, /* its name is "kafka-cluster" */
    ACCESS_TRANSACTIONAL_ID = 5,
};

/* Is there an authorizer at all? Not on brokers with plaintext listeners only, unless super users
 * or authorizer.class.name are given: then everybody may do everything, and there are no rules. */
bool access_is_enforced(const struct broker *broker);

bool access_allows(const struct request *request, enum access_operation operation,
                   enum access_resource resource, struct string name);

#endif
