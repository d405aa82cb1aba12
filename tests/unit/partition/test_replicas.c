/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An idempotent producer that retries through crashes and cut links: each of its batches is in the
 * log once, in order, on every replica (P1, P2, P4).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/storage/storage.h"
#include "gyre/wire/record.h"
#include "gyre/wire/record_batch.h"
#include "gyre/wire/record_batch_builder.h"

#include "support/partition_cluster.h"
#include "support/test.h"

enum { BATCHES = 1500, SEEDS = 8, PRODUCER = 42, STEPS_MAX = 200000 };

struct producer {
    struct partition_cluster *cluster;
    struct partition_append append;
    bool is_waiting;
    uint64_t sent_to; /* incarnation of the node: a crash loses the answer */
    int32_t sequence;
    int64_t offsets[BATCHES];
};

static int crashes[PARTITION_NODES];

static struct buffer *batch_of(int32_t sequence)
{
    struct record_batch_builder builder;
    struct record record = {.timestamp_ms = 1,
                            .value = {.bytes = (const char *)&sequence, .length = sizeof sequence}};
    struct buffer *batch;

    record_batch_builder_init(&builder, 1024);
    builder.producer_id = PRODUCER;
    builder.producer_epoch = 0;
    builder.base_sequence = sequence;
    assert_int_equal(record_batch_builder_append(&builder, &record), ERROR_NONE);
    assert_int_equal(record_batch_builder_finish(&builder, &batch), ERROR_NONE);
    record_batch_builder_release(&builder);
    return batch;
}

static void on_append(struct partition_append *append)
{
    struct producer *producer = CONTAINER_OF(append, struct producer, append);

    producer->is_waiting = false;
    if (append->error == KAFKA_ERROR_NONE) {
        producer->offsets[producer->sequence++] = append->base_offset;
        return;
    }
    assert_int_not_equal(append->error, KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_int_not_equal(append->error, KAFKA_ERROR_DUPLICATE_SEQUENCE_NUMBER);
    assert_int_not_equal(append->error, KAFKA_ERROR_INVALID_PRODUCER_EPOCH);
}

static void send(struct producer *producer)
{
    struct partition_node *leader = partition_cluster_leader(producer->cluster);
    struct buffer *batch;

    if (leader == NULL || producer->is_waiting || producer->sequence == BATCHES) {
        return;
    }
    batch = batch_of(producer->sequence);
    producer->append = (struct partition_append){
        .batch = buffer_slice(batch, 0, batch->size),
        .from_client = true,
        .acks = -1,
        .timeout_us = 3000000,
        .done = on_append,
    };
    buffer_unref(batch);
    producer->is_waiting = true;
    producer->sent_to = (uint64_t)leader->id;
    partition_append(leader->partition, &producer->append);
}

static void crash(struct producer *producer, int node)
{
    partition_cluster_crash(producer->cluster, node);
    crashes[node]++;
    if (producer->is_waiting && producer->sent_to == (uint64_t)node) {
        producer->is_waiting = false; /* the answer is lost */
    }
}

/* One node at a time is down or cut off; then it comes back. */
static void make_trouble(struct producer *producer, int step, int *victim)
{
    struct partition_cluster *cluster = producer->cluster;

    if (step % 120 == 60) {
        *victim = (int)random_below(&cluster->random, PARTITION_NODES);
        if (random_chance(&cluster->random, 500000)) {
            crash(producer, *victim);
        } else {
            fake_network_cut(cluster->network, *victim, (*victim + 1) % PARTITION_NODES);
            fake_network_cut(cluster->network, (*victim + 2) % PARTITION_NODES, *victim);
        }
    } else if (step % 120 == 0 && *victim >= 0) {
        fake_network_heal_all(cluster->network);
        if (!cluster->nodes[*victim].is_running) {
            partition_cluster_start(cluster, *victim);
        }
        *victim = -1;
    }
}

static int64_t high_watermark_of(const struct partition_node *node)
{
    struct partition_status status;

    partition_status(node->partition, &status);
    return status.high_watermark;
}

struct whole_read {
    struct partition_read read;
    bool is_done;
};

static void on_read(struct partition_read *read)
{
    CONTAINER_OF(read, struct whole_read, read)->is_done = true;
}

/* The sequence stored at each offset. */
static void read_all(struct partition_cluster *cluster, struct partition_node *node,
                     int32_t *stored, int64_t count)
{
    static struct whole_read whole;

    for (int64_t offset = 0; offset < count;) {
        memset(&whole, 0, sizeof whole);
        whole.read.offset = offset;
        whole.read.bytes_max = 1 << 20;
        whole.read.at_least_one = true;
        whole.read.done = on_read;
        if (!partition_read(node->partition, &whole.read)) {
            while (!whole.is_done) {
                partition_cluster_run(cluster, 1000);
            }
        }
        assert_int_equal(whole.read.error, KAFKA_ERROR_NONE);
        assert_true(whole.read.batches.slice_count > 0);
        for (int i = 0; i < whole.read.batches.slice_count; i++) {
            const struct buffer_slice *slice = &whole.read.batches.slices[i];

            for (size_t at = 0; at < slice->length; at += record_batch_size(slice->bytes + at)) {
                assert_int_equal(record_batch_base_offset(slice->bytes + at), offset);
                stored[offset++] =
                    (int32_t)load_be32(slice->bytes + at + RECORD_BATCH_AT_BASE_SEQUENCE);
            }
        }
        batches_read_release(&whole.read.batches);
    }
}

static void expect_everything_once(struct producer *producer)
{
    struct partition_cluster *cluster = producer->cluster;
    static int32_t stored[BATCHES];

    for (int i = 0; i < PARTITION_NODES; i++) {
        assert_int_equal(high_watermark_of(&cluster->nodes[i]), BATCHES);
        memset(stored, 0xff, sizeof stored);
        read_all(cluster, &cluster->nodes[i], stored, BATCHES);
        for (int32_t sequence = 0; sequence < BATCHES; sequence++) {
            assert_int_equal(stored[sequence], sequence);
            assert_int_equal(producer->offsets[sequence], sequence);
        }
    }
}

static void run_seed(uint64_t seed)
{
    struct producer producer = {.cluster = partition_cluster_new(seed)};
    int victim = -1;
    int step;

    for (step = 1; producer.sequence < BATCHES && step < STEPS_MAX; step++) {
        make_trouble(&producer, step, &victim);
        send(&producer);
        partition_cluster_run(producer.cluster,
                              5000 + random_below(&producer.cluster->random, 20000));
    }
    if (producer.sequence < BATCHES) {
        print_message("seed %lu stopped at %d\n", (unsigned long)seed, producer.sequence);
    }
    assert_int_equal(producer.sequence, BATCHES);
    fake_network_heal_all(producer.cluster->network);
    if (victim >= 0 && !producer.cluster->nodes[victim].is_running) {
        partition_cluster_start(producer.cluster, victim);
    }
    partition_cluster_run(producer.cluster, 10000000);
    expect_everything_once(&producer);
    partition_cluster_free(producer.cluster);
}

static void every_batch_is_stored_once_through_crashes_and_cuts(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        print_message("seed %lu\n", (unsigned long)seed);
        run_seed(seed);
    }
    print_message("crashes: %d %d %d\n", crashes[0], crashes[1], crashes[2]);
    assert_true(crashes[0] + crashes[1] + crashes[2] > 0);
}

