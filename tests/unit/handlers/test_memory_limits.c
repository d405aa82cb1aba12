/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request may use so much memory. Asked with less than it needs, a handler says all it has to
 * say, says what it could not do, or closes the connection; it does not leave out the rest in
 * silence.
 */
#include "gyre/access/identity.h"
#include "gyre/audit/audit.h"
#include "gyre/config/config.h"

#include "admin_region.h"
#include "handlers/config_view.h"
#include "handlers/dispatch.h"
#include "handlers/security_handlers.h"
#include "support/test.h"
#include "wire_messages/api_keys.h"
#include "wire_messages/create_acls.h"
#include "wire_messages/create_delegation_token.h"
#include "wire_messages/create_topics.h"
#include "wire_messages/delete_acls.h"
#include "wire_messages/describe_configs.h"
#include "wire_messages/describe_delegation_token.h"
#include "wire_messages/describe_quorum.h"
#include "wire_messages/elect_leaders.h"
#include "wire_messages/incremental_alter_configs.h"
#include "wire_messages/list_config_resources.h"

/* What arenas hand out is a multiple of the step. Only the last steps are gone through. */
enum { LIMIT_STEP = 16, LIMIT_STEPS = 256 };

struct question {
    int16_t api_key;
    int16_t version;
    const void *in;
    request_handler handle;
};

/* ---- asking ---- */

static size_t limit_bytes;
static request_handler limited;

static void handle_within_limit(struct request *request)
{
    request->arena.limit_bytes = limit_bytes;
    limited(request);
}

/* True: it is answered. False: the connection is closed. */
static bool ask_within(struct admin_region *admin, const struct question *question, size_t bytes)
{
    const struct request *request = &admin->fixture.request;

    limit_bytes = bytes;
    limited = question->handle;
    request_fixture_ask(&admin->fixture, question->api_key, question->version, question->in,
                        handle_within_limit);
    for (int i = 0; i < REGION_NODES; i++) {
        admin->region->nodes[i].is_woken = true;
    }
    for (int i = 0; i < 2000 && request->end == REQUEST_OPEN; i++) {
        region_run(admin->region, 10000);
    }
    assert_true(request->end == REQUEST_REPLIED || request->end == REQUEST_CLOSED);
    return request->end == REQUEST_REPLIED;
}

/* What answering takes. */
static size_t need_of(struct admin_region *admin, const struct question *question)
{
    assert_true(ask_within(admin, question, SIZE_MAX / 2));
    return admin->fixture.request.arena.used_bytes;
}

static size_t first_limit(size_t need)
{
    size_t last = (size_t)LIMIT_STEP * LIMIT_STEPS;

    return need > last ? need - last : 0;
}

/* Goes through the limits below the need and lets `check` look at every answer that comes. */
static void go_through(struct admin_region *admin, const struct question *question,
                       void (*check)(struct request_fixture *fixture))
{
    size_t need = need_of(admin, question);
    int closed = 0;

    for (size_t bytes = first_limit(need); bytes < need; bytes += LIMIT_STEP) {
        if (ask_within(admin, question, bytes)) {
            check(&admin->fixture);
        } else {
            closed++;
        }
    }
    assert_true(closed > 0);
}

static struct buffer *whole_answer;

static void check_whole(struct request_fixture *fixture)
{
    struct buffer *answer = frame_output_join(&fixture->request.output);

    assert_int_equal(answer->size, whole_answer->size);
    assert_memory_equal(answer->bytes, whole_answer->bytes, whole_answer->size);
    buffer_unref(answer);
}

/* There is no answer but the whole one. */
static void go_through_whole(struct admin_region *admin, const struct question *question)
{
    (void)need_of(admin, question);
    whole_answer = frame_output_join(&admin->fixture.request.output);
    go_through(admin, question, check_whole);
    buffer_unref(whole_answer);
}

/* Forwarded requests are dispatched by the broker's own table, which would link every handler. */
const struct handler_table *dispatch_table(void)
{
    static const struct handler_table table = {.count = 0};

    return &table;
}

