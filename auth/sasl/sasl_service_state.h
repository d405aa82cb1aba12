/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of sasl/ know of the service. Private to sasl/. Thread: the shard's own. */
#ifndef GYRE_SASL_SASL_SERVICE_STATE_H
#define GYRE_SASL_SASL_SERVICE_STATE_H

#include "gyre/base/list.h"
#include "gyre/sasl/sasl_service.h"

#include "keyed_hash.h"
#include "suspects.h"

struct jwks_source;
struct kerberos_rules;
struct sasl_mechanism;

enum {
    SASL_WORKING_MAX = 2,   /* on the pool at a time */
    SASL_WAITING_MAX = 512, /* for it; who comes later is refused at once */
    SASL_SUSPECTS_WORKING_MAX = 1,
    SASL_SUSPECTS_WAITING_MAX = 128,
    SASL_SECRET_BYTES = 32,
    SASL_PROVED_MAX = 4096,
};

/* Slow work, in the order in which it came. */
struct sasl_lane {
    struct work_pool *pool;
    struct list waiting; /* struct sasl_exchange */
    int waiting_count;
    int waiting_max;
    int working_count;
    int working_max;
};

struct sasl_service {
    struct loop *loop;
    struct work_pool *pool;
    const struct broker_config *config;
    struct sasl_credentials credentials;

    struct keyed_hash sha_256;
    struct keyed_hash sha_512;
    uint8_t process_key[SASL_SECRET_BYTES]; /* of this process: keys of `proved` */
    /* HMACs of user, password and version of PLAIN authentications that succeeded, by their first
     * bytes; a newer one takes the place. */
    uint8_t (*proved)[SASL_SECRET_BYTES]; /* owned; SASL_PROVED_MAX of them */

    struct jwks_source *keys;              /* owned; NULL: no OAUTHBEARER */
    struct kerberos_rules *kerberos_rules; /* owned; NULL: no GSSAPI */

    /* ---- slow work ---- */
    struct sasl_lane lane;
    struct sasl_lane suspects_lane; /* what is costly, for addresses that failed often lately */
    struct suspects suspects;
    int exchange_count;
};

/* NULL: unknown, not possible with this configuration, or not offered by the listener. */
const struct sasl_mechanism *sasl_service_find(const struct sasl_service *service,
                                               const char *listener, struct string name);
bool sasl_service_is_fresh(const struct sasl_service *service);

/*
 * The credential of a user; where there is none, one that looks like it, always the same for the
 * same name, and false. Both take the same time.
 */
bool sasl_service_get_scram(struct sasl_service *service, struct string user,
                            enum scram_mechanism mechanism,
                            struct scram_credential *out_credential);

#endif
