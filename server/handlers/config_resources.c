/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/config_resources.h"

#include <stdio.h>
#include <stdlib.h>

#include "handlers/access.h"
#include "handlers/auditing.h"
#include "handlers/broker.h"
#include "handlers/config_view.h"
#include "handlers/listener_certificates.h"
#include "handlers/request.h"
#include "metadata/catalog_commands.h"
#include "metadata/topic_name.h"

static bool refuse(struct config_fault *fault, enum kafka_error error, struct string message)
{
    *fault = (struct config_fault){error, message};
    return false;
}

/* ---- which resource ---- */

static bool parse_node_id(struct string name, int32_t *out_node)
{
    char text[12];
    char *end;

    if (name.length < 1 || name.length >= (int32_t)sizeof text) {
        return false;
    }
    memcpy(text, name.bytes, (size_t)name.length);
    text[name.length] = '\0';
    long number = strtol(text, &end, 10);
    bool is_canonical = text[0] >= '0' && text[0] <= '9' && (text[0] != '0' || name.length == 1);
    if (*end != '\0' || !is_canonical || number > INT32_MAX) {
        return false;
    }
    *out_node = (int32_t)number;
    return true;
}

static uint64_t target_hash(const struct config_target *target)
{
    return string_hash(target->name) ^ (uint64_t)target->type;
}

void config_resources_mark_repeated(struct config_mention *mentions, int32_t count)
{
    struct map map;

    map_init(&map);
    for (int32_t i = 0; i < count; i++) {
        const struct config_target *target = &mentions[i].target;
        uint64_t hash = target_hash(target);

        map_for_each_match(link, &map, hash) {
            struct config_mention *other = CONTAINER_OF(link, struct config_mention, link);
            if (other->target.type == target->type &&
                string_equal(other->target.name, target->name)) {
                other->is_repeated = true;
                mentions[i].is_repeated = true;
            }
        }
        map_insert(&map, &mentions[i].link, hash);
    }
    map_release(&map);
}

bool config_resources_is_named_once(const struct config_mention *mention,
                                    struct config_fault *out_fault)
{
    return !mention->is_repeated || refuse(out_fault, KAFKA_ERROR_INVALID_REQUEST,
                                           STRING("Each resource must appear at most once."));
}

bool config_resources_is_this_broker(struct request *request, struct string name,
                                     struct config_fault *out_fault)
{
    int32_t node = -1;

    if (name.length == 0) {
        return refuse(out_fault, KAFKA_ERROR_INVALID_REQUEST,
                      STRING("Broker id must not be empty"));
    }
    if (!parse_node_id(name, &node)) {
        return refuse(out_fault, KAFKA_ERROR_INVALID_REQUEST,
                      catalog_changes_text(request, "Broker id must be an integer, but it is: %.*s",
                                           STRING_ARGUMENTS(name)));
    }
    if (node != request->broker->node_id) {
        return refuse(out_fault, KAFKA_ERROR_INVALID_REQUEST,
                      catalog_changes_text(request,
                                           "Unexpected broker id, expected %d or empty string, but "
                                           "received %.*s",
                                           request->broker->node_id, STRING_ARGUMENTS(name)));
    }
    return true;
}

static bool check_topic(struct request *request, struct string name, struct config_fault *fault)
{
    char reason[CATALOG_REASON_BYTES];

    if (!access_allows(request, ACCESS_ALTER_CONFIGS, ACCESS_TOPIC, name)) {
        return refuse(fault, KAFKA_ERROR_TOPIC_AUTHORIZATION_FAILED,
                      STRING("Topic authorization failed."));
    }
    if (catalog_find_topic(request->broker->catalog, name) != NULL) {
        return true;
    }
    if (!topic_name_is_valid(name, reason, sizeof reason)) {
        return refuse(fault, KAFKA_ERROR_INVALID_TOPIC_EXCEPTION,
                      catalog_changes_text(request, "%s", reason));
    }
    return refuse(
        fault, KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION,
        catalog_changes_text(request, "The topic '%.*s' does not exist.", STRING_ARGUMENTS(name)));
}