/* ---- topics ---- */

static void check_paths(struct request_fixture *fixture)
{
    struct create_topics_response out;

    request_fixture_answer(fixture, &out);
    assert_int_equal(out.topics.count, 2);
    for (int i = 0; i < 2; i++) { /* there is no stream "/a" */
        assert_int_equal(out.topics.items[i].error_code, KAFKA_ERROR_INVALID_TOPIC_EXCEPTION);
    }
}

static void paths_of_new_topics_are_copied_or_the_connection_is_closed(void **state)
{
    struct admin_region *admin = admin_region_new();
    struct create_topics_request_topics topics[2];
    struct create_topics_request in;
    const struct question question = {API_CREATE_TOPICS, 7, &in, create_topics_handle};

    (void)state;
    create_topics_request_init(&in);
    for (int i = 0; i < 2; i++) {
        create_topics_request_topics_init(&topics[i]);
        topics[i].name = i == 0 ? STRING("/a:b") : STRING("/a:c");
    }
    in.topics = (struct create_topics_request_topics_array){topics, 2};
    go_through(admin, &question, check_paths);
    admin_region_free(admin);
}

static void check_elections(struct request_fixture *fixture)
{
    struct elect_leaders_response out;

    request_fixture_answer(fixture, &out);
    assert_int_equal(out.replica_election_results.count, 2);
    for (int i = 0; i < 2; i++) {
        assert_true(out.replica_election_results.items[i].topic.length > 0);
    }
}

static void elections_tell_of_every_topic(void **state)
{
    struct admin_region *admin = admin_region_new();
    struct elect_leaders_request in;
    const struct question question = {API_ELECT_LEADERS, 2, &in, elect_leaders_handle};

    (void)state;
    elect_leaders_request_init(&in);
    in.topic_partitions.count = -1;
    in.election_type = 1;
    admin->cluster.is_leaderless = true;
    go_through(admin, &question, check_elections);
    admin_region_free(admin);
}

static void check_quorum(struct request_fixture *fixture)
{
    struct describe_quorum_response out;

    request_fixture_answer(fixture, &out);
    assert_int_equal(out.nodes.count, REGION_NODES);
    for (int i = 0; i < REGION_NODES; i++) {
        assert_true(out.nodes.items[i].listeners.count > 0);
    }
}

static void the_quorum_is_described_with_all_listeners(void **state)
{
    struct admin_region *admin = admin_region_new();
    const struct region_node *leader = &admin->region->nodes[region_settle(admin->region)];
    struct describe_quorum_request in = {.topics = {.count = 0}};
    const struct question question = {API_DESCRIBE_QUORUM, 2, &in, describe_quorum_handle};

    (void)state;
    admin->broker.node_id = leader->id;
    admin->broker.rpc = leader->rpc;
    admin->broker.catalog = leader->catalog;
    go_through(admin, &question, check_quorum);
    admin_region_free(admin);
}

/* ---- settings ---- */

/* Sets one key, in the request's own words. */
struct setting {
    struct incremental_alter_configs_request_resources_configs config;
    struct incremental_alter_configs_request_resources resource;
    struct incremental_alter_configs_request in;
};

static void init_setting(struct setting *setting, int8_t type, const char *resource,
                         const char *name)
{
    *setting = (struct setting){
        .config = {.name = string_from(name), .value = STRING("5")},
        .resource = {.resource_type = type, .resource_name = string_from(resource)},
    };
    setting->resource.configs.items = &setting->config;
    setting->resource.configs.count = 1;
    setting->in.resources.items = &setting->resource;
    setting->in.resources.count = 1;
}

