/* SPDX-License-Identifier: Apache-2.0 */
/* Scenes of votes, terms and logs that contradict each other. */
#include "gyre/storage/partition_log.h"

#include "simulation/sim_scenes.h"

enum {
    AWAY_MS = 7000,        /* longer than others need to elect somebody */
    ALONE_US = 500 * 1000, /* shorter than a leader leads without a majority */
};

/* ---- twins: the voters that decide forget whom they voted for ---- */

/* a: who decides; b and c: the candidates, who never hear of each other. */
static void twins_begin(struct sim_scenes *scenes)
{
    int majority = scene_size(scenes->voters) / 2 + 1;
    unsigned others;

    scenes->a = scenes->leader;
    while (scene_size(scenes->a) < majority - 1) {
        scenes->a |= scene_any(scenes, scenes->voters & ~scenes->a);
    }
    others = scenes->voters & ~scenes->a;
    scenes->b = scene_any(scenes, others);
    scenes->c = scene_any(scenes, others & ~scenes->b);
    scene_cut(scenes, scenes->b, scenes->c);
    scene_cut_off(scenes, others & ~scenes->b & ~scenes->c);
    scene_slow(scenes, scenes->a, 150, 300);
    scene_crash(scenes, scenes->leader, true, scene_random(scenes, 5, 30));
}

static bool twins_first(struct sim_scenes *scenes)
{
    unsigned winner = scene_elected(scenes, scenes->b | scenes->c);

    if (winner == scenes->c && winner != 0) {
        scenes->c = scenes->b;
        scenes->b = winner;
    }
    return winner != 0;
}

static void twins_forget(struct sim_scenes *scenes)
{
    scene_cut(scenes, scenes->b, scenes->a);
    scene_fast(scenes, scenes->a);
    scene_crash(scenes, scenes->a, true, scene_random(scenes, 1, 3));
}

static bool twins_second(struct sim_scenes *scenes)
{
    return scene_elected(scenes, scenes->c) != 0;
}

static void twins_meet(struct sim_scenes *scenes)
{
    scene_join(scenes, scenes->b, scenes->a);
}

static const struct scene_step twins[] = {
    {.begin = twins_begin, .until = twins_first, .least_ms = 6000, .most_ms = 6000},
    {.begin = twins_forget, .until = twins_second, .least_ms = 4000, .most_ms = 4000},
    {.begin = twins_meet, .least_ms = 2000, .most_ms = 4000},
};

/* ---- rift: few entries and a new term against all entries and an old one ---- */

static void rift_begin(struct sim_scenes *scenes)
{
    scene_cut_off(scenes, scenes->late);
}

/* The leader is elected by the late ones, and gone again before it fed them. */
static void rift_round(struct sim_scenes *scenes)
{
    scene_crash(scenes, scenes->leader, false, 10);
    scene_heal(scenes);
    scene_cut_off(scenes, scenes->witnesses | (scenes->rest & ~scenes->leader));
}

static bool rift_leads(struct sim_scenes *scenes)
{
    return scene_elected(scenes, scenes->leader) != 0;
}

static void rift_last(struct sim_scenes *scenes)
{
    scene_crash(scenes, scenes->leader, false, 60000);
    scene_heal(scenes);
}

static bool rift_ends(struct sim_scenes *scenes)
{
    return scene_leading(scenes, scenes->voters) != 0;
}

static const struct scene_step rift[] = {
    {.begin = rift_begin, .least_ms = 500, .most_ms = 1500},
    {.begin = rift_round, .until = rift_leads, .least_ms = 10000, .most_ms = 10000},
    {.begin = rift_round, .until = rift_leads, .least_ms = 10000, .most_ms = 10000},
    {.begin = rift_last,
     .until = rift_ends,
     .least_ms = 20000,
     .most_ms = 20000,
     .failure = "nobody leads for 20 s though a majority is well"},
};

/* ---- late_install: what an old term sent comes when its sender leads again ---- */

static void no_matter(void *context, enum error error)
{
    (void)context;
    (void)error;
}

static void hand_over(struct sim_scenes *scenes, unsigned to)
{
    struct consensus_group *group = scene_group(scenes, scene_leading(scenes, scenes->voters));

    if (group != NULL) {
        consensus_transfer(group, scene_one(to), no_matter, NULL);
    }
}

/* a: who sends; b: another that leads meanwhile; c: who is late. */
static void install_begin(struct sim_scenes *scenes)
{
    scenes->c = scene_any(scenes, scenes->late);
    scenes->a = scene_any(scenes, scenes->voters & ~scenes->leader & ~scenes->c);
    scenes->b = scenes->leader;
    scene_cut_off(scenes, scenes->c);
    hand_over(scenes, scenes->a);
}

