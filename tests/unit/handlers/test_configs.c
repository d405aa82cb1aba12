/* SPDX-License-Identifier: Apache-2.0 */
/* Settings: every key is described with its source and synonyms, changes are checked, lists are
 * combined with what holds, and every broker has the change when it is answered. */
#include <stdlib.h>

#include "gyre/base/check.h"

#include "admin_region.h"
#include "handlers/config_view.h"
#include "support/test.h"
#include "wire_messages/alter_configs.h"
#include "wire_messages/api_keys.h"
#include "wire_messages/describe_configs.h"
#include "wire_messages/incremental_alter_configs.h"
#include "wire_messages/list_config_resources.h"

enum { SET, DELETE, APPEND, SUBTRACT };

static int16_t change(struct admin_region *admin, int8_t type, const char *resource,
                      const char *name, int8_t operation, const char *value)
{
    struct incremental_alter_configs_request_resources_configs config = {
        string_from(name), operation, string_from(value)};
    struct incremental_alter_configs_request_resources target = {
        type, string_from(resource), {&config, 1}};
    struct incremental_alter_configs_request in = {.resources = {&target, 1}};
    struct incremental_alter_configs_response out;

    admin_region_ask(admin, API_INCREMENTAL_ALTER_CONFIGS, 1, &in, incremental_alter_configs_handle,
                     &out);
    assert_int_equal(out.responses.count, 1);
    assert_int_equal(out.responses.items[0].error_code == 0,
                     out.responses.items[0].error_message.bytes == NULL);
    return out.responses.items[0].error_code;
}

static void ask_about(struct admin_region *admin, int16_t version, int8_t type,
                      const char *resource, struct describe_configs_response *out)
{
    struct describe_configs_request_resources target = {
        .resource_type = type,
        .resource_name = string_from(resource),
        .configuration_keys = {.count = -1},
    };
    struct describe_configs_request in = {.resources = {&target, 1}};

    in.include_synonyms = version >= 1;
    in.include_documentation = version >= 3;
    admin_region_ask(admin, API_DESCRIBE_CONFIGS, version, &in, describe_configs_handle, out);
    assert_int_equal(out->results.count, 1);
}

static const struct describe_configs_response_results_configs *entry_of(
    const struct describe_configs_response *out, const char *name)
{
    for (int32_t i = 0; i < out->results.items[0].configs.count; i++) {
        if (string_is(out->results.items[0].configs.items[i].name, name)) {
            return &out->results.items[0].configs.items[i];
        }
    }
    fail_msg("%s is not described", name);
    return NULL;
}

static void a_value_is_shown_with_all_that_stands_behind_it(void **state)
{
    struct admin_region *admin = admin_region_new();
    struct describe_configs_response out;

    (void)state;
    assert_int_equal(change(admin, CONFIG_RESOURCE_TOPIC, "clicks", "retention.ms", SET, "5"), 0);
    assert_int_equal(change(admin, CONFIG_RESOURCE_BROKER, "", "log.retention.ms", SET, "6"), 0);
    assert_int_equal(change(admin, CONFIG_RESOURCE_BROKER, "0", "log.retention.ms", SET, "7"), 0);
    ask_about(admin, 4, CONFIG_RESOURCE_TOPIC, "clicks", &out);
    const struct describe_configs_response_results_configs *entry = entry_of(&out, "retention.ms");
    assert_true(string_is(entry->value, "5"));
    assert_int_equal(entry->config_source, CONFIG_SOURCE_TOPIC);
    assert_int_equal(entry->config_type, OPTION_TYPE_LONG);
    assert_true(entry->documentation.length > 0);
    assert_int_equal(entry->synonyms.items[0].source, CONFIG_SOURCE_TOPIC);
    assert_int_equal(entry->synonyms.items[1].source, CONFIG_SOURCE_DYNAMIC_BROKER);
    assert_true(string_is(entry->synonyms.items[1].value, "7"));
    assert_int_equal(entry->synonyms.items[2].source, CONFIG_SOURCE_DYNAMIC_DEFAULT);
    assert_true(string_is(entry->synonyms.items[2].name, "log.retention.ms"));
    ask_about(admin, 4, CONFIG_RESOURCE_TOPIC, "views", &out);
    entry = entry_of(&out, "retention.ms");
    assert_true(string_is(entry->value, "7"));
    assert_int_equal(entry->config_source, CONFIG_SOURCE_DYNAMIC_BROKER);
    entry = entry_of(&out, "max.message.bytes");
    assert_true(string_is(entry->value, "1048588"));
    assert_int_equal(entry->config_source, CONFIG_SOURCE_DEFAULT);
    assert_true(string_is(entry->synonyms.items[0].name, "message.max.bytes"));
    assert_int_equal(admin_region_topic(admin, "views")->config.retention_ms, 7);
    admin_region_free(admin);
}

