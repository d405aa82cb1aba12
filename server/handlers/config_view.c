/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/config_view.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "gyre/metadata/catalog.h"

#include "handlers/broker.h"
#include "handlers/group_options.h"
#include "handlers/request.h"

enum { VALUE_BYTES_MAX = 4096, NUMBER_BYTES_MAX = 24 };

static struct string keep(struct request *request, struct config_entry *entry, const char *text,
                          const char *fallback)
{
    struct string copy;

    if (fallback != NULL && strcmp(text, fallback) == 0) {
        return string_from(fallback); /* most are: no copies of constants */
    }
    if (!arena_copy_string(&request->arena, string_from(text), &copy)) {
        entry->is_exhausted = true;
        return STRING_NULL;
    }
    return copy;
}

static void add_synonym(struct config_entry *entry, struct string name, struct string value,
                        enum config_source source)
{
    if (value.bytes != NULL && entry->synonym_count < CONFIG_SYNONYMS_MAX) {
        entry->synonyms[entry->synonym_count++] =
            (struct config_synonym){name, value, (int8_t)source};
    }
}

/* ---- layers ---- */

struct string config_view_find_in_list(const void *list, struct string name)
{
    return catalog_find_setting(list, name);
}

static const struct list *own_settings(const struct broker *broker)
{
    char text[NUMBER_BYTES_MAX];

    (void)snprintf(text, sizeof text, "%d", broker->node_id);
    return catalog_broker_settings(broker->catalog, string_from(text));
}

static void add_broker_layers(const struct broker *broker, struct config_view_layers *layers)
{
    layers->layers[layers->count++] = (struct config_layer){
        CONFIG_SOURCE_DYNAMIC_BROKER, config_view_find_in_list, own_settings(broker), false};
    layers->layers[layers->count++] =
        (struct config_layer){CONFIG_SOURCE_DYNAMIC_DEFAULT, config_view_find_in_list,
                              catalog_broker_settings(broker->catalog, STRING("")), false};
    layers->layers[layers->count++] = config_layer_of_file(broker->config);
}

static struct string find_in_stream(const void *stream, struct string name)
{
    return catalog_stream_property(stream, name);
}

void config_view_topic_layers(const struct broker *broker, struct string topic,
                              struct string (*find)(const void *context, struct string name),
                              const void *context, struct config_view_layers *out_layers)
{
    const struct catalog_stream *stream = catalog_find_stream_around(broker->catalog, topic);

    *out_layers = (struct config_view_layers){.broker = broker};
    out_layers->layers[out_layers->count++] =
        (struct config_layer){CONFIG_SOURCE_TOPIC, find, context, true};
    if (stream != NULL) {
        out_layers->layers[out_layers->count++] =
            (struct config_layer){CONFIG_SOURCE_DYNAMIC_DEFAULT, find_in_stream, stream, true};
    }
    add_broker_layers(broker, out_layers);
}

/* ---- topics ---- */

static struct string fallback_of(struct request *request, struct config_entry *entry,
                                 const struct broker_option *option, const char *usual)
{
    char text[VALUE_BYTES_MAX];

    return broker_option_fallback(option, text, sizeof text) ? keep(request, entry, text, usual)
                                                             : STRING_NULL;
}

static int count_synonyms(const struct topic_option *option)
{
    int count = 0;

    while (count < TOPIC_OPTION_SYNONYMS_MAX && option->synonyms[count].name != NULL) {
        count++;
    }
    return count;
}

/* Kafka looks for a key under all of its units and shows what it found from the first unit on:
 * log.retention.hours is not told where log.retention.ms was never given. */
static void drop_until(struct config_entry *entry, int from, const char *name)
{
    int kept = from;

    while (kept < entry->synonym_count && !string_is(entry->synonyms[kept].name, name)) {
        kept++;
    }
    memmove(&entry->synonyms[from], &entry->synonyms[kept],
            (size_t)(entry->synonym_count - kept) * sizeof entry->synonyms[0]);
    entry->synonym_count -= kept - from;
}

