/* SPDX-License-Identifier: Apache-2.0 */
/* OffsetDelete, topic by topic; a group that reads a topic keeps its offsets (KIP-496). */
#include "wire_messages/offset_delete.h"

#include "gyre/base/check.h"
#include "gyre/metadata/catalog.h"

#include "coordinator/group_coordinator.h"
#include "handlers/access.h"
#include "handlers/auditing.h"
#include "handlers/broker.h"
#include "handlers/coordinator_wait.h"
#include "handlers/group_handlers.h"
#include "handlers/hosted_partition.h"
#include "handlers/request.h"
#include "handlers/stream_topics.h"

struct offset_delete {
    struct request *request; /* we live in its arena */
    struct offset_delete_request in;
    struct offset_delete_response out;
    struct group_offset_delete remove;
};

static void audit_partition(const struct offset_delete *self, struct string topic,
                            const struct offset_delete_response_topics_partitions *out)
{
    struct offset_delete_request_topics_partitions asked = {.partition_index =
                                                                out->partition_index};
    struct offset_delete_request_topics one = {.name = topic, .partitions = {&asked, 1}};
    const struct offset_delete_request change = {.group_id = self->in.group_id,
                                                 .topics = {&one, 1}};

    auditing_changed_as(self->request, &offset_delete_request_layout, &change, out->error_code);
}

/* What prepare_topic() refused was not tried; the coordinator has other reasons. */
static bool was_tried(int16_t error)
{
    return error != KAFKA_ERROR_TOPIC_AUTHORIZATION_FAILED &&
           error != KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
}

static void audit(const struct offset_delete *self)
{
    if (self->out.error_code != KAFKA_ERROR_NONE) {
        auditing_changed_as(self->request, &offset_delete_request_layout, &self->in,
                            self->out.error_code);
        return;
    }
    for (int32_t i = 0; i < self->out.topics.count; i++) {
        const struct offset_delete_response_topics *topic = &self->out.topics.items[i];

        for (int32_t j = 0; j < topic->partitions.count; j++) {
            if (was_tried(topic->partitions.items[j].error_code)) {
                audit_partition(self, self->in.topics.items[i].name, &topic->partitions.items[j]);
            }
        }
    }
}

static void on_deleted(struct group_call *call)
{
    struct offset_delete *self = CONTAINER_OF(call, struct offset_delete, remove.call);

    audit(self);
    request_reply(self->request, &offset_delete_response_layout, &self->out);
}

static bool prepare_topic(struct offset_delete *self, struct offset_delete_request_topics *in,
                          struct offset_delete_response_topics *out)
{
    const struct topic_reference reference = {.name = in->name};
    const struct catalog_topic *topic = NULL;
    enum kafka_error error =
        hosted_partition_find_topic(self->request, &reference, ACCESS_READ, &topic);

    out->name = in->name;
    in->name = stream_topics_legal(self->request, in->name);
    if (in->name.bytes == NULL ||
        offset_delete_response_topics_partitions_array_alloc(
            &out->partitions, &self->request->arena, in->partitions.count) != ERROR_NONE) {
        return false;
    }
    for (int32_t i = 0; i < in->partitions.count; i++) {
        int32_t index = in->partitions.items[i].partition_index;

        out->partitions.items[i].partition_index = index;
        out->partitions.items[i].error_code = (int16_t)hosted_partition_check(error, topic, index);
    }
    return true;
}

static bool prepare(struct offset_delete *self)
{
    if (offset_delete_response_topics_array_alloc(&self->out.topics, &self->request->arena,
                                                  self->in.topics.count) != ERROR_NONE) {
        return false;
    }
    for (int32_t i = 0; i < self->in.topics.count; i++) {
        if (!prepare_topic(self, &self->in.topics.items[i], &self->out.topics.items[i])) {
            return false;
        }
    }
    return true;
}

static void refuse(struct offset_delete *self, enum kafka_error error)
{
    self->out.error_code = (int16_t)error;
    request_reply(self->request, &offset_delete_response_layout, &self->out);
}

void offset_delete_handle(struct request *request)
{
    struct offset_delete *self = request_alloc(request, sizeof *self);

    if (self == NULL || !request_decode(request, &offset_delete_request_layout, &self->in)) {
        return;
    }
    self->request = request;
    offset_delete_response_init(&self->out);
    if (!access_allows(request, ACCESS_DELETE, ACCESS_GROUP, self->in.group_id)) {
        refuse(self, KAFKA_ERROR_GROUP_AUTHORIZATION_FAILED);
        return;
    }
    if (coordinator_wait(request, self->in.group_id, offset_delete_handle)) {
        return;
    }
    if (auditing_forbids_changes(request)) {
        refuse(self, KAFKA_ERROR_POLICY_VIOLATION);
        return;
    }
    if (!prepare(self)) {
        request_close(request);
        return;
    }
    self->remove = (struct group_offset_delete){
        .call = {.arena = &request->arena, .done = on_deleted},
        .in = &self->in,
        .out = &self->out,
    };
    group_coordinator_delete_offsets(request->broker->groups, &self->remove);
}
