/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a connection is, over time: it must say so soon after it came, say so again before its
 * session ends, and goes when its credential does.
 *
 * Thread: the shard's own. Private to network/.
 */
#ifndef GYRE_NETWORK_SESSION_WATCH_H
#define GYRE_NETWORK_SESSION_WATCH_H

#include "gyre/observe/metrics.h"

struct connection;
struct task;

/* Looks at who the connection is now and sets its timer; cheap where nothing changed. */
void session_watch(struct connection *connection);
void session_watch_stop(struct connection *connection);

/* Closes it at once; the log says why, and the metric counts it. */
void session_watch_end(struct connection *connection, const char *why, enum metric metric);

/* network_recheck_identities() at work. */
void session_watch_recheck(struct task *task);

#endif
