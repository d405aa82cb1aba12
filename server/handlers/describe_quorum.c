/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DescribeQuorum (55): the catalog's Raft group under the name that Kafka's tools ask for. Only its
 * leader knows how far the others are.
 */
#include "wire_messages/describe_quorum.h"

#include "gyre/raft/consensus.h"
#include "gyre/runtime/loop.h"

#include "handlers/access.h"
#include "handlers/admin_handlers.h"
#include "handlers/broker.h"
#include "handlers/catalog_changes.h"
#include "handlers/error_map.h"
#include "handlers/forward.h"
#include "handlers/request.h"
#include "metadata/catalog_open.h"

static const struct string quorum_topic = {.bytes = "__cluster_metadata", .length = 18};

struct quorum_view {
    struct request *request; /* we live in its arena */
    struct describe_quorum_request in;
    struct describe_quorum_response out;
    struct member_progress members[CONSENSUS_MEMBERS_MAX];
    int member_count;
    uint64_t commit_index;
    bool is_exhausted;
};

static void reply_error(struct request *request, enum kafka_error error)
{
    struct describe_quorum_response out;

    describe_quorum_response_init(&out);
    out.error_code = (int16_t)error;
    out.error_message = string_from(kafka_error_text((int16_t)error));
    request_reply(request, &describe_quorum_response_layout, &out);
}

/* As Kafka counts: wall time of the last contact; -1 where there was none. */
static int64_t wall_ms_of(const struct request *request, uint64_t seen_us)
{
    const struct loop *loop = request->broker->loop;
    uint64_t now_us = loop_now_us(loop);

    if (seen_us == 0) {
        return -1;
    }
    return clock_wall_ms(loop->clock) - (int64_t)((now_us > seen_us ? now_us - seen_us : 0) / 1000);
}

static struct describe_quorum_response_replica_state state_of(const struct quorum_view *self,
                                                              const struct member_progress *member)
{
    const struct broker *broker = self->request->broker;
    const struct catalog_broker *registered = catalog_find_broker(broker->catalog, member->node);
    bool is_self = member->node == broker->node_id;
    int64_t seen_ms = is_self ? clock_wall_ms(broker->loop->clock)
                              : wall_ms_of(self->request, member->last_seen_us);
    /* The leader does not follow itself; it has at least what is committed. */
    uint64_t end = is_self && member->match_index < self->commit_index ? self->commit_index
                                                                       : member->match_index;
    struct describe_quorum_response_replica_state state = {
        .replica_id = member->node,
        .log_end_offset = (int64_t)end,
        .last_fetch_timestamp = seen_ms,
        .last_caught_up_timestamp = seen_ms,
    };

    if (registered != NULL && self->request->api_version >= 2) {
        state.replica_directory_id = registered->directory_id;
    }
    return state;
}

static void fill_states(struct quorum_view *self, enum member_role role,
                        struct describe_quorum_response_replica_state_array *out)
{
    out->items =
        arena_alloc_array(&self->request->arena, CONSENSUS_MEMBERS_MAX, sizeof *out->items);
    if (out->items == NULL) {
        self->is_exhausted = true;
        return;
    }
    for (int i = 0; i < self->member_count; i++) {
        if (self->members[i].role == role) {
            out->items[out->count++] = state_of(self, &self->members[i]);
        }
    }
}

static void fill_partition(struct quorum_view *self, struct string topic,
                           struct describe_quorum_response_topics_partitions *out)
{
    const struct broker *broker = self->request->broker;
    const struct consensus_group *group = catalog_group(broker->catalog);

    if (!string_equal(topic, quorum_topic) || out->partition_index != 0) {
        out->error_code = KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
        out->error_message = string_from(kafka_error_text(out->error_code));
        return;
    }
    out->leader_id = broker->node_id;
    out->leader_epoch = (int32_t)consensus_term(group);
    out->high_watermark = (int64_t)self->commit_index;
    fill_states(self, MEMBER_VOTER, &out->current_voters);
    fill_states(self, MEMBER_STANDBY, &out->observers);
}

static void fill_topic(struct quorum_view *self, const struct describe_quorum_request_topics *in,
                       struct describe_quorum_response_topics *out)
{
    out->topic_name = in->topic_name;
    if (describe_quorum_response_topics_partitions_array_alloc(
            &out->partitions, &self->request->arena, in->partitions.count) != ERROR_NONE) {
        self->is_exhausted = true;
        return;
    }
    for (int32_t i = 0; i < in->partitions.count && !self->is_exhausted; i++) {
        out->partitions.items[i].partition_index = in->partitions.items[i].partition_index;
        fill_partition(self, in->topic_name, &out->partitions.items[i]);
    }
}

static void fill_node(struct quorum_view *self, int32_t node,
                      struct describe_quorum_response_nodes *out)
{
    const struct catalog_broker *broker = catalog_find_broker(self->request->broker->catalog, node);

    out->node_id = node;
    if (broker == NULL) {
        return;
    }
    if (describe_quorum_response_nodes_listeners_array_alloc(
            &out->listeners, &self->request->arena, broker->endpoint_count) != ERROR_NONE) {
        self->is_exhausted = true;
        return;
    }
    for (int i = 0; i < broker->endpoint_count; i++) {
        out->listeners.items[i] = (struct describe_quorum_response_nodes_listeners){
            .name = broker->endpoints[i].name,
            .host = broker->endpoints[i].host,
            .port = broker->endpoints[i].port,
        };
    }
}

static void fill_nodes(struct quorum_view *self)
{
    if (self->request->api_version < 2) {
        return;
    }
    if (describe_quorum_response_nodes_array_alloc(&self->out.nodes, &self->request->arena,
                                                   self->member_count) != ERROR_NONE) {
        self->is_exhausted = true;
        return;
    }
    for (int i = 0; i < self->member_count; i++) {
        fill_node(self, self->members[i].node, &self->out.nodes.items[i]);
    }
}

static void describe(struct quorum_view *self)
{
    struct request *request = self->request;

    describe_quorum_response_init(&self->out);
    self->commit_index = consensus_commit_index(catalog_group(request->broker->catalog));
    self->member_count = consensus_members(catalog_group(request->broker->catalog), self->members);
    if (describe_quorum_response_topics_array_alloc(&self->out.topics, &request->arena,
                                                    self->in.topics.count) != ERROR_NONE) {
        self->is_exhausted = true;
    }
    for (int32_t i = 0; i < self->in.topics.count && !self->is_exhausted; i++) {
        fill_topic(self, &self->in.topics.items[i], &self->out.topics.items[i]);
    }
    fill_nodes(self);
    if (self->is_exhausted) {
        request_close(request);
        return;
    }
    request_reply(request, &describe_quorum_response_layout, &self->out);
}

static void on_failed(struct request *request, enum error error)
{
    reply_error(request, error == ERROR_CLOSED ? KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER
                                               : error_map_to_kafka(error));
}

void describe_quorum_handle(struct request *request)
{
    struct quorum_view *self = request_alloc(request, sizeof *self);

    if (self == NULL) {
        return;
    }
    self->request = request;
    if (!request_decode(request, &describe_quorum_request_layout, &self->in)) {
        return;
    }
    if (!access_allows_cluster(request, ACCESS_DESCRIBE)) {
        reply_error(request, KAFKA_ERROR_CLUSTER_AUTHORIZATION_FAILED);
    } else if (catalog_leads(request->broker->catalog)) {
        describe(self);
    } else if (!forward_to_catalog_leader(request, on_failed)) {
        reply_error(request, KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER);
    }
}
