/* SPDX-License-Identifier: Apache-2.0 */
/* What a team has: streams, and the prefix of its plain topics, groups and transactional ids. */
#include <stdio.h>

#include "streams.h"
#include "team_changes.h"
#include "wire_messages/alter_stream.h"
#include "wire_messages/describe_streams.h"

/* ---- streams ---- */

static struct string property_there(const struct describe_streams_response_streams *stream,
                                    const char *name)
{
    for (int32_t i = 0; stream != NULL && i < stream->properties.count; i++) {
        if (string_is(stream->properties.items[i].name, name)) {
            return stream->properties.items[i].value;
        }
    }
    return STRING_NULL;
}

/* True: it is to be changed, and the change was said. */
static bool differs(struct team_changes *changes, const char *stream, const char *what,
                    struct string now, const char *wanted)
{
    if (wanted == NULL || string_is(now, wanted)) {
        return false;
    }
    if (now.bytes == NULL) {
        (void)team_change(changes, '+', "stream", "%s %s: %s", stream, what,
                          wanted[0] == '\0' ? "nobody" : wanted);
    } else {
        (void)team_change(changes, '~', "stream", "%s %s: %.*s -> %s", stream, what,
                          STRING_ARGUMENTS(now), wanted[0] == '\0' ? "nobody" : wanted);
    }
    return true;
}

static void compare_stream(struct team_changes *changes, const struct team_stream *wanted,
                           const struct describe_streams_response_streams *now,
                           struct alter_stream_request *request)
{
    static const char *const modes[] = {"enforce", "additive"};
    struct string mode = now == NULL ? STRING_NULL : string_from(modes[now->is_additive ? 1 : 0]);

    for (int i = 0; i < STREAM_PERMISSIONS; i++) {
        struct string expression = now == NULL ? STRING_NULL : stream_expression(now, i);

        if (differs(changes, wanted->name, stream_permission_name(i), expression,
                    wanted->expressions[i])) {
            *stream_request_expression(request, i) = string_from(wanted->expressions[i]);
        }
    }
    if (differs(changes, wanted->name, "owner", now == NULL ? STRING_NULL : now->owner,
                wanted->owner)) {
        request->owner = string_from(wanted->owner);
    }
    if (wanted->mode >= 0 &&
        differs(changes, wanted->name, "ace.mode", mode, modes[wanted->mode])) {
        request->ace_mode = wanted->mode;
    }
    for (int i = 0; i < wanted->property_count; i++) {
        const struct team_property *property = &wanted->properties[i];

        if (differs(changes, wanted->name, property->name, property_there(now, property->name),
                    property->value)) {
            request->properties.items[request->properties.count++] =
                (struct alter_stream_request_properties){.name = string_from(property->name),
                                                         .value = string_from(property->value)};
        }
    }
}

static enum exit_status apply_stream(struct team_changes *changes, const struct team_stream *wanted)
{
    struct alter_stream_request_properties properties[STREAM_PROPERTIES_MAX];
    const struct describe_streams_response_streams *now;
    struct alter_stream_request request;
    struct client_call call;
    int before = changes->count;
    enum exit_status status = streams_find(changes->session, wanted->name, &call, &now);

    if (status == STATUS_OK) {
        alter_stream_request_init(&request);
        request.name = string_from(wanted->name);
        request.is_creation = now == NULL;
        request.properties.items = properties;
        if (now == NULL) {
            (void)team_change(changes, '+', "stream", "%s", wanted->name);
        }
        compare_stream(changes, wanted, now, &request);
        if (changes->count > before && !changes->is_dry_run) {
            status = streams_change(changes->session, &request);
        }
    }
    client_call_release(&call);
    return status;
}

enum exit_status team_apply_streams(struct team_changes *changes, const struct team *team)
{
    enum exit_status status = STATUS_OK;

    for (int i = 0; i < team->stream_count && status == STATUS_OK; i++) {
        status = apply_stream(changes, &team->streams[i]);
    }
    return status;
}

/* ---- the prefix ---- */

static const enum acl_resource prefixed[] = {ACL_TOPIC, ACL_GROUP, ACL_TRANSACTIONAL_ID};

static struct acl rule_of(const struct team *team, enum acl_resource resource,
                          struct string principal)
{
    return (struct acl){.resource = resource,
                        .pattern = ACL_PREFIXED,
                        .name = string_from(team->prefix),
                        .principal = principal,
                        .host = STRING("*"),
                        .operation = ACL_ALL,
                        .permission = ACL_ALLOW};
}

/* The rules that are missing go to `made`, those of principals who left to `removed`. */
static void compare_rules(struct team_changes *changes, const struct team *team,
                          const struct acl_rules *there, struct acl_rules *made,
                          struct acl_rules *removed)
{
    char text[ACL_SENTENCE_BYTES];

    for (size_t i = 0; i < sizeof prefixed / sizeof prefixed[0]; i++) {
        for (int j = 0; j < team->principals.count; j++) {
            struct acl rule = rule_of(team, prefixed[i], string_from(team->principals.items[j]));

            if (!acl_rules_have(there, &rule)) {
                acl_rule_to_text(&rule, text);
                (void)team_change(changes, '+', "rule", "%s", text);
                acl_rules_add(made, &rule);
            }
        }
        for (int j = 0; j < changes->gone.count; j++) {
            struct acl rule = rule_of(team, prefixed[i], changes->gone.items[j].principal);

            if (acl_rules_have(there, &rule) && !acl_rules_have(removed, &rule)) {
                acl_rule_to_text(&rule, text);
                (void)team_change(changes, '-', "rule", "%s", text);
                acl_rules_add(removed, &rule);
            }
        }
    }
}

static enum exit_status change_rules(struct team_changes *changes, const struct acl_rules *made,
                                     const struct acl_rules *removed)
{
    struct acl_rules gone;
    enum exit_status status = STATUS_OK;

    if (made->count > 0) {
        status = acl_rules_create(changes->session, made->items, made->count);
    }
    if (status == STATUS_OK && removed->count > 0) {
        acl_rules_init(&gone);
        status = acl_rules_delete(changes->session, removed->items, removed->count, &gone);
        acl_rules_release(&gone);
    }
    return status;
}

enum exit_status team_apply_prefix(struct team_changes *changes, const struct team *team)
{
    struct acl filter = {.resource = ACL_RESOURCE_ANY,
                         .pattern = ACL_PREFIXED,
                         .name = string_from(team->prefix),
                         .operation = ACL_OPERATION_ANY,
                         .permission = ACL_PERMISSION_ANY};
    struct acl_rules there;
    struct acl_rules made;
    struct acl_rules removed;
    enum exit_status status;

    if (team->prefix == NULL) {
        return STATUS_OK;
    }
    acl_rules_init(&there);
    acl_rules_init(&made);
    acl_rules_init(&removed);
    status = acl_rules_fetch(changes->session, &filter, &there);
    if (status == STATUS_OK) {
        compare_rules(changes, team, &there, &made, &removed);
        if (!changes->is_dry_run) {
            status = change_rules(changes, &made, &removed);
        }
    }
    acl_rules_release(&removed);
    acl_rules_release(&made);
    acl_rules_release(&there);
    return status;
}
