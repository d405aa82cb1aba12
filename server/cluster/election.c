/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ElectLeaders. A preferred election asks the leader, wherever it is, to hand over. An unclean one
 * asks every live replica how much it has and makes the one with the most a group of its own: what
 * the others had beyond it is lost, which the operator has been told.
 */
#include <stdlib.h>

#include "gyre/base/arena.h"
#include "gyre/observe/log.h"

#include "cluster/cluster_private.h"
#include "wire_messages/cluster_link.h"

enum { ARENA_BYTES_MAX = 4096 };
static const uint64_t ASK_TIMEOUT_US = 5 * 1000 * 1000;

struct election {
    struct rpc *rpc; /* which is there for every answer; the cluster may be gone */
    struct group_id group;
    int32_t preferred;
    cluster_done done;
    void *context;
    /* unclean: the questions that are open, and the best answer */
    int questions_open;
    int32_t best_node;
    int64_t best_term;
    int64_t best_end_offset;
};

struct question {
    struct election *election;
    int32_t node;
};

static void end_election(struct election *election, enum kafka_error error)
{
    election->done(election->context, error);
    free(election);
}

static struct buffer_slice encode_request(const struct election *election, bool is_unclean,
                                          bool is_question)
{
    struct cluster_elect_request out;
    struct buffer *bytes = NULL;

    cluster_elect_request_init(&out);
    out.topic_id = election->group.topic;
    out.partition = election->group.partition;
    out.preferred = election->preferred;
    out.is_unclean = is_unclean;
    out.is_question = is_question;
    CHECK(message_encode_record(&cluster_elect_request_layout, 0, 0, &out, &bytes) == ERROR_NONE);
    return (struct buffer_slice){bytes, bytes->bytes, bytes->size};
}

static bool decode_response(struct buffer_slice bytes, struct cluster_elect_response *out)
{
    struct arena arena;
    enum error error;

    arena_init(&arena, ARENA_BYTES_MAX);
    error = message_decode_record(&cluster_elect_response_layout, 0, bytes, &arena, out);
    arena_release(&arena);
    return error == ERROR_NONE;
}

/* ---- asking ---- */

static void on_elected(void *context, enum error error, struct buffer_slice bytes)
{
    struct election *election = context;
    struct cluster_elect_response in;

    if (error == ERROR_TIMEOUT) {
        end_election(election, KAFKA_ERROR_REQUEST_TIMED_OUT);
    } else if (error != ERROR_NONE || !decode_response(bytes, &in)) {
        end_election(election, KAFKA_ERROR_PREFERRED_LEADER_NOT_AVAILABLE);
    } else {
        end_election(election, (enum kafka_error)in.error_code);
    }
}

static void force_best(struct election *election)
{
    if (election->best_node < 0) {
        end_election(election, KAFKA_ERROR_ELIGIBLE_LEADERS_NOT_AVAILABLE);
        return;
    }
    rpc_call(election->rpc, election->best_node, RPC_ELECT, encode_request(election, true, false),
             ASK_TIMEOUT_US, on_elected, election);
}

static void on_answer(void *context, enum error error, struct buffer_slice bytes)
{
    struct question *question = context;
    struct election *election = question->election;
    struct cluster_elect_response in;

    if (error == ERROR_NONE && decode_response(bytes, &in) && in.error_code == KAFKA_ERROR_NONE &&
        (in.last_term > election->best_term ||
         (in.last_term == election->best_term && in.end_offset > election->best_end_offset))) {
        election->best_node = question->node;
        election->best_term = in.last_term;
        election->best_end_offset = in.end_offset;
    }
    free(question);
    if (--election->questions_open == 0) {
        force_best(election);
    }
}

static void ask_replicas(const struct cluster *cluster, struct election *election,
                         const struct catalog_partition *partition)
{
    election->questions_open = 1;
    for (int i = 0; i < partition->replica_count; i++) {
        if (cluster_broker_is_live(cluster, partition->replicas[i])) {
            struct question *question = check_alloc(sizeof *question);

            *question = (struct question){election, partition->replicas[i]};
            election->questions_open++;
            rpc_call(election->rpc, question->node, RPC_ELECT, encode_request(election, true, true),
                     ASK_TIMEOUT_US, on_answer, question);
        }
    }
    if (--election->questions_open == 0) {
        force_best(election);
    }
}

