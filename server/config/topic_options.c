/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/config/topic_options.h"

#include <inttypes.h>
#include <stdio.h>

#include "gyre/config/throttled_replicas.h"

#include "config/option_value.h"

enum topic_option_id {
#define TOPIC_OPTION(id, ...) TOPIC_##id,
#include "gyre/config/topic_options.def"
    TOPIC_OPTION_COUNT,
};

#define TYPE_BOOL   OPTION_TYPE_BOOL
#define TYPE_INT    OPTION_TYPE_INT
#define TYPE_LONG   OPTION_TYPE_LONG
#define TYPE_DOUBLE OPTION_TYPE_DOUBLE
#define TYPE_STRING OPTION_TYPE_STRING
#define TYPE_LIST   OPTION_TYPE_LIST

static const struct topic_option options[TOPIC_OPTION_COUNT] = {
#define TOPIC_OPTION(id, text, kind, given, list, least, most, words, ...)                         \
    [TOPIC_##id] = {.name = text,                                                                  \
                    .type = TYPE_##kind,                                                           \
                    .fallback = given,                                                             \
                    .choices = list,                                                               \
                    .doc = words,                                                                  \
                    .low = least,                                                                  \
                    .high = most,                                                                  \
                    .synonyms = {__VA_ARGS__}},
#include "gyre/config/topic_options.def"
};

int topic_option_count(void)
{
    return TOPIC_OPTION_COUNT;
}

const struct topic_option *topic_option_at(int index)
{
    CHECK(index >= 0);
    CHECK(index < TOPIC_OPTION_COUNT);
    return &options[index];
}

const struct topic_option *topic_option_find(struct string name)
{
    for (int i = 0; i < TOPIC_OPTION_COUNT; i++) {
        if (string_is(name, options[i].name)) {
            return &options[i];
        }
    }
    return NULL;
}

/* ---- what a user may set ---- */

static enum error check_value(const struct topic_option *option, struct string value, char *reason,
                              size_t size)
{
    const struct option_rule rule = {
        .type = option->type, .choices = option->choices, .low = option->low, .high = option->high};

    return option_value_check(&rule, value, reason, size);
}

static bool list_has(struct string list, const char *wanted)
{
    struct string element;

    while (string_next_element(&list, ',', &element)) {
        if (string_is(element, wanted)) {
            return true;
        }
    }
    return false;
}

/* What is well-formed and still not possible here. */
static const char *find_obstacle(const struct topic_option *option, struct string value)
{
    int id = (int)(option - options);
    bool truth = false;

    if (id == TOPIC_CLEANUP_POLICY && list_has(value, "compact")) {
        return "compaction is not available yet";
    }
    if (id == TOPIC_COMPRESSION_GZIP_LEVEL && string_is(string_trim(value), "0")) {
        return "must be -1 or 1 to 9, is 0";
    }
    if (id == TOPIC_REMOTE_STORAGE_ENABLE && option_value_parse_bool(value, &truth) == ERROR_NONE &&
        truth) {
        return "there is no tiered storage";
    }
    if ((id == TOPIC_LEADER_THROTTLED || id == TOPIC_FOLLOWER_THROTTLED) &&
        !throttled_replicas_is_valid(value)) {
        return "must be '*' or partition:broker,...";
    }
    return NULL;
}

enum error topic_option_validate(struct string name, struct string value, char *reason,
                                 size_t reason_size)
{
    const struct topic_option *option = topic_option_find(name);
    char detail[256] = "";
    const char *obstacle;

    if (option == NULL) {
        (void)snprintf(reason, reason_size, "Unknown topic config name: %.*s",
                       STRING_ARGUMENTS(name));
        return ERROR_NOT_FOUND;
    }
    if (value.bytes == NULL) {
        (void)snprintf(reason, reason_size, "Invalid value null for configuration %s",
                       option->name);
        return ERROR_INVALID;
    }
    obstacle = check_value(option, value, detail, sizeof detail) == ERROR_NONE
                   ? find_obstacle(option, value)
                   : detail;
    if (obstacle == NULL) {
        return ERROR_NONE;
    }
    (void)snprintf(reason, reason_size, "Invalid value %.*s for configuration %s: %s",
                   STRING_ARGUMENTS(value), option->name, obstacle);
    return ERROR_INVALID;
}

