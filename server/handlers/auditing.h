/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests as events of the audit (gyre/audit/audit.h): who asks and from where is filled in here.
 * Without an audit (gyre.audit.file not given) all of it does nothing. Thread: the shard's own.
 */
#ifndef GYRE_HANDLERS_AUDITING_H
#define GYRE_HANDLERS_AUDITING_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/base/bytes.h"

struct audit_event;
struct broker;
struct connection_info;
struct message_layout;
struct request;

/* The connection's part of an event: address, listener, principal. */
void auditing_fill(const struct connection_info *connection, struct audit_event *event);

/* It may not. `rule` is what decided; null: nothing allowed it. */
void auditing_refused(const struct request *request, struct string operation,
                      struct string resource_type, struct string resource, struct string rule);

/* It may, and does. Written for a sample only. */
void auditing_allowed(const struct request *request, struct string operation,
                      struct string resource_type, struct string resource);

/* A change was made, or could not be. `detail` says which, without secrets. */
void auditing_changed(const struct request *request, struct string detail, bool is_success,
                      struct string error);
/* The same of what is no command of the catalog: `message` says which, as a request for this change
 * alone would; `error`, Kafka's, how it went. */
void auditing_changed_as(const struct request *request, const struct message_layout *layout,
                         const void *message, int16_t error);

/* Somebody proved who he is, or did not; `principal` is who he said he was. */
void auditing_authenticated(const struct request *request, struct string mechanism,
                            struct string principal, bool is_success, struct string error);

/* A client's certificate named its principal, or its handshake failed. */
void auditing_handshake(const struct broker *broker, const struct connection_info *connection,
                        bool is_success, struct string error);

/* Must administration be refused, because it could not be audited (gyre.audit.required)? Then with
 * POLICY_VIOLATION, and this where the answer has room for words. Whoever changes something asks.
 */
bool auditing_forbids_changes(const struct request *request);
struct string auditing_why_forbidden(void);

#endif
