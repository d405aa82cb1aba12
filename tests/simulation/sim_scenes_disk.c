/* SPDX-License-Identifier: Apache-2.0 */
/* Scenes of disks that fail, fill, lie, or hold half of something. */
#include "gyre/storage/partition_log.h"

#include "simulation/sim_history.h"
#include "simulation/sim_scenes.h"

enum {
    AWAY_MS = 7000,
    ACKS_MAX = 10,
    PULSE_US = 2500 * 1000, /* longer than a segment that may go stays */
    PULL_BEHIND = 6,        /* records that are left at least */
};

#define SINGLE (1u << SIM_SINGLE_NODE)

/* ---- a write or a sync fails under the group that nobody else has a copy of ---- */

static void arm(struct sim_scenes *scenes, bool in_journal, uint64_t most)
{
    sim_disk_fail_at(scene_node(scenes, SINGLE)->disk, in_journal,
                     (int)scene_random(scenes, 1, most));
}

static void bad_sync_begin(struct sim_scenes *scenes)
{
    arm(scenes, false, 4);
}

static void bad_write_begin(struct sim_scenes *scenes)
{
    arm(scenes, true, 20);
}

static bool sync_has_failed(struct sim_scenes *scenes)
{
    return !sim_disk_fails_soon(scene_node(scenes, SINGLE)->disk, false);
}

static bool write_has_failed(struct sim_scenes *scenes)
{
    return !sim_disk_fails_soon(scene_node(scenes, SINGLE)->disk, true);
}

static void single_crash(struct sim_scenes *scenes)
{
    scene_crash(scenes, SINGLE, true, 50);
}

static const struct scene_step bad_sync[] = {
    {.begin = bad_sync_begin, .until = sync_has_failed, .least_ms = 15000, .most_ms = 15000},
    {.least_ms = 20, .most_ms = 500},
    {.begin = single_crash, .least_ms = 2000, .most_ms = 2000},
};

static const struct scene_step bad_write[] = {
    {.begin = bad_write_begin, .until = write_has_failed, .least_ms = 5000, .most_ms = 5000},
    {.least_ms = 20, .most_ms = 500},
    {.begin = single_crash, .least_ms = 2000, .most_ms = 2000},
};

/* ---- torn: the power goes while a batch goes around the journal ---- */

static void torn_begin(struct sim_scenes *scenes)
{
    sim_clients_set_big(scenes->sim->clients, true);
    scene_slow(scenes, SINGLE, 50, 200);
}

static const struct scene_step torn[] = {
    {.begin = torn_begin, .least_ms = 500, .most_ms = 2000},
    {.begin = single_crash, .least_ms = 500, .most_ms = 2000},
    {.begin = single_crash, .least_ms = 500, .most_ms = 2000},
    {.begin = single_crash, .least_ms = 500, .most_ms = 500},
};

/* ---- full: a disk without a byte belongs to every majority ---- */

/* a: whose disk is full. */
static void full_leader(struct sim_scenes *scenes)
{
    scenes->a = scenes->leader;
    sim_disk_fill(scene_node(scenes, scenes->a)->disk);
}

static void full_follower(struct sim_scenes *scenes)
{
    scenes->a = scene_any(scenes, scenes->voters & ~scenes->late & ~scenes->leader);
    scene_cut_off(scenes, scenes->late);
    sim_disk_fill(scene_node(scenes, scenes->a)->disk);
}

static void watch_leader(struct sim_scenes *scenes)
{
    sim_clients_watch(scenes->sim->clients, 0, scene_one(scenes->a));
}

static void watch_all(struct sim_scenes *scenes)
{
    sim_clients_watch(scenes->sim->clients, 0, -1);
}

/* What it deletes makes room, and then there is nothing to be said. */
static bool full_no_more(struct sim_scenes *scenes)
{
    return sim_disk_has_room(scene_node(scenes, scenes->a)->disk);
}

static bool full_is_acked(struct sim_scenes *scenes)
{
    return !full_no_more(scenes) && sim_clients_watched(scenes->sim->clients) > ACKS_MAX;
}

static const char takes_without_room[] =
    "batches are acknowledged that a full disk had no room for";

static const struct scene_step leader_full[] = {
    {.begin = full_leader, .least_ms = 1500, .most_ms = 1500},
    {.begin = watch_leader,
     .until = full_no_more,
     .forbidden = full_is_acked,
     .least_ms = 4000,
     .most_ms = 4000,
     .failure = takes_without_room},
};

