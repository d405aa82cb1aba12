/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a broker is made of, in the order in which it is built: broker_process.c builds it,
 * broker_stop.c takes it apart.
 */
#ifndef GYRE_BROKER_PARTS_H
#define GYRE_BROKER_PARTS_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "gyre/base/random.h"
#include "gyre/metadata/catalog.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/loop_uv.h"
#include "gyre/runtime/memory_return_uv.h"

#include "broker_authentication.h"
#include "broker_dynamic.h"
#include "broker_links.h"
#include "broker_metrics.h"
#include "broker_tls.h"
#include "descriptor_budget.h"
#include "first_credentials.h"
#include "handlers/broker.h"

struct admin_http;
struct audit;
struct audit_topic;
struct authorization;
struct broker_config;
struct catalog;
struct catalog_store;
struct cluster;
struct consensus;
struct disk;
struct fetch_sessions;
struct group_coordinator;
struct links;
struct metrics;
struct network;
struct partition_table;
struct producer_ids;
struct quotas;
struct rpc;
struct storage;
struct token_index;
struct token_sweep;
struct work_pool;

struct broker_process {
    const struct broker_config *config;
    uv_loop_t uv;
    struct loop loop;
    struct loop_uv driver;
    uv_signal_t terminate;
    uv_signal_t interrupt;
    struct random random;
    uint64_t incarnation;
    struct descriptor_budget descriptors;
    struct broker_dynamic dynamic;
    struct disk *disk;
    struct work_pool *pool;
    struct work_pool *spare_pool;
    struct metrics *metrics;
    int lock_fd; /* of the data directory; -1: its file system has no locks */
    struct storage *storage;
    struct broker_admission admission;
    struct links *links;
    struct rpc *rpc;
    struct consensus *consensus;
    struct catalog_store *store;
    struct catalog *catalog;
    struct partition_table *partitions;
    struct group_coordinator *groups;
    struct cluster *cluster;
    struct broker_tls tls;
    struct network *network;
    struct producer_ids *producer_ids;
    struct fetch_sessions *fetch_sessions;
    struct audit *audit;             /* NULL: not wanted */
    struct audit_topic *audit_topic; /* NULL: not wanted */
    struct quotas *quotas;
    struct authorization *authorization;
    struct token_index *tokens;
    struct token_sweep *token_sweep;
    struct first_credentials first_credentials;
    char region_secret[CATALOG_SECRET_BYTES]; /* the region's, if it has none and we lead */
    struct admin_http *admin;                 /* NULL: not wanted */
    struct broker broker;
    struct broker_authentication authentication;
    struct broker_metrics broker_metrics;
    struct memory_return memory_return;
    struct catalog_endpoint endpoints[CATALOG_LISTENERS_MAX];
    uint16_t rpc_port;
    int status;
    bool is_stopping;
    struct task undrained; /* controlled.shutdown.enable=false */
};

#endif
