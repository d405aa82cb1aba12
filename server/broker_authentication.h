/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authentication between the catalog, which has the credentials, and the network, which closes
 * connections whose credential went. Thread: the shard's own.
 */
#ifndef GYRE_BROKER_AUTHENTICATION_H
#define GYRE_BROKER_AUTHENTICATION_H

#include "gyre/metadata/catalog.h"
#include "gyre/sasl/sasl_server.h"

struct broker;
struct network;
struct network_options;

/* Embedded in the process. */
struct broker_authentication {
    struct broker *broker;
    struct network *network;
    struct catalog_listener listener;
};

/* Fills broker->sasl. INVALID: an option cannot be used; it was logged. */
MUST_USE
enum error broker_authentication_start(struct broker_authentication *self, struct broker *broker);
void broker_authentication_fill(struct broker_authentication *self,
                                struct network_options *options);
/* From now on changes of credentials reach the connections. */
void broker_authentication_watch(struct broker_authentication *self, struct network *network);
void broker_authentication_stop(struct broker_authentication *self); /* before the catalog ends */
void broker_authentication_free(struct broker_authentication *self); /* after the pool's end */

#endif
