/* SPDX-License-Identifier: Apache-2.0 */
#include "quotas.h"

#include <stdio.h>

#include "gyre/base/check.h"
#include "gyre/wire/kafka_error.h"

#include "admin.h"
#include "wire_messages/alter_client_quotas.h"
#include "wire_messages/api_keys.h"
#include "wire_messages/describe_client_quotas.h"

enum { MATCH_EXACT = 0, MATCH_DEFAULT = 1 };

static int16_t fetch_code(const void *response)
{
    return ((const struct describe_client_quotas_response *)response)->error_code;
}

enum exit_status quotas_fetch(struct session *session, const struct quota_part *parts, int count,
                              struct client_call *call,
                              const struct describe_client_quotas_response **out_response)
{
    struct describe_client_quotas_request_components components[QUOTA_PARTS_MAX];
    struct describe_client_quotas_request request = {.components = {components, count}};
    const struct describe_client_quotas_response *response;
    enum exit_status status;

    CHECK(count <= QUOTA_PARTS_MAX);
    for (int i = 0; i < count; i++) {
        components[i] = (struct describe_client_quotas_request_components){
            .entity_type = string_from(parts[i].type),
            .match_type = parts[i].name == NULL ? MATCH_DEFAULT : MATCH_EXACT,
            .match = string_from(parts[i].name),
        };
    }
    *call = (struct client_call){.node_id = CLIENT_ANY_NODE,
                                 .api_key = API_DESCRIBE_CLIENT_QUOTAS,
                                 .version_max = DESCRIBE_CLIENT_QUOTAS_REQUEST_VERSION_MAX,
                                 .request = &request};
    status = admin_ask(session, call, fetch_code);
    response = call->response;
    if (status == STATUS_OK && response->error_code != KAFKA_ERROR_NONE) {
        status = session_refused("quotas", response->error_code, response->error_message);
    }
    *out_response = response;
    return status;
}

static int16_t change_code(const void *response)
{
    const struct alter_client_quotas_response *changed = response;

    return changed->entries.count == 0 ? (int16_t)KAFKA_ERROR_NONE
                                       : changed->entries.items[0].error_code;
}

static enum exit_status ask_change(struct session *session, const char *entity,
                                   const struct alter_client_quotas_request *request)
{
    struct client_call call = {.node_id = CLIENT_ANY_NODE,
                               .api_key = API_ALTER_CLIENT_QUOTAS,
                               .version_max = ALTER_CLIENT_QUOTAS_REQUEST_VERSION_MAX,
                               .request = request};
    enum exit_status status = admin_ask(session, &call, change_code);
    const struct alter_client_quotas_response *response = call.response;

    for (int32_t i = 0; status == STATUS_OK && i < response->entries.count; i++) {
        if (response->entries.items[i].error_code != KAFKA_ERROR_NONE) {
            status = session_refused(entity, response->entries.items[i].error_code,
                                     response->entries.items[i].error_message);
        }
    }
    client_call_release(&call);
    return status;
}

enum exit_status quotas_change(struct session *session, const struct quota_part *parts,
                               int part_count, const struct quota_change *changes, int change_count)
{
    struct alter_client_quotas_request_entries_entity entity[QUOTA_PARTS_MAX];
    struct alter_client_quotas_request_entries_ops operations[QUOTA_CHANGES_MAX];
    struct alter_client_quotas_request_entries entry = {.entity = {entity, part_count},
                                                        .ops = {operations, change_count}};
    struct alter_client_quotas_request request = {.entries = {&entry, 1}};
    char text[QUOTA_ENTITY_BYTES];

    CHECK(part_count <= QUOTA_PARTS_MAX && change_count <= QUOTA_CHANGES_MAX);
    for (int i = 0; i < part_count; i++) {
        entity[i] = (struct alter_client_quotas_request_entries_entity){
            .entity_type = string_from(parts[i].type), .entity_name = string_from(parts[i].name)};
    }
    for (int i = 0; i < change_count; i++) {
        operations[i] = (struct alter_client_quotas_request_entries_ops){
            .key = string_from(changes[i].key),
            .value = changes[i].value,
            .remove = changes[i].is_removal,
        };
    }
    quota_entity_to_text(parts, part_count, text);
    return ask_change(session, text, &request);
}

void quota_entity_to_text(const struct quota_part *parts, int count, char text[QUOTA_ENTITY_BYTES])
{
    size_t used = 0;

    text[0] = '\0';
    for (int i = 0; i < count && used < QUOTA_ENTITY_BYTES; i++) {
        used +=
            (size_t)snprintf(text + used, QUOTA_ENTITY_BYTES - used, "%s%s %s", i == 0 ? "" : ", ",
                             parts[i].type, parts[i].name == NULL ? "(default)" : parts[i].name);
    }
}
