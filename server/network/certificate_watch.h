/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates of connected clients, over time: whoever came in by one goes when it ends, and when
 * what a listener trusts has changed and does not include it any more (another authority, a list
 * with its number). A timer each; after a change of trust, a few are asked about in each turn.
 *
 * Thread: the shard's own. Private to network/.
 */
#ifndef GYRE_NETWORK_CERTIFICATE_WATCH_H
#define GYRE_NETWORK_CERTIFICATE_WATCH_H

#include "gyre/runtime/loop.h"

struct connection_tls;
struct listener;
struct network;

enum { CERTIFICATE_CHECKS_PER_TURN = 16 }; /* about a tenth of a millisecond each */

/* The connections of a shard that showed a certificate. */
struct certificate_watch {
    struct list checked; /* struct connection_tls */
    struct list waiting; /* trust changed since they were checked */
    struct timer next_turn;
};

void certificate_watch_start(struct network *network);
void certificate_watch_stop(struct network *network);

/* Of a listener with TLS. */
void certificate_watch_listener(struct listener *listener);
void certificate_watch_forget_listener(struct listener *listener);

/* Its handshake is done. */
void certificate_watch_add(struct connection_tls *tls);
void certificate_watch_forget(struct connection_tls *tls);

#endif