static const struct scene_step follower_full[] = {
    {.begin = full_follower, .least_ms = 1500, .most_ms = 1500},
    {.begin = watch_all,
     .until = full_no_more,
     .forbidden = full_is_acked,
     .least_ms = 4000,
     .most_ms = 4000,
     .failure = takes_without_room},
};

/* ---- lying: damage in a batch that only the leader and a witness have; soft: not flushed ---- */

static void lying_begin(struct sim_scenes *scenes)
{
    sim_clients_set_big(scenes->sim->clients, true);
    scene_cut_off(scenes, scenes->late);
}

static void lying_note(struct sim_scenes *scenes)
{
    scenes->a = scene_any(scenes, scenes->witnesses);
    sim_disk_note_outside(scene_node(scenes, scenes->a)->disk, sim_groups[0]);
}

static void lying_damage(struct sim_scenes *scenes)
{
    if (sim_may_damage(scenes->sim)) {
        (void)sim_damage(scene_node(scenes, scenes->a), SIM_DAMAGE_OUTSIDE);
    }
    scene_crash(scenes, scenes->rest, false, AWAY_MS);
    scene_heal(scenes);
}

static const struct scene_step lying[] = {
    {.begin = lying_begin, .least_ms = 500, .most_ms = 2000},
    {.begin = lying_note, .least_ms = 150, .most_ms = 500},
    {.begin = lying_damage, .least_ms = AWAY_MS + 1000, .most_ms = AWAY_MS + 1000},
};

/* ---- half: a refill is cut short, and who gave it is gone ---- */

static void half_begin(struct sim_scenes *scenes)
{
    scene_cut_off(scenes, scenes->late);
}

static void half_damage(struct sim_scenes *scenes)
{
    scenes->a = scene_any(scenes, scenes->witnesses & ~SINGLE);
    if (scenes->a != 0) {
        scene_slow(scenes, scenes->a, 60, 120);
        (void)sim_damage(scene_node(scenes, scenes->a), SIM_DAMAGE_JOURNAL);
    }
}

static bool half_is_open(struct sim_scenes *scenes)
{
    const struct partition_log *log = scene_log(scenes, scenes->a);

    return log != NULL && partition_log_is_corrupt(log) && partition_log_last_index(log) == 0;
}

/* The damaged one starts again at once, among those who were late: the others are away. */
static void leave_to_the_late(struct sim_scenes *scenes, bool loses_power)
{
    scene_fast(scenes, scenes->a);
    scene_crash(scenes, scenes->a, loses_power, 5);
    scene_crash(scenes, scenes->rest, false, AWAY_MS);
    scene_heal(scenes);
}

static void half_strike(struct sim_scenes *scenes)
{
    leave_to_the_late(scenes, true);
}

static const struct scene_step half[] = {
    {.begin = half_begin, .least_ms = 500, .most_ms = 1500},
    {.begin = half_damage, .until = half_is_open, .least_ms = 5000, .most_ms = 5000},
    {.least_ms = 30, .most_ms = 400},
    {.begin = half_strike, .least_ms = AWAY_MS + 1000, .most_ms = AWAY_MS + 1000},
};

/* ---- again: who was refilled loses its power at once, and another is damaged ---- */

static void again_begin(struct sim_scenes *scenes)
{
    scenes->a = scene_any(scenes, scenes->voters & ~SINGLE);
    if (!sim_damage(scene_node(scenes, scenes->a), SIM_DAMAGE_JOURNAL)) {
        scenes->a = 0;
    }
}

static bool again_is_whole(struct sim_scenes *scenes)
{
    const struct sim_node *node = scene_node(scenes, scenes->a);
    struct consensus_stats stats = {0};

    if (scenes->a != 0 && node->is_running) {
        consensus_stats(node->consensus, &stats);
    }
    return stats.snapshots_installed > 0 && sim_node_is_caught_up(node, 0);
}

static void again_strike(struct sim_scenes *scenes)
{
    unsigned other = scene_any(scenes, scenes->voters & ~scenes->a & ~SINGLE);

    scene_crash(scenes, scenes->a, true, 10);
    (void)sim_damage(scene_node(scenes, other), SIM_DAMAGE_JOURNAL);
    scene_crash(scenes, scenes->voters & ~scenes->a & ~other, false, 10);
}

static const struct scene_step again[] = {
    {.begin = again_begin, .until = again_is_whole, .least_ms = 8000, .most_ms = 8000},
    {.least_ms = 50, .most_ms = 400},
    {.begin = again_strike, .least_ms = 3000, .most_ms = 3000},
};

/* ---- early cut: a replica dies before it has said that a part of its log is gone ---- */

