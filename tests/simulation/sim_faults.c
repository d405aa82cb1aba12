/* SPDX-License-Identifier: Apache-2.0 */
/* What goes wrong, and the operators who change members while it does. */
#include <stdlib.h>
#include <string.h>

#include "gyre/wire/kafka_error.h"

#include "simulation/sim_history.h"

enum {
    SECOND_US = 1000 * 1000,
    VOTERS_MIN = 3,
    VOTERS_MAX = 5,
    DELETE_BEHIND = 200, /* records that DeleteRecords leaves */
};

struct deletion {
    struct partition_truncate truncate;
    struct sim *sim;
    bool is_open;
};

struct sim_faults {
    struct sim *sim;
    uint64_t next_us;
    uint64_t heal_network_us;
    bool is_changing; /* a membership change or transfer runs */
    uint64_t change_deadline_us;
    int32_t leaving; /* being removed; -1: none */
    struct deletion deletion;
};

uint64_t sim_after(struct sim *sim, uint64_t least_ms, uint64_t most_ms)
{
    return sim->clock.now_us +
           (least_ms + random_below(&sim->random, most_ms - least_ms + 1)) * 1000;
}

static struct sim_node *any_node(struct sim *sim)
{
    return &sim->nodes[random_below(&sim->random, SIM_NODES)];
}

/* ---- machines ---- */

static void crash_one(struct sim_faults *faults)
{
    struct sim_node *node = any_node(faults->sim);

    if (node->is_running) {
        node->restart_at_us = sim_after(faults->sim, 100, 6000);
        sim_node_crash(node, random_chance(&faults->sim->random, 700000));
        faults->sim->totals.crashes++;
    }
}

static void crash_leader(struct sim_faults *faults)
{
    struct sim_node *node = sim_find_leader(faults->sim, 0, false);

    if (node != NULL) {
        node->restart_at_us = sim_after(faults->sim, 10, 4000);
        sim_node_crash(node, random_chance(&faults->sim->random, 700000));
        faults->sim->totals.crashes++;
    }
}

static void crash_all(struct sim_faults *faults)
{
    for (int i = 0; i < SIM_NODES; i++) {
        struct sim_node *node = &faults->sim->nodes[i];

        if (node->is_running) {
            node->restart_at_us = sim_after(faults->sim, 50, 1500);
            sim_node_crash(node, true);
            faults->sim->totals.crashes++;
        }
    }
}

static void pause_one(struct sim_faults *faults)
{
    struct sim_node *node = any_node(faults->sim);

    if (sim_node_works(node)) {
        node->paused_until_us = sim_after(faults->sim, 100, 4000);
        fake_network_pause(faults->sim->network, node->id, node->paused_until_us);
        faults->sim->totals.pauses++;
    }
}

static void fill_one(struct sim_faults *faults)
{
    struct sim_node *node = any_node(faults->sim);

    node->full_until_us = sim_after(faults->sim, 500, 6000);
    sim_disk_set_full(node->disk, true);
    faults->sim->totals.fulls++;
}

bool sim_may_damage(const struct sim *sim)
{
    for (int i = 0; i < SIM_NODES; i++) {
        if (sim->nodes[i].was_damaged || sim->nodes[i].was_unclean ||
            !sim_node_works(&sim->nodes[i])) {
            return false;
        }
    }
    return true;
}

static bool damage(struct sim_node *node, enum sim_damage where)
{
    switch (where) {
    case SIM_DAMAGE_LOG: return sim_disk_damage(node->disk, sim_groups[0]);
    case SIM_DAMAGE_JOURNAL: return sim_disk_damage_journal(node->disk);
    case SIM_DAMAGE_TRUNCATION: return sim_disk_damage_truncation(node->disk, sim_groups[0]);
    case SIM_DAMAGE_OUTSIDE: return sim_disk_damage_outside(node->disk);
    }
    return false;
}

