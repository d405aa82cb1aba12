/* SPDX-License-Identifier: Apache-2.0 */
#include "acl_rules.h"

#include <stdio.h>
#include <stdlib.h>

#include "gyre/access/acl_words.h"
#include "gyre/base/check.h"
#include "gyre/wire/kafka_error.h"

#include "admin.h"
#include "json_print.h"
#include "wire_messages/api_keys.h"
#include "wire_messages/create_acls.h"
#include "wire_messages/delete_acls.h"
#include "wire_messages/describe_acls.h"

enum { RULES_ARENA_BYTES = 256 << 20, REQUEST_ARENA_BYTES = 64 << 20, ROOM_FIRST = 32 };

/* ---- lists ---- */

void acl_rules_init(struct acl_rules *rules)
{
    *rules = (struct acl_rules){.items = NULL};
    arena_init(&rules->arena, RULES_ARENA_BYTES);
}

void acl_rules_release(struct acl_rules *rules)
{
    free(rules->items);
    arena_release(&rules->arena);
}

static struct string copy(struct acl_rules *rules, struct string text)
{
    char *bytes;

    if (text.bytes == NULL) {
        return STRING_NULL;
    }
    bytes = arena_copy_text(&rules->arena, text.bytes, (size_t)text.length);
    CHECK(bytes != NULL); /* an answer is limited far below the arena */
    return (struct string){bytes, text.length};
}

void acl_rules_add(struct acl_rules *rules, const struct acl *rule)
{
    struct acl *own;

    if (rules->count == rules->room) {
        rules->room = rules->room == 0 ? ROOM_FIRST : rules->room * 2;
        rules->items = check_realloc(rules->items, (size_t)rules->room * sizeof *rules->items);
    }
    own = &rules->items[rules->count++];
    *own = *rule;
    own->name = copy(rules, rule->name);
    own->principal = copy(rules, rule->principal);
    own->host = copy(rules, rule->host);
}

static bool is_equal(const struct acl *one, const struct acl *other)
{
    return one->resource == other->resource && one->pattern == other->pattern &&
           one->operation == other->operation && one->permission == other->permission &&
           string_equal(one->name, other->name) && string_equal(one->principal, other->principal) &&
           string_equal(one->host, other->host);
}

bool acl_rules_have(const struct acl_rules *rules, const struct acl *rule)
{
    for (int i = 0; i < rules->count; i++) {
        if (is_equal(&rules->items[i], rule)) {
            return true;
        }
    }
    return false;
}

/* ---- asking ---- */

static int16_t fetch_code(const void *response)
{
    return ((const struct describe_acls_response *)response)->error_code;
}

static void take_resource(struct acl_rules *rules,
                          const struct describe_acls_response_resources *resource)
{
    for (int32_t i = 0; i < resource->acls.count; i++) {
        const struct describe_acls_response_resources_acls *one = &resource->acls.items[i];

        acl_rules_add(rules, &(struct acl){
                                 .resource = (enum acl_resource)resource->resource_type,
                                 .pattern = (enum acl_pattern)resource->pattern_type,
                                 .name = resource->resource_name,
                                 .principal = one->principal,
                                 .host = one->host,
                                 .operation = (enum acl_operation)one->operation,
                                 .permission = (enum acl_permission)one->permission_type,
                             });
    }
}

enum exit_status acl_rules_fetch(struct session *session, const struct acl *filter,
                                 struct acl_rules *rules)
{
    struct describe_acls_request request = {
        .resource_type_filter = (int8_t)filter->resource,
        .resource_name_filter = filter->name,
        .pattern_type_filter = (int8_t)filter->pattern,
        .principal_filter = filter->principal,
        .host_filter = filter->host,
        .operation = (int8_t)filter->operation,
        .permission_type = (int8_t)filter->permission,
    };
    struct client_call call = {.node_id = CLIENT_ANY_NODE,
                               .api_key = API_DESCRIBE_ACLS,
                               .version_max = DESCRIBE_ACLS_REQUEST_VERSION_MAX,
                               .request = &request};
    enum exit_status status = admin_ask(session, &call, fetch_code);
    const struct describe_acls_response *response = call.response;

