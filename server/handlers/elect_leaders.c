/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ElectLeaders (43): leadership back to the preferred replica, or, unclean, to whatever replica is
 * left of a partition without a majority.
 *
 *     ASK each partition's leader ──(all answered)──► REPLY
 */
#include "wire_messages/elect_leaders.h"

#include "gyre/metadata/catalog.h"

#include "cluster/cluster.h"
#include "handlers/access.h"
#include "handlers/admin_handlers.h"
#include "handlers/auditing.h"
#include "handlers/broker.h"
#include "handlers/request.h"

enum election_type { ELECTION_PREFERRED = 0, ELECTION_UNCLEAN = 1 };

struct elections;

/* One question to the cluster. */
struct election_question {
    struct elections *elections;
    struct string topic; /* the name, for the audit */
    struct elect_leaders_response_replica_election_results_partition_result *out;
};

struct elections {
    struct request *request; /* we live in its arena */
    struct elect_leaders_request in;
    struct elect_leaders_response out;
    bool is_all;
    bool is_exhausted;
    int open; /* answers to come, and one until all are asked */
};

static void set_result(struct elect_leaders_response_replica_election_results_partition_result *out,
                       enum kafka_error error)
{
    out->error_code = (int16_t)error;
    out->error_message =
        error == KAFKA_ERROR_NONE ? STRING_NULL : string_from(kafka_error_text((int16_t)error));
}

/* Version 0 has no error of the whole. */
static void set_error(struct elections *self, enum kafka_error error)
{
    if (self->request->api_version > 0) {
        self->out.error_code = (int16_t)error;
    }
}

/* Who asked for all wants to hear only of those where there was something to do. */
static void drop_not_needed(struct elections *self)
{
    int32_t topics = 0;

    for (int32_t i = 0; i < self->out.replica_election_results.count; i++) {
        struct elect_leaders_response_replica_election_results topic =
            self->out.replica_election_results.items[i];
        int32_t kept = 0;
        for (int32_t j = 0; j < topic.partition_result.count; j++) {
            if (topic.partition_result.items[j].error_code != KAFKA_ERROR_ELECTION_NOT_NEEDED) {
                topic.partition_result.items[kept++] = topic.partition_result.items[j];
            }
        }
        topic.partition_result.count = kept;
        if (kept > 0) {
            self->out.replica_election_results.items[topics++] = topic;
        }
    }
    self->out.replica_election_results.count = topics;
}

static void drop_one(struct elections *self)
{
    CHECK(self->open > 0);
    self->open--;
    if (self->open > 0) {
        return;
    }
    if (self->is_exhausted) {
        request_close(self->request); /* larger than one request may grow */
        return;
    }
    if (self->is_all) {
        drop_not_needed(self);
    }
    if (self->in.timeout_ms <= 0) {
        set_error(self, KAFKA_ERROR_REQUEST_TIMED_OUT); /* nobody waits for nothing */
    }
    request_reply(self->request, &elect_leaders_response_layout, &self->out);
}

static void audit(const struct election_question *question)
{
    const struct elections *self = question->elections;
    int32_t partition = question->out->partition_id;
    struct elect_leaders_request_topic_partitions part = {.topic = question->topic,
                                                          .partitions = {&partition, 1}};
    const struct elect_leaders_request change = {.election_type = self->in.election_type,
                                                 .topic_partitions = {&part, 1},
                                                 .timeout_ms = self->in.timeout_ms};

    auditing_changed_as(self->request, &elect_leaders_request_layout, &change,
                        question->out->error_code);
}

static void on_elected(void *context, enum kafka_error error)
{
    struct election_question *question = context;

    set_result(question->out, error);
    audit(question);
    drop_one(question->elections);
}

static enum kafka_error check(const struct elections *self, const struct catalog_topic *topic,
                              int32_t partition)
{
    const struct cluster *cluster = self->request->broker->cluster;
    struct group_id group = {.topic = topic->id, .partition = partition};
    struct cluster_leader leader = cluster_leader(cluster, group);
    bool has_leader = leader.node_id >= 0 && cluster_broker_is_live(cluster, leader.node_id);
    int32_t preferred = topic->partitions[partition].replicas[0];

    if (self->in.election_type == ELECTION_UNCLEAN) {
        return has_leader ? KAFKA_ERROR_ELECTION_NOT_NEEDED : KAFKA_ERROR_NONE;
    }
    if (has_leader && leader.node_id == preferred) {
        return KAFKA_ERROR_ELECTION_NOT_NEEDED;
    }
    return cluster_broker_is_live(cluster, preferred) ? KAFKA_ERROR_NONE
                                                      : KAFKA_ERROR_PREFERRED_LEADER_NOT_AVAILABLE;
}