static void settings_are_described_whole(void **state)
{
    struct admin_region *admin = admin_region_new();
    struct describe_configs_request_resources target = {
        .resource_type = CONFIG_RESOURCE_TOPIC,
        .resource_name = STRING("clicks"),
        .configuration_keys = {.count = -1},
    };
    struct describe_configs_request in = {.resources = {&target, 1}};
    const struct question question = {API_DESCRIBE_CONFIGS, 4, &in, describe_configs_handle};
    struct incremental_alter_configs_response changed;
    struct setting setting;

    (void)state;
    init_setting(&setting, CONFIG_RESOURCE_BROKER, "", "log.retention.ms");
    admin_region_ask(admin, API_INCREMENTAL_ALTER_CONFIGS, 1, &setting.in,
                     incremental_alter_configs_handle, &changed);
    assert_int_equal(changed.responses.items[0].error_code, KAFKA_ERROR_NONE);
    go_through_whole(admin, &question);
    target.resource_type = CONFIG_RESOURCE_BROKER;
    target.resource_name = STRING("0");
    go_through_whole(admin, &question);
    in.include_synonyms = true;
    go_through_whole(admin, &question);
    admin_region_free(admin);
}

static void resources_are_listed_whole(void **state)
{
    struct admin_region *admin = admin_region_new();
    struct list_config_resources_request in = {.resource_types = {.count = 0}};
    const struct question question = {API_LIST_CONFIG_RESOURCES, 1, &in,
                                      list_config_resources_handle};

    (void)state;
    go_through_whole(admin, &question);
    admin_region_free(admin);
}

/* What the audit was told of changes. */
static struct {
    int lines;
    int lines_in_words;
} told;

static void note_lines(void *context, struct string lines)
{
    (void)context;
    told.lines++;
    told.lines_in_words +=
        memmem(lines.bytes, (size_t)lines.length, "retention.ms", strlen("retention.ms")) != NULL;
}

static void check_told(struct request_fixture *fixture)
{
    struct incremental_alter_configs_response out;

    request_fixture_answer(fixture, &out);
    assert_int_equal(told.lines, told.lines_in_words);
}

static void what_the_audit_cannot_be_told_is_not_changed(void **state)
{
    struct admin_region *admin = admin_region_new();
    struct region_node *node = &admin->region->nodes[0];
    const struct audit_options options = {
        .loop = &node->loop,
        .pool = &node->pool,
        .waiting_bytes_max = 1 << 20,
        .refusal_window_us = 1000000,
        .publish = note_lines,
    };
    struct setting setting;
    const struct question question = {API_INCREMENTAL_ALTER_CONFIGS, 1, &setting.in,
                                      incremental_alter_configs_handle};

    (void)state;
    init_setting(&setting, CONFIG_RESOURCE_TOPIC, "clicks", "retention.ms");
    admin->broker.audit = audit_new(&options);
    go_through(admin, &question, check_told);
    region_run(admin->region, 10000); /* lines are written at the end of a turn */
    assert_true(told.lines > 0);
    assert_int_equal(told.lines, told.lines_in_words);
    audit_free(admin->broker.audit);
    admin_region_free(admin);
}

/* ---- access rules ---- */

static struct admin_region *secured(void)
{
    struct admin_region *admin = admin_region_new();

    admin->config->authorizer_class_name = STRING("StandardAuthorizer");
    admin->config->delegation_token_secret_key = STRING("secret");
    return admin;
}

static void create_rule(struct admin_region *admin)
{
    struct create_acls_request_creations rule = {
        .resource_type = ACL_TOPIC,
        .resource_name = STRING("/a:b"),
        .resource_pattern_type = ACL_LITERAL,
        .principal = STRING("User:alice"),
        .host = STRING("*"),
        .operation = ACL_READ,
        .permission_type = ACL_ALLOW,
    };
    struct create_acls_request in = {.creations = {&rule, 1}};
    struct create_acls_response out;

    admin_region_ask(admin, API_CREATE_ACLS, 3, &in, create_acls_handle, &out);
    assert_int_equal(out.results.items[0].error_code, KAFKA_ERROR_NONE);
}

static void check_matches(struct request_fixture *fixture)
{
    struct delete_acls_response out;

    request_fixture_answer(fixture, &out);
    assert_true(out.filter_results.items[0].error_code != KAFKA_ERROR_NONE ||
                out.filter_results.items[0].matching_acls.count == 1);
}

