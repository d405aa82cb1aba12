/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the commands on users, rules, quotas and streams have in common: one session for the whole
 * command, and questions that any broker takes and hands on to the region's controller.
 */
#ifndef GYRE_OPS_ADMIN_H
#define GYRE_OPS_ADMIN_H

#include "connect_options.h"
#include "session.h"

/* The first error code of an answer; 0: it has none. */
typedef int16_t (*admin_code_of)(const void *response);

/*
 * session_ask(), again for as long as the region has no controller: STATUS_TIMEOUT and a sentence
 * where it does not get one in time. Release the call after it.
 */
enum exit_status admin_ask(struct session *session, struct client_call *call,
                           admin_code_of code_of);

/* Work with a session to the cluster of `connect`; closed again afterwards. */
typedef enum exit_status (*admin_work)(struct session *session, void *context);
enum exit_status admin_run(const struct connect_arguments *connect, admin_work work, void *context);

/* The worse of two, for commands that go on after a refusal: a denial beats other failures. */
enum exit_status admin_worse(enum exit_status one, enum exit_status other);

#endif
