/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "gyre/config/topic_config.h"
#include "gyre/runtime/rpc.h"
#include "gyre/storage/storage.h"

#include "simulation/sim_history.h"

enum { RESTART_US = 1000 * 1000 };

const struct group_id sim_groups[SIM_GROUPS] = {
    {.topic = {{0x51, 2, 3}}, .partition = 0},
    {.topic = {{0x51, 2, 3}}, .partition = 1},
};

/* ---- a pool of one thread: the loop's ---- */

static void pool_run(struct task *task)
{
    struct sim_pool *pool = CONTAINER_OF(task, struct sim_pool, task);

    while (pool->first != NULL) {
        struct work *work = pool->first;

        pool->first = work->next;
        work->run(work);
        work->done(work);
    }
    pool->last = NULL;
}

static void pool_submit(struct work_pool *base, struct work *work)
{
    struct sim_pool *pool = CONTAINER_OF(base, struct sim_pool, pool);

    work->next = NULL;
    if (pool->first == NULL) {
        pool->first = work;
    } else {
        pool->last->next = work;
    }
    pool->last = work;
    loop_defer(pool->loop, &pool->task);
}

static const struct work_pool_operations pool_operations = {.submit = pool_submit};

/* ---- what a replica says of itself ---- */

static int group_index(const struct partition *partition)
{
    return partition_group(partition).partition;
}

static void on_lead(void *context, struct partition *partition, int32_t epoch)
{
    struct sim_node *node = context;

    sim_trace(node->sim, "node %d leads group %d in epoch %d", node->id, group_index(partition),
              epoch);
    sim_history_led(node->sim->history, group_index(partition), epoch, node->id);
}

static void on_follow(void *context, struct partition *partition)
{
    struct sim_node *node = context;

    sim_trace(node->sim, "node %d leads group %d no longer", node->id, group_index(partition));
}

/* ---- life ---- */

static const struct topic_config topic_defaults = {
    .cleanup_delete = true,
    .compression = TOPIC_COMPRESSION_PRODUCER,
    .max_message_bytes = 1024 * 1024,
    .min_insync_replicas = 1,
    .segment_bytes = 64 * 1024,
    .index_interval_bytes = 4096,
    .segment_ms = INT64_MAX / 4,
    .retention_ms = -1,
    .retention_bytes = -1,
    .timestamp_before_max_ms = INT64_MAX,
    .timestamp_after_max_ms = INT64_MAX,
};

/* What readers got from a replica that followed is there when it comes back, but for what was in
 * memory alone. */
static void check_served(struct sim_node *node, int index)
{
    const struct partition_log *log = storage_find_log(node->storage, sim_groups[index]);

    if (log == NULL || partition_log_is_corrupt(log) || node->was_damaged ||
        node->sim->has_memory) {
        return;
    }
    if (partition_log_end_offset(log) < node->served[index]) {
        sim_fail(node->sim,
                 "P3: node %d showed group %d up to offset %lld and comes back with %lld", node->id,
                 index, (long long)node->served[index], (long long)partition_log_end_offset(log));
    }
}

/* Whatever a crash tears is no damage, and nothing else breaks what was whole. */
static void check_whole(struct sim_node *node, int index)
{
    const struct partition_log *log = storage_find_log(node->storage, sim_groups[index]);

    if (log != NULL && partition_log_is_corrupt(log) && node->is_whole[index]) {
        sim_fail(node->sim, "node %d takes group %d for damaged, and nothing damaged it", node->id,
                 index);
    }
    node->is_whole[index] = !node->was_damaged && (log == NULL || !partition_log_is_corrupt(log));
}

void sim_node_check_whole(struct sim_node *node)
{
    for (int i = 0; i < SIM_GROUPS; i++) {
        if (node->is_whole[i]) {
            check_whole(node, i);
        }
    }
}

static void note_whole(struct sim_node *node)
{
    for (int i = 0; i < SIM_GROUPS; i++) {
        node->is_whole[i] = node->is_whole[i] && !node->was_damaged &&
                            sim_disk_is_whole(node->storage, sim_groups[i]);
    }
}

static void open_group(struct sim_node *node, int index)
{
    struct topic_config topic = topic_defaults;
    struct consensus_member members[SIM_FOUNDERS];
    enum error error;
    int count = 0;

    topic.is_memory_durable = index == 0 && node->sim->has_memory;
    if (node->sim->has_big_batches) {
        topic.segment_bytes = 512 * 1024;
    }
    if (index == 0 && node->id < SIM_FOUNDERS) {
        for (; count < SIM_FOUNDERS; count++) {
            members[count] = (struct consensus_member){.node = count, .role = MEMBER_VOTER};
        }
    } else if (index == 1) {
        members[count++] = (struct consensus_member){.node = SIM_SINGLE_NODE, .role = MEMBER_VOTER};
    }
    if (node->has_left[index]) {
        count = 0;
    }
    check_served(node, index);
    check_whole(node, index);
    error = partition_open(node->table, sim_groups[index], members, count, &topic,
                           &node->partitions[index]);
    CHECK(error == ERROR_NONE);
}