void cluster_elect(struct cluster *cluster, struct group_id group, int32_t preferred,
                   bool is_unclean, cluster_done done, void *context)
{
    const struct catalog_topic *topic =
        catalog_find_topic_by_id(cluster->services.catalog, group.topic);
    struct cluster_leader leader = cluster_leader(cluster, group);
    struct election *election = check_alloc_zero(sizeof *election);

    *election = (struct election){.rpc = cluster->services.rpc,
                                  .group = group,
                                  .preferred = preferred,
                                  .done = done,
                                  .context = context,
                                  .best_node = -1,
                                  .best_term = -1};
    if (topic == NULL || group.partition >= topic->partition_count) {
        end_election(election, KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    } else if (is_unclean && leader.node_id >= 0) {
        end_election(election, KAFKA_ERROR_ELECTION_NOT_NEEDED);
    } else if (is_unclean) {
        ask_replicas(cluster, election, &topic->partitions[group.partition]);
    } else if (leader.node_id == preferred) {
        end_election(election, KAFKA_ERROR_ELECTION_NOT_NEEDED);
    } else if (leader.node_id < 0 || !cluster_broker_is_live(cluster, preferred)) {
        end_election(election, KAFKA_ERROR_PREFERRED_LEADER_NOT_AVAILABLE);
    } else {
        rpc_call(cluster->services.rpc, leader.node_id, RPC_ELECT,
                 encode_request(election, false, false), ASK_TIMEOUT_US, on_elected, election);
    }
}

/* ---- being asked ---- */

static void answer(struct rpc_request request, enum kafka_error error, int64_t end_offset,
                   int64_t last_term)
{
    struct cluster_elect_response out;
    struct buffer *bytes = NULL;

    cluster_elect_response_init(&out);
    out.error_code = (int16_t)error;
    out.end_offset = end_offset;
    out.last_term = last_term;
    CHECK(message_encode_record(&cluster_elect_response_layout, 0, 0, &out, &bytes) == ERROR_NONE);
    rpc_answer(request, ERROR_NONE, (struct buffer_slice){bytes, bytes->bytes, bytes->size});
}

static void on_transferred(void *context, enum error error)
{
    struct rpc_request *request = context;

    answer(*request,
           error == ERROR_NONE ? KAFKA_ERROR_NONE : KAFKA_ERROR_PREFERRED_LEADER_NOT_AVAILABLE, 0,
           0);
    free(request);
}

static void serve_unclean(struct rpc_request request, struct partition *partition, bool is_question)
{
    struct consensus_group *group = partition_consensus(partition);
    struct partition_status status;
    uint64_t last_term = 0;
    enum error error = consensus_may_force(group, &last_term);

    partition_status(partition, &status);
    if (!is_question && error == ERROR_NONE) {
        log_warning(LOG_CLUSTER,
                    "an operator recovers a partition from this replica alone: what had been "
                    "acknowledged from its end offset on is lost",
                    field_i64("partition", partition_group(partition).partition),
                    field_i64("end_offset", status.end_offset));
        error = consensus_force_single_member(group);
    }
    answer(request,
           error == ERROR_NONE ? KAFKA_ERROR_NONE : KAFKA_ERROR_ELIGIBLE_LEADERS_NOT_AVAILABLE,
           status.end_offset, (int64_t)last_term);
}

static void serve_preferred(struct rpc_request request, struct partition *partition,
                            int32_t preferred)
{
    struct rpc_request *pending;

    if (!consensus_leads(partition_consensus(partition))) {
        answer(request, KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER, 0, 0);
        return;
    }
    pending = check_alloc(sizeof *pending);
    *pending = request;
    consensus_transfer(partition_consensus(partition), preferred, on_transferred, pending);
}

static void serve_elect(void *context, struct rpc_request request, struct buffer_slice body)
{
    struct cluster *cluster = context;
    struct cluster_elect_request in;
    struct partition *partition;
    struct arena arena;
    enum error error;

    arena_init(&arena, ARENA_BYTES_MAX);
    error = message_decode_record(&cluster_elect_request_layout, 0, body, &arena, &in);
    arena_release(&arena);
    if (error != ERROR_NONE) {
        rpc_answer(request, error, (struct buffer_slice){0});
        return;
    }
    partition =
        partition_find(cluster->services.partitions, (struct group_id){in.topic_id, in.partition});
    if (partition == NULL) {
        answer(request, KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER, 0, 0);
    } else if (in.is_unclean) {
        serve_unclean(request, partition, in.is_question);
    } else {
        serve_preferred(request, partition, in.preferred);
    }
}

void election_start(struct cluster *cluster)
{
    rpc_serve(cluster->services.rpc, RPC_ELECT, serve_elect, cluster);
}
