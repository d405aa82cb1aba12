/* SPDX-License-Identifier: Apache-2.0 */
/* Replicas that catch up are held to a rate; the others, and the group's life, are not. */
#include "support/raft_cluster.h"
#include "support/test.h"

enum {
    VALUES = 10000,
    RATE = 50000,        /* bytes a second */
    WINDOW = 256 * 1024, /* what is on its way before a follower can ask for a rest */
    FEEDS = 100000,
    INSTALLS = 20, /* entries until a snapshot */
};

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

static void begin(int nodes, int members, uint64_t snapshot_entries)
{
    cluster = raft_cluster_new(nodes, members, 11);
    cluster->options.snapshot_entries = snapshot_entries;
    raft_cluster_start_all(cluster);
    wanted = 0;
    is_answered = false;
}

static void write_values(int count)
{
    for (int i = 0; i < count; i++) {
        assert_true(raft_cluster_write(cluster, (uint64_t)++wanted));
    }
}

/* Everything at once, as fast as the window lets. */
static void write_many(int count)
{
    struct raft_node *leader = raft_cluster_leader(cluster);

    while (count > 0) {
        if (raft_cluster_submit(leader, (uint64_t)wanted + 1) == ERROR_NONE) {
            wanted++;
            count--;
        } else {
            raft_cluster_run(cluster, 1000);
        }
    }
    raft_cluster_run(cluster, 1000000);
}

static uint64_t log_bytes(const struct raft_node *node)
{
    return (uint64_t)partition_log_size_bytes(storage_find_log(node->storage, raft_cluster_group));
}

static struct consensus_stats stats_of(int node)
{
    struct consensus_stats stats;

    consensus_stats(cluster->nodes[node].consensus, &stats);
    return stats;
}

static uint64_t elections(void)
{
    uint64_t sum = 0;

    for (int i = 0; i < cluster->node_count; i++) {
        sum += cluster->nodes[i].is_running ? stats_of(i).elections : 0;
    }
    return sum;
}

static void throttle(int node, bool gives, bool takes, int64_t leader_rate, int64_t follower_rate)
{
    const struct consensus_throttled throttled = {
        .gives = gives, .takes = takes, .others_take = true};

    consensus_set_throttle_rates(cluster->nodes[node].consensus, leader_rate, follower_rate);
    consensus_set_throttled(cluster->nodes[node].group, &throttled);
}

static uint64_t seconds_to_add(int node)
{
    uint64_t begin_us = cluster->clock.now_us;

    consensus_set_member(raft_cluster_leader(cluster)->group, node, MEMBER_VOTER, on_done, NULL);
    assert_true(raft_cluster_run_until(cluster, 120, answered));
    assert_int_equal(answer, ERROR_NONE);
    return (cluster->clock.now_us - begin_us) / 1000000;
}

static void add_throttled(uint64_t snapshot_entries, bool at_leader, bool at_follower)
{
    int64_t leader_rate = at_leader ? RATE : INT64_MAX;
    int64_t follower_rate = at_follower ? RATE : INT64_MAX;
    uint64_t elections_before;
    uint64_t expected;
    uint64_t taken;

    begin(4, 3, snapshot_entries);
    write_values(1);
    write_many(VALUES);
    expected = log_bytes(raft_cluster_leader(cluster)) / RATE;
    assert_true(expected >= 5);
    for (int i = 0; i < 3; i++) {
        throttle(i, at_leader, false, leader_rate, INT64_MAX);
    }
    throttle(3, false, at_follower, INT64_MAX, follower_rate);
    elections_before = elections();
    taken = seconds_to_add(3);
    print_message("%llu bytes at %d/s took %llu s\n",
                  (unsigned long long)log_bytes(raft_cluster_leader(cluster)), RATE,
                  (unsigned long long)taken);
    assert_in_range(taken, expected - 2 - (at_leader ? 0 : WINDOW / RATE), expected * 2);
    assert_int_equal(elections(), elections_before);
    assert_int_equal(stats_of(3).snapshots_installed > 0, snapshot_entries == INSTALLS);
    assert_true(!at_follower || stats_of(3).throttled_taken_bytes >= expected * RATE);
    write_values(10);
    assert_true(raft_cluster_run_until(cluster, 5, agrees));
    raft_cluster_free(cluster);
}

