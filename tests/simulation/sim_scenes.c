/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scenes: a bug that needs one order of events gets it, and nothing else happens meanwhile. Seeds
 * draw none, one, or a few, from a chance of their own; when one is due, everything that is broken
 * is mended first. The bugs are those of MUTATIONS.tsv: what each scene tells stands beside it.
 * Some scenes are played by seeds of their own, and as often as there is time for.
 */
#include "simulation/sim_scenes.h"

#include <stdlib.h>

#include "gyre/storage/storage.h"

enum {
    SCENES_MAX = 5, /* a seed draws fewer */
    FIRST_MS = 5000,
    CALM_MS = 15000,
    PAUSE_MS = 12000,
    OWN_SHARE = 40,                      /* by what is left of a seed, it plays one of its own */
    LAST_MS = (SIM_SECONDS - 20) * 1000, /* none begins later */
};

uint64_t scene_random(struct sim_scenes *scenes, uint64_t least, uint64_t most)
{
    return least + random_below(&scenes->random, most - least + 1);
}

static uint64_t after(struct sim_scenes *scenes, uint64_t least_ms, uint64_t most_ms)
{
    return scenes->sim->clock.now_us + scene_random(scenes, least_ms * 1000, most_ms * 1000);
}

unsigned scene_any(struct sim_scenes *scenes, unsigned set)
{
    uint64_t skip = set == 0 ? 0 : scene_random(scenes, 0, (uint64_t)scene_size(set) - 1);

    for (int node = 0; node < SIM_NODES; node++) {
        if (scene_has(set, node) && skip-- == 0) {
            return 1u << node;
        }
    }
    return 0;
}

int32_t scene_one(unsigned set)
{
    return set == 0 ? -1 : __builtin_ctz(set);
}

struct sim_node *scene_node(struct sim_scenes *scenes, unsigned set)
{
    return &scenes->sim->nodes[set == 0 ? 0 : scene_one(set)];
}

/* ---- the network ---- */

typedef void (*scene_link)(struct fake_network *network, int32_t from, int32_t to);

static void between(struct sim_scenes *scenes, unsigned one, unsigned other, scene_link change)
{
    for (int32_t a = 0; a < SIM_NODES; a++) {
        for (int32_t b = 0; b < SIM_NODES; b++) {
            if (a != b && scene_has(one, a) && scene_has(other, b)) {
                change(scenes->sim->network, a, b);
                change(scenes->sim->network, b, a);
            }
        }
    }
}

void scene_cut(struct sim_scenes *scenes, unsigned one, unsigned other)
{
    between(scenes, one, other, fake_network_cut);
    scenes->sim->totals.cuts++;
}

void scene_cut_off(struct sim_scenes *scenes, unsigned set)
{
    scene_cut(scenes, set, ~set);
}

void scene_break(struct sim_scenes *scenes, unsigned one, unsigned other)
{
    between(scenes, one, other, fake_network_reset);
}

void scene_join(struct sim_scenes *scenes, unsigned one, unsigned other)
{
    between(scenes, one, other, fake_network_heal);
}

void scene_heal(struct sim_scenes *scenes)
{
    fake_network_heal_all(scenes->sim->network);
}

/* ---- machines ---- */

void scene_crash(struct sim_scenes *scenes, unsigned set, bool loses_power, uint64_t restart_ms)
{
    for (int i = 0; i < SIM_NODES; i++) {
        struct sim_node *node = &scenes->sim->nodes[i];

        if (scene_has(set, i) && node->is_running) {
            node->restart_at_us = scenes->sim->clock.now_us + restart_ms * 1000;
            sim_node_crash(node, loses_power);
            scenes->sim->totals.crashes++;
        }
    }
}

void scene_slow(struct sim_scenes *scenes, unsigned set, uint64_t least_ms, uint64_t most_ms)
{
    for (int i = 0; i < SIM_NODES; i++) {
        if (scene_has(set, i)) {
            sim_disk_set_delay(scenes->sim->nodes[i].disk, least_ms * 1000, most_ms * 1000);
        }
    }
}

void scene_fast(struct sim_scenes *scenes, unsigned set)
{
    for (int i = 0; i < SIM_NODES; i++) {
        if (scene_has(set, i)) {
            sim_disk_set_delay(scenes->sim->nodes[i].disk, 20, 200);
        }
    }
}

/* ---- questions ---- */

struct consensus_group *scene_group(struct sim_scenes *scenes, unsigned set)
{
    struct sim_node *node = scene_node(scenes, set);

    return set == 0 || !node->is_running || node->partitions[0] == NULL
               ? NULL
               : partition_consensus(node->partitions[0]);
}

struct partition_log *scene_log(struct sim_scenes *scenes, unsigned set)
{
    struct sim_node *node = scene_node(scenes, set);

