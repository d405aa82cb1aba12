/* SPDX-License-Identifier: Apache-2.0 */
/* gyre cluster: its brokers, and whether every partition has what it needs. */
#include <argp.h>
#include <jansson.h>
#include <stdio.h>

#include "gyre/wire/kafka_error.h"

#include "connect_options.h"
#include "json_print.h"
#include "session.h"
#include "table.h"
#include "wire_messages/metadata.h"

enum { NAMED_PARTITIONS_MAX = 100, PRINTED_PARTITIONS_MAX = 20, LAGGING_BROKERS_MAX = 32 };

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = state->input; return 0;
    case ARGP_KEY_ARG: argp_error(state, "what is '%s'?", argument); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static void parse(const char *documentation, int argc, char **argv,
                  struct connect_arguments *arguments)
{
    const struct argp_child children[] = {{&connect_options, 0, NULL, 0}, {0}};
    const struct argp parser = {NULL, parse_option, NULL, documentation, children, NULL, NULL};

    connect_arguments_init(arguments);
    (void)argp_parse(&parser, argc, argv, 0, NULL, arguments);
}

typedef enum exit_status (*report)(const struct metadata_response *metadata,
                                   enum output_format output);

/* Ask for the metadata of these topics (-1: all) and print what `print` makes of them. */
static enum exit_status report_metadata(const struct connect_arguments *arguments, int topics,
                                        report print)
{
    const struct metadata_response *metadata;
    struct client_call call;
    struct session session;
    enum exit_status status = session_open(&session, arguments);

    if (status != STATUS_OK) {
        return status;
    }
    status = session_ask_metadata(&session, &call, NULL, topics, false, &metadata);
    if (status == STATUS_OK) {
        status = print(metadata, arguments->output);
    }
    client_call_release(&call);
    session_close(&session);
    return status;
}

/* ---- brokers ---- */

static json_t *brokers_to_json(const struct metadata_response *metadata)
{
    json_t *brokers = json_array();

    for (int32_t i = 0; i < metadata->brokers.count; i++) {
        const struct metadata_response_brokers *broker = &metadata->brokers.items[i];

        (void)json_array_append_new(
            brokers, json_pack("{s:i, s:o, s:i, s:o}", "node_id", (int)broker->node_id, "host",
                               json_from_string(broker->host), "port", (int)broker->port, "rack",
                               json_from_string(broker->rack)));
    }
    return brokers;
}

static enum exit_status print_brokers(const struct metadata_response *metadata,
                                      enum output_format output)
{
    static const char *const headings[] = {"BROKER", "ADDRESS", "RACK", NULL};
    struct table table;

    if (output == OUTPUT_JSON) {
        json_print(json_pack("{s:o, s:i, s:o}", "cluster_id",
                             json_from_string(metadata->cluster_id), "controller_id",
                             (int)metadata->controller_id, "brokers", brokers_to_json(metadata)));
        return STATUS_OK;
    }
    table_init(&table, headings);
    for (int32_t i = 0; i < metadata->brokers.count; i++) {
        const struct metadata_response_brokers *broker = &metadata->brokers.items[i];

        table_add_line(&table);
        table_set(&table, 0, "%d", (int)broker->node_id);
        table_set(&table, 1, "%.*s:%d", STRING_ARGUMENTS(broker->host), (int)broker->port);
        table_set(&table, 2, "%.*s", STRING_ARGUMENTS(broker->rack));
    }
    table_print(&table);
    return STATUS_OK;
}

static int brokers(int argc, char **argv)
{
    struct connect_arguments arguments;

    parse("List the brokers that are alive, or were seconds ago.\vExample:\n  gyre cluster brokers "
          "-o json",
          argc, argv, &arguments);
    return (int)report_metadata(&arguments, 0, print_brokers);
}

/* ---- health ---- */

struct health {
    int32_t partitions;
    int32_t leaderless;
    int32_t under_replicated;
    json_t *named; /* owned; the first partitions that lack something */
    struct lagging {
        int32_t node_id;
        int32_t partitions; /* that it should have in sync, and has not */
    } lagging[LAGGING_BROKERS_MAX];
    int lagging_count;
};

static bool contains(const struct int32_array *nodes, int32_t node_id)
{
    for (int32_t i = 0; i < nodes->count; i++) {
        if (nodes->items[i] == node_id) {
            return true;
        }
    }
    return false;
}

static void count_lagging(struct health *health, int32_t node_id)
{
    int i = 0;

    while (i < health->lagging_count && health->lagging[i].node_id != node_id) {
        i++;
    }
    if (i == LAGGING_BROKERS_MAX) {
        return;
    }
    if (i == health->lagging_count) {
        health->lagging[health->lagging_count++] = (struct lagging){.node_id = node_id};
    }
    health->lagging[i].partitions++;
}

