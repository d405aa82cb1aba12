/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast connections may come (KIP-612). Beyond max.connection.creation.rate, the broker's or the
 * listener's, they begin later, by one quota window at most; beyond the quota of their address they
 * wait as long and are then closed, so that a client that dials in a loop is slowed down by its own
 * waiting.
 *
 * Thread: the shard's own. Private to network/.
 */
#ifndef GYRE_NETWORK_CONNECTION_RATE_H
#define GYRE_NETWORK_CONNECTION_RATE_H

#include <stdbool.h>

struct connection;
struct network;
struct quota_table;

void connection_rate_start(struct network *network, int per_second);
void connection_rate_set(struct quota_table *arrivals, int per_second);
void connection_rate_stop(struct network *network);

/* True: connection_begin() is called later, or connection_close(). */
bool connection_rate_holds(struct connection *connection);
/* The connection is gone. */
void connection_rate_forget(struct connection *connection);

#endif