static bool check_broker(struct request *request, struct string name, struct config_fault *fault)
{
    int32_t node = -1;

    if (name.length == 0) {
        return true;
    }
    if (!parse_node_id(name, &node)) {
        return refuse(fault, KAFKA_ERROR_INVALID_REQUEST,
                      catalog_changes_text(request, "Broker id must be an integer, but it is: %.*s",
                                           STRING_ARGUMENTS(name)));
    }
    if (catalog_find_broker(request->broker->catalog, node) == NULL) {
        return refuse(fault, KAFKA_ERROR_BROKER_ID_NOT_REGISTERED,
                      catalog_changes_text(request, "No broker with id %d found.", node));
    }
    return true;
}

static bool check_group(struct request *request, struct string name, struct config_fault *fault)
{
    if (!access_allows(request, ACCESS_ALTER_CONFIGS, ACCESS_GROUP, name)) {
        return refuse(fault, KAFKA_ERROR_GROUP_AUTHORIZATION_FAILED,
                      STRING("Group authorization failed."));
    }
    if (name.length == 0) {
        return refuse(fault, KAFKA_ERROR_INVALID_REQUEST, STRING("Group name must not be empty"));
    }
    return true;
}

bool config_resources_check_target(struct request *request, const struct config_target *target,
                                   struct config_fault *out_fault)
{
    if (target->type == CONFIG_RESOURCE_TOPIC) {
        return check_topic(request, target->name, out_fault);
    }
    if (target->type == CONFIG_RESOURCE_GROUP) {
        return check_group(request, target->name, out_fault);
    }
    if (target->type != CONFIG_RESOURCE_BROKER && target->type != CONFIG_RESOURCE_BROKER_LOGGER) {
        return refuse(out_fault, KAFKA_ERROR_INVALID_REQUEST,
                      catalog_changes_text(request, "Unsupported resource type: %d", target->type));
    }
    if (!access_allows_cluster(request, ACCESS_ALTER_CONFIGS)) {
        return refuse(out_fault, KAFKA_ERROR_CLUSTER_AUTHORIZATION_FAILED,
                      STRING("Cluster authorization failed."));
    }
    return target->type == CONFIG_RESOURCE_BROKER
               ? check_broker(request, target->name, out_fault)
               : config_resources_is_this_broker(request, target->name, out_fault);
}

const struct list *config_resources_settings(const struct request *request,
                                             const struct config_target *target)
{
    const struct catalog *catalog = request->broker->catalog;

    if (target->type == CONFIG_RESOURCE_TOPIC) {
        const struct catalog_topic *topic = catalog_find_topic(catalog, target->name);
        CHECK(topic != NULL);
        return &topic->settings;
    }
    return target->type == CONFIG_RESOURCE_GROUP ? catalog_group_settings(catalog, target->name)
                                                 : catalog_broker_settings(catalog, target->name);
}

/* ---- which values ---- */

const char *config_resources_level_name(enum log_level level)
{
    switch (level) {
    case LOG_LEVEL_DEBUG: return "DEBUG";
    case LOG_LEVEL_INFO: return "INFO";
    case LOG_LEVEL_WARNING: return "WARN";
    case LOG_LEVEL_ERROR: return "ERROR";
    }
    return "INFO";
}

static bool parse_level(struct string text, enum log_level *out_level)
{
    if (string_is(text, "FATAL")) {
        text = STRING("ERROR");
    }
    if (string_is(text, "TRACE")) {
        text = STRING("DEBUG");
    }
    for (int level = LOG_LEVEL_DEBUG; level <= LOG_LEVEL_ERROR; level++) {
        if (string_is(text, config_resources_level_name((enum log_level)level))) {
            *out_level = (enum log_level)level;
            return true;
        }
    }
    return false;
}

static bool find_area(struct string name, int *out_area)
{
    for (int i = 0; i < LOG_AREA_COUNT; i++) {
        if (string_is(name, log_area_name((enum log_area)i))) {
            *out_area = i;
            return true;
        }
    }
    return false;
}

static bool check_logger(struct request *request, const struct config_change *change,
                         struct config_fault *fault)
{
    enum log_level level;
    int area;