static bool install_a_leads(struct sim_scenes *scenes)
{
    return scene_leading(scenes, scenes->a) != 0;
}

static bool install_is_needed(struct sim_scenes *scenes)
{
    struct partition_log *sender = scene_log(scenes, scenes->a);
    struct partition_log *late = scene_log(scenes, scenes->c);

    return sender != NULL && late != NULL &&
           partition_log_first_index(sender) > partition_log_last_index(late) + 1;
}

static void install_meet(struct sim_scenes *scenes)
{
    scene_join(scenes, scenes->a, scenes->c);
}

static bool install_is_near(struct sim_scenes *scenes)
{
    return consensus_term(scene_group(scenes, scenes->c)) ==
           consensus_term(scene_group(scenes, scenes->a));
}

static void install_stall(struct sim_scenes *scenes)
{
    struct sim *sim = scenes->sim;

    scenes->due_us = sim->clock.now_us + 6000 * 1000;
    fake_network_stall(sim->network, scene_one(scenes->a), scene_one(scenes->c), scenes->due_us);
    hand_over(scenes, scenes->b);
}

static bool install_b_leads(struct sim_scenes *scenes)
{
    return scene_leading(scenes, scenes->b) != 0;
}

static void install_return(struct sim_scenes *scenes)
{
    hand_over(scenes, scenes->a);
}

/* The late one asks around, and hears of the term from somebody else. */
static void install_tell(struct sim_scenes *scenes)
{
    scene_join(scenes, scenes->c, scenes->voters & ~scenes->a);
}

static bool install_is_told(struct sim_scenes *scenes)
{
    return install_is_near(scenes) && scenes->sim->clock.now_us + ALONE_US >= scenes->due_us;
}

/* What it sends from here on can only be decided with the late one. */
static void install_alone(struct sim_scenes *scenes)
{
    scene_cut(scenes, scenes->a, scenes->voters & ~scenes->c);
}

static void install_strike(struct sim_scenes *scenes)
{
    scene_crash(scenes, scenes->a, false, AWAY_MS);
    scene_heal(scenes);
}

static const struct scene_step late_install[] = {
    {.begin = install_begin, .until = install_a_leads, .least_ms = 4000, .most_ms = 4000},
    {.until = install_is_needed, .least_ms = 12000, .most_ms = 12000},
    {.begin = install_meet, .until = install_is_near, .least_ms = 3000, .most_ms = 3000},
    {.begin = install_stall, .until = install_b_leads, .least_ms = 3000, .most_ms = 3000},
    {.begin = install_return, .until = install_a_leads, .least_ms = 3000, .most_ms = 3000},
    {.begin = install_tell, .until = install_is_told, .least_ms = 8000, .most_ms = 8000},
    {.begin = install_alone, .least_ms = 700, .most_ms = 900},
    {.begin = install_strike, .least_ms = AWAY_MS + 1000, .most_ms = AWAY_MS + 1000},
};

/* ---- overlap: entries of two leaders on their way to one slow disk ---- */

static void grow(struct sim_scenes *scenes)
{
    unsigned leading = scene_leading(scenes, scenes->voters);
    const struct sim_node *leader = scene_node(scenes, leading);

    for (int i = 0; i < SIM_NODES && leading != 0; i++) {
        if (!sim_node_has_member(leader, 0, i)) {
            consensus_set_member(scene_group(scenes, leading), i, MEMBER_VOTER, no_matter, NULL);
            return;
        }
    }
}

static bool has_voters(struct sim_scenes *scenes, int count)
{
    unsigned leading = scene_leading(scenes, (1u << SIM_NODES) - 1);

    return leading != 0 && sim_node_voter_count(scene_node(scenes, leading), 0) >= count;
}

static bool has_four(struct sim_scenes *scenes)
{
    return has_voters(scenes, 4);
}

static bool has_five(struct sim_scenes *scenes)
{
    return has_voters(scenes, 5);
}

/*
 * leader and a: what nobody else has is on its way to the disk of a, which is slow; rest: the other
 * three, of whom b will lead. They have entries of which they do not know that they are decided, so
 * that a new leader begins with entries, not with a question.
 */
static void overlap_begin(struct sim_scenes *scenes)
{
    scenes->voters = (1u << SIM_NODES) - 1;
    scenes->leader = scene_leading(scenes, scenes->voters);
    scenes->a = scene_any(scenes, scenes->voters & ~scenes->leader);
    scenes->rest = scenes->voters & ~scenes->leader & ~scenes->a;
    for (int32_t i = 0; i < SIM_NODES; i++) {
        if (scene_has(scenes->rest, i)) {
            fake_network_cut(scenes->sim->network, i, scene_one(scenes->leader));
        }
    }
}

