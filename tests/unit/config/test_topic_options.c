/* SPDX-License-Identifier: Apache-2.0 */
/* Topics get Kafka's defaults, Kafka's checks, and Kafka's order of who decides. */
#include "gyre/config/topic_options.h"

#include "support/test.h"

struct pair {
    const char *name;
    const char *value;
};

/* A layer of pairs that ends with a NULL name. */
static struct string find_pair(const void *context, struct string name)
{
    for (const struct pair *pair = context; pair->name != NULL; pair++) {
        if (string_is(name, pair->name)) {
            return string_from(pair->value);
        }
    }
    return STRING_NULL;
}

static void defaults_are_kafkas(void **state)
{
    struct topic_config config;

    (void)state;
    topic_config_init(&config);
    assert_true(config.cleanup_delete);
    assert_false(config.cleanup_compact);
    assert_false(config.is_memory_durable);
    assert_false(config.is_log_append_time);
    assert_int_equal(config.compression, TOPIC_COMPRESSION_PRODUCER);
    assert_int_equal(config.max_message_bytes, 1048588);
    assert_int_equal(config.min_insync_replicas, 1);
    assert_int_equal(config.segment_bytes, 1073741824);
    assert_int_equal(config.retention_ms, 604800000);
    assert_int_equal(config.retention_bytes, -1);
    assert_int_equal(config.segment_ms, 604800000);
    assert_true(config.timestamp_before_max_ms == INT64_MAX);
    assert_int_equal(config.timestamp_after_max_ms, 3600000);
}

static void the_strongest_layer_decides(void **state)
{
    static const struct pair topic[] = {{"retention.ms", "5"}, {NULL, NULL}};
    static const struct pair dynamic[] = {
        {"log.retention.ms", "6"}, {"message.max.bytes", "77"}, {NULL, NULL}};
    static const struct pair file[] = {
        {"log.retention.hours", "2"},  {"message.max.bytes", "88"},
        {"compression.type", "zstd"},  {"compression.zstd.level", "19"},
        {"gyre.durability", "memory"}, {NULL, NULL}};
    const struct config_layer layers[] = {
        {CONFIG_SOURCE_TOPIC, find_pair, topic, true},
        {CONFIG_SOURCE_DYNAMIC_DEFAULT, find_pair, dynamic, false},
        {CONFIG_SOURCE_STATIC_BROKER, find_pair, file, false}};
    struct topic_option_value value;
    struct topic_config config;

    (void)state;
    topic_config_compute(layers, 3, &config);
    assert_int_equal(config.retention_ms, 5);
    assert_int_equal(config.max_message_bytes, 77);
    assert_int_equal(config.compression, TOPIC_COMPRESSION_ZSTD);
    assert_int_equal(config.compression_level, 19);
    assert_true(config.is_memory_durable);
    topic_config_compute(layers + 2, 1, &config);
    assert_int_equal(config.retention_ms, 2 * 3600000);
    topic_option_resolve(topic_option_find(STRING("retention.ms")), layers + 2, 1, &value);
    assert_string_equal(value.text, "7200000");
    assert_string_equal(value.from, "log.retention.hours");
    assert_int_equal(value.source, CONFIG_SOURCE_STATIC_BROKER);
}

/* Milliseconds before minutes before hours; a topic's own name never means a broker's key. */
static void within_a_layer_the_finest_unit_decides(void **state)
{
    static const struct pair file[] = {{"log.retention.hours", "2"},
                                       {"log.retention.minutes", "3"},
                                       {"retention.ms", "1"},
                                       {"log.retention.ms", ""},
                                       {NULL, NULL}};
    const struct config_layer layer = {CONFIG_SOURCE_STATIC_BROKER, find_pair, file, false};
    struct topic_config config;

    (void)state;
    topic_config_compute(&layer, 1, &config);
    assert_int_equal(config.retention_ms, 3 * 60000);
}

