/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog_region.h"

#include <stdlib.h>

#include "gyre/runtime/rpc.h"

#include "catalog_fixture.h"
#include "metadata/catalog_store.h"
#include "support/test.h"

/* ---- a pool that works in the next turn ---- */

struct pooled_work {
    struct task task;
    struct work *work;
};

static void run_pooled(struct task *task)
{
    struct pooled_work *pooled = CONTAINER_OF(task, struct pooled_work, task);

    pooled->work->run(pooled->work);
    pooled->work->done(pooled->work);
    free(pooled);
}

static void pool_submit(struct work_pool *pool, struct work *work)
{
    struct region_node *node = CONTAINER_OF(pool, struct region_node, pool);
    struct pooled_work *pooled = check_alloc_zero(sizeof *pooled);

    pooled->work = work;
    task_init(&pooled->task, run_pooled);
    loop_defer(&node->loop, &pooled->task);
}

/* ---- brokers ---- */

static void on_created(void *context, const struct catalog_topic *topic)
{
    (void)topic;
    ((struct region_node *)context)->topics_created++;
}

static void on_loaded(void *context)
{
    struct region_node *node = context;

    assert_int_equal(node->topics_when_loaded, -1);
    node->topics_when_loaded = catalog_topic_count(node->catalog);
    assert_int_equal(node->topics_created, node->topics_when_loaded);
}

static void on_wake(struct loop *loop)
{
    CONTAINER_OF(loop, struct region_node, loop)->is_woken = true;
}

static void start_catalog(struct region_node *node)
{
    struct catalog_services services = {
        .loop = &node->loop,
        .storage = node->storage,
        .consensus = node->consensus,
        .rpc = node->rpc,
        .pool = &node->pool,
        .store = node->store,
        .node_id = node->id,
    };
    struct consensus_member members[REGION_NODES];

    for (int i = 0; i < REGION_NODES; i++) {
        members[i] = (struct consensus_member){.node = i, .role = MEMBER_VOTER};
    }
    node->catalog = catalog_new(&services);
    node->listener = (struct catalog_listener){
        .topic_created = on_created, .loaded = on_loaded, .context = node};
    catalog_add_listener(node->catalog, &node->listener);
    assert_int_equal(catalog_open(node->catalog, members, REGION_NODES), ERROR_NONE);
}

void region_start(struct region *region, int index)
{
    static const struct work_pool_operations operations = {pool_submit};
    struct region_node *node = &region->nodes[index];

    assert_false(node->is_running);
    loop_init(&node->loop, &region->clock.clock);
    node->loop.wake = on_wake;
    node->pool.operations = &operations;
    node->is_woken = true;
    node->is_running = true;
    node->topics_created = 0;
    node->topics_when_loaded = -1;
    node->links = fake_network_join(region->network, node->id);
    node->rpc = rpc_new(&node->loop, node->links);
    node->storage = memory_storage_open(&node->loop, node->disk);
    node->consensus = consensus_new(&node->loop, node->storage, node->links, node->rpc,
                                    &region->random, &region->options);
    start_catalog(node);
}

void region_crash(struct region *region, int index)
{
    struct region_node *node = &region->nodes[index];

    catalog_free(node->catalog);
    consensus_abandon(node->consensus);
    rpc_free(node->rpc);
    memory_storage_crash(node->storage);
    fake_network_leave(region->network, node->id);
    while (loop_turn(&node->loop) == 0) {
    }
    loop_release(&node->loop);
    node->catalog = NULL;
    node->is_running = false;
}

struct region *region_new(uint64_t seed, bool has_stores)
{
    struct region *region = check_alloc_zero(sizeof *region);

    fake_clock_init(&region->clock);
    random_seed(&region->random, seed);
    hash_set_seed(seed);
    region->network = fake_network_new(&region->clock.clock, &region->random);
    region->options = (struct consensus_options){
        .tick_us = 500 * 1000,
        .election_timeout_us = 1500 * 1000,
        .shard_heartbeat_us = 100 * 1000,
        .peer_timeout_us = 800 * 1000,
        .inflight_entries_max = 256,
        .inflight_bytes_max = 4 * 1024 * 1024,
        .snapshot_entries = 40,
    };
    for (int i = 0; i < REGION_NODES; i++) {
        region->nodes[i].region = region;
        region->nodes[i].id = i;
        region->nodes[i].disk = memory_disk_new(&region->random);
        region->nodes[i].store = has_stores ? catalog_store_new_in_memory() : NULL;
    }
    for (int i = 0; i < REGION_NODES; i++) {
        region_start(region, i);
    }
    return region;
}

