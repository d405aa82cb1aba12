/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection is one client's socket: bytes into its pipeline, slices of its pipeline out, one
 * write a turn. This is the only place that joins bytes to sockets; TLS will stand between
 * on_read() and pipeline_received(), and between connection_send() and write_some().
 *
 * Thread: the shard's own. Private to network/.
 */
#ifndef GYRE_NETWORK_CONNECTION_H
#define GYRE_NETWORK_CONNECTION_H

#include <uv.h>

#include "network/pipeline.h"

struct listener;
struct network;

struct connection {
    uv_tcp_t tcp;
    uv_write_t write;
    struct network *network;
    struct list link; /* of the network, longest silent first */
    struct connection_info info;
    struct pipeline pipeline;
    uint64_t active_us;   /* the last byte in or out */
    struct timer session; /* session_watch.h, as the next */
    uint64_t session_deadline_us;

    /* ---- what is to be sent, oldest first ---- */
    struct buffer_slice *queue; /* owned */
    size_t queue_first;
    size_t queue_end;
    size_t queue_capacity;
    bool is_writing;

    /* ---- the end ---- */
    bool is_counted; /* by its address, see network.c */
    bool is_finishing;
    bool is_closing;
    bool is_socket_closed;
    bool is_drained;
};

/* Accepts from the listener's socket. On error there is no connection. */
void connection_accept(struct network *network, uv_stream_t *server,
                       const struct listener_info *listener);

/* Drops it at once. */
void connection_close(struct connection *connection);

/* Answers what was asked, then closes. */
void connection_end(struct connection *connection);

#endif
