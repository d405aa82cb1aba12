/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A region in one thread, from one seed: nodes with the product's raft, partition and storage, a
 * network, clients, faults, and a checker that sees histories only.
 *
 * Two groups: one that moves between five nodes and has three to five voters, and one of a single
 * replica. Each seed runs SIM_SECONDS of virtual time under faults, then everything heals and the
 * logs are read whole.
 *
 * Where group 0 is in memory, power is lost by one of its replicas at a time, so that P1 holds
 * there too: a loss of power that would be the second is the death of a process instead.
 */
#ifndef GYRE_TESTS_SIMULATION_SIM_H
#define GYRE_TESTS_SIMULATION_SIM_H

#include "gyre/base/random.h"
#include "gyre/partition/partition.h"
#include "gyre/raft/consensus.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/work.h"

#include "simulation/sim_disk.h"
#include "support/fake_clock.h"
#include "support/fake_links.h"

enum {
    SIM_NODES = 5,
    SIM_GROUPS = 2, /* 0: replicated; 1: a single replica, on SIM_SINGLE_NODE */
    SIM_SINGLE_NODE = 1,
    SIM_FOUNDERS = 3,
    SIM_PRODUCERS = 6,
    SIM_READERS = 4,
    SIM_SECONDS = 120,
    SIM_HEAL_SECONDS = 120,
    SIM_ACKED_MIN = 1000,
};

struct sim;
struct sim_history;

/* Work that gyred gives to a pool, done in order on the loop. */
struct sim_pool {
    struct work_pool pool; /* first */
    struct loop *loop;
    struct task task;
    struct work *first, *last;
};

struct sim_node {
    struct sim *sim;
    int32_t id;
    bool is_running, is_woken, is_dying;
    uint64_t next_us;
    uint64_t paused_until_us; /* as by SIGSTOP; 0: runs */
    uint64_t restart_at_us;   /* while it is down */
    uint64_t crash_at_us;     /* the power goes then; 0: it stays */
    uint64_t crash_at_sent;   /* the power goes when so many frames were sent; 0: it stays */
    uint64_t full_until_us;
    uint64_t life; /* how often it was started */
    struct random random;
    struct loop loop;
    struct sim_pool pool;
    struct links *links;
    struct rpc *rpc;
    struct sim_disk *disk;
    struct storage *storage;
    struct consensus *consensus;
    struct partition_table *table;
    struct partition_listener listener;
    struct partition *partitions[SIM_GROUPS]; /* NULL: not here */
    bool must_reopen[SIM_GROUPS];             /* when what it had is gone */
    bool has_left[SIM_GROUPS];                /* was removed once: it founds nothing any more */
    bool was_damaged;                         /* and has not been refilled since */
    bool damage_is_plain;                     /* it is found when the node starts */
    bool was_unclean; /* lost power while group 0 was in memory, and has not caught up since */
    bool is_whole[SIM_GROUPS];  /* or was when it died, and nothing damaged its disk since */
    int64_t served[SIM_GROUPS]; /* behind what readers got from it while it followed */
};

struct sim_totals {
    uint64_t elections, truncations, installs, torn_recoveries, changes, transfers, snapshots;
    uint64_t crashes, cuts, pauses, fulls, damages, faults;
    uint64_t acked, read;
};

struct sim {
    uint64_t seed;
    bool is_verbose;
    struct fake_clock clock;
    struct random random;
    struct fake_network *network;
    struct consensus_options options;
    struct sim_node nodes[SIM_NODES];
    struct sim_history *history;
    struct sim_clients *clients;
    struct sim_faults *faults;
    struct sim_plots *plots;
    struct sim_scenes *scenes;
    bool has_big_batches;    /* some go around the journal; segments are larger */
    bool has_memory;         /* group 0 acknowledges what a majority has in memory */
    uint64_t memory_sync_us; /* so long it may lie there without being flushed */
    bool is_healing;         /* the end: no new faults, producers stop */
    struct sim_totals totals;
    char failure[256]; /* empty: none so far */
};

extern const struct group_id sim_groups[SIM_GROUPS];

/* Run one seed. True: every promise was kept. */
bool sim_run(uint64_t seed, bool is_verbose, struct sim_totals *out_totals, uint64_t *out_hash,
             char failure[256]);

