/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who asks, and where they came in: what handlers know of a connection.
 *
 * Ownership: of network/connection.c, and of forward.c for requests of other brokers; it lives as
 * long as any request of the connection. Thread: the shard's own.
 */
#ifndef GYRE_HANDLERS_CONNECTION_INFO_H
#define GYRE_HANDLERS_CONNECTION_INFO_H

#include <stdbool.h>
#include <stdint.h>

struct authentication;
struct identity;
struct tls_facts;

enum {
    CONNECTION_PEER_BYTES_MAX = 64,
    CONNECTION_SOFTWARE_BYTES_MAX = 64,
};

/* Where a client came in, and what it is told to come back to. */
struct listener_info {
    const char *name; /* "PLAINTEXT"; Metadata shows each broker's endpoint of this name */
    int index;
    int16_t security_protocol; /* 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL */
    const char *advertised_host;
    uint16_t advertised_port;
};

struct connection_info {
    uint64_t id;
    const struct listener_info *listener;
    char peer_host[CONNECTION_PEER_BYTES_MAX]; /* "127.0.0.1" */
    uint16_t peer_port;
    char software_name[CONNECTION_SOFTWARE_BYTES_MAX]; /* told by ApiVersions; "" before */
    char software_version[CONNECTION_SOFTWARE_BYTES_MAX];

    const struct tls_facts *tls; /* gyre/tls/tls_stream.h; NULL: plaintext, or not yet */

    /* ---- who it is ---- */
    struct identity *identity; /* shared; anonymous until somebody else is proved */
    /* False: only what HANDLER_BEFORE_AUTHENTICATION allows is started, frames are small. */
    bool is_authenticated;
    uint64_t session_ends_us; /* monotonic; 0: never. Later only authenticating again is allowed */
    struct authentication *authentication; /* owned; NULL: never begun */
    bool takes_ranges;  /* its answers may hold file ranges (gyre/runtime/file_range.h) */
    bool expects_token; /* after SaslHandshake v0: the next frame is a SASL token, no more */
};

/* `listener` is borrowed. On listeners with SASL the connection is not authenticated yet. */
void connection_info_init(struct connection_info *info, const struct listener_info *listener);
void connection_info_release(struct connection_info *info);

/* Takes the reference. From now on the connection is `identity`. */
void connection_info_identify(struct connection_info *info, struct identity *identity,
                              uint64_t session_ends_us);

#endif
