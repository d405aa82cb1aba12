/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults that are unlikely to come in the order that a bug needs. Each plot divides the voters into
 * the late ones, the witnesses, and the rest, so that late ones and witnesses are just a majority:
 * what was committed without the late ones must be known to a witness.
 *
 *   FLIP    the late ones hear nothing for a while; a witness dies and comes back; then all but the
 *           late ones and the witnesses are gone for a while
 *   REFILL  the same, but the witness is damaged, and refilled by a leader that is new and gone
 *           again before it fed anybody
 *   DUEL    the leader goes; who voted for the next one dies at once and votes again
 */
#include <stdlib.h>

#include "simulation/sim_history.h"

enum plot_kind { PLOT_NONE, PLOT_FLIP, PLOT_REFILL, PLOT_DUEL };
enum plot_step { APART, FLIPPED, REELECTING, REFILLING, VOTING, WAITING };

struct sim_plots {
    struct sim *sim;
    enum plot_kind kind;
    enum plot_step step;
    uint64_t until_us;
    unsigned voters, late, witnesses; /* bits by node */
    uint64_t strike_us;               /* a refill is cut short then; 0: it is not */
    bool had_slow_witness;
};

static bool has(unsigned set, int node)
{
    return ((set >> node) & 1u) != 0;
}

static int size_of(unsigned set)
{
    return __builtin_popcount(set);
}

static unsigned any_of(struct sim *sim, unsigned set)
{
    uint64_t skip = random_below(&sim->random, (uint64_t)size_of(set));

    for (int node = 0; node < SIM_NODES; node++) {
        if (has(set, node) && skip-- == 0) {
            return 1u << node;
        }
    }
    return 0;
}

static void cut_off(struct sim *sim, unsigned set)
{
    for (int a = 0; a < SIM_NODES; a++) {
        for (int b = 0; b < SIM_NODES; b++) {
            if (has(set, a) != has(set, b)) {
                fake_network_cut(sim->network, a, b);
            }
        }
    }
    sim->totals.cuts++;
}

static void crash_set(struct sim *sim, unsigned set, uint64_t least_ms, uint64_t most_ms)
{
    for (int i = 0; i < SIM_NODES; i++) {
        struct sim_node *node = &sim->nodes[i];

        if (has(set, i) && node->is_running) {
            node->restart_at_us = sim_after(sim, least_ms, most_ms);
            sim_node_crash(node, random_chance(&sim->random, 700000));
            sim->totals.crashes++;
        }
    }
}

static uint64_t elections_of(const struct sim_node *node)
{
    struct consensus_stats stats = {0};

    if (node->is_running) {
        consensus_stats(node->consensus, &stats);
    }
    return stats.elections;
}

static uint64_t installs_of(const struct sim_node *node)
{
    struct consensus_stats stats = {0};

    if (node->is_running) {
        consensus_stats(node->consensus, &stats);
    }
    return stats.snapshots_installed;
}

static void go_on(struct sim_plots *plots, enum plot_step step, uint64_t least_ms, uint64_t most_ms)
{
    plots->step = step;
    plots->until_us = sim_after(plots->sim, least_ms, most_ms);
}

/* ---- the beginning ---- */

static bool divide(struct sim_plots *plots, const struct sim_node *leader)
{
    struct sim *sim = plots->sim;
    unsigned rest;
    int count;
    int majority;

    plots->voters = 0;
    for (int i = 0; i < SIM_NODES; i++) {
        if (sim_node_has_member(leader, 0, i)) {
            if (!sim_node_works(&sim->nodes[i])) {
                return false;
            }
            plots->voters |= 1u << i;
        }
    }
    count = size_of(plots->voters);
    majority = count / 2 + 1;
    if (count < SIM_FOUNDERS || !has(plots->voters, leader->id)) {
        return false;
    }
    plots->late = 0;
    while (size_of(plots->late) < count - majority) {
        plots->late |= any_of(sim, plots->voters & ~plots->late & ~(1u << leader->id));
    }
    rest = plots->voters & ~plots->late;
    plots->witnesses = 0;
    while (size_of(plots->witnesses | plots->late) < majority) {
        unsigned others = rest & ~plots->witnesses & ~(1u << leader->id);

        plots->witnesses |= any_of(sim, others != 0 && random_chance(&sim->random, 700000)
                                            ? others
                                            : rest & ~plots->witnesses);
    }
    return true;
}

static void slow_witnesses(struct sim_plots *plots, uint64_t most_us)
{
    for (int i = 0; i < SIM_NODES; i++) {
        if (has(plots->witnesses, i)) {
            sim_disk_set_delay(plots->sim->nodes[i].disk, most_us / 4, most_us);
        }
    }
}

void sim_plots_begin(struct sim_plots *plots)
{
    struct sim *sim = plots->sim;
    struct sim_node *leader = sim_find_leader(sim, 0, false);
    uint64_t dice = random_below(&sim->random, 10);

    if (plots->kind != PLOT_NONE || leader == NULL || !divide(plots, leader)) {
        return;
    }
    plots->had_slow_witness = random_chance(&sim->random, 400000);
    if (plots->had_slow_witness) {
        slow_witnesses(plots, 1000u << random_below(&sim->random, 10));
    }
    if (dice < 2) {
        plots->kind = PLOT_DUEL;
        plots->had_slow_witness = true;
        plots->witnesses = plots->voters;
        slow_witnesses(plots, 300 * 1000);
        crash_set(sim, 1u << leader->id, 800, 1500);
        go_on(plots, VOTING, 5000, 5000);
        sim_trace(sim, "plot: duel");
        return;
    }
    plots->kind = dice < 6 && sim_may_damage(sim) ? PLOT_REFILL : PLOT_FLIP;
    sim_trace(sim, "plot: %s, late %x, witnesses %x of %x",
              plots->kind == PLOT_FLIP ? "flip" : "refill", plots->late, plots->witnesses,
              plots->voters);
    cut_off(sim, plots->late);
    go_on(plots, APART, 300, 2500);
}

