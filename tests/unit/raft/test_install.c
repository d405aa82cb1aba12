/* SPDX-License-Identifier: Apache-2.0 */
/* Who is too far behind, empty or damaged pulls a snapshot and goes on from there. */
#include "support/raft_cluster.h"
#include "support/test.h"

static struct raft_cluster *cluster;
static int wanted;

static bool agrees(struct raft_cluster *self)
{
    return raft_cluster_agrees(self, wanted);
}

static void begin(int nodes, int members)
{
    cluster = raft_cluster_new(nodes, members, 7);
    cluster->options.snapshot_entries = 20;
    raft_cluster_start_all(cluster);
}

static void end(void)
{
    raft_cluster_free(cluster);
}

static void write_values(uint64_t from, uint64_t to)
{
    for (uint64_t value = from; value <= to; value++) {
        assert_true(raft_cluster_write(cluster, value));
    }
    wanted = (int)to;
}

static uint64_t installs_of(int node)
{
    struct consensus_stats stats;

    consensus_stats(cluster->nodes[node].consensus, &stats);
    return stats.snapshots_installed;
}

static void snapshots_shorten_the_log_and_restarts_begin_with_them(void **state)
{
    struct consensus_stats stats;

    (void)state;
    begin(3, 3);
    write_values(1, 100);
    assert_true(raft_cluster_run_until(cluster, 5, agrees));
    consensus_stats(cluster->nodes[1].consensus, &stats);
    assert_true(stats.snapshots_taken >= 4);
    for (int i = 0; i < 3; i++) {
        raft_cluster_crash(cluster, i);
    }
    raft_cluster_start_all(cluster);
    write_values(101, 105);
    assert_true(raft_cluster_run_until(cluster, 5, agrees));
    assert_int_equal(cluster->nodes[0].restores, 1);
    end();
}

/* Entries are few and small: nothing else asks for a snapshot. */
static void an_orderly_stop_leaves_little_to_read_again(void **state)
{
    enum { VALUES = 400 };
    struct consensus_stats stats;

    (void)state;
    cluster = raft_cluster_new(1, 1, 9);
    raft_cluster_start_all(cluster);
    write_values(1, VALUES);
    consensus_stats(cluster->nodes[0].consensus, &stats);
    assert_int_equal(stats.snapshots_taken, 0);
    consensus_prepare_stop(cluster->nodes[0].consensus);
    raft_cluster_run(cluster, 500000);
    consensus_stats(cluster->nodes[0].consensus, &stats);
    assert_int_equal(stats.snapshots_taken, 1);
    consensus_prepare_stop(cluster->nodes[0].consensus); /* nothing came since */
    raft_cluster_run(cluster, 500000);
    consensus_stats(cluster->nodes[0].consensus, &stats);
    assert_int_equal(stats.snapshots_taken, 1);
    raft_cluster_crash(cluster, 0);
    raft_cluster_start_all(cluster);
    assert_true(raft_cluster_run_until(cluster, 5, agrees));
    assert_int_equal(cluster->nodes[0].restores, 1);
    end();
}

static void a_follower_that_slept_too_long_installs(void **state)
{
    (void)state;
    begin(3, 3);
    write_values(1, 10);
    assert_true(raft_cluster_run_until(cluster, 5, agrees));
    raft_cluster_crash(cluster, 2);
    write_values(11, 150);
    raft_cluster_start(cluster, 2);
    assert_true(raft_cluster_run_until(cluster, 20, agrees));
    assert_int_equal(installs_of(2), 1);
    write_values(151, 160);
    assert_true(raft_cluster_run_until(cluster, 5, agrees));
    raft_cluster_crash(cluster, 2);
    raft_cluster_start(cluster, 2);
    assert_true(raft_cluster_run_until(cluster, 5, agrees));
    end();
}

static enum error answer;
static bool is_answered;

static void on_done(void *context, enum error error)
{
    (void)context;
    answer = error;
    is_answered = true;
}

static bool answered(struct raft_cluster *self)
{
    (void)self;
    return is_answered;
}