static void rules_of_a_path_are_found(void **state)
{
    struct admin_region *admin = secured();
    struct delete_acls_request_filters filter = {
        .resource_type_filter = ACL_TOPIC,
        .resource_name_filter = STRING("/a:b"),
        .pattern_type_filter = ACL_PATTERN_MATCH,
        .operation = ACL_OPERATION_ANY,
        .permission_type = ACL_PERMISSION_ANY,
    };
    struct delete_acls_request in = {.filters = {&filter, 1}};
    const struct question question = {API_DELETE_ACLS, 3, &in, delete_acls_handle};

    (void)state;
    create_rule(admin);
    size_t need = need_of(admin, &question);
    create_rule(admin); /* with less than it needs it is never deleted */
    for (size_t bytes = first_limit(need); bytes < need; bytes += LIMIT_STEP) {
        if (ask_within(admin, &question, bytes)) {
            check_matches(&admin->fixture);
        }
    }
    assert_true(ask_within(admin, &question, need));
    check_matches(&admin->fixture);
    admin_region_free(admin);
}

/* ---- delegation tokens ---- */

/* From now on the client is this one, come in over SASL. */
static void become(struct admin_region *admin, const char *name)
{
    struct identity_options options = {.name = string_from(name), .mechanism = "SCRAM-SHA-256"};
    struct identity *identity = NULL;

    assert_int_equal(identity_new(&options, &identity), ERROR_NONE);
    admin->fixture.listener.security_protocol = SECURITY_PROTOCOL_SASL_SSL;
    connection_info_identify(&admin->fixture.connection, identity, 0);
}

static void check_owner(struct request_fixture *fixture)
{
    struct create_delegation_token_response out;

    request_fixture_answer(fixture, &out);
    assert_true(string_is(out.principal_name, "carol"));
}

static void the_owner_of_a_token_is_known_or_the_connection_is_closed(void **state)
{
    struct admin_region *admin = secured();
    struct create_delegation_token_request in = {.owner_principal_type = STRING("User"),
                                                 .owner_principal_name = STRING("carol")};
    const struct question question = {API_CREATE_DELEGATION_TOKEN, 3, &in,
                                      create_delegation_token_handle};

    (void)state;
    become(admin, "alice");
    go_through(admin, &question, check_owner);
    admin_region_free(admin);
}

static void tokens_are_described_whole(void **state)
{
    struct admin_region *admin = secured();
    struct create_delegation_token_request creation = {.max_lifetime_ms = -1};
    struct create_delegation_token_response created;
    struct describe_delegation_token_request_owners owners[] = {{STRING("User"), STRING("mallory")},
                                                                {STRING("User"), STRING("alice")}};
    struct describe_delegation_token_request in = {.owners = {owners, 2}};
    const struct question question = {API_DESCRIBE_DELEGATION_TOKEN, 3, &in,
                                      describe_delegation_token_handle};

    (void)state;
    become(admin, "alice");
    admin_region_ask(admin, API_CREATE_DELEGATION_TOKEN, 3, &creation,
                     create_delegation_token_handle, &created);
    assert_int_equal(created.error_code, KAFKA_ERROR_NONE);
    go_through_whole(admin, &question);
    admin_region_free(admin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_of_new_topics_are_copied_or_the_connection_is_closed),
        cmocka_unit_test(elections_tell_of_every_topic),
        cmocka_unit_test(the_quorum_is_described_with_all_listeners),
        cmocka_unit_test(settings_are_described_whole),
        cmocka_unit_test(resources_are_listed_whole),
        cmocka_unit_test(what_the_audit_cannot_be_told_is_not_changed),
        cmocka_unit_test(rules_of_a_path_are_found),
        cmocka_unit_test(the_owner_of_a_token_is_known_or_the_connection_is_closed),
        cmocka_unit_test(tokens_are_described_whole),
    };
    return cmocka_run_group_tests_name("memory_limits", tests, NULL, NULL);
}
