/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/authorized_operations.h"

#include <stddef.h>

#include "handlers/access.h"

static int32_t bits_of(const struct request *request, enum access_resource resource,
                       struct string name, const enum access_operation *operations, size_t count)
{
    int32_t bits = 0;

    for (size_t i = 0; i < count; i++) {
        if (access_sees(request, operations[i], resource, name)) {
            bits |= (int32_t)1 << operations[i];
        }
    }
    return bits;
}

int32_t authorized_operations_of_topic(const struct request *request, struct string topic)
{
    static const enum access_operation operations[] = {
        ACCESS_READ,  ACCESS_WRITE,    ACCESS_CREATE,           ACCESS_DELETE,
        ACCESS_ALTER, ACCESS_DESCRIBE, ACCESS_DESCRIBE_CONFIGS, ACCESS_ALTER_CONFIGS};

    return bits_of(request, ACCESS_TOPIC, topic, operations,
                   sizeof operations / sizeof operations[0]);
}

int32_t authorized_operations_of_group(const struct request *request, struct string group)
{
    static const enum access_operation operations[] = {
        ACCESS_READ, ACCESS_DELETE, ACCESS_DESCRIBE, ACCESS_DESCRIBE_CONFIGS, ACCESS_ALTER_CONFIGS};

    return bits_of(request, ACCESS_GROUP, group, operations,
                   sizeof operations / sizeof operations[0]);
}

int32_t authorized_operations_of_cluster(const struct request *request)
{
    static const enum access_operation operations[] = {
        ACCESS_CREATE,           ACCESS_ALTER,
        ACCESS_DESCRIBE,         ACCESS_CLUSTER_ACTION,
        ACCESS_DESCRIBE_CONFIGS, ACCESS_ALTER_CONFIGS,
        ACCESS_IDEMPOTENT_WRITE};

    if (!access_sees_cluster(request, ACCESS_DESCRIBE)) {
        return 0;
    }
    return bits_of(request, ACCESS_CLUSTER, ACL_CLUSTER_NAME, operations,
                   sizeof operations / sizeof operations[0]);
}
