/* SPDX-License-Identifier: Apache-2.0 */
/* A group goes on from one copy, and those that were given up come back. */
#include <stdlib.h>
#include <string.h>

#include "gyre/raft/consensus_recovery.h"

#include "support/raft_cluster.h"
#include "support/test.h"

enum { BYTES_MAX = 64 * 1024 };

static struct raft_cluster *cluster;
static int wanted;
static int survivor;

struct copying {
    int entries;
    int restores;
    bool is_done;
    enum error error;
};

static enum error on_restore(void *context, const struct log_snapshot *snapshot)
{
    struct copying *copying = context;

    (void)snapshot;
    copying->restores++;
    return ERROR_NONE;
}

static void on_apply(void *context, const struct log_entry *entry)
{
    struct copying *copying = context;

    copying->entries += entry->kind == ENTRY_BATCH;
}

static void on_done(void *context, enum error error)
{
    struct copying *copying = context;

    copying->is_done = true;
    copying->error = error;
}

static bool agrees(struct raft_cluster *self)
{
    return raft_cluster_agrees(self, wanted);
}

static bool is_led(struct raft_cluster *self)
{
    return raft_cluster_leader(self) != NULL;
}

static void write_values(uint64_t from, uint64_t to, int count)
{
    for (uint64_t value = from; value <= to; value++) {
        assert_true(raft_cluster_write(cluster, value));
    }
    wanted = count;
}

/* ---- a stopped node and its disk ---- */

static uint64_t durable;

static void on_durable(void *log_context, uint64_t sequence)
{
    if (log_context == cluster) {
        durable = sequence;
    }
}

static void turn(struct loop *loop)
{
    cluster->clock.now_us += 1000;
    (void)loop_turn(loop);
}

static struct consensus_recovery *read_copy(struct raft_node *node, struct copying *copying)
{
    const struct consensus_recovery_reader reader = {
        .restore = on_restore, .apply = on_apply, .done = on_done, .context = copying};
    struct consensus_recovery *recovery;

    loop_init(&node->loop, &cluster->clock.clock);
    node->storage = memory_storage_open(&node->loop, node->disk);
    recovery = consensus_recovery_read(
        &node->loop, storage_find_log(node->storage, raft_cluster_group), &reader);
    while (!copying->is_done) {
        turn(&node->loop);
    }
    return recovery;
}

static void end_copy(struct raft_node *node, struct consensus_recovery *recovery)
{
    consensus_recovery_free(recovery);
    memory_storage_crash(node->storage);
    loop_release(&node->loop);
}

/* What it had applied is all that it has. */
static void recover(bool is_interrupted)
{
    struct raft_node *node = &cluster->nodes[survivor];
    const struct storage_listener listener = {.durable = on_durable};
    struct copying copying = {0};
    struct consensus_recovery *recovery = read_copy(node, &copying);
    struct partition_log *log = storage_find_log(node->storage, raft_cluster_group);
    uint64_t sequence;

    assert_int_equal(copying.error, ERROR_NONE);
    assert_int_equal(copying.entries, wanted);
    assert_int_equal(consensus_recovery_copy(recovery)->member_count, cluster->node_count);
    assert_int_equal(consensus_recovery_copy(recovery)->lineage, 0);
    storage_set_listener(node->storage, &listener);
    partition_log_set_context(log, cluster);
    durable = 0;
    sequence = consensus_recovery_take_over(
        recovery, survivor,
        buffer_copy(node->values, (size_t)node->value_count * sizeof *node->values));
    while (durable < sequence && !is_interrupted) {
        turn(&node->loop);
    }
    end_copy(node, recovery);
}

/* 20 values that all have, and 10 more that only the lost ones have. */
static void lose_majority(uint64_t seed)
{
    survivor = 0;
    cluster = raft_cluster_new(3, 3, seed);
    raft_cluster_start_all(cluster);
    write_values(1, 20, 20);
    assert_true(raft_cluster_run_until(cluster, 5, agrees));
    raft_cluster_crash(cluster, survivor);
    write_values(21, 30, 30);
    raft_cluster_crash(cluster, 1);
    raft_cluster_crash(cluster, 2);
    wanted = 20;
}

