/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/auditing.h"

#include <stdio.h>

#include "gyre/access/identity.h"
#include "gyre/audit/audit.h"
#include "gyre/config/config.h"
#include "gyre/tls/tls_stream.h"
#include "gyre/wire/api.h"
#include "gyre/wire/kafka_error.h"
#include "gyre/wire/message.h"

#include "handlers/broker.h"
#include "handlers/request.h"

static struct audit *audit_of(const struct request *request)
{
    return request->broker == NULL ? NULL : request->broker->audit;
}

void auditing_fill(const struct connection_info *connection, struct audit_event *event)
{
    event->connection_id = connection->id;
    event->peer = string_from(connection->peer_host);
    event->principal = connection->identity->principal;
    if (connection->listener != NULL) {
        event->listener = string_from(connection->listener->name);
    }
    if (connection->tls != NULL) {
        event->tls_version = string_from(connection->tls->version);
        event->tls_cipher = string_from(connection->tls->cipher);
        event->tls_subject = string_from(connection->tls->peer_name);
    }
}

static struct audit_event event_of(const struct request *request, enum audit_kind kind)
{
    struct audit_event event = {.kind = kind, .client_id = request->client_id};

    auditing_fill(request->connection, &event);
    if (request->api != NULL) {
        event.api = string_from(request->api->name);
    }
    return event;
}

static void record_decision(const struct request *request, struct audit_event *event,
                            const struct string texts[4])
{
    event->operation = texts[0];
    event->resource_type = texts[1];
    event->resource = texts[2];
    event->rule = texts[3];
    audit_record(audit_of(request), event);
}

void auditing_refused(const struct request *request, struct string operation,
                      struct string resource_type, struct string resource, struct string rule)
{
    struct audit_event event;

    if (audit_of(request) != NULL) {
        event = event_of(request, AUDIT_REFUSAL);
        record_decision(request, &event,
                        (struct string[]){operation, resource_type, resource, rule});
    }
}

void auditing_allowed(const struct request *request, struct string operation,
                      struct string resource_type, struct string resource)
{
    struct audit_event event;

    if (audit_of(request) != NULL && audit_wants_access(audit_of(request))) {
        event = event_of(request, AUDIT_ACCESS);
        event.is_success = true;
        record_decision(request, &event,
                        (struct string[]){operation, resource_type, resource, STRING_NULL});
    }
}

void auditing_changed(const struct request *request, struct string detail, bool is_success,
                      struct string error)
{
    struct audit_event event;

    if (audit_of(request) != NULL) {
        event = event_of(request, AUDIT_CHANGE);
        event.detail = detail;
        event.is_success = is_success;
        event.error = error;
        audit_record(audit_of(request), &event);
    }
}

void auditing_changed_as(const struct request *request, const struct message_layout *layout,
                         const void *message, int16_t error)
{
    char text[AUDIT_TEXT_BYTES_MAX];
    size_t length;

    if (audit_of(request) == NULL) {
        return;
    }
    length = (size_t)snprintf(text, sizeof text, "%s ", layout->name);
    CHECK(length < sizeof text / 2);
    (void)message_print(layout, layout->version_max, message, text + length, sizeof text - length);
    auditing_changed(request, string_from(text), error == KAFKA_ERROR_NONE,
                     error == KAFKA_ERROR_NONE ? STRING_NULL
                                               : string_from(kafka_error_text(error)));
}

void auditing_authenticated(const struct request *request, struct string mechanism,
                            struct string principal, bool is_success, struct string error)
{
    struct audit_event event;

    if (audit_of(request) != NULL) {
        event = event_of(request, AUDIT_AUTHENTICATION);
        event.mechanism = mechanism;
        event.principal = principal;
        event.is_success = is_success;
        event.error = error;
        audit_record(audit_of(request), &event);
    }
}

void auditing_handshake(const struct broker *broker, const struct connection_info *connection,
                        bool is_success, struct string error)
{
    struct audit_event event = {
        .kind = AUDIT_AUTHENTICATION,
        .mechanism = STRING("SSL"),
        .is_success = is_success,
        .error = error,
    };

    if (broker != NULL && broker->audit != NULL) {
        auditing_fill(connection, &event);
        audit_record(broker->audit, &event);
    }
}

bool auditing_forbids_changes(const struct request *request)
{
    return audit_of(request) != NULL && request->broker->config->gyre_audit_required &&
           audit_is_behind(audit_of(request));
}

struct string auditing_why_forbidden(void)
{
    return STRING("The audit cannot be written; nothing is changed until it can.");
}
