/* SPDX-License-Identifier: Apache-2.0 */
/* gyre acl matrix: what the rules come to, for each principal and topic. */
#include <stdio.h>

#include "gyre/access/acl_words.h"
#include "gyre/base/check.h"
#include "gyre/wire/kafka_error.h"

#include "acl.h"
#include "acl_options.h"
#include "admin.h"
#include "json_print.h"
#include "table.h"
#include "wire_messages/metadata.h"

enum { CELL_BYTES = 16 };

struct matrix {
    const struct acl_arguments *arguments;
    struct acl_rules rules;      /* of topics */
    struct acl_rules principals; /* one row each; only `principal` is set */
    const struct metadata_response *topics;
};

static const struct {
    enum acl_operation operation;
    char letter;
} columns[] = {
    {ACL_READ, 'R'},   {ACL_WRITE, 'W'}, {ACL_CREATE, 'C'},
    {ACL_DELETE, 'D'}, {ACL_ALTER, 'A'}, {ACL_DESCRIBE, 'S'},
};

/* ---- deciding: Kafka's rules, for somebody who is no super user ---- */

static bool is_about(const struct matrix *matrix, const struct acl *rule, struct string principal,
                     struct string topic)
{
    struct string host = string_from(matrix->arguments->host);

    if (!string_equal(rule->principal, principal) && !string_is(rule->principal, "User:*")) {
        return false;
    }
    if (!string_is(rule->host, "*") && (host.bytes == NULL || !string_equal(rule->host, host))) {
        return false;
    }
    if (rule->pattern == ACL_PREFIXED) {
        return rule->name.length <= topic.length &&
               memcmp(rule->name.bytes, topic.bytes, (size_t)rule->name.length) == 0;
    }
    return string_is(rule->name, "*") || string_equal(rule->name, topic);
}

/* An allowed operation brings looking at what it works on; a denied one takes nothing else away. */
static bool is_implied(enum acl_operation by, enum acl_operation operation)
{
    if (operation == ACL_DESCRIBE) {
        return by == ACL_READ || by == ACL_WRITE || by == ACL_DELETE || by == ACL_ALTER;
    }
    return operation == ACL_DESCRIBE_CONFIGS && by == ACL_ALTER_CONFIGS;
}

static bool is_allowed(const struct matrix *matrix, struct string principal, struct string topic,
                       enum acl_operation operation)
{
    bool is_granted = false;

    for (int i = 0; i < matrix->rules.count; i++) {
        const struct acl *rule = &matrix->rules.items[i];
        bool is_direct = rule->operation == operation || rule->operation == ACL_ALL;

        if (!is_about(matrix, rule, principal, topic)) {
            continue;
        }
        if (rule->permission == ACL_DENY && is_direct) {
            return false;
        }
        is_granted = is_granted || (rule->permission == ACL_ALLOW &&
                                    (is_direct || is_implied(rule->operation, operation)));
    }
    return is_granted;
}

/* ---- gathering ---- */

static void add_principal(struct matrix *matrix, struct string principal)
{
    struct acl row = {.principal = principal};

    if (!acl_rules_have(&matrix->principals, &row)) {
        acl_rules_add(&matrix->principals, &row);
    }
}

static void choose_principals(struct matrix *matrix)
{
    const struct acl_arguments *arguments = matrix->arguments;

    for (int i = 0; i < arguments->principal_count; i++) {
        add_principal(matrix, arguments->principals[i]);
    }
    for (int i = 0; arguments->principal_count == 0 && i < matrix->rules.count; i++) {
        add_principal(matrix, matrix->rules.items[i].principal);
    }
}

static bool is_shown(const struct metadata_response_topics *topic)
{
    return topic->error_code == KAFKA_ERROR_NONE && !topic->is_internal;
}

/* ---- printing ---- */

