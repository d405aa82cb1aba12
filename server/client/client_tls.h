/* SPDX-License-Identifier: Apache-2.0 */
/* TLS between a connection and its socket, where client_options.tls wants it. Thread: the client's.
 */
#ifndef GYRE_CLIENT_CLIENT_TLS_H
#define GYRE_CLIENT_CLIENT_TLS_H

#include <uv.h>

#include "gyre/base/error.h"
#include "gyre/wire/frame.h"

struct client;
struct client_connection;

/* Says hello; the connection greets when the handshake is done. */
MUST_USE
enum error client_tls_begin(struct client_connection *connection);
void client_tls_end(struct client_connection *connection); /* fine without a beginning */

/* Where ciphertext is read to. */
uv_buf_t client_tls_input(struct client *client);

/* UNAUTHENTICATED: one side does not accept the other; client_refusal() says why. */
MUST_USE
enum error client_tls_received(struct client_connection *connection, const char *bytes,
                               size_t length);

/* Puts ciphertext in the place of what is in `output`. */
MUST_USE
enum error client_tls_encrypt(struct client_connection *connection, struct frame_output *output);

#endif
