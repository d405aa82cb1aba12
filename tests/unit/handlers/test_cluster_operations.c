/* SPDX-License-Identifier: Apache-2.0 */
/* DescribeCluster, reassignments, elections and DescribeQuorum, the last also through a broker that
 * does not lead the catalog. */
#include <string.h>

#include "gyre/audit/audit.h"
#include "gyre/config/config.h"
#include "gyre/runtime/loop.h"

#include "admin_region.h"
#include "handlers/dispatch.h"
#include "handlers/forward.h"
#include "support/test.h"
#include "wire_messages/alter_partition_reassignments.h"
#include "wire_messages/api_keys.h"
#include "wire_messages/describe_cluster.h"
#include "wire_messages/describe_quorum.h"
#include "wire_messages/elect_leaders.h"
#include "wire_messages/list_partition_reassignments.h"

static void ask_for_quorum(struct admin_region *admin, int16_t version,
                           struct describe_quorum_response *out)
{
    struct describe_quorum_request_topics_partitions partition = {.partition_index = 0};
    struct describe_quorum_request_topics topic = {STRING("__cluster_metadata"), {&partition, 1}};
    struct describe_quorum_request in = {.topics = {&topic, 1}};

    admin_region_ask(admin, API_DESCRIBE_QUORUM, version, &in, describe_quorum_handle, out);
}

/* Forwarded requests are dispatched by the broker's own table, which would link every handler. */
const struct handler_table *dispatch_table(void)
{
    static const struct handler handlers[] = {{API_DESCRIBE_QUORUM, describe_quorum_handle, 0}};
    static const struct handler_table table = {handlers, 1};

    return &table;
}

static void every_broker_describes_the_quorum(void **state)
{
    struct admin_region *admin = admin_region_new();
    struct broker others[REGION_NODES];
    int leader = region_settle(admin->region);

    (void)state;
    for (int i = 0; i < REGION_NODES; i++) {
        struct region_node *node = &admin->region->nodes[i];
        others[i] = admin->broker;
        others[i].node_id = i;
        others[i].loop = &node->loop;
        others[i].rpc = node->rpc;
        others[i].catalog = node->catalog;
        forward_serve(&others[i]);
    }
    for (int i = 0; i < REGION_NODES; i++) {
        for (int16_t version = 0; version <= 2; version++) {
            struct describe_quorum_response out;
            request_fixture_release(&admin->fixture);
            request_fixture_init(&admin->fixture, &others[i]);
            admin->region->nodes[i].is_woken = true;
            ask_for_quorum(admin, version, &out);
            assert_int_equal(out.error_code, KAFKA_ERROR_NONE);
            const struct describe_quorum_response_topics_partitions *partition =
                &out.topics.items[0].partitions.items[0];
            assert_int_equal(partition->leader_id, leader);
            assert_int_equal(partition->current_voters.count, 3);
            assert_true(partition->high_watermark > 0);
            assert_int_equal(out.nodes.count, version < 2 ? 0 : 3);
        }
    }
    admin_region_free(admin);
}

static void dead_brokers_are_shown_where_that_is_asked_for(void **state)
{
    struct admin_region *admin = admin_region_new();
    struct describe_cluster_request in;
    struct describe_cluster_response out;

    (void)state;
    admin->cluster.dead = 2;
    describe_cluster_request_init(&in);
    admin_region_ask(admin, API_DESCRIBE_CLUSTER, 0, &in, describe_cluster_handle, &out);
    assert_int_equal(out.error_code, KAFKA_ERROR_NONE);
    assert_int_equal(out.brokers.count, 2);
    in.include_fenced_brokers = true;
    admin_region_ask(admin, API_DESCRIBE_CLUSTER, 2, &in, describe_cluster_handle, &out);
    assert_int_equal(out.brokers.count, 3);
    assert_true(out.cluster_id.length > 0);
    in.include_fenced_brokers = false;
    in.endpoint_type = 2;
    admin_region_ask(admin, API_DESCRIBE_CLUSTER, 1, &in, describe_cluster_handle, &out);
    assert_int_equal(out.error_code, KAFKA_ERROR_MISMATCHED_ENDPOINT_TYPE);
    in.endpoint_type = 9;
    admin_region_ask(admin, API_DESCRIBE_CLUSTER, 1, &in, describe_cluster_handle, &out);
    assert_int_equal(out.error_code, KAFKA_ERROR_UNSUPPORTED_ENDPOINT_TYPE);
    admin_region_free(admin);
}

