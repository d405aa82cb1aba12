/* SPDX-License-Identifier: Apache-2.0 */
/* Members come and go, leadership is handed over, and idle groups sleep. */
#include "support/raft_cluster.h"
#include "support/test.h"

static struct raft_cluster *cluster;
static int wanted;
static enum error answer;
static bool is_answered;

static bool agrees(struct raft_cluster *self)
{
    return raft_cluster_agrees(self, wanted);
}

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

static bool has_leader(struct raft_cluster *self)
{
    return raft_cluster_leader(self) != NULL;
}

static int32_t gone;

static bool is_replaced(struct raft_cluster *self)
{
    for (int i = 0; i < self->node_count; i++) {
        if (i != gone && consensus_leads(self->nodes[i].group)) {
            return true;
        }
    }
    return false;
}

static void write_values(uint64_t from, uint64_t to)
{
    for (uint64_t value = from; value <= to; value++) {
        assert_true(raft_cluster_write(cluster, value));
    }
    wanted = (int)to;
}

static void wait_for_answer(enum error expected)
{
    assert_true(raft_cluster_run_until(cluster, 30, answered));
    assert_int_equal(answer, expected);
    is_answered = false;
}

static void a_group_moves_to_other_nodes_one_by_one(void **state)
{
    (void)state;
    cluster = raft_cluster_new(6, 3, 3);
    raft_cluster_start_all(cluster);
    write_values(1, 30);
    for (int32_t i = 0; i < 3; i++) {
        consensus_set_member(raft_cluster_leader(cluster)->group, i + 3, MEMBER_VOTER, on_done,
                             NULL);
        wait_for_answer(ERROR_NONE);
        if (raft_cluster_leader(cluster)->id == i) {
            /* It makes way first. */
            consensus_remove_member(raft_cluster_leader(cluster)->group, i, on_done, NULL);
            wait_for_answer(ERROR_NOT_LEADER);
            assert_true(raft_cluster_run_until(cluster, 10, has_leader));
        }
        consensus_remove_member(raft_cluster_leader(cluster)->group, i, on_done, NULL);
        wait_for_answer(ERROR_NONE);
        assert_true(raft_cluster_run_until(cluster, 10, has_leader));
        write_values((uint64_t)wanted + 1, (uint64_t)wanted + 5);
        raft_cluster_run(cluster, 1000000);
        raft_cluster_crash(cluster, i);
    }
    assert_true(raft_cluster_leader(cluster)->id >= 3);
    assert_true(raft_cluster_run_until(cluster, 10, agrees));
    assert_int_equal(raft_cluster_leader(cluster)->member_count, 3);
    raft_cluster_free(cluster);
}

/* Most of them are not there: who does not vote is waited for by nobody. */
static void a_group_has_as_many_members_as_it_may_and_no_more(void **state)
{
    struct member_progress members[CONSENSUS_MEMBERS_MAX];
    struct consensus_group *group;

    (void)state;
    cluster = raft_cluster_new(3, 3, 3);
    raft_cluster_start_all(cluster);
    write_values(1, 5);
    group = raft_cluster_leader(cluster)->group;
    for (int32_t node = 3; node < CONSENSUS_MEMBERS_MAX; node++) {
        consensus_set_member(group, node, MEMBER_STANDBY, on_done, NULL);
        wait_for_answer(ERROR_NONE);
    }
    consensus_set_member(group, CONSENSUS_MEMBERS_MAX, MEMBER_STANDBY, on_done, NULL);
    wait_for_answer(ERROR_LIMIT);
    assert_int_equal(consensus_members(group, members), CONSENSUS_MEMBERS_MAX);
    consensus_snapshot(group, on_done, NULL);
    wait_for_answer(ERROR_NONE);
    for (int i = 0; i < 3; i++) { /* from a snapshot here, from entries there */
        raft_cluster_crash(cluster, i);
        raft_cluster_start(cluster, i);
        write_values((uint64_t)wanted + 1, (uint64_t)wanted + 5);
    }
    assert_true(raft_cluster_run_until(cluster, 10, agrees));
    group = raft_cluster_leader(cluster)->group;
    assert_int_equal(consensus_members(group, members), CONSENSUS_MEMBERS_MAX);
    consensus_remove_member(group, 3, on_done, NULL);
    wait_for_answer(ERROR_NONE);
    consensus_set_member(group, CONSENSUS_MEMBERS_MAX, MEMBER_STANDBY, on_done, NULL);
    wait_for_answer(ERROR_NONE);
    raft_cluster_free(cluster);
}