static void unlimited_hours_stay_unlimited(void **state)
{
    static const struct pair file[] = {{"log.retention.hours", "-1"}, {NULL, NULL}};
    const struct config_layer layer = {CONFIG_SOURCE_STATIC_BROKER, find_pair, file, false};
    struct topic_config config;

    (void)state;
    topic_config_compute(&layer, 1, &config);
    assert_int_equal(config.retention_ms, -1);
}

static void what_users_may_set_is_checked(void **state)
{
    static const struct {
        const char *name;
        const char *value;
        enum error error;
    } cases[] = {
        {"retention.ms", "-1", ERROR_NONE},
        {"retention.ms", "-2", ERROR_INVALID},
        {"retention.ms", "", ERROR_INVALID},
        {"retention.ms", "1s", ERROR_INVALID},
        {"segment.bytes", "1048576", ERROR_NONE},
        {"segment.bytes", "1048575", ERROR_INVALID},
        {"internal.segment.bytes", "1024", ERROR_NONE},
        {"cleanup.policy", "delete", ERROR_NONE},
        {"cleanup.policy", "compact", ERROR_INVALID},
        {"cleanup.policy", "compact,delete", ERROR_INVALID},
        {"cleanup.policy", "erase", ERROR_INVALID},
        {"compression.type", "zstd", ERROR_NONE},
        {"compression.type", "ZSTD", ERROR_INVALID},
        {"compression.gzip.level", "0", ERROR_INVALID},
        {"compression.gzip.level", "9", ERROR_NONE},
        {"min.cleanable.dirty.ratio", "0.25", ERROR_NONE},
        {"min.cleanable.dirty.ratio", "1.5", ERROR_INVALID},
        {"min.insync.replicas", "0", ERROR_INVALID},
        {"preallocate", "TRUE", ERROR_NONE},
        {"preallocate", "1", ERROR_INVALID},
        {"remote.storage.enable", "true", ERROR_INVALID},
        {"leader.replication.throttled.replicas", "0:1,1:2", ERROR_NONE},
        {"leader.replication.throttled.replicas", "*", ERROR_NONE},
        {"leader.replication.throttled.replicas", "0-1", ERROR_INVALID},
        {"gyre.durability", "memory", ERROR_NONE},
        {"gyre.durability", "disk", ERROR_INVALID},
        {"message.format.version", "3.0", ERROR_NOT_FOUND},
        {"max.message.bytes", NULL, ERROR_INVALID},
    };
    char reason[256];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum error error = topic_option_validate(
            string_from(cases[i].name), string_from(cases[i].value), reason, sizeof reason);

        if (error != cases[i].error) {
            fail_msg("%s=%s: %s", cases[i].name, cases[i].value, error_name(error));
        }
    }
}

static void options_are_sorted_and_their_defaults_are_valid(void **state)
{
    char reason[256];

    (void)state;
    for (int i = 0; i < topic_option_count(); i++) {
        const struct topic_option *option = topic_option_at(i);

        if (i > 0) {
            assert_true(strcmp(topic_option_at(i - 1)->name, option->name) < 0);
        }
        if (option->fallback != NULL) {
            assert_int_equal(topic_option_validate(string_from(option->name),
                                                   string_from(option->fallback), reason,
                                                   sizeof reason),
                             ERROR_NONE);
        }
        for (int j = 0; j < TOPIC_OPTION_SYNONYMS_MAX && option->synonyms[j].name != NULL; j++) {
            assert_non_null(broker_option_find(string_from(option->synonyms[j].name)));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_kafkas),
        cmocka_unit_test(the_strongest_layer_decides),
        cmocka_unit_test(within_a_layer_the_finest_unit_decides),
        cmocka_unit_test(unlimited_hours_stay_unlimited),
        cmocka_unit_test(what_users_may_set_is_checked),
        cmocka_unit_test(options_are_sorted_and_their_defaults_are_valid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
