/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One TCP connection to one broker, opened when the first call wants it. It asks for the broker's
 * versions first; then calls go out in order and their answers come back in that order.
 *
 *     IDLE -> RESOLVING -> CONNECTING -> [SECURING ->] GREETING -> AUTHENTICATING -> READY
 *      ^                        | any failure, in any state
 *      +------ CLOSING <--------+
 *
 * Thread: the client's.
 */
#ifndef GYRE_CLIENT_CLIENT_CONNECTION_H
#define GYRE_CLIENT_CLIENT_CONNECTION_H

#include <stdbool.h>
#include <uv.h>

#include "gyre/base/error.h"
#include "gyre/base/list.h"
#include "gyre/wire/frame.h"

struct client;
struct client_call;
struct sasl_login;
struct tls_stream;

enum {
    CLIENT_API_KEYS = 128, /* keys beyond are not ours to ask, */
    GYRE_API_FIRST = 1000, /* but for these: Gyre's own */
    CLIENT_HOST_BYTES = 256,
};

enum client_connection_state {
    CLIENT_CONNECTION_IDLE,
    CLIENT_CONNECTION_RESOLVING,
    CLIENT_CONNECTION_CONNECTING,
    CLIENT_CONNECTION_SECURING,
    CLIENT_CONNECTION_GREETING,
    CLIENT_CONNECTION_AUTHENTICATING,
    CLIENT_CONNECTION_READY,
    CLIENT_CONNECTION_CLOSING,
};

struct client_connection {
    struct list link;      /* in the client's list */
    struct client *client; /* owns us */
    enum client_connection_state state;
    char host[CLIENT_HOST_BYTES];
    int32_t port;

    /* calls: not sent yet, sent and not answered; each in order */
    struct list waiting;
    struct list in_flight;
    int32_t next_correlation_id;
    int32_t asked_id; /* of the greeting, and of what authenticates us */
    int16_t asked_api;
    int16_t asked_version;
    bool has_answered;       /* a call, since it was connected */
    struct sasl_login *sasl; /* owned; while authenticating */
    struct tls_stream *tls;  /* owned; NULL: plaintext, or not connected */

    /* what the broker understands; max -1: the key is unknown there */
    int16_t version_min[CLIENT_API_KEYS];
    int16_t version_max[CLIENT_API_KEYS];

    /* the frame that is being read */
    char prefix[FRAME_PREFIX_BYTES];
    size_t prefix_length;
    struct buffer *frame; /* owned; NULL while the prefix is read */
    size_t frame_length;

    struct addrinfo *addresses; /* owned; while connecting */
    struct addrinfo *next_address;

    uv_tcp_t tcp;
    uv_getaddrinfo_t lookup;
    uv_connect_t connect;
};

struct client_connection *client_connection_new(struct client *client, const char *host,
                                                int32_t port);
void client_connection_free(struct client_connection *connection); /* idle only */

/* The call's outcome comes through client_finish(). */
void client_connection_send(struct client_connection *connection, struct client_call *call);

/* A question of the connection's own, before it is ready. */
MUST_USE
enum error client_connection_ask(struct client_connection *connection, int16_t api_key,
                                 int16_t version, const void *request);

/* ---- for client_opening.c ---- */

/* Reads what the broker says from now on. */
MUST_USE
enum error client_connection_listen(struct client_connection *connection);

/* Its handles are closed: opens anew for calls that wait. */
void client_connection_idle(struct client_connection *connection);

/* ---- for client_tls.c ---- */

/* Where the next bytes of frames go, and that they came. */
uv_buf_t client_connection_room(struct client_connection *connection);
MUST_USE
enum error client_connection_take(struct client_connection *connection, size_t length);
/* Bytes as they are to the socket. Takes `output`. */
MUST_USE
enum error client_connection_write(struct client_connection *connection,
                                   struct frame_output *output);
/* Asks for the broker's versions. */
void client_connection_greet(struct client_connection *connection);

/* Calls may go out. */
void client_connection_ready(struct client_connection *connection);

/* Ends all calls with this error. Calls that come later open it again. */
void client_connection_fail(struct client_connection *connection, enum error error);

#endif