    if (!find_area(change->name, &area)) {
        return refuse(fault, KAFKA_ERROR_INVALID_CONFIG,
                      catalog_changes_text(request, "Logger %.*s does not exist!",
                                           STRING_ARGUMENTS(change->name)));
    }
    if (change->value.bytes != NULL && !parse_level(change->value, &level)) {
        return refuse(fault, KAFKA_ERROR_INVALID_CONFIG,
                      catalog_changes_text(request,
                                           "Cannot set the log level of %.*s to %.*s as it is not "
                                           "a supported log level. Valid log levels are DEBUG, "
                                           "ERROR, FATAL, INFO, TRACE, WARN",
                                           STRING_ARGUMENTS(change->name),
                                           STRING_ARGUMENTS(change->value)));
    }
    return true;
}

static enum error check_value(const struct config_target *target,
                              const struct config_change *change, char *reason, size_t size)
{
    if (target->type == CONFIG_RESOURCE_TOPIC) {
        return config_view_check_topic(change->name, change->value, reason, size);
    }
    if (target->type == CONFIG_RESOURCE_GROUP) {
        return config_view_check_group(change->name, change->value, reason, size);
    }
    return config_view_check_broker(change->name, change->value, target->name.length == 0, reason,
                                    size);
}

static bool check_change(struct request *request, const struct config_target *target,
                         const struct config_change *change, struct config_fault *fault)
{
    char reason[CATALOG_REASON_BYTES];

    if (target->type == CONFIG_RESOURCE_BROKER_LOGGER) {
        return check_logger(request, change, fault);
    }
    if (change->value.bytes == NULL) {
        return true;
    }
    enum error error = check_value(target, change, reason, sizeof reason);
    if (error == ERROR_NONE) {
        return true;
    }
    /* What a broker cannot be told is another error than what a topic cannot, in Kafka. */
    return refuse(fault,
                  target->type == CONFIG_RESOURCE_BROKER && error == ERROR_INVALID
                      ? KAFKA_ERROR_INVALID_REQUEST
                      : KAFKA_ERROR_INVALID_CONFIG,
                  catalog_changes_text(request, "%s", reason));
}

/* The settings of a topic, once they are changed. */
struct changed_settings {
    const struct list *settings;
    const struct config_change *changes;
    int32_t count;
};

static struct string find_changed(const void *context, struct string name)
{
    const struct changed_settings *changed = context;

    for (int32_t i = 0; i < changed->count; i++) {
        if (string_equal(changed->changes[i].name, name)) {
            return changed->changes[i].value;
        }
    }
    return config_view_find_in_list(changed->settings, name);
}

static bool check_as_a_whole(struct request *request, const struct config_target *target,
                             const struct config_change *changes, int32_t count,
                             struct config_fault *fault)
{
    struct changed_settings changed = {.changes = changes, .count = count};
    char reason[CATALOG_REASON_BYTES];

    if (target->type != CONFIG_RESOURCE_TOPIC) {
        return true;
    }
    changed.settings = config_resources_settings(request, target);
    return config_view_check_topic_as_a_whole(request->broker, target->name, find_changed, &changed,
                                              reason, sizeof reason) == ERROR_NONE ||
           refuse(fault, KAFKA_ERROR_INVALID_CONFIG, catalog_changes_text(request, "%s", reason));
}

/* Another broker's files cannot be looked at from here. */
static bool may_be_tried_here(struct request *request, const struct config_target *target,
                              const struct config_change *changes, int32_t count,
                              struct config_fault *out_fault)
{
    struct config_submission submission = {.target = *target, .changes = changes, .count = count};

    return target->name.length == 0 || !listener_certificates_concern(&submission) ||
           config_resources_is_this_broker(request, target->name, out_fault);
}

bool config_resources_check_changes(struct request *request, const struct config_target *target,
                                    const struct config_change *changes, int32_t count,
                                    struct config_fault *out_fault)
{
    for (int32_t i = 0; i < count; i++) {
        if (!check_change(request, target, &changes[i], out_fault)) {
            return false;
        }
    }
    return check_as_a_whole(request, target, changes, count, out_fault) &&
           may_be_tried_here(request, target, changes, count, out_fault);
}

struct key_mark {
    struct map_link link;
    struct string name;
};

