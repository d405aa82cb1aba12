/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May the one who asks do this? Every handler asks here and nowhere else, before it looks at the
 * resource, so that a refusal and an absence can be made to look alike.
 *
 * Without an authorizer everybody may do everything (authorization.h says when there is one).
 * Thread: the shard's own.
 */
#ifndef GYRE_HANDLERS_ACCESS_H
#define GYRE_HANDLERS_ACCESS_H

#include <stdbool.h>

#include "gyre/access/acl.h"
#include "gyre/base/bytes.h"

struct broker;
struct request;

/* Kafka's numbers (AclOperation). */
enum access_operation {
    ACCESS_READ = ACL_READ,
    ACCESS_WRITE = ACL_WRITE,
    ACCESS_CREATE = ACL_CREATE,
    ACCESS_DELETE = ACL_DELETE,
    ACCESS_ALTER = ACL_ALTER,
    ACCESS_DESCRIBE = ACL_DESCRIBE,
    ACCESS_CLUSTER_ACTION = ACL_CLUSTER_ACTION,
    ACCESS_DESCRIBE_CONFIGS = ACL_DESCRIBE_CONFIGS,
    ACCESS_ALTER_CONFIGS = ACL_ALTER_CONFIGS,
    ACCESS_IDEMPOTENT_WRITE = ACL_IDEMPOTENT_WRITE,
    ACCESS_CREATE_TOKENS = ACL_CREATE_TOKENS,
    ACCESS_DESCRIBE_TOKENS = ACL_DESCRIBE_TOKENS,
};

/* Kafka's numbers (ResourceType). */
enum access_resource {
    ACCESS_TOPIC = ACL_TOPIC,
    ACCESS_GROUP = ACL_GROUP,
    ACCESS_CLUSTER = ACL_CLUSTER, /* its name is "kafka-cluster" */
    ACCESS_TRANSACTIONAL_ID = ACL_TRANSACTIONAL_ID,
    ACCESS_DELEGATION_TOKEN = ACL_DELEGATION_TOKEN,
    ACCESS_USER = ACL_USER,
};

/* False: there is no authorizer, and access rules would have no effect (SECURITY_DISABLED). */
bool access_is_enforced(const struct broker *broker);

/* A refusal is audited. */
bool access_allows(const struct request *request, enum access_operation operation,
                   enum access_resource resource, struct string name);

/* The same for a look that refuses nothing: filters, authorized operations, one of two ways. It is
 * not audited. */
bool access_sees(const struct request *request, enum access_operation operation,
                 enum access_resource resource, struct string name);
bool access_sees_cluster(const struct request *request, enum access_operation operation);

/* The same of the cluster itself. */
bool access_allows_cluster(const struct request *request, enum access_operation operation);

/* Of at least one resource of this type, whichever it is. Not audited. */
bool access_sees_any(const struct request *request, enum access_operation operation,
                     enum access_resource resource);

/* Of this topic, because of a rule about it or one about the cluster: creating and deleting. Inside
 * of a stream that enforces its policy, rules about the cluster do not count. */
bool access_allows_topic_or_cluster(const struct request *request, enum access_operation operation,
                                    struct string topic);

#endif