static bool is_synonym(const struct topic_option *option, struct string broker_key)
{
    for (int i = 0; i < TOPIC_OPTION_SYNONYMS_MAX && option->synonyms[i].name != NULL; i++) {
        if (string_is(broker_key, option->synonyms[i].name)) {
            return option->synonyms[i].factor <= 1;
        }
    }
    return false;
}

enum error topic_option_validate_synonym(struct string broker_key, struct string value,
                                         char *reason, size_t reason_size)
{
    for (int i = 0; i < TOPIC_OPTION_COUNT; i++) {
        const char *obstacle;

        if (!is_synonym(&options[i], broker_key)) {
            continue;
        }
        if (check_value(&options[i], value, reason, reason_size) != ERROR_NONE) {
            return ERROR_INVALID;
        }
        obstacle = find_obstacle(&options[i], value);
        if (obstacle != NULL) {
            (void)snprintf(reason, reason_size, "cannot be '%.*s': %s", STRING_ARGUMENTS(value),
                           obstacle);
            return ERROR_INVALID;
        }
    }
    return ERROR_NONE;
}

/* ---- layers ---- */

static struct string find_in_file(const void *context, struct string name)
{
    const struct broker_config *config = context;
    char key[128];

    if ((size_t)name.length >= sizeof key) {
        return STRING_NULL;
    }
    memcpy(key, name.bytes, (size_t)name.length);
    key[name.length] = '\0';
    return config_given(config, key);
}

struct config_layer config_layer_of_file(const struct broker_config *config)
{
    return (struct config_layer){
        .source = CONFIG_SOURCE_STATIC_BROKER, .find = find_in_file, .context = config};
}

/* A broker key's value in the topic's unit; a bad or empty one counts as not set. */
static bool take(const struct topic_option *option, struct string value, int64_t factor,
                 struct topic_option_value *out)
{
    char reason[256];
    int64_t number;

    if (value.bytes == NULL) {
        return false;
    }
    if (factor > 1) {
        if (option_value_parse_long(value, &number) != ERROR_NONE) {
            return false;
        }
        number = number < 0 ? number : number > INT64_MAX / factor ? INT64_MAX : number * factor;
        (void)snprintf(out->text, sizeof out->text, "%" PRId64, number);
        return true;
    }
    if (check_value(option, value, reason, sizeof reason) != ERROR_NONE) {
        return false;
    }
    (void)snprintf(out->text, sizeof out->text, "%.*s", STRING_ARGUMENTS(value));
    return true;
}

static bool take_from_layer(const struct topic_option *option, const struct config_layer *layer,
                            struct topic_option_value *out)
{
    out->source = layer->source;
    out->from = option->name;
    if (layer->speaks_of_topics) {
        return take(option, layer->find(layer->context, string_from(option->name)), 1, out);
    }
    for (int i = 0; i < TOPIC_OPTION_SYNONYMS_MAX && option->synonyms[i].name != NULL; i++) {
        const struct topic_option_synonym *synonym = &option->synonyms[i];

        out->from = synonym->name;
        if (take(option, layer->find(layer->context, string_from(synonym->name)), synonym->factor,
                 out)) {
            return true;
        }
    }
    return false;
}

void topic_option_resolve(const struct topic_option *option, const struct config_layer *layers,
                          int layer_count, struct topic_option_value *out_value)
{
    for (int i = 0; i < layer_count; i++) {
        if (take_from_layer(option, &layers[i], out_value)) {
            return;
        }
    }
    (void)snprintf(out_value->text, sizeof out_value->text, "%s",
                   option->fallback == NULL ? "" : option->fallback);
    out_value->source = CONFIG_SOURCE_DEFAULT;
    out_value->from = option->name;
}

/* ---- everything at once ---- */

struct resolution {
    const struct config_layer *layers;
    int layer_count;
    struct topic_option_value value;
};

static struct string text_of(struct resolution *resolution, enum topic_option_id id)
{
    topic_option_resolve(&options[id], resolution->layers, resolution->layer_count,
                         &resolution->value);
    return string_from(resolution->value.text);
}

static int64_t long_of(struct resolution *resolution, enum topic_option_id id)
{
    int64_t value = 0;

    return option_value_parse_long(text_of(resolution, id), &value) == ERROR_NONE ? value : 0;
}