static void overlap_part(struct sim_scenes *scenes)
{
    scene_cut(scenes, scenes->leader, scenes->rest);
}

static void overlap_slow(struct sim_scenes *scenes)
{
    uint64_t delay_ms = scene_random(scenes, 3000, 4000);

    scene_slow(scenes, scenes->a, delay_ms, delay_ms);
}

static bool overlap_next_leads(struct sim_scenes *scenes)
{
    scenes->b = scene_leading(scenes, scenes->rest);
    return scenes->b != 0;
}

/* What the new leader began with is shown by a. */
static bool overlap_is_applied(struct sim_scenes *scenes)
{
    struct consensus_group *group = scene_group(scenes, scenes->a);
    struct consensus_group *leader = scene_group(scenes, scenes->b);

    if (group == NULL || leader == NULL) {
        return false;
    }
    scenes->mark = consensus_applied_index(group);
    return partition_log_term_at(scene_log(scenes, scenes->a), scenes->mark) ==
           consensus_term(leader);
}

static void overlap_strike(struct sim_scenes *scenes)
{
    scenes->due_us = consensus_term(scene_group(scenes, scenes->b));
    scene_fast(scenes, scenes->a);
    scene_crash(scenes, scenes->a, !scenes->sim->has_memory, 5);
}

static bool overlap_is_lost(struct sim_scenes *scenes)
{
    struct partition_log *log = scene_log(scenes, scenes->a);

    return !scenes->sim->has_memory && log != NULL && !partition_log_is_corrupt(log) &&
           partition_log_first_index(log) <= scenes->mark &&
           partition_log_term_at(log, scenes->mark) < scenes->due_us;
}

static const struct scene_step overlap[] = {
    {.begin = grow, .until = has_four, .least_ms = 8000, .most_ms = 8000},
    {.begin = grow, .until = has_five, .least_ms = 8000, .most_ms = 8000},
    {.begin = overlap_begin, .least_ms = 40, .most_ms = 120},
    {.begin = overlap_part, .least_ms = 100, .most_ms = 250},
    {.begin = overlap_slow, .until = overlap_next_leads, .least_ms = 5000, .most_ms = 5000},
    {.until = overlap_is_applied, .least_ms = 9000, .most_ms = 9000},
    {.begin = overlap_strike,
     .forbidden = overlap_is_lost,
     .least_ms = 1000,
     .most_ms = 1000,
     .failure = "what a replica applied is not on its disk when it comes back"},
};

/* ---- laggard: a follower whose disk is slow shows what is committed, and dies ---- */

static void laggard_begin(struct sim_scenes *scenes)
{
    scenes->a = scene_any(scenes, scenes->voters & ~scenes->leader & ~(1u << SIM_SINGLE_NODE));
    scene_slow(scenes, scenes->a, 400, 900);
}

static void laggard_crash(struct sim_scenes *scenes)
{
    scene_crash(scenes, scenes->a, true, 10);
    scene_fast(scenes, scenes->a);
}

static const struct scene_step laggard[] = {
    {.begin = laggard_begin, .least_ms = 1500, .most_ms = 3000},
    {.begin = laggard_crash, .least_ms = 500, .most_ms = 500},
};

/* ---- amnesia: nobody hears that it was stored, and all begin again from their snapshots ---- */

static void amnesia_begin(struct sim_scenes *scenes)
{
    sim_clients_set_deaf(scenes->sim->clients, true);
}

static void amnesia_snapshots(struct sim_scenes *scenes)
{
    for (int i = 0; i < SIM_NODES; i++) {
        for (int group = 0; group < SIM_GROUPS; group++) {
            struct partition *partition = scenes->sim->nodes[i].partitions[group];

            if (scenes->sim->nodes[i].is_running && partition != NULL) {
                consensus_snapshot(partition_consensus(partition), NULL, NULL);
            }
        }
    }
}

static void amnesia_crash(struct sim_scenes *scenes)
{
    scene_crash(scenes, ~0u, true, scene_random(scenes, 1, 50));
    sim_clients_set_deaf(scenes->sim->clients, false);
}

static const struct scene_step amnesia[] = {
    {.begin = amnesia_begin, .least_ms = 600, .most_ms = 1500},
    {.begin = amnesia_snapshots, .least_ms = 200, .most_ms = 600},
    {.begin = amnesia_crash, .least_ms = 3000, .most_ms = 3000},
};

/* ---- past: damage takes a term and what was decided in it; the leader before is back ---- */

