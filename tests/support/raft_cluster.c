/* SPDX-License-Identifier: Apache-2.0 */
#include "support/raft_cluster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/runtime/rpc.h"
#include "gyre/wire/record.h"
#include "gyre/wire/record_batch.h"
#include "gyre/wire/record_batch_builder.h"

enum { VALUE_BYTES_MAX = 256, TURNS_PER_INSTANT_MAX = 100 };

const struct group_id raft_cluster_group = {.topic = {{1, 2, 3}}, .partition = 7};

/* ---- the state machine ---- */

static void add_value(struct raft_node *node, struct raft_value value)
{
    if (node->value_count == node->value_capacity) {
        node->value_capacity = node->value_capacity * 2 + 64;
        node->values =
            check_realloc(node->values, (size_t)node->value_capacity * sizeof *node->values);
    }
    node->values[node->value_count++] = value;
}

static void apply(void *context, const struct log_entry *entry)
{
    struct raft_value value = {.index = entry->index, .offset = entry->base_offset};

    if (entry->kind == ENTRY_BATCH) {
        memcpy(&value.value, entry->payload.bytes + entry->payload.length - 9, 8);
        add_value(context, value);
    }
}

static void lead(void *context, uint64_t term)
{
    struct raft_node *node = context;

    node->leads = true;
    node->lead_term = term;
    node->lead_calls++;
}

static void follow(void *context)
{
    ((struct raft_node *)context)->leads = false;
}

static void leader_changed(void *context, int32_t leader, uint64_t term)
{
    (void)term;
    ((struct raft_node *)context)->leader = leader;
}

static struct buffer *take_snapshot(void *context)
{
    struct raft_node *node = context;

    return buffer_copy(node->values, (size_t)node->value_count * sizeof *node->values);
}

static int64_t start_offset(void *context)
{
    (void)context;
    return 0;
}

static enum error restore(void *context, const struct log_snapshot *snapshot)
{
    struct raft_node *node = context;
    size_t count = snapshot->state.length / sizeof(struct raft_value);

    node->value_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct raft_value value;

        memcpy(&value, snapshot->state.bytes + i * sizeof value, sizeof value);
        add_value(node, value);
    }
    node->restores++;
    return ERROR_NONE;
}

static void members_changed(void *context, const struct consensus_member *members, int count)
{
    struct raft_node *node = context;

    (void)members;
    node->member_calls++;
    node->member_count = count;
}

static void failed(void *context, const char *reason)
{
    struct raft_node *node = context;

    (void)snprintf(node->failure, sizeof node->failure, "%s", reason);
}

static const struct state_machine machine = {
    .apply = apply,
    .lead = lead,
    .follow = follow,
    .leader_changed = leader_changed,
    .take_snapshot = take_snapshot,
    .start_offset = start_offset,
    .restore = restore,
    .members_changed = members_changed,
    .failed = failed,
};

/* ---- nodes ---- */

static void on_wake(struct loop *loop)
{
    CONTAINER_OF(loop, struct raft_node, loop)->is_woken = true;
}

void raft_cluster_start(struct raft_cluster *cluster, int index)
{
    struct raft_node *node = &cluster->nodes[index];
    struct partition_log *log;
    bool is_member = index < cluster->member_count;

    CHECK(!node->is_running);
    loop_init(&node->loop, &cluster->clock.clock);
    node->loop.wake = on_wake;
    node->is_woken = true;
    node->is_running = true;
    node->value_count = 0;
    node->leads = false;
    node->leader = -1;
    node->links = fake_network_join(cluster->network, node->id);
    node->rpc = rpc_new(&node->loop, node->links);
    node->storage = memory_storage_open(&node->loop, node->disk);
    node->consensus = consensus_new(&node->loop, node->storage, node->links, node->rpc,
                                    &cluster->random, &cluster->options);
    log = storage_find_log(node->storage, raft_cluster_group);
    if (log == NULL) {
        log = storage_create_log(node->storage, raft_cluster_group);
    }
    CHECK(consensus_open_group(node->consensus, log, cluster->members,
                               is_member ? cluster->member_count : 0, &machine, node,
                               &node->group) == ERROR_NONE);
}

void raft_cluster_start_all(struct raft_cluster *cluster)
{
    for (int i = 0; i < cluster->node_count; i++) {
        raft_cluster_start(cluster, i);
    }
}

void raft_cluster_crash(struct raft_cluster *cluster, int index)
{
    struct raft_node *node = &cluster->nodes[index];

    CHECK(node->is_running);
    consensus_close_group(node->group);
    consensus_abandon(node->consensus);
    memory_storage_end_reads(node->storage);
    rpc_free(node->rpc);
    memory_storage_crash(node->storage);
    fake_network_leave(cluster->network, node->id);
    loop_release(&node->loop);
    node->is_running = false;
    node->leads = false;
}

struct raft_cluster *raft_cluster_new(int node_count, int member_count, uint64_t seed)
{
    struct raft_cluster *cluster = check_alloc_zero(sizeof *cluster);

    fake_clock_init(&cluster->clock);
    random_seed(&cluster->random, seed);
    hash_set_seed(seed);
    cluster->network = fake_network_new(&cluster->clock.clock, &cluster->random);
    cluster->node_count = node_count;
    cluster->member_count = member_count;
    cluster->options = (struct consensus_options){
        .tick_us = 500 * 1000,
        .election_timeout_us = 1500 * 1000,
        .shard_heartbeat_us = 100 * 1000,
        .peer_timeout_us = 800 * 1000,
        .inflight_entries_max = 256,
        .inflight_bytes_max = 4 * 1024 * 1024,
        .snapshot_entries = 100000,
    };
    for (int i = 0; i < node_count; i++) {
        struct raft_node *node = &cluster->nodes[i];

        cluster->members[i] = (struct consensus_member){.node = i, .role = MEMBER_VOTER};
        node->cluster = cluster;
        node->id = i;
        node->disk = memory_disk_new(&cluster->random);
    }
    return cluster;
}

