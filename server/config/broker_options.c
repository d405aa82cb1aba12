/* SPDX-License-Identifier: Apache-2.0 */
/* The table behind struct broker_config, and Kafka's own keys. */
#include "config/broker_options.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "gyre/config/config.h"
#include "gyre/config/topic_options.h"

#include "config/option_value.h"

#define READ_ONLY    OPTION_READ_ONLY
#define DYNAMIC      OPTION_DYNAMIC
#define OF_LISTENER  OPTION_OF_LISTENER
#define FIELD(field) .offset = offsetof(struct broker_config, field)

/* clang-format off */
/* NOLINTBEGIN(bugprone-macro-parentheses): designators and initialisers take no parentheses. */
static const struct broker_option options[] = {
#define OPTION_INT(field, text, fallback, least, most, when, words) \
    {.name = text, .type = OPTION_TYPE_INT, .change = when, .fallback_number = fallback, \
     .low = least, .high = most, .doc = words, FIELD(field)},
#define OPTION_LONG(field, text, fallback, least, most, when, words) \
    {.name = text, .type = OPTION_TYPE_LONG, .change = when, .fallback_number = fallback, \
     .low = least, .high = most, .doc = words, FIELD(field)},
#define OPTION_LONG_OR_NULL(field, text, least, most, when, words) \
    {.name = text, .type = OPTION_TYPE_LONG, .change = when, .is_nullable = true, \
     .fallback_number = CONFIG_NULL, .low = least, .high = most, .doc = words, FIELD(field)},
#define OPTION_DOUBLE(field, text, fallback, least, most, when, words) \
    {.name = text, .type = OPTION_TYPE_DOUBLE, .change = when, .fallback_real = fallback, \
     .low = least, .high = most, .doc = words, FIELD(field)},
#define OPTION_BOOL(field, text, fallback, when, words) \
    {.name = text, .type = OPTION_TYPE_BOOL, .change = when, .fallback_number = fallback, \
     .doc = words, FIELD(field)},
#define OPTION_STRING(field, text, fallback, when, words) \
    {.name = text, .type = OPTION_TYPE_STRING, .change = when, .fallback_text = fallback, \
     .doc = words, FIELD(field)},
#define OPTION_CHOICE(field, text, fallback, list, when, words) \
    {.name = text, .type = OPTION_TYPE_STRING, .change = when, .fallback_text = fallback, \
     .choices = list, .doc = words, FIELD(field)},
#define OPTION_LIST(field, text, fallback, when, words) \
    {.name = text, .type = OPTION_TYPE_LIST, .change = when, .fallback_text = fallback, \
     .doc = words, FIELD(field)},
#define OPTION_PASSWORD(field, text, when, words) \
    {.name = text, .type = OPTION_TYPE_PASSWORD, .change = when, .doc = words, FIELD(field)},
#include "gyre/config/broker_options.def"
};

static const struct kafka_key {
    const char *name;
    enum option_change change;
} kafka_keys[] = {
#define KAFKA_BROKER_KEY(name) {name, READ_ONLY},
#define KAFKA_DYNAMIC_BROKER_KEY(name) {name, DYNAMIC},
#include "config/kafka_broker_keys.def"
#undef KAFKA_BROKER_KEY
#undef KAFKA_DYNAMIC_BROKER_KEY
};
/* NOLINTEND(bugprone-macro-parentheses) */
/* clang-format on */

/* Beginnings of keys that Kafka hands to its plug-ins and listeners. */
static const char *const kafka_prefixes[] = {
    "config.providers.", "listener.name.", "metrics.context.", "rlmm.config.", "rsm.config.",
};

int broker_option_count(void)
{
    return (int)(sizeof options / sizeof options[0]);
}

const struct broker_option *broker_option_at(int index)
{
    CHECK(index >= 0);
    CHECK(index < broker_option_count());
    return &options[index];
}

const struct broker_option *broker_option_find(struct string name)
{
    for (int i = 0; i < broker_option_count(); i++) {
        if (string_is(name, options[i].name)) {
            return &options[i];
        }
    }
    return NULL;
}

/* What stands behind the next dot; the null string if there is none. */
static struct string after_dot(struct string text)
{
    const char *dot = text.length <= 0 ? NULL : memchr(text.bytes, '.', (size_t)text.length);