static void a_second_change_is_refused_while_one_runs(void **state)
{
    (void)state;
    cluster = raft_cluster_new(4, 3, 3);
    for (int i = 0; i < 3; i++) {
        raft_cluster_start(cluster, i);
    }
    write_values(1, 2);
    /* Node 3 does not run: it never catches up. */
    consensus_set_member(raft_cluster_leader(cluster)->group, 3, MEMBER_VOTER, on_done, NULL);
    raft_cluster_run(cluster, 3000000);
    assert_false(is_answered);
    consensus_remove_member(raft_cluster_leader(cluster)->group, 1, on_done, NULL);
    wait_for_answer(ERROR_STATE);
    consensus_set_member(cluster->nodes[1].group, 3, MEMBER_VOTER, on_done, NULL);
    wait_for_answer(ERROR_NOT_LEADER);
    raft_cluster_start(cluster, 3);
    wait_for_answer(ERROR_NONE);
    raft_cluster_free(cluster);
}

static void a_member_that_does_not_catch_up_is_waited_for_only_while_it_is_wanted(void **state)
{
    struct consensus_group *group;

    (void)state;
    cluster = raft_cluster_new(4, 3, 3);
    for (int i = 0; i < 3; i++) {
        raft_cluster_start(cluster, i);
    }
    write_values(1, 2);
    group = raft_cluster_leader(cluster)->group;
    consensus_stop_waiting(group, 3);
    consensus_set_member(group, 3, MEMBER_VOTER, on_done, NULL);
    consensus_stop_waiting(group, 3); /* it is not even a standby */
    raft_cluster_run(cluster, 3000000);
    consensus_stop_waiting(group, 2);
    raft_cluster_run(cluster, 1000000);
    assert_false(is_answered);
    consensus_stop_waiting(group, 3);
    assert_false(is_answered);
    wait_for_answer(ERROR_STATE);
    consensus_remove_member(group, 3, on_done, NULL);
    wait_for_answer(ERROR_NONE);
    raft_cluster_free(cluster);
}

/* Writes never pause: what the leader sends to `node` is `delay_us` on its way. True: answered. */
static bool run_under_load(struct raft_node *leader, int32_t node, uint64_t delay_us,
                           uint64_t step_us, int writes)
{
    enum { LOAD_US = 10 * 1000 * 1000 };
    uint64_t end_us = cluster->clock.now_us + LOAD_US;

    while (!is_answered && cluster->clock.now_us < end_us) {
        fake_network_stall(cluster->network, leader->id, node, cluster->clock.now_us + delay_us);
        for (int i = 0; i < writes; i++) {
            assert_int_equal(raft_cluster_submit(leader, (uint64_t)++wanted), ERROR_NONE);
        }
        raft_cluster_run(cluster, step_us);
    }
    return is_answered;
}

static struct raft_node *begin_to_add_the_fourth(void)
{
    struct raft_node *leader;

    cluster = raft_cluster_new(4, 3, 3);
    raft_cluster_start_all(cluster);
    write_values(1, 2);
    leader = raft_cluster_leader(cluster);
    consensus_set_member(leader->group, 3, MEMBER_VOTER, on_done, NULL);
    return leader;
}

/* There is never a moment in which it has all that the leader has, or all that is committed. */
static void a_member_becomes_a_voter_while_others_write(void **state)
{
    struct raft_node *leader = begin_to_add_the_fourth();

    (void)state;
    assert_true(run_under_load(leader, 3, 20 * 1000, 1000, 8));
    wait_for_answer(ERROR_NONE);
    assert_int_equal(leader->member_count, 4);
    assert_true(raft_cluster_run_until(cluster, 5, agrees));
    raft_cluster_free(cluster);
}

/* With it in a majority, what is written would wait for longer than an election takes. */
static void a_member_that_stays_far_behind_becomes_no_voter(void **state)
{
    struct raft_node *leader = begin_to_add_the_fourth();

    (void)state;
    assert_false(run_under_load(leader, 3, 2000 * 1000, 20 * 1000, 1));
    wait_for_answer(ERROR_NONE);
    assert_true(raft_cluster_run_until(cluster, 5, agrees));
    raft_cluster_free(cluster);
}