bool sim_damage(struct sim_node *node, enum sim_damage where)
{
    static const char *const places[] = {"", " in its journal", " where its log was cut",
                                         " around its journal"};
    struct sim *sim = node->sim;
    bool is_damaged;

    node->restart_at_us = sim_after(sim, 50, 500);
    sim_node_crash(node, false);
    sim->totals.crashes++;
    is_damaged = damage(node, where);
    if (is_damaged) {
        node->was_damaged = true;
        memset(node->is_whole, 0, sizeof node->is_whole);
        node->damage_is_plain = where == SIM_DAMAGE_JOURNAL || where == SIM_DAMAGE_TRUNCATION;
        node->served[0] = 0;
        sim->totals.damages++;
        sim_trace(sim, "node %d is damaged%s", node->id, places[where]);
    }
    return is_damaged;
}

/* One replica's disk at a time: the majority keeps its own. */
static void damage_one(struct sim_faults *faults)
{
    struct sim *sim = faults->sim;
    struct sim_node *node = any_node(sim);

    if (sim_may_damage(sim) && sim_node_is_voter(node, 0) && !faults->is_changing &&
        sim_node_voter_count(node, 0) >= VOTERS_MIN) {
        bool in_journal = node->id != SIM_SINGLE_NODE && random_chance(&sim->random, 500000);

        (void)sim_damage(node, in_journal ? SIM_DAMAGE_JOURNAL : SIM_DAMAGE_LOG);
    }
}

/* A replica that was refilled may be damaged again, or another one. */
static void note_refill(struct sim_node *node)
{
    struct consensus_stats stats;

    if (node->was_damaged && node->damage_is_plain && sim_node_works(node)) {
        consensus_stats(node->consensus, &stats);
        if (stats.snapshots_installed > 0 && sim_node_is_caught_up(node, 0)) {
            node->was_damaged = false;
        }
    }
}

static void fail_disk(struct sim_faults *faults)
{
    struct sim_node *node = any_node(faults->sim);

    if (node->is_running) {
        sim_disk_fail_soon(node->disk);
    }
}

/* The power goes when something has just been said. */
static void crash_at_send(struct sim_faults *faults)
{
    struct sim *sim = faults->sim;
    struct sim_node *node = any_node(sim);

    node->crash_at_sent =
        fake_network_sent(sim->network, node->id) + 1 + random_below(&sim->random, 40);
}

/* Disks that take their time: what is promised and what is durable are far apart. */
static void slow_disk(struct sim_faults *faults)
{
    struct sim *sim = faults->sim;
    uint64_t most_us = 1000u << random_below(&sim->random, 10);

    sim_disk_set_delay(any_node(sim)->disk, most_us / 8, most_us);
}

/* Whoever votes now loses its power at once and is back at once. */
static void storm(struct sim_faults *faults)
{
    struct sim *sim = faults->sim;

    for (int i = 0; i < SIM_NODES; i++) {
        struct sim_node *node = &sim->nodes[i];

        if (sim_node_works(node) && random_chance(&sim->random, 700000)) {
            node->crash_at_us = sim_after(sim, 0, 1500);
        }
    }
}

static void jump_clock(struct sim_faults *faults)
{
    struct sim *sim = faults->sim;

    sim->clock.wall_offset_ms += (int64_t)random_below(&sim->random, 7200000) - 3600000;
}

/* ---- the network ---- */

static void cut_one_way(struct sim_faults *faults)
{
    struct sim *sim = faults->sim;
    int32_t from = any_node(sim)->id;
    int32_t to = (from + 1 + (int32_t)random_below(&sim->random, SIM_NODES - 1)) % SIM_NODES;

    fake_network_cut(sim->network, from, to);
    faults->heal_network_us = sim_after(sim, 500, 7000);
    sim->totals.cuts++;
}