static void examine_partition(struct health *health, const struct metadata_response_topics *topic,
                              const struct metadata_response_topics_partitions *partition)
{
    bool is_leaderless = partition->leader_id < 0;
    bool is_under_replicated = partition->isr_nodes.count < partition->replica_nodes.count;

    health->partitions++;
    health->leaderless += is_leaderless;
    health->under_replicated += is_under_replicated;
    for (int32_t i = 0; is_under_replicated && i < partition->replica_nodes.count; i++) {
        if (!contains(&partition->isr_nodes, partition->replica_nodes.items[i])) {
            count_lagging(health, partition->replica_nodes.items[i]);
        }
    }
    if ((is_leaderless || is_under_replicated) &&
        json_array_size(health->named) < NAMED_PARTITIONS_MAX) {
        (void)json_array_append_new(health->named,
                                    json_pack("{s:o, s:i, s:i, s:o, s:o}", "topic",
                                              json_from_string(topic->name), "partition",
                                              (int)partition->partition_index, "leader",
                                              (int)partition->leader_id, "replicas",
                                              json_from_int32s(&partition->replica_nodes), "isr",
                                              json_from_int32s(&partition->isr_nodes)));
    }
}

static json_t *lagging_to_json(const struct health *health)
{
    json_t *lagging = json_array();

    for (int i = 0; i < health->lagging_count; i++) {
        (void)json_array_append_new(
            lagging, json_pack("{s:i, s:i}", "node_id", (int)health->lagging[i].node_id,
                               "partitions", (int)health->lagging[i].partitions));
    }
    return lagging;
}

static void print_health_text(const struct health *health, const struct metadata_response *metadata,
                              bool is_healthy)
{
    json_t *item;
    size_t i;

    (void)printf("%s: %d brokers, %d topics, %d partitions", is_healthy ? "healthy" : "UNHEALTHY",
                 (int)metadata->brokers.count, (int)metadata->topics.count,
                 (int)health->partitions);
    (void)printf(", %d without a leader, %d under-replicated\n", (int)health->leaderless,
                 (int)health->under_replicated);
    for (int b = 0; b < health->lagging_count; b++) {
        (void)printf("  broker %d is not in sync in %d partitions\n",
                     (int)health->lagging[b].node_id, (int)health->lagging[b].partitions);
    }
    json_array_foreach(health->named, i, item)
    {
        if (i == PRINTED_PARTITIONS_MAX) {
            (void)puts("  and others; -o json names more");
            break;
        }
        json_t *leader = json_object_get(item, "leader");

        (void)printf("  %s-%" JSON_INTEGER_FORMAT ": %s, %zu of %zu replicas in sync\n",
                     json_string_value(json_object_get(item, "topic")),
                     json_integer_value(json_object_get(item, "partition")),
                     json_integer_value(leader) < 0 ? "no leader" : "has a leader",
                     json_array_size(json_object_get(item, "isr")),
                     json_array_size(json_object_get(item, "replicas")));
    }
}

static enum exit_status print_health(const struct metadata_response *metadata,
                                     enum output_format output)
{
    struct health health = {.named = json_array()};
    bool is_healthy;

    for (int32_t t = 0; t < metadata->topics.count; t++) {
        const struct metadata_response_topics *topic = &metadata->topics.items[t];

        for (int32_t p = 0; p < topic->partitions.count; p++) {
            examine_partition(&health, topic, &topic->partitions.items[p]);
        }
    }
    is_healthy = metadata->brokers.count > 0 && health.leaderless + health.under_replicated == 0;
    if (output == OUTPUT_JSON) {
        json_print(json_pack("{s:b, s:o, s:i, s:i, s:i, s:i, s:i, s:o, s:O}", "healthy",
                             (int)is_healthy, "cluster_id", json_from_string(metadata->cluster_id),
                             "brokers", (int)metadata->brokers.count, "topics",
                             (int)metadata->topics.count, "partitions", (int)health.partitions,
                             "leaderless", (int)health.leaderless, "under_replicated",
                             (int)health.under_replicated, "lagging", lagging_to_json(&health),
                             "unwell", health.named));
    } else {
        print_health_text(&health, metadata, is_healthy);
    }
    json_decref(health.named);
    return is_healthy ? STATUS_OK : STATUS_UNHEALTHY;
}

static int health(int argc, char **argv)
{
    struct connect_arguments arguments;

    parse("Does every partition have a leader and all its replicas?\v"
          "Exit status 3 if not.\n\nExample:\n  gyre cluster health || page-somebody",
          argc, argv, &arguments);
    return (int)report_metadata(&arguments, -1, print_health);
}

int cluster_command(int argc, char **argv)
{
    static const struct command verbs[] = {
        {"health", "is anything missing?", health},
        {"brokers", "list the brokers", brokers},
    };

    static const struct command_table table = {
        .path = "gyre cluster",
        .intro = "Look at the cluster.",
        .examples = "  gyre cluster health\n"
                    "  gyre cluster brokers --bootstrap-server broker1:9092 -o json\n",
        .commands = verbs,
        .count = sizeof verbs / sizeof verbs[0],
    };

    return command_dispatch(&table, argc, argv);
}
