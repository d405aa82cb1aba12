/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OffsetCommit. Topics and partitions that are not there, or not for the one who asks, are refused
 * one by one; the rest goes to the coordinator as one.
 */
#include "wire_messages/offset_commit.h"

#include "gyre/base/check.h"
#include "gyre/metadata/catalog.h"

#include "coordinator/group_coordinator.h"
#include "handlers/access.h"
#include "handlers/broker.h"
#include "handlers/coordinator_wait.h"
#include "handlers/group_handlers.h"
#include "handlers/hosted_partition.h"
#include "handlers/request.h"

enum { OFFSET_COMMIT_TOPIC_IDS = 10 };

struct offset_commit {
    struct request *request; /* we live in its arena */
    struct offset_commit_request in;
    struct offset_commit_response out;
    struct group_commit commit;
};

static void reply(struct offset_commit *self)
{
    request_reply(self->request, &offset_commit_response_layout, &self->out);
}

static void on_committed(struct group_call *call)
{
    reply(CONTAINER_OF(call, struct offset_commit, commit.call));
}

/* From here on the topic has its legal name, also if it came by id or path. False: memory is
 * exhausted. */
static bool name_topic(struct offset_commit *self, struct offset_commit_request_topics *in,
                       const struct catalog_topic *topic)
{
    if (topic == NULL || string_equal(in->name, topic->name)) {
        return true;
    }
    return arena_copy_string(&self->request->arena, topic->name, &in->name);
}

static bool prepare_topic(struct offset_commit *self, struct offset_commit_request_topics *in,
                          struct offset_commit_response_topics *out)
{
    const struct topic_reference reference = {.by_id = self->request->api_version >=
                                                       OFFSET_COMMIT_TOPIC_IDS,
                                              .name = in->name,
                                              .id = in->topic_id};
    const struct catalog_topic *topic = NULL;
    enum kafka_error error =
        hosted_partition_find_topic(self->request, &reference, ACCESS_READ, &topic);

    out->name = in->name;
    out->topic_id = in->topic_id;
    if (!name_topic(self, in, topic) ||
        offset_commit_response_topics_partitions_array_alloc(
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

static bool prepare(struct offset_commit *self)
{
    if (offset_commit_response_topics_array_alloc(&self->out.topics, &self->request->arena,
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

static void refuse_all(struct offset_commit *self, enum kafka_error error)
{
    for (int32_t i = 0; i < self->out.topics.count; i++) {
        struct offset_commit_response_topics *topic = &self->out.topics.items[i];

        for (int32_t j = 0; j < topic->partitions.count; j++) {
            topic->partitions.items[j].error_code = (int16_t)error;
        }
    }
    reply(self);
}

void offset_commit_handle(struct request *request)
{
    struct offset_commit *self = request_alloc(request, sizeof *self);

    if (self == NULL || !request_decode(request, &offset_commit_request_layout, &self->in)) {
        return;
    }
    self->request = request;
    offset_commit_response_init(&self->out);
    if (!prepare(self)) {
        request_close(request);
        return;
    }
    if (!access_allows(request, ACCESS_READ, ACCESS_GROUP, self->in.group_id)) {
        refuse_all(self, KAFKA_ERROR_GROUP_AUTHORIZATION_FAILED);
        return;
    }
    if (coordinator_wait(request, self->in.group_id, offset_commit_handle)) {
        return;
    }
    self->commit = (struct group_commit){
        .call = {.arena = &request->arena, .done = on_committed},
        .in = &self->in,
        .out = &self->out,
        .version = request->api_version,
    };
    group_coordinator_commit(request->broker->groups, &self->commit);
}
