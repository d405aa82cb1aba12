/* SPDX-License-Identifier: Apache-2.0 */
#include "simulation/sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "gyre/base/map.h"
#include "gyre/wire/kafka_error.h"
#include "gyre/wire/record_batch.h"

#include "simulation/sim_clients.h"
#include "simulation/sim_history.h"

/* As by default, and so long that much is lost with it. */
static const uint64_t MEMORY_SYNC_US = 100 * 1000;
static const uint64_t MEMORY_SYNC_LATE_US = 5 * 1000 * 1000;

enum {
    SECOND_US = 1000 * 1000,
    SETTLE_STEP_US = 250 * 1000,
    REFILL_PATIENCE_S = 60,
    REST_SECONDS = 6,
    LEADER_SECONDS = 10,
    WAKE_SECONDS = 3,
    REPLACE_SECONDS = 20
};

void sim_trace(const struct sim *sim, const char *format, ...)
{
    va_list arguments;

    if (!sim->is_verbose) {
        return;
    }
    (void)printf("%9.3f  ", (double)sim->clock.now_us / SECOND_US);
    va_start(arguments, format);
    (void)vprintf(format, arguments);
    va_end(arguments);
    (void)printf("\n");
}

void sim_fail(struct sim *sim, const char *format, ...)
{
    va_list arguments;

    if (sim->failure[0] != '\0') {
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(sim->failure, sizeof sim->failure, format, arguments);
    va_end(arguments);
    sim_trace(sim, "FAILED: %s", sim->failure);
}

/* ---- time ---- */

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t next_event_us(const struct sim *sim)
{
    uint64_t next_us = fake_network_next_us(sim->network);

    next_us = least(next_us, sim_clients_next_us(sim->clients));
    next_us = least(next_us, sim_faults_next_us(sim->faults));
    for (int i = 0; i < SIM_NODES; i++) {
        const struct sim_node *node = &sim->nodes[i];

        if (sim_node_works(node)) {
            next_us = node->is_woken ? sim->clock.now_us : least(next_us, node->next_us);
        }
        if (next_us <= sim->clock.now_us) {
            return sim->clock.now_us;
        }
    }
    return next_us;
}

static void turn_nodes(struct sim *sim)
{
    for (int i = 0; i < SIM_NODES; i++) {
        struct sim_node *node = &sim->nodes[i];

        if (sim_node_works(node) && (node->is_woken || node->next_us <= sim->clock.now_us)) {
            node->is_woken = false;
            node->next_us = loop_turn(&node->loop);
            sim_node_reopen(node);
            sim_node_check_whole(node);
            sim_node_crash_if_due(node);
        }
    }
}

static void run_to(struct sim *sim, uint64_t end_us)
{
    while (sim->failure[0] == '\0') {
        uint64_t next_us = next_event_us(sim);

        if (next_us > end_us) {
            sim->clock.now_us = end_us;
            return;
        }
        sim->clock.now_us = next_us > sim->clock.now_us ? next_us : sim->clock.now_us;
        sim_faults_run(sim->faults);
        fake_network_run(sim->network);
        sim_clients_run(sim->clients);
        turn_nodes(sim);
    }
}

/* ---- the end ---- */

static bool group_is_settled(struct sim *sim, int group)
{
    struct sim_node *leader = sim_find_leader(sim, group, false);

    if (leader == NULL) {
        return false;
    }
    for (int i = 0; i < SIM_NODES; i++) {
        const struct sim_node *node = &sim->nodes[i];

        if (node->partitions[group] != NULL && sim_node_is_voter(leader, group) &&
            sim_node_has_member(leader, group, node->id) && !sim_node_is_caught_up(node, group)) {
            return false;
        }
    }
    return true;
}

static bool is_settled(struct sim *sim)
{
    for (int group = 0; group < SIM_GROUPS; group++) {
        if (!group_is_settled(sim, group)) {
            return false;
        }
    }
    return sim_clients_are_done(sim->clients);
}

static void settle(struct sim *sim)
{
    uint64_t end_us = sim->clock.now_us + (uint64_t)SIM_HEAL_SECONDS * SECOND_US;

    sim->is_healing = true;
    sim_trace(sim, "everything heals");
    sim_faults_heal(sim->faults);
    while (sim->failure[0] == '\0' && !is_settled(sim)) {
        if (sim->clock.now_us >= end_us) {
            sim_fail(sim, "the region did not come to rest in %d s", SIM_HEAL_SECONDS);
            sim_node_describe_all(sim);
            return;
        }
        run_to(sim, sim->clock.now_us + SETTLE_STEP_US);
    }
}

/* After a while of rest (groups may sleep by then) the leader goes: another must come. No replica
 * is damaged by now. */
static void replace_leader(struct sim *sim)
{
    struct sim_node *old;
    uint64_t end_us;
    int32_t epoch;

    epoch = sim_history_newest_epoch(sim->history, 0);
    run_to(sim, sim->clock.now_us + (uint64_t)REST_SECONDS * SECOND_US);
    old = sim_find_leader(sim, 0, false);
    if (old != NULL) {
        /* Who sleeps is woken by this, and stays with its leader. */
        fake_network_reset(sim->network, old->id, (old->id + 1) % SIM_NODES);
        run_to(sim, sim->clock.now_us + (uint64_t)WAKE_SECONDS * SECOND_US);
        old = sim_find_leader(sim, 0, false);
    }
    if (old == NULL || epoch != sim_history_newest_epoch(sim->history, 0)) {
        sim_fail(sim, "the leader was lost while nothing happened");
        return;
    }
    if (sim_node_voter_count(old, 0) < SIM_FOUNDERS) {
        return;
    }
    end_us = sim->clock.now_us + (uint64_t)REPLACE_SECONDS * SECOND_US;
    old->restart_at_us = UINT64_MAX;
    sim_node_crash(old, false);
    while (sim->failure[0] == '\0' && sim_find_leader(sim, 0, false) == NULL) {
        if (sim->clock.now_us >= end_us) {
            sim_fail(sim, "nobody replaced the leader in %d s", REPLACE_SECONDS);
            sim_node_describe_all(sim);
            return;
        }
        run_to(sim, sim->clock.now_us + SETTLE_STEP_US);
    }
    settle(sim);
}

/* ---- reading a replica's whole log ---- */

struct whole_read {
    struct partition_read read;
    bool is_done;
};

static void on_whole_read(struct partition_read *read)
{
    CONTAINER_OF(read, struct whole_read, read)->is_done = true;
}

/* A replica that finds its own bytes damaged only now says so, and is refilled meanwhile. */
static void read_once(struct sim *sim, struct sim_node *node, int group, struct whole_read *whole,
                      int64_t offset)
{
    *whole = (struct whole_read){0};
    whole->read.offset = offset;
    whole->read.bytes_max = 256 * 1024;
    whole->read.at_least_one = true;
    whole->read.done = on_whole_read;
    whole->is_done = partition_read(node->partitions[group], &whole->read);
    for (int i = 0; i < 1000 && !whole->is_done; i++) {
        run_to(sim, sim->clock.now_us + 10 * 1000);
    }
}

static int64_t read_piece(struct sim *sim, struct sim_node *node, int group, int64_t offset)
{
    struct whole_read *whole = check_alloc_zero(sizeof *whole);
    int64_t next = offset;

    for (int i = 0; i < REFILL_PATIENCE_S; i++) {
        read_once(sim, node, group, whole, offset);
        if (whole->is_done && whole->read.error == KAFKA_ERROR_NONE &&
            whole->read.batches.bytes > 0) {
            break;
        }
        run_to(sim, sim->clock.now_us + SECOND_US);
    }
    if (!whole->is_done || whole->read.error != KAFKA_ERROR_NONE) {
        sim_fail(sim, "node %d cannot read offset %lld of group %d: %d", node->id,
                 (long long)offset, group, (int)whole->read.error);
        return -1;
    }
    for (int i = 0; i < whole->read.batches.slice_count; i++) {
        const struct buffer_slice *slice = &whole->read.batches.slices[i];
        size_t at = 0;

        while (at < slice->length) {
            sim_clients_take_batch(sim, group, slice->bytes + at, sim_history_final);
            next = record_batch_last_offset(slice->bytes + at) + 1;
            at += record_batch_size(slice->bytes + at);
        }
    }
    batches_read_release(&whole->read.batches);
    free(whole);
    return next;
}

static void read_log(struct sim *sim, struct sim_node *node, int group)
{
    struct partition_status status;
    int64_t offset;

    partition_status(node->partitions[group], &status);
    offset = status.log_start_offset;
    while (offset < status.high_watermark && sim->failure[0] == '\0') {
        int64_t next = read_piece(sim, node, group, offset);

        if (next <= offset && sim->failure[0] == '\0') {
            sim_fail(sim, "node %d gives nothing at offset %lld of group %d", node->id,
                     (long long)offset, group);
        }
        offset = next;
    }
    if (status.leads) {
        sim_history_end(sim->history, group, status.log_start_offset, status.high_watermark);
    }
}

/* A leader that finds its own bytes damaged leads no longer, at any time: then another must soon.
 * NULL: nobody does. */
static struct sim_node *await_leader(struct sim *sim, int group)
{
    uint64_t end_us = sim->clock.now_us + (uint64_t)LEADER_SECONDS * SECOND_US;

    while (sim->failure[0] == '\0') {
        struct sim_node *leader = sim_find_leader(sim, group, false);

        if (leader != NULL) {
            return leader;
        }
        if (sim->clock.now_us >= end_us) {
            sim_fail(sim, "nobody leads group %d for %d s after everything healed", group,
                     LEADER_SECONDS);
            sim_node_describe_all(sim);
            return NULL;
        }
        run_to(sim, sim->clock.now_us + SETTLE_STEP_US);
    }
    return NULL;
}

static void read_followers(struct sim *sim, int group, const struct sim_node *first)
{
    for (int i = 0; i < SIM_NODES; i++) {
        struct sim_node *node = &sim->nodes[i];
        const struct sim_node *leader = await_leader(sim, group);

        if (leader == NULL) {
            return;
        }
        if (node != first && node->partitions[group] != NULL &&
            sim_node_has_member(leader, group, node->id)) {
            read_log(sim, node, group);
        }
    }
}

/* Finds what was damaged, too: until a replica is read, nobody knows. */
static void read_all(struct sim *sim)
{
    for (int group = 0; group < SIM_GROUPS; group++) {
        struct sim_node *leader = await_leader(sim, group);

        if (leader == NULL) {
            return;
        }
        read_log(sim, leader, group);
        read_followers(sim, group, leader);
    }
}

/* ---- a seed ---- */

static void choose_options(struct sim *sim)
{
    static const uint64_t snapshot_entries[] = {20, 60, 200, 100000};

    sim->options = (struct consensus_options){
        .tick_us = 500 * 1000,
        .election_timeout_us = 1500 * 1000,
        .shard_heartbeat_us = 100 * 1000,
        .peer_timeout_us = 800 * 1000,
        .inflight_entries_max = random_chance(&sim->random, 300000) ? 8 : 256,
        .inflight_bytes_max = 1024 * 1024,
        .snapshot_entries = snapshot_entries[random_below(&sim->random, 4)],
        .sleep_when_idle = random_chance(&sim->random, 500000),
    };
}

static void begin(struct sim *sim)
{
    fake_clock_init(&sim->clock);
    random_seed(&sim->random, sim->seed);
    hash_set_seed(sim->seed);
    choose_options(sim);
    sim->has_big_batches =
        random_chance(&sim->random, 250000) || sim_scenes_need_big_batches(sim->seed);
    sim->has_memory = sim->seed % 10 == 0 || sim->seed % 10 == 7;
    sim->memory_sync_us = sim->seed % 20 < 10 ? MEMORY_SYNC_US : MEMORY_SYNC_LATE_US;
    sim->network = fake_network_new(&sim->clock.clock, &sim->random);
    sim->history = sim_history_new(sim);
    sim->clients = sim_clients_new(sim);
    sim->faults = sim_faults_new(sim);
    sim->plots = sim_plots_new(sim);
    sim->scenes = sim_scenes_new(sim);
    for (int32_t i = 0; i < SIM_NODES; i++) {
        sim_node_init(sim, i);
        sim_node_start(&sim->nodes[i]);
    }
}

static void end(struct sim *sim)
{
    for (int i = 0; i < SIM_NODES; i++) {
        if (sim->nodes[i].is_running) {
            sim_node_crash(&sim->nodes[i], false);
        }
        sim->totals.torn_recoveries += sim_disk_torn_recoveries(sim->nodes[i].disk);
        sim_node_release(&sim->nodes[i]);
    }
    fake_network_free(sim->network);
    sim_clients_free(sim->clients);
    sim_faults_free(sim->faults);
    sim_plots_free(sim->plots);
    sim_scenes_free(sim->scenes);
    sim_history_free(sim->history);
}

bool sim_run(uint64_t seed, bool is_verbose, struct sim_totals *out_totals, uint64_t *out_hash,
             char failure[256])
{
    struct sim *sim = check_alloc_zero(sizeof *sim);
    bool has_passed;

    sim->seed = seed;
    sim->is_verbose = is_verbose;
    begin(sim);
    run_to(sim, sim->clock.now_us + (uint64_t)SIM_SECONDS * SECOND_US);
    settle(sim);
    if (sim->failure[0] == '\0') {
        /* What is damaged is found in groups that may sleep. */
        run_to(sim, sim->clock.now_us + (uint64_t)REST_SECONDS * SECOND_US);
        read_all(sim);
        settle(sim);
    }
    if (sim->failure[0] == '\0') {
        replace_leader(sim);
    }
    if (sim->failure[0] == '\0') {
        read_all(sim);
    }
    if (sim->failure[0] == '\0' && sim_history_acked_count(sim->history) < SIM_ACKED_MIN) {
        sim_fail(sim, "only %llu records were acknowledged",
                 (unsigned long long)sim_history_acked_count(sim->history));
    }
    has_passed = sim->failure[0] == '\0';
    *out_hash = fake_network_hash(sim->network) ^ sim_history_hash(sim->history);
    (void)snprintf(failure, 256, "%s", sim->failure);
    end(sim);
    *out_totals = sim->totals;
    free(sim);
    return has_passed;
}
