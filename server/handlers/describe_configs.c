/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DescribeConfigs (32): every option of a topic, broker, logger or group, with its source and,
 * where asked for, what stands behind it. Options of a broker are answered by that broker only.
 */
#include "wire_messages/describe_configs.h"

#include <stdio.h>

#include "gyre/config/config.h"
#include "gyre/observe/log.h"

#include "handlers/access.h"
#include "handlers/admin_handlers.h"
#include "handlers/broker.h"
#include "handlers/catalog_changes.h"
#include "handlers/config_resources.h"
#include "handlers/config_view.h"
#include "handlers/group_options.h"
#include "handlers/request.h"
#include "metadata/topic_name.h"

enum {
    ENTRIES_MAX = 512,
    KEYS_MAX = 16 * 1024, /* of a request; each is compared with every option of its resource */
};

struct description {
    struct request *request; /* we live in its arena */
    struct describe_configs_request in;
    struct describe_configs_response out;
    bool is_exhausted;
};

/* One resource under way. */
struct answer {
    struct description *self;
    const struct describe_configs_request_resources *in;
    struct describe_configs_response_results *out;
    int32_t capacity;
};

static void refuse(struct answer *answer, enum kafka_error error, struct string message)
{
    answer->out->error_code = (int16_t)error;
    answer->out->error_message = message;
}

static bool is_wanted(const struct answer *answer, const char *name)
{
    const struct string_array *keys = &answer->in->configuration_keys;

    for (int32_t i = 0; i < keys->count; i++) {
        if (string_is(keys->items[i], name)) {
            return true;
        }
    }
    return keys->count <= 0;
}

static void copy_synonyms(struct answer *answer, const struct config_entry *entry,
                          struct describe_configs_response_results_configs *out)
{
    struct description *self = answer->self;

    out->synonyms.items = arena_alloc_array(&self->request->arena, (size_t)entry->synonym_count + 1,
                                            sizeof *out->synonyms.items);
    if (out->synonyms.items == NULL) {
        self->is_exhausted = true;
        return;
    }
    for (int i = 0; i < entry->synonym_count; i++) {
        out->synonyms.items[i] = (struct describe_configs_response_results_configs_synonyms){
            .name = entry->synonyms[i].name,
            .value = entry->synonyms[i].value,
            .source = entry->synonyms[i].source,
        };
    }
    out->synonyms.count = entry->synonym_count;
}

static void add_entry(struct answer *answer, const struct config_entry *entry)
{
    struct description *self = answer->self;
    int16_t version = self->request->api_version;

    self->is_exhausted |= entry->is_exhausted;
    if (answer->out->configs.count >= answer->capacity) {
        return;
    }
    struct describe_configs_response_results_configs *out =
        &answer->out->configs.items[answer->out->configs.count++];
    *out = (struct describe_configs_response_results_configs){
        .name = entry->name,
        .value = entry->value,
        .read_only = entry->is_read_only,
        .is_default = version == 0 && entry->source == CONFIG_SOURCE_DEFAULT,
        .config_source = entry->source,
        .is_sensitive = entry->is_sensitive,
        .config_type = entry->type,
    };
    if (self->in.include_synonyms) {
        copy_synonyms(answer, entry, out);
    }
    if (self->in.include_documentation) {
        out->documentation = string_from(entry->doc);
    }
}

static bool reserve(struct answer *answer, int32_t count)
{
    answer->out->configs.items = arena_alloc_array(&answer->self->request->arena, (size_t)count + 1,
                                                   sizeof *answer->out->configs.items);
    answer->capacity = count;
    if (answer->out->configs.items == NULL) {
        answer->self->is_exhausted = true;
    }
    return !answer->self->is_exhausted;
}

/* ---- each kind of resource ---- */

