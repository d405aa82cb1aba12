/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One client on its way to an identity: messages in, answers out, no sockets.
 *
 *     sasl_exchange_new() -> step -> MORE -> step -> ... -> DONE or FAILED -> free
 *
 * What is slow runs on the work pool; an exchange may be freed at any time, also while it works.
 *
 * Thread: the shard's own.
 */
#ifndef GYRE_SASL_SASL_EXCHANGE_H
#define GYRE_SASL_SASL_EXCHANGE_H

#include <stdbool.h>

#include "gyre/base/bytes.h"
#include "gyre/sasl/sasl_service.h"

struct identity;
struct sasl_exchange;

enum sasl_state {
    SASL_MORE, /* the client's next message is awaited */
    SASL_DONE,
    SASL_FAILED,
};

struct sasl_result {
    enum sasl_state state;
    struct string answer;      /* for the client; borrowed for the call */
    struct identity *identity; /* when DONE: one reference for the receiver */
    const char *sentence;      /* when FAILED, for the client; reveals nothing of who exists */
    const char *reason;        /* when FAILED, for our log */
    /* When FAILED: nothing was judged, another broker or a later moment may do better. Clients take
     * a refusal for the last word: close the connection instead. */
    bool is_passing;
};
typedef void (*sasl_stepped)(void *context, const struct sasl_result *result);

/* NULL: the listener offers no such mechanism. */
struct sasl_exchange *sasl_exchange_new(struct sasl_service *service, const char *listener,
                                        struct string mechanism);
void sasl_exchange_free(struct sasl_exchange *exchange); /* NULL is fine */

/* Where the client is: addresses that fail often come after the others. Before the first step. */
void sasl_exchange_set_peer(struct sasl_exchange *exchange, const char *host);

/* "SCRAM-SHA-256"; static. */
const char *sasl_exchange_mechanism(const struct sasl_exchange *exchange);

/*
 * The client's next message, which is copied. stepped() comes once, never within the call, and
 * not after the exchange was freed. Only after MORE, or first.
 */
void sasl_exchange_step(struct sasl_exchange *exchange, struct string message, sasl_stepped stepped,
                        void *context);

#endif