    if (status == STATUS_OK && response->error_code != KAFKA_ERROR_NONE) {
        status = session_refused("access rules", response->error_code, response->error_message);
    }
    for (int32_t i = 0; status == STATUS_OK && i < response->resources.count; i++) {
        take_resource(rules, &response->resources.items[i]);
    }
    client_call_release(&call);
    return status;
}

/* ---- creating ---- */

static int16_t create_code(const void *response)
{
    const struct create_acls_response *created = response;

    return created->results.count == 0 ? (int16_t)KAFKA_ERROR_NONE
                                       : created->results.items[0].error_code;
}

static void fill_creation(struct create_acls_request_creations *creation, const struct acl *rule)
{
    *creation = (struct create_acls_request_creations){
        .resource_type = (int8_t)rule->resource,
        .resource_name = rule->name,
        .resource_pattern_type = (int8_t)rule->pattern,
        .principal = rule->principal,
        .host = rule->host,
        .operation = (int8_t)rule->operation,
        .permission_type = (int8_t)rule->permission,
    };
}

static enum exit_status judge_creations(const struct create_acls_response *response,
                                        const struct acl *rules, int count)
{
    enum exit_status status = STATUS_OK;

    if (response->results.count != count) {
        complain("the broker answered for %d of %d rules", (int)response->results.count, count);
        return STATUS_FAILED;
    }
    for (int i = 0; i < count; i++) {
        const struct create_acls_response_results *result = &response->results.items[i];
        char text[ACL_SENTENCE_BYTES];

        if (result->error_code != KAFKA_ERROR_NONE) {
            acl_rule_to_text(&rules[i], text);
            status = admin_worse(status,
                                 session_refused(text, result->error_code, result->error_message));
        }
    }
    return status;
}

enum exit_status acl_rules_create(struct session *session, const struct acl *rules, int count)
{
    struct create_acls_request request;
    struct client_call call = {.node_id = CLIENT_ANY_NODE,
                               .api_key = API_CREATE_ACLS,
                               .version_max = CREATE_ACLS_REQUEST_VERSION_MAX,
                               .request = &request};
    struct arena arena;
    enum exit_status status;

    arena_init(&arena, REQUEST_ARENA_BYTES);
    create_acls_request_init(&request);
    if (create_acls_request_creations_array_alloc(&request.creations, &arena, count) !=
        ERROR_NONE) {
        complain("too many rules at once");
        arena_release(&arena);
        return STATUS_USAGE;
    }
    for (int i = 0; i < count; i++) {
        fill_creation(&request.creations.items[i], &rules[i]);
    }
    status = admin_ask(session, &call, create_code);
    if (status == STATUS_OK) {
        status = judge_creations(call.response, rules, count);
    }
    client_call_release(&call);
    arena_release(&arena);
    return status;
}

/* ---- deleting ---- */

static int16_t delete_code(const void *response)
{
    const struct delete_acls_response *deleted = response;

    return deleted->filter_results.count == 0 ? (int16_t)KAFKA_ERROR_NONE
                                              : deleted->filter_results.items[0].error_code;
}

static void fill_filter(struct delete_acls_request_filters *filter, const struct acl *given)
{
    *filter = (struct delete_acls_request_filters){
        .resource_type_filter = (int8_t)given->resource,
        .resource_name_filter = given->name,
        .pattern_type_filter = (int8_t)given->pattern,
        .principal_filter = given->principal,
        .host_filter = given->host,
        .operation = (int8_t)given->operation,
        .permission_type = (int8_t)given->permission,
    };
}

static enum exit_status take_removed(const struct delete_acls_response_filter_results *result,
                                     struct acl_rules *removed)
{
    enum exit_status status = STATUS_OK;

