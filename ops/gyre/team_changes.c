/* SPDX-License-Identifier: Apache-2.0 */
#include "team_changes.h"

#include <stdarg.h>
#include <stdio.h>

#include "gyre/base/check.h"
#include "gyre/wire/kafka_error.h"

#include "admin.h"
#include "json_print.h"
#include "streams.h"
#include "wire_messages/alter_role.h"
#include "wire_messages/api_keys.h"
#include "wire_messages/describe_client_quotas.h"
#include "wire_messages/describe_configs.h"

enum { RESOURCE_BROKER = 4 };

void team_changes_init(struct team_changes *changes, struct session *session, bool is_dry_run,
                       enum output_format output)
{
    *changes = (struct team_changes){
        .session = session, .is_dry_run = is_dry_run, .output = output, .list = json_array()};
}

void team_changes_release(struct team_changes *changes)
{
    json_decref(changes->list);
}

__attribute__((format(printf, 4, 0))) static void say(struct team_changes *changes, char sign,
                                                      const char *kind, const char *format,
                                                      va_list arguments)
{
    char text[TEAM_LINE_BYTES];
    char mark[2] = {sign, '\0'};

    (void)vsnprintf(text, sizeof text, format, arguments);
    if (changes->output == OUTPUT_JSON) {
        (void)json_array_append_new(changes->list,
                                    json_pack("{s:s, s:s, s:o}", "change", mark, "kind", kind,
                                              "what", json_from_string(string_from(text))));
    } else {
        (void)printf("%s %-7s %s\n", mark, kind, text);
    }
}

bool team_change(struct team_changes *changes, char sign, const char *kind, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(changes, sign, kind, format, arguments);
    va_end(arguments);
    changes->count++;
    return !changes->is_dry_run;
}

void team_left(struct team_changes *changes, const char *kind, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(changes, '=', kind, format, arguments);
    va_end(arguments);
}

/* ---- groups ---- */

static bool has_name(const struct team_names *names, struct string text)
{
    for (int i = 0; i < names->count; i++) {
        if (string_is(text, names->items[i])) {
            return true;
        }
    }
    return false;
}

static bool has_string(const struct string_array *strings, const char *text)
{
    for (int32_t i = 0; i < strings->count; i++) {
        if (string_is(strings->items[i], text)) {
            return true;
        }
    }
    return false;
}

static void note_gone(struct team_changes *changes, const struct team *team,
                      struct string principal)
{
    const struct acl rule = {.principal = principal};

    if (!has_name(&team->principals, principal) && !acl_rules_have(&changes->gone, &rule)) {
        acl_rules_add(&changes->gone, &rule);
    }
}

/* Fills the request with the difference between who is in the group and who is to be. */
static bool compare_group(struct team_changes *changes, const struct team_names *wanted,
                          const char *group, const struct string_array *members,
                          struct alter_role_request *request)
{
    bool is_made = false;

    for (int i = 0; i < wanted->count; i++) {
        const char *principal = wanted->items[i];

        if (!has_string(members, principal)) {
            is_made = team_change(changes, '+', "group", "%s: %s", group, principal);
            request->additions.items[request->additions.count++] = string_from(principal);
        }
    }
    for (int32_t i = 0; i < members->count; i++) {
        if (!has_name(wanted, members->items[i])) {
            is_made = team_change(changes, '-', "group", "%s: %.*s", group,
                                  STRING_ARGUMENTS(members->items[i]));
            request->removals.items[request->removals.count++] = members->items[i];
        }
    }
    return is_made;
}

/* Those who are `wanted` shall be in it, and nobody else. */
static enum exit_status apply_group(struct team_changes *changes, const struct team *team,
                                    const struct team_names *wanted, const char *group)
{
    struct alter_role_request request;
    const struct string_array *members;
    struct client_call call;
    enum exit_status status = roles_members(changes->session, group, &call, &members);

    if (status == STATUS_OK) {
        alter_role_request_init(&request);
        request.name = string_from(group);
        request.additions.items = check_alloc(sizeof(struct string) * ((size_t)wanted->count + 1));
        request.removals.items = check_alloc(sizeof(struct string) * ((size_t)members->count + 1));
        for (int32_t i = 0; wanted == &team->principals && i < members->count; i++) {
            note_gone(changes, team, members->items[i]);
        }
        if (compare_group(changes, wanted, group, members, &request)) {
            status = roles_change(changes->session, &request);
        }
        free(request.additions.items);
        free(request.removals.items);
    }
    client_call_release(&call);
    return status;
}