    return set == 0 || !node->is_running ? NULL : storage_find_log(node->storage, sim_groups[0]);
}

unsigned scene_leading(struct sim_scenes *scenes, unsigned set)
{
    for (int i = 0; i < SIM_NODES; i++) {
        struct consensus_group *group = scene_has(set, i) ? scene_group(scenes, 1u << i) : NULL;

        if (group != NULL && consensus_leads(group)) {
            return 1u << i;
        }
    }
    return 0;
}

unsigned scene_elected(struct sim_scenes *scenes, unsigned set)
{
    for (int i = 0; i < SIM_NODES; i++) {
        struct consensus_group *group = scene_has(set, i) ? scene_group(scenes, 1u << i) : NULL;

        if (group != NULL && (consensus_leads(group) || consensus_will_lead(group))) {
            return 1u << i;
        }
    }
    return 0;
}

/* ---- the play ---- */

/* The late ones and the witnesses are just a majority, and so are all that are not late: what is
 * committed without the late ones is known to a witness. */
static void divide(struct sim_scenes *scenes, const struct sim_node *leader)
{
    int count;
    int majority;

    scenes->voters = 0;
    for (int i = 0; i < SIM_NODES; i++) {
        scenes->voters |= sim_node_has_member(leader, 0, i) ? 1u << i : 0;
    }
    count = scene_size(scenes->voters);
    majority = count / 2 + 1;
    scenes->leader = 1u << leader->id;
    scenes->late = 0;
    while (scene_size(scenes->late) < count - majority) {
        scenes->late |= scene_any(scenes, scenes->voters & ~scenes->late & ~scenes->leader);
    }
    scenes->witnesses = 0;
    while (scene_size(scenes->witnesses | scenes->late) < majority) {
        scenes->witnesses |= scene_any(scenes, scenes->voters & ~scenes->late & ~scenes->leader &
                                                   ~scenes->witnesses);
    }
    scenes->rest = scenes->voters & ~scenes->late & ~scenes->witnesses;
    scenes->a = scenes->b = scenes->c = 0;
}

static bool is_calm(const struct sim_scenes *scenes, const struct sim_node *leader)
{
    struct sim *sim = scenes->sim;

    if (leader == NULL || !sim_node_is_voter(leader, 0) || sim_faults_is_changing(sim->faults)) {
        return false;
    }
    for (int i = 0; i < SIM_NODES; i++) {
        const struct sim_node *node = &sim->nodes[i];

        if (!sim_node_works(node) ||
            (sim_node_has_member(leader, 0, i) && !sim_node_is_caught_up(node, 0))) {
            return false;
        }
    }
    return true;
}

static void go_to(struct sim_scenes *scenes, int step)
{
    const struct scene_step *next = &scenes->scene->steps[step];

    scenes->step = step;
    scenes->until_us = after(scenes, next->least_ms, next->most_ms);
    if (next->begin != NULL) {
        next->begin(scenes);
    }
}

static void mend(struct sim_scenes *scenes)
{
    struct sim *sim = scenes->sim;

    sim_clients_set_deaf(sim->clients, false);
    sim_clients_set_big(sim->clients, false);
    sim_clients_watch(sim->clients, -1, -1);
    for (int i = 0; i < SIM_NODES; i++) {
        sim_disk_set_full(sim->nodes[i].disk, false);
    }
    sim_faults_calm(sim->faults);
}

static void end(struct sim_scenes *scenes)
{
    sim_trace(scenes->sim, "scene %s ends in step %d", scenes->scene->name, scenes->step);
    scenes->scene = NULL;
    scenes->left--;
    mend(scenes);
    scenes->until_us = after(scenes, 0, PAUSE_MS);
}

void sim_scenes_stop(struct sim_scenes *scenes)
{
    scenes->left = 0;
    if (scenes->scene != NULL) {
        scenes->scene = NULL;
        mend(scenes);
    }
}

static bool may_play(const struct sim_scenes *scenes, const struct scene *scene)
{
    const struct sim *sim = scenes->sim;

    return (!scene->needs_whole_disks || (sim_may_damage(sim) && !sim->has_memory)) &&
           (!scene->needs_big_segments || sim->has_big_batches) &&
           (!scene->needs_snapshots || sim->options.snapshot_entries <= 60);
}

static const struct scene *scene_of_seed(const struct scene *scenes, int count, uint64_t seed)
{
    for (int i = 0; i < count; i++) {
        for (int j = 0; j < OWN_SEEDS_MAX; j++) {
            if (seed % OWN_SHARE == scenes[i].seeds[j]) {
                return &scenes[i];
            }
        }
    }
    return NULL;
}

