/* SPDX-License-Identifier: Apache-2.0 */
/* gyre topic describe: partitions with their leaders and replicas, and the topic's settings. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "gyre/base/check.h"
#include "gyre/base/uuid.h"
#include "gyre/wire/kafka_error.h"

#include "json_print.h"
#include "session.h"
#include "table.h"
#include "topic_options.h"
#include "wire_messages/api_keys.h"
#include "wire_messages/describe_configs.h"
#include "wire_messages/metadata.h"

enum { RESOURCE_TOPIC = 2, SOURCE_OF_TOPIC = 1, LIST_BYTES = 1024, REQUEST_ARENA_BYTES = 16 << 20 };

/* The settings of all topics of `metadata`, in its order. */
static enum exit_status ask_settings(struct session *session, struct client_call *call,
                                     const struct metadata_response *metadata)
{
    struct describe_configs_request request;
    struct arena arena;
    enum exit_status status = STATUS_FAILED;

    *call = (struct client_call){.node_id = CLIENT_ANY_NODE,
                                 .api_key = API_DESCRIBE_CONFIGS,
                                 .version_max = DESCRIBE_CONFIGS_REQUEST_VERSION_MAX,
                                 .request = &request};
    arena_init(&arena, REQUEST_ARENA_BYTES);
    describe_configs_request_init(&request);
    if (describe_configs_request_resources_array_alloc(&request.resources, &arena,
                                                       metadata->topics.count) == ERROR_NONE) {
        for (int32_t i = 0; i < metadata->topics.count; i++) {
            request.resources.items[i].resource_type = RESOURCE_TOPIC;
            request.resources.items[i].resource_name = metadata->topics.items[i].name;
            request.resources.items[i].configuration_keys.count = -1;
        }
        status = session_ask(session, call);
    }
    arena_release(&arena);
    return status;
}

/* NULL: the broker did not tell. */
static const struct describe_configs_response_results *find_settings(
    const struct describe_configs_response *settings, struct string topic)
{
    for (int32_t i = 0; settings != NULL && i < settings->results.count; i++) {
        const struct describe_configs_response_results *result = &settings->results.items[i];

        if (string_equal(result->resource_name, topic) && result->error_code == 0) {
            return result;
        }
    }
    return NULL;
}

/* ---- JSON ---- */

static json_t *settings_to_json(const struct describe_configs_response_results *result)
{
    json_t *json = json_object();

    for (int32_t i = 0; result != NULL && i < result->configs.count; i++) {
        const struct describe_configs_response_results_configs *config = &result->configs.items[i];

        if (config->config_source == SOURCE_OF_TOPIC) {
            (void)json_object_setn_new(json, config->name.bytes, (size_t)config->name.length,
                                       json_from_string(config->value));
        }
    }
    return json;
}

static json_t *partition_to_json(const struct metadata_response_topics_partitions *partition)
{
    return json_pack(
        "{s:i, s:i, s:i, s:o, s:o, s:o}", "partition", (int)partition->partition_index, "leader",
        (int)partition->leader_id, "leader_epoch", (int)partition->leader_epoch, "replicas",
        json_from_int32s(&partition->replica_nodes), "isr", json_from_int32s(&partition->isr_nodes),
        "offline", json_from_int32s(&partition->offline_replicas));
}

static json_t *topic_to_json(const struct metadata_response_topics *topic,
                             const struct describe_configs_response_results *settings)
{
    char id[UUID_TEXT_LENGTH + 1];
    json_t *partitions = json_array();

    uuid_format(topic->topic_id, id);
    for (int32_t i = 0; i < topic->partitions.count; i++) {
        (void)json_array_append_new(partitions, partition_to_json(&topic->partitions.items[i]));
    }
    return json_pack("{s:o, s:s, s:b, s:o, s:o}", "name", json_from_string(topic->name), "topic_id",
                     id, "internal", (int)topic->is_internal, "partitions", partitions, "configs",
                     settings_to_json(settings));
}

/* ---- text ---- */