static void describe_topic(struct answer *answer)
{
    struct request *request = answer->self->request;
    struct string name = answer->in->resource_name;
    struct config_view_layers layers;
    char reason[CATALOG_REASON_BYTES];

    if (!access_allows(request, ACCESS_DESCRIBE_CONFIGS, ACCESS_TOPIC, name)) {
        refuse(answer, KAFKA_ERROR_TOPIC_AUTHORIZATION_FAILED, STRING_NULL);
        return;
    }
    if (!topic_name_is_valid(name, reason, sizeof reason)) {
        refuse(answer, KAFKA_ERROR_INVALID_TOPIC_EXCEPTION,
               catalog_changes_text(request, "%s", reason));
        return;
    }
    const struct catalog_topic *topic = catalog_find_topic(request->broker->catalog, name);
    if (topic == NULL) {
        refuse(answer, KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION, STRING_NULL);
        return;
    }
    if (!reserve(answer, topic_option_count())) {
        return;
    }
    config_view_topic_layers(request->broker, topic->name, config_view_find_in_list,
                             &topic->settings, &layers);
    for (int i = 0; i < topic_option_count(); i++) {
        const struct topic_option *option = topic_option_at(i);
        struct config_entry entry;
        if (is_wanted(answer, option->name) &&
            config_view_topic_option(request, option, &layers, &entry)) {
            if (entry.synonym_count == 0) {
                entry.source = CONFIG_SOURCE_DEFAULT; /* as Kafka, of a value in other units */
            }
            add_entry(answer, &entry);
        }
    }
}

/* What was set for all brokers, and nothing else. */
static void describe_all_brokers(struct answer *answer)
{
    struct request *request = answer->self->request;
    const struct list *settings = catalog_broker_settings(request->broker->catalog, STRING(""));

    if (!reserve(answer, ENTRIES_MAX)) {
        return;
    }
    list_for_each(link, settings) {
        const struct catalog_setting *setting = list_entry(link, struct catalog_setting, link);
        struct config_entry entry;
        if (is_wanted(answer, setting->name.bytes)) {
            config_view_broker_setting(request, setting, CONFIG_SOURCE_DYNAMIC_DEFAULT, &entry);
            entry.synonym_count = 1;
            add_entry(answer, &entry);
        }
    }
}

/* What was set for this broker and is no option: of a listener, or without use here. */
static void describe_other_settings(struct answer *answer)
{
    struct request *request = answer->self->request;
    const struct list *settings =
        catalog_broker_settings(request->broker->catalog, answer->in->resource_name);

    list_for_each(link, settings) {
        const struct catalog_setting *setting = list_entry(link, struct catalog_setting, link);
        struct config_entry entry;
        if (broker_option_find(setting->name) == NULL && is_wanted(answer, setting->name.bytes)) {
            config_view_broker_setting(request, setting, CONFIG_SOURCE_DYNAMIC_BROKER, &entry);
            add_entry(answer, &entry);
        }
    }
}

static void describe_this_broker(struct answer *answer)
{
    struct request *request = answer->self->request;

    if (!reserve(answer, broker_option_count() + ENTRIES_MAX)) {
        return;
    }
    for (int i = 0; i < broker_option_count(); i++) {
        const struct broker_option *option = broker_option_at(i);
        struct config_entry entry;
        if (is_wanted(answer, option->name)) {
            config_view_broker_option(request, option, &entry);
            add_entry(answer, &entry);
        }
    }
    describe_other_settings(answer);
}

static void describe_broker(struct answer *answer)
{
    struct config_fault fault = {0};

    if (answer->in->resource_name.length == 0) {
        describe_all_brokers(answer);
    } else if (config_resources_is_this_broker(answer->self->request, answer->in->resource_name,
                                               &fault)) {
        describe_this_broker(answer);
    } else {
        refuse(answer, fault.error, fault.message);
    }
}

static void describe_loggers(struct answer *answer)
{
    struct config_fault fault = {0};

    if (!config_resources_is_this_broker(answer->self->request, answer->in->resource_name,
                                         &fault)) {
        refuse(answer, fault.error, fault.message);
        return;
    }
    if (!reserve(answer, LOG_AREA_COUNT)) {
        return;
    }
    for (int i = 0; i < LOG_AREA_COUNT; i++) {
        enum log_area area = (enum log_area)i;
        struct string level = string_from(config_resources_level_name(log_level_of(area)));
        struct config_entry entry = {
            .name = string_from(log_area_name(area)),
            .value = level,
            .source = CONFIG_SOURCE_DYNAMIC_LOGGER,
            .type = OPTION_TYPE_STRING,
        };
        if (is_wanted(answer, log_area_name(area))) {
            add_entry(answer, &entry);
        }
    }
}