static void expect_synonyms(const struct describe_configs_response_results_configs *entry,
                            const char *const *names)
{
    int32_t count = 0;

    for (; names[count] != NULL; count++) {
        assert_true(count < entry->synonyms.count);
        assert_true(string_is(entry->synonyms.items[count].name, names[count]));
    }
    assert_int_equal(entry->synonyms.count, count);
}

/* As Apache Kafka 4.3.1: the hours stand behind the milliseconds, never alone. */
static void a_value_in_other_units_is_shown_behind_the_first_unit(void **state)
{
    static const char *const own[] = {"retention.ms", NULL};
    static const char *const both[] = {"log.retention.ms", "log.retention.hours", NULL};
    static const char *const hours[] = {"log.retention.hours", NULL};
    struct admin_region *admin = admin_region_new();
    struct describe_configs_response out;

    (void)state;
    ask_about(admin, 4, CONFIG_RESOURCE_TOPIC, "views", &out);
    assert_int_equal(entry_of(&out, "retention.ms")->synonyms.count, 0);
    assert_int_equal(entry_of(&out, "segment.ms")->synonyms.count, 0);
    assert_int_equal(entry_of(&out, "retention.ms")->config_source, CONFIG_SOURCE_DEFAULT);
    assert_true(string_is(entry_of(&out, "retention.ms")->value, "604800000"));
    assert_int_equal(change(admin, CONFIG_RESOURCE_TOPIC, "clicks", "retention.ms", SET, "5"), 0);
    ask_about(admin, 4, CONFIG_RESOURCE_TOPIC, "clicks", &out);
    expect_synonyms(entry_of(&out, "retention.ms"), own);
    ask_about(admin, 4, CONFIG_RESOURCE_BROKER, "0", &out);
    assert_int_equal(entry_of(&out, "log.retention.ms")->synonyms.count, 0);
    expect_synonyms(entry_of(&out, "log.retention.hours"), hours);
    assert_int_equal(change(admin, CONFIG_RESOURCE_BROKER, "0", "log.retention.ms", SET, "7"), 0);
    ask_about(admin, 4, CONFIG_RESOURCE_TOPIC, "views", &out);
    expect_synonyms(entry_of(&out, "retention.ms"), both);
    ask_about(admin, 4, CONFIG_RESOURCE_BROKER, "0", &out);
    expect_synonyms(entry_of(&out, "log.retention.ms"), both);
    expect_synonyms(entry_of(&out, "log.retention.hours"), hours);
    admin_region_free(admin);
}

static void settings_are_described_in_every_version(void **state)
{
    struct admin_region *admin = admin_region_new();

    (void)state;
    for (int16_t version = 0; version <= 4; version++) {
        struct describe_configs_response out;
        ask_about(admin, version, CONFIG_RESOURCE_TOPIC, "clicks", &out);
        assert_int_equal(out.results.items[0].error_code, KAFKA_ERROR_NONE);
        assert_true(out.results.items[0].configs.count > 30);
        assert_true(version > 0 || entry_of(&out, "retention.ms")->is_default);
        ask_about(admin, version, CONFIG_RESOURCE_BROKER, "0", &out);
        assert_true(string_is(entry_of(&out, "num.partitions")->value, "4"));
        assert_true(entry_of(&out, "num.partitions")->read_only);
        assert_false(entry_of(&out, "message.max.bytes")->read_only);
    }
    admin_region_free(admin);
}

/* Two resources with so many keys each, of which the last is an option. */
static void ask_with_keys(struct admin_region *admin, int32_t count,
                          struct describe_configs_response *out)
{
    struct string *keys = check_alloc_zero((size_t)count * sizeof *keys);
    struct describe_configs_request_resources targets[2] = {
        {CONFIG_RESOURCE_TOPIC, STRING("clicks"), {keys, count}},
        {CONFIG_RESOURCE_BROKER, STRING("0"), {keys, count}},
    };
    struct describe_configs_request in = {.resources = {targets, 2}};

