/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Construction goes from the ground up, and each step knows only what stands already:
 *
 *     loop -> disk, pool -> storage -> links, calls -> consensus -> catalog, partitions
 *          -> cluster -> coordinator -> listeners
 *
 * SIGTERM: leaderships are given away, listeners close, storage writes everything down, and the
 * rest is taken apart in the opposite order.
 */
#include "broker_process.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <uv.h>

#include "cluster/cluster_services.h"
#include "coordinator/group_coordinator.h"
#include "format_command.h"
#include "gyre/base/map.h"
#include "gyre/base/random.h"
#include "gyre/config/config.h"
#include "gyre/observe/log.h"
#include "gyre/observe/metrics.h"
#include "gyre/partition/partition.h"
#include "gyre/runtime/disk_engine.h"
#include "gyre/runtime/links_uv.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/loop_uv.h"
#include "gyre/runtime/rpc.h"
#include "gyre/runtime/work_uv.h"
#include "gyre/storage/storage.h"
#include "handlers/broker.h"
#include "metadata/catalog_open.h"
#include "metadata/catalog_store.h"
#include "network/admin_http.h"
#include "network/listener.h"
#include "partition/producer_ids.h"

enum { MESSAGE_BYTES = 256, POOL_THREADS = 4, LINK_QUEUE_BYTES_MAX = 256 * 1024 * 1024 };
static const uint64_t DRAIN_LIMIT_US = 30 * 1000 * 1000;

struct broker_process {
    const struct broker_config *config;
    uv_loop_t uv;
    struct loop loop;
    struct loop_uv driver;
    uv_signal_t terminate;
    uv_signal_t interrupt;
    struct random random;
    uint64_t incarnation;
    struct disk *disk;
    struct work_pool *pool;
    struct metrics *metrics;
    struct storage *storage;
    struct links *links;
    struct rpc *rpc;
    struct consensus *consensus;
    struct catalog_store *store;
    struct catalog *catalog;
    struct partition_table *partitions;
    struct cluster *cluster;
    struct broker broker;
    struct catalog_endpoint endpoints[CATALOG_LISTENERS_MAX];
    uint16_t rpc_port;
    int status;
    bool is_stopping;
};
