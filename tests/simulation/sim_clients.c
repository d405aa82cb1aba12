/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Producers with idempotence: one batch is open at a time, repeated under the same sequence until
 * it is acknowledged, to whoever seems to lead. Readers follow the log at any replica.
 */
#include "simulation/sim_clients.h"

#include <stdlib.h>
#include <string.h>

#include "gyre/wire/kafka_error.h"
#include "gyre/wire/record.h"
#include "gyre/wire/record_batch.h"
#include "gyre/wire/record_batch_builder.h"

#include "simulation/sim_history.h"

enum {
    RECORDS_MAX = 4,
    PRODUCER_ID_BASE = 1000,
    SINGLE_PRODUCER = SIM_PRODUCERS - 1, /* writes to the group of one replica */
    READ_BYTES = 8 * 1024,
    EXPANDED_BYTES_MAX = 1 << 20,
    BIG_BYTES_MIN = 132 * 1024, /* such a batch goes around the journal */
    BIG_BYTES_MAX = 200 * 1024,
    BIG_CHANCE = 10000,
    BIG_CHANCE_OFTEN = 600000,
};

/* One attempt; outlives the producer's patience. */
struct attempt {
    struct list link;
    struct partition_append append;
    struct producer *producer; /* NULL: given up */
    struct sim_node *node;
    struct sim *sim;
    int32_t epoch; /* in which the node led */
    uint64_t sent_us;
};

struct producer {
    struct sim *sim;
    int id, group;
    uint64_t next_us;
    uint64_t number; /* of the next record */
    int32_t sequence;
    int count;               /* records in the open batch; 0: none */
    size_t key_bytes;        /* of each of them */
    struct attempt *attempt; /* running */
    uint64_t give_up_us;
};

struct reader {
    struct sim *sim;
    int group;
    uint64_t next_us;
    int64_t offset;
    struct sim_node *node; /* whose read runs */
    bool is_reading;
    struct partition_read read;
};

struct sim_clients {
    struct sim *sim;
    struct producer producers[SIM_PRODUCERS];
    struct reader readers[SIM_READERS];
    struct list attempts;
    bool are_deaf, are_big;
    int watched_group; /* -1: none */
    int32_t watched_node;
    uint64_t watched_from_us;
    int watched;
};

/* ---- producers ---- */

static struct buffer *make_batch(const struct producer *producer)
{
    static const char key[BIG_BYTES_MAX];
    struct record_batch_builder builder;
    struct buffer *batch = NULL;

    record_batch_builder_init(&builder, 4096 + 2 * producer->key_bytes);
    builder.producer_id = PRODUCER_ID_BASE + producer->id;
    builder.producer_epoch = 0;
    builder.base_sequence = producer->sequence;
    for (int i = 0; i < producer->count; i++) {
        uint64_t value = sim_value(producer->id, producer->number + (uint64_t)i);
        struct record record = {
            .timestamp_ms = clock_wall_ms(&producer->sim->clock.clock),
            .key = {.bytes = key, .length = (int32_t)producer->key_bytes},
            .value = {.bytes = (const char *)&value, .length = sizeof value},
        };

        CHECK(record_batch_builder_append(&builder, &record) == ERROR_NONE);
    }
    CHECK(record_batch_builder_finish(&builder, &batch) == ERROR_NONE);
    record_batch_builder_release(&builder);
    return batch;
}

static void note_acked(struct producer *producer, int64_t base_offset)
{
    for (int i = 0; i < producer->count; i++) {
        sim_history_acked(producer->sim->history, producer->group,
                          base_offset < 0 ? -1 : base_offset + i,
                          sim_value(producer->id, producer->number + (uint64_t)i));
    }
    producer->sim->totals.acked += (uint64_t)producer->count;
    producer->number += (uint64_t)producer->count;
    producer->sequence += producer->count;
    producer->count = 0;
}

static uint64_t pause_us(struct sim *sim, uint64_t least, uint64_t most)
{
    return sim->clock.now_us + least + random_below(&sim->random, most - least + 1);
}

