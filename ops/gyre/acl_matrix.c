/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gyre acl matrix: what may be done, for each principal and topic. Gyre's brokers decide, streams
 * included; of other brokers the rules are fetched and weighed here.
 */
#include <stdio.h>
#include <stdlib.h>

#include "gyre/access/acl_words.h"
#include "gyre/base/check.h"
#include "gyre/base/ip_address.h"
#include "gyre/wire/kafka_error.h"

#include "acl.h"
#include "acl_options.h"
#include "admin.h"
#include "json_print.h"
#include "scram_users.h"
#include "table.h"
#include "wire_messages/api_keys.h"
#include "wire_messages/describe_user_scram_credentials.h"
#include "wire_messages/explain_access.h"
#include "wire_messages/metadata.h"

enum {
    CELL_BYTES = 16,
    PRINCIPAL_BYTES = 2048,
    OPERATIONS = ACL_ALTER_CONFIGS + 1,
    QUESTIONS_MAX = 1000, /* a broker takes no more at once */
    QUESTIONS_ARENA_BYTES = 8 << 20,
    TRIES = 3,
};

struct matrix {
    const struct acl_arguments *arguments;
    struct acl_rules rules;      /* of topics */
    struct acl_rules principals; /* one row each; only `principal` is set */
    const struct metadata_response *topics;
    bool is_decided;     /* by the brokers; then each cell has a bit for each operation */
    uint32_t *decisions; /* owned; a row of principals for each topic */
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
    if (!string_is(rule->host, "*") &&
        (host.bytes == NULL || !ip_address_is_same(rule->host, host))) {
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

static bool is_granted(const struct matrix *matrix, struct string principal, struct string topic,
                       enum acl_operation operation)
{
    bool is_allowed = false;

    for (int i = 0; i < matrix->rules.count; i++) {
        const struct acl *rule = &matrix->rules.items[i];
        bool is_direct = rule->operation == operation || rule->operation == ACL_ALL;

        if (!is_about(matrix, rule, principal, topic)) {
            continue;
        }
        if (rule->permission == ACL_DENY && is_direct) {
            return false;
        }
        is_allowed = is_allowed || (rule->permission == ACL_ALLOW &&
                                    (is_direct || is_implied(rule->operation, operation)));
    }
    return is_allowed;
}

static uint32_t *cell_of(const struct matrix *matrix, int32_t topic, int principal)
{
    return &matrix->decisions[(size_t)topic * (size_t)matrix->principals.count + (size_t)principal];
}

static bool is_allowed(const struct matrix *matrix, int principal, int32_t topic,
                       enum acl_operation operation)
{
    if (matrix->is_decided) {
        return (*cell_of(matrix, topic, principal) >> operation & 1) != 0;
    }
    return is_granted(matrix, matrix->principals.items[principal].principal,
                      matrix->topics->topics.items[topic].name, operation);
}

/* ---- having the brokers decide ---- */

struct asking {
    struct matrix *matrix;
    int32_t topic;
    int first; /* of the principals of one question */
    int count;
};

static void fill(const struct asking *asking, struct explain_access_request *request)
{
    const struct matrix *matrix = asking->matrix;

    request->questions.count = 0;
    for (int i = 0; i < asking->count; i++) {
        for (int operation = ACL_READ; operation < OPERATIONS; operation++) {
            struct explain_access_request_questions *question =
                &request->questions.items[request->questions.count];

            if (!acl_operation_fits((enum acl_operation)operation, ACL_TOPIC)) {
                continue;
            }
            question->principal = matrix->principals.items[asking->first + i].principal;
            question->groups.items = NULL;
            question->groups.count = 0;
            question->host = string_from(matrix->arguments->host);
            question->operation = (int8_t)operation;
            question->resource_type = ACL_TOPIC;
            question->resource_name = matrix->topics->topics.items[asking->topic].name;
            request->questions.count++;
        }
    }
}

static enum exit_status take(const struct asking *asking,
                             const struct explain_access_request *request,
                             const struct explain_access_response *response)
{
    if (response->error_code != KAFKA_ERROR_NONE) {
        return session_refused("access", response->error_code, response->error_message);
    }
    if (response->answers.count != request->questions.count) {
        complain("the broker answered %d of %d questions", (int)response->answers.count,
                 (int)request->questions.count);
        return STATUS_FAILED;
    }
    for (int32_t i = 0; i < request->questions.count; i++) {
        int principal = asking->first + i / (request->questions.count / asking->count);

        if (response->answers.items[i].is_allowed) {
            *cell_of(asking->matrix, asking->topic, principal) |=
                1u << request->questions.items[i].operation;
        }
    }
    return STATUS_OK;
}

/*
 * Brokers that are not Gyre's know no such question and end the connection. So may ours, for other
 * reasons, but not each time when they answer something else in between.
 */
static enum exit_status try_often(struct session *session, struct client_call *call,
                                  enum error *out_error)
{
    enum exit_status status = STATUS_OK;

    *out_error = session_try(session, call);
    for (int i = 1; i < TRIES && status == STATUS_OK && session_is_passing(*out_error); i++) {
        const struct metadata_response *metadata;
        struct client_call other;

        status = session_ask_metadata(session, &other, NULL, 0, false, &metadata);
        client_call_release(&other);
        if (status == STATUS_OK) {
            client_call_release(call);
            *out_error = session_try(session, call);
        }
    }
    return status;
}

/* The matrix is not decided where the brokers do not answer such questions. */
static enum exit_status ask_some(struct session *session, const struct asking *asking)
{
    struct explain_access_request request;
    struct client_call call = {.node_id = CLIENT_ANY_NODE,
                               .api_key = API_EXPLAIN_ACCESS,
                               .version_max = EXPLAIN_ACCESS_REQUEST_VERSION_MAX,
                               .request = &request};
    struct arena arena;
    enum exit_status status;
    enum error error;

    arena_init(&arena, QUESTIONS_ARENA_BYTES);
    explain_access_request_init(&request);
    CHECK(explain_access_request_questions_array_alloc(&request.questions, &arena, QUESTIONS_MAX) ==
          ERROR_NONE);
    fill(asking, &request);
    status = try_often(session, &call, &error);
    if (status == STATUS_OK && error == ERROR_NONE) {
        status = take(asking, &request, call.response);
    } else if (status == STATUS_OK && (error == ERROR_CLOSED || error == ERROR_UNSUPPORTED)) {
        asking->matrix->is_decided = false;
    } else if (status == STATUS_OK) {
        status = session_failed(session, &call, error);
    }
    client_call_release(&call);
    arena_release(&arena);
    return status;
}

static enum exit_status ask_brokers(struct session *session, struct matrix *matrix)
{
    struct asking asking = {.matrix = matrix};
    int at_once = QUESTIONS_MAX / OPERATIONS;

    matrix->decisions = check_alloc_zero(
        ((size_t)matrix->topics->topics.count * (size_t)matrix->principals.count + 1) *
        sizeof *matrix->decisions);
    matrix->is_decided = true;
    for (; asking.topic < matrix->topics->topics.count; asking.topic++) {
        for (asking.first = 0; asking.first < matrix->principals.count; asking.first += at_once) {
            int left = matrix->principals.count - asking.first;
            enum exit_status status;

            asking.count = left < at_once ? left : at_once;
            status = ask_some(session, &asking);
            if (status != STATUS_OK || !matrix->is_decided) {
                return status;
            }
        }
    }
    return STATUS_OK;
}

/* ---- gathering ---- */

static void add_principal(struct matrix *matrix, struct string principal)
{
    struct acl row = {.principal = principal};

    if (!acl_rules_have(&matrix->principals, &row)) {
        acl_rules_add(&matrix->principals, &row);
    }
}

/* Users may be in no rule and yet be let through by streams. */
static enum exit_status add_users(struct session *session, struct matrix *matrix)
{
    const struct describe_user_scram_credentials_response *users;
    struct client_call call;
    enum exit_status status = scram_users_fetch(session, NULL, &call, &users);

    for (int32_t i = 0; status == STATUS_OK && i < users->results.count; i++) {
        char name[PRINCIPAL_BYTES];

        (void)snprintf(name, sizeof name, "User:%.*s",
                       STRING_ARGUMENTS(users->results.items[i].user));
        add_principal(matrix, string_from(name));
    }
    client_call_release(&call);
    return status;
}

static enum exit_status choose_principals(struct session *session, struct matrix *matrix)
{
    const struct acl_arguments *arguments = matrix->arguments;

    for (int i = 0; i < arguments->principal_count; i++) {
        add_principal(matrix, arguments->principals[i]);
    }
    for (int i = 0; arguments->principal_count == 0 && i < matrix->rules.count; i++) {
        add_principal(matrix, matrix->rules.items[i].principal);
    }
    return arguments->principal_count == 0 ? add_users(session, matrix) : STATUS_OK;
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
                if (is_allowed(matrix, j, i, columns[k].operation)) {
                    cell[used++] = columns[k].letter;
                }
            }
            table_set(&table, j + 1, "%s", used == 0 ? "-" : cell);
        }
    }
    table_print(&table);
    (void)printf("R read, W write, C create, D delete, A alter, S see (describe)%s\n",
                 matrix->is_decided ? "" : "; by rules alone, without super users");
    if (shown < matrix->principals.count) {
        (void)printf("%d more principals: choose with --principal, or -o json\n",
                     matrix->principals.count - shown);
    }
}