static void early_begin(struct sim_scenes *scenes)
{
    scene_cut_off(scenes, scenes->leader);
}

/* What it wrote alone reaches its segments and a checkpoint. */
static void early_restart(struct sim_scenes *scenes)
{
    scene_crash(scenes, scenes->leader, false, 10);
}

static void early_meet(struct sim_scenes *scenes)
{
    struct sim_disk *disk = scene_node(scenes, scenes->leader)->disk;

    sim_disk_set_journal_delay(disk, 300 * 1000, 500 * 1000);
    scene_heal(scenes);
}

static bool early_is_cut(struct sim_scenes *scenes)
{
    struct consensus_stats stats = {0};
    const struct sim_node *node = scene_node(scenes, scenes->leader);

    if (node->is_running) {
        consensus_stats(node->consensus, &stats);
    }
    return stats.truncations > 0;
}

/* And of the two others one is damaged: with the one that is whole it is the majority. */
static void early_strike(struct sim_scenes *scenes)
{
    unsigned others = scenes->voters & ~scenes->leader;

    scenes->a = scene_any(scenes, others & ~SINGLE);
    scene_fast(scenes, scenes->leader);
    scene_crash(scenes, scenes->leader, false, 10);
    (void)sim_damage(scene_node(scenes, scenes->a), SIM_DAMAGE_JOURNAL);
    scene_crash(scenes, others & ~scenes->a, false, 10);
}

static const struct scene_step early_cut[] = {
    {.begin = early_begin, .least_ms = 600, .most_ms = 1200},
    {.begin = early_restart, .least_ms = 2000, .most_ms = 3500},
    {.begin = early_meet, .until = early_is_cut, .least_ms = 5000, .most_ms = 5000},
    {.least_ms = 1, .most_ms = 300},
    {.begin = early_strike, .least_ms = 3000, .most_ms = 3000},
};

/* Batches that go around the journal want their places at once. */
static void big_cut_begin(struct sim_scenes *scenes)
{
    sim_clients_set_big(scenes->sim->clients, true);
    early_begin(scenes);
}

static const struct scene_step big_cut[] = {
    {.begin = big_cut_begin, .least_ms = 600, .most_ms = 1200},
    {.begin = early_restart, .least_ms = 2000, .most_ms = 3500},
    {.begin = early_meet, .until = early_is_cut, .least_ms = 5000, .most_ms = 5000},
    {.least_ms = 20, .most_ms = 250},
    {.begin = early_strike, .least_ms = 3000, .most_ms = 3000},
};

/* ---- slow pull: what a refill asks for takes its time, and the log's start moves on ---- */

static void pull_begin(struct sim_scenes *scenes)
{
    sim_clients_set_big(scenes->sim->clients, true);
}

static void pull_damage(struct sim_scenes *scenes)
{
    scenes->a = scene_any(scenes, scenes->voters & ~scenes->leader & ~SINGLE);
    scenes->due_us = scenes->sim->clock.now_us;
    if (!sim_damage(scene_node(scenes, scenes->a), SIM_DAMAGE_JOURNAL)) {
        scenes->a = 0;
    }
}

static void on_deleted(struct partition_truncate *truncate)
{
    CONTAINER_OF(truncate, struct sim_scenes, truncate)->is_deleting = false;
}

static void pull_delete(struct sim_scenes *scenes)
{
    struct sim_node *leader = scene_node(scenes, scene_leading(scenes, scenes->leader));
    struct partition_status status;

    if (scenes->is_deleting || scene_leading(scenes, scenes->leader) == 0) {
        return;
    }
    partition_status(leader->partitions[0], &status);
    if (status.high_watermark - PULL_BEHIND <= status.log_start_offset) {
        return;
    }
    scenes->is_deleting = true;
    scenes->truncate = (struct partition_truncate){.offset = status.high_watermark - PULL_BEHIND,
                                                   .timeout_us = 3 * 1000 * 1000,
                                                   .done = on_deleted};
    sim_history_log_start(scenes->sim->history, 0, scenes->truncate.offset);
    partition_delete_records(leader->partitions[0], &scenes->truncate);
}

static bool pull_is_done(struct sim_scenes *scenes)
{
    const struct sim_node *node = scene_node(scenes, scenes->a);
    struct sim *sim = scenes->sim;
    struct consensus_stats stats = {0};

    if (scenes->a == 0 || scene_leading(scenes, scenes->leader) == 0) {
        return true;
    }
    if (sim->clock.now_us >= scenes->due_us) {
        scenes->due_us = sim->clock.now_us + PULSE_US;
        fake_network_stall(sim->network, node->id, scene_one(scenes->leader), scenes->due_us);
    }
    pull_delete(scenes);
    if (node->is_running) {
        consensus_stats(node->consensus, &stats);
    }
    return stats.snapshots_installed > 0;
}