static void note_watched(const struct attempt *attempt)
{
    struct sim_clients *clients = attempt->sim->clients;

    if (attempt->producer->group == clients->watched_group &&
        attempt->sent_us >= clients->watched_from_us &&
        (clients->watched_node < 0 || clients->watched_node == attempt->node->id)) {
        clients->watched++;
    }
}

static void on_append(struct partition_append *append)
{
    struct attempt *attempt = CONTAINER_OF(append, struct attempt, append);
    struct producer *producer = attempt->producer;
    bool was_lost = attempt->node->is_dying;

    list_remove(&attempt->link);
    if (producer == NULL || was_lost) {
        free(attempt);
        return;
    }
    producer->attempt = NULL;
    if (attempt->sim->clients->are_deaf) {
        producer->next_us = pause_us(producer->sim, 50 * 1000, 400 * 1000);
        free(attempt);
        return;
    }
    if (append->error == KAFKA_ERROR_NONE) {
        note_watched(attempt);
        note_acked(producer, append->base_offset);
        producer->next_us = pause_us(producer->sim, 50 * 1000, 400 * 1000);
    } else if (append->error == KAFKA_ERROR_DUPLICATE_SEQUENCE_NUMBER) {
        note_acked(producer, -1);
        producer->next_us = pause_us(producer->sim, 50 * 1000, 400 * 1000);
    } else {
        /* A leader that was replaced and does not know it yet may say so in good faith. */
        if (append->error == KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER &&
            attempt->epoch == sim_history_newest_epoch(producer->sim->history, producer->group)) {
            sim_fail(producer->sim, "P1/P4: producer %d: sequence %d does not follow the log",
                     producer->id, producer->sequence);
        }
        producer->next_us = pause_us(producer->sim, 5 * 1000, 100 * 1000);
    }
    free(attempt);
}

static void choose_batch(struct producer *producer)
{
    struct sim *sim = producer->sim;

    producer->count = 1 + (int)random_below(&sim->random, RECORDS_MAX);
    producer->key_bytes = 0;
    if (sim->has_big_batches &&
        random_chance(&sim->random, sim->clients->are_big ? BIG_CHANCE_OFTEN : BIG_CHANCE)) {
        producer->count = 1;
        producer->key_bytes =
            BIG_BYTES_MIN + random_below(&sim->random, BIG_BYTES_MAX - BIG_BYTES_MIN);
    }
}

static void send_batch(struct producer *producer)
{
    struct sim *sim = producer->sim;
    struct sim_node *node =
        sim_find_leader(sim, producer->group, random_chance(&sim->random, 200000));
    struct partition_status status;
    struct attempt *attempt;
    struct buffer *batch;

    if (node == NULL) {
        producer->next_us = pause_us(sim, 50 * 1000, 200 * 1000);
        return;
    }
    if (producer->count == 0) {
        choose_batch(producer);
    }
    attempt = check_alloc_zero(sizeof *attempt);
    attempt->producer = producer;
    attempt->node = node;
    attempt->sim = sim;
    attempt->sent_us = sim->clock.now_us;
    partition_status(node->partitions[producer->group], &status);
    attempt->epoch = status.leader_epoch;
    batch = make_batch(producer);
    attempt->append.batch =
        (struct buffer_slice){.buffer = batch, .bytes = batch->bytes, .length = batch->size};
    attempt->append.from_client = true;
    attempt->append.acks = -1;
    attempt->append.timeout_us = 3 * 1000 * 1000;
    attempt->append.done = on_append;
    list_append(&sim->clients->attempts, &attempt->link);
    producer->attempt = attempt;
    /* Sometimes a client is impatient and repeats what is still on its way. */
    producer->give_up_us = random_chance(&sim->random, 30000)
                               ? pause_us(sim, 1000, 20 * 1000)
                               : pause_us(sim, 1000 * 1000, 5 * 1000 * 1000);
    producer->next_us = producer->give_up_us;
    partition_append(node->partitions[producer->group], &attempt->append);
}

