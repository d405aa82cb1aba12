/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a batch to an entry of the log. The way of an append:
 *
 *     queue ──► prepared ──► inflight ──(applied)──► matching ──► done
 *     checked   has offsets   consensus              replicas
 *                             has it                 for acks=-1
 *
 * Offsets are given in the order of arrival. A batch that has offsets keeps them until leadership
 * ends or consensus refuses it; then everything behind it is refused too.
 *
 * A replica that is elected and does not lead yet lets appends wait in the queue. Peers name it as
 * the leader already, so clients come; were their first batch refused and the next one taken a
 * moment later, the sequence of an idempotent producer would have a hole, and librdkafka would take
 * a new epoch and store what it had in flight again.
 */
#include <stdlib.h>

#include "gyre/base/check.h"
#include "gyre/base/mutation.h"
#include "gyre/storage/storage.h"
#include "gyre/wire/record_batch.h"

#include "partition/partition_state.h"

void append_init(struct partition *partition)
{
    list_init(&partition->queue);
    list_init(&partition->prepared);
    list_init(&partition->inflight);
    list_init(&partition->matching);
    list_init(&partition->doubted);
    producer_overlay_init(&partition->overlay);
}

/* What the topic's settings allow a client to append; the broker's own batches are only sound. */
static struct batch_rules rules_of(const struct partition *partition, bool from_client)
{
    const struct topic_config *config = &partition->config;
    const struct loop *loop = partition->table->services.loop;
    struct batch_rules rules = batch_rules_default(clock_wall_ms(loop->clock));

    rules.is_from_client = from_client;
    rules.allows_zstd = true;
    if (from_client) {
        rules.batch_bytes_max = (size_t)config->max_message_bytes;
        rules.timestamp_before_ms_max = config->timestamp_before_max_ms;
        rules.timestamp_after_ms_max = config->timestamp_after_max_ms;
        rules.is_log_append_time = config->is_log_append_time;
        rules.needs_keys = config->cleanup_compact;
    }
    return rules;
}

enum kafka_error append_take_verdict(struct partition *partition, struct partition_append *append,
                                     const struct append_verdict *verdict)
{
    if (verdict->fault != BATCH_FAULT_NONE) {
        append->fault_message = batch_fault_text(verdict->fault);
        append->fault_record_index = verdict->record_index;
        return (enum kafka_error)batch_fault_kafka_code(verdict->fault);
    }
    append->batch.length = verdict->size;
    append->log_append_time_ms = verdict->append_time_ms;
    return verdict->size > (size_t)partition->config.segment_bytes
               ? KAFKA_ERROR_RECORD_LIST_TOO_LARGE
               : KAFKA_ERROR_NONE;
}

static enum kafka_error admit(const struct partition *partition,
                              const struct partition_append *append)
{
    const struct partition_services *services = &partition->table->services;

    if (partition->is_failed) {
        return KAFKA_ERROR_KAFKA_STORAGE_ERROR;
    }
    if (!partition->leads && !consensus_will_lead(partition->consensus)) {
        return KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER;
    }
    if (append->acks == -1 && partition->leads && partition->config.min_insync_replicas > 1 &&
        !high_watermark_has_replicas(partition)) {
        return KAFKA_ERROR_NOT_ENOUGH_REPLICAS;
    }
    if (!storage_has_space(services->storage, append->batch.length) && !MUTATION(49)) {
        return KAFKA_ERROR_KAFKA_STORAGE_ERROR;
    }
    if (partition->pending_bytes + append->batch.length > PARTITION_PENDING_BYTES_MAX ||
        partition->pending_count >= PARTITION_PENDING_COUNT_MAX) {
        return KAFKA_ERROR_REQUEST_TIMED_OUT; /* retriable, and says "later" */
    }
    return KAFKA_ERROR_NONE;
}