void sim_fail(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sim_trace(const struct sim *sim, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- nodes (sim_node.c) ---- */
void sim_node_init(struct sim *sim, int32_t id);
void sim_node_release(struct sim_node *node);
void sim_node_start(struct sim_node *node);
void sim_node_crash(struct sim_node *node, bool loses_power);
/* What its disk or an order of sim_faults.c asks for. */
void sim_node_crash_if_due(struct sim_node *node);
/* The group moved away: what it had here goes; a fresh replica waits to be asked. */
void sim_node_forget(struct sim_node *node, int group);
void sim_node_reopen(struct sim_node *node);
/* What it has is not taken for damaged unless it was damaged. */
void sim_node_check_whole(struct sim_node *node);
/* Is no other replica without what it had, so that this one may lose it? */
bool sim_node_may_lose(const struct sim_node *node);
/* What it lost with its power it has again, or nobody counts on it. */
void sim_node_note_whole(struct sim_node *node);
bool sim_node_works(const struct sim_node *node); /* runs and is not paused */
/* Does this node take `other`, or itself, for a voter? */
bool sim_node_has_member(const struct sim_node *node, int group, int32_t other);
bool sim_node_is_voter(const struct sim_node *node, int group);
bool sim_node_is_caught_up(const struct sim_node *node, int group);
int sim_node_voter_count(const struct sim_node *node, int group);
void sim_node_describe_all(const struct sim *sim);
/* Who says it leads; NULL: nobody. The newest epoch, or any by chance if `may_be_stale`. */
struct sim_node *sim_find_leader(struct sim *sim, int group, bool may_be_stale);

/* ---- clients (sim_clients.c) ---- */
struct sim_clients *sim_clients_new(struct sim *sim);
void sim_clients_free(struct sim_clients *clients);
uint64_t sim_clients_next_us(const struct sim_clients *clients);
void sim_clients_run(struct sim_clients *clients);
void sim_clients_node_died(struct sim_clients *clients, const struct sim_node *node);
/* No answer arrives, until this is taken back. */
void sim_clients_set_deaf(struct sim_clients *clients, bool are_deaf);
/* Most batches go around the journal, where the segments are large enough. */
void sim_clients_set_big(struct sim_clients *clients, bool are_big);
/* Acknowledgements of this group since sim_clients_watch(), by `node` (-1: any), of what was sent
 * since then. */
void sim_clients_watch(struct sim_clients *clients, int group, int32_t node);
int sim_clients_watched(const struct sim_clients *clients);
/* Nothing is open any more. */
bool sim_clients_are_done(const struct sim_clients *clients);

/* ---- faults (sim_faults.c) ---- */
struct sim_faults *sim_faults_new(struct sim *sim);
void sim_faults_free(struct sim_faults *faults);
uint64_t sim_faults_next_us(const struct sim_faults *faults);
void sim_faults_run(struct sim_faults *faults);
void sim_faults_heal(struct sim_faults *faults);
/* What is broken is mended; what comes next is not touched. */
void sim_faults_calm(struct sim_faults *faults);
bool sim_faults_is_changing(const struct sim_faults *faults);
/* By chance between so many milliseconds from now. */
uint64_t sim_after(struct sim *sim, uint64_t least_ms, uint64_t most_ms);
/* Is no replica damaged, so that one may be? */
bool sim_may_damage(const struct sim *sim);
/* Crash it, damage what it has, and start it again soon. False: there was nothing to damage. */
enum sim_damage {
    SIM_DAMAGE_LOG,
    SIM_DAMAGE_JOURNAL,
    SIM_DAMAGE_TRUNCATION,
    SIM_DAMAGE_OUTSIDE,
};
bool sim_damage(struct sim_node *node, enum sim_damage where);

/* ---- plots: faults in an order that a bug needs to be seen (sim_plots.c) ---- */
struct sim_plots *sim_plots_new(struct sim *sim);
void sim_plots_free(struct sim_plots *plots);
void sim_plots_begin(struct sim_plots *plots);
void sim_plots_run(struct sim_plots *plots);
void sim_plots_stop(struct sim_plots *plots);
uint64_t sim_plots_next_us(const struct sim_plots *plots); /* 0: nothing is planned */
bool sim_plots_is_busy(const struct sim_plots *plots);

/* ---- scenes: one bug's whole story, undisturbed (sim_scenes.c) ---- */
struct sim_scenes *sim_scenes_new(struct sim *sim);
/* The scene that this seed plays would else not be played. */
bool sim_scenes_need_big_batches(uint64_t seed);
void sim_scenes_free(struct sim_scenes *scenes);
void sim_scenes_run(struct sim_scenes *scenes);
void sim_scenes_stop(struct sim_scenes *scenes);
uint64_t sim_scenes_next_us(const struct sim_scenes *scenes);
bool sim_scenes_is_busy(const struct sim_scenes *scenes);

#endif
