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

/* Of any broker. Release the call. */
static enum exit_status ask(struct session *session, struct client_call *call, int16_t api_key,
                            int16_t version_max, const void *request, admin_code_of code_of)
{
    *call = (struct client_call){.node_id = CLIENT_ANY_NODE,
                                 .api_key = api_key,
                                 .version_max = version_max,
                                 .request = request};
    return admin_ask(session, call, code_of);
}

/* What an answer says as a whole; a refusal is printed. */
static enum exit_status judge(struct string what, int16_t code, struct string message)
{
    char text[256];

    if (code == KAFKA_ERROR_NONE) {
        return STATUS_OK;
    }
    (void)snprintf(text, sizeof text, "%.*s", STRING_ARGUMENTS(what));
    return session_refused(text, code, message);
}

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
    enum exit_status status = ask(session, call, API_DESCRIBE_STREAMS,
                                  DESCRIBE_STREAMS_REQUEST_VERSION_MAX, &request, fetch_code);

    *out_response = response = call->response;
    return status == STATUS_OK
               ? judge(STRING("streams"), response->error_code, response->error_message)
               : status;
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
    struct client_call call;
    enum exit_status status = ask(session, &call, API_ALTER_STREAM,
                                  ALTER_STREAM_REQUEST_VERSION_MAX, request, change_code);
    const struct alter_stream_response *response = call.response;

    if (status == STATUS_OK) {
        status = judge(request->name, response->error_code, response->error_message);
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
    const struct delete_stream_response *response;
    struct client_call call;
    enum exit_status status;

    delete_stream_request_init(&request);
    request.name = string_from(name);
    status = ask(session, &call, API_DELETE_STREAM, DELETE_STREAM_REQUEST_VERSION_MAX, &request,
                 delete_code);
    response = call.response;
    if (status == STATUS_OK) {
        status = judge(request.name, response->error_code, response->error_message);
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
    enum exit_status status = ask(session, call, API_DESCRIBE_ROLES,
                                  DESCRIBE_ROLES_REQUEST_VERSION_MAX, &request, roles_code);

    *out_response = response = call->response;
    return status == STATUS_OK
               ? judge(STRING("groups"), response->error_code, response->error_message)
               : status;
}

enum exit_status roles_members(struct session *session, const char *name, struct client_call *call,
                               const struct string_array **out_members)
{
    static const struct string_array nobody = {NULL, 0};
    const struct describe_roles_response *response;
    enum exit_status status = roles_fetch(session, name, call, &response);

    *out_members = &nobody;
    if (status != STATUS_OK || response->roles.count != 1 ||
        response->roles.items[0].error_code == KAFKA_ERROR_RESOURCE_NOT_FOUND) {
        return status;
    }
    *out_members = &response->roles.items[0].members;
    return judge(string_from(name), response->roles.items[0].error_code,
                 response->roles.items[0].error_message);
}

static int16_t role_code(const void *response)
{
    return ((const struct alter_role_response *)response)->error_code;
}

enum exit_status roles_change(struct session *session, const struct alter_role_request *request)
{
    struct client_call call;
    enum exit_status status =
        ask(session, &call, API_ALTER_ROLE, ALTER_ROLE_REQUEST_VERSION_MAX, request, role_code);
    const struct alter_role_response *response = call.response;

    if (status == STATUS_OK) {
        status = judge(request->name, response->error_code, response->error_message);
    }
    client_call_release(&call);
    return status;
}