static void an_empty_standby_installs_and_becomes_a_voter(void **state)
{
    struct member_progress members[CONSENSUS_MEMBERS_MAX];

    (void)state;
    begin(4, 3);
    write_values(1, 100);
    is_answered = false;
    consensus_set_member(raft_cluster_leader(cluster)->group, 3, MEMBER_VOTER, on_done, NULL);
    assert_true(raft_cluster_run_until(cluster, 30, answered));
    assert_int_equal(answer, ERROR_NONE);
    assert_true(installs_of(3) >= 1);
    assert_int_equal(consensus_members(raft_cluster_leader(cluster)->group, members), 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(members[i].role, MEMBER_VOTER);
    }
    write_values(101, 110);
    assert_true(raft_cluster_run_until(cluster, 5, agrees));
    end();
}

static void a_damaged_replica_is_refilled_and_votes_only_then(void **state)
{
    (void)state;
    begin(3, 3);
    write_values(1, 60);
    assert_true(raft_cluster_run_until(cluster, 5, agrees));
    raft_cluster_crash(cluster, 2);
    memory_disk_damage(cluster->nodes[2].disk, raft_cluster_group);
    raft_cluster_crash(cluster, 1);
    raft_cluster_crash(cluster, 0);
    raft_cluster_start(cluster, 1);
    raft_cluster_start(cluster, 2);
    /* Two of three are here, but one of them lost what it had: nobody may lead. */
    raft_cluster_run(cluster, 20000000);
    assert_null(raft_cluster_leader(cluster));
    raft_cluster_start(cluster, 0);
    assert_true(raft_cluster_run_until(cluster, 20, agrees));
    assert_int_equal(installs_of(2), 1);
    raft_cluster_crash(cluster, 0);
    write_values(61, 70);
    raft_cluster_start(cluster, 0);
    assert_true(raft_cluster_run_until(cluster, 20, agrees));
    end();
}

static struct raft_node *old_leader;

/* -1: nobody but the old one leads. */
static int32_t next_leader(void)
{
    for (int32_t i = 0; i < 3; i++) {
        if (&cluster->nodes[i] != old_leader && cluster->nodes[i].leads) {
            return i;
        }
    }
    return -1;
}

static bool another_leads(struct raft_cluster *self)
{
    (void)self;
    return next_leader() >= 0;
}

static bool others_applied(struct raft_cluster *self)
{
    for (int i = 0; i < 3; i++) {
        if (&self->nodes[i] != old_leader && self->nodes[i].value_count != wanted) {
            return false;
        }
    }
    return true;
}

static void cut(int32_t one, int32_t other)
{
    fake_network_cut(cluster->network, one, other);
    fake_network_cut(cluster->network, other, one);
}

static void join(int32_t one, int32_t other)
{
    fake_network_heal(cluster->network, one, other);
    fake_network_heal(cluster->network, other, one);
}

/* Damage took the term of the new leader and what it decided; the old one leads for a moment yet.
 */
static void a_damaged_replica_is_not_refilled_by_a_leader_of_the_past(void **state)
{
    uint64_t old_term;
    int32_t old;
    int32_t next;
    int32_t damaged;

    (void)state;
    begin(3, 3);
    write_values(1, 60);
    assert_true(raft_cluster_run_until(cluster, 5, agrees));
    old_leader = raft_cluster_leader(cluster);
    old = old_leader->id;
    old_term = old_leader->lead_term;
    cut(old, (old + 1) % 3);
    cut(old, (old + 2) % 3);
    assert_true(raft_cluster_run_until(cluster, 5, another_leads));
    next = next_leader();
    damaged = 3 - old - next;
    assert_int_equal(raft_cluster_submit(&cluster->nodes[next], 61), ERROR_NONE);
    wanted = 61;
    assert_true(raft_cluster_run_until(cluster, 5, others_applied));
    raft_cluster_crash(cluster, damaged);
    memory_disk_forget(cluster->nodes[damaged].disk, raft_cluster_group, old_term);
    cut(next, damaged);
    join(old, damaged);
    assert_true(old_leader->leads);
    assert_int_equal(raft_cluster_submit(old_leader, 62), ERROR_NONE);
    raft_cluster_start(cluster, damaged);
    raft_cluster_run(cluster, 10000000);
    assert_int_equal(old_leader->value_count, 60);
    assert_int_equal(installs_of(damaged), 0);
    join(next, damaged);
    join(next, old);
    assert_true(raft_cluster_run_until(cluster, 20, agrees));
    assert_int_equal(installs_of(damaged), 1);
    end();
}

