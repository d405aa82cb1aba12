/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of a topic (gyre/config/topic_options.def): how each is checked, which broker key
 * speaks for it where the topic is silent, and what follows from all of them together.
 *
 * Values come from layers, strongest first: the topic's own settings, those of its stream, the
 * dynamic settings of this broker, those of all brokers, the broker's file. Thread: any.
 */
#ifndef GYRE_CONFIG_TOPIC_OPTIONS_H
#define GYRE_CONFIG_TOPIC_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gyre/base/bytes.h"
#include "gyre/base/error.h"
#include "gyre/config/config.h"
#include "gyre/config/topic_config.h"

/* Kafka's numbers in DescribeConfigs. */
enum config_source {
    CONFIG_SOURCE_UNKNOWN = 0,
    CONFIG_SOURCE_TOPIC = 1,
    CONFIG_SOURCE_DYNAMIC_BROKER = 2,
    CONFIG_SOURCE_DYNAMIC_DEFAULT = 3,
    CONFIG_SOURCE_STATIC_BROKER = 4,
    CONFIG_SOURCE_DEFAULT = 5,
    CONFIG_SOURCE_GROUP = 8,
};

/* Where explicit values stand. find() returns the null string where nothing was set. */
struct config_layer {
    enum config_source source;
    struct string (*find)(const void *context, struct string name);
    const void *context;   /* borrowed */
    bool speaks_of_topics; /* its names are those of topics' options, not of brokers' */
};

/* The layer of the broker's own file. */
struct config_layer config_layer_of_file(const struct broker_config *config);

enum { TOPIC_OPTION_SYNONYMS_MAX = 3 };

/* A broker key that stands for the option; its number is multiplied by `factor`. */
struct topic_option_synonym {
    const char *name;
    int64_t factor;
};

struct topic_option {
    const char *name;
    enum option_type type;
    const char *fallback;
    const char *choices; /* "a|b", or NULL */
    const char *doc;
    int64_t low;
    int64_t high;
    /* Strongest first; ends with a NULL name or when it is full. */
    struct topic_option_synonym synonyms[TOPIC_OPTION_SYNONYMS_MAX];
};

int topic_option_count(void);
const struct topic_option *topic_option_at(int index); /* sorted by name */
const struct topic_option *topic_option_find(struct string name);

/*
 * May a user give this value to a topic? ERROR_NOT_FOUND: no such option. ERROR_INVALID: the value.
 * `reason` then holds a sentence for INVALID_CONFIG. Compaction is refused until it is built.
 */
MUST_USE
enum error topic_option_validate(struct string name, struct string value, char *reason,
                                 size_t reason_size);

/* May a broker key speak so for topics that are silent? NONE also where it stands for no option of
 * a topic. Keys in other units have bounds of their own. */
MUST_USE
enum error topic_option_validate_synonym(struct string broker_key, struct string value,
                                         char *reason, size_t reason_size);

/* The strongest value of an option, with the layer and the name that it came from. */
struct topic_option_value {
    char text[1024]; /* "" also where the default is null */
    enum config_source source;
    const char *from; /* the option's own name or a synonym's */
};
void topic_option_resolve(const struct topic_option *option, const struct config_layer *layers,
                          int layer_count, struct topic_option_value *out_value);

/* Everything at once. Values that do not parse (a file's are checked before) count as not set. */
void topic_config_compute(const struct config_layer *layers, int layer_count,
                          struct topic_config *out_config);

/* All defaults: tests, internal topics. */
void topic_config_init(struct topic_config *config);

#endif