static void run_producer(struct producer *producer)
{
    if (producer->attempt != NULL) {
        producer->attempt->producer = NULL;
        producer->attempt = NULL;
    }
    if (producer->sim->is_healing && producer->count == 0) {
        producer->next_us = UINT64_MAX;
        return;
    }
    send_batch(producer);
}

/* ---- readers ---- */

void sim_clients_take_batch(struct sim *sim, int group, const char *batch,
                            void (*take)(struct sim_history *, int, int64_t, uint64_t))
{
    struct record_iterator iterator;
    struct record record;

    if (record_iterator_open(&iterator, batch, EXPANDED_BYTES_MAX) != ERROR_NONE) {
        sim_fail(sim, "P2: a batch at offset %lld is not readable",
                 (long long)record_batch_base_offset(batch));
        return;
    }
    while (record_iterator_next(&iterator, &record)) {
        uint64_t value = 0;

        if (record.value.length == sizeof value) {
            memcpy(&value, record.value.bytes, sizeof value);
        }
        take(sim->history, group, record.offset, value);
    }
    if (record_iterator_close(&iterator) != ERROR_NONE) {
        sim_fail(sim, "P2: a record is malformed");
    }
}

/* A leader that was replaced and has not heard of it tells its own end in good faith. */
static bool leads_no_more(const struct reader *reader)
{
    const struct partition_status *status = &reader->read.status;

    return status->leads &&
           status->leader_epoch < sim_history_newest_epoch(reader->sim->history, reader->group);
}

/* What a follower shows is on its own disk. A leader, and who was one, may show what only others
 * have there. */
static void note_served(const struct reader *reader, int64_t next)
{
    struct sim_node *node = reader->node;
    struct consensus_stats stats;

    consensus_stats(node->consensus, &stats);
    if (stats.elections == 0 && !node->was_damaged && next > node->served[reader->group]) {
        node->served[reader->group] = next;
    }
}

static void take_read(struct reader *reader)
{
    struct partition_read *read = &reader->read;
    int64_t next = reader->offset;

    if (read->error == KAFKA_ERROR_NONE) {
        for (int i = 0; i < read->batches.slice_count; i++) {
            const struct buffer_slice *slice = &read->batches.slices[i];
            size_t at = 0;

            while (at < slice->length) {
                const char *batch = slice->bytes + at;

                if (!record_batch_crc_holds(batch, record_batch_size(batch))) {
                    sim_fail(reader->sim, "P2: a CRC does not hold at offset %lld",
                             (long long)record_batch_base_offset(batch));
                }
                sim_clients_take_batch(reader->sim, reader->group, batch, sim_history_read);
                next = record_batch_last_offset(batch) + 1;
                at += record_batch_size(batch);
            }
        }
        if (next > reader->offset) {
            note_served(reader, next);
        }
        reader->offset = next;
    } else if (read->error == KAFKA_ERROR_OFFSET_OUT_OF_RANGE) {
        if (reader->offset >= sim_history_start(reader->sim->history, reader->group) &&
            !leads_no_more(reader)) {
            sim_fail(reader->sim, "P3: node %d takes offset %lld of group %d for out of range",
                     reader->node->id, (long long)reader->offset, reader->group);
        }
        reader->offset = read->status.log_start_offset > reader->offset
                             ? read->status.log_start_offset
                             : reader->offset;
    }
    batches_read_release(&read->batches);
}

static void on_read(struct partition_read *read)
{
    struct reader *reader = CONTAINER_OF(read, struct reader, read);

    reader->is_reading = false;
    if (!reader->node->is_dying) {
        take_read(reader);
    }
    reader->next_us = pause_us(reader->sim, 50 * 1000, 300 * 1000);
}

static void run_reader(struct reader *reader)
{
    struct sim *sim = reader->sim;
    struct sim_node *node = &sim->nodes[random_below(&sim->random, SIM_NODES)];

    reader->next_us = pause_us(sim, 50 * 1000, 300 * 1000);
    if (reader->group == 1) {
        node = &sim->nodes[SIM_SINGLE_NODE];
    }
    if (reader->is_reading || !sim_node_works(node) || node->partitions[reader->group] == NULL) {
        return;
    }
    if (random_chance(&sim->random, 20000)) {
        reader->offset = 0;
    }
    memset(&reader->read, 0, sizeof reader->read);
    reader->node = node;
    reader->read.offset = reader->offset;
    reader->read.bytes_max = READ_BYTES;
    reader->read.at_least_one = true;
    reader->read.done = on_read;
    if (partition_read(node->partitions[reader->group], &reader->read)) {
        take_read(reader);
    } else {
        reader->is_reading = true;
    }
}

