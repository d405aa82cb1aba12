/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ListOffsets: by special value from the state, by time from the log. Storage finds the batch; the
 * record inside is found here, off the loop where the batch must be decompressed first.
 */
#include <stdlib.h>

#include "gyre/base/check.h"
#include "gyre/runtime/work.h"
#include "gyre/wire/record.h"
#include "gyre/wire/record_batch.h"

#include "partition/partition_state.h"

enum { EXPANDED_BYTES_MAX = 128 * 1024 * 1024 };

enum special {
    SPECIAL_LATEST = -1,
    SPECIAL_EARLIEST = -2,
    SPECIAL_MAX_TIMESTAMP = -3,
    SPECIAL_EARLIEST_LOCAL = -4,
    SPECIAL_LATEST_TIERED = -5,
    SPECIAL_EARLIEST_PENDING_UPLOAD = -6,
};

struct search {
    struct offset_lookup *lookup; /* borrowed from the asker */
    struct partition *partition;  /* held by an open read */
    struct time_search time;
    struct work work;
    /* what work found */
    bool is_found;
    bool is_readable;
    int64_t offset;
    int64_t timestamp_ms;
};

static int64_t limit_of(const struct search *search)
{
    return search->partition->high_watermark;
}

static void run_scan(struct work *work)
{
    struct search *search = CONTAINER_OF(work, struct search, work);
    struct record_iterator iterator;
    struct record record;
    int64_t wanted_ms = search->lookup->timestamp;

    search->is_found = false;
    search->is_readable = true;
    if (search->time.error != ERROR_NONE || search->time.batch.length == 0) {
        return;
    }
    search->is_readable =
        record_iterator_open(&iterator, search->time.batch.bytes, EXPANDED_BYTES_MAX) == ERROR_NONE;
    if (!search->is_readable) {
        return;
    }
    if (wanted_ms == SPECIAL_MAX_TIMESTAMP) {
        wanted_ms = record_batch_max_timestamp_ms(search->time.batch.bytes);
    }
    while (!search->is_found && record_iterator_next(&iterator, &record)) {
        if (record.timestamp_ms >= wanted_ms && record.offset >= search->time.from_offset) {
            search->is_found = true;
            search->offset = record.offset;
            search->timestamp_ms = record.timestamp_ms;
        }
    }
    search->is_readable = record_iterator_close(&iterator) == ERROR_NONE;
}

static void finish(struct search *search, enum kafka_error error)
{
    struct offset_lookup *lookup = search->lookup;
    struct partition *partition = search->partition;

    lookup->error = partition->is_closed ? KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER : error;
    if (lookup->error == KAFKA_ERROR_NONE && search->is_found) {
        lookup->offset = search->offset;
        lookup->found_timestamp = search->timestamp_ms;
        lookup->leader_epoch = leader_epochs_at(&partition->epochs, search->offset);
    }
    buffer_slice_unref(&search->time.batch);
    free(search);
    lookup->done(lookup);
    partition_after_read(partition);
}

static void start(struct search *search);

static void on_scanned(struct work *work)
{
    struct search *search = CONTAINER_OF(work, struct search, work);

    if (search->time.error != ERROR_NONE) {
        finish(search, KAFKA_ERROR_KAFKA_STORAGE_ERROR);
    } else if (!search->is_readable) {
        finish(search, KAFKA_ERROR_CORRUPT_MESSAGE);
    } else if (!search->is_found && search->time.batch.length > 0 &&
               search->lookup->timestamp >= 0 && !search->partition->is_closed) {
        search->time.from_offset = record_batch_last_offset(search->time.batch.bytes) + 1;
        buffer_slice_unref(&search->time.batch);
        start(search); /* the header promised more than the records hold */
    } else {
        finish(search, KAFKA_ERROR_NONE);
    }
}

/* Answers that need no scan go this way too: done() must not come inside partition_lookup(). */
static void on_batch(struct time_search *time)
{
    struct search *search = CONTAINER_OF(time, struct search, time);

    search->work.run = run_scan;
    search->work.done = on_scanned;
    work_submit(search->partition->table->services.pool, &search->work);
}

static void start(struct search *search)
{
    struct partition_log *log = search->partition->log;
    bool is_there;

    search->time.timestamp_ms = search->lookup->timestamp;
    search->time.limit_offset = limit_of(search);
    search->time.done = on_batch;
    search->time.error = ERROR_NONE;
    search->time.batch = (struct buffer_slice){0};
    if (search->time.from_offset >= search->time.limit_offset) {
        is_there = true;
    } else if (search->lookup->timestamp == SPECIAL_MAX_TIMESTAMP) {
        is_there = partition_log_find_max_time(log, &search->time);
    } else {
        is_there = partition_log_find_time(log, &search->time);
    }
    if (is_there) {
        on_batch(&search->time);
    }
}

/* True: answered from the state. */
static bool answer_special(const struct partition *partition, struct offset_lookup *lookup)
{
    lookup->error = KAFKA_ERROR_NONE;
    lookup->offset = -1;
    lookup->found_timestamp = -1;
    lookup->leader_epoch = -1;
    switch (lookup->timestamp) {
    case SPECIAL_LATEST:
        lookup->offset = partition->high_watermark;
        lookup->leader_epoch = leader_epochs_latest(&partition->epochs);
        return true;
    case SPECIAL_EARLIEST:
    case SPECIAL_EARLIEST_LOCAL:
        lookup->offset = partition->log_start_offset;
        lookup->leader_epoch = leader_epochs_at(&partition->epochs, partition->log_start_offset);
        return true;
    case SPECIAL_LATEST_TIERED: /* nothing is tiered */
    case SPECIAL_EARLIEST_PENDING_UPLOAD: return true;
    default: return partition->log_start_offset == partition->high_watermark;
    }
}

bool partition_lookup(struct partition *partition, struct offset_lookup *lookup)
{
    struct search *search;

    if (answer_special(partition, lookup)) {
        return true;
    }
    search = check_alloc_zero(sizeof *search);
    search->lookup = lookup;
    search->partition = partition;
    search->time.from_offset = partition->log_start_offset;
    partition->open_reads++;
    start(search);
    return false;
}