static void isolate(struct sim_faults *faults, int32_t node, bool both_ways)
{
    struct sim *sim = faults->sim;

    for (int32_t i = 0; i < SIM_NODES; i++) {
        if (i != node) {
            fake_network_cut(sim->network, node, i);
            if (both_ways) {
                fake_network_cut(sim->network, i, node);
            }
        }
    }
    faults->heal_network_us = sim_after(sim, 500, 7000);
    sim->totals.cuts++;
}

static void isolate_leader(struct sim_faults *faults)
{
    struct sim_node *node = sim_find_leader(faults->sim, 0, false);

    if (node != NULL) {
        isolate(faults, node->id, random_chance(&faults->sim->random, 600000));
    }
}

static void split(struct sim_faults *faults)
{
    struct sim *sim = faults->sim;
    uint64_t side = random_below(&sim->random, 1u << SIM_NODES);

    for (int32_t a = 0; a < SIM_NODES; a++) {
        for (int32_t b = 0; b < SIM_NODES; b++) {
            if (((side >> a) & 1) != ((side >> b) & 1)) {
                fake_network_cut(sim->network, a, b);
            }
        }
    }
    faults->heal_network_us = sim_after(sim, 500, 6000);
    sim->totals.cuts++;
}

static void reset_link(struct sim_faults *faults)
{
    int32_t a = any_node(faults->sim)->id;

    fake_network_reset(faults->sim->network, a, (a + 1) % SIM_NODES);
}

static void stall(struct sim_faults *faults)
{
    struct sim *sim = faults->sim;
    int32_t from = any_node(sim)->id;
    int32_t to = (from + 1 + (int32_t)random_below(&sim->random, SIM_NODES - 1)) % SIM_NODES;

    fake_network_stall(sim->network, from, to, sim_after(sim, 300, 4000));
}

static void plot(struct sim_faults *faults)
{
    if (!faults->is_changing) {
        sim_plots_begin(faults->sim->plots);
    }
}

static void slow_network(struct sim_faults *faults)
{
    bool is_slow = random_chance(&faults->sim->random, 300000);

    fake_network_set_delay(faults->sim->network, 100, is_slow ? 60 * 1000 : 2000);
}

/* ---- operators ---- */

static void change_done(void *context, enum error error)
{
    struct sim_faults *faults = context;
    struct sim *sim = faults->sim;

    faults->is_changing = false;
    sim_trace(sim, "change ends: %s", error_name(error));
    if (error == ERROR_NONE) {
        sim->totals.changes++;
        if (faults->leaving >= 0 && sim->nodes[faults->leaving].is_running) {
            sim_node_forget(&sim->nodes[faults->leaving], 0);
            sim->nodes[faults->leaving].was_damaged = false;
        }
    }
    faults->leaving = -1;
}

static void change_members(struct sim_faults *faults)
{
    struct sim *sim = faults->sim;
    struct sim_node *leader = sim_find_leader(sim, 0, false);
    struct member_progress members[CONSENSUS_MEMBERS_MAX];
    struct consensus_group *group;
    int count;

    if (leader == NULL || faults->is_changing) {
        return;
    }
    group = partition_consensus(leader->partitions[0]);
    count = consensus_members(group, members);
    faults->is_changing = true;
    faults->leaving = -1;
    faults->change_deadline_us = sim_after(sim, 30000, 30000);
    if (sim_node_voter_count(leader, 0) > VOTERS_MIN &&
        (count >= VOTERS_MAX || random_chance(&sim->random, 500000))) {
        int32_t node = members[random_below(&sim->random, (uint64_t)count)].node;

        sim_trace(sim, "node %d is removed by %d", node, leader->id);
        faults->leaving = node == leader->id ? -1 : node;
        consensus_remove_member(group, node, change_done, faults);
        return;
    }
    for (int32_t node = 0; node < SIM_NODES; node++) {
        bool is_member = false;

        for (int i = 0; i < count; i++) {
            is_member = is_member || (members[i].node == node && members[i].role == MEMBER_VOTER);
        }
        if (!is_member) {
            sim_trace(sim, "node %d is added by %d", node, leader->id);
            consensus_set_member(group, node, MEMBER_VOTER, change_done, faults);
            return;
        }
    }
    faults->is_changing = false;
}