bool config_resources_repeat_a_key(struct request *request, const struct config_change *changes,
                                   int32_t count)
{
    struct key_mark *marks = arena_alloc_array(&request->arena, (size_t)count + 1, sizeof *marks);
    struct map map;
    bool is_repeated = marks == NULL;

    map_init(&map);
    for (int32_t i = 0; i < count && !is_repeated; i++) {
        marks[i].name = changes[i].name;
        map_for_each_match(link, &map, string_hash(marks[i].name)) {
            is_repeated |=
                string_equal(CONTAINER_OF(link, struct key_mark, link)->name, marks[i].name);
        }
        map_insert(&map, &marks[i].link, string_hash(marks[i].name));
    }
    map_release(&map);
    return is_repeated;
}

/* ---- carrying out ---- */

/* Both are known words. */
static void audit_level(const struct request *request, struct string area, enum log_level level)
{
    char detail[128];

    (void)snprintf(detail, sizeof detail, "LogLevel {area: \"%.*s\", level: \"%s\"}",
                   STRING_ARGUMENTS(area), config_resources_level_name(level));
    auditing_changed(request, string_from(detail), true, STRING_NULL);
}

static void set_levels(const struct request *request, const struct config_submission *submission)
{
    const struct config_change *changes = submission->changes;

    if (auditing_forbids_changes(request)) {
        *submission->out_error = KAFKA_ERROR_POLICY_VIOLATION;
        *submission->out_message = auditing_why_forbidden();
        return;
    }
    for (int32_t i = 0; i < submission->count; i++) {
        enum log_level level = LOG_LEVEL_INFO; /* DELETE: back to what is usual */
        int area = 0;
        if (find_area(changes[i].name, &area)) {
            (void)parse_level(changes[i].value, &level);
            log_set_level((enum log_area)area, level);
            audit_level(request, changes[i].name, level);
        }
    }
}

/* The changes of the three commands have one shape. */
_Static_assert(sizeof(struct catalog_set_topic_settings_changes) == sizeof(struct config_change),
               "changes are passed on as they are");
_Static_assert(sizeof(struct catalog_set_broker_settings_changes) == sizeof(struct config_change),
               "changes are passed on as they are");
_Static_assert(sizeof(struct catalog_set_group_settings_changes) == sizeof(struct config_change),
               "changes are passed on as they are");

static void carry_out(struct catalog_changes *to, const struct config_submission *submission)
{
    const struct config_target *target = &submission->target;
    void *items = (void *)(uintptr_t)submission->changes; /* borrowed for the call */
    int32_t count = submission->count;
    int16_t *out_error = submission->out_error;
    struct string *out_message = submission->out_message;

    if (submission->is_dry || count == 0) {
        return;
    }
    if (target->type == CONFIG_RESOURCE_BROKER_LOGGER) {
        set_levels(to->request, submission);
    } else if (target->type == CONFIG_RESOURCE_TOPIC) {
        const struct catalog_topic *topic =
            catalog_find_topic(to->request->broker->catalog, target->name);
        CHECK(topic != NULL);
        struct catalog_set_topic_settings command = {.topic_id = topic->id,
                                                     .changes = {items, count}};
        catalog_changes_make(to, &catalog_set_topic_settings_layout,
                             CATALOG_SET_TOPIC_SETTINGS_RECORD, &command, out_error, out_message);
    } else if (target->type == CONFIG_RESOURCE_GROUP) {
        struct catalog_set_group_settings command = {.group = target->name,
                                                     .changes = {items, count}};
        catalog_changes_make(to, &catalog_set_group_settings_layout,
                             CATALOG_SET_GROUP_SETTINGS_RECORD, &command, out_error, out_message);
    } else {
        struct catalog_set_broker_settings command = {.broker = target->name,
                                                      .changes = {items, count}};
        catalog_changes_make(to, &catalog_set_broker_settings_layout,
                             CATALOG_SET_BROKER_SETTINGS_RECORD, &command, out_error, out_message);
    }
}

void config_resources_submit(struct catalog_changes *to, const struct config_submission *submission)
{
    if (listener_certificates_concern(submission)) {
        listener_certificates_check(to, submission, carry_out);
    } else {
        carry_out(to, submission);
    }
}
