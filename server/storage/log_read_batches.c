/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches for consumers: from memory, or from the one .log that holds the offset. Cold batches are
 * found by the sparse index and by walking headers, and each is checked before it is handed out.
 */
#include <stdio.h>
#include <stdlib.h>

#include "gyre/base/check.h"
#include "gyre/wire/record_batch.h"

#include "log_change.h"
#include "log_files.h"
#include "log_index.h"
#include "log_lend.h"
#include "log_tail.h"
#include "log_walk.h"

enum { COLD_BYTES_MAX = 1024 * 1024 };

struct batch_reader {
    struct log_walk walk;
    struct batches_read *caller;
    uint32_t from; /* range of whole batches to hand out; empty if `to` is 0 */
    uint32_t to;
};

void batches_read_release(struct batches_read *read)
{
    for (int i = 0; i < read->slice_count; i++) {
        buffer_slice_unref(&read->slices[i]);
    }
    read->slice_count = 0;
    read->bytes = 0;
}

/* May a batch of `size` come after `bytes` others? */
static bool has_room(const struct batches_read *caller, size_t bytes, size_t size, bool is_first)
{
    return bytes + size <= caller->bytes_max || (is_first && caller->at_least_one);
}

/* ---- from memory ---- */

static void read_tail(struct partition_log *log, struct batches_read *caller, uint64_t index)
{
    for (; log_tail_has(&log->tail, index); index++) {
        const struct log_entry *entry = &log_tail_at(&log->tail, index)->entry;

        if (entry->kind != ENTRY_BATCH) {
            continue;
        }
        if (entry->base_offset + entry->offset_count > caller->limit_offset ||
            caller->slice_count == BATCHES_READ_SLICES_MAX ||
            !has_room(caller, caller->bytes, entry->payload.length, caller->slice_count == 0)) {
            break;
        }
        caller->slices[caller->slice_count++] = buffer_slice_ref(entry->payload);
        caller->bytes += entry->payload.length;
    }
    log_cache_touch(log);
}

/* The offset's batch is in memory, or nothing is to be had. False: it is in a file. */
static bool read_memory(struct partition_log *log, struct batches_read *caller)
{
    uint64_t index;

    if (caller->offset < log_readable_from(log) || caller->offset > log->end_offset) {
        caller->error = ERROR_RANGE;
        return true;
    }
    if (caller->offset >= caller->limit_offset || caller->offset == log->end_offset) {
        return true;
    }
    index = log_read_find_in_tail(log, caller->offset);
    if (index != 0 && log_tail_at(&log->tail, index)->entry.base_offset <= caller->offset) {
        read_tail(log, caller, index);
        return true;
    }
    return false;
}

/* ---- from files ---- */

static void abandon(struct storage_job *job)
{
    struct log_read *read = CONTAINER_OF(job, struct log_read, job);
    struct log_walk *walk = CONTAINER_OF(read, struct log_walk, read);

    log_walk_abandon(walk);
    free(CONTAINER_OF(walk, struct batch_reader, walk));
}

static void finish(struct batch_reader *reader)
{
    struct batches_read *caller = reader->caller;

    log_walk_release(&reader->walk);
    free(reader);
    caller->done(caller);
}

static void fail(struct batch_reader *reader)
{
    struct partition_log *log = reader->walk.read.log;

    reader->caller->error =
        reader->caller->offset < log->start_offset ? ERROR_RANGE : ERROR_CORRUPT;
    if (reader->caller->error == ERROR_CORRUPT && !log->is_removed) {
        char reason[REASON_MAX];
        char path[STORAGE_PATH_MAX];

        log_files_path(log, LOG_FILE_DATA, (uint64_t)reader->walk.segment->base_offset, path);
        (void)snprintf(reason, sizeof reason, "%.180s is damaged near byte %u", path,
                       reader->walk.position);
        log_mark_corrupt(log, reason);
    }
    finish(reader);
}

/* Who takes ranges begins the next read at an edge that the index knows. */
static void end_at_slot(struct batch_reader *reader)
{
    const struct data_segment *segment = reader->walk.segment;
    uint32_t floor = log_index_floor(segment, reader->to);

    if (reader->caller->takes_ranges && floor > 0 &&
        segment->index.slots[floor - 1].position > reader->from) {
        reader->to = segment->index.slots[floor - 1].position;
    }
}