static void elect(struct elections *self, const struct catalog_topic *topic, struct string name,
                  int32_t partition,
                  struct elect_leaders_response_replica_election_results_partition_result *out)
{
    out->partition_id = partition;
    if (topic == NULL || partition < 0 || partition >= topic->partition_count) {
        set_result(out, KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
        return;
    }
    enum kafka_error error = check(self, topic, partition);
    if (error != KAFKA_ERROR_NONE) {
        set_result(out, error);
        return;
    }
    if (auditing_forbids_changes(self->request)) {
        set_result(out, KAFKA_ERROR_POLICY_VIOLATION);
        out->error_message = auditing_why_forbidden();
        return;
    }
    struct election_question *question = arena_alloc(&self->request->arena, sizeof *question);
    if (question == NULL) {
        set_result(out, KAFKA_ERROR_INVALID_REQUEST);
        return;
    }
    *question = (struct election_question){self, name, out};
    self->open++;
    cluster_elect(self->request->broker->cluster,
                  (struct group_id){.topic = topic->id, .partition = partition},
                  topic->partitions[partition].replicas[0],
                  self->in.election_type == ELECTION_UNCLEAN, on_elected, question);
}

static struct elect_leaders_response_replica_election_results *open_topic(struct elections *self,
                                                                          struct string name,
                                                                          int32_t partition_count)
{
    struct elect_leaders_response_replica_election_results *out =
        &self->out.replica_election_results.items[self->out.replica_election_results.count++];

    out->topic = name;
    if (elect_leaders_response_replica_election_results_partition_result_array_alloc(
            &out->partition_result, &self->request->arena, partition_count) != ERROR_NONE) {
        out->partition_result.count = 0;
        self->is_exhausted = true;
    }
    return out;
}

static void elect_whole_topic(void *context, const struct catalog_topic *topic)
{
    struct elections *self = context;
    struct string name;

    if (self->is_exhausted || !arena_copy_string(&self->request->arena, topic->name, &name)) {
        self->is_exhausted = true;
        return;
    }
    struct elect_leaders_response_replica_election_results *out =
        open_topic(self, name, topic->partition_count);
    for (int32_t i = 0; i < out->partition_result.count; i++) {
        elect(self, topic, name, i, &out->partition_result.items[i]);
    }
}

static void elect_named(struct elections *self,
                        const struct elect_leaders_request_topic_partitions *in)
{
    const struct catalog_topic *topic =
        catalog_find_topic(self->request->broker->catalog, in->topic);
    struct elect_leaders_response_replica_election_results *out =
        open_topic(self, in->topic, in->partitions.count);
    struct string name = STRING_NULL;

    /* The catalog's own text may go before the leaders have answered. */
    if (topic != NULL && !arena_copy_string(&self->request->arena, topic->name, &name)) {
        self->is_exhausted = true;
        return;
    }
    for (int32_t i = 0; i < out->partition_result.count; i++) {
        elect(self, topic, name, in->partitions.items[i], &out->partition_result.items[i]);
    }
}

static void elect_all(struct elections *self)
{
    struct request *request = self->request;
    int32_t count = self->is_all ? catalog_topic_count(request->broker->catalog)
                                 : self->in.topic_partitions.count;

    if (elect_leaders_response_replica_election_results_array_alloc(
            &self->out.replica_election_results, &request->arena, count) != ERROR_NONE) {
        request_close(request);
        return;
    }
    self->out.replica_election_results.count = 0;
    self->open = 1;
    if (self->is_all) {
        catalog_for_each_topic(request->broker->catalog, elect_whole_topic, self);
    }
    for (int32_t i = 0; i < self->in.topic_partitions.count && !self->is_exhausted; i++) {
        elect_named(self, &self->in.topic_partitions.items[i]);
    }
    drop_one(self);
}

void elect_leaders_handle(struct request *request)
{
    struct elections *self = request_alloc(request, sizeof *self);

    if (self == NULL) {
        return;
    }
    self->request = request;
    if (!request_decode(request, &elect_leaders_request_layout, &self->in)) {
        return;
    }
    self->is_all = self->in.topic_partitions.count < 0;
    elect_leaders_response_init(&self->out);
    if (!access_allows_cluster(request, ACCESS_ALTER)) {
        set_error(self, KAFKA_ERROR_CLUSTER_AUTHORIZATION_FAILED);
        request_reply(request, &elect_leaders_response_layout, &self->out);
        return;
    }
    if (self->in.election_type != ELECTION_PREFERRED &&
        self->in.election_type != ELECTION_UNCLEAN) {
        set_error(self, KAFKA_ERROR_INVALID_REQUEST);
        request_reply(request, &elect_leaders_response_layout, &self->out);
        return;
    }
    elect_all(self);
}
