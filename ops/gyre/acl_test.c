/* SPDX-License-Identifier: Apache-2.0 */
/* gyre acl test: may somebody do something, and which rule says so? The region decides. */
#include <jansson.h>
#include <stdio.h>

#include "gyre/access/acl_words.h"
#include "gyre/base/check.h"
#include "gyre/wire/kafka_error.h"

#include "acl.h"
#include "acl_options.h"
#include "admin.h"
#include "json_print.h"
#include "wire_messages/api_keys.h"
#include "wire_messages/explain_access.h"

enum { QUESTIONS_ARENA_BYTES = 8 << 20 };

struct test {
    const struct acl_arguments *arguments; /* each of its rules is a question */
    const struct acl_rules *rules;
    bool is_all_allowed;
};

static int16_t explain_code(const void *response)
{
    return ((const struct explain_access_response *)response)->error_code;
}

static void fill(struct explain_access_request_questions *question, const struct test *test,
                 const struct acl *rule, struct string *groups)
{
    const struct acl_arguments *arguments = test->arguments;

    question->principal = rule->principal;
    question->groups.items = groups;
    question->groups.count = rule->principal.bytes == NULL && arguments->member_count == 0
                                 ? -1
                                 : arguments->member_count;
    question->host = string_from(arguments->host);
    question->operation = (int8_t)rule->operation;
    question->resource_type = (int8_t)rule->resource;
    question->resource_name = rule->name;
}

static void print_answer(const struct acl *rule,
                         const struct explain_access_response_answers *answer)
{
    (void)printf("%s  %.*s %s %s %.*s: %.*s\n", answer->is_allowed ? "yes" : "no ",
                 STRING_ARGUMENTS(rule->principal.bytes == NULL ? STRING("you") : rule->principal),
                 acl_operation_name((int)rule->operation), acl_resource_name((int)rule->resource),
                 STRING_ARGUMENTS(rule->name), STRING_ARGUMENTS(answer->explanation));
}

static json_t *answer_to_json(const struct acl *rule,
                              const struct explain_access_response_answers *answer)
{
    json_t *json = json_pack(
        "{s:o, s:s, s:s, s:o, s:b, s:o, s:o, s:o, s:o, s:o}", "principal",
        json_from_string(rule->principal), "operation", acl_operation_name((int)rule->operation),
        "resource", acl_resource_name((int)rule->resource), "name", json_from_string(rule->name),
        "allowed", (int)answer->is_allowed, "basis", json_from_string(answer->basis), "stream",
        json_from_string(answer->stream), "permission", json_from_string(answer->permission),
        "expression", json_from_string(answer->expression), "explanation",
        json_from_string(answer->explanation));

    if (answer->rule != NULL) {
        struct acl deciding = {.resource = (enum acl_resource)answer->rule->resource_type,
                               .pattern = (enum acl_pattern)answer->rule->pattern_type,
                               .name = answer->rule->resource_name,
                               .principal = answer->rule->principal,
                               .host = answer->rule->host,
                               .operation = (enum acl_operation)answer->rule->operation,
                               .permission = (enum acl_permission)answer->rule->permission_type};

        (void)json_object_set_new(json, "rule", acl_rule_to_json(&deciding));
    }
    return json;
}

static enum exit_status judge(struct test *test, const struct explain_access_response *response)
{
    json_t *list = json_array();
    enum exit_status status = STATUS_OK;

    for (int32_t i = 0; i < response->answers.count && i < test->rules->count; i++) {
        const struct explain_access_response_answers *answer = &response->answers.items[i];
        const struct acl *rule = &test->rules->items[i];
        char text[ACL_SENTENCE_BYTES];

        if (answer->error_code != KAFKA_ERROR_NONE) {
            acl_rule_to_text(rule, text);
            status = admin_worse(status,
                                 session_refused(text, answer->error_code, answer->error_message));
            continue;
        }
        test->is_all_allowed = test->is_all_allowed && answer->is_allowed;
        if (test->arguments->connect.output == OUTPUT_JSON) {
            (void)json_array_append_new(list, answer_to_json(rule, answer));
        } else {
            print_answer(rule, answer);
        }
    }
    if (test->arguments->connect.output == OUTPUT_JSON && status == STATUS_OK) {
        json_print(list);
    } else {
        json_decref(list);
    }
    return status;
}

enum exit_status acl_test_with(struct session *session, void *context)
{
    const struct acl_arguments *arguments = context;
    struct test test = {.arguments = arguments, .rules = &arguments->rules, .is_all_allowed = true};
    struct explain_access_request request;
    struct client_call call = {.node_id = CLIENT_ANY_NODE,
                               .api_key = API_EXPLAIN_ACCESS,
                               .version_max = EXPLAIN_ACCESS_REQUEST_VERSION_MAX,
                               .request = &request};
    struct string groups[ACL_WORDS_MAX];
    const struct explain_access_response *response;
    struct arena arena;
    enum exit_status status;

    arena_init(&arena, QUESTIONS_ARENA_BYTES);
    explain_access_request_init(&request);
    CHECK(explain_access_request_questions_array_alloc(&request.questions, &arena,
                                                       test.rules->count) == ERROR_NONE);
    for (int i = 0; i < arguments->member_count; i++) {
        groups[i] = string_from(arguments->members[i]);
    }
    for (int i = 0; i < test.rules->count; i++) {
        fill(&request.questions.items[i], &test, &test.rules->items[i], groups);
    }
    status = admin_ask(session, &call, explain_code);
    response = call.response;
    if (status == STATUS_OK && response->error_code != KAFKA_ERROR_NONE) {
        status = session_refused("access", response->error_code, response->error_message);
    } else if (status == STATUS_OK) {
        status = judge(&test, response);
    }
    client_call_release(&call);
    arena_release(&arena);
    return status == STATUS_OK && !test.is_all_allowed ? STATUS_DENIED : status;
}
