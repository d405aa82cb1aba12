/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network is how Kafka clients reach this shard: its listeners, their connections and the
 * limits that all of them share. Requests go to the table of handlers.
 *
 * Thread: the shard's own.
 */
#ifndef GYRE_NETWORK_NETWORK_H
#define GYRE_NETWORK_NETWORK_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "gyre/base/bytes.h"
#include "gyre/base/error.h"
#include "gyre/config/config.h"

struct broker;
struct handler_table;
struct identity;
struct loop;
struct metrics;
struct network;
struct principal_rules;
struct tls_source;

/* Everything is borrowed until the network is closed. */
struct network_options {
    uv_loop_t *uv;
    struct loop *loop;
    struct broker *broker;
    const struct handler_table *table; /* dispatch_table() */
    struct metrics *metrics;
    int32_t frame_bytes_max;    /* socket.request.max.bytes */
    int requests_max;           /* queued.max.requests, of one connection */
    int64_t request_memory_max; /* queued.max.request.bytes; -1: 256 MiB */
    int64_t idle_max_ms;        /* connections.max.idle.ms; -1: never */
    int connections_max;        /* max.connections */
    int connections_per_ip_max; /* max.connections.per.ip */
    int connection_rate_max;    /* max.connection.creation.rate, a second; INT32_MAX: no limit */
    int send_buffer_bytes;      /* -1: the system's choice */
    int receive_buffer_bytes;   /* -1: the system's choice */
    int backlog;
    /* Is this still a valid identity (see network_recheck_identities())? NULL: each is. */
    bool (*is_valid_identity)(void *context, const struct identity *identity);
    void *identity_context;
};

/* From the broker's configuration; uv, loop, broker, table and metrics are left to the caller. */
void network_options_init(struct network_options *options, const struct broker_config *config);

struct network *network_new(const struct network_options *options);

/* Of a listener with TLS. Both borrowed until the network is closed. */
struct network_tls {
    struct tls_source *source;
    struct principal_rules *rules; /* of names in certificates, where there is no SASL */
};

/*
 * Opens one listener; `tls` is borrowed, NULL: plaintext. `out_port` is where it listens, also
 * where the configuration said 0. On failure `message` (>= 256 bytes) has a sentence for the
 * operator. May resolve a name: only before the loop runs.
 */
MUST_USE
enum error network_listen(struct network *network, const struct config_listener *listener,
                          const struct network_tls *tls, char *message, uint16_t *out_port);

/* From the next connection on; open ones stay. */
void network_set_connection_limits(struct network *network, int connections_max,
                                   int connections_per_ip_max, int connection_rate_max);

/* The same for the listener that was opened as the index-th, which may not be open yet; INT32_MAX:
 * no limit. */
void network_set_listener_limits(struct network *network, int index, int connections_max,
                                 int connection_rate_max);
/* max.connections.per.ip.overrides, which was checked; they count in place of
 * max.connections.per.ip. */
void network_set_address_limits(struct network *network, struct string overrides);

/* No new connections; each open one is closed when what it asked is answered. */
void network_drain(struct network *network);
int network_connection_count(const struct network *network);

/* Credentials changed: soon, in a turn of its own, every connection is asked about again, and
 * those are closed whose identity is not valid any more. Cheap to call for each change. */
void network_recheck_identities(struct network *network);

/* Closes everything; closed(context) when the last request has ended, never before this returns.
 * The network is freed then. */
void network_close(struct network *network, void (*closed)(void *context), void *context);

#endif
