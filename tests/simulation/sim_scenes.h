/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What scenes are made of: a table of steps, a cast of voters, and what may be done to them. Sets
 * of nodes are bits by node.
 */
#ifndef GYRE_TESTS_SIMULATION_SIM_SCENES_H
#define GYRE_TESTS_SIMULATION_SIM_SCENES_H

#include "simulation/sim.h"

/*
 * A step begins, and ends when `until` says so; without one, after its time. If `until` has not
 * said so after its time the scene is over, and has failed if `failure` is there. `forbidden` must
 * not become true meanwhile: then it is `failure`, too.
 */
struct scene_step {
    void (*begin)(struct sim_scenes *scenes);
    bool (*until)(struct sim_scenes *scenes);
    bool (*forbidden)(struct sim_scenes *scenes);
    unsigned least_ms, most_ms;
    const char *failure;
};

enum { OWN_SEEDS_MAX = 3, NO_SEED = 1000 };

struct scene {
    const char *name;
    const struct scene_step *steps;
    int step_count;
    int voters_min, voters_max;
    bool needs_whole_disks;        /* no replica is damaged, none loses what is in memory */
    bool needs_big_segments;       /* batches may go around the journal */
    bool needs_snapshots;          /* they come often */
    uint64_t seeds[OWN_SEEDS_MAX]; /* of own scenes: whose seeds play it, see sim_scenes.c */
};

struct sim_scenes {
    struct sim *sim;
    struct random random; /* not the simulation's: who plays no scene is not moved by them */
    const struct scene *scene;
    int step; /* -1: everything is to become calm first */
    int left; /* scenes to be played */
    uint64_t until_us;
    /* the cast */
    unsigned voters, leader, late, witnesses, rest;
    unsigned a, b, c; /* parts of a scene's own */
    uint64_t due_us;  /* of a scene's own */
    uint64_t mark;
    uint64_t born_us;
    struct partition_truncate truncate;
    bool is_deleting;
};

#define SCENE_STEPS(table) .steps = table, .step_count = (int)(sizeof(table) / sizeof((table)[0]))

extern const struct scene sim_raft_scenes[];
extern const int sim_raft_scene_count;
extern const struct scene sim_disk_scenes[];
extern const int sim_disk_scene_count;
/* Of seeds of their own. */
extern const struct scene sim_own_raft_scenes[];
extern const int sim_own_raft_scene_count;
extern const struct scene sim_own_disk_scenes[];
extern const int sim_own_disk_scene_count;

static inline bool scene_has(unsigned set, int node)
{
    return ((set >> node) & 1u) != 0;
}

static inline int scene_size(unsigned set)
{
    return __builtin_popcount(set);
}

uint64_t scene_random(struct sim_scenes *scenes, uint64_t least, uint64_t most);
unsigned scene_any(struct sim_scenes *scenes, unsigned set);
/* The only one of a set of one; -1: the set is empty. */
int32_t scene_one(unsigned set);
struct sim_node *scene_node(struct sim_scenes *scenes, unsigned set);

/* Both ways between these. */
void scene_cut(struct sim_scenes *scenes, unsigned one, unsigned other);
void scene_cut_off(struct sim_scenes *scenes, unsigned set);
/* Their links break at once, where a cut is only noticed by silence. */
void scene_break(struct sim_scenes *scenes, unsigned one, unsigned other);
void scene_join(struct sim_scenes *scenes, unsigned one, unsigned other);
void scene_heal(struct sim_scenes *scenes);
void scene_crash(struct sim_scenes *scenes, unsigned set, bool loses_power, uint64_t restart_ms);
void scene_slow(struct sim_scenes *scenes, unsigned set, uint64_t least_ms, uint64_t most_ms);
void scene_fast(struct sim_scenes *scenes, unsigned set);

/* Of `set`, who was elected in group 0 and has not lost it; empty: nobody. */
unsigned scene_elected(struct sim_scenes *scenes, unsigned set);
/* Of `set`, who leads it. */
unsigned scene_leading(struct sim_scenes *scenes, unsigned set);
struct consensus_group *scene_group(struct sim_scenes *scenes, unsigned set);
struct partition_log *scene_log(struct sim_scenes *scenes, unsigned set);

#endif