    if (result->error_code != KAFKA_ERROR_NONE) {
        return session_refused("access rules", result->error_code, result->error_message);
    }
    for (int32_t i = 0; i < result->matching_acls.count; i++) {
        const struct delete_acls_response_filter_results_matching_acls *one =
            &result->matching_acls.items[i];
        struct acl rule = {.resource = (enum acl_resource)one->resource_type,
                           .pattern = (enum acl_pattern)one->pattern_type,
                           .name = one->resource_name,
                           .principal = one->principal,
                           .host = one->host,
                           .operation = (enum acl_operation)one->operation,
                           .permission = (enum acl_permission)one->permission_type};
        char text[ACL_SENTENCE_BYTES];

        if (one->error_code != KAFKA_ERROR_NONE) {
            acl_rule_to_text(&rule, text);
            status =
                admin_worse(status, session_refused(text, one->error_code, one->error_message));
        } else {
            acl_rules_add(removed, &rule);
        }
    }
    return status;
}

enum exit_status acl_rules_delete(struct session *session, const struct acl *filters, int count,
                                  struct acl_rules *removed)
{
    struct delete_acls_request request;
    struct client_call call = {.node_id = CLIENT_ANY_NODE,
                               .api_key = API_DELETE_ACLS,
                               .version_max = DELETE_ACLS_REQUEST_VERSION_MAX,
                               .request = &request};
    const struct delete_acls_response *response;
    struct arena arena;
    enum exit_status status;

    arena_init(&arena, REQUEST_ARENA_BYTES);
    delete_acls_request_init(&request);
    if (delete_acls_request_filters_array_alloc(&request.filters, &arena, count) != ERROR_NONE) {
        complain("too many rules at once");
        arena_release(&arena);
        return STATUS_USAGE;
    }
    for (int i = 0; i < count; i++) {
        fill_filter(&request.filters.items[i], &filters[i]);
    }
    status = admin_ask(session, &call, delete_code);
    response = call.response;
    for (int32_t i = 0; status == STATUS_OK && i < response->filter_results.count; i++) {
        status = take_removed(&response->filter_results.items[i], removed);
    }
    client_call_release(&call);
    arena_release(&arena);
    return status;
}

/* ---- printing ---- */

static const char *noun_of(const struct acl *rule, bool is_many)
{
    switch (rule->resource) {
    case ACL_TOPIC: return is_many ? "topics" : "topic";
    case ACL_GROUP: return is_many ? "groups" : "group";
    case ACL_CLUSTER: return "cluster";
    case ACL_TRANSACTIONAL_ID: return is_many ? "transactional ids" : "transactional id";
    case ACL_DELEGATION_TOKEN: return is_many ? "delegation tokens" : "delegation token";
    case ACL_USER: return is_many ? "users" : "user";
    case ACL_RESOURCE_UNKNOWN:
    case ACL_RESOURCE_ANY:
    default: return "resource";
    }
}

void acl_rule_to_text(const struct acl *rule, char text[ACL_SENTENCE_BYTES])
{
    bool is_prefix = rule->pattern == ACL_PREFIXED;
    bool is_many = is_prefix || string_is(rule->name, "*");
    char host[300] = "";

    if (!string_is(rule->host, "*") && rule->host.bytes != NULL) {
        (void)snprintf(host, sizeof host, " from %.*s", STRING_ARGUMENTS(rule->host));
    }
    (void)snprintf(
        text, ACL_SENTENCE_BYTES, "%.*s %s %s %s %.*s%s%s", STRING_ARGUMENTS(rule->principal),
        rule->permission == ACL_DENY ? "may not" : "may", acl_operation_name((int)rule->operation),
        noun_of(rule, is_many), STRING_ARGUMENTS(rule->name), is_prefix ? "*" : "", host);
}

json_t *acl_rule_to_json(const struct acl *rule)
{
    return json_pack(
        "{s:o, s:s, s:s, s:s, s:o, s:s, s:o}", "principal", json_from_string(rule->principal),
        "permission", acl_permission_name((int)rule->permission), "operation",
        acl_operation_name((int)rule->operation), "resource",
        acl_resource_name((int)rule->resource), "name", json_from_string(rule->name), "pattern",
        acl_pattern_name((int)rule->pattern), "host", json_from_string(rule->host));
}

json_t *acl_rules_to_json(const struct acl_rules *rules)
{
    json_t *list = json_array();

    for (int i = 0; i < rules->count; i++) {
        (void)json_array_append_new(list, acl_rule_to_json(&rules->items[i]));
    }
    return list;
}
