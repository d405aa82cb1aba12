/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of appends after consensus has taken them. */
#include <stdlib.h>

#include "gyre/base/check.h"
#include "gyre/runtime/loop.h"

#include "partition/partition_state.h"

static void batch_free(struct partition *partition, struct inflight_batch *batch)
{
    partition->pending_bytes -= batch->bytes;
    producer_overlay_remove(&partition->overlay, batch);
    buffer_slice_unref(&batch->batch);
    list_remove(&batch->link);
    partition_table_return_batch(partition->table, batch);
}

static void finish(struct partition *partition, struct partition_append *append,
                   enum kafka_error error)
{
    partition->pending_count--;
    append->log_start_offset = partition->log_start_offset;
    list_remove(&append->link);
    partition_table_complete_append(partition->table, append, error);
}

void append_answer(struct partition *partition, struct inflight_batch *batch,
                   enum kafka_error error)
{
    list_for_each_safe(link, &batch->waiters) {
        finish(partition, list_entry(link, struct partition_append, link), error);
    }
    batch_free(partition, batch);
}

/* Kafka's two answers to acks=all once the batch is committed; true when there is one. */
static bool replicas_answer(const struct partition *partition, uint64_t index,
                            enum kafka_error *out_error)
{
    if (partition->config.min_insync_replicas <= 1 ||
        high_watermark_has_matches(partition, index)) {
        *out_error = KAFKA_ERROR_NONE;
        return true;
    }
    if (!high_watermark_has_replicas(partition)) {
        *out_error = KAFKA_ERROR_NOT_ENOUGH_REPLICAS_AFTER_APPEND;
        return true;
    }
    return false;
}

static void answer_committed(struct partition *partition, struct inflight_batch *batch)
{
    list_for_each_safe(link, &batch->waiters) {
        struct partition_append *append = list_entry(link, struct partition_append, link);
        enum kafka_error error = KAFKA_ERROR_NONE;

        append->base_offset = batch->base_offset;
        append->log_append_time_ms = batch->append_time_ms;
        append->private_index = batch->index;
        if (append->acks != -1 || replicas_answer(partition, batch->index, &error)) {
            finish(partition, append, error);
        } else {
            list_remove(link);
            list_append(&partition->matching, link);
        }
    }
}

/* We still led when the entry was submitted, which was after the append came: the hole is real. */
void append_confirm(struct partition *partition, uint64_t index)
{
    list_for_each_safe(link, &partition->doubted) {
        struct partition_append *append = list_entry(link, struct partition_append, link);

        if (append->private_index != 0 && append->private_index <= index) {
            finish(partition, append, KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER);
        }
    }
}

void append_applied(struct partition *partition, const struct log_entry *entry)
{
    struct inflight_batch *batch;

    if (list_is_empty(&partition->inflight)) {
        return;
    }
    batch = list_first(&partition->inflight, struct inflight_batch, link);
    CHECK(entry->index <= batch->index);
    if (entry->index == batch->index) {
        CHECK(entry->base_offset == batch->base_offset);
        answer_committed(partition, batch);
        batch_free(partition, batch);
    }
}

void append_check_matches(struct partition *partition)
{
    list_for_each_safe(link, &partition->matching) {
        struct partition_append *append = list_entry(link, struct partition_append, link);
        enum kafka_error error;

        if (!replicas_answer(partition, append->private_index, &error)) {
            return; /* those behind it wait for more */
        }
        finish(partition, append, error);
    }
}

static void expire_waiters(struct partition *partition, struct list *waiters, uint64_t now_us)
{
    list_for_each_safe(link, waiters) {
        struct partition_append *append = list_entry(link, struct partition_append, link);

        if (append->private_deadline_us <= now_us) {
            finish(partition, append, KAFKA_ERROR_REQUEST_TIMED_OUT);
        }
    }
}

static void expire_batches(struct partition *partition, struct list *batches, uint64_t now_us)
{
    list_for_each(link, batches) {
        expire_waiters(partition, &list_entry(link, struct inflight_batch, link)->waiters, now_us);
    }
}

void append_expire(struct partition *partition, uint64_t now_us)
{
    append_check_matches(partition); /* a replica may have died meanwhile */
    expire_waiters(partition, &partition->matching, now_us);
    expire_waiters(partition, &partition->doubted, now_us);
    expire_batches(partition, &partition->inflight, now_us);
    expire_batches(partition, &partition->prepared, now_us);
    list_for_each_safe(link, &partition->queue) {
        struct partition_append *append = list_entry(link, struct partition_append, link);

        if (append->private_deadline_us <= now_us) {
            append_drop_queued(partition, append, KAFKA_ERROR_REQUEST_TIMED_OUT);
        }
    }
}
