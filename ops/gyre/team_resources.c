/* SPDX-License-Identifier: Apache-2.0 */
/* What a team has: streams, and the prefix of its plain topics, groups and transactional ids. */
#include <stdio.h>
#include <string.h>

#include "gyre/base/check.h"

#include "streams.h"
#include "team_changes.h"
#include "wire_messages/alter_stream.h"
#include "wire_messages/describe_streams.h"

enum { OWNER_BYTES = 2100 };

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

/* u:"OWNER", the policy where none is told; as the region writes it. */
static void write_owner_alone(struct string owner, char text[OWNER_BYTES])
{
    const char *name = memchr(owner.bytes, ':', (size_t)owner.length);
    const char *end = owner.bytes + owner.length;
    size_t length = (size_t)snprintf(text, OWNER_BYTES, "u:\"");

    for (name = name == NULL ? end : name + 1; name < end && length + 4 < OWNER_BYTES; name++) {
        if (*name == '"' || *name == '\\') {
            text[length++] = '\\';
        }
        text[length++] = *name;
    }
    (void)snprintf(text + length, OWNER_BYTES - length, "\"");
}

static void compare_policy(struct team_changes *changes, const struct team_stream *wanted,
                           const struct describe_streams_response_streams *now,
                           const char *owner_alone, struct alter_stream_request *request)
{
    static const char *const modes[] = {"enforce", "additive"};
    int8_t mode = now != NULL && wanted->mode < 0 ? 0 : wanted->mode;

    for (int i = 0; i < STREAM_PERMISSIONS; i++) {
        struct string expression = now == NULL ? STRING_NULL : stream_expression(now, i);
        const char *told = wanted->expressions[i];

        told = told == NULL && now != NULL ? owner_alone : told;
        if (differs(changes, wanted->name, stream_permission_name(i), expression, told)) {
            *stream_request_expression(request, i) = string_from(told);
        }
    }
    if (mode >= 0 &&
        differs(changes, wanted->name, "ace.mode",
                now == NULL ? STRING_NULL : string_from(modes[now->is_additive]), modes[mode])) {
        request->ace_mode = mode;
    }
}

static bool is_told(const struct team_stream *wanted, struct string name)
{
    for (int i = 0; i < wanted->property_count; i++) {
        if (string_is(name, wanted->properties[i].name)) {
            return true;
        }
    }
    return false;
}

static void compare_properties(struct team_changes *changes, const struct team_stream *wanted,
                               const struct describe_streams_response_streams *now,
                               struct alter_stream_request *request)
{
    for (int i = 0; i < wanted->property_count; i++) {
        const struct team_property *property = &wanted->properties[i];

        if (differs(changes, wanted->name, property->name, property_there(now, property->name),
                    property->value)) {
            request->properties.items[request->properties.count++] =
                (struct alter_stream_request_properties){.name = string_from(property->name),
                                                         .value = string_from(property->value)};
        }
    }
    for (int32_t i = 0; now != NULL && i < now->properties.count; i++) {
        const struct describe_streams_response_streams_properties *property =
            &now->properties.items[i];

        if (!is_told(wanted, property->name)) {
            (void)team_change(changes, '-', "stream", "%s %.*s: %.*s", wanted->name,
                              STRING_ARGUMENTS(property->name), STRING_ARGUMENTS(property->value));
            request->properties.items[request->properties.count++] =
                (struct alter_stream_request_properties){.name = property->name,
                                                         .value = STRING_NULL};
        }
    }
}

static void compare_stream(struct team_changes *changes, const struct team_stream *wanted,
                           const struct describe_streams_response_streams *now,
                           char owner_alone[OWNER_BYTES], struct alter_stream_request *request)
{
    struct string owner = now == NULL ? STRING_NULL : now->owner;

    if (differs(changes, wanted->name, "owner", owner, wanted->owner)) {
        request->owner = owner = string_from(wanted->owner);
    }
    if (now != NULL) {
        write_owner_alone(owner, owner_alone);
    }
    compare_policy(changes, wanted, now, owner_alone, request);
    compare_properties(changes, wanted, now, request);
}

static enum exit_status change_stream(struct team_changes *changes,
                                      const struct team_stream *wanted,
                                      const struct describe_streams_response_streams *now)
{
    struct alter_stream_request request;
    char owner_alone[OWNER_BYTES]; /* what the request refers to, as the next */
    int32_t room = wanted->property_count + (now == NULL ? 0 : now->properties.count) + 1;
    int before = changes->count;
    enum exit_status status = STATUS_OK;

    alter_stream_request_init(&request);
    request.name = string_from(wanted->name);
    request.is_creation = now == NULL;
    request.properties.items = check_alloc(sizeof *request.properties.items * (size_t)room);
    if (now == NULL) {
        (void)team_change(changes, '+', "stream", "%s", wanted->name);
    }
    compare_stream(changes, wanted, now, owner_alone, &request);
    if (changes->count > before && !changes->is_dry_run) {
        status = streams_change(changes->session, &request);
    }
    free(request.properties.items);
    return status;
}

static enum exit_status apply_stream(struct team_changes *changes, const struct team_stream *wanted)
{
    const struct describe_streams_response_streams *now;
    struct client_call call;
    enum exit_status status = streams_find(changes->session, wanted->name, &call, &now);