/* True: storage has not answered yet. */
static bool begin_read(struct partition_node *node, struct whole_read *whole)
{
    memset(whole, 0, sizeof *whole);
    whole->read.bytes_max = 1 << 20;
    whole->read.at_least_one = true;
    whole->read.done = on_read;
    if (!partition_read(node->partition, &whole->read)) {
        return true;
    }
    batches_read_release(&whole->read.batches);
    return false;
}

static void a_replica_that_comes_back_while_somebody_reads_begins_with_nothing(void **state)
{
    static struct whole_read whole;
    struct producer producer = {.cluster = partition_cluster_new(1)};
    struct partition_cluster *cluster = producer.cluster;
    struct partition_node *node = &cluster->nodes[0];
    struct partition_log *log;
    struct group_id group;

    (void)state;
    while (producer.sequence < 20) {
        send(&producer);
        partition_cluster_run(cluster, 10000);
    }
    partition_cluster_run(cluster, 5000000);
    while (!begin_read(node, &whole)) {
    }
    group = partition_group(node->partition);
    partition_close(node->partition, true);
    assert_null(storage_find_log(node->storage, group));
    assert_int_equal(
        partition_open(node->table, group, NULL, 0, &cluster->config, &node->partition),
        ERROR_NONE);
    log = storage_find_log(node->storage, group);
    assert_non_null(log);
    partition_cluster_run(cluster, 100000);
    assert_true(whole.is_done);
    assert_ptr_equal(storage_find_log(node->storage, group), log);
    partition_cluster_free(cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_replica_that_comes_back_while_somebody_reads_begins_with_nothing),
        cmocka_unit_test(every_batch_is_stored_once_through_crashes_and_cuts),
    };
    return cmocka_run_group_tests_name("replicas", tests, NULL, NULL);
}
