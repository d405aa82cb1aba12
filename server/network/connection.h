/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection is one client's socket: bytes into its pipeline, slices of its pipeline out, one
 * write a turn. This is the only place that joins bytes to sockets; on listeners with TLS
 * connection_tls.c stands between both and the pipeline.
 *
 * Thread: the shard's own. Private to network/.
 */
#ifndef GYRE_NETWORK_CONNECTION_H
#define GYRE_NETWORK_CONNECTION_H

#include <uv.h>

#include "network/output_queue.h"
#include "network/pipeline.h"

struct connection_tls;
struct listener;
struct network;

struct connection {
    uv_tcp_t tcp;
    uv_write_t write;
    struct network *network;
    const struct listener *listener;
    struct list link; /* of the network, longest silent first */
    struct connection_info info;
    struct pipeline pipeline;
    struct connection_tls *tls; /* owned; NULL: plaintext */
    uint64_t active_us;         /* the last byte in or out */
    struct timer session;       /* session_watch.h, as the next */
    uint64_t session_deadline_us;
    struct timer hold; /* connection_rate.h, as the next */
    bool is_refused;

    /* ---- what is to be sent, oldest first ---- */
    struct output_queue queue; /* ciphertext where there is TLS */
    bool is_writing;
    bool is_loading; /* the oldest is being brought to memory (file_output.h) */
    bool is_reading; /* the socket */

    /* ---- the end ---- */
    bool is_counted;     /* by its address, see network.c */
    bool is_revoked;     /* one more answer, and it is over (session_watch.h) */
    bool is_half_closed; /* the client sends nothing more, and may wait for answers */
    bool is_finishing;
    bool is_closing;
    bool is_socket_closed;
    bool is_drained;
};

/* Accepts from the listener's socket. On error there is no connection. */
void connection_accept(struct listener *listener);
/* The first bytes may come now. */
void connection_begin(struct connection *connection);

/* Drops it at once. */
void connection_close(struct connection *connection);

/* Answers what was asked, then closes. */
void connection_end(struct connection *connection);

/* ---- for connection_tls.c ---- */

/* The client sends nothing more. What it asked is answered: it may have closed its half only. */
void connection_input_ended(struct connection *connection);

/* The socket is read no further, and is read again. */
void connection_pause(struct connection *connection);
void connection_resume(struct connection *connection);

/* Sends it; takes the reference. */
void connection_queue(struct connection *connection, struct buffer_slice slice);

/* ---- for file_output.c ---- */

/* What the queue waits for is in memory, or cannot be had. */
void connection_loaded(struct connection *connection, bool is_whole);

/* Closes when all that is queued is sent. */
void connection_finish(struct connection *connection);

#endif
