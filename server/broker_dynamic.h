/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker's own options that AlterConfigs changes while it runs. Those that stand behind topics'
 * settings are the catalog's (metadata/topics.c); here are the others.
 */
#ifndef GYRE_BROKER_DYNAMIC_H
#define GYRE_BROKER_DYNAMIC_H

#include "gyre/metadata/catalog.h"

struct broker;
struct broker_tls;
struct network;

struct broker_dynamic {
    struct broker *broker;
    struct network *network;
    struct broker_tls *tls;
    int connections_max; /* file descriptors allow no more */
    struct catalog_listener listener;
};

/* Applies what holds now, and every change from then on. */
void broker_dynamic_start(struct broker_dynamic *self, struct broker *broker,
                          struct network *network, struct broker_tls *tls, int connections_max);
void broker_dynamic_stop(struct broker_dynamic *self); /* fine if it was not started */

#endif
