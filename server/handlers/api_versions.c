/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answer is computed from the table of handlers and the schemas, so that it cannot promise what
 * is not there. A client that names itself (version 3 on, KIP-511) is remembered by that name.
 */
#include "handlers/api_versions.h"

#include <string.h>

#include "gyre/wire/api.h"
#include "gyre/wire/kafka_error.h"

#include "handlers/dispatch.h"
#include "handlers/request.h"
#include "wire_messages/api_keys.h"
#include "wire_messages/api_versions.h"

static bool is_alphanumeric(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9');
}

/* [a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])? */
static bool is_software_text(struct string text)
{
    if (text.length <= 0 || !is_alphanumeric(text.bytes[0]) ||
        !is_alphanumeric(text.bytes[text.length - 1])) {
        return false;
    }
    for (int32_t i = 1; i < text.length; i++) {
        if (!is_alphanumeric(text.bytes[i]) && text.bytes[i] != '-' && text.bytes[i] != '.') {
            return false;
        }
    }
    return true;
}

static void remember(char *to, struct string text)
{
    size_t length = (size_t)text.length;

    if (length >= CONNECTION_SOFTWARE_BYTES_MAX) {
        length = CONNECTION_SOFTWARE_BYTES_MAX - 1;
    }
    memcpy(to, text.bytes, length);
    to[length] = '\0';
}

static void reply_error(struct request *request, enum kafka_error error)
{
    struct api_versions_response out;

    api_versions_response_init(&out);
    out.error_code = (int16_t)error;
    request_reply(request, &api_versions_response_layout, &out);
}

static struct api_versions_response_api_keys range_of(const struct api_description *api)
{
    return (struct api_versions_response_api_keys){.api_key = api->key,
                                                   .min_version = api->advertised_min,
                                                   .max_version = api->advertised_max};
}

void api_versions_handle(struct request *request)
{
    struct api_versions_request in;
    struct api_versions_response out;

    if (!request_decode(request, &api_versions_request_layout, &in)) {
        return;
    }
    if (request->api_version >= 3) {
        if (!is_software_text(in.client_software_name) ||
            !is_software_text(in.client_software_version)) {
            reply_error(request, KAFKA_ERROR_INVALID_REQUEST);
            return;
        }
        remember(request->connection->software_name, in.client_software_name);
        remember(request->connection->software_version, in.client_software_version);
    }
    api_versions_response_init(&out);
    out.api_keys.items =
        request_alloc(request, (size_t)request->table->count * sizeof *out.api_keys.items);
    if (out.api_keys.items == NULL) {
        return;
    }
    for (const struct api_description *api = api_next(0); api != NULL;
         api = api_next((int16_t)(api->key + 1))) {
        const struct handler *handler = dispatch_find(request->table, api->key);

        if (handler != NULL && (handler->flags & HANDLER_HIDDEN) == 0) {
            out.api_keys.items[out.api_keys.count++] = range_of(api);
        }
    }
    request_reply(request, &api_versions_response_layout, &out);
}

void api_versions_handle_unknown_version(struct request *request)
{
    struct api_versions_response_api_keys own = range_of(request->api);
    struct api_versions_response out;

    api_versions_response_init(&out);
    out.error_code = KAFKA_ERROR_UNSUPPORTED_VERSION;
    out.api_keys.items = &own;
    out.api_keys.count = 1;
    request_reply(request, &api_versions_response_layout, &out);
}
