/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OffsetFetch, of one group up to version 7, then of several. What was not committed is -1 without
 * an error. All versions are answered from the newest form, which is folded for the old ones.
 *
 * A broker that is not the coordinator any more asks the one that took over: librdkafka does not
 * repeat an OffsetFetch after NOT_COORDINATOR, and its consumer reads nothing of those partitions
 * until it is given others. Its heartbeat tells it who it is now.
 */
#include "wire_messages/offset_fetch.h"

#include "gyre/access/stream_name.h"
#include "gyre/base/check.h"
#include "gyre/metadata/catalog.h"

#include "coordinator/group_coordinator.h"
#include "handlers/access.h"
#include "handlers/broker.h"
#include "handlers/coordinator_wait.h"
#include "handlers/forward.h"
#include "handlers/group_handlers.h"
#include "handlers/hosted_partition.h"
#include "handlers/request.h"

enum offset_fetch_version {
    OFFSET_FETCH_GROUP_ERROR = 2, /* before, an error stands at each partition */
    OFFSET_FETCH_BATCHED = 8,
    OFFSET_FETCH_TOPIC_IDS = 10,
};

/* One group at work. */
struct group_fetch {
    struct request *request;
    struct offset_fetch_response_groups *out;
    /* ---- while all topics are told ---- */
    struct offset_fetch_response_groups_topics *topic;           /* the one being filled */
    struct offset_fetch_response_groups_topics_partitions *next; /* room for its offsets */
};

static void fill_partition(struct offset_fetch_response_groups_topics_partitions *out,
                           int32_t index, const struct group_offset *offset, enum kafka_error error)
{
    out->partition_index = index;
    out->committed_offset = offset->offset;
    out->committed_leader_epoch = offset->leader_epoch;
    out->metadata = offset->metadata;
    out->error_code = (int16_t)error;
}

/* ---- the topics that were named ---- */

static bool fetch_topic(struct group_fetch *fetch, struct string group_id,
                        const struct offset_fetch_request_groups_topics *in,
                        struct offset_fetch_response_groups_topics *out)
{
    static const struct group_offset none = {
        .offset = -1, .leader_epoch = -1, .metadata = {.bytes = "", .length = 0}};
    struct request *request = fetch->request;
    const struct topic_reference reference = {.by_id =
                                                  request->api_version >= OFFSET_FETCH_TOPIC_IDS,
                                              .name = in->name,
                                              .id = in->topic_id};
    const struct catalog_topic *topic = NULL;
    enum kafka_error error =
        hosted_partition_find_topic(request, &reference, ACCESS_DESCRIBE, &topic);
    struct stream_name_text legal;
    struct string name = topic != NULL ? topic->name : stream_name_legal(in->name, &legal);

    out->name = in->name;
    out->topic_id = in->topic_id;
    if (error == KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION) {
        error = KAFKA_ERROR_NONE; /* a name needs no topic: its offsets may be older */
    }
    if (offset_fetch_response_groups_topics_partitions_array_alloc(
            &out->partitions, &request->arena, in->partition_indexes.count) != ERROR_NONE) {
        return false;
    }
    for (int32_t i = 0; i < in->partition_indexes.count; i++) {
        int32_t index = in->partition_indexes.items[i];
        struct group_offset offset =
            error == KAFKA_ERROR_NONE
                ? group_coordinator_find_offset(request->broker->groups, group_id, name, index)
                : none;

        fill_partition(&out->partitions.items[i], index, &offset, error);
    }
    return true;
}

static bool fetch_named(struct group_fetch *fetch, const struct offset_fetch_request_groups *in)
{
    if (offset_fetch_response_groups_topics_array_alloc(&fetch->out->topics, &fetch->request->arena,
                                                        in->topics.count) != ERROR_NONE) {
        return false;
    }
    for (int32_t i = 0; i < in->topics.count; i++) {
        if (!fetch_topic(fetch, in->group_id, &in->topics.items[i], &fetch->out->topics.items[i])) {
            return false;
        }
    }
    return true;
}

/* ---- all topics ---- */

static bool begin_topic(struct group_fetch *fetch, struct string name)
{
    struct request *request = fetch->request;
    const struct topic_reference reference = {.name = name};
    const struct catalog_topic *topic = NULL;
    enum kafka_error error =
        hosted_partition_find_topic(request, &reference, ACCESS_DESCRIBE, &topic);

    if (error == KAFKA_ERROR_TOPIC_AUTHORIZATION_FAILED ||
        (topic == NULL && request->api_version >= OFFSET_FETCH_TOPIC_IDS)) {
        return false; /* as if it had no offsets */
    }
    fetch->topic = &fetch->out->topics.items[fetch->out->topics.count++];
    offset_fetch_response_groups_topics_init(fetch->topic);
    fetch->topic->name = name;
    fetch->topic->topic_id = topic != NULL ? topic->id : (struct uuid){0};
    fetch->topic->partitions.count = 0;
    return true;
}

