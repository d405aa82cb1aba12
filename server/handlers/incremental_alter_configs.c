/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IncrementalAlterConfigs (44): SET, DELETE, APPEND and SUBTRACT of single keys. Lists are resolved
 * here into whole values; what the catalog gets is values to set and keys to remove.
 */
#include "wire_messages/incremental_alter_configs.h"

#include "handlers/admin_handlers.h"
#include "handlers/broker.h"
#include "handlers/config_resources.h"
#include "handlers/config_view.h"
#include "handlers/request.h"

enum config_operation { CONFIG_SET = 0, CONFIG_DELETE = 1, CONFIG_APPEND = 2, CONFIG_SUBTRACT = 3 };

enum { LIST_VALUE_BYTES_MAX = 32767 };

struct incremental_change {
    struct request *request; /* we live in its arena */
    struct incremental_alter_configs_request in;
    struct incremental_alter_configs_response out;
    struct catalog_changes changes;
};

/* ---- lists ---- */

static struct string next_item(const char **position, const char *end)
{
    const char *start = *position;
    const char *comma = memchr(start, ',', (size_t)(end - start));
    const char *stop = comma == NULL ? end : comma;

    *position = comma == NULL ? NULL : comma + 1;
    while (start < stop && *start == ' ') {
        start++;
    }
    while (stop > start && stop[-1] == ' ') {
        stop--;
    }
    return (struct string){.bytes = start, .length = (int32_t)(stop - start)};
}

static bool list_holds(struct string list, struct string item)
{
    const char *position = list.length > 0 ? list.bytes : NULL;

    while (position != NULL) {
        if (string_equal(next_item(&position, list.bytes + list.length), item)) {
            return true;
        }
    }
    return false;
}

/* The items of `from` that are (or are not) in `other`, behind what `text` holds. */
static size_t join_items(char *text, size_t length, struct string from, struct string other,
                         bool are_in)
{
    const char *position = from.length > 0 ? from.bytes : NULL;

    while (position != NULL) {
        struct string item = next_item(&position, from.bytes + from.length);
        if (item.length > 0 && list_holds(other, item) == are_in) {
            if (length > 0) {
                text[length++] = ',';
            }
            memcpy(text + length, item.bytes, (size_t)item.length);
            length += (size_t)item.length;
        }
    }
    return length;
}

static bool combine(struct incremental_change *self, enum config_operation operation,
                    struct string now, struct string value, struct string *out_value)
{
    size_t room = (size_t)now.length + (size_t)value.length + 2;
    char *text = arena_alloc(&self->request->arena, room);

    if (text == NULL || room > LIST_VALUE_BYTES_MAX) {
        return false;
    }
    size_t length =
        operation == CONFIG_APPEND
            ? join_items(text, join_items(text, 0, now, STRING(""), false), value, now, false)
            : join_items(text, 0, now, value, false);
    *out_value = (struct string){.bytes = text, .length = (int32_t)length};
    return true;
}

static bool is_list(const struct config_target *target, struct string name)
{
    if (target->type == CONFIG_RESOURCE_TOPIC) {
        const struct topic_option *option = topic_option_find(name);
        return option != NULL && option->type == OPTION_TYPE_LIST;
    }
    const struct broker_option *option = broker_option_find(name);
    return target->type == CONFIG_RESOURCE_BROKER && option != NULL &&
           option->type == OPTION_TYPE_LIST;
}

/* What holds now, wherever it comes from. False: the request's memory is exhausted. */
static bool find_list(struct incremental_change *self, const struct config_target *target,
                      struct string name, struct string *out_list)
{
    const struct list *settings = config_resources_settings(self->request, target);
    struct config_view_layers layers;
    struct config_entry entry = {.value = STRING("")};

    if (target->type == CONFIG_RESOURCE_TOPIC) {
        config_view_topic_layers(self->request->broker, target->name, config_view_find_in_list,
                                 settings, &layers);
        (void)config_view_topic_option(self->request, topic_option_find(name), &layers, &entry);
        *out_list = entry.value;
        return !entry.is_exhausted;
    }
    *out_list = catalog_find_setting(settings, name);
    if (out_list->bytes != NULL) {
        return true;
    }
    config_view_broker_option(self->request, broker_option_find(name), &entry);
    *out_list = entry.value.bytes == NULL ? STRING("") : entry.value;
    return !entry.is_exhausted;
}

/* ---- one resource ---- */

static bool refuse(struct config_fault *fault, enum kafka_error error, struct string message)
{
    *fault = (struct config_fault){error, message};
    return false;
}

static bool resolve(struct incremental_change *self, const struct config_target *target,
                    const struct incremental_alter_configs_request_resources_configs *in,
                    struct config_change *out, struct config_fault *fault)
{
    bool is_combined =
        in->config_operation == CONFIG_APPEND || in->config_operation == CONFIG_SUBTRACT;

