/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/group_loader.h"

#include <stdlib.h>

#include "gyre/base/check.h"
#include "gyre/observe/log.h"

#include "coordinator/group_coordinator_state.h"
#include "coordinator/group_replay.h"
#include "coordinator/group_shard.h"

enum { PIECE_BYTES = 512 * 1024 };
static const uint64_t RETRY_US = 200 * 1000;

struct group_loader {
    struct group_shard *shard; /* NULL: stopped while a read is underway */
    struct loop *loop;
    struct partition_read read;
    struct task next;
    struct timer retry;
    bool is_reading;
};

static void take_piece(struct group_loader *loader);

static void loader_free(struct group_loader *loader)
{
    task_cancel(&loader->next);
    timer_stop(loader->loop, &loader->retry);
    free(loader);
}

static void on_read(struct partition_read *read)
{
    struct group_loader *loader = CONTAINER_OF(read, struct group_loader, read);

    loader->is_reading = false;
    if (loader->shard == NULL) {
        batches_read_release(&read->batches);
        loader_free(loader);
        return;
    }
    take_piece(loader);
}

static void read_on(struct group_loader *loader)
{
    loader->is_reading = true;
    if (partition_read(loader->shard->partition, &loader->read)) {
        loader->is_reading = false;
        take_piece(loader);
    }
}

static void run_next(struct task *task)
{
    read_on(CONTAINER_OF(task, struct group_loader, next));
}

static void on_retry(struct timer *timer)
{
    read_on(CONTAINER_OF(timer, struct group_loader, retry));
}

static void finish(struct group_loader *loader)
{
    struct group_shard *shard = loader->shard;

    shard->loader = NULL;
    loader_free(loader);
    group_shard_loaded(shard);
}

static void take_batches(struct group_loader *loader)
{
    struct batches_read *batches = &loader->read.batches;

    for (int i = 0; i < batches->slice_count; i++) {
        int64_t next_offset = group_replay_batches(loader->shard, batches->slices[i].bytes,
                                                   batches->slices[i].length, true);

        if (next_offset > loader->read.offset) {
            loader->read.offset = next_offset;
        }
    }
    batches_read_release(batches);
}

static void take_piece(struct group_loader *loader)
{
    struct partition_read *read = &loader->read;
    int64_t before = read->offset;
    struct partition_status status;

    partition_status(loader->shard->partition, &status);
    if (read->error == KAFKA_ERROR_OFFSET_OUT_OF_RANGE && read->offset < status.log_start_offset) {
        read->offset = status.log_start_offset;
    } else if (read->error != KAFKA_ERROR_NONE) {
        log_error(LOG_COORDINATOR, "groups cannot be loaded yet",
                  field_i64("partition", loader->shard->index),
                  field_string("error", kafka_error_name((int16_t)read->error)));
        timer_start(loader->loop, &loader->retry, RETRY_US);
        return;
    } else {
        take_batches(loader);
    }
    if (read->offset >= status.high_watermark) {
        finish(loader);
    } else if (read->offset > before) {
        loop_defer(loader->loop, &loader->next);
    } else {
        timer_start(loader->loop, &loader->retry, RETRY_US);
    }
}

void group_loader_start(struct group_shard *shard)
{
    struct group_loader *loader = check_alloc_zero(sizeof *loader);
    struct partition_status status;

    partition_status(shard->partition, &status);
    loader->shard = shard;
    loader->loop = shard->coordinator->services.loop;
    loader->read.offset = status.log_start_offset;
    loader->read.bytes_max = PIECE_BYTES;
    loader->read.at_least_one = true;
    loader->read.isolation = READ_TO_LOG_END;
    loader->read.done = on_read;
    task_init(&loader->next, run_next);
    timer_init(&loader->retry, on_retry);
    shard->loader = loader;
    /* Not from inside the partition's own announcement. */
    loop_defer(loader->loop, &loader->next);
}

void group_loader_stop(struct group_shard *shard)
{
    struct group_loader *loader = shard->loader;

    if (loader == NULL) {
        return;
    }
    shard->loader = NULL;
    if (loader->is_reading) {
        loader->shard = NULL; /* on_read() frees it */
    } else {
        loader_free(loader);
    }
}