static void print_numbers(char text[LIST_BYTES], const struct int32_array *numbers)
{
    size_t used = 0;

    text[0] = '\0';
    for (int32_t i = 0; i < numbers->count && used < LIST_BYTES; i++) {
        used += (size_t)snprintf(text + used, LIST_BYTES - used, "%s%d", i == 0 ? "" : ",",
                                 (int)numbers->items[i]);
    }
}

static void print_partitions(const struct metadata_response_topics *topic)
{
    static const char *const headings[] = {"PARTITION", "LEADER",  "EPOCH", "REPLICAS",
                                           "IN SYNC",   "OFFLINE", NULL};
    struct table table;

    table_init(&table, headings);
    for (int32_t i = 0; i < topic->partitions.count; i++) {
        const struct metadata_response_topics_partitions *partition = &topic->partitions.items[i];
        const struct int32_array *lists[] = {&partition->replica_nodes, &partition->isr_nodes,
                                             &partition->offline_replicas};
        char text[LIST_BYTES];

        table_add_line(&table);
        table_set(&table, 0, "%d", (int)partition->partition_index);
        if (partition->leader_id >= 0) {
            table_set(&table, 1, "%d", (int)partition->leader_id);
        } else {
            table_set(&table, 1, "none");
        }
        table_set(&table, 2, "%d", (int)partition->leader_epoch);
        for (int column = 0; column < 3; column++) {
            print_numbers(text, lists[column]);
            table_set(&table, 3 + column, "%s", text);
        }
    }
    table_print(&table);
}

static void print_topic(const struct metadata_response_topics *topic,
                        const struct describe_configs_response_results *settings)
{
    char id[UUID_TEXT_LENGTH + 1];

    uuid_format(topic->topic_id, id);
    (void)printf("%.*s  id %s\n", STRING_ARGUMENTS(topic->name), id);
    for (int32_t i = 0; settings != NULL && i < settings->configs.count; i++) {
        const struct describe_configs_response_results_configs *config =
            &settings->configs.items[i];

        if (config->config_source == SOURCE_OF_TOPIC) {
            (void)printf("  %.*s=%.*s\n", STRING_ARGUMENTS(config->name),
                         STRING_ARGUMENTS(config->value));
        }
    }
    print_partitions(topic);
}

/* ---- the verb ---- */

static enum exit_status print_all(const struct topic_arguments *arguments,
                                  const struct metadata_response *metadata,
                                  const struct describe_configs_response *settings)
{
    enum exit_status status = STATUS_OK;
    json_t *all = json_array();

    for (int32_t i = 0; i < metadata->topics.count; i++) {
        const struct metadata_response_topics *topic = &metadata->topics.items[i];
        char name[256];

        if (topic->error_code != 0) {
            (void)snprintf(name, sizeof name, "%.*s", STRING_ARGUMENTS(topic->name));
            status = session_refused(name, topic->error_code, STRING_NULL);
        } else if (arguments->connect.output == OUTPUT_JSON) {
            (void)json_array_append_new(all,
                                        topic_to_json(topic, find_settings(settings, topic->name)));
        } else {
            print_topic(topic, find_settings(settings, topic->name));
        }
    }
    if (arguments->connect.output == OUTPUT_JSON) {
        json_print(json_incref(all));
    }
    json_decref(all);
    return status;
}

enum exit_status topic_describe_with(struct session *session, void *context)
{
    const struct topic_arguments *arguments = context;
    struct client_call metadata_call;
    struct client_call settings_call = {.node_id = CLIENT_ANY_NODE};
    const struct metadata_response *metadata;
    enum exit_status status = session_ask_metadata(
        session, &metadata_call, arguments->names,
        arguments->name_count == 0 ? -1 : arguments->name_count, false, &metadata);

    if (status == STATUS_OK) {
        status = ask_settings(session, &settings_call, metadata);
    }
    if (status == STATUS_OK) {
        status = print_all(arguments, metadata, settings_call.response);
    }
    client_call_release(&settings_call);
    client_call_release(&metadata_call);
    return status;
}