/* ---- a vote that arrives after its sender was damaged and refilled ---- */

enum {
    LEADER,
    CANDIDATE,
    DAMAGED,
    FOLLOWER,
    WITNESS,
    STEP_US = 20,
    STEPS_MAX = 500000,
    ELECTION_US = 40 * 1000 * 1000,
    ASKED_US = 9 * 1000 * 1000, /* the witness is asked for its vote */
    VOTED_US = ASKED_US + 500 * 1000,
};

static uint64_t term_of(int node)
{
    return consensus_term(cluster->nodes[node].group);
}

static void run_until_term_moves(int node, uint64_t term)
{
    for (int i = 0; i < STEPS_MAX && term_of(node) == term; i++) {
        raft_cluster_run(cluster, STEP_US);
    }
    assert_int_equal(term_of(node), term + 1);
}

/* The leader is away for so long that the candidate gets one vote, which is on its way for long. */
static void vote_for_the_candidate(uint64_t begun_us)
{
    uint64_t old_term = term_of(LEADER);

    fake_network_stall(cluster->network, CANDIDATE, WITNESS, begun_us + ASKED_US);
    for (int i = CANDIDATE; i <= WITNESS; i++) {
        cut(LEADER, i);
    }
    run_until_term_moves(CANDIDATE, old_term);
    cut(CANDIDATE, FOLLOWER);
    fake_network_stall(cluster->network, DAMAGED, CANDIDATE, begun_us + VOTED_US);
    run_until_term_moves(DAMAGED, old_term);
    raft_cluster_run(cluster, 10000);
    fake_network_pause(cluster->network, CANDIDATE, begun_us + VOTED_US);
    assert_int_equal(term_of(FOLLOWER), old_term);
    assert_int_equal(term_of(WITNESS), old_term);
    raft_cluster_crash(cluster, DAMAGED);
    memory_disk_forget(cluster->nodes[DAMAGED].disk, raft_cluster_group, old_term);
}

static bool is_refilled(struct raft_cluster *self)
{
    (void)self;
    return installs_of(DAMAGED) == 1;
}

static bool leader_applied(struct raft_cluster *self)
{
    return self->nodes[LEADER].value_count == wanted;
}

/* Three of five decide with the refilled one; the two others and its old vote are three as well. */
static void a_vote_of_before_the_damage_elects_nobody(void **state)
{
    uint64_t begun_us;

    (void)state;
    cluster = raft_cluster_new(5, 5, 7);
    cluster->options.snapshot_entries = 20;
    cluster->options.election_timeout_us = ELECTION_US;
    raft_cluster_start_all(cluster);
    write_values(1, 60);
    assert_true(raft_cluster_run_until(cluster, 5, agrees));
    assert_ptr_equal(raft_cluster_leader(cluster), &cluster->nodes[LEADER]);
    begun_us = cluster->clock.now_us;
    vote_for_the_candidate(begun_us);
    for (int i = DAMAGED; i <= WITNESS; i++) {
        join(LEADER, i);
    }
    raft_cluster_start(cluster, DAMAGED);
    assert_true(raft_cluster_run_until(cluster, 5, is_refilled));
    cut(LEADER, WITNESS);
    assert_int_equal(raft_cluster_submit(&cluster->nodes[LEADER], 61), ERROR_NONE);
    wanted = 61;
    assert_true(raft_cluster_run_until(cluster, 1, leader_applied));
    assert_true(cluster->clock.now_us + 1000000 < begun_us + ASKED_US);
    raft_cluster_run(cluster, begun_us + VOTED_US + 1000000 - cluster->clock.now_us);
    assert_false(consensus_leads(cluster->nodes[CANDIDATE].group));
    for (int i = LEADER; i <= WITNESS; i++) {
        assert_string_equal(cluster->nodes[i].failure, "");
    }
    join(LEADER, CANDIDATE);
    join(LEADER, WITNESS);
    join(CANDIDATE, FOLLOWER);
    assert_true(raft_cluster_run_until(cluster, 200, agrees));
    end();
}

