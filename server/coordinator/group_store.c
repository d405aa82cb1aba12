/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/group_store.h"

#include <stdlib.h>

#include "gyre/base/buffer.h"
#include "gyre/base/check.h"
#include "gyre/observe/log.h"
#include "gyre/wire/record.h"

#include "coordinator/group.h"
#include "coordinator/group_coordinator_state.h"
#include "coordinator/group_records.h"
#include "coordinator/group_replay.h"

static const uint64_t US_PER_MS = 1000;
/* Long enough that only the end of leadership ends an append early. */
static const uint64_t APPEND_TIMEOUT_US = 24ULL * 3600 * 1000 * 1000;

struct group_batch {
    struct list link;
    struct group_coordinator *coordinator;
    struct group_shard *shard; /* NULL: let go */
    struct partition_append append;
    struct buffer *bytes; /* our reference, to look at once the append is over */
    struct list writes;
    struct timer deadline;
};

static void finish_write(struct group_write *write, enum kafka_error error)
{
    list_remove(&write->link);
    if (write->group != NULL) {
        write->group->open_writes--;
    }
    write->done(write, error);
}

static void finish_writes(struct list *writes, enum kafka_error error)
{
    while (!list_is_empty(writes)) {
        finish_write(list_first(writes, struct group_write, link), error);
    }
}

/* As Kafka tells the errors of an append to members of groups. */
static enum kafka_error error_for_members(enum kafka_error error)
{
    switch ((int)error) {
    case KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION:
    case KAFKA_ERROR_NOT_ENOUGH_REPLICAS:
    case KAFKA_ERROR_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
    case KAFKA_ERROR_REQUEST_TIMED_OUT: return KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE;
    case KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER:
    case KAFKA_ERROR_KAFKA_STORAGE_ERROR: return KAFKA_ERROR_NOT_COORDINATOR;
    case KAFKA_ERROR_MESSAGE_TOO_LARGE:
    case KAFKA_ERROR_RECORD_LIST_TOO_LARGE: return KAFKA_ERROR_UNKNOWN_SERVER_ERROR;
    default: return error;
    }
}

static void on_append(struct partition_append *append)
{
    struct group_batch *batch = CONTAINER_OF(append, struct group_batch, append);
    struct group_shard *shard = batch->shard;

    timer_stop(batch->coordinator->services.loop, &batch->deadline);
    if (shard != NULL) {
        list_remove(&batch->link);
        if (append->error == KAFKA_ERROR_NONE) {
            group_replay_batches(shard, batch->bytes->bytes, batch->bytes->size, false);
        }
        finish_writes(&batch->writes, error_for_members(append->error));
    }
    CHECK(list_is_empty(&batch->writes));
    buffer_unref(batch->bytes);
    free(batch);
}

static void on_deadline(struct timer *timer)
{
    struct group_batch *batch = CONTAINER_OF(timer, struct group_batch, deadline);

    finish_writes(&batch->writes, KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
}

static void submit(struct group_shard *shard, struct buffer *bytes)
{
    struct group_coordinator *coordinator = shard->coordinator;
    struct group_batch *batch = check_alloc_zero(sizeof *batch);

    batch->coordinator = coordinator;
    batch->shard = shard;
    batch->bytes = buffer_ref(bytes); /* read by nobody else after the append */
    list_init(&batch->writes);
    list_append_all(&batch->writes, &shard->gathering);
    list_append(&shard->inflight, &batch->link);
    timer_init(&batch->deadline, on_deadline);
    timer_start(coordinator->services.loop, &batch->deadline,
                (uint64_t)coordinator->services.config->offsets_commit_timeout_ms * US_PER_MS);
    batch->append = (struct partition_append){
        .batch = {.buffer = bytes, .bytes = bytes->bytes, .length = bytes->size},
        .acks = -1,
        .timeout_us = APPEND_TIMEOUT_US,
        .done = on_append,
    };
    partition_append(shard->partition, &batch->append);
}

static void flush(struct group_shard *shard)
{
    struct buffer *bytes;

    if (shard->builder.count == 0) {
        return;
    }
    if (record_batch_builder_finish(&shard->builder, &bytes) != ERROR_NONE) {
        finish_writes(&shard->gathering, KAFKA_ERROR_UNKNOWN_SERVER_ERROR);
        return;
    }
    submit(shard, bytes);
}

static void run_flush(struct task *task)
{
    struct group_shard *shard = CONTAINER_OF(task, struct group_shard, flush);

    finish_writes(&shard->refused, KAFKA_ERROR_UNKNOWN_SERVER_ERROR);
    flush(shard);
}

void group_store_init(struct group_shard *shard)
{
    record_batch_builder_init(&shard->builder,
                              GROUP_STORE_BATCH_BYTES + GROUP_STORE_WRITE_BYTES_MAX);
    list_init(&shard->gathering);
    list_init(&shard->refused);
    list_init(&shard->inflight);
    task_init(&shard->flush, run_flush);
}

void group_store_release(struct group_shard *shard)
{
    CHECK(shard->is_dropped); /* what done() writes now is refused */
    task_cancel(&shard->flush);
    while (!list_is_empty(&shard->inflight)) {
        struct group_batch *batch = list_first(&shard->inflight, struct group_batch, link);

        list_remove(&batch->link);
        timer_stop(shard->coordinator->services.loop, &batch->deadline);
        batch->shard = NULL;
        finish_writes(&batch->writes, KAFKA_ERROR_NOT_COORDINATOR);
    }
    finish_writes(&shard->gathering, KAFKA_ERROR_NOT_COORDINATOR);
    finish_writes(&shard->refused, KAFKA_ERROR_NOT_COORDINATOR);
    record_batch_builder_release(&shard->builder);
}

static void append_record(struct group_shard *shard, const struct group_record *from)
{
    struct record record = {
        .timestamp_ms = clock_wall_ms(shard->coordinator->services.loop->clock),
        .key = {.bytes = from->key->bytes, .length = (int32_t)from->key->size},
    };
    enum error error;

    if (from->value != NULL) {
        record.value =
            (struct string){.bytes = from->value->bytes, .length = (int32_t)from->value->size};
    }
    error = record_batch_builder_append(&shard->builder, &record);
    CHECK(error == ERROR_NONE); /* the sizes were counted before */
}

void group_store_write(struct group_shard *shard, struct group_records *records,
                       struct group_write *write)
{
    struct list *where = &shard->gathering;

    CHECK(records->count > 0);
    if (shard->is_dropped) {
        where = &shard->refused;
    } else if (records->failed || records->bytes > GROUP_STORE_WRITE_BYTES_MAX) {
        log_warning(LOG_COORDINATOR, "a write of a group is too large",
                    field_u64("bytes", records->bytes));
        where = &shard->refused;
    } else {
        if (shard->builder.count > 0 &&
            shard->builder.records_bytes + records->bytes > GROUP_STORE_BATCH_BYTES) {
            flush(shard);
        }
        for (int32_t i = 0; i < records->count; i++) {
            append_record(shard, &records->items[i]);
        }
    }
    group_records_release(records);
    if (write != NULL) {
        list_append(where, &write->link);
        if (write->group != NULL) {
            write->group->open_writes++;
        }
    }
    if (!shard->is_dropped) {
        loop_defer_last(shard->coordinator->services.loop, &shard->flush);
    }
}

void group_store_write_group(struct group *group, bool with_next_assignments,
                             struct group_write *write)
{
    struct group_records records;

    group_records_init(&records);
    group_records_add_group(&records, group, with_next_assignments);
    group_store_write(group->shard, &records, write);
}