    if (status == STATUS_OK) {
        status = change_stream(changes, wanted, now);
    }
    client_call_release(&call);
    return status;
}

/* Nobody but the owner keeps a right to it; its records are not ours to delete. */
static enum exit_status drop_stream(struct team_changes *changes, const char *name)
{
    const struct team_stream nothing = {.name = name, .mode = -1};
    const struct describe_streams_response_streams *now;
    struct client_call call;
    enum exit_status status = streams_find(changes->session, name, &call, &now);

    if (status == STATUS_OK && now != NULL) {
        status = change_stream(changes, &nothing, now);
        team_left(changes, "stream",
                  "%s and its %d topics are left to %.*s; to delete them: gyre topic delete, then "
                  "gyre stream delete %s",
                  name, (int)now->topic_count, STRING_ARGUMENTS(now->owner), name);
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
    for (int i = 0; i < changes->record.had.count && status == STATUS_OK; i++) {
        const char *name = team_record_dropped(&changes->record, "stream", i);

        if (name != NULL) {
            status = drop_stream(changes, name);
        }
    }
    return status;
}

/* ---- the prefix ---- */

static const enum acl_resource prefixed[] = {ACL_TOPIC, ACL_GROUP, ACL_TRANSACTIONAL_ID};

static struct acl rule_of(const char *prefix, enum acl_resource resource, struct string principal)
{
    return (struct acl){.resource = resource,
                        .pattern = ACL_PREFIXED,
                        .name = string_from(prefix),
                        .principal = principal,
                        .host = STRING("*"),
                        .operation = ACL_ALL,
                        .permission = ACL_ALLOW};
}

/* A prefix, who may do everything under it, and what that means for the region's rules. */
struct prefix_rules {
    const char *prefix;
    struct acl_rules there;
    struct acl_rules made;
    struct acl_rules removed;
};

static void want_rule(struct team_changes *changes, struct prefix_rules *rules,
                      struct string principal, bool is_wanted)
{
    struct acl_rules *change = is_wanted ? &rules->made : &rules->removed;
    char text[ACL_SENTENCE_BYTES];

    for (size_t i = 0; i < sizeof prefixed / sizeof prefixed[0]; i++) {
        struct acl rule = rule_of(rules->prefix, prefixed[i], principal);

        if (acl_rules_have(&rules->there, &rule) != is_wanted && !acl_rules_have(change, &rule)) {
            acl_rule_to_text(&rule, text);
            (void)team_change(changes, is_wanted ? '+' : '-', "rule", "%s", text);
            acl_rules_add(change, &rule);
        }
    }
}

/* Of a prefix that the team no longer has, whoever was in it loses the rules. */
static void compare_rules(struct team_changes *changes, const struct team *team,
                          struct prefix_rules *rules)
{
    bool is_kept = team->prefix != NULL && strcmp(team->prefix, rules->prefix) == 0;

    for (int i = 0; i < team->principals.count; i++) {
        want_rule(changes, rules, string_from(team->principals.items[i]), is_kept);
    }
    for (int i = 0; i < changes->gone.count; i++) {
        want_rule(changes, rules, changes->gone.items[i].principal, false);
    }
}

static enum exit_status change_rules(struct team_changes *changes, const struct prefix_rules *rules)
{
    struct acl_rules gone;
    enum exit_status status = STATUS_OK;

    if (rules->made.count > 0) {
        status = acl_rules_create(changes->session, rules->made.items, rules->made.count);
    }
    if (status == STATUS_OK && rules->removed.count > 0) {
        acl_rules_init(&gone);
        status =
            acl_rules_delete(changes->session, rules->removed.items, rules->removed.count, &gone);
        acl_rules_release(&gone);
    }
    return status;
}

static enum exit_status apply_prefix(struct team_changes *changes, const struct team *team,
                                     const char *prefix)
{
    struct acl filter = {.resource = ACL_RESOURCE_ANY,
                         .pattern = ACL_PREFIXED,
                         .name = string_from(prefix),
                         .operation = ACL_OPERATION_ANY,
                         .permission = ACL_PERMISSION_ANY};
    struct prefix_rules rules = {.prefix = prefix};
    enum exit_status status;

    acl_rules_init(&rules.there);
    acl_rules_init(&rules.made);
    acl_rules_init(&rules.removed);
    status = acl_rules_fetch(changes->session, &filter, &rules.there);
    if (status == STATUS_OK) {
        compare_rules(changes, team, &rules);
        if (!changes->is_dry_run) {
            status = change_rules(changes, &rules);
        }
    }
    acl_rules_release(&rules.removed);
    acl_rules_release(&rules.made);
    acl_rules_release(&rules.there);
    return status;
}

enum exit_status team_apply_prefix(struct team_changes *changes, const struct team *team)
{
    enum exit_status status =
        team->prefix == NULL ? STATUS_OK : apply_prefix(changes, team, team->prefix);

    for (int i = 0; i < changes->record.had.count && status == STATUS_OK; i++) {
        const char *prefix = team_record_dropped(&changes->record, "prefix", i);

        if (prefix != NULL) {
            status = apply_prefix(changes, team, prefix);
        }
    }
    return status;
}
