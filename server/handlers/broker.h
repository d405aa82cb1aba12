/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker as handlers see it: every part of the running process, wired by main. Nothing here is
 * owned; all of it outlives every request.
 */
#ifndef GYRE_HANDLERS_BROKER_H
#define GYRE_HANDLERS_BROKER_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/base/uuid.h"

struct broker {
    int32_t node_id;
    bool is_stopping;
    struct uuid cluster_id;
    struct loop *loop;
    struct random *random;
    struct work_pool *pool;
    struct work_pool *spare_pool; /* one thread, in time that nobody wants */
    struct disk *disk;
    const struct broker_config *config;
    uint64_t catalog_silence_us_max; /* nobody is served by an older catalog; 0: no limit (tests) */
    struct metrics *metrics;
    struct storage *storage;
    struct rpc *rpc;
    struct consensus *consensus;
    struct catalog *catalog;
    struct partition_table *partitions;
    struct cluster *cluster;
    struct group_coordinator *groups;
    struct producer_ids *producer_ids;
    struct fetch_sessions *fetch_sessions; /* handlers/fetch_session.h */
    struct audit *audit;                   /* gyre/audit/audit.h; NULL: none */
    struct authorization *authorization;   /* NULL: everybody may do everything */
    struct sasl_service *sasl;             /* gyre/sasl/sasl_service.h; NULL: none (tests) */
    struct quotas *quotas;                 /* handlers/quotas.h; NULL: none (tests) */
    struct token_index *tokens;            /* handlers/token_index.h */
};

#endif