static const struct scene_step slow_pull[] = {
    {.begin = pull_begin, .least_ms = 1000, .most_ms = 2500},
    {.begin = pull_damage,
     .until = pull_is_done,
     .least_ms = 25000,
     .most_ms = 25000,
     .failure = "a member that pulls is not given what it was promised"},
};

/* ---- next page: the power goes when a journal file is full and its batches are nowhere else ----
 */

/* a: whose journal it is; best one that must be stable every now and then. */
static void page_begin(struct sim_scenes *scenes)
{
    struct sim_disk *disk;

    scenes->a = (scenes->voters & SINGLE) != 0 ? SINGLE : scene_any(scenes, scenes->voters);
    disk = scene_node(scenes, scenes->a)->disk;
    scene_slow(scenes, scenes->a, 500, 1000);
    sim_disk_set_journal_delay(disk, 20, 200);
    scenes->mark = sim_disk_journal_file(disk);
}

static bool page_is_turned(struct sim_scenes *scenes)
{
    return sim_disk_journal_file(scene_node(scenes, scenes->a)->disk) != scenes->mark;
}

static void page_strike(struct sim_scenes *scenes)
{
    scene_fast(scenes, scenes->a);
    scene_crash(scenes, scenes->a, true, 50);
}

static const struct scene_step next_page[] = {
    {.begin = page_begin, .until = page_is_turned, .least_ms = 12000, .most_ms = 12000},
    {.least_ms = 300, .most_ms = 900},
    {.begin = page_strike, .least_ms = 2000, .most_ms = 2000},
};

/* ---- second start: the start that finds damage in memory's frames ends before it says so ---- */

static void second_begin(struct sim_scenes *scenes)
{
    scenes->a = scene_any(scenes, scenes->witnesses & ~SINGLE);
    scene_cut_off(scenes, scenes->late);
}

static void second_damage(struct sim_scenes *scenes)
{
    if (scenes->a == 0 || !sim_may_damage(scenes->sim) ||
        !sim_damage(scene_node(scenes, scenes->a), SIM_DAMAGE_JOURNAL)) {
        scenes->a = 0;
        return;
    }
    scene_slow(scenes, scenes->a, 300, 500);
}

static bool second_runs(struct sim_scenes *scenes)
{
    return scenes->a != 0 && scene_node(scenes, scenes->a)->is_running;
}

/* Without the others the late ones need it for a majority: it must not vote. */
static void second_strike(struct sim_scenes *scenes)
{
    leave_to_the_late(scenes, false);
}

static const struct scene_step second_start[] = {
    {.begin = second_begin, .least_ms = 500, .most_ms = 1500},
    {.begin = second_damage, .until = second_runs, .least_ms = 1000, .most_ms = 1000},
    {.least_ms = 1, .most_ms = 100},
    {.begin = second_strike, .least_ms = AWAY_MS + 1000, .most_ms = AWAY_MS + 1000},
};

/* ---- lost cut: what took a deposed leader's entries away is damaged, a snapshot is not ---- */

/* The leader writes what nobody else will have. */
static void lost_begin(struct sim_scenes *scenes)
{
    struct consensus_stats stats = {0};

    scenes->a = scenes->leader & ~SINGLE;
    scenes->b = scene_any(scenes, scenes->voters & ~scenes->leader);
    consensus_stats(scene_node(scenes, scenes->leader)->consensus, &stats);
    scenes->due_us = stats.truncations;
    scene_cut_off(scenes, scenes->leader);
}

static bool lost_is_cut(struct sim_scenes *scenes)
{
    const struct sim_node *node = scene_node(scenes, scenes->a);
    struct consensus_stats stats = {0};

    if (scenes->a == 0 || !node->is_running) {
        return false;
    }
    consensus_stats(node->consensus, &stats);
    scenes->mark = partition_log_last_index(scene_log(scenes, scenes->a));
    return stats.truncations > scenes->due_us;
}

static bool lost_has_snapshot(struct sim_scenes *scenes)
{
    const struct partition_log *log = scene_log(scenes, scenes->a);

    return log != NULL && partition_log_snapshot(log)->index > scenes->mark;
}

/* Nobody refills it meanwhile. */
static void lost_strike(struct sim_scenes *scenes)
{
    scene_cut_off(scenes, scenes->a);
    if (!sim_may_damage(scenes->sim) ||
        !sim_damage(scene_node(scenes, scenes->a), SIM_DAMAGE_TRUNCATION)) {
        scenes->a = 0;
    }
}

