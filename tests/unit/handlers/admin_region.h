/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A broker for administrative handlers: the first of three with a real catalog (catalog_region.h),
 * and a cluster that only says what the test wants.
 */
#ifndef GYRE_TESTS_UNIT_HANDLERS_ADMIN_REGION_H
#define GYRE_TESTS_UNIT_HANDLERS_ADMIN_REGION_H

#include "handlers/admin_handlers.h"
#include "handlers/broker.h"
#include "support/request_fixture.h"
#include "unit/metadata/catalog_region.h"

struct cluster {
    struct region *region;
    int32_t dead; /* a broker that is registered and not live; -1: none */
    bool is_dead_remembered;
    bool is_leaderless;
    int32_t placed; /* partitions so far */
    int elections;
};

struct admin_region {
    struct region *region;
    struct cluster cluster;
    struct broker_config *config;
    struct broker broker;
    struct request_fixture fixture;
};

/* With topics "clicks" (3 partitions, 3 replicas) and "views" (1, 1). */
struct admin_region *admin_region_new(void);
void admin_region_free(struct admin_region *admin);

/* Asks, runs the region until the request is ended, and decodes the answer. */
void admin_region_ask(struct admin_region *admin, int16_t api_key, int16_t version, const void *in,
                      request_handler handle, void *out);
const struct catalog_topic *admin_region_topic(const struct admin_region *admin, const char *name);
/* The explicit setting of a topic as every broker has it; "" where there is none. */
const char *admin_region_setting(const struct admin_region *admin, const char *topic,
                                 const char *name);

#endif
