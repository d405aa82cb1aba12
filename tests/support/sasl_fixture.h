/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server of authentications without a catalog and without threads: two users, one delegation
 * token, and a pool that works when the loop turns.
 *
 *     alice  pencil      both hashes
 *     b=o,b  pa,ss=word  SHA-512 only
 *     token-1            stands for User:carol
 */
#ifndef GYRE_TESTS_SUPPORT_SASL_FIXTURE_H
#define GYRE_TESTS_SUPPORT_SASL_FIXTURE_H

#include "gyre/access/identity.h"
#include "gyre/config/config.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/work.h"
#include "gyre/sasl/sasl_exchange.h"
#include "gyre/sasl/sasl_service.h"

#include "support/fake_clock.h"

struct sasl_fixture {
    struct fake_clock clock;
    struct loop loop;
    struct work_pool pool;
    struct work *oldest; /* not begun */
    struct work *newest;
    struct broker_config *config;
    struct sasl_service *server;
    struct scram_credential credentials[3];
    bool has_users; /* false: nobody exists any more */
    bool has_token;
    struct scram_shape shape; /* of who does not exist; zeros: nobody's */
    char secret[33];          /* of the region; "" is none */
    /* Who is asked about users in place of the three; NULL: nobody. */
    bool (*find_scram)(void *context, struct string user, enum scram_mechanism mechanism,
                       struct scram_credential *out_credential);
    struct scram_shape (*choose_shape)(void *context, enum scram_mechanism mechanism,
                                       uint64_t number);
    void *find_context; /* of both */
    int64_t token_expires_ms;
    bool is_stale;

    /* ---- the newest step ---- */
    struct sasl_exchange *exchange;
    bool is_answered;
    enum sasl_state state;
    bool is_passing;
    char answer[20000];
    int32_t answer_length;
    char sentence[256];
    char reason[256];
    struct identity *identity;
};

/* `overrides`: further options, "key=value". */
void sasl_fixture_init(struct sasl_fixture *fixture, const char *const *overrides, int count);
void sasl_fixture_release(struct sasl_fixture *fixture);

/* Ends the one before. False: there is no such mechanism. */
bool sasl_fixture_begin(struct sasl_fixture *fixture, const char *mechanism);
/* One message; turns until it is answered. */
void sasl_fixture_step(struct sasl_fixture *fixture, struct string message);
/* The pool does what it was given first. False: nothing. */
bool sasl_fixture_work_one(struct sasl_fixture *fixture);
/* Until nothing is left to do. */
void sasl_fixture_turn(struct sasl_fixture *fixture);

/* A whole conversation as our own client has it: how the server saw its end. */
enum sasl_state sasl_fixture_login(struct sasl_fixture *fixture, const char *mechanism,
                                   const char *user, const char *password, bool is_token);

#endif