static void on_wake(struct loop *loop)
{
    CONTAINER_OF(loop, struct sim_node, loop)->is_woken = true;
}

void sim_node_init(struct sim *sim, int32_t id)
{
    struct sim_node *node = &sim->nodes[id];

    node->sim = sim;
    node->id = id;
    node->disk = sim_disk_new(&sim->random, id, sim->memory_sync_us);
    node->listener =
        (struct partition_listener){.lead = on_lead, .follow = on_follow, .context = node};
}

void sim_node_release(struct sim_node *node)
{
    sim_disk_free(node->disk);
}

void sim_node_start(struct sim_node *node)
{
    struct sim *sim = node->sim;
    struct partition_services services = {.node_id = node->id};

    sim_trace(sim, "node %d starts", node->id);
    random_seed(&node->random, random_u64(&sim->random));
    loop_init(&node->loop, &sim->clock.clock);
    node->loop.wake = on_wake;
    node->storage = sim_disk_open(node->disk, &node->loop);
    if (node->storage == NULL) {
        sim_trace(sim, "node %d has no room to start", node->id);
        loop_release(&node->loop);
        node->restart_at_us = sim->clock.now_us + RESTART_US;
        return;
    }
    node->is_woken = true;
    node->is_running = true;
    node->is_dying = false;
    for (int i = 0; i < SIM_GROUPS; i++) {
        node->must_reopen[i] = false;
    }
    node->life++;
    node->pool = (struct sim_pool){.pool = {.operations = &pool_operations}, .loop = &node->loop};
    task_init(&node->pool.task, pool_run);
    node->links = fake_network_join(sim->network, node->id);
    node->rpc = rpc_new(&node->loop, node->links);
    node->consensus = consensus_new(&node->loop, node->storage, node->links, node->rpc,
                                    &node->random, &sim->options);
    services.loop = &node->loop;
    services.storage = node->storage;
    services.consensus = node->consensus;
    services.pool = &node->pool.pool;
    node->table = partition_table_new(&services);
    list_init(&node->listener.link);
    partition_table_add_listener(node->table, &node->listener);
    open_group(node, 0);
    if (node->id == SIM_SINGLE_NODE) {
        open_group(node, 1);
    }
}

static void add_up(struct sim_node *node)
{
    struct sim_totals *totals = &node->sim->totals;
    struct consensus_stats stats;

    consensus_stats(node->consensus, &stats);
    totals->elections += stats.elections;
    totals->truncations += stats.truncations;
    totals->installs += stats.snapshots_installed;
    totals->snapshots += stats.snapshots_taken;
}

bool sim_node_may_lose(const struct sim_node *node)
{
    for (int i = 0; i < SIM_NODES; i++) {
        const struct sim_node *other = &node->sim->nodes[i];

        if (other != node && (other->was_unclean || other->was_damaged)) {
            return false;
        }
    }
    return true;
}

static bool is_counted_on(const struct sim_node *node)
{
    struct sim_node *leader = sim_find_leader(node->sim, 0, false);
    struct member_progress members[CONSENSUS_MEMBERS_MAX];
    int count;

    if (leader == NULL) {
        return true;
    }
    count = consensus_members(partition_consensus(leader->partitions[0]), members);
    for (int i = 0; i < count; i++) {
        if (members[i].node == node->id) {
            return true;
        }
    }
    return false;
}

void sim_node_note_whole(struct sim_node *node)
{
    const struct partition_log *log;

    if (!node->was_unclean || !sim_node_works(node)) {
        return;
    }
    log = storage_find_log(node->storage, sim_groups[0]);
    if (!is_counted_on(node) ||
        (log != NULL && !partition_log_is_doubtful(log) && sim_node_is_caught_up(node, 0))) {
        node->was_unclean = false;
    }
}

void sim_node_crash(struct sim_node *node, bool loses_power)
{
    if (node->sim->has_memory && loses_power) {
        loses_power = sim_node_may_lose(node);
        node->was_unclean = loses_power || node->was_unclean;
    }
    sim_trace(node->sim, "node %d dies%s", node->id, loses_power ? " by power" : "");
    add_up(node);
    note_whole(node);
    node->is_dying = true;
    sim_clients_node_died(node->sim->clients, node);
    partition_table_free(node->table);
    consensus_abandon(node->consensus);
    rpc_free(node->rpc);
    sim_disk_crash(node->disk, node->storage, loses_power);
    fake_network_leave(node->sim->network, node->id);
    loop_release(&node->loop);
    node->is_running = false;
    node->paused_until_us = 0;
    for (int i = 0; i < SIM_GROUPS; i++) {
        node->partitions[i] = NULL;
    }
}