static void add_offset(void *context, struct string topic, int32_t partition,
                       const struct group_offset *offset)
{
    struct group_fetch *fetch = context;
    struct offset_fetch_response_groups_topics_partitions *out;

    if (fetch->topic == NULL || !string_equal(fetch->topic->name, topic)) {
        fetch->topic = NULL;
        if (!begin_topic(fetch, topic)) {
            return;
        }
        fetch->topic->partitions.items = fetch->next;
    }
    out = &fetch->topic->partitions.items[fetch->topic->partitions.count++];
    fetch->next = out + 1;
    offset_fetch_response_groups_topics_partitions_init(out);
    fill_partition(out, partition, offset, KAFKA_ERROR_NONE);
}

static bool fetch_all(struct group_fetch *fetch, struct string group_id)
{
    const struct group_coordinator *groups = fetch->request->broker->groups;
    struct arena *arena = &fetch->request->arena;
    int32_t topic_count;
    int32_t offset_count;

    group_coordinator_count_offsets(groups, group_id, &topic_count, &offset_count);
    fetch->next = arena_alloc_array(arena, (size_t)offset_count + 1, sizeof *fetch->next);
    if (fetch->next == NULL || offset_fetch_response_groups_topics_array_alloc(
                                   &fetch->out->topics, arena, topic_count) != ERROR_NONE) {
        return false;
    }
    fetch->out->topics.count = 0;
    group_coordinator_for_each_offset(groups, group_id, add_offset, fetch);
    return true;
}

/* ---- one group, in the newest form ---- */

/* In the old versions an error stands at the partitions that were named. */
static bool refuse_group(struct group_fetch *fetch, const struct offset_fetch_request_groups *in,
                         enum kafka_error error)
{
    fetch->out->error_code = (int16_t)error;
    if (fetch->request->api_version >= OFFSET_FETCH_GROUP_ERROR) {
        return true;
    }
    if (!fetch_named(fetch, in)) {
        return false;
    }
    for (int32_t i = 0; i < fetch->out->topics.count; i++) {
        struct offset_fetch_response_groups_topics *topic = &fetch->out->topics.items[i];

        for (int32_t j = 0; j < topic->partitions.count; j++) {
            topic->partitions.items[j].committed_offset = -1;
            topic->partitions.items[j].metadata = STRING("");
            topic->partitions.items[j].error_code = (int16_t)error;
        }
    }
    return true;
}

static bool fetch_group(struct request *request, const struct offset_fetch_request_groups *in,
                        struct offset_fetch_response_groups *out)
{
    struct group_fetch fetch = {.request = request, .out = out};
    enum kafka_error error;

    out->group_id = in->group_id;
    error = access_allows(request, ACCESS_DESCRIBE, ACCESS_GROUP, in->group_id)
                ? group_coordinator_check(request->broker->groups, in->group_id)
                : KAFKA_ERROR_GROUP_AUTHORIZATION_FAILED;
    if (error != KAFKA_ERROR_NONE) {
        return refuse_group(&fetch, in, error);
    }
    return in->topics.count < 0 ? fetch_all(&fetch, in->group_id) : fetch_named(&fetch, in);
}

/* ---- the two forms ---- */

static bool unfold(struct request *request, const struct offset_fetch_request *in,
                   struct offset_fetch_request_groups *out)
{
    offset_fetch_request_groups_init(out);
    out->group_id = in->group_id;
    if (in->topics.count < 0) {
        out->topics.items = NULL;
        out->topics.count = -1;
        return true;
    }
    if (offset_fetch_request_groups_topics_array_alloc(&out->topics, &request->arena,
                                                       in->topics.count) != ERROR_NONE) {
        return false;
    }
    for (int32_t i = 0; i < in->topics.count; i++) {
        out->topics.items[i].name = in->topics.items[i].name;
        out->topics.items[i].partition_indexes = in->topics.items[i].partition_indexes;
    }
    return true;
}

