/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of one to three replicas elect, replicate, apply, and come back after crashes. */
#include "support/raft_cluster.h"
#include "support/test.h"

static struct raft_cluster *cluster;
static int wanted;

static bool has_leader(struct raft_cluster *self)
{
    return raft_cluster_leader(self) != NULL;
}

static bool agrees(struct raft_cluster *self)
{
    return raft_cluster_agrees(self, wanted);
}

static void begin(int nodes, int members)
{
    cluster = raft_cluster_new(nodes, members, 42);
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

static void a_single_replica_leads_and_raises_its_term_at_each_start(void **state)
{
    uint64_t term;

    (void)state;
    begin(1, 1);
    write_values(1, 20);
    term = consensus_term(cluster->nodes[0].group);
    raft_cluster_run(cluster, 100000);
    raft_cluster_crash(cluster, 0);
    raft_cluster_start(cluster, 0);
    assert_true(raft_cluster_run_until(cluster, 5, has_leader));
    assert_true(consensus_term(cluster->nodes[0].group) > term);
    assert_int_equal(cluster->nodes[0].value_count, 20);
    write_values(21, 22);
    end();
}

static void three_replicas_elect_the_preferred_one_and_agree(void **state)
{
    (void)state;
    begin(3, 3);
    assert_true(raft_cluster_run_until(cluster, 5, has_leader));
    assert_ptr_equal(raft_cluster_leader(cluster), &cluster->nodes[0]);
    assert_true(cluster->clock.now_us < 2000 * 1000);
    write_values(1, 100);
    assert_true(raft_cluster_run_until(cluster, 1, agrees));
    assert_int_equal(cluster->nodes[2].leader, 0);
    assert_int_equal(cluster->nodes[1].member_count, 3);
    end();
}

static bool has_applied(struct raft_cluster *self)
{
    struct raft_node *leader = raft_cluster_leader(self);

    return leader != NULL && leader->value_count == wanted;
}

/* Pauses of all lengths around the tick, asleep or not: no entry waits for a tick of its own. */
static void a_write_after_a_pause_commits_at_once(void **state)
{
    (void)state;
    for (int sleeps = 0; sleeps <= 1; sleeps++) {
        cluster = raft_cluster_new(3, 3, 42);
        cluster->options.sleep_when_idle = sleeps != 0;
        raft_cluster_start_all(cluster);
        write_values(1, 3);
        for (uint64_t value = 4; value < 40; value++) {
            uint64_t begun_us;

            raft_cluster_run(cluster, 97000 * (value % 23));
            begun_us = cluster->clock.now_us;
            wanted = (int)value;
            assert_int_equal(raft_cluster_submit(raft_cluster_leader(cluster), value), ERROR_NONE);
            assert_true(raft_cluster_run_until(cluster, 5, has_applied));
            if (cluster->clock.now_us - begun_us > 20000) {
                print_error("value %d after %d ms took %d ms, sleeps %d\n", (int)value,
                            (int)(97 * (value % 23)),
                            (int)((cluster->clock.now_us - begun_us) / 1000), sleeps);
                fail();
            }
        }
        end();
    }
}

static uint64_t elections_of(struct raft_cluster *self, int node)
{
    struct consensus_stats stats;

    consensus_stats(self->nodes[node].consensus, &stats);
    return stats.elections;
}

static void cut_node(int32_t node)
{
    for (int32_t other = 0; other < 3; other++) {
        if (other != node) {
            fake_network_cut(cluster->network, node, other);
            fake_network_cut(cluster->network, other, node);
        }
    }
}

/* Node 2 has few entries and a term that is two ahead, node 1 has all and does not know of it. */
static void a_newer_term_reaches_who_has_all_entries(void **state)
{
    (void)state;
    begin(3, 3);
    write_values(1, 10);
    cut_node(2);
    write_values(11, 40);
    for (int round = 0; round < 2; round++) {
        raft_cluster_crash(cluster, 0);
        fake_network_heal_all(cluster->network);
        cut_node(1);
        raft_cluster_start(cluster, 0);
        for (int i = 0; i < 100000 && elections_of(cluster, 0) == 0; i++) {
            raft_cluster_run(cluster, 100);
        }
        assert_int_equal(elections_of(cluster, 0), 1);
    }
    raft_cluster_crash(cluster, 0);
    fake_network_heal_all(cluster->network);
    assert_true(raft_cluster_run_until(cluster, 20, has_leader));
    assert_true(raft_cluster_run_until(cluster, 5, agrees));
    end();
}

static void a_message_without_sense_breaks_its_link(void **state)
{
    static const char text[] = "no message begins like this, whatever its length is";
    struct buffer *garbage = buffer_copy(text, sizeof text);
    struct buffer_slice slice = {.buffer = garbage, .bytes = garbage->bytes, .length = sizeof text};
    struct consensus_stats stats;
    struct links *links;
    int32_t peer;

    (void)state;
    begin(3, 3);
    write_values(1, 3);
    links = raft_cluster_leader(cluster)->links;
    peer = (links->self + 1) % 3;
    assert_int_equal(links_send(links, peer, LINK_RAFT, &slice, 1), ERROR_NONE);
    for (int i = 0; i < 40 && links_is_up(links, peer); i++) {
        raft_cluster_run(cluster, 500);
    }
    assert_false(links_is_up(links, peer));
    consensus_stats(cluster->nodes[peer].consensus, &stats);
    assert_int_equal(stats.malformed_frames, 1);
    write_values(4, 6);
    assert_true(raft_cluster_run_until(cluster, 5, agrees));
    end();
}

static void another_leads_soon_after_a_leader_died(void **state)
{
    uint64_t died_us;

    (void)state;
    begin(3, 3);
    write_values(1, 10);
    raft_cluster_run(cluster, 1000000);
    raft_cluster_crash(cluster, 0);
    died_us = cluster->clock.now_us;
    assert_true(raft_cluster_run_until(cluster, 5, has_leader));
    assert_true(cluster->clock.now_us - died_us < 700 * 1000);
    write_values(11, 20);
    raft_cluster_start(cluster, 0);
    assert_true(raft_cluster_run_until(cluster, 10, agrees));
    end();
}

static void all_replicas_come_back_with_what_was_acknowledged(void **state)
{
    (void)state;
    begin(3, 3);
    write_values(1, 50);
    for (int i = 0; i < 3; i++) {
        raft_cluster_crash(cluster, i);
    }
    raft_cluster_start_all(cluster);
    write_values(51, 60);
    assert_true(raft_cluster_run_until(cluster, 10, agrees));
    end();
}

static void what_was_not_committed_is_truncated(void **state)
{
    struct raft_node *old;
    struct consensus_stats stats;

    (void)state;
    begin(3, 3);
    write_values(1, 5);
    old = raft_cluster_leader(cluster);
    for (int i = 0; i < 3; i++) {
        if (i != old->id) {
            fake_network_cut(cluster->network, old->id, i);
            fake_network_cut(cluster->network, i, old->id);
        }
    }
    for (uint64_t value = 900; value < 910; value++) {
        assert_int_equal(raft_cluster_submit(old, value), ERROR_NONE);
    }
    raft_cluster_run(cluster, 6000000);
    write_values(6, 10);
    fake_network_heal_all(cluster->network);
    assert_true(raft_cluster_run_until(cluster, 10, agrees));
    consensus_stats(old->consensus, &stats);
    assert_true(stats.truncations > 0);
    end();
}

static void a_one_way_cut_does_not_stop_the_group(void **state)
{
    struct raft_node *old;

    (void)state;
    begin(3, 3);
    write_values(1, 5);
    old = raft_cluster_leader(cluster);
    for (int i = 0; i < 3; i++) {
        if (i != old->id) {
            fake_network_cut(cluster->network, old->id, i);
        }
    }
    raft_cluster_run(cluster, 6000000);
    assert_true(raft_cluster_leader(cluster) != NULL);
    assert_ptr_not_equal(raft_cluster_leader(cluster), old);
    write_values(6, 10);
    fake_network_heal_all(cluster->network);
    assert_true(raft_cluster_run_until(cluster, 10, agrees));
    end();
}

static void a_full_window_is_busy_until_something_is_applied(void **state)
{
    enum error error = ERROR_NONE;
    int accepted = 0;

    (void)state;
    begin(3, 3);
    assert_true(raft_cluster_run_until(cluster, 5, has_leader));
    for (uint64_t value = 1; error == ERROR_NONE && value < 1000; value++) {
        error = raft_cluster_submit(raft_cluster_leader(cluster), value);
        accepted += error == ERROR_NONE;
    }
    assert_int_equal(error, ERROR_BUSY);
    assert_int_equal(accepted, 256);
    wanted = accepted;
    assert_true(raft_cluster_run_until(cluster, 2, agrees));
    assert_int_equal(raft_cluster_submit(raft_cluster_leader(cluster), 5000), ERROR_NONE);
    end();
}

static void a_full_disk_withholds_and_loses_nothing(void **state)
{
    (void)state;
    begin(3, 3);
    write_values(1, 5);
    assert_true(raft_cluster_run_until(cluster, 2, agrees));
    memory_disk_set_full(cluster->nodes[1].disk, true);
    write_values(6, 30);
    assert_int_equal(cluster->nodes[1].value_count, 5);
    memory_disk_set_full(cluster->nodes[1].disk, false);
    assert_true(raft_cluster_run_until(cluster, 10, agrees));
    memory_disk_set_full(cluster->nodes[0].disk, true);
    assert_int_equal(raft_cluster_submit(&cluster->nodes[0], 77), ERROR_NO_SPACE);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_single_replica_leads_and_raises_its_term_at_each_start),
        cmocka_unit_test(three_replicas_elect_the_preferred_one_and_agree),
        cmocka_unit_test(a_write_after_a_pause_commits_at_once),
        cmocka_unit_test(a_newer_term_reaches_who_has_all_entries),
        cmocka_unit_test(a_message_without_sense_breaks_its_link),
        cmocka_unit_test(another_leads_soon_after_a_leader_died),
        cmocka_unit_test(all_replicas_come_back_with_what_was_acknowledged),
        cmocka_unit_test(what_was_not_committed_is_truncated),
        cmocka_unit_test(a_one_way_cut_does_not_stop_the_group),
        cmocka_unit_test(a_full_window_is_busy_until_something_is_applied),
        cmocka_unit_test(a_full_disk_withholds_and_loses_nothing),
    };
    return cmocka_run_group_tests_name("consensus", tests, NULL, NULL);
}