    for (int32_t i = 0; i < count; i++) {
        keys[i] = STRING("compression.typ");
    }
    keys[count - 1] = STRING("compression.type");
    admin_region_ask(admin, API_DESCRIBE_CONFIGS, 4, &in, describe_configs_handle, out);
    assert_int_equal(out->results.count, 2);
    free(keys);
}

static void more_keys_than_there_can_be_are_not_looked_for(void **state)
{
    struct admin_region *admin = admin_region_new();
    struct describe_configs_response out;

    (void)state;
    ask_with_keys(admin, 8192, &out);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(out.results.items[i].error_code, KAFKA_ERROR_NONE);
        assert_int_equal(out.results.items[i].configs.count, 1);
        assert_true(string_is(out.results.items[i].configs.items[0].name, "compression.type"));
    }
    ask_with_keys(admin, 8193, &out);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(out.results.items[i].error_code, KAFKA_ERROR_INVALID_REQUEST);
        assert_int_equal(out.results.items[i].configs.count, 0);
    }
    admin_region_free(admin);
}

static int16_t describe_error(struct admin_region *admin, int8_t type, const char *resource)
{
    struct describe_configs_response out;

    ask_about(admin, 4, type, resource, &out);
    return out.results.items[0].error_code;
}

static void what_cannot_be_described_is_said_with_kafkas_error(void **state)
{
    struct admin_region *admin = admin_region_new();

    (void)state;
    assert_int_equal(describe_error(admin, CONFIG_RESOURCE_TOPIC, "nobody"),
                     KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(describe_error(admin, CONFIG_RESOURCE_TOPIC, "no/name"),
                     KAFKA_ERROR_INVALID_TOPIC_EXCEPTION);
    assert_int_equal(describe_error(admin, CONFIG_RESOURCE_BROKER, "1"),
                     KAFKA_ERROR_INVALID_REQUEST);
    assert_int_equal(describe_error(admin, CONFIG_RESOURCE_BROKER, "x"),
                     KAFKA_ERROR_INVALID_REQUEST);
    assert_int_equal(describe_error(admin, CONFIG_RESOURCE_BROKER_LOGGER, ""),
                     KAFKA_ERROR_INVALID_REQUEST);
    assert_int_equal(describe_error(admin, 3, "x"), KAFKA_ERROR_INVALID_REQUEST);
    assert_int_equal(describe_error(admin, CONFIG_RESOURCE_BROKER, ""), KAFKA_ERROR_NONE);
    assert_int_equal(describe_error(admin, CONFIG_RESOURCE_BROKER_LOGGER, "0"), KAFKA_ERROR_NONE);
    admin_region_free(admin);
}

static void changes_are_checked_before_they_are_made(void **state)
{
    struct admin_region *admin = admin_region_new();
    int8_t topic = CONFIG_RESOURCE_TOPIC;

    (void)state;
    assert_int_equal(change(admin, topic, "clicks", "retention.ms", SET, "x"),
                     KAFKA_ERROR_INVALID_CONFIG);
    assert_int_equal(change(admin, topic, "clicks", "no.such.key", SET, "x"),
                     KAFKA_ERROR_INVALID_CONFIG);
    assert_int_equal(change(admin, topic, "clicks", "cleanup.policy", SET, "compact"),
                     KAFKA_ERROR_INVALID_CONFIG);
    assert_int_equal(change(admin, topic, "clicks", "retention.ms", SET, NULL),
                     KAFKA_ERROR_INVALID_REQUEST);
    assert_int_equal(change(admin, topic, "clicks", "retention.ms", APPEND, "1"),
                     KAFKA_ERROR_INVALID_CONFIG);
    assert_int_equal(change(admin, topic, "clicks", "retention.ms", 7, "1"),
                     KAFKA_ERROR_INVALID_REQUEST);
    assert_int_equal(change(admin, topic, "nobody", "retention.ms", SET, "1"),
                     KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(change(admin, CONFIG_RESOURCE_BROKER, "9", "log.retention.ms", SET, "1"),
                     KAFKA_ERROR_BROKER_ID_NOT_REGISTERED);
    for (int i = 0; i < 2; i++) {
        int8_t type = CONFIG_RESOURCE_BROKER;
        const char *broker = i == 0 ? "0" : "";
        assert_int_equal(change(admin, type, broker, "node.id", SET, "1"),
                         KAFKA_ERROR_INVALID_REQUEST);
        assert_int_equal(change(admin, type, broker, "process.roles", SET, "broker"),
                         KAFKA_ERROR_INVALID_REQUEST);
        assert_int_equal(change(admin, type, broker, "max.connections", SET, "many"),
                         KAFKA_ERROR_INVALID_REQUEST);
        assert_int_equal(change(admin, type, broker, "max.connections", SET, "0"),
                         KAFKA_ERROR_INVALID_REQUEST);
        assert_int_equal(change(admin, type, broker, "log.cleanup.policy", SET, "compact"),
                         KAFKA_ERROR_INVALID_REQUEST);
        assert_int_equal(change(admin, type, broker, "log.cleanup.policy", APPEND, "compact"),
                         KAFKA_ERROR_INVALID_REQUEST);
        assert_int_equal(change(admin, type, broker, "log.cleanup.policy", SET, "delet"),
                         KAFKA_ERROR_INVALID_REQUEST);
        assert_int_equal(change(admin, type, broker, "log.cleanup.policy", SET, "delete"), 0);
        assert_int_equal(change(admin, type, broker, "log.cleanup.policy", DELETE, NULL), 0);
        assert_int_equal(change(admin, type, broker, "node.id", DELETE, NULL), 0);
        assert_int_equal(change(admin, type, broker, "num.io.threads", SET, "9"), 0);
        assert_int_equal(change(admin, type, broker, "max.connections", SET, "5"), 0);
        assert_int_equal(change(admin, type, broker, "max.connections", DELETE, NULL), 0);
    }
    assert_int_equal(change(admin, CONFIG_RESOURCE_BROKER_LOGGER, "0", "raft", APPEND, "INFO"),
                     KAFKA_ERROR_INVALID_REQUEST);
    assert_int_equal(change(admin, CONFIG_RESOURCE_BROKER_LOGGER, "0", "nobody", SET, "INFO"),
                     KAFKA_ERROR_INVALID_CONFIG);
    assert_string_equal(admin_region_setting(admin, "clicks", "retention.ms"), "");
    admin_region_free(admin);
}

static void lists_are_appended_to_and_taken_from(void **state)
{
    struct admin_region *admin = admin_region_new();
    const char *key = "leader.replication.throttled.replicas";
    int8_t topic = CONFIG_RESOURCE_TOPIC;

    (void)state;
    assert_int_equal(change(admin, topic, "clicks", key, APPEND, "0:1,1:2"), 0);
    assert_string_equal(admin_region_setting(admin, "clicks", key), "0:1,1:2");
    assert_int_equal(change(admin, topic, "clicks", key, APPEND, "1:2,2:0"), 0);
    assert_string_equal(admin_region_setting(admin, "clicks", key), "0:1,1:2,2:0");
    assert_int_equal(change(admin, topic, "clicks", key, SUBTRACT, "0:1,2:0,9:9"), 0);
    assert_string_equal(admin_region_setting(admin, "clicks", key), "1:2");
    assert_int_equal(change(admin, topic, "clicks", key, DELETE, NULL), 0);
    assert_string_equal(admin_region_setting(admin, "clicks", key), "");
    admin_region_free(admin);
}

static void what_is_named_twice_is_refused(void **state)
{
    struct admin_region *admin = admin_region_new();
    struct incremental_alter_configs_request_resources_configs configs[] = {
        {STRING("retention.ms"), SET, STRING("1")}, {STRING("retention.ms"), DELETE, STRING_NULL}};
    struct incremental_alter_configs_request_resources targets[] = {
        {CONFIG_RESOURCE_TOPIC, STRING("clicks"), {configs, 2}},
        {CONFIG_RESOURCE_TOPIC, STRING("views"), {configs, 1}},
        {CONFIG_RESOURCE_TOPIC, STRING("views"), {configs, 1}},
    };
    struct incremental_alter_configs_request in = {.resources = {targets, 3}};
    struct incremental_alter_configs_response out;

    (void)state;
    admin_region_ask(admin, API_INCREMENTAL_ALTER_CONFIGS, 1, &in, incremental_alter_configs_handle,
                     &out);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(out.responses.items[i].error_code, KAFKA_ERROR_INVALID_REQUEST);
    }
    in.resources.count = 2;
    in.validate_only = true;
    targets[0].configs.count = 1;
    admin_region_ask(admin, API_INCREMENTAL_ALTER_CONFIGS, 1, &in, incremental_alter_configs_handle,
                     &out);
    assert_int_equal(out.responses.items[0].error_code, KAFKA_ERROR_NONE);
    assert_string_equal(admin_region_setting(admin, "clicks", "retention.ms"), "");
    admin_region_free(admin);
}

static void the_older_way_refuses_what_is_named_twice_too(void **state)
{
    struct admin_region *admin = admin_region_new();
    struct alter_configs_request_resources_configs config = {STRING("retention.ms"), STRING("1")};
    struct alter_configs_request_resources targets[] = {
        {CONFIG_RESOURCE_TOPIC, STRING("views"), {&config, 1}},
        {CONFIG_RESOURCE_TOPIC, STRING("clicks"), {&config, 1}},
        {CONFIG_RESOURCE_TOPIC, STRING("views"), {&config, 1}},
    };
    struct alter_configs_request in = {.resources = {targets, 3}};
    struct alter_configs_response out;

    (void)state;
    admin_region_ask(admin, API_ALTER_CONFIGS, 2, &in, alter_configs_handle, &out);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(out.responses.items[i].error_code,
                         i == 1 ? KAFKA_ERROR_NONE : KAFKA_ERROR_INVALID_REQUEST);
    }
    assert_true(
        string_is(out.responses.items[2].error_message, "Each resource must appear at most once."));
    assert_string_equal(admin_region_setting(admin, "clicks", "retention.ms"), "1");
    assert_string_equal(admin_region_setting(admin, "views", "retention.ms"), "");
    admin_region_free(admin);
}