static void add_topic_synonyms(struct request *request, const struct topic_option *option,
                               const struct config_view_layers *layers, struct config_entry *entry)
{
    int synonym_count = count_synonyms(option);
    int of_topics = 0;

    for (int i = 0; i < layers->count; i++) {
        const struct config_layer *layer = &layers->layers[i];
        if (layer->speaks_of_topics) {
            add_synonym(entry, entry->name, layer->find(layer->context, entry->name),
                        layer->source);
            of_topics = entry->synonym_count;
            continue;
        }
        for (int j = 0; j < synonym_count; j++) {
            struct string name = string_from(option->synonyms[j].name);
            add_synonym(entry, name, layer->find(layer->context, name), layer->source);
        }
    }
    for (int j = 0; j < synonym_count; j++) {
        struct string name = string_from(option->synonyms[j].name);
        const struct broker_option *broker_option = broker_option_find(name);
        if (broker_option != NULL) {
            add_synonym(entry, name, fallback_of(request, entry, broker_option, option->fallback),
                        CONFIG_SOURCE_DEFAULT);
        }
    }
    if (synonym_count > 0) {
        drop_until(entry, of_topics, option->synonyms[0].name);
    }
}

bool config_view_topic_option(struct request *request, const struct topic_option *option,
                              const struct config_view_layers *layers,
                              struct config_entry *out_entry)
{
    struct topic_option_value value;

    topic_option_resolve(option, layers->layers, layers->count, &value);
    if (option->fallback == NULL && value.source == CONFIG_SOURCE_DEFAULT) {
        return false;
    }
    *out_entry = (struct config_entry){
        .name = string_from(option->name),
        .source = (int8_t)value.source,
        .type = (int8_t)option->type,
        .doc = option->doc,
    };
    out_entry->value = keep(request, out_entry, value.text, option->fallback);
    add_topic_synonyms(request, option, layers, out_entry);
    if (value.source == CONFIG_SOURCE_TOPIC) {
        out_entry->value = out_entry->synonyms[0].value; /* whole, however long it is */
    }
    return true;
}

/* ---- brokers ---- */

static bool is_secret(const char *name)
{
    return strstr(name, "password") != NULL || strstr(name, "secret") != NULL ||
           strstr(name, "jaas") != NULL || strstr(name, "ssl.keystore.key") != NULL;
}

/* The topics' option behind a broker's, if brokers know it in several units. */
static const struct topic_option *find_units(const struct broker_option *option)
{
    for (int i = 0; i < topic_option_count(); i++) {
        const struct topic_option *units = topic_option_at(i);
        for (int j = 0; count_synonyms(units) > 1 && j < count_synonyms(units); j++) {
            if (strcmp(units->synonyms[j].name, option->name) == 0) {
                return units;
            }
        }
    }
    return NULL;
}

static void add_broker_synonym(struct request *request, const struct broker_option *option,
                               const struct config_layer *layer, struct config_entry *entry)
{
    struct string name = string_from(option->name);

    if (layer == NULL) {
        add_synonym(entry, name, fallback_of(request, entry, option, option->fallback_text),
                    CONFIG_SOURCE_DEFAULT);
    } else if (option->change == OPTION_DYNAMIC || layer->source == CONFIG_SOURCE_STATIC_BROKER) {
        add_synonym(entry, name, layer->find(layer->context, name), layer->source);
    }
}

static void add_broker_synonyms(struct request *request, const struct broker_option *option,
                                const struct config_view_layers *layers, struct config_entry *entry)
{
    const struct topic_option *units = find_units(option);

    for (int i = 0; i <= layers->count; i++) {
        const struct config_layer *layer = i < layers->count ? &layers->layers[i] : NULL;
        if (units == NULL) {
            add_broker_synonym(request, option, layer, entry);
            continue;
        }
        for (int j = 0; j < count_synonyms(units); j++) {
            const struct broker_option *unit =
                broker_option_find(string_from(units->synonyms[j].name));
            if (unit != NULL) {
                add_broker_synonym(request, unit, layer, entry);
            }
        }
    }
    drop_until(entry, 0, option->name);
}

static void hide_secret(struct config_entry *entry)
{
    if (entry->is_sensitive) {
        entry->value = STRING_NULL;
        for (int i = 0; i < entry->synonym_count; i++) {
            entry->synonyms[i].value = STRING_NULL;
        }
    }
}

void config_view_broker_option(struct request *request, const struct broker_option *option,
                               struct config_entry *out_entry)
{
    const struct broker *broker = request->broker;
    struct config_view_layers layers = {.broker = broker};
    char text[VALUE_BYTES_MAX];