/* The others replace it at once: it does not know for a while, and that while is short. */
static void past_begin(struct sim_scenes *scenes)
{
    scene_cut_off(scenes, scenes->leader);
    scene_break(scenes, scenes->leader, scenes->voters & ~scenes->leader);
}

/* a: who is elected; b: who voted for it. */
static bool past_is_over(struct sim_scenes *scenes)
{
    scenes->a = scene_leading(scenes, scenes->voters & ~scenes->leader);
    scenes->b = scenes->voters & ~scenes->leader & ~scenes->a & ~(1u << SIM_SINGLE_NODE);
    return scenes->a != 0;
}

static void past_return(struct sim_scenes *scenes)
{
    if (scenes->b != 0 && sim_may_damage(scenes->sim) &&
        sim_damage(scene_node(scenes, scenes->b), SIM_DAMAGE_JOURNAL)) {
        scene_cut_off(scenes, scenes->a);
        scene_join(scenes, scenes->leader, scenes->b);
    }
}

static const struct scene_step past[] = {
    {.begin = past_begin, .until = past_is_over, .least_ms = 2500, .most_ms = 2500},
    {.least_ms = 20, .most_ms = 200},
    {.begin = past_return, .least_ms = 4000, .most_ms = 4000},
};

/* ---- newcomer: one that is added hears nothing; another member goes ---- */

/* Those that are members in any role: who was added before has caught up. */
static unsigned members_of(const struct consensus_group *group)
{
    struct member_progress members[CONSENSUS_MEMBERS_MAX];
    int count = group == NULL ? 0 : consensus_members(group, members);
    unsigned set = 0;

    for (int i = 0; i < count; i++) {
        set |= 1u << members[i].node;
    }
    return set;
}

/* a: who is added. Of three members and it, two are no majority. */
static void newcomer_begin(struct sim_scenes *scenes)
{
    struct consensus_group *group = scene_group(scenes, scene_leading(scenes, scenes->voters));

    scenes->a = scene_any(scenes, ((1u << SIM_NODES) - 1) & ~members_of(group));
    scene_cut_off(scenes, scenes->a);
    if (group != NULL && scenes->a != 0) {
        consensus_set_member(group, scene_one(scenes->a), MEMBER_VOTER, no_matter, NULL);
    }
}

static void newcomer_crash(struct sim_scenes *scenes)
{
    scene_crash(scenes, scenes->leader, false, 60000);
}

/* Damage that was found only now takes a vote, too: then there is nothing to be shown. */
static bool newcomer_is_led(struct sim_scenes *scenes)
{
    unsigned others = scenes->voters & ~scenes->leader;

    for (int i = 0; i < SIM_NODES; i++) {
        if ((others & (1u << i)) != 0 && scenes->sim->nodes[i].was_damaged) {
            return true;
        }
    }
    return scene_leading(scenes, others) != 0;
}

static const struct scene_step newcomer[] = {
    {.begin = newcomer_begin, .least_ms = 2000, .most_ms = 3000},
    {.begin = newcomer_crash,
     .until = newcomer_is_led,
     .least_ms = 10000,
     .most_ms = 10000,
     .failure = "one that has caught up with nothing is needed for a majority"},
};

const struct scene sim_own_raft_scenes[] = {
    {.name = "past", SCENE_STEPS(past), .voters_min = 3, .voters_max = 3, .seeds = {29, 19, 31}},
    {.name = "newcomer",
     SCENE_STEPS(newcomer),
     .voters_min = 3,
     .voters_max = 3,
     .seeds = {11, 26, 33}},
};
const int sim_own_raft_scene_count =
    (int)(sizeof sim_own_raft_scenes / sizeof sim_own_raft_scenes[0]);

const struct scene sim_raft_scenes[] = {
    {.name = "twins", SCENE_STEPS(twins), .voters_min = 3, .voters_max = 5},
    {.name = "rift",
     SCENE_STEPS(rift),
     .voters_min = 3,
     .voters_max = 3,
     .needs_whole_disks = true},
    {.name = "late install",
     SCENE_STEPS(late_install),
     .voters_min = 3,
     .voters_max = 3,
     .needs_snapshots = true},
    {.name = "overlap", SCENE_STEPS(overlap), .voters_min = 3, .voters_max = 5},
    {.name = "laggard", SCENE_STEPS(laggard), .voters_min = 3, .voters_max = 5},
    {.name = "amnesia", SCENE_STEPS(amnesia), .voters_min = 3, .voters_max = 5},
};
const int sim_raft_scene_count = (int)(sizeof sim_raft_scenes / sizeof sim_raft_scenes[0]);
