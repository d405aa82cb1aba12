/* SPDX-License-Identifier: Apache-2.0 */
/* gyre stream: containers of topics with one policy. */
#include <argp.h>
#include <jansson.h>
#include <string.h>

#include "gyre/base/check.h"
#include "gyre/wire/kafka_error.h"

#include "json_print.h"
#include "result_print.h"
#include "stream_words.h"
#include "streams.h"
#include "table.h"
#include "verb.h"
#include "wire_messages/alter_stream.h"
#include "wire_messages/describe_streams.h"

enum option_key {
    KEY_PRODUCE = 'p',
    KEY_CONSUME = 'c',
    KEY_TOPICS = 't',
    KEY_ADMIN = 'a',
    KEY_COPY = 0x100,
    KEY_OWNER,
    KEY_MODE,
    KEY_TTL,
    KEY_PARTITIONS,
    KEY_COMPRESSION,
    KEY_AUTOCREATE,
    KEY_CONFIG,
    KEY_DELETE_CONFIG,
    KEY_IF_EXISTS,
    KEY_IF_NOT_EXISTS,
};

struct stream_arguments {
    struct connect_arguments connect;
    const char *name; /* NULL: all */
    const char *expressions[STREAM_PERMISSIONS];
    const char *owner;
    int8_t mode; /* -1: not told */
    struct alter_stream_request_properties properties[STREAM_PROPERTIES_MAX];
    char values[STREAM_PROPERTIES_MAX][STREAM_VALUE_BYTES];
    int property_count;
    bool if_exists;
    bool if_not_exists;
};

/* ---- arguments ---- */

static void add_property(struct argp_state *state, struct stream_arguments *arguments,
                         struct string name, const char *value)
{
    int i = arguments->property_count;

    if (i == STREAM_PROPERTIES_MAX) {
        argp_error(state, "more than %d settings", STREAM_PROPERTIES_MAX);
    }
    arguments->properties[i].name = name;
    arguments->properties[i].value = STRING_NULL;
    if (value != NULL) {
        if (!stream_value_parse(name, value, arguments->values[i])) {
            argp_error(state, "'%s' is no value of %.*s", value, STRING_ARGUMENTS(name));
        }
        arguments->properties[i].value = string_from(arguments->values[i]);
    }
    arguments->property_count++;
}

static void add_setting(struct argp_state *state, struct stream_arguments *arguments,
                        const char *text)
{
    size_t length = strcspn(text, "=");

    if (length == 0 || text[length] == '\0') {
        argp_error(state, "'%s' is not KEY=VALUE", text);
    }
    add_property(state, arguments, (struct string){text, (int32_t)length}, text + length + 1);
}