/* With its vote there is a majority, and only who is elected can tell it of its right to vote. */
static void a_member_votes_before_it_has_heard_that_it_may(void **state)
{
    struct raft_node *leader;

    (void)state;
    cluster = raft_cluster_new(4, 3, 3);
    raft_cluster_start_all(cluster);
    write_values(1, 5);
    leader = raft_cluster_leader(cluster);
    consensus_set_member(leader->group, 3, MEMBER_STANDBY, on_done, NULL);
    wait_for_answer(ERROR_NONE);
    raft_cluster_run(cluster, 1000000);
    fake_network_cut(cluster->network, leader->id, 3);
    consensus_set_member(leader->group, 3, MEMBER_VOTER, on_done, NULL);
    wait_for_answer(ERROR_NONE);
    assert_int_equal(cluster->nodes[3].member_count, 4);
    raft_cluster_crash(cluster, leader->id);
    assert_true(raft_cluster_run_until(cluster, 10, has_leader));
    write_values(6, 10);
    raft_cluster_free(cluster);
}

static void leadership_is_handed_over_without_losing_a_write(void **state)
{
    uint64_t term;

    (void)state;
    cluster = raft_cluster_new(3, 3, 5);
    raft_cluster_start_all(cluster);
    write_values(1, 30);
    for (uint64_t i = 0; i < 6; i++) {
        struct raft_node *old = raft_cluster_leader(cluster);
        int32_t target = (old->id + 1) % 3;
        uint64_t asked_us = cluster->clock.now_us;

        term = old->lead_term;
        assert_int_equal(raft_cluster_submit(old, 31 + i), ERROR_NONE);
        consensus_transfer(old->group, target, on_done, NULL);
        assert_int_equal(raft_cluster_submit(old, 1000), ERROR_STATE);
        wait_for_answer(ERROR_NONE);
        assert_true(raft_cluster_run_until(cluster, 2, has_leader));
        assert_int_equal(raft_cluster_leader(cluster)->id, target);
        assert_true(raft_cluster_leader(cluster)->lead_term > term);
        assert_true(cluster->clock.now_us - asked_us < 1000000);
        wanted = (int)(31 + i);
        assert_true(raft_cluster_run_until(cluster, 5, agrees));
    }
    raft_cluster_free(cluster);
}

static void on_given_up(void *context, enum error error)
{
    *(enum error *)context = error;
}

static void leadership_is_handed_over_while_a_member_catches_up(void **state)
{
    enum error given_up = ERROR_NONE;
    struct raft_node *old;
    int32_t target;

    (void)state;
    cluster = raft_cluster_new(4, 3, 5);
    for (int i = 0; i < 3; i++) {
        raft_cluster_start(cluster, i);
    }
    write_values(1, 3);
    old = raft_cluster_leader(cluster);
    target = (old->id + 1) % 3;
    /* Node 3 does not run. */
    consensus_set_member(old->group, 3, MEMBER_VOTER, on_given_up, &given_up);
    raft_cluster_run(cluster, 3000000);
    consensus_transfer(old->group, 3, on_done, NULL);
    wait_for_answer(ERROR_NOT_FOUND);
    consensus_transfer(old->group, old->id, on_done, NULL);
    wait_for_answer(ERROR_NONE);
    assert_int_equal(given_up, ERROR_NONE);
    consensus_transfer(old->group, target, on_done, NULL);
    wait_for_answer(ERROR_NONE);
    assert_int_equal(given_up, ERROR_STATE);
    assert_true(raft_cluster_run_until(cluster, 2, has_leader));
    assert_int_equal(raft_cluster_leader(cluster)->id, target);
    /* The new leader takes it up again. */
    consensus_set_member(cluster->nodes[target].group, 3, MEMBER_VOTER, on_done, NULL);
    raft_cluster_start(cluster, 3);
    wait_for_answer(ERROR_NONE);
    write_values(4, 6);
    assert_true(raft_cluster_run_until(cluster, 5, agrees));
    raft_cluster_free(cluster);
}

static void a_transfer_to_a_dead_member_ends_and_writes_go_on(void **state)
{
    (void)state;
    cluster = raft_cluster_new(3, 3, 5);
    raft_cluster_start_all(cluster);
    write_values(1, 3);
    raft_cluster_crash(cluster, 2);
    consensus_transfer(raft_cluster_leader(cluster)->group, 2, on_done, NULL);
    wait_for_answer(ERROR_TIMEOUT);
    write_values(4, 6);
    raft_cluster_free(cluster);
}

