/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SaslAuthenticate, and what clients send in its place after version 0 of SaslHandshake: the bare
 * token behind a size, answered likewise. A bare refusal is a closed connection.
 */
#include "wire_messages/sasl_authenticate.h"

#include "gyre/wire/kafka_error.h"

#include "handlers/authentication.h"
#include "handlers/request.h"
#include "handlers/sasl_handlers.h"

static void reply_illegal(struct request *request)
{
    struct sasl_authenticate_response out;

    sasl_authenticate_response_init(&out);
    out.error_code = KAFKA_ERROR_ILLEGAL_SASL_STATE;
    out.error_message =
        request->connection->is_authenticated
            ? STRING("SaslAuthenticate request received after successful authentication")
            : STRING("SaslAuthenticate request received before SaslHandshake");
    request_reply(request, &sasl_authenticate_response_layout, &out);
}

static void on_answered(struct request *request, const struct authentication_answer *answer)
{
    struct sasl_authenticate_response out;

    sasl_authenticate_response_init(&out);
    if (answer->is_refused) {
        out.error_code = KAFKA_ERROR_SASL_AUTHENTICATION_FAILED;
        out.error_message = answer->sentence;
    } else {
        out.error_message = STRING_NULL;
        out.auth_bytes =
            (struct bytes){(char *)(uintptr_t)answer->bytes.bytes, answer->bytes.length};
        out.session_lifetime_ms = answer->session_lifetime_ms;
    }
    request_reply(request, &sasl_authenticate_response_layout, &out);
}

void sasl_authenticate_handle(struct request *request)
{
    struct sasl_authenticate_request in;

    if (!request_decode(request, &sasl_authenticate_request_layout, &in)) {
        return;
    }
    if (authentication_is_under_way(request->connection)) {
        authentication_step(request, (struct string){in.auth_bytes.bytes, in.auth_bytes.length},
                            on_answered);
    } else if (request->connection->is_authenticated) {
        reply_illegal(request);
    } else {
        authentication_delay(request, reply_illegal);
    }
}

/* ---- without a header ---- */

static void on_bare_answered(struct request *request, const struct authentication_answer *answer)
{
    struct buffer *bytes;

    if (answer->is_refused || request->is_orphaned) {
        request_close(request);
        return;
    }
    bytes = buffer_new(FRAME_PREFIX_BYTES + (size_t)answer->bytes.length);
    store_be32(bytes->bytes, (uint32_t)answer->bytes.length);
    if (answer->bytes.length > 0) {
        memcpy(bytes->bytes + FRAME_PREFIX_BYTES, answer->bytes.bytes,
               (size_t)answer->bytes.length);
    }
    request_relay(request, (struct buffer_slice){bytes, bytes->bytes, bytes->size});
}

void sasl_authenticate_handle_token(struct request *request)
{
    struct string token = {request->frame.bytes, (int32_t)request->frame.length};

    if (authentication_is_under_way(request->connection)) {
        authentication_step(request, token, on_bare_answered);
    } else {
        request_close(request);
    }
}