void region_free(struct region *region)
{
    for (int i = 0; i < REGION_NODES; i++) {
        if (region->nodes[i].is_running) {
            region_crash(region, i);
        }
        memory_disk_free(region->nodes[i].disk);
        catalog_store_close(region->nodes[i].store);
    }
    fake_network_free(region->network);
    free(region);
}

/* ---- time ---- */

static uint64_t next_event_us(const struct region *region)
{
    uint64_t next_us = fake_network_next_us(region->network);

    for (int i = 0; i < REGION_NODES; i++) {
        const struct region_node *node = &region->nodes[i];
        if (node->is_running && (node->is_woken || node->next_us < next_us)) {
            next_us = node->is_woken ? region->clock.now_us : node->next_us;
        }
    }
    return next_us;
}

void region_run(struct region *region, uint64_t microseconds)
{
    uint64_t end_us = region->clock.now_us + microseconds;

    for (;;) {
        uint64_t next_us = next_event_us(region);
        if (next_us > end_us) {
            break;
        }
        if (next_us > region->clock.now_us) {
            region->clock.now_us = next_us;
        }
        fake_network_run(region->network);
        for (int i = 0; i < REGION_NODES; i++) {
            struct region_node *node = &region->nodes[i];
            if (node->is_running && (node->is_woken || node->next_us <= region->clock.now_us)) {
                node->is_woken = false;
                node->next_us = loop_turn(&node->loop);
            }
        }
    }
    region->clock.now_us = end_us;
}

static int common_leader(const struct region *region)
{
    int leader = -1;

    for (int i = 0; i < REGION_NODES; i++) {
        const struct region_node *node = &region->nodes[i];
        if (node->is_running) {
            int32_t known = catalog_leader(node->catalog);
            if (known < 0 || (leader >= 0 && known != leader) || !region->nodes[known].is_running) {
                return -1;
            }
            leader = known;
        }
    }
    return leader >= 0 && catalog_leads(region->nodes[leader].catalog) ? leader : -1;
}

int region_settle(struct region *region)
{
    for (int i = 0; i < 6000; i++) {
        int leader = common_leader(region);
        if (leader >= 0) {
            return leader;
        }
        region_run(region, 10000);
    }
    fail_msg("the catalog found no leader");
    return -1;
}

/* ---- submissions ---- */

static bool is_everywhere(const struct region *region, uint64_t index)
{
    for (int i = 0; i < REGION_NODES; i++) {
        const struct region_node *node = &region->nodes[i];
        if (node->is_running && catalog_applied_index(node->catalog) < index) {
            return false;
        }
    }
    return true;
}

static void on_done(void *context, const struct catalog_outcome *outcome)
{
    struct region_answer *answer = context;
    struct region *region = answer->node->region;

    answer->count++;
    answer->error = outcome->error;
    answer->kafka_error = outcome->kafka_error;
    answer->index = outcome->index;
    answer->took_us = region->clock.now_us - answer->asked_us;
    answer->was_everywhere = is_everywhere(region, outcome->index);
}

void region_submit(struct region_node *node, struct buffer *command, struct region_answer *answer)
{
    *answer = (struct region_answer){.node = node, .asked_us = node->region->clock.now_us};
    catalog_submit(node->catalog, command, on_done, answer);
    assert_int_equal(answer->count, 0);
    node->is_woken = true;
}

void region_await(struct region *region, const struct region_answer *answer)
{
    for (int i = 0; i < 6000 && answer->count == 0; i++) {
        region_run(region, 10000);
    }
    assert_int_equal(answer->count, 1);
}

void region_register_all(struct region *region)
{
    struct region_node *leader = &region->nodes[region_settle(region)];

    for (int i = 0; i < REGION_NODES; i++) {
        struct catalog_register_broker_endpoints endpoint = {
            .name = STRING("PLAINTEXT"), .host = STRING("host"), .port = 9092 + i};
        struct catalog_register_broker command = {
            .node_id = i,
            .directory_id = uuid_of((uint8_t)(100 + i)),
            .rpc_host = STRING("host"),
            .endpoints = {&endpoint, 1},
        };
        struct buffer *bytes = NULL;
        struct region_answer answer;
        assert_int_equal(catalog_commands_of(register_broker, REGISTER_BROKER, &command, &bytes),
                         ERROR_NONE);
        region_submit(leader, bytes, &answer);
        region_await(region, &answer);
        assert_int_equal(answer.kafka_error, KAFKA_ERROR_NONE);
    }
}