    return dot == NULL ? STRING_NULL
                       : (struct string){dot + 1, text.length - (int32_t)(dot + 1 - text.bytes)};
}

const struct broker_option *broker_option_find_of_listener(struct string key)
{
    static const char prefix[] = "listener.name.";
    size_t length = sizeof prefix - 1;
    const struct broker_option *option;
    struct string rest;

    if ((size_t)key.length <= length || memcmp(key.bytes, prefix, length) != 0) {
        return NULL;
    }
    rest = after_dot((struct string){key.bytes + length, key.length - (int32_t)length});
    option = broker_option_find(rest);
    return option != NULL ? option : broker_option_find(after_dot(rest));
}

bool broker_option_is_of_listener(const struct broker_option *option)
{
    static const char *const others[] = {"max.connections", "max.connection.creation.rate",
                                         "sasl.enabled.mechanisms", "ssl.principal.mapping.rules"};

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (strcmp(option->name, others[i]) == 0) {
            return true;
        }
    }
    return option->change == OPTION_OF_LISTENER;
}

static const struct kafka_key *find_kafka_key(struct string name)
{
    for (size_t i = 0; i < sizeof kafka_keys / sizeof kafka_keys[0]; i++) {
        if (string_is(name, kafka_keys[i].name)) {
            return &kafka_keys[i];
        }
    }
    return NULL;
}

bool config_is_dynamic_key(struct string name)
{
    const struct broker_option *option = broker_option_find(name);
    const struct kafka_key *key = option == NULL ? find_kafka_key(name) : NULL;

    return option != NULL ? option->change == OPTION_DYNAMIC
                          : key != NULL && key->change == OPTION_DYNAMIC;
}

bool config_is_kafka_key(struct string name)
{
    if (find_kafka_key(name) != NULL) {
        return true;
    }
    for (size_t i = 0; i < sizeof kafka_prefixes / sizeof kafka_prefixes[0]; i++) {
        size_t length = strlen(kafka_prefixes[i]);

        if ((size_t)name.length > length && memcmp(name.bytes, kafka_prefixes[i], length) == 0) {
            return true;
        }
    }
    return false;
}

bool config_is_custom_key(struct string name)
{
    static const char ours[] = "gyre.";
    bool is_ours =
        (size_t)name.length >= sizeof ours - 1 && memcmp(name.bytes, ours, sizeof ours - 1) == 0;

    return name.length > 0 && !is_ours && broker_option_find(name) == NULL &&
           broker_option_find_of_listener(name) == NULL && find_kafka_key(name) == NULL;
}

/* ---- the nearest name: Levenshtein's distance ---- */

enum { SUGGESTION_BYTES_MAX = 96 };

static int smallest(int a, int b, int c)
{
    int least = a < b ? a : b;

    return least < c ? least : c;
}

static int distance(struct string a, const char *b)
{
    int row[SUGGESTION_BYTES_MAX + 1];
    int length = (int)strlen(b);

    if (length > SUGGESTION_BYTES_MAX) {
        return INT32_MAX;
    }
    for (int j = 0; j <= length; j++) {
        row[j] = j;
    }
    for (int32_t i = 0; i < a.length; i++) {
        int diagonal = row[0];

        row[0] = i + 1;
        for (int j = 1; j <= length; j++) {
            int above = row[j];

            row[j] =
                smallest(above + 1, row[j - 1] + 1, diagonal + (a.bytes[i] == b[j - 1] ? 0 : 1));
            diagonal = above;
        }
    }
    return row[length];
}

const char *broker_option_suggest(struct string name)
{
    const char *nearest = NULL;
    int nearest_distance = name.length / 3 + 2; /* farther is no help */

    if (name.length > SUGGESTION_BYTES_MAX) {
        return NULL;
    }
    for (int i = 0; i < broker_option_count(); i++) {
        int far = distance(name, options[i].name);

        if (far < nearest_distance) {
            nearest_distance = far;
            nearest = options[i].name;
        }
    }
    for (size_t i = 0; i < sizeof kafka_keys / sizeof kafka_keys[0]; i++) {
        int far = distance(name, kafka_keys[i].name);

        if (far < nearest_distance) {
            nearest_distance = far;
            nearest = kafka_keys[i].name;
        }
    }
    return nearest;
}