static void print_table(const struct matrix *matrix)
{
    static const char *const no_headings[] = {NULL};
    const char *headings[ACL_WORDS_MAX + 2] = {"TOPIC"};
    int shown = matrix->principals.count < ACL_WORDS_MAX ? matrix->principals.count : ACL_WORDS_MAX;
    struct table table;

    for (int i = 0; i < shown; i++) {
        headings[i + 1] = matrix->principals.items[i].principal.bytes;
    }
    table_init(&table, shown == 0 ? no_headings : headings);
    for (int32_t i = 0; shown > 0 && i < matrix->topics->topics.count; i++) {
        const struct metadata_response_topics *topic = &matrix->topics->topics.items[i];

        if (!is_shown(topic)) {
            continue;
        }
        table_add_line(&table);
        table_set(&table, 0, "%.*s", STRING_ARGUMENTS(topic->name));
        for (int j = 0; j < shown; j++) {
            char cell[CELL_BYTES] = "";
            size_t used = 0;

            for (size_t k = 0; k < sizeof columns / sizeof columns[0]; k++) {
                if (is_allowed(matrix, matrix->principals.items[j].principal, topic->name,
                               columns[k].operation)) {
                    cell[used++] = columns[k].letter;
                }
            }
            table_set(&table, j + 1, "%s", used == 0 ? "-" : cell);
        }
    }
    table_print(&table);
    (void)puts("R read, W write, C create, D delete, A alter, S see (describe); by rules alone");
    if (shown < matrix->principals.count) {
        (void)printf("%d more principals: choose with --principal, or -o json\n",
                     matrix->principals.count - shown);
    }
}

static json_t *cell_to_json(const struct matrix *matrix, struct string principal,
                            struct string topic)
{
    json_t *operations = json_array();

    for (int i = ACL_READ; i <= ACL_ALTER_CONFIGS; i++) {
        if (acl_operation_fits((enum acl_operation)i, ACL_TOPIC) &&
            is_allowed(matrix, principal, topic, (enum acl_operation)i)) {
            (void)json_array_append_new(operations, json_string(acl_operation_name(i)));
        }
    }
    return json_pack("{s:o, s:o, s:o}", "principal", json_from_string(principal), "topic",
                     json_from_string(topic), "operations", operations);
}

static void print_json(const struct matrix *matrix)
{
    json_t *list = json_array();

    for (int32_t i = 0; i < matrix->topics->topics.count; i++) {
        const struct metadata_response_topics *topic = &matrix->topics->topics.items[i];

        for (int j = 0; is_shown(topic) && j < matrix->principals.count; j++) {
            (void)json_array_append_new(
                list, cell_to_json(matrix, matrix->principals.items[j].principal, topic->name));
        }
    }
    json_print(list);
}

/* ---- the verb ---- */

static enum exit_status ask_topics(struct session *session, struct matrix *matrix,
                                   struct client_call *call)
{
    const struct acl_arguments *arguments = matrix->arguments;
    const char *names[ACL_WORDS_MAX];

    for (int i = 0; i < arguments->resource_count; i++) {
        names[i] = arguments->resources[i].name;
    }
    return session_ask_metadata(session, call, names,
                                arguments->resource_count == 0 ? -1 : arguments->resource_count,
                                false, &matrix->topics);
}

static enum exit_status matrix_with(struct session *session, void *context)
{
    const struct acl every_topic = {.resource = ACL_TOPIC,
                                    .pattern = ACL_PATTERN_ANY,
                                    .operation = ACL_OPERATION_ANY,
                                    .permission = ACL_PERMISSION_ANY};
    struct matrix *matrix = context;
    struct client_call call = {.node_id = CLIENT_ANY_NODE};
    enum exit_status status = acl_rules_fetch(session, &every_topic, &matrix->rules);

    if (status != STATUS_OK) {
        return status;
    }
    choose_principals(matrix);
    status = ask_topics(session, matrix, &call);
    if (status == STATUS_OK && matrix->arguments->connect.output == OUTPUT_JSON) {
        print_json(matrix);
    } else if (status == STATUS_OK) {
        print_table(matrix);
    }
    client_call_release(&call);
    return status;
}

int acl_matrix(int argc, char **argv)
{
    static const struct acl_syntax syntax = {
        acl_matrix_options,
        "Show who may do what on which topic, as the rules come to.\v"
        "Everybody who stands in a rule, or those of --principal. Rules for one address count only "
        "with --host. Super users may do everything and are not shown.\n\n"
        "Examples:\n"
        "  gyre acl matrix\n"
        "  gyre acl matrix --principal alice --topic orders -o json",
        false, false, false};
    struct acl_arguments arguments;
    struct matrix matrix = {.arguments = &arguments};
    enum exit_status status;

    acl_parse(&syntax, argc, argv, &arguments);
    acl_rules_init(&matrix.rules);
    acl_rules_init(&matrix.principals);
    status = admin_run(&arguments.connect, matrix_with, &matrix);
    acl_rules_release(&matrix.principals);
    acl_rules_release(&matrix.rules);
    acl_arguments_release(&arguments);
    return (int)status;
}