/* The chunk holds [from, to): whole batches. Check and hand out. */
static void hand_out(struct batch_reader *reader)
{
    struct log_walk *walk = &reader->walk;
    struct batches_read *caller = reader->caller;
    uint32_t at = reader->from - walk->chunk_at;
    uint32_t end;

    end_at_slot(reader);
    end = reader->to - walk->chunk_at;
    while (at < end) {
        const char *bytes = walk->chunk->bytes + at;
        size_t size = record_batch_size(bytes);

        if (size < RECORD_BATCH_HEADER_BYTES || size > end - at ||
            !record_batch_crc_holds(bytes, size)) {
            walk->position = walk->chunk_at + at;
            fail(reader);
            return;
        }
        at += (uint32_t)size;
    }
    log_index_set_verified(walk->segment, reader->from, reader->to);
    caller->slices[0] =
        buffer_slice(walk->chunk, reader->from - walk->chunk_at, reader->to - reader->from);
    caller->slice_count = 1;
    caller->bytes = reader->to - reader->from;
    finish(reader);
}

static void collected(struct batch_reader *reader)
{
    struct log_walk *walk = &reader->walk;

    if (reader->to == reader->from) {
        finish(reader);
    } else if (reader->from >= walk->chunk_at &&
               reader->to <= walk->chunk_at + walk->chunk_length) {
        hand_out(reader);
    } else {
        log_walk_fetch(walk, reader->from, reader->to - reader->from);
    }
}

static bool visit(struct log_walk *walk, const struct walked_batch *batch)
{
    struct batch_reader *reader = CONTAINER_OF(walk, struct batch_reader, walk);
    struct batches_read *caller = reader->caller;
    bool is_first = reader->to == reader->from;

    if (batch->last_offset < caller->offset) {
        return true;
    }
    if (batch->last_offset >= walk->read.log->end_offset) {
        walk->position = batch->position; /* a header that cannot be */
        fail(reader);
        return false;
    }
    if (batch->last_offset >= caller->limit_offset ||
        !has_room(caller, reader->to - reader->from, batch->size, is_first) ||
        (!is_first && reader->to - reader->from + batch->size > COLD_BYTES_MAX)) {
        collected(reader);
        return false;
    }
    if (is_first) {
        reader->from = batch->position;
    }
    reader->to = batch->position + batch->size;
    /* What lies behind the chunk is for the next read, unless this batch itself does. */
    if (reader->to >= walk->chunk_at + walk->chunk_length) {
        collected(reader);
        return false;
    }
    return true;
}

static void begin(struct batch_reader *reader);

static void on_done(struct log_walk *walk, enum error error)
{
    struct batch_reader *reader = CONTAINER_OF(walk, struct batch_reader, walk);
    struct partition_log *log = walk->read.log;

    if (error == ERROR_STATE && !log->is_removed) {
        begin(reader);
    } else if (error != ERROR_NONE) {
        fail(reader);
    } else if (walk->has_ended) {
        collected(reader);
    } else {
        hand_out(reader);
    }
}

static struct data_segment *segment_for(struct partition_log *log, int64_t offset)
{
    struct data_segment *segment = log_files_find_data(log, offset);

    if (segment != NULL && segment->end_offset <= offset) {
        for (uint32_t i = 0; i < log->data_count; i++) {
            if (log->data[i]->base_offset > offset) {
                return log->data[i];
            }
        }
    }
    if (segment == NULL && log->data_count > 0) {
        segment = log->data[0];
    }
    return segment;
}

static void begin(struct batch_reader *reader)
{
    struct partition_log *log = reader->walk.read.log;
    struct batches_read *caller = reader->caller;
    struct data_segment *segment = segment_for(log, caller->offset);
    uint32_t position;

    reader->from = 0;
    reader->to = 0;
    if (read_memory(log, caller)) {
        finish(reader);
        return;
    }
    position = segment == NULL ? 0 : log_index_find(segment, caller->offset);
    if (segment == NULL || position >= log_read_written(log, segment)) {
        /* A hole that a compaction left in front of what is in memory. */
        uint64_t index = log_read_find_in_tail(log, caller->offset);

        if (index != 0) {
            read_tail(log, caller, index);
        }
        finish(reader);
        return;
    }
    log_walk_start(&reader->walk, segment, position);
}

bool partition_log_read_batches(struct partition_log *log, struct batches_read *read)
{
    struct batch_reader *reader;
    size_t want;

    read->slice_count = 0;
    read->bytes = 0;
    read->error = ERROR_NONE;
    if (read_memory(log, read)) {
        return true;
    }
    if (segment_for(log, read->offset) == NULL ||
        log_read_written(log, segment_for(log, read->offset)) == 0) {
        uint64_t index = log_read_find_in_tail(log, read->offset);

        if (index != 0) {
            read_tail(log, read, index);
        }
        return true;
    }
    if (log_lend(log, segment_for(log, read->offset), read)) {
        return true;
    }
    want = read->bytes_max < COLD_BYTES_MAX ? read->bytes_max : COLD_BYTES_MAX;
    reader = check_alloc_zero(sizeof *reader);
    log_walk_init(&reader->walk, log, abandon);
    reader->walk.want = reader->walk.want > want ? reader->walk.want : want;
    reader->walk.visit = visit;
    reader->walk.done = on_done;
    reader->caller = read;
    begin(reader);
    return false;
}
