/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/hosted_partition.h"

#include "gyre/metadata/catalog.h"

#include "handlers/broker.h"
#include "handlers/request.h"

enum kafka_error hosted_partition_find_topic(const struct request *request,
                                             const struct topic_reference *reference,
                                             enum access_operation operation,
                                             const struct catalog_topic **out_topic)
{
    const struct catalog *catalog = request->broker->catalog;
    const struct catalog_topic *topic;

    if (reference->by_id) {
        topic = catalog_find_topic_by_id(catalog, reference->id);
        if (topic == NULL) {
            return KAFKA_ERROR_UNKNOWN_TOPIC_ID;
        }
        if (!access_allows(request, operation, ACCESS_TOPIC, topic->name)) {
            return KAFKA_ERROR_TOPIC_AUTHORIZATION_FAILED;
        }
        *out_topic = topic;
        return KAFKA_ERROR_NONE;
    }
    if (!access_allows(request, operation, ACCESS_TOPIC, reference->name)) {
        return KAFKA_ERROR_TOPIC_AUTHORIZATION_FAILED;
    }
    topic = catalog_find_topic(catalog, reference->name);
    if (topic == NULL) {
        return KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
    }
    *out_topic = topic;
    return KAFKA_ERROR_NONE;
}

enum kafka_error hosted_partition_check(enum kafka_error topic_error,
                                        const struct catalog_topic *topic, int32_t index)
{
    if (topic_error == KAFKA_ERROR_NONE && (index < 0 || index >= topic->partition_count)) {
        return KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
    }
    return topic_error;
}

enum kafka_error hosted_partition_find(const struct request *request,
                                       const struct catalog_topic *topic, int32_t index,
                                       struct partition **out_partition)
{
    struct group_id group = {.topic = topic->id, .partition = index};

    enum kafka_error error = hosted_partition_check(KAFKA_ERROR_NONE, topic, index);

    if (error != KAFKA_ERROR_NONE) {
        return error;
    }
    *out_partition = partition_find(request->broker->partitions, group);
    return *out_partition == NULL ? KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER : KAFKA_ERROR_NONE;
}

bool hosted_partition_endpoint(const struct request *request, int32_t node_id,
                               struct broker_endpoint *out_endpoint)
{
    const struct catalog_broker *broker = catalog_find_broker(request->broker->catalog, node_id);

    if (broker == NULL) {
        return false;
    }
    for (int i = 0; i < broker->endpoint_count; i++) {
        const struct catalog_endpoint *endpoint = &broker->endpoints[i];

        if (string_is(endpoint->name, request->connection->listener->name)) {
            *out_endpoint = (struct broker_endpoint){
                .host = endpoint->host, .rack = broker->rack, .port = endpoint->port};
            return true;
        }
    }
    return false;
}
