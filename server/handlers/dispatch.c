/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/dispatch.h"

#include "gyre/metadata/catalog.h"
#include "gyre/observe/log.h"
#include "gyre/wire/api.h"

#include "handlers/api_versions.h"
#include "handlers/authorization.h"
#include "handlers/broker.h"
#include "handlers/quotas.h"
#include "handlers/sasl_handlers.h"
#include "wire_messages/api_keys.h"

static const struct handler unknown_api_versions = {
    API_API_VERSIONS, api_versions_handle_unknown_version, HANDLER_BEFORE_AUTHENTICATION};

static const struct handler bare_token = {API_SASL_AUTHENTICATE, sasl_authenticate_handle_token,
                                          HANDLER_BEFORE_AUTHENTICATION};

const struct handler *dispatch_find(const struct handler_table *table, int16_t api_key)
{
    for (int i = 0; i < table->count; i++) {
        if (table->handlers[i].api_key == api_key) {
            return &table->handlers[i];
        }
    }
    return NULL;
}

/* A frame without a header, which is all token. */
static void take_token(const struct handler_table *table, struct request *request)
{
    request->table = table;
    request->api = api_find(API_SASL_AUTHENTICATE);
    request->client_id = STRING_NULL;
}

enum error dispatch_parse(const struct handler_table *table, struct request *request,
                          const struct handler **out_handler)
{
    const struct handler *handler;
    enum error error;

    if (request->connection->expects_token) {
        take_token(table, request);
        *out_handler = &bare_token;
        return ERROR_NONE;
    }
    error = frame_decode_request_header(&request->body, &request->header);
    if (error != ERROR_NONE && error != ERROR_UNSUPPORTED) {
        return error;
    }
    handler = dispatch_find(table, request->header.api_key);
    if (handler == NULL) {
        return ERROR_UNSUPPORTED;
    }
    if (error == ERROR_UNSUPPORTED) {
        /* A newer client asks what we know in words that we do not know: the answer is one that
         * everybody reads (KIP-511). Any other API closes the connection. */
        if (request->header.api_key != API_API_VERSIONS) {
            return error;
        }
        request->header.api_version = 0;
        handler = &unknown_api_versions;
    }
    request->table = table;
    request->api = request->header.api;
    request->api_version = request->header.api_version;
    request->correlation_id = request->header.correlation_id;
    request->client_id = request->header.client_id;
    *out_handler = handler;
    return ERROR_NONE;
}

/* P6. Any answer would rest on rights that may be gone. A closed connection sends the client to
 * the other brokers, which an error in the answer would not. */
static bool rests_on_a_stale_catalog(const struct request *request)
{
    const struct broker *broker = request->broker;

    if (broker == NULL) {
        return false;
    }
    return (broker->authorization != NULL && !authorization_is_ready(broker->authorization)) ||
           (broker->catalog_silence_us_max != 0 &&
            catalog_is_stale(broker->catalog, broker->catalog_silence_us_max));
}

/* Who is nobody yet, or no longer, may only say who it is (KIP-368). */
static const char *why_not(const struct handler *handler, const struct request *request)
{
    const struct connection_info *connection = request->connection;

    if ((handler->flags & HANDLER_BEFORE_AUTHENTICATION) != 0) {
        return NULL;
    }
    if (!connection->is_authenticated) {
        return "request before authentication";
    }
    if (connection->session_ends_us != 0 && request->arrived_us >= connection->session_ends_us) {
        return "request after the end of the session";
    }
    if (rests_on_a_stale_catalog(request)) {
        return "request while no leader of the catalog is heard";
    }
    return NULL;
}

void dispatch_start(const struct handler *handler, struct request *request)
{
    const char *refusal = why_not(handler, request);

    if (refusal != NULL) {
        log_info(LOG_HANDLERS, refusal, field_string("api", request->api->name),
                 field_string("peer", request->connection->peer_host));
        request_close(request);
        return;
    }
    quotas_begin_time(request);
    handler->handle(request);
    quotas_end_time(request);
}