/* What decides between the logs of those who are left: the term of the last entry. */
static void the_last_member_alone_can_be_made_the_group(void **state)
{
    uint64_t written_in;
    uint64_t last_term;

    (void)state;
    cluster = raft_cluster_new(3, 3, 5);
    raft_cluster_start_all(cluster);
    write_values(1, 20);
    assert_true(raft_cluster_run_until(cluster, 5, agrees));
    written_in = consensus_term(raft_cluster_leader(cluster)->group);
    raft_cluster_crash(cluster, 0);
    raft_cluster_crash(cluster, 1);
    raft_cluster_run(cluster, 5000000);
    assert_null(raft_cluster_leader(cluster));
    assert_int_equal(consensus_may_force(cluster->nodes[2].group, &last_term), ERROR_NONE);
    assert_int_equal(last_term, written_in);
    assert_int_equal(consensus_force_single_member(cluster->nodes[2].group), ERROR_NONE);
    assert_true(raft_cluster_run_until(cluster, 5, has_leader));
    assert_int_equal(consensus_may_force(cluster->nodes[2].group, &last_term), ERROR_NONE);
    assert_true(last_term > written_in);
    write_values(21, 25);
    assert_true(raft_cluster_run_until(cluster, 5, agrees));
    raft_cluster_free(cluster);
}

/* ---- sleeping ---- */

static uint64_t asleep(void)
{
    uint64_t count = 0;

    for (int i = 0; i < cluster->node_count; i++) {
        struct consensus_stats stats;

        if (cluster->nodes[i].is_running) {
            consensus_stats(cluster->nodes[i].consensus, &stats);
            count += stats.groups_asleep;
        }
    }
    return count;
}

static void begin_sleeping(void)
{
    cluster = raft_cluster_new(3, 3, 9);
    cluster->options.sleep_when_idle = true;
    raft_cluster_start_all(cluster);
    write_values(1, 10);
    raft_cluster_run(cluster, 5000000);
    assert_int_equal(asleep(), 3);
}

static void idle_groups_sleep_long_and_wake_for_a_write_without_an_election(void **state)
{
    struct consensus_stats before;
    struct consensus_stats after;
    uint64_t term;

    (void)state;
    begin_sleeping();
    term = consensus_term(cluster->nodes[1].group);
    consensus_stats(cluster->nodes[0].consensus, &before);
    raft_cluster_run(cluster, 60000000);
    consensus_stats(cluster->nodes[0].consensus, &after);
    assert_int_equal(asleep(), 3);
    /* Ten beats a second to each of two peers and nothing else. */
    assert_true(after.messages_sent - before.messages_sent <= 1202);
    write_values(11, 12);
    assert_true(raft_cluster_run_until(cluster, 1, agrees));
    raft_cluster_run(cluster, 10000000);
    assert_int_equal(consensus_term(cluster->nodes[1].group), term);
    assert_int_equal(asleep(), 3);
    raft_cluster_free(cluster);
}

static void a_member_counts_as_live_from_its_last_start_on(void **state)
{
    const struct consensus *witness;

    (void)state;
    cluster = raft_cluster_new(3, 3, 61);
    raft_cluster_start_all(cluster);
    witness = cluster->nodes[0].consensus;
    raft_cluster_run(cluster, 5000000);
    assert_true(consensus_peer_live_us(witness, 1) > 4000000);
    raft_cluster_crash(cluster, 1);
    raft_cluster_run(cluster, 2000000);
    assert_int_equal(consensus_peer_live_us(witness, 1), 0);
    raft_cluster_start(cluster, 1);
    raft_cluster_run(cluster, 2000000);
    assert_true(consensus_peer_live_us(witness, 1) > 1000000);
    assert_true(consensus_peer_live_us(witness, 1) <= 2000000);
    assert_true(consensus_peer_live_us(witness, 2) > 8000000);
    raft_cluster_free(cluster);
}

static void silence_is_counted_from_what_came_last(void **state)
{
    const struct consensus *witness;

    (void)state;
    cluster = raft_cluster_new(3, 3, 62);
    raft_cluster_start(cluster, 0);
    raft_cluster_run(cluster, 3000000);
    witness = cluster->nodes[0].consensus;
    assert_int_equal(consensus_peer_silent_us(witness, 0), 0);
    assert_int_equal(consensus_peer_silent_us(witness, 1), 3000000); /* since we started */
    raft_cluster_start(cluster, 1);
    raft_cluster_start(cluster, 2);
    raft_cluster_run(cluster, 5000000);
    assert_true(consensus_peer_silent_us(witness, 1) < 1000000);
    raft_cluster_crash(cluster, 1);
    raft_cluster_run(cluster, 2000000);
    assert_true(consensus_peer_silent_us(witness, 1) >= 2000000);
    assert_true(consensus_peer_silent_us(witness, 1) < 3000000);
    raft_cluster_free(cluster);
}