static void transfer_done(void *context, enum error error)
{
    struct sim_faults *faults = context;

    faults->is_changing = false;
    sim_trace(faults->sim, "transfer ends: %s", error_name(error));
    faults->sim->totals.transfers += error == ERROR_NONE;
}

static void transfer(struct sim_faults *faults)
{
    struct sim_node *leader = sim_find_leader(faults->sim, 0, false);

    if (leader != NULL && !faults->is_changing) {
        faults->is_changing = true;
        faults->leaving = -1;
        faults->change_deadline_us = sim_after(faults->sim, 30000, 30000);
        consensus_transfer(partition_consensus(leader->partitions[0]), any_node(faults->sim)->id,
                           transfer_done, faults);
    }
}

static void on_deleted(struct partition_truncate *truncate)
{
    CONTAINER_OF(truncate, struct deletion, truncate)->is_open = false;
}

/* DeleteRecords. What it asked for may happen later even where it failed. */
static void delete_records(struct sim_faults *faults)
{
    struct sim *sim = faults->sim;
    struct deletion *deletion = &faults->deletion;
    int group = random_chance(&sim->random, 300000) ? 1 : 0;
    struct sim_node *leader = sim_find_leader(sim, group, false);
    struct partition_status status;

    if (leader == NULL || deletion->is_open) {
        return;
    }
    partition_status(leader->partitions[group], &status);
    if (status.high_watermark - DELETE_BEHIND <= status.log_start_offset) {
        return;
    }
    *deletion = (struct deletion){.sim = sim, .is_open = true};
    deletion->truncate.offset = status.high_watermark - DELETE_BEHIND;
    deletion->truncate.timeout_us = 3 * SECOND_US;
    deletion->truncate.done = on_deleted;
    sim_history_log_start(sim->history, group, deletion->truncate.offset);
    partition_delete_records(leader->partitions[group], &deletion->truncate);
}

/* ---- the plan ---- */

struct fault {
    unsigned weight;
    void (*run)(struct sim_faults *faults);
};

static const struct fault plan[] = {
    {6, slow_disk},      {6, storm},        {14, crash_one},      {10, crash_leader},
    {2, crash_all},      {8, pause_one},    {4, fill_one},        {3, damage_one},
    {3, jump_clock},     {8, cut_one_way},  {8, isolate_leader},  {6, split},
    {5, reset_link},     {4, slow_network}, {14, change_members}, {8, transfer},
    {3, delete_records}, {3, fail_disk},    {6, crash_at_send},   {6, stall},
    {18, plot},
};

static void run_one_fault(struct sim_faults *faults)
{
    unsigned total = 0;
    unsigned pick;

    for (size_t i = 0; i < sizeof plan / sizeof plan[0]; i++) {
        total += plan[i].weight;
    }
    pick = (unsigned)random_below(&faults->sim->random, total);
    for (size_t i = 0; i < sizeof plan / sizeof plan[0]; i++) {
        if (pick < plan[i].weight) {
            plan[i].run(faults);
            faults->sim->totals.faults++;
            return;
        }
        pick -= plan[i].weight;
    }
}

static void recover_node(struct sim *sim, struct sim_node *node)
{
    uint64_t now_us = sim->clock.now_us;

    if (node->crash_at_us != 0 && now_us >= node->crash_at_us) {
        node->crash_at_us = 0;
        if (sim_node_works(node)) {
            node->restart_at_us = sim_after(sim, 1, 40);
            sim_node_crash(node, true);
            sim->totals.crashes++;
        }
    }
    if (!node->is_running && now_us >= node->restart_at_us) {
        sim_node_start(node);
    }
    if (node->paused_until_us != 0 && now_us >= node->paused_until_us) {
        node->paused_until_us = 0;
        node->is_woken = true;
    }
    if (node->full_until_us != 0 && now_us >= node->full_until_us) {
        node->full_until_us = 0;
        sim_disk_set_full(node->disk, false);
    }
}