/* ---- how it goes on ---- */

static void damage_witness(struct sim_plots *plots)
{
    struct sim *sim = plots->sim;

    for (int i = 0; i < SIM_NODES; i++) {
        if (has(plots->witnesses, i) && i != SIM_SINGLE_NODE && sim_may_damage(sim)) {
            (void)sim_damage(&sim->nodes[i], SIM_DAMAGE_JOURNAL);
        }
    }
}

static void flip(struct sim_plots *plots)
{
    struct sim *sim = plots->sim;

    if (random_chance(&sim->random, 300000)) {
        damage_witness(plots);
    } else if (random_chance(&sim->random, 800000)) {
        crash_set(sim, plots->witnesses, 1, 60);
    }
    crash_set(sim, plots->voters & ~plots->late & ~plots->witnesses, 3000, 7000);
    fake_network_heal_all(sim->network);
    go_on(plots, WAITING, 7000, 8000);
}

static void after_apart(struct sim_plots *plots)
{
    struct sim *sim = plots->sim;

    if (plots->kind == PLOT_FLIP) {
        flip(plots);
        return;
    }
    damage_witness(plots);
    crash_set(sim, plots->voters & ~plots->late, 20, 60);
    fake_network_heal_all(sim->network);
    go_on(plots, REELECTING, 8000, 8000);
}

/* One of `set` was elected since it started. */
static bool is_elected(const struct sim_plots *plots, unsigned set)
{
    for (int i = 0; i < SIM_NODES; i++) {
        if (has(set, i) && elections_of(&plots->sim->nodes[i]) > 0) {
            return true;
        }
    }
    return false;
}

static bool is_refilled(const struct sim_plots *plots)
{
    for (int i = 0; i < SIM_NODES; i++) {
        if (has(plots->witnesses, i) && installs_of(&plots->sim->nodes[i]) > 0) {
            return true;
        }
    }
    return false;
}

static bool is_time_to_strike(const struct sim_plots *plots)
{
    return plots->strike_us != 0 && plots->sim->clock.now_us >= plots->strike_us;
}

/* Who votes while the leader is away: the one that wins goes on alone. */
static void watch_votes(struct sim_plots *plots)
{
    struct sim *sim = plots->sim;
    struct sim_node *winner = NULL;

    for (int i = 0; i < SIM_NODES; i++) {
        struct sim_node *node = &sim->nodes[i];

        if (has(plots->voters, i) && node->is_running && node->partitions[0] != NULL &&
            consensus_will_lead(partition_consensus(node->partitions[0]))) {
            winner = node;
        }
    }
    if (winner == NULL) {
        return;
    }
    cut_off(sim, 1u << winner->id);
    crash_set(sim, plots->voters & ~(1u << winner->id), 1, 30);
    slow_witnesses(plots, 200);
    go_on(plots, WAITING, 3000, 6000);
}

static void watch(struct sim_plots *plots)
{
    struct sim *sim = plots->sim;
    unsigned rest = plots->voters & ~plots->late & ~plots->witnesses;

    if (plots->step == REELECTING && is_elected(plots, rest)) {
        cut_off(sim, plots->late);
        go_on(plots, REFILLING, 8000, 8000);
        plots->strike_us = random_chance(&sim->random, 400000) ? sim_after(sim, 2, 400) : 0;
    } else if (plots->step == REFILLING && (is_refilled(plots) || is_time_to_strike(plots))) {
        if (!is_refilled(plots)) {
            crash_set(sim, plots->witnesses, 1, 40);
        }
        crash_set(sim, rest, 4000, 7000);
        fake_network_heal_all(sim->network);
        go_on(plots, WAITING, 7000, 8000);
    } else if (plots->step == VOTING) {
        watch_votes(plots);
    }
}

void sim_plots_stop(struct sim_plots *plots)
{
    if (plots->kind != PLOT_NONE) {
        fake_network_heal_all(plots->sim->network);
        if (plots->had_slow_witness) {
            slow_witnesses(plots, 200);
        }
    }
    plots->kind = PLOT_NONE;
    plots->until_us = 0;
}

void sim_plots_run(struct sim_plots *plots)
{
    if (plots->kind == PLOT_NONE) {
        return;
    }
    watch(plots);
    if (plots->sim->clock.now_us < plots->until_us) {
        return;
    }
    if (plots->step == APART) {
        after_apart(plots);
    } else {
        sim_plots_stop(plots);
    }
}

uint64_t sim_plots_next_us(const struct sim_plots *plots)
{
    return plots->until_us;
}

bool sim_plots_is_busy(const struct sim_plots *plots)
{
    return plots->kind != PLOT_NONE;
}

/* ---- life ---- */

struct sim_plots *sim_plots_new(struct sim *sim)
{
    struct sim_plots *plots = check_alloc_zero(sizeof *plots);

    plots->sim = sim;
    return plots;
}

void sim_plots_free(struct sim_plots *plots)
{
    free(plots);
}
