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

static struct raft_node *next_leader(void)
{
    for (int i = 0; i < 3; i++) {
        if (&cluster->nodes[i] != old_leader && cluster->nodes[i].leads) {
            return &cluster->nodes[i];
        }
    }
    return NULL;
}

static bool another_leads(struct raft_cluster *self)
{
    (void)self;
    return next_leader() != NULL;
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
    next = next_leader()->id;
    damaged = 3 - old - next;
    assert_int_equal(raft_cluster_submit(next_leader(), 61), ERROR_NONE);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(snapshots_shorten_the_log_and_restarts_begin_with_them),
        cmocka_unit_test(an_orderly_stop_leaves_little_to_read_again),
        cmocka_unit_test(a_follower_that_slept_too_long_installs),
        cmocka_unit_test(an_empty_standby_installs_and_becomes_a_voter),
        cmocka_unit_test(a_damaged_replica_is_refilled_and_votes_only_then),
        cmocka_unit_test(a_damaged_replica_is_not_refilled_by_a_leader_of_the_past),
        cmocka_unit_test(a_crash_during_an_install_is_repaired),
    };
    return cmocka_run_group_tests_name("install", tests, NULL, NULL);
}