    *out_entry = (struct config_entry){
        .name = string_from(option->name),
        .source = CONFIG_SOURCE_DEFAULT,
        .type = (int8_t)option->type,
        .is_read_only = option->change == OPTION_READ_ONLY,
        .is_sensitive = option->type == OPTION_TYPE_PASSWORD || is_secret(option->name),
        .doc = option->doc,
    };
    add_broker_layers(broker, &layers);
    add_broker_synonyms(request, option, &layers, out_entry);
    if (out_entry->synonym_count > 0) {
        out_entry->source = out_entry->synonyms[0].source;
        out_entry->value = out_entry->synonyms[0].value;
    }
    /* What follows from other options (listeners, ids) is not in any layer. */
    if (out_entry->source >= CONFIG_SOURCE_STATIC_BROKER &&
        broker_option_value(option, broker->config, text, sizeof text)) {
        out_entry->value = keep(request, out_entry, text, option->fallback_text);
    }
    hide_secret(out_entry);
}

void config_view_broker_setting(struct request *request, const struct catalog_setting *setting,
                                enum config_source source, struct config_entry *out_entry)
{
    const struct broker *broker = request->broker;
    const struct broker_option *option = broker_option_find(setting->name);
    bool is_of_listener = option == NULL;
    struct config_view_layers layers = {.broker = broker};

    if (is_of_listener) {
        option = broker_option_find_of_listener(setting->name);
    }
    *out_entry = (struct config_entry){
        .name = setting->name,
        .value = setting->value,
        .source = (int8_t)source,
        .type = (int8_t)(option == NULL ? OPTION_TYPE_STRING : option->type),
        /* Kafka says so, and changes it. */
        .is_read_only = (is_of_listener && option != NULL) || config_is_custom_key(setting->name),
        .is_sensitive = (option != NULL && option->type == OPTION_TYPE_PASSWORD) ||
                        is_secret(setting->name.bytes) || config_is_custom_key(setting->name),
        .doc = option == NULL ? NULL : option->doc,
    };
    add_broker_layers(broker, &layers);
    for (int i = 0; i < layers.count; i++) {
        const struct config_layer *layer = &layers.layers[i];
        if (layer->source >= source) {
            add_synonym(out_entry, setting->name, layer->find(layer->context, setting->name),
                        layer->source);
        }
    }
    hide_secret(out_entry);
}

/* ---- groups ---- */

void config_view_group_option(struct request *request, const struct group_option *option,
                              const struct list *settings, struct config_entry *out_entry)
{
    struct config_view_layers layers = {.broker = request->broker};
    struct string synonym = string_from(option->synonym);

    *out_entry = (struct config_entry){
        .name = string_from(option->name),
        .type = (int8_t)option->type,
        .doc = option->doc,
    };
    add_synonym(out_entry, out_entry->name, catalog_find_setting(settings, out_entry->name),
                CONFIG_SOURCE_GROUP);
    add_broker_layers(request->broker, &layers);
    for (int i = 0; i < layers.count; i++) {
        const struct config_layer *layer = &layers.layers[i];
        add_synonym(out_entry, synonym, layer->find(layer->context, synonym), layer->source);
    }
    add_synonym(out_entry, synonym, string_from(option->fallback), CONFIG_SOURCE_DEFAULT);
    out_entry->value = out_entry->synonyms[0].value;
    out_entry->source = out_entry->synonyms[0].source;
}

/* ---- checking ---- */

enum error config_view_check_topic(struct string name, struct string value, char *reason,
                                   size_t reason_size)
{
    return topic_option_validate(name, value, reason, reason_size);
}

enum error config_view_check_topic_as_a_whole(const struct broker *broker, struct string topic,
                                              struct string (*find)(const void *context,
                                                                    struct string name),
                                              const void *context, char *reason, size_t reason_size)
{
    struct config_view_layers layers;
    struct topic_config config;

    config_view_topic_layers(broker, topic, find, context, &layers);
    topic_config_compute(layers.layers, layers.count, &config);
    if (config.min_compaction_lag_ms <= config.max_compaction_lag_ms) {
        return ERROR_NONE;
    }
    (void)snprintf(reason, reason_size,
                   "conflict topic config setting min.compaction.lag.ms (%" PRId64
                   ") > max.compaction.lag.ms (%" PRId64 ")",
                   config.min_compaction_lag_ms, config.max_compaction_lag_ms);
    return ERROR_INVALID;
}

static const char of_one_broker[] =
    "Cannot update these configs at default cluster level, broker id must be specified";

static const char *why_not_custom(struct string name, bool is_default)
{
    static const char of_listeners[] = "listener.name.";
    size_t length = sizeof of_listeners - 1;

    return is_default && (size_t)name.length >= length &&
                   memcmp(name.bytes, of_listeners, length) == 0
               ? of_one_broker
               : NULL;
}

