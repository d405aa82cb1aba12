/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conversation in which a connection says who it is: SaslHandshake chooses the mechanism,
 * SaslAuthenticate (or, after version 0, bare tokens) carries its messages, and at the end the
 * connection is somebody.
 *
 *     none --handshake--> under way --last message--> none, authenticated
 *                             └--refused, after a while--> closed
 *
 * An authenticated connection may go through it again to lengthen its session, as the same
 * principal with the same mechanism (KIP-368).
 *
 * Ownership: of the connection_info. Thread: the shard's own.
 */
#ifndef GYRE_HANDLERS_AUTHENTICATION_H
#define GYRE_HANDLERS_AUTHENTICATION_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/base/bytes.h"

struct authentication;
struct connection_info;
struct request;
struct sasl_exchange;

/* How a message was received, in which manner it is answered. */
struct authentication_answer {
    bool is_refused;
    struct string sentence; /* why, for the client */
    struct string bytes;    /* borrowed for the call */
    int64_t session_lifetime_ms;
};
typedef void (*authentication_answered)(struct request *request,
                                        const struct authentication_answer *answer);

/* May the connection begin now? Not while it is under way, nor where the listener has no SASL. */
bool authentication_may_begin(const struct connection_info *connection, uint64_t now_us);

/* Takes the exchange. `is_bare`: tokens without SaslAuthenticate follow. */
void authentication_begin(struct connection_info *connection, struct sasl_exchange *exchange,
                          bool is_bare, uint64_t now_us);
bool authentication_is_under_way(const struct connection_info *connection);

/*
 * The client's next message, while it is under way; parks the request. answered() comes once,
 * later, a while later if refused; it must end the request, which is the last one if refused.
 */
void authentication_step(struct request *request, struct string message,
                         authentication_answered answered);

/* refused() after the time that a failed authentication costs; it must end the request. */
void authentication_delay(struct request *request, void (*refused)(struct request *request));

void authentication_free(struct authentication *authentication); /* NULL is fine */

#endif