static void run_recoveries(struct sim_faults *faults)
{
    struct sim *sim = faults->sim;

    for (int i = 0; i < SIM_NODES; i++) {
        recover_node(sim, &sim->nodes[i]);
        note_refill(&sim->nodes[i]);
        sim_node_note_whole(&sim->nodes[i]);
    }
    if (faults->heal_network_us != 0 && sim->clock.now_us >= faults->heal_network_us) {
        faults->heal_network_us = 0;
        fake_network_heal_all(sim->network);
    }
    if (faults->is_changing && sim->clock.now_us >= faults->change_deadline_us) {
        /* Who ran it has died. */
        faults->is_changing = false;
        faults->leaving = -1;
    }
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return b != 0 && b < a ? b : a;
}

uint64_t sim_faults_next_us(const struct sim_faults *faults)
{
    uint64_t next_us = earlier(faults->next_us, faults->heal_network_us);

    next_us = earlier(next_us, sim_plots_next_us(faults->sim->plots));
    next_us = earlier(next_us, sim_scenes_next_us(faults->sim->scenes));
    if (faults->is_changing) {
        next_us = earlier(next_us, faults->change_deadline_us);
    }
    for (int i = 0; i < SIM_NODES; i++) {
        const struct sim_node *node = &faults->sim->nodes[i];

        next_us = earlier(next_us, node->is_running ? 0 : node->restart_at_us);
        next_us = earlier(next_us, node->crash_at_us);
        next_us = earlier(next_us, node->paused_until_us);
        next_us = earlier(next_us, node->full_until_us);
    }
    return next_us;
}

void sim_faults_run(struct sim_faults *faults)
{
    struct sim *sim = faults->sim;

    run_recoveries(faults);
    sim_plots_run(sim->plots);
    sim_scenes_run(sim->scenes);
    if (sim->clock.now_us >= faults->next_us) {
        faults->next_us = sim->is_healing ? UINT64_MAX : sim_after(sim, 300, 4000);
        /* A plot goes mostly undisturbed, a scene wholly. */
        if (!sim->is_healing && !sim_scenes_is_busy(sim->scenes) &&
            (!sim_plots_is_busy(sim->plots) || random_chance(&sim->random, 150000))) {
            run_one_fault(faults);
        }
    }
}

bool sim_faults_is_changing(const struct sim_faults *faults)
{
    return faults->is_changing;
}

void sim_faults_heal(struct sim_faults *faults)
{
    faults->next_us = UINT64_MAX;
    sim_scenes_stop(faults->sim->scenes);
    sim_faults_calm(faults);
}

void sim_faults_calm(struct sim_faults *faults)
{
    struct sim *sim = faults->sim;

    faults->heal_network_us = 0;
    sim_plots_stop(sim->plots);
    fake_network_heal_all(sim->network);
    fake_network_set_delay(sim->network, 100, 2000);
    for (int i = 0; i < SIM_NODES; i++) {
        struct sim_node *node = &sim->nodes[i];

        node->restart_at_us = sim->clock.now_us;
        node->crash_at_us = 0;
        node->crash_at_sent = 0;
        sim_disk_fail_no_more(node->disk);
        sim_disk_set_delay(node->disk, 20, 200);
        node->full_until_us = node->full_until_us != 0 ? sim->clock.now_us : 0;
    }
    run_recoveries(faults);
}

struct sim_faults *sim_faults_new(struct sim *sim)
{
    struct sim_faults *faults = check_alloc_zero(sizeof *faults);

    faults->sim = sim;
    faults->leaving = -1;
    faults->next_us = sim_after(sim, 2000, 4000);
    return faults;
}

void sim_faults_free(struct sim_faults *faults)
{
    free(faults);
}
