/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS between a connection's socket and its pipeline.
 *
 *     socket -> connection_tls_received() -> pipeline
 *     pipeline -> `plain` -> connection_tls_refill() -> the connection's queue -> socket
 *
 * What is encrypted waits for the socket before more is, so that a slow client holds little
 * ciphertext. Handshakes cost a millisecond: in one turn of the loop only so many get a step, the
 * others wait in order; and they have ten seconds in all.
 *
 * Thread: the shard's own. Private to network/.
 */
#ifndef GYRE_NETWORK_CONNECTION_TLS_H
#define GYRE_NETWORK_CONNECTION_TLS_H

#include "gyre/base/list.h"
#include "gyre/runtime/loop.h"

#include "network/output_queue.h"

struct connection;
struct network;
struct network_tls;
struct tls_stream;

enum {
    HANDSHAKE_STEPS_PER_TURN = 8,
    HANDSHAKES_MAX = 2048, /* at a time; then the oldest gives way */
};

/* What the handshakes of a shard have in common. */
struct handshakes {
    struct list running; /* struct connection_tls, oldest first */
    struct list waiting; /* for a turn */
    int running_count;
    uint64_t turn_us; /* the turn in which `steps` were done */
    int steps;
    struct timer next_turn;
};

struct connection_tls {
    struct connection *connection;
    const struct network_tls *options; /* the listener's */
    struct tls_stream *stream;         /* owned; NULL before the first byte */
    struct list running;               /* handshakes.running, until it is done */
    struct list waiting;               /* handshakes.waiting */
    struct timer deadline;
    struct list certified;        /* certificate_watch.h, as the next */
    struct timer certificate_end; /* not initialised where there is no certificate */
    struct task resume;           /* reading goes on with bytes that are here */
    bool is_reading;              /* the pipeline takes bytes */
    bool is_parted;               /* goodbye was said */
    struct output_queue plain;
    size_t encrypted_bytes; /* plaintext of what is in the connection's queue */
};

void handshakes_init(struct handshakes *handshakes);

struct connection_tls *connection_tls_new(struct connection *connection,
                                          const struct network_tls *options);
void connection_tls_close(struct connection_tls *tls); /* stops everything */
void connection_tls_free(struct connection_tls *tls);

/* Bytes came from the socket. */
void connection_tls_received(struct connection_tls *tls, const char *bytes, size_t size);

/* The pipeline wants bytes, or does not. False: the socket is not to be read yet. */
bool connection_tls_set_reading(struct connection_tls *tls, bool is_reading);

/* Puts ciphertext into the connection's queue, which is empty. False: there is none. */
bool connection_tls_refill(struct connection_tls *tls);

#endif