static error_t parse_setting(int key, char *argument, struct argp_state *state,
                             struct stream_arguments *arguments)
{
    switch (key) {
    case KEY_MODE:
        arguments->mode = stream_mode_parse(argument);
        if (arguments->mode < 0) {
            argp_error(state, "'%s' is neither enforce nor additive", argument);
        }
        return 0;
    case KEY_TTL: add_property(state, arguments, STRING("ttl"), argument); return 0;
    case KEY_PARTITIONS:
        add_property(state, arguments, STRING("default.partitions"), argument);
        return 0;
    case KEY_COMPRESSION: add_property(state, arguments, STRING("compression"), argument); return 0;
    case KEY_AUTOCREATE: add_property(state, arguments, STRING("autocreate"), argument); return 0;
    case KEY_CONFIG: add_setting(state, arguments, argument); return 0;
    case KEY_DELETE_CONFIG: add_property(state, arguments, string_from(argument), NULL); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    const struct verb_input *input = state->input;
    struct stream_arguments *arguments = input->group->arguments;

    switch (key) {
    case KEY_PRODUCE: arguments->expressions[STREAM_PRODUCE] = argument; return 0;
    case KEY_CONSUME: arguments->expressions[STREAM_CONSUME] = argument; return 0;
    case KEY_TOPICS: arguments->expressions[STREAM_TOPICS] = argument; return 0;
    case KEY_ADMIN: arguments->expressions[STREAM_ADMIN] = argument; return 0;
    case KEY_COPY: arguments->expressions[STREAM_COPY] = argument; return 0;
    case KEY_OWNER: arguments->owner = argument; return 0;
    case KEY_IF_EXISTS: arguments->if_exists = true; return 0;
    case KEY_IF_NOT_EXISTS: arguments->if_not_exists = true; return 0;
    default: return parse_setting(key, argument, state, arguments);
    }
}

#define OPTIONS_POLICY                                                                             \
    {"produce", KEY_PRODUCE, "EXPRESSION", 0, "Who may write", 1},                                 \
        {"consume", KEY_CONSUME, "EXPRESSION", 0, "Who may read, in groups named like it", 1},     \
        {"topics", KEY_TOPICS, "EXPRESSION", 0, "Who may create, change and delete topics", 1},    \
        {"admin", KEY_ADMIN, "EXPRESSION", 0, "Who may edit and delete the stream", 1},            \
        {"copy", KEY_COPY, "EXPRESSION", 0, "Who may mirror it to other regions", 1},              \
        {"owner", KEY_OWNER, "User:NAME", 0, "Whose it is (yours)", 1},                            \
        {"ace.mode",                                                                               \
         KEY_MODE,                                                                                 \
         "enforce|additive",                                                                       \
         0,                                                                                        \
         "Whether Kafka's own rules suffice (enforce: they do not)",                               \
         1},                                                                                       \
        {"ttl", KEY_TTL, "DURATION", 0, "How long records are kept: 30s, 15m, 12h, 7d", 2},        \
        {"default-partitions", KEY_PARTITIONS, "N", 0, "Of new topics", 2},                        \
        {"compression", KEY_COMPRESSION, "CODEC", 0, "Of its topics", 2},                          \
        {"autocreate", KEY_AUTOCREATE, "true|false", 0, "Whether producing makes topics", 2},      \
    {                                                                                              \
        "config", KEY_CONFIG, "KEY=VALUE", 0, "Another setting that its topics inherit", 2         \
    }

/* ---- create and edit ---- */

static enum exit_status change(struct session *session, const struct stream_arguments *arguments,
                               bool is_creation)
{
    struct alter_stream_request request;

    alter_stream_request_init(&request);
    request.name = string_from(arguments->name);
    request.is_creation = is_creation;
    request.timeout_ms = arguments->connect.timeout_s * 1000;
    request.ace_mode = arguments->mode;
    request.owner = string_from(arguments->owner);
    for (int i = 0; i < STREAM_PERMISSIONS; i++) {
        *stream_request_expression(&request, i) = string_from(arguments->expressions[i]);
    }
    request.properties.count = arguments->property_count;
    request.properties.items =
        (struct alter_stream_request_properties *)(uintptr_t)arguments->properties;
    return streams_change(session, &request);
}

static void say(const struct stream_arguments *arguments, const char *result)
{
    result_print(arguments->connect.output, "stream", arguments->name, result);
}

static enum exit_status create_with(struct session *session, void *context)
{
    const struct stream_arguments *arguments = context;
    const struct describe_streams_response_streams *stream = NULL;
    struct client_call call = {.node_id = CLIENT_ANY_NODE};
    enum exit_status status = STATUS_OK;

    if (arguments->if_not_exists) {
        status = streams_find(session, arguments->name, &call, &stream);
    }
    if (status == STATUS_OK && stream != NULL) {
        say(arguments, "found");
    } else if (status == STATUS_OK) {
        status = change(session, arguments, true);
        if (status == STATUS_OK) {
            say(arguments, "created");
        }
    }
    client_call_release(&call);
    return status;
}

static const struct argp_option create_options[] = {
    OPTIONS_POLICY,
    {"if-not-exists", KEY_IF_NOT_EXISTS, NULL, 0, "Be content with one that is there", 3},
    {0},
};

static enum exit_status edit_with(struct session *session, void *context)
{
    const struct stream_arguments *arguments = context;
    enum exit_status status = change(session, arguments, false);

    if (status == STATUS_OK) {
        say(arguments, "edited");
    }
    return status;
}

static const struct argp_option edit_options[] = {
    OPTIONS_POLICY,
    {"delete-config", KEY_DELETE_CONFIG, "KEY", 0, "Remove a setting; repeatable", 2},
    {0},
};

/* ---- delete ---- */

static enum exit_status delete_with(struct session *session, void *context)
{
    const struct stream_arguments *arguments = context;
    const struct describe_streams_response_streams *stream = NULL;
    struct client_call call = {.node_id = CLIENT_ANY_NODE};
    enum exit_status status = STATUS_OK;
    bool is_gone = false;

    if (arguments->if_exists) {
        status = streams_find(session, arguments->name, &call, &stream);
        is_gone = stream == NULL;
    }
    if (status == STATUS_OK && is_gone) {
        say(arguments, "missing");
    } else if (status == STATUS_OK) {
        status = streams_delete(session, arguments->name);
        if (status == STATUS_OK) {
            say(arguments, "deleted");
        }
    }
    client_call_release(&call);
    return status;
}

static const struct argp_option delete_options[] = {
    {"if-exists", KEY_IF_EXISTS, NULL, 0, "Be content if it is not there", 0},
    {0}};

/* ---- info and list ---- */

static enum exit_status info_with(struct session *session, void *context)
{
    const struct stream_arguments *arguments = context;
    const struct describe_streams_response_streams *stream;
    struct client_call call;
    enum exit_status status = streams_find(session, arguments->name, &call, &stream);

