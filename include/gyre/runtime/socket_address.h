/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a socket listens: for clients, for brokers and for operators alike. Names are resolved, so
 * all of it is for the time before the loop runs. Thread: the loop's own.
 */
#ifndef GYRE_RUNTIME_SOCKET_ADDRESS_H
#define GYRE_RUNTIME_SOCKET_ADDRESS_H

#include <stdint.h>
#include <uv.h>

/* Binds to a name or an address, the first of a name's that can be; an empty host is every address,
 * and port 0 a free one. libuv's error number. */
int socket_address_bind(uv_tcp_t *tcp, const char *host, uint16_t port);

/* The port that the socket is bound to. */
uint16_t socket_address_port(const uv_tcp_t *tcp);

#endif