static json_t *cell_to_json(const struct matrix *matrix, int principal, int32_t topic)
{
    json_t *operations = json_array();

    for (int i = ACL_READ; i < OPERATIONS; i++) {
        if (acl_operation_fits((enum acl_operation)i, ACL_TOPIC) &&
            is_allowed(matrix, principal, topic, (enum acl_operation)i)) {
            (void)json_array_append_new(operations, json_string(acl_operation_name(i)));
        }
    }
    return json_pack("{s:o, s:o, s:o}", "principal",
                     json_from_string(matrix->principals.items[principal].principal), "topic",
                     json_from_string(matrix->topics->topics.items[topic].name), "operations",
                     operations);
}

static void print_json(const struct matrix *matrix)
{
    json_t *list = json_array();

    for (int32_t i = 0; i < matrix->topics->topics.count; i++) {
        const struct metadata_response_topics *topic = &matrix->topics->topics.items[i];

        for (int j = 0; is_shown(topic) && j < matrix->principals.count; j++) {
            (void)json_array_append_new(list, cell_to_json(matrix, j, i));
        }
    }
    if (!matrix->is_decided) {
        complain("by rules alone, without streams and super users: the brokers tell no more");
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

static enum exit_status fill_matrix(struct session *session, struct matrix *matrix)
{
    const struct acl every_topic = {.resource = ACL_TOPIC,
                                    .pattern = ACL_PATTERN_ANY,
                                    .operation = ACL_OPERATION_ANY,
                                    .permission = ACL_PERMISSION_ANY};
    struct client_call call = {.node_id = CLIENT_ANY_NODE};
    enum exit_status status = acl_rules_fetch(session, &every_topic, &matrix->rules);

    if (status != STATUS_OK) {
        return status;
    }
    status = choose_principals(session, matrix);
    if (status == STATUS_OK) {
        status = ask_topics(session, matrix, &call);
    }
    if (status == STATUS_OK) {
        status = ask_brokers(session, matrix);
    }
    if (status == STATUS_OK && matrix->arguments->connect.output == OUTPUT_JSON) {
        print_json(matrix);
    } else if (status == STATUS_OK) {
        print_table(matrix);
    }
    client_call_release(&call);
    return status;
}

enum exit_status acl_matrix_with(struct session *session, void *context)
{
    struct matrix matrix = {.arguments = context};
    enum exit_status status;

    acl_rules_init(&matrix.rules);
    acl_rules_init(&matrix.principals);
    status = fill_matrix(session, &matrix);
    free(matrix.decisions);
    acl_rules_release(&matrix.principals);
    acl_rules_release(&matrix.rules);
    return status;
}