void sim_node_crash_if_due(struct sim_node *node)
{
    struct sim *sim = node->sim;
    bool is_sent = node->crash_at_sent != 0 &&
                   fake_network_sent(sim->network, node->id) >= node->crash_at_sent;

    if (is_sent || sim_disk_has_failed(node->disk)) {
        node->crash_at_sent = 0;
        node->restart_at_us = sim_after(sim, 1, 2000);
        sim_node_crash(node, is_sent || random_chance(&sim->random, 500000));
        sim->totals.crashes++;
    }
}

void sim_node_forget(struct sim_node *node, int group)
{
    sim_trace(node->sim, "node %d drops its replica", node->id);
    partition_close(node->partitions[group], true);
    node->partitions[group] = NULL;
    node->has_left[group] = true;
    node->served[group] = 0;
    node->must_reopen[group] = true;
    sim_node_reopen(node);
}

void sim_node_reopen(struct sim_node *node)
{
    for (int i = 0; i < SIM_GROUPS; i++) {
        if (node->must_reopen[i] && storage_find_log(node->storage, sim_groups[i]) == NULL) {
            node->must_reopen[i] = false;
            open_group(node, i);
        }
    }
}

bool sim_node_works(const struct sim_node *node)
{
    return node->is_running && node->paused_until_us == 0;
}

static bool claims_to_lead(const struct sim_node *node, int group, int32_t *out_epoch)
{
    struct partition_status status;

    if (!sim_node_works(node) || node->partitions[group] == NULL) {
        return false;
    }
    partition_status(node->partitions[group], &status);
    *out_epoch = status.leader_epoch;
    return status.leads;
}

struct sim_node *sim_find_leader(struct sim *sim, int group, bool may_be_stale)
{
    struct sim_node *found = NULL;
    int32_t newest = -1;

    for (int i = 0; i < SIM_NODES; i++) {
        struct sim_node *node = &sim->nodes[i];
        int32_t epoch = -1;

        if (claims_to_lead(node, group, &epoch) &&
            (epoch > newest || (may_be_stale && random_chance(&sim->random, 500000)))) {
            found = node;
            newest = epoch;
        }
    }
    return found;
}

/* ---- questions ---- */

bool sim_node_has_member(const struct sim_node *node, int group, int32_t other)
{
    struct member_progress members[CONSENSUS_MEMBERS_MAX];
    int count = node->partitions[group] == NULL
                    ? 0
                    : consensus_members(partition_consensus(node->partitions[group]), members);

    for (int i = 0; i < count; i++) {
        if (members[i].node == other && members[i].role == MEMBER_VOTER) {
            return true;
        }
    }
    return false;
}

int sim_node_voter_count(const struct sim_node *node, int group)
{
    int count = 0;

    for (int32_t other = 0; other < SIM_NODES; other++) {
        count += sim_node_has_member(node, group, other);
    }
    return count;
}

bool sim_node_is_voter(const struct sim_node *node, int group)
{
    return node->is_running && sim_node_has_member(node, group, node->id);
}

bool sim_node_is_caught_up(const struct sim_node *node, int group)
{
    struct sim_node *leader = sim_find_leader(node->sim, group, false);
    struct partition_status ours;
    struct partition_status theirs;

    if (leader == NULL || !sim_node_works(node) || node->partitions[group] == NULL) {
        return false;
    }
    partition_status(node->partitions[group], &ours);
    partition_status(leader->partitions[group], &theirs);
    return ours.high_watermark == theirs.high_watermark && ours.end_offset == theirs.end_offset &&
           theirs.end_offset == theirs.high_watermark &&
           consensus_applied_index(partition_consensus(node->partitions[group])) ==
               consensus_commit_index(partition_consensus(leader->partitions[group]));
}

void sim_node_describe_all(const struct sim *sim)
{
    for (int i = 0; i < SIM_NODES; i++) {
        const struct sim_node *node = &sim->nodes[i];

        for (int group = 0; group < SIM_GROUPS; group++) {
            struct partition_status status;
            const struct consensus_group *consensus;

            if (!node->is_running || node->partitions[group] == NULL) {
                continue;
            }
            partition_status(node->partitions[group], &status);
            consensus = partition_consensus(node->partitions[group]);
            sim_trace(sim,
                      "node %d group %d: leads %d leader %d term %llu commit %llu applied "
                      "%llu hw %lld end %lld voter %d",
                      i, group, status.leads, status.leader,
                      (unsigned long long)consensus_term(consensus),
                      (unsigned long long)consensus_commit_index(consensus),
                      (unsigned long long)consensus_applied_index(consensus),
                      (long long)status.high_watermark, (long long)status.end_offset,
                      sim_node_is_voter(node, group));
        }
    }
}