void raft_cluster_free(struct raft_cluster *cluster)
{
    for (int i = 0; i < cluster->node_count; i++) {
        if (cluster->nodes[i].is_running) {
            raft_cluster_crash(cluster, i);
        }
        memory_disk_free(cluster->nodes[i].disk);
        free(cluster->nodes[i].values);
    }
    fake_network_free(cluster->network);
    free(cluster);
}

/* ---- time ---- */

static uint64_t next_event_us(const struct raft_cluster *cluster)
{
    uint64_t next_us = fake_network_next_us(cluster->network);

    for (int i = 0; i < cluster->node_count; i++) {
        const struct raft_node *node = &cluster->nodes[i];

        if (node->is_running && (node->is_woken || node->next_us < next_us)) {
            next_us = node->is_woken ? cluster->clock.now_us : node->next_us;
        }
    }
    return next_us;
}

static void turn_nodes(struct raft_cluster *cluster)
{
    for (int i = 0; i < cluster->node_count; i++) {
        struct raft_node *node = &cluster->nodes[i];

        if (node->is_running && (node->is_woken || node->next_us <= cluster->clock.now_us)) {
            node->is_woken = false;
            node->next_us = loop_turn(&node->loop);
        }
    }
}

static void run_to(struct raft_cluster *cluster, uint64_t end_us)
{
    for (;;) {
        uint64_t next_us = next_event_us(cluster);

        if (next_us > end_us) {
            break;
        }
        if (next_us > cluster->clock.now_us) {
            cluster->clock.now_us = next_us;
        }
        fake_network_run(cluster->network);
        turn_nodes(cluster);
    }
    cluster->clock.now_us = end_us;
}

void raft_cluster_run(struct raft_cluster *cluster, uint64_t microseconds)
{
    run_to(cluster, cluster->clock.now_us + microseconds);
}

bool raft_cluster_run_until(struct raft_cluster *cluster, int seconds,
                            bool (*condition)(struct raft_cluster *cluster))
{
    for (int i = 0; i < seconds * 200; i++) {
        if (condition(cluster)) {
            return true;
        }
        raft_cluster_run(cluster, 5000);
    }
    return condition(cluster);
}

/* ---- use ---- */

struct raft_node *raft_cluster_leader(struct raft_cluster *cluster)
{
    struct raft_node *leader = NULL;

    for (int i = 0; i < cluster->node_count; i++) {
        struct raft_node *node = &cluster->nodes[i];

        if (node->is_running && consensus_leads(node->group) &&
            (leader == NULL || node->lead_term > leader->lead_term)) {
            leader = node;
        }
    }
    return leader;
}

static struct buffer *batch_of(uint64_t value, int64_t base_offset)
{
    struct record_batch_builder builder;
    struct record record = {0};
    struct buffer *batch;

    record_batch_builder_init(&builder, VALUE_BYTES_MAX);
    builder.base_offset = base_offset;
    record.value = (struct string){.bytes = (const char *)&value, .length = sizeof value};
    CHECK(record_batch_builder_append(&builder, &record) == ERROR_NONE);
    CHECK(record_batch_builder_finish(&builder, &batch) == ERROR_NONE);
    record_batch_builder_release(&builder);
    return batch;
}

enum error raft_cluster_submit(struct raft_node *node, uint64_t value)
{
    struct partition_log *log = storage_find_log(node->storage, raft_cluster_group);
    struct log_entry entry = {.kind = ENTRY_BATCH, .offset_count = 1};
    struct buffer *batch;

    entry.base_offset = partition_log_end_offset(log);
    batch = batch_of(value, entry.base_offset);
    entry.digest = record_batch_digest(batch->bytes, batch->size);
    entry.payload =
        (struct buffer_slice){.buffer = batch, .bytes = batch->bytes, .length = batch->size};
    return consensus_submit(node->group, &entry, 1);
}

bool raft_cluster_write(struct raft_cluster *cluster, uint64_t value)
{
    for (int attempt = 0; attempt < 4000; attempt++) {
        struct raft_node *leader = raft_cluster_leader(cluster);

        if (leader != NULL && leader->value_count > 0 &&
            leader->values[leader->value_count - 1].value == value) {
            return true;
        }
        if (leader != NULL &&
            consensus_applied_index(leader->group) == consensus_commit_index(leader->group)) {
            enum error error = raft_cluster_submit(leader, value);
            int count = leader->value_count;

            for (int i = 0; error == ERROR_NONE && i < 400 && leader->is_running &&
                            consensus_leads(leader->group);
                 i++) {
                raft_cluster_run(cluster, 5000);
                if (leader->value_count > count) {
                    return leader->values[leader->value_count - 1].value == value;
                }
            }
        }
        raft_cluster_run(cluster, 5000);
    }
    return false;
}

bool raft_cluster_agrees(const struct raft_cluster *cluster, int count)
{
    const struct raft_node *first = NULL;

    for (int i = 0; i < cluster->node_count; i++) {
        const struct raft_node *node = &cluster->nodes[i];

        if (!node->is_running || node->failure[0] != '\0') {
            continue;
        }
        first = first == NULL ? node : first;
        if (node->value_count != count ||
            (count > 0 &&
             memcmp(node->values, first->values, (size_t)count * sizeof *node->values) != 0)) {
            return false;
        }
    }
    return first != NULL;
}
