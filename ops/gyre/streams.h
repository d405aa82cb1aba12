/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking a region for its streams and for the groups that their policies name, and changing them.
 * These questions are Gyre's own: other Kafka brokers do not know them.
 */
#ifndef GYRE_OPS_STREAMS_H
#define GYRE_OPS_STREAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "session.h"

struct alter_role_request;
struct alter_stream_request;
struct describe_roles_response;
struct describe_streams_response;
struct describe_streams_response_streams;
struct string_array;

/* Of one name, or all (NULL). Those who may not see a stream are told so in its own error code.
 * Release the call. */
enum exit_status streams_fetch(struct session *session, const char *name, struct client_call *call,
                               const struct describe_streams_response **out_response);

/* The one stream, or NULL: there is none. What else is wrong was said. */
enum exit_status streams_find(struct session *session, const char *name, struct client_call *call,
                              const struct describe_streams_response_streams **out_stream);

enum exit_status streams_change(struct session *session, struct alter_stream_request *request);
enum exit_status streams_delete(struct session *session, const char *name);

/* Groups and roles: "g:ads", "r:auditors"; all with NULL. Release the call. */
enum exit_status roles_fetch(struct session *session, const char *name, struct client_call *call,
                             const struct describe_roles_response **out_response);
/* Who is in one; nobody is where there is none. Release the call. */
enum exit_status roles_members(struct session *session, const char *name, struct client_call *call,
                               const struct string_array **out_members);
enum exit_status roles_change(struct session *session, const struct alter_role_request *request);

#endif