static void the_older_way_replaces_all_that_was_set(void **state)
{
    struct admin_region *admin = admin_region_new();
    struct alter_configs_request_resources_configs configs[] = {
        {STRING("max.message.bytes"), STRING("2000")},
        {STRING("max.message.bytes"), STRING("3000")},
    };
    struct alter_configs_request_resources target = {
        CONFIG_RESOURCE_TOPIC, STRING("clicks"), {configs, 1}};
    struct alter_configs_request in = {.resources = {&target, 1}};
    struct alter_configs_response out;

    (void)state;
    for (int16_t version = 0; version <= 2; version++) {
        assert_int_equal(change(admin, CONFIG_RESOURCE_TOPIC, "clicks", "retention.ms", SET, "5"),
                         0);
        admin_region_ask(admin, API_ALTER_CONFIGS, version, &in, alter_configs_handle, &out);
        assert_int_equal(out.responses.items[0].error_code, KAFKA_ERROR_NONE);
        assert_string_equal(admin_region_setting(admin, "clicks", "retention.ms"), "");
        assert_string_equal(admin_region_setting(admin, "clicks", "max.message.bytes"), "2000");
    }
    target.configs.count = 2;
    admin_region_ask(admin, API_ALTER_CONFIGS, 2, &in, alter_configs_handle, &out);
    assert_int_equal(out.responses.items[0].error_code, KAFKA_ERROR_INVALID_REQUEST);
    assert_string_equal(admin_region_setting(admin, "clicks", "max.message.bytes"), "2000");
    admin_region_free(admin);
}

