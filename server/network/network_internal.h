/* SPDX-License-Identifier: Apache-2.0 */
/* What network.c, listener.c and connection.c know of each other. Thread: the shard's own. */
#ifndef GYRE_NETWORK_NETWORK_INTERNAL_H
#define GYRE_NETWORK_NETWORK_INTERNAL_H

#include "gyre/base/map.h"

#include "network/certificate_watch.h"
#include "network/connection.h"
#include "network/connection_tls.h"
#include "network/network.h"

struct listener {
    uv_tcp_t tcp;
    struct network *network;
    struct listener_info info;
    const struct network_tls *tls; /* NULL: plaintext */
    char name[CONFIG_NAME_BYTES_MAX];
    char advertised_host[CONFIG_HOST_BYTES_MAX];
    bool is_full; /* a connection, and those behind it, wait until there is room */
    bool is_closed;
};

/* What one listener may have, whether it is open yet or not. */
struct listener_limits {
    int connections_max;
    int connection_count;
    struct quota_table *arrivals; /* owned; connection_rate.h */
};

/* max.connections.per.ip.overrides */
struct address_limit {
    char host[CONFIG_ADDRESS_BYTES_MAX];
    int connections_max;
};

struct network {
    struct network_options options;
    struct listener_limits listener_limits[CONFIG_LISTENERS_MAX]; /* by the listener's index */
    struct address_limit *address_limits;                         /* owned */
    int address_limit_count;
    struct pipeline_shared shared;
    struct listener *listeners[CONFIG_LISTENERS_MAX]; /* owned */
    int listener_count;
    int listeners_open;
    struct list connections; /* longest silent first */
    int connection_count;
    uint64_t next_connection_id;
    struct map addresses; /* struct address_count */
    struct timer sweep;
    struct quota_table *arrivals; /* connection_rate.h */
    struct handshakes handshakes;
    struct certificate_watch certificates;
    char *tls_input;     /* owned; where ciphertext is read to, one connection after the other */
    char *file_piece;    /* owned; what goes from a file to a socket through memory */
    struct task recheck; /* of identities */
    struct task room;    /* for connections that wait */

    /* ---- the end ---- */
    bool is_draining;
    bool is_closing;
    struct task finish;
    void (*closed)(void *context);
    void *closed_context;
};

/*
 * False: max.connections, the broker's or the listener's, is reached; the connection is not to be
 * accepted now. It is as soon as another ends or the limit is raised (KIP-402: they wait).
 */
bool network_has_room(struct network *network, struct listener *listener);

/* Counts the connection, by its address too. False: its address has too many; close it. */
bool network_admits(struct network *network, struct connection *connection);
void network_forget_connection(struct network *network, struct connection *connection);
void network_check_closed(struct network *network);

uv_buf_t network_tls_input(struct network *network);
char *network_file_piece(struct network *network); /* FILE_PIECE_BYTES */

/* No further connections. */
void listener_close(struct listener *listener);

#endif