    if (status == STATUS_OK && stream == NULL) {
        complain("%s: there is no such stream", arguments->name);
        status = STATUS_FAILED;
    } else if (status == STATUS_OK && arguments->connect.output == OUTPUT_JSON) {
        json_print(stream_to_json(stream));
    } else if (status == STATUS_OK) {
        stream_print(stream);
    }
    client_call_release(&call);
    return status;
}

static void print_list(const struct describe_streams_response *response)
{
    static const char *const headings[] = {"STREAM", "OWNER", "TOPICS", "YOU MAY", NULL};
    struct table table;

    table_init(&table, headings);
    for (int32_t i = 0; i < response->streams.count; i++) {
        const struct describe_streams_response_streams *stream = &response->streams.items[i];
        char may[STREAM_VALUE_BYTES];

        stream_permissions_to_text(stream->permissions, may);
        table_add_line(&table);
        table_set(&table, 0, "%.*s", STRING_ARGUMENTS(stream->name));
        table_set(&table, 1, "%.*s", STRING_ARGUMENTS(stream->owner));
        table_set(&table, 2, "%d", (int)stream->topic_count);
        table_set(&table, 3, "%s", may);
    }
    table_print(&table);
}

static enum exit_status list_with(struct session *session, void *context)
{
    const struct stream_arguments *arguments = context;
    const struct describe_streams_response *response;
    struct client_call call;
    enum exit_status status = streams_fetch(session, arguments->name, &call, &response);

    if (status == STATUS_OK && response->streams.count == 1 &&
        response->streams.items[0].error_code != KAFKA_ERROR_NONE) {
        status = session_refused(arguments->name == NULL ? "streams" : arguments->name,
                                 response->streams.items[0].error_code,
                                 response->streams.items[0].error_message);
    } else if (status == STATUS_OK && arguments->connect.output == OUTPUT_JSON) {
        json_t *list = json_array();

        for (int32_t i = 0; i < response->streams.count; i++) {
            (void)json_array_append_new(list, stream_to_json(&response->streams.items[i]));
        }
        json_print(list);
    } else if (status == STATUS_OK) {
        print_list(response);
    }
    client_call_release(&call);
    return status;
}

/* ---- the table ---- */

static const struct verb verbs[] = {
    {.name = "create",
     .summary = "make a stream",
     .options = create_options,
     .operands = "STREAM",
     .documentation =
         "Make a stream: a name under which topics lie, and one policy for all of them.\v"
         "EXPRESSION: u:NAME a user, g:NAME a group, r:NAME a role, p everybody, combined by !, & "
         "and |, with parentheses where & and | meet; \"\" nobody. What is not told is for the "
         "owner alone. The topic clicks of /ads/web is /ads/web:clicks, for clients that insist on "
         "Kafka's letters ads.web..clicks; it is one topic.\n\n"
         "Examples:\n"
         "  gyre stream create /ads/clicks --produce 'g:ads & !g:interns' --consume 'g:ads | "
         "g:reports'\n"
         "  gyre stream create /ads/web --produce g:ads --topics g:ads --ttl 7d "
         "--default-partitions 6 --autocreate true",
     .work = create_with},
    {.name = "edit",
     .summary = "change its policy and settings",
     .options = edit_options,
     .operands = "STREAM",
     .documentation =
         "Change what is told of a stream; the rest stays. It holds from the next request of every "
         "client on.\vExamples:\n"
         "  gyre stream edit /ads/clicks --consume 'g:ads | u:auditor'\n"
         "  gyre stream edit /ads/clicks --ttl 30d",
     .work = edit_with},
    {.name = "info",
     .summary = "show one",
     .operands = "STREAM",
     .documentation = "Show a stream: what you may do in it, its settings, and its policy if you "
                      "administer it.\v"
                      "Example:\n  gyre stream info /ads/clicks",
     .work = info_with},
    {.name = "list",
     .summary = "list those that you may see",
     .operands = "[STREAM]",
     .documentation = "List the streams that you may see.\vExample:\n  gyre stream list -o json",
     .work = list_with},
    {.name = "delete",
     .summary = "delete one without topics",
     .options = delete_options,
     .operands = "STREAM",
     .documentation =
         "Delete a stream that has no topics.\vExample:\n  gyre stream delete /ads/clicks",
     .work = delete_with},
};

int stream_command(int argc, char **argv)
{
    static struct stream_arguments arguments = {.mode = -1};
    static const struct verb_group group = {
        .path = "gyre stream",
        .intro = "Streams: topics under one name with one policy.",
        .examples =
            "  gyre stream create /ads/clicks --produce 'g:ads & !g:interns' --consume g:ads\n"
            "  gyre stream info /ads/clicks\n"
            "  gyre stream edit /ads/clicks --ttl 30d\n"
            "  gyre stream list\n",
        .verbs = verbs,
        .count = (int)(sizeof verbs / sizeof verbs[0]),
        .arguments = &arguments,
        .connect = &arguments.connect,
        .parse = parse_option,
        .name = &arguments.name,
        .question = "which stream? (/path/name)",
    };

    return verb_group_run(&group, argc, argv);
}