/* Kafka's sentences, and in its order. NULL: it may be changed. */
static const char *why_not_dynamic(struct string name, const struct broker_option *option,
                                   const struct broker_option *of_listener, bool is_default)
{
    if (of_listener != NULL) {
        if (!broker_option_is_of_listener(of_listener) || of_listener->change == OPTION_READ_ONLY) {
            return "Cannot update these configs dynamically";
        }
        return of_listener->change == OPTION_OF_LISTENER && is_default ? of_one_broker : NULL;
    }
    if (option != NULL && option->change == OPTION_OF_LISTENER) {
        return "These security configs can be dynamically updated only per-listener using the "
               "listener prefix";
    }
    return config_is_dynamic_key(name) ? NULL : "Cannot update these configs dynamically";
}

enum error config_view_check_broker(struct string name, struct string value, bool is_default,
                                    char *reason, size_t reason_size)
{
    const struct broker_option *option = broker_option_find(name);
    const struct broker_option *of_listener = broker_option_find_of_listener(name);
    const char *why_not;
    char problem[VALUE_BYTES_MAX / 8];

    if (option == NULL && of_listener == NULL && !config_is_kafka_key(name) &&
        !config_is_custom_key(name)) {
        (void)snprintf(reason, reason_size, "Unknown config name: %.*s", STRING_ARGUMENTS(name));
        return ERROR_NOT_FOUND;
    }
    why_not = config_is_custom_key(name) ? why_not_custom(name, is_default)
                                         : why_not_dynamic(name, option, of_listener, is_default);
    if (why_not != NULL) {
        (void)snprintf(reason, reason_size, "%s: [%.*s]", why_not, STRING_ARGUMENTS(name));
        return ERROR_INVALID;
    }
    option = option == NULL ? of_listener : option;
    if (option == NULL) {
        return ERROR_NONE; /* kept and reported, without use here */
    }
    enum error error = broker_option_validate(option, value, problem, sizeof problem);
    if (error != ERROR_NONE && option->type == OPTION_TYPE_PASSWORD) {
        (void)snprintf(reason, reason_size, "Invalid value for configuration %.*s",
                       STRING_ARGUMENTS(name));
    } else if (error != ERROR_NONE) {
        (void)snprintf(reason, reason_size, "Invalid value %.*s for configuration %.*s: %s",
                       STRING_ARGUMENTS(value), STRING_ARGUMENTS(name), problem);
    }
    return error;
}

static bool is_choice(const char *choices, struct string value)
{
    while (*choices != '\0') {
        size_t length = strcspn(choices, "|");
        if (length == (size_t)value.length && memcmp(choices, value.bytes, length) == 0) {
            return true;
        }
        choices += length + (choices[length] == '|');
    }
    return false;
}

static bool parse_number(struct string value, int64_t *out_number)
{
    char text[NUMBER_BYTES_MAX];
    char *end;

    if (value.length < 1 || value.length >= NUMBER_BYTES_MAX) {
        return false;
    }
    memcpy(text, value.bytes, (size_t)value.length);
    text[value.length] = '\0';
    errno = 0;
    *out_number = strtoll(text, &end, 10);
    return errno == 0 && *end == '\0' && text[0] != ' ' && text[0] != '\t';
}

static enum error check_bounds(const struct group_option *option, int64_t number, char *reason,
                               size_t reason_size)
{
    if (number < option->low) {
        (void)snprintf(reason, reason_size, "%s must be greater than or equal to %" PRId64,
                       option->name, option->low);
        return ERROR_INVALID;
    }
    if (number > option->high) {
        (void)snprintf(reason, reason_size, "%s must be less than or equal to %" PRId64,
                       option->name, option->high);
        return ERROR_INVALID;
    }
    return ERROR_NONE;
}

enum error config_view_check_group(struct string name, struct string value, char *reason,
                                   size_t reason_size)
{
    const struct group_option *option = group_options_find(name);
    int64_t number = 0;

    if (option == NULL) {
        (void)snprintf(reason, reason_size, "Unknown group config name: %.*s",
                       STRING_ARGUMENTS(name));
        return ERROR_NOT_FOUND;
    }
    if (option->type == OPTION_TYPE_INT) {
        if (parse_number(value, &number)) {
            return check_bounds(option, number, reason, reason_size);
        }
    } else if (option->choices == NULL || is_choice(option->choices, value)) {
        return ERROR_NONE;
    }
    (void)snprintf(reason, reason_size, "Invalid value %.*s for configuration %s",
                   STRING_ARGUMENTS(value), option->name);
    return ERROR_INVALID;
}