static void enqueue(struct partition *partition, struct partition_append *append)
{
    partition->pending_bytes += append->batch.length;
    partition->pending_count++;
    list_append(&partition->queue, &append->link);
    partition_table_mark_busy(partition);
    loop_defer(partition->table->services.loop, &partition->submit);
}

void partition_append(struct partition *partition, struct partition_append *append)
{
    struct batch_rules rules = rules_of(partition, append->from_client);
    struct append_verdict verdict;
    enum kafka_error error;

    list_init(&append->link);
    append->error = KAFKA_ERROR_NONE;
    append->base_offset = -1;
    append->log_append_time_ms = -1;
    append->log_start_offset = partition->log_start_offset;
    append->converted_count = 0;
    append->fault_record_index = -1;
    append->fault_message = NULL;
    append->private_index = 0;
    append->private_offload = NULL;
    append->private_deadline_us = loop_now_us(partition->table->services.loop) + append->timeout_us;
    error = admit(partition, append);
    if (error == KAFKA_ERROR_NONE && !append_offload_check(append, &rules, &verdict)) {
        enqueue(partition, append);
        append_offload_start(partition, append, &rules, NULL);
        return;
    }
    if (error == KAFKA_ERROR_NONE) {
        error = append_take_verdict(partition, append, &verdict);
    }
    if (error != KAFKA_ERROR_NONE) {
        buffer_slice_unref(&append->batch);
        partition_table_complete_append(partition->table, append, error);
        return;
    }
    enqueue(partition, append);
    append_offload_start(partition, append, &rules, &verdict);
}

static struct inflight_batch *batch_new(struct partition *partition,
                                        struct partition_append *append,
                                        const struct record_batch_info *info,
                                        const struct producer_claim *claim)
{
    struct inflight_batch *batch = partition_table_take_batch(partition->table);

    list_init(&batch->link);
    list_init(&batch->of_producer);
    list_init(&batch->waiters);
    batch->claim = *claim;
    batch->batch = append->batch; /* with its reference */
    batch->bytes = append->batch.length;
    batch->base_offset = partition->next_offset;
    batch->offset_count = (int32_t)(info->last_offset - info->base_offset + 1);
    batch->append_time_ms = append->log_append_time_ms;
    append->batch = (struct buffer_slice){0};
    record_batch_set_base_offset(batch->batch.bytes, batch->base_offset);
    record_batch_set_leader_epoch(batch->batch.bytes, partition->leader_epoch);
    batch->digest = record_batch_digest(batch->batch.bytes, batch->bytes);
    partition->next_offset += batch->offset_count;
    list_append(&partition->prepared, &batch->link);
    list_append(&batch->waiters, &append->link);
    if (claim->id != RECORD_BATCH_NO_PRODUCER) {
        producer_overlay_add(&partition->overlay, batch);
    }
    return batch;
}

static enum kafka_error verdict_error(enum producer_verdict verdict)
{
    switch (verdict) {
    case PRODUCER_ACCEPTED:
    case PRODUCER_DUPLICATE: return KAFKA_ERROR_NONE;
    case PRODUCER_OLD_DUPLICATE: return KAFKA_ERROR_DUPLICATE_SEQUENCE_NUMBER;
    case PRODUCER_OUT_OF_ORDER: return KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER;
    case PRODUCER_FENCED: return KAFKA_ERROR_INVALID_PRODUCER_EPOCH;
    }
    return KAFKA_ERROR_UNKNOWN_SERVER_ERROR;
}

