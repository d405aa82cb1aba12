/* SPDX-License-Identifier: Apache-2.0 */
/* OffsetForLeaderEpoch tells where a leader epoch ended, so that clients notice truncation
 * (KIP-320). */
#include "handlers/offset_for_leader_epoch.h"

#include "gyre/metadata/catalog.h"
#include "gyre/partition/partition.h"

#include "handlers/broker.h"
#include "handlers/hosted_partition.h"
#include "handlers/request.h"
#include "wire_messages/offset_for_leader_epoch.h"

static enum kafka_error answer_partition(
    const struct request *request, const struct catalog_topic *topic,
    const struct offset_for_leader_epoch_request_topics_partitions *in,
    struct offset_for_leader_epoch_response_topics_partitions *out)
{
    struct partition *partition;
    enum kafka_error error = hosted_partition_find(request, topic, in->partition, &partition);

    if (error == KAFKA_ERROR_NONE) {
        error = partition_check_epoch(partition, in->current_leader_epoch, true);
    }
    if (error == KAFKA_ERROR_NONE) {
        partition_end_of_epoch(partition, in->leader_epoch, &out->leader_epoch, &out->end_offset);
    }
    return error;
}

/* Who may act for the cluster need not be named by a rule about the topic. */
static enum kafka_error find_topic(const struct request *request,
                                   const struct topic_reference *reference,
                                   const struct catalog_topic **out_topic)
{
    if (!access_sees_cluster(request, ACCESS_CLUSTER_ACTION)) {
        return hosted_partition_find_topic(request, reference, ACCESS_DESCRIBE, out_topic);
    }
    *out_topic = catalog_find_topic(request->broker->catalog, reference->name);
    return *out_topic == NULL ? KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION : KAFKA_ERROR_NONE;
}

static void answer_topic(const struct request *request,
                         const struct offset_for_leader_epoch_request_topics *in,
                         struct offset_for_leader_epoch_response_topics *out)
{
    const struct topic_reference reference = {.name = in->topic};
    const struct catalog_topic *topic = NULL;
    enum kafka_error error = find_topic(request, &reference, &topic);

    out->topic = in->topic;
    for (int32_t i = 0; i < in->partitions.count; i++) {
        struct offset_for_leader_epoch_response_topics_partitions *part = &out->partitions.items[i];
        enum kafka_error part_error = error;

        part->partition = in->partitions.items[i].partition;
        if (part_error == KAFKA_ERROR_NONE) {
            part_error = answer_partition(request, topic, &in->partitions.items[i], part);
        }
        part->error_code = (int16_t)part_error;
    }
}

void offset_for_leader_epoch_handle(struct request *request)
{
    struct offset_for_leader_epoch_request in;
    struct offset_for_leader_epoch_response out;
    enum error error;

    if (!request_decode(request, &offset_for_leader_epoch_request_layout, &in)) {
        return;
    }
    offset_for_leader_epoch_response_init(&out);
    error = offset_for_leader_epoch_response_topics_array_alloc(&out.topics, &request->arena,
                                                                in.topics.count);
    for (int32_t i = 0; error == ERROR_NONE && i < in.topics.count; i++) {
        error = offset_for_leader_epoch_response_topics_partitions_array_alloc(
            &out.topics.items[i].partitions, &request->arena, in.topics.items[i].partitions.count);
        if (error == ERROR_NONE) {
            answer_topic(request, &in.topics.items[i], &out.topics.items[i]);
        }
    }
    if (error != ERROR_NONE) {
        request_close(request);
        return;
    }
    request_reply(request, &offset_for_leader_epoch_response_layout, &out);
}