static void a_crash_during_an_install_is_repaired(void **state)
{
    (void)state;
    for (int delay_ms = 1; delay_ms < 60; delay_ms += 3) {
        begin(3, 3);
        write_values(1, 5);
        assert_true(raft_cluster_run_until(cluster, 5, agrees));
        raft_cluster_crash(cluster, 2);
        write_values(6, 100);
        raft_cluster_start(cluster, 2);
        raft_cluster_run(cluster, (uint64_t)(480 + delay_ms) * 1000);
        raft_cluster_crash(cluster, 2);
        raft_cluster_start(cluster, 2);
        assert_true(raft_cluster_run_until(cluster, 30, agrees));
        end();
    }
}

static uint64_t elections_of(int node)
{
    struct consensus_stats stats;

    consensus_stats(cluster->nodes[node].consensus, &stats);
    return stats.elections;
}

/* The member after the leader comes back far behind, so long ago. Returns the leader. */
static int32_t begin_install(int delay_ms)
{
    int32_t leader;
    int32_t late;

    begin(3, 3);
    write_values(1, 5);
    assert_true(raft_cluster_run_until(cluster, 5, agrees));
    leader = raft_cluster_leader(cluster)->id;
    late = (leader + 1) % 3;
    raft_cluster_crash(cluster, late);
    write_values(6, 100);
    raft_cluster_start(cluster, late);
    raft_cluster_run(cluster, (uint64_t)delay_ms * 1000);
    return leader;
}

/* What it has acknowledged may be what was damaged, also while it pulls what is newer. */
static void who_meets_damage_while_it_installs_has_no_vote(void **state)
{
    (void)state;
    for (int delay_ms = 840; delay_ms < 900; delay_ms++) { /* it ends in between */
        int32_t leader = begin_install(delay_ms);
        int32_t damaged = (leader + 1) % 3;
        int32_t other = (leader + 2) % 3;
        uint64_t elections;

        memory_storage_meet_damage(cluster->nodes[damaged].storage, raft_cluster_group);
        cut(leader, damaged);
        cut(leader, other);
        elections = elections_of(other);
        raft_cluster_run(cluster, 5000000);
        assert_int_equal(elections_of(other), elections);
        join(leader, damaged);
        join(leader, other);
        assert_true(raft_cluster_run_until(cluster, 30, agrees));
        end();
    }
}

static bool is_led_by_another(struct raft_cluster *self)
{
    return raft_cluster_leader(self) != NULL;
}

/* Its source has lost the group, and has no vote either: who pulls must not wait for it for ever.
 */
static void who_installs_votes_for_another_when_its_leader_meets_damage(void **state)
{
    (void)state;
    for (int delay_ms = 840; delay_ms < 900; delay_ms++) { /* it ends in between */
        int32_t leader = begin_install(delay_ms);

        memory_storage_meet_damage(cluster->nodes[leader].storage, raft_cluster_group);
        assert_true(raft_cluster_run_until(cluster, 15, is_led_by_another));
        assert_true(raft_cluster_run_until(cluster, 30, agrees));
        end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(snapshots_shorten_the_log_and_restarts_begin_with_them),
        cmocka_unit_test(an_orderly_stop_leaves_little_to_read_again),
        cmocka_unit_test(a_follower_that_slept_too_long_installs),
        cmocka_unit_test(an_empty_standby_installs_and_becomes_a_voter),
        cmocka_unit_test(a_damaged_replica_is_refilled_and_votes_only_then),
        cmocka_unit_test(a_damaged_replica_is_not_refilled_by_a_leader_of_the_past),
        cmocka_unit_test(a_vote_of_before_the_damage_elects_nobody),
        cmocka_unit_test(a_crash_during_an_install_is_repaired),
        cmocka_unit_test(who_meets_damage_while_it_installs_has_no_vote),
        cmocka_unit_test(who_installs_votes_for_another_when_its_leader_meets_damage),
    };
    return cmocka_run_group_tests_name("install", tests, NULL, NULL);
}