/* The batch is not to be appended: it was stored before, is on its way already, or is refused. */
static void turn_away(struct partition *partition, struct partition_append *append,
                      enum producer_verdict verdict, struct inflight_batch *original,
                      const struct producer_batch *stored)
{
    partition->pending_bytes -= append->batch.length;
    partition->pending_count--;
    buffer_slice_unref(&append->batch);
    append->log_append_time_ms = -1;
    if (verdict == PRODUCER_DUPLICATE && stored == NULL) {
        partition->pending_count++;
        list_append(&original->waiters, &append->link);
        return;
    }
    if (stored != NULL) {
        append->base_offset = stored->base_offset;
        append->log_append_time_ms =
            partition->config.is_log_append_time ? stored->timestamp_ms : -1;
    }
    if (verdict == PRODUCER_OUT_OF_ORDER && partition->refusal != KAFKA_ERROR_NONE) {
        /* The batch before it may be the one that was refused: both are to be sent again. Told of
         * a hole, a producer would take a new epoch and store twice what is in flight. */
        partition_table_complete_append(partition->table, append, partition->refusal);
        return;
    }
    if (verdict == PRODUCER_OUT_OF_ORDER) {
        partition->pending_count++;
        list_append(&partition->doubted, &append->link);
        return;
    }
    partition_table_complete_append(partition->table, append, verdict_error(verdict));
}

static void prepare(struct partition *partition, struct partition_append *append)
{
    const struct producer_batch *stored = NULL;
    struct inflight_batch *original = NULL;
    enum producer_verdict verdict = PRODUCER_ACCEPTED;
    struct record_batch_info info;
    struct producer_claim claim;
    enum error error;

    error = record_batch_parse(append->batch.bytes, append->batch.length, &info);
    CHECK(error == ERROR_NONE); /* it was looked at when it came */
    claim = (struct producer_claim){
        .id = info.producer_id,
        .epoch = info.producer_epoch,
        .base_sequence = info.base_sequence,
        .last_sequence = info.last_sequence,
    };
    list_remove(&append->link);
    if (info.producer_id > RECORD_BATCH_NO_PRODUCER && !info.is_control) {
        verdict = producer_overlay_check(&partition->overlay, &partition->producers, &claim,
                                         &original, &stored);
    } else {
        claim.id = RECORD_BATCH_NO_PRODUCER;
    }
    if (verdict != PRODUCER_ACCEPTED) {
        turn_away(partition, append, verdict, original, stored);
        return;
    }
    (void)batch_new(partition, append, &info, &claim);
}

static int take_entries(const struct partition *partition, struct log_entry *entries, int count_max)
{
    int count = 0;

    list_for_each(link, &partition->prepared) {
        const struct inflight_batch *batch = list_entry(link, struct inflight_batch, link);

        if (count == count_max) {
            break;
        }
        entries[count++] = (struct log_entry){
            .kind = ENTRY_BATCH,
            .offset_count = batch->offset_count,
            .base_offset = batch->base_offset,
            .digest = batch->digest,
            .payload = buffer_slice_ref(batch->batch),
        };
    }
    return count;
}

static void answer_acks_0(struct partition *partition, struct inflight_batch *batch)
{
    list_for_each_safe(link, &batch->waiters) {
        struct partition_append *append = list_entry(link, struct partition_append, link);

        if (append->acks == 0) {
            append->base_offset = batch->base_offset;
            partition->pending_count--;
            list_remove(link);
            partition_table_complete_append(partition->table, append, KAFKA_ERROR_NONE);
        }
    }
}

/* Hand over what is prepared, as much as one call takes: all or none of what it is given. */
static enum error submit_prepared(struct partition *partition)
{
    struct log_entry *entries = partition->table->submitting;
    enum error error = ERROR_BUSY;
    int count = 0;

    for (int most = PARTITION_SUBMIT_MAX; error == ERROR_BUSY && most > 0; most /= 2) {
        count = take_entries(partition, entries, most);
        error = consensus_submit(partition->consensus, entries, count);
    }
    for (int i = 0; error == ERROR_NONE && i < count; i++) {
        struct inflight_batch *batch =
            list_first(&partition->prepared, struct inflight_batch, link);

        partition->refusal = KAFKA_ERROR_NONE;
        batch->index = entries[i].index;
        buffer_slice_unref(&batch->batch);
        list_remove(&batch->link);
        list_append(&partition->inflight, &batch->link);
        answer_acks_0(partition, batch);
    }
    return error;
}

