/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a new connection says between its greeting and its first call: SaslHandshake, then as many
 * SaslAuthenticate as the mechanism takes. Private to client/. Thread: the client's.
 */
#ifndef GYRE_CLIENT_CLIENT_SASL_H
#define GYRE_CLIENT_CLIENT_SASL_H

#include "gyre/base/error.h"

struct client;
struct client_connection;
struct reader;

/* Copies the credentials of client->options, and points these to the copies. */
void client_sasl_keep(struct client *client);
void client_sasl_forget(struct client *client);

/* The connection's state is AUTHENTICATING from now on, or READY where there are no credentials. */
MUST_USE
enum error client_sasl_begin(struct client_connection *connection);
/* The broker's answer, behind its header. */
MUST_USE
enum error client_sasl_take(struct client_connection *connection, struct reader *reader);
/* The connection is gone, or authenticated. */
void client_sasl_end(struct client_connection *connection);

#endif
