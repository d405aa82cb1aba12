/* SPDX-License-Identifier: Apache-2.0 */
#include "support/partition_cluster.h"

#include <stdlib.h>

#include "gyre/base/check.h"
#include "gyre/base/map.h"
#include "gyre/runtime/rpc.h"

static const struct group_id group_of_test = {.topic = {{1, 2, 3}}, .partition = 0};

static void on_wake(struct loop *loop)
{
    CONTAINER_OF(loop, struct partition_node, loop)->is_woken = true;
}

static void pool_submit(struct work_pool *pool, struct work *work)
{
    (void)pool;
    work->run(work);
    work->done(work);
}

static const struct work_pool_operations pool_operations = {.submit = pool_submit};

void partition_cluster_start(struct partition_cluster *cluster, int index)
{
    const struct consensus_options options = {
        .tick_us = UINT64_C(500) * 1000,
        .election_timeout_us = UINT64_C(1500) * 1000,
        .shard_heartbeat_us = UINT64_C(100) * 1000,
        .peer_timeout_us = UINT64_C(800) * 1000,
        .inflight_entries_max = 256,
        .inflight_bytes_max = 4 * 1024 * 1024,
        .snapshot_entries = 50,
        .sleep_when_idle = true,
    };
    const struct consensus_member members[PARTITION_NODES] = {
        {.node = 0, .role = MEMBER_VOTER},
        {.node = 1, .role = MEMBER_VOTER},
        {.node = 2, .role = MEMBER_VOTER},
    };
    struct partition_node *node = &cluster->nodes[index];
    struct partition_services services;
    enum error error;

    CHECK(!node->is_running);
    loop_init(&node->loop, &cluster->clock.clock);
    node->loop.wake = on_wake;
    node->is_woken = true;
    node->is_running = true;
    node->pool.operations = &pool_operations;
    node->links = fake_network_join(cluster->network, node->id);
    node->rpc = rpc_new(&node->loop, node->links);
    node->storage = memory_storage_open(&node->loop, node->disk);
    node->consensus = consensus_new(&node->loop, node->storage, node->links, node->rpc,
                                    &cluster->random, &options);
    services = (struct partition_services){
        .loop = &node->loop,
        .storage = node->storage,
        .consensus = node->consensus,
        .pool = &node->pool,
        .node_id = node->id,
    };
    node->table = partition_table_new(&services);
    error = partition_open(node->table, group_of_test, members, PARTITION_NODES, &cluster->config,
                           &node->partition);
    CHECK(error == ERROR_NONE);
}

void partition_cluster_crash(struct partition_cluster *cluster, int index)
{
    struct partition_node *node = &cluster->nodes[index];

    CHECK(node->is_running);
    partition_table_abandon(node->table);
    consensus_abandon(node->consensus);
    rpc_free(node->rpc);
    memory_storage_crash(node->storage);
    fake_network_leave(cluster->network, node->id);
    loop_release(&node->loop);
    node->is_running = false;
}

struct partition_cluster *partition_cluster_new(uint64_t seed)
{
    struct partition_cluster *cluster = check_alloc_zero(sizeof *cluster);

    fake_clock_init(&cluster->clock);
    random_seed(&cluster->random, seed);
    hash_set_seed(seed);
    cluster->network = fake_network_new(&cluster->clock.clock, &cluster->random);
    cluster->config = (struct topic_config){
        .cleanup_delete = true,
        .compression = TOPIC_COMPRESSION_PRODUCER,
        .max_message_bytes = 1 << 20,
        .min_insync_replicas = 2,
        .segment_bytes = 1 << 30,
        .retention_ms = -1,
        .retention_bytes = -1,
        .timestamp_before_max_ms = INT64_MAX,
        .timestamp_after_max_ms = INT64_MAX,
    };
    for (int i = 0; i < PARTITION_NODES; i++) {
        cluster->nodes[i].cluster = cluster;
        cluster->nodes[i].id = i;
        cluster->nodes[i].disk = memory_disk_new(&cluster->random);
        partition_cluster_start(cluster, i);
    }
    return cluster;
}

void partition_cluster_free(struct partition_cluster *cluster)
{
    for (int i = 0; i < PARTITION_NODES; i++) {
        if (cluster->nodes[i].is_running) {
            partition_cluster_crash(cluster, i);
        }
        memory_disk_free(cluster->nodes[i].disk);
    }
    fake_network_free(cluster->network);
    free(cluster);
}

static uint64_t next_event_us(const struct partition_cluster *cluster)
{
    uint64_t next_us = fake_network_next_us(cluster->network);

    for (int i = 0; i < PARTITION_NODES; i++) {
        const struct partition_node *node = &cluster->nodes[i];

        if (node->is_running && (node->is_woken || node->next_us < next_us)) {
            next_us = node->is_woken ? cluster->clock.now_us : node->next_us;
        }
    }
    return next_us;
}

static void turn(struct partition_node *node)
{
    if (node->is_running && (node->is_woken || node->next_us <= node->cluster->clock.now_us)) {
        node->is_woken = false;
        node->next_us = loop_turn(&node->loop);
    }
}

void partition_cluster_run(struct partition_cluster *cluster, uint64_t microseconds)
{
    uint64_t end_us = cluster->clock.now_us + microseconds;

    for (uint64_t next_us = next_event_us(cluster); next_us <= end_us;
         next_us = next_event_us(cluster)) {
        if (next_us > cluster->clock.now_us) {
            cluster->clock.now_us = next_us;
        }
        fake_network_run(cluster->network);
        for (int i = 0; i < PARTITION_NODES; i++) {
            turn(&cluster->nodes[i]);
        }
    }
    cluster->clock.now_us = end_us;
}

struct partition_node *partition_cluster_leader(struct partition_cluster *cluster)
{
    struct partition_node *leader = NULL;
    int32_t epoch = -1;

    for (int i = 0; i < PARTITION_NODES; i++) {
        struct partition_node *node = &cluster->nodes[i];
        struct partition_status status;

        if (!node->is_running) {
            continue;
        }
        partition_status(node->partition, &status);
        if (status.leads && status.leader_epoch > epoch) {
            leader = node;
            epoch = status.leader_epoch;
        }
    }
    return leader;
}