enum exit_status team_apply_groups(struct team_changes *changes, const struct team *team)
{
    enum exit_status status = STATUS_OK;

    for (int i = 0; i < team->groups.count && status == STATUS_OK; i++) {
        status = apply_group(changes, team, &team->principals, team->groups.items[i]);
    }
    for (int i = 0; i < changes->record.had.count && status == STATUS_OK; i++) {
        const char *group = team_record_dropped(&changes->record, "group", i);

        if (group != NULL && !has_name(&team->groups, string_from(group))) {
            status = apply_group(changes, team, &(struct team_names){NULL, 0}, group);
        }
    }
    return status;
}

/* ---- quotas ---- */

/* -1: the region has none. */
static double quota_there(const struct describe_client_quotas_response *response, const char *key)
{
    for (int32_t i = 0; i < response->entries.count; i++) {
        const struct describe_client_quotas_response_entries *entry = &response->entries.items[i];

        for (int32_t j = 0; entry->entity.count == 1 && j < entry->values.count; j++) {
            if (string_is(entry->values.items[j].key, key)) {
                return entry->values.items[j].value;
            }
        }
    }
    return -1;
}

/* What one user is to have: the quotas of the team, or none of them where it has left. */
static int wanted_quotas(const struct team_changes *changes, const struct team *team, bool is_gone,
                         struct quota_change wanted[QUOTA_CHANGES_MAX])
{
    int count = 0;

    for (int i = 0; i < team->quota_count && count < QUOTA_CHANGES_MAX; i++) {
        wanted[count] = team->quotas[i];
        wanted[count++].is_removal = is_gone;
    }
    for (int i = 0; i < changes->record.had.count && count < QUOTA_CHANGES_MAX; i++) {
        const char *key = team_record_dropped(&changes->record, "quota", i);

        if (key != NULL) {
            wanted[count++] = (struct quota_change){.key = key, .is_removal = true};
        }
    }
    return count;
}

/* Keeps of the wanted ones what is not so yet, and gives how many; 0: nothing, or not to be made.
 */
static int compare_quotas(struct team_changes *changes, const char *user,
                          const struct describe_client_quotas_response *response,
                          struct quota_change *wanted, int count)
{
    bool is_made = false;
    int kept = 0;

    for (int i = 0; i < count; i++) {
        const struct quota_change quota = wanted[i];
        double now = quota_there(response, quota.key);

        if (quota.is_removal && now >= 0) {
            is_made = team_change(changes, '-', "quota", "%s: %s=%.10g", user, quota.key, now);
            wanted[kept++] = quota;
        } else if (!quota.is_removal && (now < quota.value || now > quota.value)) {
            is_made = team_change(changes, now < 0 ? '+' : '~', "quota", "%s: %s=%.10g", user,
                                  quota.key, quota.value);
            wanted[kept++] = quota;
        }
    }
    return is_made ? kept : 0;
}

/* Quotas are of users, by name. */
static enum exit_status apply_quotas_of(struct team_changes *changes, const struct team *team,
                                        const char *principal, bool is_gone)
{
    const struct quota_part part = {"user", principal + strlen("User:")};
    const struct describe_client_quotas_response *response;
    struct quota_change wanted[QUOTA_CHANGES_MAX];
    struct client_call call;
    int count = wanted_quotas(changes, team, is_gone, wanted);
    enum exit_status status;

    if (count == 0 || strncmp(principal, "User:", 5) != 0) {
        return STATUS_OK;
    }
    status = quotas_fetch(changes->session, &part, 1, &call, &response);
    count = status == STATUS_OK ? compare_quotas(changes, part.name, response, wanted, count) : 0;
    client_call_release(&call);
    return count == 0 ? status : quotas_change(changes->session, &part, 1, wanted, count);
}

enum exit_status team_apply_quotas(struct team_changes *changes, const struct team *team)
{
    enum exit_status status = STATUS_OK;

    for (int i = 0; i < team->principals.count && status == STATUS_OK; i++) {
        status = apply_quotas_of(changes, team, team->principals.items[i], false);
    }
    for (int i = 0; i < changes->gone.count && status == STATUS_OK; i++) {
        status = apply_quotas_of(changes, team, changes->gone.items[i].principal.bytes, true);
    }
    return status;
}

/* ---- regions ---- */

static bool is_region_key(struct string name)
{
    return string_is(name, "gyre.region");
}