/* ---- values ---- */

bool broker_option_parse_number(struct string name, struct string value, int64_t *out_value)
{
    const struct broker_option *option = broker_option_find(name);
    int64_t number = 0;

    if (option == NULL || option_value_parse_long(value, &number) != ERROR_NONE ||
        number < option->low || number > option->high) {
        return false;
    }
    *out_value = number;
    return true;
}

bool broker_option_has_no_use(const struct broker_option *option)
{
    static const char beginning[] = "Accepted and reported";

    return strncmp(option->doc, beginning, sizeof beginning - 1) == 0;
}

static enum error check_cluster_id(struct string value, char *reason, size_t size)
{
    struct uuid id;

    if (uuid_parse(value, &id) != ERROR_NONE || uuid_is_zero(id)) {
        (void)snprintf(reason, size, "must be a cluster id of 22 characters, is '%.*s'",
                       value.length < 100 ? (int)value.length : 100, value.bytes);
        return ERROR_INVALID;
    }
    return ERROR_NONE;
}

enum error broker_option_validate(const struct broker_option *option, struct string value,
                                  char *reason, size_t reason_size)
{
    const struct option_rule rule = {
        .type = option->type, .choices = option->choices, .low = option->low, .high = option->high};

    if (option->offset == offsetof(struct broker_config, max_connections_per_ip_overrides)) {
        return config_check_address_limits(value, reason, reason_size);
    }
    if (option->offset == offsetof(struct broker_config, gyre_cluster_id)) {
        return check_cluster_id(value, reason, reason_size);
    }
    if (option_value_check(&rule, value, reason, reason_size) != ERROR_NONE) {
        return ERROR_INVALID;
    }
    return topic_option_validate_synonym(string_from(option->name), value, reason, reason_size);
}

static bool print_number(const struct broker_option *option, int64_t value, char *text, size_t size)
{
    if (option->is_nullable && value == CONFIG_NULL) {
        return false;
    }
    if (option->type == OPTION_TYPE_BOOL) {
        (void)snprintf(text, size, "%s", value != 0 ? "true" : "false");
    } else {
        (void)snprintf(text, size, "%" PRId64, value);
    }
    return true;
}

bool broker_option_fallback(const struct broker_option *option, char *text, size_t size)
{
    switch (option->type) {
    case OPTION_TYPE_BOOL:
    case OPTION_TYPE_INT:
    case OPTION_TYPE_LONG: return print_number(option, option->fallback_number, text, size);
    case OPTION_TYPE_DOUBLE: (void)snprintf(text, size, "%g", option->fallback_real); return true;
    case OPTION_TYPE_STRING:
    case OPTION_TYPE_PASSWORD:
    case OPTION_TYPE_LIST: break;
    }
    (void)snprintf(text, size, "%s", option->fallback_text == NULL ? "" : option->fallback_text);
    return option->fallback_text != NULL;
}

static bool print_list(const struct config_list *list, char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (int32_t i = 0; i < list->count && used < size; i++) {
        int written = snprintf(text + used, size - used, "%s%.*s", i == 0 ? "" : ",",
                               STRING_ARGUMENTS(list->items[i]));

        used += written > 0 ? (size_t)written : 0;
    }
    return list->count > 0;
}

bool broker_option_value(const struct broker_option *option, const struct broker_config *config,
                         char *text, size_t size)
{
    const void *field = (const char *)config + option->offset;
    struct string value;

    switch (option->type) {
    case OPTION_TYPE_BOOL: return print_number(option, *(const bool *)field, text, size);
    case OPTION_TYPE_INT: return print_number(option, *(const int32_t *)field, text, size);
    case OPTION_TYPE_LONG: return print_number(option, *(const int64_t *)field, text, size);
    case OPTION_TYPE_DOUBLE: (void)snprintf(text, size, "%g", *(const double *)field); return true;
    case OPTION_TYPE_LIST: return print_list(field, text, size);
    case OPTION_TYPE_PASSWORD: (void)snprintf(text, size, "[hidden]"); break;
    case OPTION_TYPE_STRING: break;
    }
    value = *(const struct string *)field;
    if (option->type == OPTION_TYPE_STRING) {
        (void)snprintf(text, size, "%.*s", STRING_ARGUMENTS(value));
    }
    return value.bytes != NULL;
}