static void a_sleeping_group_replaces_a_dead_leader(void **state)
{
    uint64_t died_us;

    (void)state;
    begin_sleeping();
    raft_cluster_crash(cluster, 0);
    died_us = cluster->clock.now_us;
    assert_true(raft_cluster_run_until(cluster, 5, has_leader));
    assert_true(cluster->clock.now_us - died_us < 700 * 1000);
    write_values(11, 12);
    raft_cluster_start(cluster, 0);
    raft_cluster_run(cluster, 10000000);
    assert_true(raft_cluster_run_until(cluster, 5, agrees));
    assert_int_equal(asleep(), 3);
    raft_cluster_free(cluster);
}

/* Its peers notice one after the other that it is silent: who notices first is refused. */
static void a_silent_leader_is_replaced_as_soon_as_a_majority_knows(void **state)
{
    enum { SEEDS = 40, KNOWN_US = 1000 * 1000, ELECTED_US = 320 * 1000 };

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        uint64_t cut_us;

        cluster = raft_cluster_new(3, 3, seed);
        raft_cluster_start_all(cluster);
        write_values(1, 3);
        raft_cluster_run(cluster, 1000000 + seed * 7000);
        gone = raft_cluster_leader(cluster)->id;
        for (int i = 0; i < 3; i++) {
            if (i != gone) {
                fake_network_cut(cluster->network, gone, i);
                fake_network_cut(cluster->network, i, gone);
            }
        }
        cut_us = cluster->clock.now_us;
        assert_true(raft_cluster_run_until(cluster, 10, is_replaced));
        print_message("seed %lu: %lu us\n", (unsigned long)seed,
                      (unsigned long)(cluster->clock.now_us - cut_us));
        assert_true(cluster->clock.now_us - cut_us < KNOWN_US + ELECTED_US);
        raft_cluster_free(cluster);
    }
}

static void a_reset_link_wakes_and_the_group_sleeps_again(void **state)
{
    (void)state;
    begin_sleeping();
    fake_network_reset(cluster->network, 0, 1);
    raft_cluster_run(cluster, 50000);
    assert_true(asleep() < 3);
    raft_cluster_run(cluster, 15000000);
    assert_int_equal(asleep(), 3);
    write_values(11, 12);
    assert_true(raft_cluster_run_until(cluster, 2, agrees));
    raft_cluster_free(cluster);
}

static void a_leader_that_lost_its_group_is_noticed_by_sleepers(void **state)
{
    (void)state;
    begin_sleeping();
    /* Node 0 lives and beats, but its replica is gone. */
    consensus_close_group(cluster->nodes[0].group);
    cluster->nodes[0].group = NULL;
    raft_cluster_run(cluster, 10000000);
    assert_true(consensus_leads(cluster->nodes[1].group) ||
                consensus_leads(cluster->nodes[2].group));
    for (int i = 1; i < 3; i++) {
        raft_cluster_crash(cluster, i);
    }
    raft_cluster_free(cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group_moves_to_other_nodes_one_by_one),
        cmocka_unit_test(a_group_has_as_many_members_as_it_may_and_no_more),
        cmocka_unit_test(a_second_change_is_refused_while_one_runs),
        cmocka_unit_test(a_member_that_does_not_catch_up_is_waited_for_only_while_it_is_wanted),
        cmocka_unit_test(a_member_becomes_a_voter_while_others_write),
        cmocka_unit_test(a_member_that_stays_far_behind_becomes_no_voter),
        cmocka_unit_test(a_member_votes_before_it_has_heard_that_it_may),
        cmocka_unit_test(leadership_is_handed_over_without_losing_a_write),
        cmocka_unit_test(leadership_is_handed_over_while_a_member_catches_up),
        cmocka_unit_test(a_transfer_to_a_dead_member_ends_and_writes_go_on),
        cmocka_unit_test(the_last_member_alone_can_be_made_the_group),
        cmocka_unit_test(idle_groups_sleep_long_and_wake_for_a_write_without_an_election),
        cmocka_unit_test(a_member_counts_as_live_from_its_last_start_on),
        cmocka_unit_test(silence_is_counted_from_what_came_last),
        cmocka_unit_test(a_sleeping_group_replaces_a_dead_leader),
        cmocka_unit_test(a_silent_leader_is_replaced_as_soon_as_a_majority_knows),
        cmocka_unit_test(a_reset_link_wakes_and_the_group_sleeps_again),
        cmocka_unit_test(a_leader_that_lost_its_group_is_noticed_by_sleepers),
    };
    return cmocka_run_group_tests_name("members", tests, NULL, NULL);
}
