/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AlterConfigs (33), the older way: the keys of the request replace all that was set, and what is
 * not among them goes back to its default.
 */
#include "wire_messages/alter_configs.h"

#include "handlers/admin_handlers.h"
#include "handlers/broker.h"
#include "handlers/config_resources.h"
#include "handlers/config_view.h"
#include "handlers/request.h"

struct replacement {
    struct request *request; /* we live in its arena */
    struct alter_configs_request in;
    struct alter_configs_response out;
    struct catalog_changes changes;
};

static bool refuse(struct config_fault *fault, enum kafka_error error, struct string message)
{
    *fault = (struct config_fault){error, message};
    return false;
}

static bool is_named(const struct alter_configs_request_resources *in, struct string name)
{
    for (int32_t i = 0; i < in->configs.count; i++) {
        if (string_equal(in->configs.items[i].name, name)) {
            return true;
        }
    }
    return false;
}

static int32_t count_settings(const struct list *settings)
{
    int32_t count = 0;

    list_for_each(link, settings) {
        count++;
    }
    return count;
}

/* Certificates are tried before the change is made (listener_certificates.h): the catalog's own
 * text may be gone by then. */
static bool remove_setting(struct replacement *self, struct string name,
                           struct config_change *out_change)
{
    const char *copy = arena_copy_text(&self->request->arena, name.bytes, (size_t)name.length);

    *out_change = (struct config_change){.name = {copy, name.length}};
    return copy != NULL;
}

/* The request's keys, and the removal of every other key that is set. */
static bool collect(struct replacement *self, const struct alter_configs_request_resources *in,
                    const struct config_target *target, struct config_change **out_changes,
                    int32_t *out_count, struct config_fault *fault)
{
    const struct list *settings = config_resources_settings(self->request, target);
    size_t room = (size_t)in->configs.count + (size_t)count_settings(settings) + 1;
    struct config_change *changes = arena_alloc_array(&self->request->arena, room, sizeof *changes);
    int32_t count = 0;

    if (changes == NULL) {
        return refuse(fault, KAFKA_ERROR_INVALID_REQUEST, STRING("The request is too large."));
    }
    for (int32_t i = 0; i < in->configs.count; i++) {
        if (in->configs.items[i].value.bytes == NULL) {
            return refuse(fault, KAFKA_ERROR_INVALID_REQUEST,
                          catalog_changes_text(self->request, "Null value not supported for : %.*s",
                                               STRING_ARGUMENTS(in->configs.items[i].name)));
        }
        changes[count++] =
            (struct config_change){in->configs.items[i].name, in->configs.items[i].value};
    }
    if (config_resources_repeat_a_key(self->request, changes, count)) {
        return refuse(fault, KAFKA_ERROR_INVALID_REQUEST,
                      STRING("Error due to duplicate config keys"));
    }
    list_for_each(link, settings) {
        const struct catalog_setting *setting = list_entry(link, struct catalog_setting, link);
        if (!is_named(in, setting->name) &&
            !remove_setting(self, setting->name, &changes[count++])) {
            return refuse(fault, KAFKA_ERROR_INVALID_REQUEST, STRING("The request is too large."));
        }
    }
    *out_changes = changes;
    *out_count = count;
    return true;
}

static bool prepare(struct replacement *self, const struct alter_configs_request_resources *in,
                    const struct config_target *target, struct config_change **out_changes,
                    int32_t *out_count, struct config_fault *fault)
{
    if (target->type == CONFIG_RESOURCE_BROKER_LOGGER) {
        return refuse(
            fault, KAFKA_ERROR_INVALID_REQUEST,
            catalog_changes_text(self->request, "Unsupported resource type: %d", target->type));
    }
    return config_resources_check_target(self->request, target, fault) &&
           collect(self, in, target, out_changes, out_count, fault) &&
           config_resources_check_changes(self->request, target, *out_changes, *out_count, fault);
}

static void alter(struct replacement *self, const struct alter_configs_request_resources *in,
                  const struct config_mention *mention,
                  struct alter_configs_response_responses *out)
{
    struct config_change *changes = NULL;
    struct config_fault fault = {0};
    int32_t count = 0;

    if (!config_resources_is_named_once(mention, &fault) ||
        !prepare(self, in, &mention->target, &changes, &count, &fault)) {
        out->error_code = (int16_t)fault.error;
        out->error_message = fault.message;
        return;
    }
    config_resources_submit(&self->changes, &(struct config_submission){
                                                .target = mention->target,
                                                .changes = changes,
                                                .count = count,
                                                .is_dry = self->in.validate_only,
                                                .out_error = &out->error_code,
                                                .out_message = &out->error_message,
                                            });
}

static void reply(struct catalog_changes *changes)
{
    struct replacement *self = changes->context;

    request_reply(self->request, &alter_configs_response_layout, &self->out);
}

static void alter_all(struct replacement *self, struct config_mention *mentions)
{
    int32_t count = self->in.resources.count;

    for (int32_t i = 0; i < count; i++) {
        const struct alter_configs_request_resources *in = &self->in.resources.items[i];

        mentions[i].target = (struct config_target){in->resource_type, in->resource_name};
    }
    config_resources_mark_repeated(mentions, count);
    catalog_changes_init(&self->changes, self->request, reply, self);
    for (int32_t i = 0; i < count; i++) {
        const struct alter_configs_request_resources *in = &self->in.resources.items[i];
        struct alter_configs_response_responses *out = &self->out.responses.items[i];

        out->resource_type = in->resource_type;
        out->resource_name = in->resource_name;
        out->error_message = STRING_NULL;
        alter(self, in, &mentions[i], out);
    }
    catalog_changes_all_made(&self->changes);
}

void alter_configs_handle(struct request *request)
{
    struct replacement *self = request_alloc(request, sizeof *self);
    struct config_mention *mentions;

    if (self == NULL) {
        return;
    }
    self->request = request;
    if (!request_decode(request, &alter_configs_request_layout, &self->in)) {
        return;
    }
    mentions = request_alloc(request, ((size_t)self->in.resources.count + 1) * sizeof *mentions);
    if (mentions == NULL) {
        return;
    }
    alter_configs_response_init(&self->out);
    if (alter_configs_response_responses_array_alloc(&self->out.responses, &request->arena,
                                                     self->in.resources.count) != ERROR_NONE) {
        request_close(request);
        return;
    }
    alter_all(self, mentions);
}