/* What the region calls itself stands in every broker's configuration. */
static enum exit_status ask_region(struct session *session, char name[STREAM_VALUE_BYTES])
{
    struct string key = STRING("gyre.region");
    char id[16];
    struct describe_configs_request_resources resource = {.resource_type = RESOURCE_BROKER,
                                                          .configuration_keys = {&key, 1}};
    struct describe_configs_request request = {.resources = {&resource, 1}};
    struct client_call call = {.node_id = CLIENT_ANY_NODE,
                               .api_key = API_DESCRIBE_CONFIGS,
                               .version_max = DESCRIBE_CONFIGS_REQUEST_VERSION_MAX,
                               .request = &request};
    const struct metadata_response *metadata;
    const struct describe_configs_response *response;
    enum exit_status status;

    status = session_ask_metadata(session, &call, NULL, 0, false, &metadata);
    client_call_release(&call);
    if (status != STATUS_OK || client_node_count(session->client) == 0) {
        return status == STATUS_OK ? STATUS_FAILED : status;
    }
    (void)snprintf(id, sizeof id, "%d", (int)client_node_at(session->client, 0)->id);
    resource.resource_name = string_from(id);
    call = (struct client_call){.node_id = client_node_at(session->client, 0)->id,
                                .api_key = API_DESCRIBE_CONFIGS,
                                .version_max = DESCRIBE_CONFIGS_REQUEST_VERSION_MAX,
                                .request = &request};
    status = session_ask(session, &call);
    response = call.response;
    name[0] = '\0';
    if (status == STATUS_OK && response->results.count == 1) {
        if (response->results.items[0].error_code != KAFKA_ERROR_NONE) {
            status = session_refused("the region's name", response->results.items[0].error_code,
                                     response->results.items[0].error_message);
        }
        for (int32_t i = 0; i < response->results.items[0].configs.count; i++) {
            if (is_region_key(response->results.items[0].configs.items[i].name)) {
                (void)snprintf(name, STREAM_VALUE_BYTES, "%.*s",
                               STRING_ARGUMENTS(response->results.items[0].configs.items[i].value));
            }
        }
    }
    client_call_release(&call);
    if (status == STATUS_OK && name[0] == '\0') {
        complain("the region does not tell its name"); /* taken for another, it would lose all */
        status = STATUS_FAILED;
    }
    return status;
}

static enum exit_status apply_parts(struct team_changes *changes, const struct team *team)
{
    static enum exit_status (*const parts[])(struct team_changes *, const struct team *) = {
        team_apply_groups, team_apply_streams, team_apply_prefix, team_apply_quotas};
    enum exit_status status = STATUS_OK;

    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && status == STATUS_OK; i++) {
        status = parts[i](changes, team);
    }
    return status;
}

static enum exit_status apply_remembering(struct team_changes *changes, const struct team *team)
{
    enum exit_status status = STATUS_OK;

    for (int i = 0; i < changes->record.had.count; i++) {
        const char *principal = team_record_dropped(&changes->record, "principal", i);

        if (principal != NULL) {
            note_gone(changes, team, string_from(principal));
        }
    }
    if (changes->is_dry_run) {
        return apply_parts(changes, team);
    }
    status = team_record_widen(changes->session, &changes->record);
    if (status == STATUS_OK) {
        status = apply_parts(changes, team);
    }
    return status == STATUS_OK ? team_record_narrow(changes->session, &changes->record) : status;
}

/* Out of the team's regions nothing of it is wanted. */
static enum exit_status find_wanted(struct team_changes *changes, const struct team *team,
                                    struct team *wanted)
{
    char region[STREAM_VALUE_BYTES];
    enum exit_status status;

    *wanted = *team;
    if (team->regions.count == 0) {
        return STATUS_OK;
    }
    status = ask_region(changes->session, region);
    if (status == STATUS_OK && !has_name(&team->regions, string_from(region))) {
        (void)fprintf(stderr, "team %s is not at home in region %s\n", team->name, region);
        *wanted = (struct team){.name = team->name};
    }
    return status;
}

enum exit_status team_changes_apply(struct team_changes *changes, const struct team *team)
{
    struct team wanted;
    enum exit_status status = find_wanted(changes, team, &wanted);

    if (status == STATUS_OK) {
        acl_rules_init(&changes->gone);
        status = team_record_fetch(changes->session, &wanted, &changes->record);
        if (status == STATUS_OK) {
            status = apply_remembering(changes, &wanted);
        }
        team_record_release(&changes->record);
        acl_rules_release(&changes->gone);
    }
    return status;
}
