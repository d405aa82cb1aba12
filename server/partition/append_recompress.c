/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compression.type other than `producer`: the batch is stored under the topic's codec. The work
 * leaves the loop; meanwhile the append stays in the queue and holds up what came behind it, so
 * that order is kept.
 */
#include <stdlib.h>

#include "gyre/base/check.h"
#include "gyre/runtime/work.h"
#include "gyre/wire/record_batch.h"

#include "partition/partition_state.h"

enum { EXPANDED_BYTES_MAX = 128 * 1024 * 1024 };

struct recompression {
    struct work work;
    struct partition *partition;     /* held by an open read */
    struct partition_append *append; /* NULL: nobody waits any more */
    struct buffer_slice batch;       /* one reference */
    struct compression_target target;
    struct buffer *result;
    enum error error;
};

static void run(struct work *work)
{
    struct recompression *self = CONTAINER_OF(work, struct recompression, work);

    self->error = record_batch_recompress(self->batch.bytes, &self->target, EXPANDED_BYTES_MAX,
                                          &self->result);
}

static enum kafka_error take_result(struct recompression *self)
{
    struct partition *partition = self->partition;
    struct partition_append *append = self->append;

    if (self->error != ERROR_NONE) {
        append->fault_message = batch_fault_text(BATCH_FAULT_EXPANSION);
        return KAFKA_ERROR_INVALID_RECORD;
    }
    if (append->from_client && self->result->size > (size_t)partition->config.max_message_bytes) {
        append->fault_message = batch_fault_text(BATCH_FAULT_TOO_LARGE);
        return KAFKA_ERROR_MESSAGE_TOO_LARGE;
    }
    partition->pending_bytes += self->result->size - append->batch.length;
    buffer_slice_unref(&append->batch);
    append->batch = buffer_slice(self->result, 0, self->result->size);
    return KAFKA_ERROR_NONE;
}

static void on_done(struct work *work)
{
    struct recompression *self = CONTAINER_OF(work, struct recompression, work);
    struct partition *partition = self->partition;
    struct partition_append *append = self->append;

    if (append != NULL) {
        enum kafka_error error = take_result(self);

        append->private_recompression = NULL;
        if (error != KAFKA_ERROR_NONE) {
            append_drop_queued(partition, append, error);
        }
        loop_defer(partition->table->services.loop, &partition->submit);
    }
    buffer_unref(self->result);
    buffer_slice_unref(&self->batch);
    free(self);
    partition_after_read(partition);
}

void append_recompress_start(struct partition *partition, struct partition_append *append)
{
    enum topic_compression wanted = partition->config.compression;
    unsigned codec = record_batch_attributes(append->batch.bytes) & RECORD_BATCH_COMPRESSION;
    struct recompression *self;

    append->private_recompression = NULL;
    if (!append->from_client || wanted == TOPIC_COMPRESSION_PRODUCER || codec == (unsigned)wanted) {
        return;
    }
    self = check_alloc_zero(sizeof *self);
    self->partition = partition;
    self->append = append;
    self->batch = buffer_slice_ref(append->batch);
    self->target = (struct compression_target){
        .codec = (enum compression)wanted,
        .flavour = COMPRESSION_STANDARD,
        .level = partition->config.compression_level,
    };
    self->work.run = run;
    self->work.done = on_done;
    append->private_recompression = self;
    partition->open_reads++;
    work_submit(partition->table->services.pool, &self->work);
}

void append_recompress_abandon(struct partition_append *append)
{
    if (append->private_recompression != NULL) {
        append->private_recompression->append = NULL;
        append->private_recompression = NULL;
    }
}