/* So that what the other seeds do is not moved by these scenes. NULL: the seed has none. */
static const struct scene *own_scene(uint64_t seed)
{
    const struct scene *scene = scene_of_seed(sim_own_raft_scenes, sim_own_raft_scene_count, seed);

    return scene != NULL ? scene
                         : scene_of_seed(sim_own_disk_scenes, sim_own_disk_scene_count, seed);
}

bool sim_scenes_need_big_batches(uint64_t seed)
{
    const struct scene *scene = own_scene(seed);

    return scene != NULL && scene->needs_big_segments;
}

static const struct scene *any_scene(struct sim_scenes *scenes)
{
    uint64_t count = (uint64_t)(sim_raft_scene_count + sim_disk_scene_count);

    if (own_scene(scenes->sim->seed) != NULL) {
        return own_scene(scenes->sim->seed);
    }

    for (int i = 0; i < 8; i++) {
        int pick = (int)scene_random(scenes, 0, count - 1);
        const struct scene *scene = pick < sim_raft_scene_count
                                        ? &sim_raft_scenes[pick]
                                        : &sim_disk_scenes[pick - sim_raft_scene_count];

        if (may_play(scenes, scene)) {
            return scene;
        }
    }
    return NULL;
}

static void choose(struct sim_scenes *scenes)
{
    struct sim *sim = scenes->sim;

    if (sim->clock.now_us > scenes->born_us + (uint64_t)LAST_MS * 1000) {
        scenes->left = 0;
        return;
    }
    scenes->scene = any_scene(scenes);
    scenes->until_us = after(scenes, CALM_MS, CALM_MS);
    if (scenes->scene != NULL) {
        scenes->step = -1;
        sim_faults_calm(sim->faults);
    }
}

static void begin_when_calm(struct sim_scenes *scenes)
{
    const struct sim_node *leader = sim_find_leader(scenes->sim, 0, false);
    int voters = leader == NULL ? 0 : sim_node_voter_count(leader, 0);

    if (!is_calm(scenes, leader)) {
        if (scenes->sim->clock.now_us >= scenes->until_us) {
            end(scenes);
        }
        return;
    }
    if (voters < scenes->scene->voters_min || voters > scenes->scene->voters_max ||
        !may_play(scenes, scenes->scene)) {
        end(scenes);
        return;
    }
    divide(scenes, leader);
    sim_trace(scenes->sim, "scene %s: leader %x, late %x, witnesses %x of %x", scenes->scene->name,
              scenes->leader, scenes->late, scenes->witnesses, scenes->voters);
    go_to(scenes, 0);
}

static void play(struct sim_scenes *scenes)
{
    const struct scene_step *step = &scenes->scene->steps[scenes->step];
    bool is_over = scenes->sim->clock.now_us >= scenes->until_us;
    bool is_done = step->until == NULL ? is_over : step->until(scenes);

    if (step->forbidden != NULL && step->forbidden(scenes)) {
        sim_fail(scenes->sim, "%s", step->failure);
    } else if (is_done && scenes->step + 1 < scenes->scene->step_count) {
        go_to(scenes, scenes->step + 1);
    } else if (is_done) {
        end(scenes);
    } else if (is_over) {
        if (step->failure != NULL && step->forbidden == NULL) {
            sim_fail(scenes->sim, "%s", step->failure);
        }
        end(scenes);
    }
}

void sim_scenes_run(struct sim_scenes *scenes)
{
    if (scenes->left == 0) {
        return;
    }
    if (scenes->scene == NULL) {
        if (scenes->sim->clock.now_us >= scenes->until_us) {
            choose(scenes);
        }
    } else if (scenes->step < 0) {
        begin_when_calm(scenes);
    } else {
        play(scenes);
    }
}

uint64_t sim_scenes_next_us(const struct sim_scenes *scenes)
{
    return scenes->left == 0 ? 0 : scenes->until_us;
}

bool sim_scenes_is_busy(const struct sim_scenes *scenes)
{
    return scenes->scene != NULL;
}

/* ---- life ---- */

struct sim_scenes *sim_scenes_new(struct sim *sim)
{
    struct sim_scenes *scenes = check_alloc_zero(sizeof *scenes);

    scenes->sim = sim;
    random_seed(&scenes->random, sim->seed ^ 0x5CE4E5u);
    scenes->left = (int)scene_random(scenes, 0, SCENES_MAX);
    scenes->left -= scenes->left == 1;
    scenes->left = own_scene(sim->seed) != NULL ? SCENES_MAX : scenes->left;
    scenes->born_us = sim->clock.now_us;
    scenes->until_us = after(scenes, FIRST_MS, FIRST_MS + PAUSE_MS);
    return scenes;
}

void sim_scenes_free(struct sim_scenes *scenes)
{
    free(scenes);
}