static void take_in(int32_t node)
{
    static const uint64_t PATIENCE_US = 10000;
    struct member_progress members[CONSENSUS_MEMBERS_MAX];
    struct consensus_group *group = cluster->nodes[survivor].group;

    for (int i = 0; i < 1000; i++) {
        int count = consensus_members(group, members);

        for (int j = 0; j < count; j++) {
            if (members[j].node == node && members[j].role == MEMBER_VOTER) {
                return;
            }
        }
        consensus_set_member(group, node, MEMBER_VOTER, NULL, NULL);
        raft_cluster_run(cluster, PATIENCE_US);
    }
    fail_msg("%d was not taken in", node);
}

static void cut_off(void)
{
    for (int i = 1; i < 3; i++) {
        fake_network_cut(cluster->network, survivor, i);
        fake_network_cut(cluster->network, i, survivor);
    }
}

/* ---- tests ---- */

static void the_survivor_goes_on_alone(void **state)
{
    (void)state;
    lose_majority(3);
    recover(false);
    raft_cluster_start(cluster, survivor);
    assert_true(raft_cluster_run_until(cluster, 5, agrees));
    write_values(121, 130, 30);
    assert_true(agrees(cluster));
    raft_cluster_crash(cluster, survivor);
    raft_cluster_start(cluster, survivor);
    assert_true(raft_cluster_run_until(cluster, 5, agrees));
    raft_cluster_free(cluster);
}

static bool is_read;

static void on_read(struct batches_read *read)
{
    (void)read;
    is_read = true;
}

/* All bytes of a node's log, one after the other. */
static struct buffer *bytes_of(int node)
{
    struct partition_log *log = storage_find_log(cluster->nodes[node].storage, raft_cluster_group);
    struct batches_read *read = check_alloc_zero(sizeof *read);
    struct buffer *bytes = buffer_new(BYTES_MAX);
    size_t length = 0;

    read->limit_offset = partition_log_end_offset(log);
    read->bytes_max = BYTES_MAX;
    read->done = on_read;
    is_read = partition_log_read_batches(log, read);
    for (int i = 0; i < 100 && !is_read; i++) {
        raft_cluster_run(cluster, 10000);
    }
    assert_true(is_read);
    assert_int_equal(read->error, ERROR_NONE);
    for (int i = 0; i < read->slice_count; i++) {
        assert_true(length + read->slices[i].length <= BYTES_MAX);
        memcpy(bytes->bytes + length, read->slices[i].bytes, read->slices[i].length);
        length += read->slices[i].length;
    }
    bytes->size = length;
    batches_read_release(read);
    free(read);
    return bytes;
}

static void check_that_bytes_are_the_same(int node)
{
    struct buffer *ours = bytes_of(survivor);
    struct buffer *theirs = bytes_of(node);

    assert_true(ours->size > 0);
    assert_int_equal(ours->size, theirs->size);
    assert_memory_equal(ours->bytes, theirs->bytes, ours->size);
    buffer_unref(ours);
    buffer_unref(theirs);
}

static void check_that_all_follow(void)
{
    for (int i = 1; i < 3; i++) {
        assert_false(cluster->nodes[i].leads);
        assert_int_equal(cluster->nodes[i].leader, survivor);
        assert_string_equal(cluster->nodes[i].failure, "");
        check_that_bytes_are_the_same(i);
    }
}

static void lost_members_that_return_have_no_vote_and_are_filled_anew(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        lose_majority(seed);
        recover(false);
        raft_cluster_start(cluster, survivor);
        assert_true(raft_cluster_run_until(cluster, 5, is_led));
        write_values(121, 140, 40);
        consensus_snapshot(cluster->nodes[survivor].group, NULL, NULL);
        /* They lead alone and apply what the survivor never had. */
        cut_off();
        raft_cluster_start(cluster, 1);
        raft_cluster_start(cluster, 2);
        raft_cluster_run(cluster, 5000000);
        assert_true(cluster->nodes[1].leads || cluster->nodes[2].leads);
        assert_int_equal(cluster->nodes[1].value_count, 30);
        fake_network_heal_all(cluster->network);
        take_in(1);
        take_in(2);
        assert_true(raft_cluster_run_until(cluster, 20, agrees));
        check_that_all_follow();
        raft_cluster_free(cluster);
    }
}

