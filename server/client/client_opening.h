/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way from an idle connection to one that greets: resolve the name, try its addresses in turn,
 * begin TLS where it is wanted. Thread: the client's.
 */
#ifndef GYRE_CLIENT_CLIENT_OPENING_H
#define GYRE_CLIENT_CLIENT_OPENING_H

#include "client/client_connection.h"

/* Of an idle connection. */
void client_opening_begin(struct client_connection *connection);

/* Closes what `state`, the one before CLOSING, had open; then the connection is idle. */
void client_opening_end(struct client_connection *connection, enum client_connection_state state);

/* Keeps "host:port event: why" for client_trouble(); `status` is libuv's, 0: there is none. */
void client_opening_tell(struct client_connection *connection, const char *event, int status);

#endif