static void a_leader_feeds_a_standby_no_faster_than_its_rate(void **state)
{
    (void)state;
    add_throttled(FEEDS, true, false);
}

static void a_standby_is_fed_no_faster_than_its_own_rate(void **state)
{
    (void)state;
    add_throttled(FEEDS, false, true);
}

static void a_leader_gives_an_install_no_faster_than_its_rate(void **state)
{
    (void)state;
    add_throttled(INSTALLS, true, false);
}

static void an_install_is_pulled_no_faster_than_the_follower_s_rate(void **state)
{
    (void)state;
    add_throttled(INSTALLS, false, true);
}

static void both_rates_together_are_one(void **state)
{
    (void)state;
    add_throttled(FEEDS, true, true);
    add_throttled(INSTALLS, true, true);
}

static void who_is_in_sync_is_not_held_back(void **state)
{
    uint64_t begin_us;

    (void)state;
    begin(3, 3, FEEDS);
    write_values(1);
    for (int i = 0; i < 3; i++) {
        throttle(i, true, true, 1, 1);
    }
    begin_us = cluster->clock.now_us;
    write_values(200);
    assert_true(raft_cluster_run_until(cluster, 5, agrees));
    assert_true(cluster->clock.now_us - begin_us < 10 * 1000000);
    raft_cluster_free(cluster);
}

static void a_throttle_that_is_taken_away_holds_nobody(void **state)
{
    (void)state;
    begin(4, 3, FEEDS);
    write_values(200);
    for (int i = 0; i < 4; i++) {
        throttle(i, true, true, 1, 1);
    }
    consensus_set_member(raft_cluster_leader(cluster)->group, 3, MEMBER_VOTER, on_done, NULL);
    assert_false(raft_cluster_run_until(cluster, 20, answered));
    for (int i = 0; i < 4; i++) {
        throttle(i, false, false, INT64_MAX, INT64_MAX);
    }
    assert_true(raft_cluster_run_until(cluster, 5, answered));
    assert_int_equal(answer, ERROR_NONE);
    raft_cluster_free(cluster);
}

static void a_voter_is_held_back_only_while_the_others_decide_without_it(void **state)
{
    enum { MANY = 10200 };
    int leader;
    int other;
    int behind;

    (void)state;
    begin(3, 3, FEEDS);
    write_values(1);
    leader = raft_cluster_leader(cluster)->id;
    other = (leader + 1) % 3;
    behind = (leader + 2) % 3;
    raft_cluster_crash(cluster, behind);
    write_many(MANY);
    for (int i = 0; i < 3; i++) {
        if (i != behind) {
            throttle(i, true, true, 1, 1);
        }
    }
    raft_cluster_start(cluster, behind);
    throttle(behind, true, true, 1, 1);
    assert_false(raft_cluster_run_until(cluster, 20, agrees));
    assert_true(cluster->nodes[behind].value_count < MANY);
    raft_cluster_crash(cluster, other);
    assert_true(raft_cluster_run_until(cluster, 30, agrees));
    write_values(1);
    raft_cluster_free(cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_leader_feeds_a_standby_no_faster_than_its_rate),
        cmocka_unit_test(a_standby_is_fed_no_faster_than_its_own_rate),
        cmocka_unit_test(a_leader_gives_an_install_no_faster_than_its_rate),
        cmocka_unit_test(an_install_is_pulled_no_faster_than_the_follower_s_rate),
        cmocka_unit_test(both_rates_together_are_one),
        cmocka_unit_test(who_is_in_sync_is_not_held_back),
        cmocka_unit_test(a_throttle_that_is_taken_away_holds_nobody),
        cmocka_unit_test(a_voter_is_held_back_only_while_the_others_decide_without_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
