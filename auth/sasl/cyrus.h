/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the cyrus-sasl library does for us: Kerberos, and passwords that saslauthd checks (PAM, LDAP
 * and what else it knows). The library is one for the whole process. Of its plugins only that of
 * GSSAPI is loaded, and no configuration file is read.
 *
 * Private to sasl/. Thread: cyrus_open() before others; the rest any, and all of it may block.
 */
#ifndef GYRE_SASL_CYRUS_H
#define GYRE_SASL_CYRUS_H

#include <stdbool.h>
#include <stddef.h>

#include "gyre/base/bytes.h"
#include "gyre/base/error.h"

struct cyrus_session;

/* A keytab, and the socket of saslauthd; NULL: the system's. Borrowed for ever. Again is fine. */
MUST_USE
enum error cyrus_open(const char *keytab, const char *saslauthd);

/* One client by GSSAPI, for the service's own principal service/host. */
MUST_USE
enum error cyrus_session_new(const char *service, const char *host,
                             struct cyrus_session **out_session);
void cyrus_session_free(struct cyrus_session *session); /* NULL is fine */

/* AGAIN: the answer goes to the client, who has more to say. NONE: cyrus_session_name() is proved.
 * The answer lives until the next step. */
MUST_USE
enum error cyrus_session_step(struct cyrus_session *session, struct string message,
                              struct string *out_answer);
/* "alice", "kafka/host"; "alice@OTHER" from another realm than the default one. */
const char *cyrus_session_name(const struct cyrus_session *session);
/* Why the last step failed, for our log. */
const char *cyrus_session_reason(const struct cyrus_session *session);

/* Does saslauthd say that this is the password? */
bool cyrus_is_password(const char *service, const char *user, const char *password);

#endif