static void what_goes_not_together_is_refused(void **state)
{
    struct admin_region *admin = admin_region_new();
    int8_t topic = CONFIG_RESOURCE_TOPIC;
    const char *least = "min.compaction.lag.ms";
    const char *most = "max.compaction.lag.ms";
    const char *all = "log.cleaner.min.compaction.lag.ms";

    (void)state;
    assert_int_equal(change(admin, topic, "clicks", least, SET, "100"), KAFKA_ERROR_NONE);
    assert_int_equal(change(admin, topic, "clicks", most, SET, "99"), KAFKA_ERROR_INVALID_CONFIG);
    assert_int_equal(change(admin, topic, "clicks", most, SET, "100"), KAFKA_ERROR_NONE);
    assert_int_equal(change(admin, topic, "clicks", least, SET, "101"), KAFKA_ERROR_INVALID_CONFIG);
    assert_int_equal(change(admin, topic, "clicks", least, DELETE, NULL), KAFKA_ERROR_NONE);
    assert_int_equal(change(admin, CONFIG_RESOURCE_BROKER, "", all, SET, "101"), KAFKA_ERROR_NONE);
    assert_int_equal(change(admin, topic, "clicks", most, SET, "90"), KAFKA_ERROR_INVALID_CONFIG);
    assert_int_equal(change(admin, topic, "clicks", most, DELETE, NULL), KAFKA_ERROR_NONE);
    admin_region_free(admin);
}