/* ---- all ---- */

struct sim_clients *sim_clients_new(struct sim *sim)
{
    struct sim_clients *clients = check_alloc_zero(sizeof *clients);

    clients->sim = sim;
    clients->watched_group = -1;
    list_init(&clients->attempts);
    for (int i = 0; i < SIM_PRODUCERS; i++) {
        clients->producers[i] =
            (struct producer){.sim = sim, .id = i, .group = i == SINGLE_PRODUCER};
        clients->producers[i].next_us = pause_us(sim, 500 * 1000, 1500 * 1000);
    }
    for (int i = 0; i < SIM_READERS; i++) {
        clients->readers[i] = (struct reader){.sim = sim, .group = i == SIM_READERS - 1};
        clients->readers[i].next_us = pause_us(sim, 500 * 1000, 1500 * 1000);
    }
    return clients;
}

void sim_clients_free(struct sim_clients *clients)
{
    list_for_each_safe(link, &clients->attempts) {
        struct attempt *attempt = list_entry(link, struct attempt, link);

        list_remove(link);
        free(attempt);
    }
    free(clients);
}

uint64_t sim_clients_next_us(const struct sim_clients *clients)
{
    uint64_t next_us = UINT64_MAX;

    for (int i = 0; i < SIM_PRODUCERS; i++) {
        next_us = clients->producers[i].next_us < next_us ? clients->producers[i].next_us : next_us;
    }
    for (int i = 0; i < SIM_READERS; i++) {
        next_us = clients->readers[i].next_us < next_us ? clients->readers[i].next_us : next_us;
    }
    return next_us;
}

void sim_clients_run(struct sim_clients *clients)
{
    uint64_t now_us = clients->sim->clock.now_us;

    for (int i = 0; i < SIM_PRODUCERS; i++) {
        if (clients->producers[i].next_us <= now_us) {
            run_producer(&clients->producers[i]);
        }
    }
    for (int i = 0; i < SIM_READERS; i++) {
        if (clients->readers[i].next_us <= now_us) {
            run_reader(&clients->readers[i]);
        }
    }
}

void sim_clients_node_died(struct sim_clients *clients, const struct sim_node *node)
{
    /* Answers that were under way are lost with the node's memory. */
    for (int i = 0; i < SIM_PRODUCERS; i++) {
        struct producer *producer = &clients->producers[i];

        if (producer->attempt != NULL && producer->attempt->node == node) {
            producer->attempt->producer = NULL;
            producer->attempt = NULL;
            producer->next_us = pause_us(clients->sim, 5 * 1000, 100 * 1000);
        }
    }
    for (int i = 0; i < SIM_READERS; i++) {
        if (clients->readers[i].is_reading && clients->readers[i].node == node) {
            clients->readers[i].is_reading = false;
        }
    }
}

void sim_clients_set_deaf(struct sim_clients *clients, bool are_deaf)
{
    clients->are_deaf = are_deaf;
}

void sim_clients_set_big(struct sim_clients *clients, bool are_big)
{
    clients->are_big = are_big;
}

void sim_clients_watch(struct sim_clients *clients, int group, int32_t node)
{
    clients->watched_group = group;
    clients->watched_node = node;
    clients->watched_from_us = clients->sim->clock.now_us;
    clients->watched = 0;
}

int sim_clients_watched(const struct sim_clients *clients)
{
    return clients->watched;
}

bool sim_clients_are_done(const struct sim_clients *clients)
{
    for (int i = 0; i < SIM_PRODUCERS; i++) {
        if (clients->producers[i].next_us != UINT64_MAX) {
            return false;
        }
    }
    return true;
}