    out->name = in->name;
    out->value = STRING_NULL;
    if (in->config_operation < CONFIG_SET || in->config_operation > CONFIG_SUBTRACT) {
        return refuse(
            fault, KAFKA_ERROR_INVALID_REQUEST,
            catalog_changes_text(self->request, "Unknown operation type %d", in->config_operation));
    }
    if (in->config_operation == CONFIG_DELETE) {
        return true;
    }
    if (in->value.bytes == NULL) {
        return refuse(fault, KAFKA_ERROR_INVALID_REQUEST,
                      catalog_changes_text(self->request, "Null value not supported for : %.*s",
                                           STRING_ARGUMENTS(in->name)));
    }
    if (!is_combined) {
        out->value = in->value;
        return true;
    }
    const char *word = in->config_operation == CONFIG_APPEND ? "APPEND" : "SUBTRACT";
    if (target->type == CONFIG_RESOURCE_BROKER_LOGGER) {
        return refuse(
            fault, KAFKA_ERROR_INVALID_REQUEST,
            catalog_changes_text(
                self->request, "%s operation is not allowed for the BROKER_LOGGER resource", word));
    }
    if (target->type == CONFIG_RESOURCE_BROKER && config_is_custom_key(in->name)) {
        return refuse(fault, KAFKA_ERROR_INVALID_CONFIG,
                      catalog_changes_text(self->request, "Unknown config name: %.*s",
                                           STRING_ARGUMENTS(in->name)));
    }
    if (!is_list(target, in->name)) {
        return refuse(fault, KAFKA_ERROR_INVALID_CONFIG,
                      catalog_changes_text(self->request,
                                           "Can't %s to key %.*s because its type is not LIST.",
                                           word, STRING_ARGUMENTS(in->name)));
    }
    struct string now = STRING("");
    if (!find_list(self, target, in->name, &now) ||
        !combine(self, (enum config_operation)in->config_operation, now, in->value, &out->value)) {
        return refuse(fault, KAFKA_ERROR_INVALID_CONFIG, STRING("The list is too long."));
    }
    return true;
}

static bool prepare(struct incremental_change *self,
                    const struct incremental_alter_configs_request_resources *in,
                    const struct config_target *target, struct config_change **out_changes,
                    struct config_fault *fault)
{
    struct config_change *changes =
        arena_alloc_array(&self->request->arena, (size_t)in->configs.count + 1, sizeof *changes);

    if (changes == NULL) {
        return refuse(fault, KAFKA_ERROR_INVALID_REQUEST, STRING("The request is too large."));
    }
    for (int32_t i = 0; i < in->configs.count; i++) {
        changes[i].name = in->configs.items[i].name;
    }
    if (config_resources_repeat_a_key(self->request, changes, in->configs.count)) {
        return refuse(fault, KAFKA_ERROR_INVALID_REQUEST,
                      STRING("Error due to duplicate config keys"));
    }
    if (!config_resources_check_target(self->request, target, fault)) {
        return false;
    }
    for (int32_t i = 0; i < in->configs.count; i++) {
        if (!resolve(self, target, &in->configs.items[i], &changes[i], fault)) {
            return false;
        }
    }
    *out_changes = changes;
    return config_resources_check_changes(self->request, target, changes, in->configs.count, fault);
}

static void alter(struct incremental_change *self, int32_t at, const struct config_mention *mention)
{
    const struct incremental_alter_configs_request_resources *in = &self->in.resources.items[at];
    struct incremental_alter_configs_response_responses *out = &self->out.responses.items[at];
    struct config_change *changes = NULL;
    struct config_fault fault = {0};

    if (!config_resources_is_named_once(mention, &fault) ||
        !prepare(self, in, &mention->target, &changes, &fault)) {
        out->error_code = (int16_t)fault.error;
        out->error_message = fault.message;
        return;
    }
    config_resources_submit(&self->changes, &(struct config_submission){
                                                .target = mention->target,
                                                .changes = changes,
                                                .count = in->configs.count,
                                                .is_dry = self->in.validate_only,
                                                .out_error = &out->error_code,
                                                .out_message = &out->error_message,
                                            });
}

/* ---- all of them ---- */

static void reply(struct catalog_changes *changes)
{
    struct incremental_change *self = changes->context;

    request_reply(self->request, &incremental_alter_configs_response_layout, &self->out);
}

static void take_targets(const struct incremental_change *self, struct config_mention *mentions)
{
    for (int32_t i = 0; i < self->in.resources.count; i++) {
        const struct incremental_alter_configs_request_resources *in = &self->in.resources.items[i];

        mentions[i].target = (struct config_target){in->resource_type, in->resource_name};
    }
    config_resources_mark_repeated(mentions, self->in.resources.count);
}

void incremental_alter_configs_handle(struct request *request)
{
    struct incremental_change *self = request_alloc(request, sizeof *self);

    if (self == NULL) {
        return;
    }
    self->request = request;
    if (!request_decode(request, &incremental_alter_configs_request_layout, &self->in)) {
        return;
    }
    int32_t count = self->in.resources.count;
    struct config_mention *mentions =
        request_alloc(request, ((size_t)count + 1) * sizeof *mentions);
    if (mentions == NULL) {
        return;
    }
    incremental_alter_configs_response_init(&self->out);
    if (incremental_alter_configs_response_responses_array_alloc(
            &self->out.responses, &request->arena, count) != ERROR_NONE) {
        request_close(request);
        return;
    }
    take_targets(self, mentions);
    catalog_changes_init(&self->changes, request, reply, self);
    for (int32_t i = 0; i < count; i++) {
        self->out.responses.items[i].resource_type = self->in.resources.items[i].resource_type;
        self->out.responses.items[i].resource_name = self->in.resources.items[i].resource_name;
        self->out.responses.items[i].error_message = STRING_NULL;
        alter(self, i, &mentions[i]);
    }
    catalog_changes_all_made(&self->changes);
}