static void the_times_of_a_group_have_bounds(void **state)
{
    struct admin_region *admin = admin_region_new();
    int8_t group = CONFIG_RESOURCE_GROUP;
    const char *key = "consumer.session.timeout.ms";

    (void)state;
    assert_int_equal(change(admin, group, "g", key, SET, "44999"), KAFKA_ERROR_INVALID_CONFIG);
    assert_int_equal(change(admin, group, "g", key, SET, "45000"), KAFKA_ERROR_NONE);
    assert_int_equal(change(admin, group, "g", key, SET, "60000"), KAFKA_ERROR_NONE);
    assert_int_equal(change(admin, group, "g", key, SET, "60001"), KAFKA_ERROR_INVALID_CONFIG);
    admin_region_free(admin);
}

static void a_group_needs_not_exist_to_have_settings(void **state)
{
    struct admin_region *admin = admin_region_new();
    struct describe_configs_response out;
    int8_t group = CONFIG_RESOURCE_GROUP;
    const char *key = "consumer.session.timeout.ms";

    (void)state;
    assert_int_equal(change(admin, group, "g", key, SET, "x"), KAFKA_ERROR_INVALID_CONFIG);
    assert_int_equal(change(admin, group, "", key, SET, "46000"), KAFKA_ERROR_INVALID_REQUEST);
    assert_int_equal(change(admin, group, "g", key, SET, "46000"), KAFKA_ERROR_NONE);
    ask_about(admin, 4, group, "g", &out);
    const struct describe_configs_response_results_configs *entry = entry_of(&out, key);
    assert_true(string_is(entry->value, "46000"));
    assert_int_equal(entry->config_source, CONFIG_SOURCE_GROUP);
    assert_true(string_is(entry->synonyms.items[1].name, "group.consumer.session.timeout.ms"));
    struct list_config_resources_request in = {.resource_types = {(int8_t[]){32}, 1}};
    struct list_config_resources_response listed;
    admin_region_ask(admin, API_LIST_CONFIG_RESOURCES, 1, &in, list_config_resources_handle,
                     &listed);
    assert_int_equal(listed.config_resources.count, 1);
    assert_true(string_is(listed.config_resources.items[0].resource_name, "g"));
    in.resource_types.count = 0;
    admin_region_ask(admin, API_LIST_CONFIG_RESOURCES, 1, &in, list_config_resources_handle,
                     &listed);
    assert_int_equal(listed.config_resources.count, 2 + 3 + 3 + 1);
    admin_region_ask(admin, API_LIST_CONFIG_RESOURCES, 0, &in, list_config_resources_handle,
                     &listed);
    assert_int_equal(listed.config_resources.count, 0);
    admin_region_free(admin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_shown_with_all_that_stands_behind_it),
        cmocka_unit_test(a_value_in_other_units_is_shown_behind_the_first_unit),
        cmocka_unit_test(settings_are_described_in_every_version),
        cmocka_unit_test(more_keys_than_there_can_be_are_not_looked_for),
        cmocka_unit_test(what_cannot_be_described_is_said_with_kafkas_error),
        cmocka_unit_test(changes_are_checked_before_they_are_made),
        cmocka_unit_test(lists_are_appended_to_and_taken_from),
        cmocka_unit_test(what_is_named_twice_is_refused),
        cmocka_unit_test(the_older_way_refuses_what_is_named_twice_too),
        cmocka_unit_test(the_older_way_replaces_all_that_was_set),
        cmocka_unit_test(what_goes_not_together_is_refused),
        cmocka_unit_test(the_times_of_a_group_have_bounds),
        cmocka_unit_test(a_group_needs_not_exist_to_have_settings),
    };
    return cmocka_run_group_tests_name("configs", tests, NULL, NULL);
}
