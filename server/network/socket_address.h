/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of listening sockets. Thread: the shard's own, before the loop runs. */
#ifndef GYRE_NETWORK_SOCKET_ADDRESS_H
#define GYRE_NETWORK_SOCKET_ADDRESS_H

#include <uv.h>

#include "gyre/config/config.h"

/* Binds to the endpoint; an empty host is every address. Resolves names, so it may block.
 * libuv's error number. */
int socket_address_bind(uv_tcp_t *tcp, const struct config_endpoint *endpoint);

/* The port that the socket is bound to. */
uint16_t socket_address_port(const uv_tcp_t *tcp);

#endif
