/* SPDX-License-Identifier: Apache-2.0 */
/* Finding batches by time: segment, then index slot, then batch header. */
#include <stdlib.h>

#include "gyre/base/check.h"

#include "batch_walk.h"
#include "log_files.h"
#include "log_index.h"
#include "log_tail.h"

struct time_job {
    struct batch_walk walk;
    struct time_search *search;
};

static void abandon(struct storage_job *job)
{
    struct time_job *self = CONTAINER_OF(job, struct time_job, walk.read.job);

    batch_walk_release(&self->walk);
    free(self);
}

static bool matches(const struct time_search *search, int64_t end_offset, int64_t max_timestamp_ms)
{
    return end_offset > search->from_offset && end_offset <= search->limit_offset &&
           max_timestamp_ms >= search->timestamp_ms;
}

/* The first batch in memory that matches; NULL. Memory holds the log's end without gaps. */
static const struct tail_entry *find_in_tail(struct partition_log *log,
                                             const struct time_search *search)
{
    for (uint64_t i = log->tail.first_index; log_tail_has(&log->tail, i); i++) {
        const struct tail_entry *entry = log_tail_at(&log->tail, i);

        if (entry->entry.kind == ENTRY_BATCH &&
            matches(search, entry->entry.base_offset + entry->entry.offset_count,
                    entry->max_timestamp_ms)) {
            return entry;
        }
    }
    return NULL;
}

/* Take the tail's answer; false: its batch lies in the file only. */
static bool take_from_tail(struct partition_log *log, struct time_search *search)
{
    const struct tail_entry *entry = find_in_tail(log, search);

    if (entry == NULL) {
        return true;
    }
    if (entry->entry.payload.length != entry->size) {
        return false;
    }
    search->batch = buffer_slice_ref(entry->entry.payload);
    return true;
}

/* ---- files ---- */

static enum walk_answer look(struct batch_walk *walk, const struct walked_batch *batch)
{
    const struct time_search *search = CONTAINER_OF(walk, struct time_job, walk)->search;

    if (batch->end_offset > search->limit_offset) {
        return WALK_STOP;
    }
    return matches(search, batch->end_offset, batch->max_timestamp_ms) ? WALK_TAKE : WALK_SKIP;
}

static bool search_from_segment(struct partition_log *log, struct time_search *search, uint32_t at);

static void on_walked(struct batch_walk *walk, enum error error)
{
    struct time_job *self = CONTAINER_OF(walk, struct time_job, walk);
    struct time_search *search = self->search;
    struct partition_log *log = walk->read.log;
    int64_t base_offset = walk->base_offset;
    bool is_found = error == ERROR_NONE && walk->taken.bytes != NULL;
    uint32_t next = 0;

    if (is_found) {
        search->batch = buffer_slice(walk->read.buffer, walk->taken.at, walk->taken.size);
    }
    batch_walk_release(walk);
    free(self);
    search->error = error;
    if (!is_found && error == ERROR_NONE) {
        while (next < log->data_count && log->data[next]->base_offset <= base_offset) {
            next++;
        }
        if (!search_from_segment(log, search, next)) {
            return;
        }
    }
    search->done(search);
}

/* The segments from number `at` on, then memory. True: the result is there. */
static bool search_from_segment(struct partition_log *log, struct time_search *search, uint32_t at)
{
    for (; at < log->data_count; at++) {
        struct data_segment *segment = log->data[at];
        uint32_t position = log_index_find_time(segment, search->timestamp_ms);
        struct time_job *self;

        if (segment->max_timestamp_ms < search->timestamp_ms ||
            segment->end_offset <= search->from_offset ||
            segment->base_offset >= search->limit_offset ||
            position >= batch_walk_limit(log, segment)) {
            continue;
        }
        self = check_alloc_zero(sizeof *self);
        self->search = search;
        self->walk.read.job.abandon = abandon;
        self->walk.look = look;
        self->walk.done = on_walked;
        self->walk.chunk_bytes = 1024 * 1024;
        batch_walk_start(&self->walk, log, segment, position);
        return false;
    }
    (void)take_from_tail(log, search);
    return true;
}

static bool begin(struct partition_log *log, struct time_search *search)
{
    search->batch = (struct buffer_slice){0};
    search->error = log->is_corrupt ? ERROR_CORRUPT : ERROR_NONE;
    if (search->from_offset < log->start_offset) {
        search->from_offset = log->start_offset;
    }
    return search->error == ERROR_NONE;
}

/* Does memory hold everything from the offset on? */
static bool is_all_in_tail(const struct partition_log *log, int64_t from_offset)
{
    return log->tail.count > 0 && log->tail.ring[log->tail.head].entry.base_offset <= from_offset;
}

bool partition_log_find_time(struct partition_log *log, struct time_search *search)
{
    if (!begin(log, search)) {
        return true;
    }
    if (is_all_in_tail(log, search->from_offset) && take_from_tail(log, search)) {
        return true;
    }
    return search_from_segment(log, search, 0);
}

/* The largest timestamp of all is known for each segment; batches at or above the limit may have
 * raised it, so the search takes the largest that can be reached and looks for it. */
bool partition_log_find_max_time(struct partition_log *log, struct time_search *search)
{
    int64_t largest = -1;

    if (!begin(log, search)) {
        return true;
    }
    for (uint32_t i = 0; i < log->data_count; i++) {
        if (log->data[i]->end_offset > search->from_offset &&
            log->data[i]->end_offset <= search->limit_offset &&
            log->data[i]->max_timestamp_ms > largest) {
            largest = log->data[i]->max_timestamp_ms;
        }
    }
    for (uint64_t i = log->tail.first_index; log_tail_has(&log->tail, i); i++) {
        const struct tail_entry *entry = log_tail_at(&log->tail, i);
        int64_t end_offset = entry->entry.base_offset + entry->entry.offset_count;

        if (entry->entry.kind == ENTRY_BATCH && end_offset > search->from_offset &&
            end_offset <= search->limit_offset && entry->max_timestamp_ms > largest) {
            largest = entry->max_timestamp_ms;
        }
    }
    if (largest < 0) {
        return true;
    }
    search->timestamp_ms = largest;
    return partition_log_find_time(log, search);
}
