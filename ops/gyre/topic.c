/* SPDX-License-Identifier: Apache-2.0 */
/* gyre topic: create, list and delete; describe and alter have files of their own. */
#include <jansson.h>
#include <stdio.h>

#include "gyre/base/check.h"
#include "gyre/base/uuid.h"
#include "gyre/wire/kafka_error.h"

#include "json_print.h"
#include "result_print.h"
#include "session.h"
#include "table.h"
#include "topic_options.h"
#include "verb.h"
#include "wire_messages/api_keys.h"
#include "wire_messages/create_topics.h"
#include "wire_messages/delete_topics.h"
#include "wire_messages/metadata.h"

enum { REQUEST_ARENA_BYTES = 1 << 20 };

/* ---- create ---- */

static void fill_creation(struct create_topics_request *request,
                          const struct topic_arguments *arguments, struct arena *arena)
{
    struct create_topics_request_topics *topic;

    create_topics_request_init(request);
    CHECK(create_topics_request_topics_array_alloc(&request->topics, arena, 1) == ERROR_NONE);
    topic = request->topics.items;
    topic->name = string_from(arguments->names[0]);
    topic->num_partitions = arguments->partitions;
    topic->replication_factor = arguments->replication_factor;
    CHECK(create_topics_request_topics_configs_array_alloc(&topic->configs, arena,
                                                           arguments->setting_count) == ERROR_NONE);
    for (int i = 0; i < arguments->setting_count; i++) {
        topic->configs.items[i].name = arguments->settings[i].key;
        topic->configs.items[i].value = arguments->settings[i].value;
    }
}

/* Who may not see a topic's settings is not told what the topic has become. */
static json_t *count_to_json(int32_t count)
{
    return count < 0 ? json_null() : json_integer(count);
}

static void print_created(const struct topic_arguments *arguments,
                          const struct create_topics_response_topics *topic)
{
    char id[UUID_TEXT_LENGTH + 1];

    uuid_format(topic->topic_id, id);
    if (arguments->connect.output == OUTPUT_JSON) {
        json_print(json_pack("{s:s%, s:s, s:o, s:o}", "name", topic->name.bytes,
                             (size_t)topic->name.length, "topic_id", id, "partitions",
                             count_to_json(topic->num_partitions), "replication_factor",
                             count_to_json(topic->replication_factor)));
        return;
    }
    if (topic->num_partitions < 0) {
        (void)printf("created %.*s\n", STRING_ARGUMENTS(topic->name));
        return;
    }
    (void)printf("created %.*s with %d partitions on %d brokers each\n",
                 STRING_ARGUMENTS(topic->name), (int)topic->num_partitions,
                 (int)topic->replication_factor);
}

static enum exit_status judge_creation(const struct topic_arguments *arguments,
                                       const struct create_topics_response *response)
{
    const struct create_topics_response_topics *topic = response->topics.items;

    if (topic->error_code == KAFKA_ERROR_TOPIC_ALREADY_EXISTS && arguments->if_not_exists) {
        result_print(arguments->connect.output, "topic", arguments->names[0], "found");
        return STATUS_OK;
    }
    if (topic->error_code != KAFKA_ERROR_NONE) {
        return session_refused(arguments->names[0], topic->error_code, topic->error_message);
    }
    print_created(arguments, topic);
    return STATUS_OK;
}

static int16_t creation_code(const void *context)
{
    const struct create_topics_response *response = context;

    return response->topics.count == 1 ? response->topics.items[0].error_code
                                       : (int16_t)KAFKA_ERROR_NONE;
}

static enum exit_status create_with(struct session *session, void *context)
{
    const struct topic_arguments *arguments = context;
    struct create_topics_request request;
    struct client_call call = {.node_id = CLIENT_ANY_NODE,
                               .api_key = API_CREATE_TOPICS,
                               .version_max = CREATE_TOPICS_REQUEST_VERSION_MAX,
                               .request = &request};
    const struct create_topics_response *response;
    struct arena arena;
    enum exit_status status;

    arena_init(&arena, REQUEST_ARENA_BYTES);
    fill_creation(&request, arguments, &arena);
    request.timeout_ms = arguments->connect.timeout_s * 1000;
    status = admin_ask(session, &call, creation_code);
    response = call.response;
    if (status == STATUS_OK) {
        status = response->topics.count == 1 ? judge_creation(arguments, response) : STATUS_FAILED;
    }
    client_call_release(&call);
    arena_release(&arena);
    return status;
}

/* ---- delete ---- */

static const char *deletion(const struct delete_topics_response_responses *one)
{
    return one->error_code == KAFKA_ERROR_NONE ? "deleted" : "missing";
}

static enum exit_status judge_deletion(const struct topic_arguments *arguments,
                                       const struct delete_topics_response *response)
{
    enum exit_status status = STATUS_OK;
    json_t *list = json_array();

    for (int32_t i = 0; i < response->responses.count; i++) {
        const struct delete_topics_response_responses *one = &response->responses.items[i];
        char name[256];

        (void)snprintf(name, sizeof name, "%.*s", STRING_ARGUMENTS(one->name));
        if (one->error_code != KAFKA_ERROR_NONE &&
            !(one->error_code == KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION && arguments->if_exists)) {
            status = session_refused(name, one->error_code, one->error_message);
        } else if (arguments->connect.output == OUTPUT_JSON) {
            (void)json_array_append_new(list, result_to_json("topic", name, deletion(one)));
        } else {
            result_print(OUTPUT_TABLE, "topic", name, deletion(one));
        }
    }
    if (arguments->connect.output == OUTPUT_JSON) {
        json_print(json_incref(list));
    }
    json_decref(list);
    return status;
}

