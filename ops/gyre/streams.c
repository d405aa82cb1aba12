/* SPDX-License-Identifier: Apache-2.0 */
#include "streams.h"

#include "gyre/wire/kafka_error.h"

#include "admin.h"
#include "wire_messages/alter_role.h"
#include "wire_messages/alter_stream.h"
#include "wire_messages/api_keys.h"
#include "wire_messages/delete_stream.h"
#include "wire_messages/describe_roles.h"
#include "wire_messages/describe_streams.h"

/* ---- streams ---- */

static int16_t fetch_code(const void *response)
{
    return ((const struct describe_streams_response *)response)->error_code;
}

enum exit_status streams_fetch(struct session *session, const char *name, struct client_call *call,
                               const struct describe_streams_response **out_response)
{
    struct string text = string_from(name);
    struct describe_streams_request request = {
        .names = {name == NULL ? NULL : &text, name == NULL ? -1 : 1}};
    const struct describe_streams_response *response;
    enum exit_status status;

    *call = (struct client_call){.node_id = CLIENT_ANY_NODE,
                                 .api_key = API_DESCRIBE_STREAMS,
                                 .version_max = DESCRIBE_STREAMS_REQUEST_VERSION_MAX,
                                 .request = &request};
    status = admin_ask(session, call, fetch_code);
    response = call->response;
    if (status == STATUS_OK && response->error_code != KAFKA_ERROR_NONE) {
        status = session_refused("streams", response->error_code, response->error_message);
    }
    *out_response = response;
    return status;
}

enum exit_status streams_find(struct session *session, const char *name, struct client_call *call,
                              const struct describe_streams_response_streams **out_stream)
{
    const struct describe_streams_response *response;
    enum exit_status status = streams_fetch(session, name, call, &response);

    *out_stream = NULL;
    if (status != STATUS_OK || response->streams.count != 1) {
        return status;
    }
    if (response->streams.items[0].error_code == KAFKA_ERROR_RESOURCE_NOT_FOUND) {
        return STATUS_OK;
    }
    if (response->streams.items[0].error_code != KAFKA_ERROR_NONE) {
        return session_refused(name, response->streams.items[0].error_code,
                               response->streams.items[0].error_message);
    }
    *out_stream = response->streams.items;
    return STATUS_OK;
}

static int16_t change_code(const void *response)
{
    return ((const struct alter_stream_response *)response)->error_code;
}

enum exit_status streams_change(struct session *session, struct alter_stream_request *request)
{
    struct client_call call = {.node_id = CLIENT_ANY_NODE,
                               .api_key = API_ALTER_STREAM,
                               .version_max = ALTER_STREAM_REQUEST_VERSION_MAX,
                               .request = request};
    enum exit_status status = admin_ask(session, &call, change_code);
    const struct alter_stream_response *response = call.response;
    char name[256];

    if (status == STATUS_OK && response->error_code != KAFKA_ERROR_NONE) {
        (void)snprintf(name, sizeof name, "%.*s", STRING_ARGUMENTS(request->name));
        status = session_refused(name, response->error_code, response->error_message);
    }
    client_call_release(&call);
    return status;
}

static int16_t delete_code(const void *response)
{
    return ((const struct delete_stream_response *)response)->error_code;
}

enum exit_status streams_delete(struct session *session, const char *name)
{
    struct delete_stream_request request;
    struct client_call call = {.node_id = CLIENT_ANY_NODE,
                               .api_key = API_DELETE_STREAM,
                               .version_max = DELETE_STREAM_REQUEST_VERSION_MAX,
                               .request = &request};
    const struct delete_stream_response *response;
    enum exit_status status;

    delete_stream_request_init(&request);
    request.name = string_from(name);
    status = admin_ask(session, &call, delete_code);
    response = call.response;
    if (status == STATUS_OK && response->error_code != KAFKA_ERROR_NONE) {
        status = session_refused(name, response->error_code, response->error_message);
    }
    client_call_release(&call);
    return status;
}

/* ---- groups and roles ---- */

static int16_t roles_code(const void *response)
{
    return ((const struct describe_roles_response *)response)->error_code;
}

enum exit_status roles_fetch(struct session *session, const char *name, struct client_call *call,
                             const struct describe_roles_response **out_response)
{
    struct string text = string_from(name);
    struct describe_roles_request request = {
        .names = {name == NULL ? NULL : &text, name == NULL ? -1 : 1}};
    const struct describe_roles_response *response;
    enum exit_status status;

    *call = (struct client_call){.node_id = CLIENT_ANY_NODE,
                                 .api_key = API_DESCRIBE_ROLES,
                                 .version_max = DESCRIBE_ROLES_REQUEST_VERSION_MAX,
                                 .request = &request};
    status = admin_ask(session, call, roles_code);
    response = call->response;
    if (status == STATUS_OK && response->error_code != KAFKA_ERROR_NONE) {
        status = session_refused("groups", response->error_code, response->error_message);
    }
    *out_response = response;
    return status;
}

static int16_t role_code(const void *response)
{
    return ((const struct alter_role_response *)response)->error_code;
}

enum exit_status roles_change(struct session *session, const struct alter_role_request *request)
{
    struct client_call call = {.node_id = CLIENT_ANY_NODE,
                               .api_key = API_ALTER_ROLE,
                               .version_max = ALTER_ROLE_REQUEST_VERSION_MAX,
                               .request = request};
    enum exit_status status = admin_ask(session, &call, role_code);
    const struct alter_role_response *response = call.response;
    char name[256];

    if (status == STATUS_OK && response->error_code != KAFKA_ERROR_NONE) {
        (void)snprintf(name, sizeof name, "%.*s", STRING_ARGUMENTS(request->name));
        status = session_refused(name, response->error_code, response->error_message);
    }
    client_call_release(&call);
    return status;
}
