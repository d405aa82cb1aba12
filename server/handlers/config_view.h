/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings as clients are shown them: value, source, and the synonyms that stand behind it, from
 * the strongest to the default. Everything points into the catalog, into constants or into the
 * request's arena. Thread: the shard's own.
 */
#ifndef GYRE_HANDLERS_CONFIG_VIEW_H
#define GYRE_HANDLERS_CONFIG_VIEW_H

#include <stdbool.h>

#include "gyre/base/bytes.h"
#include "gyre/base/list.h"
#include "gyre/config/topic_options.h"

struct broker;
struct group_option;
struct request;

/* What config_source does not have, as Kafka numbers it. */
enum { CONFIG_SOURCE_DYNAMIC_LOGGER = 6, CONFIG_SOURCE_CLIENT_METRICS = 7 };

/* Kafka's numbers (ConfigResource.Type). */
enum config_resource {
    CONFIG_RESOURCE_TOPIC = 2,
    CONFIG_RESOURCE_BROKER = 4,
    CONFIG_RESOURCE_BROKER_LOGGER = 8,
    CONFIG_RESOURCE_CLIENT_METRICS = 16,
    CONFIG_RESOURCE_GROUP = 32,
};

struct config_synonym {
    struct string name;
    struct string value;
    int8_t source;
};

enum { CONFIG_SYNONYMS_MAX = 16 };

struct config_entry {
    struct string name;
    struct string value; /* null: none, or secret */
    int8_t source;
    int8_t type;
    bool is_read_only;
    bool is_sensitive;
    bool is_exhausted; /* the request's memory was: some value is missing */
    const char *doc;
    int synonym_count;
    struct config_synonym synonyms[CONFIG_SYNONYMS_MAX];
};

/* Strongest first; of a topic, the first one is the topic's own. */
struct config_view_layers {
    struct config_layer layers[5];
    int count;
    const struct broker *broker;
};

/* `find` gives the topic's own settings; by its name its stream is found, which may be null. */
void config_view_topic_layers(const struct broker *broker, struct string topic,
                              struct string (*find)(const void *context, struct string name),
                              const void *context, struct config_view_layers *out_layers);
/* find() of a list of the catalog's settings. */
struct string config_view_find_in_list(const void *list, struct string name);

/* False: there is nothing to show (an option of Kafka's own that is not set). */
bool config_view_topic_option(struct request *request, const struct topic_option *option,
                              const struct config_view_layers *layers,
                              struct config_entry *out_entry);

/* This broker's options. */
void config_view_broker_option(struct request *request, const struct broker_option *option,
                               struct config_entry *out_entry);
/* What was set by AlterConfigs, under whatever name: `source` says whether for this broker or all.
 */
struct catalog_setting;
void config_view_broker_setting(struct request *request, const struct catalog_setting *setting,
                                enum config_source source, struct config_entry *out_entry);
void config_view_group_option(struct request *request, const struct group_option *option,
                              const struct list *settings, struct config_entry *out_entry);

/* May a user give this value to a topic, broker (all of them: `is_default`) or group? `reason`
 * holds a sentence for INVALID_CONFIG or INVALID_REQUEST. */
MUST_USE
enum error config_view_check_topic(struct string name, struct string value, char *reason,
                                   size_t reason_size);
/* And do its settings, which find() gives, go together with one another and with what is above
 * them? */
MUST_USE
enum error config_view_check_topic_as_a_whole(const struct broker *broker, struct string topic,
                                              struct string (*find)(const void *context,
                                                                    struct string name),
                                              const void *context, char *reason,
                                              size_t reason_size);
MUST_USE
enum error config_view_check_broker(struct string name, struct string value, bool is_default,
                                    char *reason, size_t reason_size);
MUST_USE
enum error config_view_check_group(struct string name, struct string value, char *reason,
                                   size_t reason_size);

#endif