static void lost_members_that_are_not_taken_in_elect_nobody(void **state)
{
    (void)state;
    lose_majority(4);
    recover(false);
    raft_cluster_start_all(cluster);
    raft_cluster_run(cluster, 20000000);
    assert_true(cluster->nodes[survivor].leads);
    assert_false(cluster->nodes[1].leads);
    assert_false(cluster->nodes[2].leads);
    /* Nor after another start, without the survivor. */
    for (int i = 0; i < 3; i++) {
        raft_cluster_crash(cluster, i);
    }
    raft_cluster_start(cluster, 1);
    raft_cluster_start(cluster, 2);
    raft_cluster_run(cluster, 20000000);
    assert_false(cluster->nodes[1].leads);
    assert_false(cluster->nodes[2].leads);
    raft_cluster_free(cluster);
}

static bool survivor_agrees(struct raft_cluster *self)
{
    return self->nodes[survivor].value_count == wanted;
}

/* It elected itself, and asked nobody. */
static void an_only_voter_that_returns_does_not_lead_either(void **state)
{
    (void)state;
    survivor = 1;
    cluster = raft_cluster_new(2, 1, 7);
    raft_cluster_start_all(cluster);
    write_values(1, 20, 20);
    consensus_set_member(cluster->nodes[0].group, 1, MEMBER_STANDBY, NULL, NULL);
    assert_true(raft_cluster_run_until(cluster, 20, survivor_agrees));
    raft_cluster_crash(cluster, 0);
    raft_cluster_crash(cluster, 1);
    recover(false);
    raft_cluster_start(cluster, survivor);
    assert_true(raft_cluster_run_until(cluster, 5, is_led));
    raft_cluster_start(cluster, 0);
    raft_cluster_run(cluster, 10000000);
    assert_false(cluster->nodes[0].leads);
    raft_cluster_crash(cluster, 0);
    raft_cluster_start(cluster, 0);
    raft_cluster_run(cluster, 10000000);
    assert_false(cluster->nodes[0].leads);
    take_in(0);
    wanted = 20;
    assert_true(raft_cluster_run_until(cluster, 20, agrees));
    check_that_bytes_are_the_same(0);
    raft_cluster_free(cluster);
}

static void a_recovery_that_is_cut_off_changes_nothing_or_all(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        lose_majority(seed);
        recover(true);
        raft_cluster_start(cluster, survivor);
        raft_cluster_run(cluster, 5000000);
        if (!cluster->nodes[survivor].leads) {
            raft_cluster_start(cluster, 1);
            raft_cluster_start(cluster, 2);
            wanted = 30;
        }
        assert_true(raft_cluster_run_until(cluster, 20, agrees));
        raft_cluster_free(cluster);
    }
}

static void a_damaged_copy_is_not_taken_for_the_truth(void **state)
{
    struct copying copying = {0};
    struct raft_node *node;

    (void)state;
    lose_majority(6);
    node = &cluster->nodes[survivor];
    memory_disk_damage(node->disk, raft_cluster_group);
    end_copy(node, read_copy(node, &copying));
    assert_int_equal(copying.error, ERROR_CORRUPT);
    raft_cluster_free(cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_survivor_goes_on_alone),
        cmocka_unit_test(lost_members_that_return_have_no_vote_and_are_filled_anew),
        cmocka_unit_test(lost_members_that_are_not_taken_in_elect_nobody),
        cmocka_unit_test(an_only_voter_that_returns_does_not_lead_either),
        cmocka_unit_test(a_recovery_that_is_cut_off_changes_nothing_or_all),
        cmocka_unit_test(a_damaged_copy_is_not_taken_for_the_truth),
    };

    return cmocka_run_group_tests_name("recovery", tests, NULL, NULL);
}