static int16_t reassign(struct admin_region *admin, const char *name, int32_t partition,
                        struct int32_array nodes, bool may_change_factor)
{
    struct alter_partition_reassignments_request_topics_partitions change = {partition, nodes};
    struct alter_partition_reassignments_request_topics topic = {string_from(name), {&change, 1}};
    struct alter_partition_reassignments_request in = {
        .allow_replication_factor_change = may_change_factor, .topics = {&topic, 1}};
    struct alter_partition_reassignments_response out;

    admin_region_ask(admin, API_ALTER_PARTITION_REASSIGNMENTS, 1, &in,
                     alter_partition_reassignments_handle, &out);
    assert_int_equal(out.error_code, KAFKA_ERROR_NONE);
    return out.responses.items[0].partitions.items[0].error_code;
}

static void reassignments_begin_are_listed_and_called_off(void **state)
{
    struct admin_region *admin = admin_region_new();
    int32_t there[] = {2, 1};
    int32_t twice[] = {2, 2};
    struct int32_array none = {.count = -1};
    struct list_partition_reassignments_request in = {.topics = {.count = -1}};
    struct list_partition_reassignments_response out;
    int32_t here = admin_region_topic(admin, "views")->partitions[0].replicas[0];

    (void)state;
    there[1] = here;
    there[0] = (here + 1) % 3;
    assert_int_equal(reassign(admin, "views", 0, none, true),
                     KAFKA_ERROR_NO_REASSIGNMENT_IN_PROGRESS);
    assert_int_equal(reassign(admin, "nobody", 0, (struct int32_array){there, 2}, true),
                     KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(reassign(admin, "views", 1, (struct int32_array){there, 2}, true),
                     KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(reassign(admin, "views", 0, (struct int32_array){twice, 2}, true),
                     KAFKA_ERROR_INVALID_REPLICA_ASSIGNMENT);
    assert_int_equal(reassign(admin, "views", 0, (struct int32_array){there, 2}, false),
                     KAFKA_ERROR_INVALID_REPLICATION_FACTOR);
    assert_int_equal(reassign(admin, "views", 0, (struct int32_array){there, 2}, true),
                     KAFKA_ERROR_NONE);
    assert_int_equal(admin_region_topic(admin, "views")->partitions[0].target_count, 2);
    admin_region_ask(admin, API_LIST_PARTITION_REASSIGNMENTS, 0, &in,
                     list_partition_reassignments_handle, &out);
    assert_int_equal(out.topics.count, 1);
    const struct list_partition_reassignments_response_topics_partitions *partition =
        &out.topics.items[0].partitions.items[0];
    assert_int_equal(partition->replicas.count, 2);
    assert_int_equal(partition->adding_replicas.count, 1);
    assert_int_equal(partition->adding_replicas.items[0], there[0]);
    assert_int_equal(partition->removing_replicas.count, 0);
    assert_int_equal(reassign(admin, "views", 0, none, true), KAFKA_ERROR_NONE);
    admin_region_ask(admin, API_LIST_PARTITION_REASSIGNMENTS, 0, &in,
                     list_partition_reassignments_handle, &out);
    assert_int_equal(out.topics.count, 0);
    admin_region_free(admin);
}

static void leaders_are_elected_where_there_is_something_to_do(void **state)
{
    struct admin_region *admin = admin_region_new();
    int32_t partitions[] = {0, 7};
    struct elect_leaders_request_topic_partitions topic = {STRING("clicks"), {partitions, 2}};
    struct elect_leaders_request in;
    struct elect_leaders_response out;

    (void)state;
    elect_leaders_request_init(&in);
    in.topic_partitions = (struct elect_leaders_request_topic_partitions_array){&topic, 1};
    for (int16_t version = 0; version <= 2; version++) {
        admin_region_ask(admin, API_ELECT_LEADERS, version, &in, elect_leaders_handle, &out);
        assert_int_equal(out.replica_election_results.items[0].partition_result.items[0].error_code,
                         KAFKA_ERROR_ELECTION_NOT_NEEDED);
        assert_int_equal(out.replica_election_results.items[0].partition_result.items[1].error_code,
                         KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    }
    in.topic_partitions.count = -1;
    admin_region_ask(admin, API_ELECT_LEADERS, 2, &in, elect_leaders_handle, &out);
    assert_int_equal(out.replica_election_results.count, 0);
    admin->cluster.is_leaderless = true;
    in.election_type = 1;
    admin_region_ask(admin, API_ELECT_LEADERS, 2, &in, elect_leaders_handle, &out);
    assert_int_equal(out.replica_election_results.count, 2);
    assert_int_equal(admin->cluster.elections, 4);
    in.election_type = 5;
    admin_region_ask(admin, API_ELECT_LEADERS, 2, &in, elect_leaders_handle, &out);
    assert_int_equal(out.error_code, KAFKA_ERROR_INVALID_REQUEST);
    in.election_type = 0;
    in.timeout_ms = 0;
    admin_region_ask(admin, API_ELECT_LEADERS, 2, &in, elect_leaders_handle, &out);
    assert_int_equal(out.error_code, KAFKA_ERROR_REQUEST_TIMED_OUT);
    admin_region_free(admin);
}

struct heard {
    char text[4096];
    size_t length;
};

static void on_publish(void *context, struct string lines)
{
    struct heard *heard = context;

    assert_true((size_t)lines.length < sizeof heard->text - heard->length);
    memcpy(heard->text + heard->length, lines.bytes, (size_t)lines.length);
    heard->length += (size_t)lines.length;
}

static struct audit *listen_to(struct admin_region *admin, size_t waiting_bytes_max,
                               struct heard *heard)
{
    *heard = (struct heard){0};
    return audit_new(&(struct audit_options){.loop = admin->broker.loop,
                                             .waiting_bytes_max = waiting_bytes_max,
                                             .refusal_window_us = 1000 * 1000,
                                             .publish = on_publish,
                                             .context = heard});
}

static const struct elect_leaders_response_replica_election_results_partition_result *elect_unclean(
    struct admin_region *admin, struct elect_leaders_response *out)
{
    int32_t partition = 2;
    struct elect_leaders_request_topic_partitions topic = {STRING("clicks"), {&partition, 1}};
    struct elect_leaders_request in;

    elect_leaders_request_init(&in);
    in.election_type = 1;
    in.topic_partitions = (struct elect_leaders_request_topic_partitions_array){&topic, 1};
    admin_region_ask(admin, API_ELECT_LEADERS, 2, &in, elect_leaders_handle, out);
    return &out->replica_election_results.items[0].partition_result.items[0];
}

static void an_election_is_audited_or_not_made(void **state)
{
    struct admin_region *admin = admin_region_new();
    struct elect_leaders_response out;
    struct heard heard;

    (void)state;
    admin->cluster.is_leaderless = true;
    admin->config->gyre_audit_required = true;
    admin->broker.audit = listen_to(admin, 64 * 1024, &heard);
    assert_int_equal(elect_unclean(admin, &out)->error_code, KAFKA_ERROR_NONE);
    (void)loop_turn(admin->broker.loop);
    assert_non_null(strstr(heard.text, "\"event\":\"change\",\"result\":\"success\""));
    assert_non_null(strstr(heard.text, "\"api\":\"ElectLeaders\""));
    assert_non_null(strstr(heard.text,
                           "{election_type: 1, topic_partitions: [{topic: \\\"clicks\\\""
                           ", partitions: [2]}], timeout_ms: 60000}"));
    audit_free(admin->broker.audit);
    admin->broker.audit = listen_to(admin, 16, &heard);
    /* Its line is lost; after that there is no other. */
    assert_int_equal(elect_unclean(admin, &out)->error_code, KAFKA_ERROR_NONE);
    assert_int_equal(elect_unclean(admin, &out)->error_code, KAFKA_ERROR_POLICY_VIOLATION);
    assert_int_equal(admin->cluster.elections, 2);
    audit_free(admin->broker.audit);
    admin_region_free(admin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_broker_describes_the_quorum),
        cmocka_unit_test(dead_brokers_are_shown_where_that_is_asked_for),
        cmocka_unit_test(reassignments_begin_are_listed_and_called_off),
        cmocka_unit_test(leaders_are_elected_where_there_is_something_to_do),
        cmocka_unit_test(an_election_is_audited_or_not_made),
    };
    return cmocka_run_group_tests_name("cluster_operations", tests, NULL, NULL);
}
