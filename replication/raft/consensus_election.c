/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When to ask for votes. The engine's own timeout stands behind everything; where more is known
 * (a new group, a dead leader) the group's clock is moved to its end, member after member.
 */
#include "consensus_feed.h"
#include "consensus_group.h"
#include "consensus_install.h"
#include "consensus_lineage.h"
#include "consensus_sleep.h"
#include "consensus_step.h"

enum {
    /* Between members that could ask, as a part of the election timeout. */
    STAGGER_SHARE = 3,
    ATTEMPTS_BACKOFF_MAX = 3,
    /* A leader silent for so many election timeouts has a quorum no more, or not with us. */
    LEADER_SILENCE_SHARE = 2,
    /* A new group's first elections, each twice as long after the one before. */
    FRESH_ATTEMPTS_MAX = 4,
    FRESH_WALK_US = 2 * 1000,
};

bool consensus_group_may_vote(const struct consensus_group *group)
{
    /* Others have recovered the group without this replica: its log is none of theirs. */
    if (lineage_of_log(group->log) < lineage_of_term(consensus_term(group))) {
        return false;
    }
    return (group->no_vote_below == 0 && !group->needs_refill) || MUTATION(16);
}

int32_t consensus_group_leader(const struct consensus_group *group)
{
    if (group->state != GROUP_RUNNING) {
        return -1;
    }
    if (group->engine.state == RAFT_LEADER) {
        return group->leads ? group->consensus->node : -1;
    }
    if (group->engine.state == RAFT_FOLLOWER &&
        group->engine.follower_state.current_leader.id != 0) {
        return consensus_engine_node(group->engine.follower_state.current_leader.id);
    }
    return -1;
}

bool consensus_hears_leader(const struct consensus_group *group)
{
    const struct consensus *consensus = group->consensus;
    int32_t leader = consensus_group_leader(group);

    if (leader < 0 || leader == consensus->node) {
        return leader >= 0;
    }
    if (group->is_asleep) {
        return consensus_peer_is_live(consensus, leader); /* its beats speak for it */
    }
    return consensus_now_us(consensus) - group->leader_heard_us <
           LEADER_SILENCE_SHARE * consensus->options.election_timeout_us;
}

static bool is_single_voter(const struct consensus_group *group)
{
    struct consensus_configuration configuration;

    consensus_configuration_from_engine(&group->engine.configuration, &configuration);
    return consensus_configuration_votes(&configuration, group->consensus->node) &&
           consensus_configuration_voter_count(&configuration) == 1;
}

static void time_out(struct consensus_group *group)
{
    struct raft_event event = {.type = RAFT_TIMEOUT};

    if (group->engine.state == RAFT_FOLLOWER && is_single_voter(group)) {
        /* It would lead without a new term. Starting from disk raises the term. */
        consensus_group_restart(group);
        return;
    }
    (void)consensus_step(group, &event, &(struct consensus_step){0});
}

static void walk_leader(struct consensus_group *group, uint64_t now_us)
{
    struct raft_event event = {.type = RAFT_TIMEOUT};

    /* Rarely: each tick repeats the pipeline of a member that did not answer (fault N12). */
    if (now_us < group->next_tick_us) {
        return;
    }
    group->next_tick_us = now_us + group->consensus->options.tick_us;
    if (!consensus_step(group, &event, &(struct consensus_step){0})) {
        return;
    }
    for (int i = 0; i < group->feed_count; i++) {
        consensus_feed_tick(&group->feeds[i]);
    }
    consensus_work_later(group);
}

/* A candidate that lost asks again soon, and later each time: others ask too. */
static void plan_next_attempt(struct consensus_group *group, uint64_t now_us)
{
    uint64_t base_us = group->consensus->options.election_timeout_us / 4;
    unsigned shift = group->election_attempts < ATTEMPTS_BACKOFF_MAX ? group->election_attempts
                                                                     : ATTEMPTS_BACKOFF_MAX;

    group->election_attempts++;
    group->election_due_us =
        now_us + (base_us << shift) + random_below(group->consensus->random, base_us << shift);
}

void consensus_group_walk(struct consensus_group *group)
{
    uint64_t now_us = consensus_now_us(group->consensus);

    if (group->engine.state == RAFT_LEADER) {
        walk_leader(group, now_us);
        return;
    }
    if (!consensus_group_may_vote(group) || group->install != NULL) {
        /* It asks for no votes, but it may have one to give. */
        if (consensus_group_leader(group) >= 0 && !consensus_hears_leader(group)) {
            consensus_group_lost_leader(group);
        }
        return;
    }
    if (group->election_due_us != 0 && now_us >= group->election_due_us) {
        group->election_due_us = 0;
        consensus_step_expire_timer(group);
    } else if (consensus_step_now_us(group) / 1000 + 1 < raft_timeout(&group->engine)) {
        return;
    }
    time_out(group);
    if (group->state == GROUP_RUNNING && group->engine.state == RAFT_CANDIDATE) {
        plan_next_attempt(group, now_us);
    }
}