/* Up to its snapshot it shows what it has as committed: another must have the same there. */
static bool lost_is_shown(struct sim_scenes *scenes)
{
    const struct partition_log *log = scene_log(scenes, scenes->a);
    const struct partition_log *other = scene_log(scenes, scenes->b);
    uint64_t index;

    if (scenes->a == 0 || log == NULL || other == NULL) {
        return false;
    }
    index = partition_log_last_index(log);
    index = partition_log_snapshot(log)->index < index ? partition_log_snapshot(log)->index : index;
    return index >= partition_log_first_index(log) && index >= partition_log_first_index(other) &&
           partition_log_term_at(log, index) != partition_log_term_at(other, index);
}

static const struct scene_step lost_cut[] = {
    {.begin = lost_begin, .least_ms = 300, .most_ms = 1200},
    {.least_ms = 2000, .most_ms = 2500},
    {.begin = scene_heal, .until = lost_is_cut, .least_ms = 5000, .most_ms = 5000},
    {.until = lost_has_snapshot, .least_ms = 5000, .most_ms = 5000},
    {.least_ms = 30, .most_ms = 200},
    {.begin = lost_strike,
     .forbidden = lost_is_shown,
     .least_ms = 2500,
     .most_ms = 2500,
     .failure = "a replica shows what a deposed leader wrote as committed"},
};

const struct scene sim_own_disk_scenes[] = {
    {.name = "big cut",
     SCENE_STEPS(big_cut),
     .voters_min = 3,
     .voters_max = 3,
     .needs_whole_disks = true,
     .needs_big_segments = true,
     .seeds = {21, 34, 36}},
    {.name = "page",
     SCENE_STEPS(next_page),
     .voters_min = 3,
     .voters_max = 5,
     .seeds = {17, NO_SEED, NO_SEED}},
    /* in memory, and long not flushed */
    {.name = "second start",
     SCENE_STEPS(second_start),
     .voters_min = 3,
     .voters_max = 5,
     .seeds = {30, NO_SEED, NO_SEED}},
    {.name = "lost cut",
     SCENE_STEPS(lost_cut),
     .voters_min = 3,
     .voters_max = 5,
     .needs_whole_disks = true,
     .needs_snapshots = true,
     .seeds = {39, NO_SEED, NO_SEED}},
    {.name = "soft", SCENE_STEPS(lying), .voters_min = 3, .voters_max = 5, .seeds = {20, 20, 20}},
    {.name = "soft",
     SCENE_STEPS(lying),
     .voters_min = 3,
     .voters_max = 5,
     .needs_big_segments = true,
     .seeds = {37, 27, NO_SEED}},
};
const int sim_own_disk_scene_count =
    (int)(sizeof sim_own_disk_scenes / sizeof sim_own_disk_scenes[0]);

const struct scene sim_disk_scenes[] = {
    {.name = "again",
     SCENE_STEPS(again),
     .voters_min = 3,
     .voters_max = 3,
     .needs_whole_disks = true},
    {.name = "slow pull",
     SCENE_STEPS(slow_pull),
     .voters_min = 3,
     .voters_max = 5,
     .needs_whole_disks = true,
     .needs_big_segments = true},
    {.name = "bad sync", SCENE_STEPS(bad_sync), .voters_min = 3, .voters_max = 5},
    {.name = "bad write", SCENE_STEPS(bad_write), .voters_min = 3, .voters_max = 5},
    {.name = "torn",
     SCENE_STEPS(torn),
     .voters_min = 3,
     .voters_max = 5,
     .needs_big_segments = true},
    {.name = "leader full", SCENE_STEPS(leader_full), .voters_min = 3, .voters_max = 5},
    {.name = "follower full", SCENE_STEPS(follower_full), .voters_min = 3, .voters_max = 5},
    {.name = "lying",
     SCENE_STEPS(lying),
     .voters_min = 3,
     .voters_max = 5,
     .needs_whole_disks = true,
     .needs_big_segments = true},
    {.name = "half",
     SCENE_STEPS(half),
     .voters_min = 3,
     .voters_max = 5,
     .needs_whole_disks = true},
    {.name = "early cut",
     SCENE_STEPS(early_cut),
     .voters_min = 3,
     .voters_max = 3,
     .needs_whole_disks = true},
};
const int sim_disk_scene_count = (int)(sizeof sim_disk_scenes / sizeof sim_disk_scenes[0]);
