/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading batches below the high watermark. A leader knows where the log ends and says so; a
 * follower that is asked for more than it has answers with nothing, so that the reader waits. Who
 * was elected counts as a follower until the barrier of its term is applied.
 */
#include "gyre/base/check.h"
#include "gyre/base/mutation.h"

#include "partition/partition_state.h"

static int64_t limit_of(const struct partition *partition)
{
    return partition->high_watermark; /* the last stable offset is the same without transactions */
}

/* True: `read` is answered without looking at the log. */
static bool answer_at_once(const struct partition *partition, struct partition_read *read)
{
    read->error = KAFKA_ERROR_NONE;
    if (partition->is_failed) {
        read->error = KAFKA_ERROR_KAFKA_STORAGE_ERROR;
    } else if (read->offset < partition->log_start_offset ||
               (partition->leads && read->offset > partition->next_offset)) {
        read->error = KAFKA_ERROR_OFFSET_OUT_OF_RANGE;
    }
    return read->error != KAFKA_ERROR_NONE || read->offset >= limit_of(partition) ||
           (read->bytes_max == 0 && !read->at_least_one);
}

static void take_result(struct partition *partition, struct partition_read *read)
{
    switch ((int)read->batches.error) {
    case ERROR_NONE: break;
    case ERROR_RANGE:
        /* The start moved on meanwhile; or this replica lost the log and is being refilled, and a
         * consumer must not take that for a reason to begin elsewhere. */
        read->error = read->offset < partition->log_start_offset || MUTATION(54)
                          ? KAFKA_ERROR_OFFSET_OUT_OF_RANGE
                          : KAFKA_ERROR_OFFSET_NOT_AVAILABLE;
        break;
    default: read->error = KAFKA_ERROR_KAFKA_STORAGE_ERROR; break;
    }
    if (partition->is_closed) {
        read->error = KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER;
    }
    if (read->error != KAFKA_ERROR_NONE) {
        batches_read_release(&read->batches);
    }
}

static void on_read(struct batches_read *batches)
{
    struct partition_read *read = CONTAINER_OF(batches, struct partition_read, batches);
    struct partition *partition = batches->private_state;

    take_result(partition, read);
    read->done(read);
    partition_after_read(partition);
}

bool partition_read(struct partition *partition, struct partition_read *read)
{
    read->batches.slice_count = 0;
    read->batches.bytes = 0;
    read->batches.error = ERROR_NONE;
    partition_status(partition, &read->status);
    if (answer_at_once(partition, read)) {
        return true;
    }
    read->batches.offset = read->offset;
    read->batches.limit_offset = limit_of(partition);
    read->batches.bytes_max = read->bytes_max;
    read->batches.at_least_one = read->at_least_one;
    read->batches.takes_ranges = read->takes_ranges;
    read->batches.done = on_read;
    read->batches.private_state = partition;
    partition->open_reads++;
    if (!partition_log_read_batches(partition->log, &read->batches)) {
        return false;
    }
    partition->open_reads--;
    take_result(partition, read);
    return true;
}

int64_t partition_readable_bytes(const struct partition *partition, int64_t offset,
                                 enum partition_isolation isolation)
{
    (void)isolation;
    if (offset >= limit_of(partition)) {
        return 0;
    }
    if (partition->history == NULL) {
        return partition_log_size_bytes(partition->log); /* from before our start: enough */
    }
    return byte_history_from(partition->history, offset);
}
