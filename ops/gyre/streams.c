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

struct question {
    int16_t api_key;
    int16_t version_max;
    admin_code_of code_of; /* of its answer as a whole */
    struct string (*message_of)(const void *response);
};

static enum exit_status judge(struct string what, int16_t code, struct string message)
{
    char text[256];

    if (code == KAFKA_ERROR_NONE) {
        return STATUS_OK;
    }
    (void)snprintf(text, sizeof text, "%.*s", STRING_ARGUMENTS(what));
    return session_refused(text, code, message);
}

/* Of any broker; a refusal of `what` is printed. Release the call. */
static enum exit_status ask(struct session *session, struct client_call *call,
                            const struct question *question, struct string what,
                            const void *request)
{
    enum exit_status status;

    *call = (struct client_call){.node_id = CLIENT_ANY_NODE,
                                 .api_key = question->api_key,
                                 .version_max = question->version_max,
                                 .request = request};
    status = admin_ask(session, call, question->code_of);
    return status == STATUS_OK ? judge(what, question->code_of(call->response),
                                       question->message_of(call->response))
                               : status;
}

/* A question whose answer is only whether it was done. */
static enum exit_status tell(struct session *session, const struct question *question,
                             struct string what, const void *request)
{
    struct client_call call;
    enum exit_status status = ask(session, &call, question, what, request);

    client_call_release(&call);
    return status;
}

/* `text` lives as long as the array. */
static struct string_array one_or_all(const char *name, struct string *text)
{
    *text = string_from(name);
    return name == NULL ? (struct string_array){NULL, -1} : (struct string_array){text, 1};
}

/* ---- streams ---- */

static int16_t describe_streams_code(const void *response)
{
    return ((const struct describe_streams_response *)response)->error_code;
}

static struct string describe_streams_message(const void *response)
{
    return ((const struct describe_streams_response *)response)->error_message;
}

static const struct question describe_streams = {API_DESCRIBE_STREAMS,
                                                 DESCRIBE_STREAMS_REQUEST_VERSION_MAX,
                                                 describe_streams_code, describe_streams_message};

enum exit_status streams_fetch(struct session *session, const char *name, struct client_call *call,
                               const struct describe_streams_response **out_response)
{
    struct string text;
    struct describe_streams_request request = {.names = one_or_all(name, &text)};
    enum exit_status status = ask(session, call, &describe_streams, STRING("streams"), &request);

    *out_response = call->response;
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

static int16_t alter_stream_code(const void *response)
{
    return ((const struct alter_stream_response *)response)->error_code;
}

static struct string alter_stream_message(const void *response)
{
    return ((const struct alter_stream_response *)response)->error_message;
}

static const struct question alter_stream = {API_ALTER_STREAM, ALTER_STREAM_REQUEST_VERSION_MAX,
                                             alter_stream_code, alter_stream_message};

enum exit_status streams_change(struct session *session, struct alter_stream_request *request)
{
    return tell(session, &alter_stream, request->name, request);
}

static int16_t delete_stream_code(const void *response)
{
    return ((const struct delete_stream_response *)response)->error_code;
}

static struct string delete_stream_message(const void *response)
{
    return ((const struct delete_stream_response *)response)->error_message;
}

static const struct question delete_stream = {API_DELETE_STREAM, DELETE_STREAM_REQUEST_VERSION_MAX,
                                              delete_stream_code, delete_stream_message};

enum exit_status streams_delete(struct session *session, const char *name)
{
    struct delete_stream_request request;

    delete_stream_request_init(&request);
    request.name = string_from(name);
    return tell(session, &delete_stream, request.name, &request);
}

/* ---- groups and roles ---- */

static int16_t describe_roles_code(const void *response)
{
    return ((const struct describe_roles_response *)response)->error_code;
}

static struct string describe_roles_message(const void *response)
{
    return ((const struct describe_roles_response *)response)->error_message;
}

static const struct question describe_roles = {API_DESCRIBE_ROLES,
                                               DESCRIBE_ROLES_REQUEST_VERSION_MAX,
                                               describe_roles_code, describe_roles_message};

enum exit_status roles_fetch(struct session *session, const char *name, struct client_call *call,
                             const struct describe_roles_response **out_response)
{
    struct string text;
    struct describe_roles_request request = {.names = one_or_all(name, &text)};
    enum exit_status status = ask(session, call, &describe_roles, STRING("groups"), &request);

    *out_response = call->response;
    return status;
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

static int16_t alter_role_code(const void *response)
{
    return ((const struct alter_role_response *)response)->error_code;
}

static struct string alter_role_message(const void *response)
{
    return ((const struct alter_role_response *)response)->error_message;
}

static const struct question alter_role = {API_ALTER_ROLE, ALTER_ROLE_REQUEST_VERSION_MAX,
                                           alter_role_code, alter_role_message};

enum exit_status roles_change(struct session *session, const struct alter_role_request *request)
{
    return tell(session, &alter_role, request->name, request);
}
