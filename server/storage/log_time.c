/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding batches by time: segments whose largest timestamp is late enough, in each of them the
 * index, then headers; and the entries in memory, which are the end of the log without gaps.
 *
 * Two searches share this. "At or after" stops at the first match. "Largest" looks at all batches
 * below the limit, as far as no segment or slot vouches for them, and remembers the best.
 */
#include <stdlib.h>

#include "gyre/base/check.h"
#include "gyre/wire/record_batch.h"

#include "log_change.h"
#include "log_files.h"
#include "log_index.h"
#include "log_tail.h"
#include "log_walk.h"

struct time_reader {
    struct log_walk walk;
    struct time_search *caller;
    bool asks_largest; /* what the caller wants, */
    int64_t asked_offset;
    bool wants_largest; /* and what this pass looks for */
    bool is_found;      /* `found` is to be fetched */
    bool is_fetching;
    int64_t walked_base; /* segments up to this base offset are done; -1: none */
    struct walked_batch found;
    /* the largest so far */
    int64_t best_ms; /* -1: none */
    int64_t best_offset;
};

static bool go_on(struct time_reader *reader);

static void start_over(struct time_reader *reader)
{
    reader->wants_largest = reader->asks_largest;
    reader->caller->from_offset = reader->asked_offset;
    reader->caller->timestamp_ms = reader->asks_largest ? -1 : reader->caller->timestamp_ms;
    reader->best_ms = -1;
    reader->walked_base = -1;
}

/* ---- answers ---- */

static void abandon(struct storage_job *job)
{
    struct log_read *read = CONTAINER_OF(job, struct log_read, job);
    struct log_walk *walk = CONTAINER_OF(read, struct log_walk, read);

    log_walk_abandon(walk);
    free(CONTAINER_OF(walk, struct time_reader, walk));
}

static void finish(struct time_reader *reader)
{
    struct time_search *caller = reader->caller;

    log_walk_release(&reader->walk);
    free(reader);
    caller->done(caller);
}

static void fail(struct time_reader *reader, enum error error)
{
    reader->caller->error = error;
    finish(reader);
}

static bool is_match(const struct time_reader *reader, int64_t last_offset, int64_t timestamp_ms)
{
    return last_offset >= reader->caller->from_offset &&
           timestamp_ms >= reader->caller->timestamp_ms;
}

static void note_best(struct time_reader *reader, int64_t timestamp_ms, int64_t offset)
{
    if (timestamp_ms > reader->best_ms) {
        reader->best_ms = timestamp_ms;
        reader->best_offset = offset;
    }
}

/* ---- memory ---- */

/* True: it was there and is the answer. */
static bool search_tail(struct time_reader *reader, struct partition_log *log)
{
    uint64_t index = log_read_find_in_tail(log, reader->caller->from_offset);

    for (; index != 0 && log_tail_has(&log->tail, index); index++) {
        const struct tail_entry *entry = log_tail_at(&log->tail, index);
        int64_t last = entry->entry.base_offset + entry->entry.offset_count - 1;

        if (entry->entry.kind != ENTRY_BATCH) {
            continue;
        }
        if (last >= reader->caller->limit_offset) {
            break;
        }
        if (reader->wants_largest) {
            note_best(reader, entry->max_timestamp_ms, entry->entry.base_offset);
        } else if (is_match(reader, last, entry->max_timestamp_ms)) {
            reader->caller->batch = buffer_slice_ref(entry->entry.payload);
            return true;
        }
    }
    return false;
}

/* ---- files ---- */

static bool visit(struct log_walk *walk, const struct walked_batch *batch)
{
    struct time_reader *reader = CONTAINER_OF(walk, struct time_reader, walk);

    if (batch->last_offset >= reader->caller->limit_offset) {
        log_walk_stop(walk);
        return false;
    }
    if (reader->wants_largest) {
        if (batch->last_offset >= reader->caller->from_offset) {
            note_best(reader, batch->max_timestamp_ms, batch->base_offset);
        }
        return true;
    }
    if (is_match(reader, batch->last_offset, batch->max_timestamp_ms)) {
        reader->is_found = true;
        reader->found = *batch;
        log_walk_stop(walk);
        return false;
    }
    return true;
}

static void hand_out(struct time_reader *reader)
{
    struct log_walk *walk = &reader->walk;
    uint32_t at = reader->found.position - walk->chunk_at;
    const char *bytes = walk->chunk->bytes + at;

    if (!record_batch_crc_holds(bytes, reader->found.size)) {
        log_mark_corrupt(walk->read.log, "a batch in a segment does not match its checksum");
        fail(reader, ERROR_CORRUPT);
        return;
    }
    reader->caller->batch = buffer_slice(walk->chunk, at, reader->found.size);
    finish(reader);
}