static void describe_group(struct answer *answer)
{
    struct request *request = answer->self->request;
    struct string group = answer->in->resource_name;

    if (!access_allows(request, ACCESS_DESCRIBE_CONFIGS, ACCESS_GROUP, group)) {
        refuse(answer, KAFKA_ERROR_GROUP_AUTHORIZATION_FAILED, STRING_NULL);
        return;
    }
    if (group.length == 0) {
        refuse(answer, KAFKA_ERROR_INVALID_REQUEST, STRING("Group name must not be empty"));
        return;
    }
    if (!reserve(answer, group_options_count())) {
        return;
    }
    const struct list *settings = catalog_group_settings(request->broker->catalog, group);
    for (int i = 0; i < group_options_count(); i++) {
        const struct group_option *option = group_options_at(i);
        struct config_entry entry;
        if (is_wanted(answer, option->name)) {
            config_view_group_option(request, option, settings, &entry);
            add_entry(answer, &entry);
        }
    }
}

static bool may_describe_cluster(struct answer *answer)
{
    if (access_allows(answer->self->request, ACCESS_DESCRIBE_CONFIGS, ACCESS_CLUSTER,
                      ACL_CLUSTER_NAME)) {
        return true;
    }
    refuse(answer, KAFKA_ERROR_CLUSTER_AUTHORIZATION_FAILED, STRING_NULL);
    return false;
}

static void describe(struct answer *answer)
{
    switch (answer->in->resource_type) {
    case CONFIG_RESOURCE_TOPIC: describe_topic(answer); return;
    case CONFIG_RESOURCE_BROKER:
        if (may_describe_cluster(answer)) {
            describe_broker(answer);
        }
        return;
    case CONFIG_RESOURCE_BROKER_LOGGER:
        if (may_describe_cluster(answer)) {
            describe_loggers(answer);
        }
        return;
    case CONFIG_RESOURCE_GROUP: describe_group(answer); return;
    default:
        refuse(answer, KAFKA_ERROR_INVALID_REQUEST,
               catalog_changes_text(answer->self->request, "Unsupported resource type: %d",
                                    answer->in->resource_type));
        return;
    }
}

static bool has_too_many_keys(const struct describe_configs_request *in)
{
    int64_t count = 0;

    for (int32_t i = 0; i < in->resources.count; i++) {
        int32_t keys = in->resources.items[i].configuration_keys.count;
        count += keys > 0 ? keys : 0; /* -1: all */
    }
    return count > KEYS_MAX;
}

void describe_configs_handle(struct request *request)
{
    struct description *self = request_alloc(request, sizeof *self);

    if (self == NULL) {
        return;
    }
    self->request = request;
    if (!request_decode(request, &describe_configs_request_layout, &self->in)) {
        return;
    }
    describe_configs_response_init(&self->out);
    if (describe_configs_response_results_array_alloc(&self->out.results, &request->arena,
                                                      self->in.resources.count) != ERROR_NONE) {
        self->is_exhausted = true;
    }
    bool is_too_much = has_too_many_keys(&self->in);
    for (int32_t i = 0; i < self->in.resources.count && !self->is_exhausted; i++) {
        struct answer answer = {
            .self = self, .in = &self->in.resources.items[i], .out = &self->out.results.items[i]};
        answer.out->resource_type = answer.in->resource_type;
        answer.out->resource_name = answer.in->resource_name;
        if (is_too_much) {
            refuse(&answer, KAFKA_ERROR_INVALID_REQUEST,
                   STRING("A request names at most 16384 configuration keys."));
        } else {
            describe(&answer);
        }
    }
    if (self->is_exhausted) {
        request_close(request); /* larger than one request may grow */
        return;
    }
    request_reply(request, &describe_configs_response_layout, &self->out);
}