static int32_t int_of(struct resolution *resolution, enum topic_option_id id)
{
    return (int32_t)long_of(resolution, id); /* bounds were checked */
}

static void compute_compression(struct resolution *resolution, struct topic_config *config)
{
    static const struct {
        const char *name;
        enum topic_compression compression;
    } names[] = {
        {"uncompressed", TOPIC_COMPRESSION_NONE}, {"gzip", TOPIC_COMPRESSION_GZIP},
        {"snappy", TOPIC_COMPRESSION_SNAPPY},     {"lz4", TOPIC_COMPRESSION_LZ4},
        {"zstd", TOPIC_COMPRESSION_ZSTD},
    };
    struct string text = text_of(resolution, TOPIC_COMPRESSION_TYPE);

    config->compression = TOPIC_COMPRESSION_PRODUCER;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (string_is(text, names[i].name)) {
            config->compression = names[i].compression;
        }
    }
    if (config->compression == TOPIC_COMPRESSION_GZIP) {
        config->compression_level = int_of(resolution, TOPIC_COMPRESSION_GZIP_LEVEL);
    } else if (config->compression == TOPIC_COMPRESSION_LZ4) {
        config->compression_level = int_of(resolution, TOPIC_COMPRESSION_LZ4_LEVEL);
    } else if (config->compression == TOPIC_COMPRESSION_ZSTD) {
        config->compression_level = int_of(resolution, TOPIC_COMPRESSION_ZSTD_LEVEL);
    }
}

static void compute_sizes(struct resolution *resolution, struct topic_config *config)
{
    config->segment_bytes = int_of(resolution, TOPIC_INTERNAL_SEGMENT_BYTES);
    if (config->segment_bytes == 0) {
        config->segment_bytes = int_of(resolution, TOPIC_SEGMENT_BYTES);
    }
    config->max_message_bytes = int_of(resolution, TOPIC_MAX_MESSAGE_BYTES);
    config->min_insync_replicas = int_of(resolution, TOPIC_MIN_INSYNC_REPLICAS);
    config->index_interval_bytes = int_of(resolution, TOPIC_INDEX_INTERVAL_BYTES);
    config->retention_bytes = long_of(resolution, TOPIC_RETENTION_BYTES);
}

static void compute_times(struct resolution *resolution, struct topic_config *config)
{
    config->segment_ms = long_of(resolution, TOPIC_SEGMENT_MS);
    config->retention_ms = long_of(resolution, TOPIC_RETENTION_MS);
    config->timestamp_before_max_ms = long_of(resolution, TOPIC_TIMESTAMP_BEFORE_MAX_MS);
    config->timestamp_after_max_ms = long_of(resolution, TOPIC_TIMESTAMP_AFTER_MAX_MS);
    config->delete_retention_ms = long_of(resolution, TOPIC_DELETE_RETENTION_MS);
    config->min_compaction_lag_ms = long_of(resolution, TOPIC_MIN_COMPACTION_LAG_MS);
    config->max_compaction_lag_ms = long_of(resolution, TOPIC_MAX_COMPACTION_LAG_MS);
}

void topic_config_compute(const struct config_layer *layers, int layer_count,
                          struct topic_config *out_config)
{
    struct resolution resolution = {.layers = layers, .layer_count = layer_count};
    struct topic_config config = {0};
    struct string policy = text_of(&resolution, TOPIC_CLEANUP_POLICY);

    config.cleanup_delete = list_has(policy, "delete");
    config.cleanup_compact = list_has(policy, "compact");
    config.is_memory_durable = string_is(text_of(&resolution, TOPIC_DURABILITY), "memory");
    config.is_log_append_time =
        string_is(text_of(&resolution, TOPIC_TIMESTAMP_TYPE), "LogAppendTime");
    (void)(option_value_parse_bool(text_of(&resolution, TOPIC_UNCLEAN_LEADER_ELECTION),
                                   &config.unclean_leader_election) == ERROR_NONE);
    (void)(option_value_parse_double(text_of(&resolution, TOPIC_MIN_CLEANABLE_RATIO),
                                     &config.min_cleanable_ratio) == ERROR_NONE);
    compute_compression(&resolution, &config);
    compute_sizes(&resolution, &config);
    compute_times(&resolution, &config);
    *out_config = config;
}

void topic_config_init(struct topic_config *config)
{
    topic_config_compute(NULL, 0, config);
}