static void on_done(struct log_walk *walk, enum error error)
{
    struct time_reader *reader = CONTAINER_OF(walk, struct time_reader, walk);
    struct partition_log *log = walk->read.log;

    if (error == ERROR_STATE && !log->is_removed) {
        /* Truncated meanwhile: everything again. */
        reader->is_found = false;
        reader->is_fetching = false;
        start_over(reader);
        if (go_on(reader)) {
            finish(reader);
        }
        return;
    }
    if (error != ERROR_NONE) {
        fail(reader, error == ERROR_STATE ? ERROR_CANCELLED : ERROR_CORRUPT);
        return;
    }
    if (reader->is_fetching) {
        hand_out(reader);
    } else if (reader->is_found) {
        reader->is_fetching = true;
        if (reader->found.position >= walk->chunk_at &&
            reader->found.position + reader->found.size <= walk->chunk_at + walk->chunk_length) {
            hand_out(reader);
        } else {
            log_walk_fetch(walk, reader->found.position, reader->found.size);
        }
    } else if (go_on(reader)) {
        finish(reader);
    }
}

/*
 * Does this segment have to be walked, and from which position? A
 * largest timestamp that is wholly below the limit is taken from the segment or its index.
 */
static bool must_walk(struct time_reader *reader, const struct data_segment *segment,
                      uint32_t *out_position)
{
    const struct time_search *caller = reader->caller;
    const struct index_slot *slot;
    bool is_vouched;
    uint32_t by_offset = log_index_find(segment, caller->from_offset);

    if (segment->max_timestamp_ms < caller->timestamp_ms) {
        return false;
    }
    if (!reader->wants_largest) {
        uint32_t by_time = log_index_find_time(segment, caller->timestamp_ms);

        *out_position = by_time > by_offset ? by_time : by_offset;
        return true;
    }
    is_vouched = !segment->is_max_loose && segment->base_offset >= caller->from_offset;
    if (segment->end_offset <= caller->limit_offset && is_vouched) {
        note_best(reader, segment->max_timestamp_ms, segment->max_timestamp_offset);
        return false;
    }
    slot = log_index_slot(segment, caller->limit_offset - 1);
    *out_position = by_offset;
    if (slot != NULL && slot->position > by_offset && is_vouched) {
        note_best(reader, slot->max_timestamp_ms, segment->base_offset + slot->max_relative_offset);
        *out_position = slot->position;
    }
    return true;
}

/* Look at the segments that are not done, then at memory. True: the answer is there. */
/* NOLINTNEXTLINE(misc-no-recursion): once. */
static bool go_on(struct time_reader *reader)
{
    struct partition_log *log = reader->walk.read.log;
    const struct time_search *caller = reader->caller;

    for (uint32_t i = 0; i < log->data_count; i++) {
        struct data_segment *segment = log->data[i];
        uint32_t position = 0;

        if (segment->base_offset <= reader->walked_base ||
            segment->end_offset <= caller->from_offset ||
            segment->base_offset >= caller->limit_offset) {
            continue;
        }
        reader->walked_base = segment->base_offset;
        if (must_walk(reader, segment, &position) && position < log_read_written(log, segment)) {
            log_walk_start(&reader->walk, segment, position);
            return false;
        }
    }
    if (search_tail(reader, log) || !reader->wants_largest || reader->best_ms < 0) {
        return true;
    }
    /* Now that the largest is known, find the first batch that has it. */
    reader->wants_largest = false;
    reader->walked_base = -1;
    reader->caller->timestamp_ms = reader->best_ms;
    reader->caller->from_offset = reader->best_offset;
    return go_on(reader);
}

static bool begin(struct partition_log *log, struct time_search *search, bool wants_largest)
{
    struct time_reader *reader = check_alloc_zero(sizeof *reader);

    search->batch = (struct buffer_slice){0};
    search->error = ERROR_NONE;
    search->from_offset =
        search->from_offset < log->start_offset ? log->start_offset : search->from_offset;
    log_walk_init(&reader->walk, log, abandon);
    reader->walk.visit = visit;
    reader->walk.done = on_done;
    reader->caller = search;
    reader->asks_largest = wants_largest;
    reader->asked_offset = search->from_offset;
    start_over(reader);
    if (!go_on(reader)) {
        return false;
    }
    log_walk_release(&reader->walk);
    free(reader);
    return true;
}

bool partition_log_find_time(struct partition_log *log, struct time_search *search)
{
    return begin(log, search, false);
}

bool partition_log_find_max_time(struct partition_log *log, struct time_search *search)
{
    return begin(log, search, true);
}