/* How many live voters come before us: the order of members is the order of preference. */
static uint64_t rank_among_live(const struct consensus_group *group)
{
    const struct raft_configuration *members = &group->engine.configuration;
    uint64_t rank = 0;

    for (unsigned i = 0; i < members->n; i++) {
        int32_t node = consensus_engine_node(members->servers[i].id);
        const struct consensus_peer *peer = consensus_peer_find(group->consensus, node);

        if (node == group->consensus->node) {
            break;
        }
        rank += members->servers[i].role == RAFT_VOTER && peer != NULL && peer->is_alive;
    }
    return rank;
}

/* Who noticed earlier has asked us, was refused because we had a leader, and waits. */
static bool has_refused(const struct consensus_group *group)
{
    const struct consensus *consensus = group->consensus;

    return group->refused_us != 0 &&
           consensus_now_us(consensus) - group->refused_us < consensus->options.election_timeout_us;
}

/* Members ask one after the other. */
static uint64_t turn_of(const struct consensus_group *group)
{
    uint64_t stagger_us = group->consensus->options.election_timeout_us / STAGGER_SHARE;
    uint64_t rank = has_refused(group) ? 0 : rank_among_live(group);

    return consensus_now_us(group->consensus) + rank * stagger_us + 1 +
           random_below(group->consensus->random, stagger_us / 4 + 1);
}

void consensus_group_lost_leader(struct consensus_group *group)
{
    if (group->state != GROUP_RUNNING || group->engine.state != RAFT_FOLLOWER) {
        return;
    }
    consensus_sleep_wake(group);
    /* As the engine does when its own timer ends: without a leader it answers to candidates. */
    raft_free(group->engine.follower_state.current_leader.address);
    group->engine.follower_state.current_leader.address = NULL;
    group->engine.follower_state.current_leader.id = 0;
    group->election_due_us = turn_of(group);
    consensus_work_later(group);
}

/*
 * Others heard a leader when they refused, or it was the one that is gone who did. They are told of
 * its end in the same moment as we are, so this candidate takes its turn now, and not when a wait
 * is over that was meant for a fight.
 */
void consensus_group_lost_peer(struct consensus_group *group)
{
    uint64_t due_us;

    if (group->state != GROUP_RUNNING || group->engine.state != RAFT_CANDIDATE ||
        group->election_due_us == 0) {
        return;
    }
    due_us = turn_of(group);
    if (due_us < group->election_due_us) {
        group->election_due_us = due_us;
    }
    group->election_attempts = 0;
}

/* ---- new groups ---- */

void consensus_group_stand_first(struct consensus_group *group)
{
    struct consensus *consensus = group->consensus;

    group->fresh_attempts = 0;
    group->election_due_us = consensus_now_us(consensus) + FRESH_WALK_US;
    list_append(&consensus->fresh, &group->fresh_link);
    if (!timer_is_running(&consensus->fresh_walk)) {
        timer_start(consensus->loop, &consensus->fresh_walk, FRESH_WALK_US);
    }
}

static bool is_unled(const struct consensus_group *group)
{
    return group->state == GROUP_RUNNING && !group->is_elected && group->election_due_us != 0;
}

static void walk_fresh(struct consensus_group *group, uint64_t now_us)
{
    if (group->election_due_us > now_us) {
        return;
    }
    if (is_unled(group) && group->fresh_attempts < FRESH_ATTEMPTS_MAX) {
        group->fresh_attempts++;
        consensus_group_walk(group);
    }
    if (!is_unled(group) || group->fresh_attempts == FRESH_ATTEMPTS_MAX) {
        list_remove(&group->fresh_link);
        return;
    }
    group->election_attempts = 0;
    group->election_due_us = now_us + ((uint64_t)FRESH_WALK_US << group->fresh_attempts);
}

static void on_fresh_walk(struct timer *timer)
{
    struct consensus *consensus = CONTAINER_OF(timer, struct consensus, fresh_walk);
    uint64_t now_us = consensus_now_us(consensus);

    list_for_each_safe(link, &consensus->fresh) {
        walk_fresh(list_entry(link, struct consensus_group, fresh_link), now_us);
    }
    if (!list_is_empty(&consensus->fresh)) {
        timer_start(consensus->loop, timer, FRESH_WALK_US);
    }
}

void consensus_election_init(struct consensus *consensus)
{
    list_init(&consensus->fresh);
    timer_init(&consensus->fresh_walk, on_fresh_walk);
}

void consensus_election_release(struct consensus *consensus)
{
    timer_stop(consensus->loop, &consensus->fresh_walk);
}