static bool fold_topic(struct request *request,
                       const struct offset_fetch_response_groups_topics *in,
                       struct offset_fetch_response_topics *out)
{
    out->name = in->name;
    if (offset_fetch_response_topics_partitions_array_alloc(&out->partitions, &request->arena,
                                                            in->partitions.count) != ERROR_NONE) {
        return false;
    }
    for (int32_t i = 0; i < in->partitions.count; i++) {
        const struct offset_fetch_response_groups_topics_partitions *from =
            &in->partitions.items[i];

        out->partitions.items[i].partition_index = from->partition_index;
        out->partitions.items[i].committed_offset = from->committed_offset;
        out->partitions.items[i].committed_leader_epoch = from->committed_leader_epoch;
        out->partitions.items[i].metadata = from->metadata;
        out->partitions.items[i].error_code = from->error_code;
    }
    return true;
}

static bool answer_single(struct request *request, const struct offset_fetch_request *in,
                          struct offset_fetch_response *out)
{
    struct offset_fetch_request_groups group;
    struct offset_fetch_response_groups answer;

    offset_fetch_response_groups_init(&answer);
    if (!unfold(request, in, &group) || !fetch_group(request, &group, &answer)) {
        return false;
    }
    out->error_code = answer.error_code;
    if (offset_fetch_response_topics_array_alloc(&out->topics, &request->arena,
                                                 answer.topics.count) != ERROR_NONE) {
        return false;
    }
    for (int32_t i = 0; i < answer.topics.count; i++) {
        if (!fold_topic(request, &answer.topics.items[i], &out->topics.items[i])) {
            return false;
        }
    }
    return true;
}

static bool answer_batched(struct request *request, const struct offset_fetch_request *in,
                           struct offset_fetch_response *out)
{
    if (offset_fetch_response_groups_array_alloc(&out->groups, &request->arena, in->groups.count) !=
        ERROR_NONE) {
        return false;
    }
    for (int32_t i = 0; i < in->groups.count; i++) {
        if (!fetch_group(request, &in->groups.items[i], &out->groups.items[i])) {
            return false;
        }
    }
    return true;
}

static bool waits_for_coordinators(struct request *request, const struct offset_fetch_request *in)
{
    if (request->api_version < OFFSET_FETCH_BATCHED) {
        return coordinator_wait(request, in->group_id, offset_fetch_handle);
    }
    for (int32_t i = 0; i < in->groups.count; i++) {
        if (coordinator_wait(request, in->groups.items[i].group_id, offset_fetch_handle)) {
            return true;
        }
    }
    return false;
}

static void answer(struct request *request, const struct offset_fetch_request *in)
{
    struct offset_fetch_response out;
    bool is_answered;

    offset_fetch_response_init(&out);
    is_answered = request->api_version < OFFSET_FETCH_BATCHED ? answer_single(request, in, &out)
                                                              : answer_batched(request, in, &out);
    if (!is_answered) {
        request_close(request);
        return;
    }
    request_reply(request, &offset_fetch_response_layout, &out);
}

/* ---- at the coordinator that took over ---- */

static void on_not_forwarded(struct request *request, enum error error)
{
    struct offset_fetch_request in;

    (void)error; /* the client finds out who it is */
    request_rewind(request);
    if (request_decode(request, &offset_fetch_request_layout, &in)) {
        answer(request, &in);
    }
}

/* -1: it is this broker, nobody, or not for the one who asks to know. */
static int32_t foreign_coordinator(struct request *request, struct string group_id)
{
    const struct group_coordinator *groups = request->broker->groups;

    return access_allows(request, ACCESS_DESCRIBE, ACCESS_GROUP, group_id) &&
                   group_coordinator_check(groups, group_id) == KAFKA_ERROR_NOT_COORDINATOR
               ? group_coordinator_leader(groups, group_id)
               : -1;
}

/* The whole request goes there, so one broker must coordinate all its groups. */
static bool forward_to_coordinator(struct request *request, const struct offset_fetch_request *in)
{
    int32_t node_id;

    if (request->api_version < OFFSET_FETCH_BATCHED) {
        return forward_to_broker(request, foreign_coordinator(request, in->group_id),
                                 on_not_forwarded);
    }
    if (in->groups.count <= 0) {
        return false;
    }
    node_id = foreign_coordinator(request, in->groups.items[0].group_id);
    for (int32_t i = 1; i < in->groups.count; i++) {
        if (foreign_coordinator(request, in->groups.items[i].group_id) != node_id) {
            return false;
        }
    }
    return forward_to_broker(request, node_id, on_not_forwarded);
}

void offset_fetch_handle(struct request *request)
{
    struct offset_fetch_request in;

    if (request_decode(request, &offset_fetch_request_layout, &in) &&
        !waits_for_coordinators(request, &in) && !forward_to_coordinator(request, &in)) {
        answer(request, &in);
    }
}
