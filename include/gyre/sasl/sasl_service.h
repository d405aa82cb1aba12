/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all authentications of a broker have in common: the mechanisms that are enabled, where
 * credentials are looked up, the keys of those who sign tokens, and the limits on slow work.
 *
 * Thread: the shard's own.
 */
#ifndef GYRE_SASL_SASL_SERVICE_H
#define GYRE_SASL_SASL_SERVICE_H

#include <stdbool.h>

#include "gyre/base/bytes.h"
#include "gyre/sasl/credential.h"

struct broker_config;
struct identity;
struct loop;
struct sasl_service;
struct work_pool;

enum { SASL_MECHANISMS_MAX = 8 };

/* What the region knows of users and tokens. Called on the loop; false: there is none. */
struct sasl_credentials {
    /* Where there is none `out_credential` may be filled all the same: both take the same time. */
    bool (*find_scram)(void *context, struct string user, enum scram_mechanism mechanism,
                       struct scram_credential *out_credential);
    /* The token's text is borrowed until the end of the loop's turn. */
    /* How a user of the mechanism may look, by a number: who does not exist looks so. Zeros: there
     * are none. NULL: never any. */
    struct scram_shape (*choose_shape)(void *context, enum scram_mechanism mechanism,
                                       uint64_t number);
    bool (*find_token)(void *context, struct string id, struct delegation_token *out_token);
    /* False: what is known may be out of date by too much, nobody new is let in. NULL: never. */
    bool (*is_fresh)(void *context);
    /* Known to all brokers of the region and to no client; empty while there is none. NULL: none.
     */
    struct bytes (*get_secret)(void *context);
    void *context;
};

/* All of it is borrowed and outlives the service. */
struct sasl_service_options {
    struct loop *loop;
    struct work_pool *pool;
    /* For what costs time, asked for from addresses that failed often lately. NULL: `pool`. */
    struct work_pool *spare_pool;
    const struct broker_config *config;
    struct sasl_credentials credentials;
};

/* INVALID: an option cannot be used; `message` (>= 256 bytes) says which and why. */
MUST_USE
enum error sasl_service_new(const struct sasl_service_options *options, char *message,
                            struct sasl_service **out_server);
/* Would the mechanisms and rules of this configuration be taken? As above; reads no file. */
MUST_USE
enum error sasl_service_check(const struct broker_config *config, char *message);
/* Nothing new is loaded from now on; before the loop ends. */
void sasl_service_stop(struct sasl_service *service);
/* After the work pool has ended, and every exchange is freed. */
void sasl_service_free(struct sasl_service *service);

/* Names of the mechanisms that a listener offers, static, by its sasl.enabled.mechanisms. */
int sasl_service_mechanisms(const struct sasl_service *service, const char *listener,
                            const char *out_names[SASL_MECHANISMS_MAX]);

/* Is what this identity once proved still so? False: its credential or token changed or went. */
bool sasl_service_is_valid(const struct sasl_service *service, const struct identity *identity);

#endif