static enum exit_status delete_with(struct session *session, void *context)
{
    const struct topic_arguments *arguments = context;
    struct delete_topics_request request;
    struct string names[TOPIC_NAMES_MAX];
    struct client_call call = {.node_id = CLIENT_ANY_NODE,
                               .api_key = API_DELETE_TOPICS,
                               .version_max = 5, /* by name; later versions may go by id */
                               .request = &request};
    enum exit_status status;

    for (int i = 0; i < arguments->name_count; i++) {
        names[i] = string_from(arguments->names[i]);
    }
    delete_topics_request_init(&request);
    request.topic_names = (struct string_array){names, arguments->name_count};
    request.timeout_ms = arguments->connect.timeout_s * 1000;
    status = session_ask(session, &call);
    if (status == STATUS_OK) {
        status = judge_deletion(arguments, call.response);
    }
    client_call_release(&call);
    return status;
}

/* ---- list ---- */

static int replicas_of(const struct metadata_response_topics *topic)
{
    return topic->partitions.count == 0 ? 0 : topic->partitions.items[0].replica_nodes.count;
}

static json_t *list_to_json(const struct metadata_response *response, bool has_internal)
{
    json_t *list = json_array();

    for (int32_t i = 0; i < response->topics.count; i++) {
        const struct metadata_response_topics *topic = &response->topics.items[i];
        char id[UUID_TEXT_LENGTH + 1];

        if (topic->is_internal && !has_internal) {
            continue;
        }
        uuid_format(topic->topic_id, id);
        (void)json_array_append_new(
            list, json_pack("{s:s%, s:s, s:i, s:i, s:b}", "name", topic->name.bytes,
                            (size_t)topic->name.length, "topic_id", id, "partitions",
                            (int)topic->partitions.count, "replication_factor", replicas_of(topic),
                            "internal", (int)topic->is_internal));
    }
    return list;
}

static void print_list(const struct metadata_response *response, bool has_internal)
{
    static const char *const headings[] = {"TOPIC", "PARTITIONS", "REPLICAS", NULL};
    struct table table;

    table_init(&table, headings);
    for (int32_t i = 0; i < response->topics.count; i++) {
        const struct metadata_response_topics *topic = &response->topics.items[i];

        if (!topic->is_internal || has_internal) {
            table_add_line(&table);
            table_set(&table, 0, "%.*s", STRING_ARGUMENTS(topic->name));
            table_set(&table, 1, "%d", (int)topic->partitions.count);
            table_set(&table, 2, "%d", replicas_of(topic));
        }
    }
    table_print(&table);
}

static enum exit_status list_with(struct session *session, void *context)
{
    const struct topic_arguments *arguments = context;
    const struct metadata_response *response;
    struct client_call call;
    enum exit_status status = session_ask_metadata(session, &call, NULL, -1, false, &response);

    if (status == STATUS_OK && arguments->connect.output == OUTPUT_JSON) {
        json_print(list_to_json(response, arguments->has_internal));
    } else if (status == STATUS_OK) {
        print_list(response, arguments->has_internal);
    }
    client_call_release(&call);
    return status;
}

/* ---- the table ---- */

static const struct verb verbs[] = {
    {.name = "create",
     .summary = "create a topic",
     .options = topic_create_options,
     .operands = "NAME",
     .documentation = "Create a topic.\vExamples:\n"
                      "  gyre topic create clicks\n"
                      "  gyre topic create clicks --partitions 12 --replication-factor 3 "
                      "--config retention.ms=86400000",
     .work = create_with},
    {.name = "list",
     .summary = "list the topics",
     .options = topic_list_options,
     .operands = "",
     .documentation = "List the topics.\vExample:\n  gyre topic list -o json",
     .work = list_with},
    {.name = "describe",
     .summary = "partitions, leaders, replicas and settings",
     .operands = "[NAME...]",
     .documentation = "Describe topics: all, or those that are named.\vExamples:\n"
                      "  gyre topic describe clicks\n"
                      "  gyre topic describe -o json",
     .work = topic_describe_with},
    {.name = "alter",
     .summary = "add partitions, change settings",
     .options = topic_alter_options,
     .operands = "NAME",
     .documentation = "Change a topic: settings first, then the number of partitions.\v"
                      "Examples:\n"
                      "  gyre topic alter clicks --partitions 24\n"
                      "  gyre topic alter clicks --config retention.ms=3600000 "
                      "--delete-config retention.bytes",
     .work = topic_alter_with,
     .prepare = topic_alter_prepare,
     .unprepared = STATUS_USAGE},
    {.name = "delete",
     .summary = "delete topics",
     .options = topic_delete_options,
     .operands = "NAME...",
     .documentation = "Delete topics with all their records.\vExample:\n"
                      "  gyre topic delete clicks",
     .work = delete_with},
};

int topic_command(int argc, char **argv)
{
    static struct topic_arguments arguments = {.partitions = -1, .replication_factor = -1};
    static const struct verb_group group = {
        .path = "gyre topic",
        .intro = "Look at topics and change them.",
        .examples = "  gyre topic create clicks --partitions 12 --replication-factor 3\n"
                    "  gyre topic list\n"
                    "  gyre topic describe clicks\n"
                    "  gyre topic alter clicks --config retention.ms=3600000\n"
                    "  gyre topic delete clicks\n",
        .verbs = verbs,
        .count = (int)(sizeof verbs / sizeof verbs[0]),
        .arguments = &arguments,
        .connect = &arguments.connect,
        .parse = topic_parse,
    };

    return verb_group_run(&group, argc, argv);
}