/* Consensus took none of them: the offsets are free again. Newest first, as they were given. */
static void refuse_prepared(struct partition *partition, enum kafka_error error)
{
    partition->refusal = error;
    while (!list_is_empty(&partition->prepared)) {
        struct inflight_batch *batch =
            list_entry(partition->prepared.previous, struct inflight_batch, link);

        partition->next_offset = batch->base_offset;
        append_answer(partition, batch, error);
    }
}

void append_drop_queued(struct partition *partition, struct partition_append *append,
                        enum kafka_error error)
{
    append_offload_abandon(append);
    partition->pending_bytes -= append->batch.length;
    partition->pending_count--;
    buffer_slice_unref(&append->batch);
    list_remove(&append->link);
    partition_table_complete_append(partition->table, append, error);
}

static void refuse_queue(struct partition *partition, enum kafka_error error)
{
    while (!list_is_empty(&partition->queue)) {
        append_drop_queued(partition, list_first(&partition->queue, struct partition_append, link),
                           error);
    }
}

/* The next append whose turn it is, or NULL. */
static struct partition_append *next_queued(const struct partition *partition)
{
    struct partition_append *append;

    if (list_is_empty(&partition->queue)) {
        return NULL;
    }
    append = list_first(&partition->queue, struct partition_append, link);
    return append->private_offload == NULL ? append : NULL;
}

/* A leader that was replaced and does not know it yet misses what its successor took: it would find
 * holes where there are none, and a producer that is told of one gives up. So a hole is an answer
 * only when something that was submitted after it has been committed by us. */
static void confirm_doubted(struct partition *partition)
{
    uint64_t index = 0;

    list_for_each(link, &partition->doubted) {
        struct partition_append *append = list_entry(link, struct partition_append, link);

        if (append->private_index == 0 && index == 0 &&
            log_start_submit_unchanged(partition, &index) != ERROR_NONE) {
            return; /* tried again with the next append or applied entry, or it expires */
        }
        if (append->private_index == 0) {
            append->private_index = index;
        }
    }
}

void append_submit(struct partition *partition)
{
    enum error error = ERROR_NONE;

    while (error == ERROR_NONE && partition->leads &&
           !(next_queued(partition) == NULL && list_is_empty(&partition->prepared))) {
        for (int i = 0; i < PARTITION_SUBMIT_MAX && next_queued(partition) != NULL; i++) {
            prepare(partition, next_queued(partition));
        }
        if (!list_is_empty(&partition->prepared)) {
            error = submit_prepared(partition);
        }
    }
    if (error == ERROR_NO_SPACE) {
        refuse_prepared(partition, KAFKA_ERROR_KAFKA_STORAGE_ERROR);
    } else if (error != ERROR_NONE && error != ERROR_BUSY && error != ERROR_STATE) {
        refuse_prepared(partition, KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER);
        refuse_queue(partition, KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER);
    }
    if (partition->leads) {
        confirm_doubted(partition);
    }
}

int64_t append_submit_offset(const struct partition *partition)
{
    if (list_is_empty(&partition->prepared)) {
        return partition->next_offset;
    }
    return list_first(&partition->prepared, struct inflight_batch, link)->base_offset;
}

void append_fail_all(struct partition *partition, enum kafka_error error)
{
    refuse_queue(partition, error);
    refuse_prepared(partition, error);
    while (!list_is_empty(&partition->inflight)) {
        append_answer(partition, list_first(&partition->inflight, struct inflight_batch, link),
                      error);
    }
    list_append_all(&partition->matching, &partition->doubted);
    while (!list_is_empty(&partition->matching)) {
        struct partition_append *append =
            list_first(&partition->matching, struct partition_append, link);

        partition->pending_count--;
        list_remove(&append->link);
        partition_table_complete_append(partition->table, append, error);
    }
    CHECK(partition->pending_bytes == 0);
    CHECK(partition->pending_count == 0);
}
