/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authentication between the catalog, which has the credentials, and the network, which closes
 * connections whose credential went. Thread: the shard's own.
 */
#ifndef GYRE_BROKER_AUTHENTICATION_H
#define GYRE_BROKER_AUTHENTICATION_H

#include "gyre/metadata/catalog.h"
#include "gyre/sasl/sasl_service.h"

struct broker;
struct network;
struct network_options;

/* Embedded in the process. */
struct broker_authentication {
    struct broker *broker;
    struct network *network; /* not owned */
    struct catalog_listener listener;
};

/*
 * Fills broker->sasl and makes the network, whose connections hear of changed credentials. INVALID:
 * an option cannot be used; it was logged, and there is no network.
 */
MUST_USE
enum error broker_authentication_start(struct broker_authentication *self, struct broker *broker,
                                       const struct network_options *network);
void broker_authentication_stop(struct broker_authentication *self); /* before the catalog ends */
void broker_authentication_free(struct broker_authentication *self); /* after the pool's end */

#endif
