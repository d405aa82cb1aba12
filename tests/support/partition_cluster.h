/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three brokers' worth of one partition: the real partition and raft code over fake links, a fake
 * clock and storage in memory. Deterministic by its seed.
 */
#ifndef GYRE_TESTS_SUPPORT_PARTITION_CLUSTER_H
#define GYRE_TESTS_SUPPORT_PARTITION_CLUSTER_H

#include "gyre/base/random.h"
#include "gyre/partition/partition.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/work.h"

#include "support/fake_clock.h"
#include "support/fake_links.h"
#include "support/memory_storage.h"

enum { PARTITION_NODES = 3 };

struct partition_node {
    struct partition_cluster *cluster;
    int32_t id;
    bool is_running;
    bool is_woken;
    uint64_t next_us;
    struct loop loop;
    struct links *links;
    struct rpc *rpc;
    struct memory_disk *disk;
    struct storage *storage;
    struct consensus *consensus;
    struct work_pool pool;
    struct partition_table *table;
    struct partition *partition;
};

struct partition_cluster {
    struct fake_clock clock;
    struct random random;
    struct fake_network *network;
    struct topic_config config;
    struct partition_node nodes[PARTITION_NODES];
};

struct partition_cluster *partition_cluster_new(uint64_t seed); /* all nodes run */
void partition_cluster_free(struct partition_cluster *cluster);
void partition_cluster_start(struct partition_cluster *cluster, int node);
void partition_cluster_crash(struct partition_cluster *cluster, int node);
void partition_cluster_run(struct partition_cluster *cluster, uint64_t microseconds);

/* NULL: none. Of two that think so, the one of the newer epoch. */
struct partition_node *partition_cluster_leader(struct partition_cluster *cluster);

#endif
