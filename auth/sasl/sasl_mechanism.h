/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a mechanism is to the rest: a line in the table of sasl_service.c. Its exchange begins with
 * a struct sasl_exchange; step() ends in exactly one of sasl_mechanism_more(), _succeed(), _fail(),
 * _work() or _compute(), and done() of the work likewise.
 *
 * Private to sasl/. Thread: the shard's own, but for run() of the work.
 */
#ifndef GYRE_SASL_SASL_MECHANISM_H
#define GYRE_SASL_SASL_MECHANISM_H

#include <openssl/crypto.h>
#include <stddef.h>

#include "gyre/access/identity.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/work.h"
#include "gyre/sasl/sasl_exchange.h"

enum {
    SASL_MESSAGE_BYTES_MAX = 64 * 1024,
    SASL_USER_BYTES_MAX = 512,
    SASL_SENTENCE_BYTES = 256,
};

struct sasl_mechanism {
    const char *name;
    struct sasl_exchange *(*begin)(struct sasl_service *service);
    void (*step)(struct sasl_exchange *exchange, struct string message);
    void (*release)(struct sasl_exchange *exchange); /* all but the memory of the struct */
    size_t bytes;                                    /* of its exchange: cleansed when freed */
    /* NULL: always. Can it be offered, with this configuration? */
    bool (*is_possible)(const struct sasl_service *service);
    /* What the client hears of invalid credentials; NULL: Kafka's sentence with the name in it. */
    const char *refusal;
};

struct sasl_exchange {
    struct sasl_service *service;
    const struct sasl_mechanism *mechanism;
    uint64_t address; /* a hash of where the client is, see suspects.h */

    /* ---- the step under way ---- */
    sasl_stepped stepped; /* NULL: none is */
    void *context;
    struct task tell;
    struct work work;
    void (*work_done)(struct sasl_exchange *exchange);
    struct sasl_lane *lane;   /* of the work */
    struct list waiting_link; /* in it */
    bool is_working;          /* on the pool: memory must stay */
    bool is_abandoned;        /* freed while it worked */

    /* ---- how it ended ---- */
    enum sasl_state state;
    bool is_passing;
    char *answer; /* owned */
    int32_t answer_length;
    struct identity *identity; /* a reference until it is told */
    const char *reason;
    char sentence[SASL_SENTENCE_BYTES];
};

/* The answer is copied. */
void sasl_mechanism_more(struct sasl_exchange *exchange, struct string answer);
/* INVALID names fail, and so does what was proved of a credential or token that has changed or gone
 * since the exchange looked it up. */
void sasl_mechanism_succeed(struct sasl_exchange *exchange, struct string answer,
                            const struct identity_options *options);
/* `reason`, static, is for the log; the client hears of invalid credentials. */
void sasl_mechanism_fail(struct sasl_exchange *exchange, const char *reason);
/* The client hears this sentence, which is copied. */
void sasl_mechanism_fail_saying(struct sasl_exchange *exchange, const char *reason,
                                const char *sentence);

/* We cannot judge now; `reason` is static. */
void sasl_mechanism_give_up(struct sasl_exchange *exchange, const char *reason);

/* run() on the pool with exchange->work, then done() here unless the exchange was freed. */
void sasl_mechanism_work(struct sasl_exchange *exchange, void (*run)(struct work *work),
                         void (*done)(struct sasl_exchange *exchange));

/* The same for what takes the processor and waits for nobody: strangers can ask for as much of it
 * as they like, so that for those who failed often lately it is done in spare time. */
void sasl_mechanism_compute(struct sasl_exchange *exchange, void (*run)(struct work *work),
                            void (*done)(struct sasl_exchange *exchange));

extern const struct sasl_mechanism sasl_scram_sha_256;
extern const struct sasl_mechanism sasl_scram_sha_512;
extern const struct sasl_mechanism sasl_plain;
extern const struct sasl_mechanism sasl_oauthbearer;
extern const struct sasl_mechanism sasl_gssapi;

#endif
