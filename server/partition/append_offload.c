/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What would hold up the loop: making a batch of an old message set, checking a batch that must be
 * decompressed for it, and storing it under the topic's own codec (compression.type). Meanwhile the
 * append stays in the queue and holds up what came behind it, so that order is kept.
 */
#include <stdlib.h>

#include "gyre/base/arena.h"
#include "gyre/base/check.h"
#include "gyre/runtime/work.h"
#include "gyre/wire/record_batch.h"
#include "gyre/wire/record_legacy.h"

#include "partition/partition_state.h"

enum {
    EXPANDED_BYTES_MAX = 128 * 1024 * 1024,
    INLINE_CHECK_BYTES_MAX = 4096,
    INLINE_EXPANDED_BYTES_MAX = 64 * 1024, /* few bytes may expand to very many */
};

struct append_offload {
    struct work work;
    struct partition *partition;     /* held by an open read */
    struct partition_append *append; /* NULL: nobody waits any more */
    struct buffer_slice batch;       /* one reference */
    struct batch_rules rules;
    struct compression_target target;
    bool converts;
    bool checks;
    bool recompresses;
    /* ---- the outcome ---- */
    struct append_verdict verdict;
    struct buffer *result; /* owned; NULL: the batch stays as it is */
    int32_t converted_count;
};

/* Thread: loop or pool. The batch belongs to the append alone: stamping it is fine. */
static void check_batch(struct buffer_slice batch, const struct batch_rules *rules,
                        struct append_verdict *out_verdict)
{
    struct batch_report report;
    struct arena arena;

    arena_init(&arena, APPEND_FAULT_ARENA_BYTES);
    *out_verdict = (struct append_verdict){.record_index = -1, .append_time_ms = -1};
    out_verdict->fault = record_batch_check(batch.bytes, batch.length, rules, &arena, &report);
    if (out_verdict->fault != BATCH_FAULT_NONE) {
        if (report.record_index_count > 0) {
            out_verdict->record_index = report.record_indexes[0];
        }
    } else {
        out_verdict->size = report.info.size;
        out_verdict->codec = report.info.codec;
        if (report.needs_stamp) {
            record_batch_stamp(batch.bytes, report.info.size, rules->is_log_append_time,
                               report.max_timestamp_ms);
        }
        if (rules->is_log_append_time) {
            out_verdict->append_time_ms = report.max_timestamp_ms;
        }
    }
    arena_release(&arena);
}

/* Takes `batch`. From here on it is the one that is looked at and stored. */
static void replace_batch(struct append_offload *self, struct buffer *batch)
{
    buffer_unref(self->result);
    self->result = batch;
    buffer_slice_unref(&self->batch);
    self->batch = buffer_slice(batch, 0, batch->size);
}

static void convert(struct append_offload *self)
{
    struct string set = {.bytes = self->batch.bytes, .length = (int32_t)self->batch.length};
    struct batch_report report;
    struct buffer *batch;
    struct arena arena;

    CHECK(self->batch.length <= INT32_MAX);
    arena_init(&arena, APPEND_FAULT_ARENA_BYTES);
    self->verdict = (struct append_verdict){.record_index = -1, .append_time_ms = -1};
    self->verdict.fault = record_legacy_up_convert(set, &self->rules, &arena, &report, &batch);
    if (self->verdict.fault == BATCH_FAULT_NONE) {
        self->converted_count = report.info.count;
        replace_batch(self, batch);
    }
    arena_release(&arena);
}

static void recompress(struct append_offload *self)
{
    struct buffer *batch;
    enum error error =
        record_batch_recompress(self->batch.bytes, &self->target, EXPANDED_BYTES_MAX, &batch);

    if (error != ERROR_NONE) {
        self->verdict.fault = BATCH_FAULT_EXPANSION;
        return;
    }
    replace_batch(self, batch);
    if (batch->size > self->rules.batch_bytes_max) {
        self->verdict.fault = BATCH_FAULT_TOO_LARGE;
    }
}

static void run(struct work *work)
{
    struct append_offload *self = CONTAINER_OF(work, struct append_offload, work);

    if (self->converts) {
        convert(self);
    }
    if (self->checks && self->verdict.fault == BATCH_FAULT_NONE) {
        check_batch(self->batch, &self->rules, &self->verdict);
    }
    if (self->verdict.fault == BATCH_FAULT_NONE && self->recompresses &&
        self->verdict.codec != (uint8_t)self->target.codec) {
        recompress(self);
    }
}

static void take_result(struct append_offload *self)
{
    struct partition_append *append = self->append;
    struct partition *partition = self->partition;
    size_t before = append->batch.length;
    enum kafka_error error;

    append->private_offload = NULL;
    append->converted_count = self->converted_count;
    error = append_take_verdict(partition, append, &self->verdict);
    if (error == KAFKA_ERROR_NONE && self->result != NULL) {
        buffer_slice_unref(&append->batch);
        append->batch = buffer_slice(self->result, 0, self->result->size);
    }
    partition->pending_bytes += append->batch.length - before;
    if (error != KAFKA_ERROR_NONE) {
        append_drop_queued(partition, append, error);
    }
}

static void on_done(struct work *work)
{
    struct append_offload *self = CONTAINER_OF(work, struct append_offload, work);
    struct partition *partition = self->partition;

    if (self->append != NULL) {
        take_result(self);
        loop_defer(partition->table->services.loop, &partition->submit);
    }
    buffer_unref(self->result);
    buffer_slice_unref(&self->batch);
    free(self);
    partition_after_read(partition);
}

bool append_offload_check(const struct partition_append *append, const struct batch_rules *rules,
                          struct append_verdict *out_verdict)
{
    struct batch_rules inline_rules = *rules;

    if (append->is_message_set ||
        (append->batch.length > INLINE_CHECK_BYTES_MAX &&
         record_batch_check_expands(append->batch.bytes, append->batch.length, rules))) {
        return false;
    }
    inline_rules.expanded_bytes_max = INLINE_EXPANDED_BYTES_MAX;
    check_batch(append->batch, &inline_rules, out_verdict);
    return out_verdict->fault != BATCH_FAULT_EXPANDED_SIZE;
}

void append_offload_start(struct partition *partition, struct partition_append *append,
                          const struct batch_rules *rules, const struct append_verdict *checked)
{
    enum topic_compression wanted = partition->config.compression;
    bool recompresses = append->from_client && wanted != TOPIC_COMPRESSION_PRODUCER;
    struct append_offload *self;

    append->private_offload = NULL;
    if (checked != NULL && (!recompresses || checked->codec == (uint8_t)wanted)) {
        return;
    }
    self = check_alloc_zero(sizeof *self);
    self->partition = partition;
    self->append = append;
    self->batch = buffer_slice_ref(append->batch);
    self->rules = *rules;
    self->converts = append->is_message_set;
    self->checks = checked == NULL;
    self->recompresses = recompresses;
    if (checked != NULL) {
        self->verdict = *checked;
    }
    if (recompresses) {
        self->target = (struct compression_target){
            .codec = (enum compression)wanted,
            .flavour = COMPRESSION_STANDARD,
            .level = partition->config.compression_level,
        };
    }
    self->work.run = run;
    self->work.done = on_done;
    append->private_offload = self;
    partition->open_reads++;
    work_submit(partition->table->services.pool, &self->work);
}

void append_offload_abandon(struct partition_append *append)
{
    if (append->private_offload != NULL) {
        append->private_offload->append = NULL;
        append->private_offload = NULL;
    }
}
