/* SPDX-License-Identifier: Apache-2.0 */
#include "log_walk.h"

#include "gyre/base/check.h"
#include "gyre/wire/record_batch.h"

#include "log_files.h"
#include "log_index.h"

enum { WALK_BYTES_MIN = 64 * 1024 };

void log_walk_init(struct log_walk *walk, struct partition_log *log,
                   void (*abandon)(struct storage_job *job))
{
    log_read_init(&walk->read, log, abandon);
    walk->want = WALK_BYTES_MIN;
}

static void let_go(struct log_walk *walk)
{
    struct data_segment *segment = walk->segment;

    if (segment != NULL) {
        walk->segment = NULL;
        log_file_let_go(walk->read.log->storage, &segment->file);
    }
}

void log_walk_release(struct log_walk *walk)
{
    buffer_unref(walk->chunk);
    walk->chunk = NULL;
    let_go(walk);
    log_read_release(&walk->read);
}

void log_walk_abandon(struct log_walk *walk)
{
    list_remove(&walk->read.job.link);
    buffer_unref(walk->chunk);
    buffer_unref(walk->read.buffer);
}

static void walk_on(struct log_walk *walk);

static bool take_chunk(struct log_walk *walk, enum error error)
{
    buffer_unref(walk->chunk);
    walk->chunk = walk->read.buffer;
    walk->read.buffer = NULL;
    walk->chunk_at = (uint32_t)walk->read.offset;
    walk->chunk_length = (uint32_t)walk->read.got;
    if (walk->read.log->truncations != walk->truncations || walk->read.log->is_removed) {
        walk->done(walk, ERROR_STATE);
        return false;
    }
    if (error != ERROR_NONE || walk->read.got != walk->read.length) {
        walk->done(walk, ERROR_CORRUPT);
        return false;
    }
    return true;
}

static void on_chunk(struct log_read *read, enum error error)
{
    struct log_walk *walk = CONTAINER_OF(read, struct log_walk, read);

    if (take_chunk(walk, error)) {
        walk_on(walk);
    }
}

static void on_fetched(struct log_read *read, enum error error)
{
    struct log_walk *walk = CONTAINER_OF(read, struct log_walk, read);

    if (take_chunk(walk, error)) {
        walk->done(walk, ERROR_NONE);
    }
}

static void read_chunk(struct log_walk *walk)
{
    uint32_t left = walk->end - walk->position;
    size_t length = walk->want < left ? walk->want : left;

    log_read_start(&walk->read, &walk->segment->file, (uint64_t)walk->segment->base_offset,
                   walk->position, length, on_chunk);
}

/* Enough of the next batch is in the chunk to know its header. */
static bool parse(const struct log_walk *walk, struct walked_batch *batch, bool *is_corrupt)
{
    uint32_t at = walk->position - walk->chunk_at;
    const char *bytes;
    uint64_t size;

    if (walk->chunk == NULL || walk->position < walk->chunk_at ||
        at + RECORD_BATCH_HEADER_BYTES > walk->chunk_length) {
        return false;
    }
    bytes = walk->chunk->bytes + at;
    size = record_batch_size(bytes);
    *batch = (struct walked_batch){.base_offset = record_batch_base_offset(bytes),
                                   .last_offset = record_batch_last_offset(bytes),
                                   .max_timestamp_ms = record_batch_max_timestamp_ms(bytes),
                                   .position = walk->position,
                                   .size = (uint32_t)size};
    *is_corrupt = size < RECORD_BATCH_HEADER_BYTES || size > walk->end - walk->position ||
                  bytes[RECORD_BATCH_AT_MAGIC] != RECORD_BATCH_MAGIC ||
                  batch->base_offset < walk->expected_offset ||
                  batch->last_offset < batch->base_offset;
    if (at + size <= walk->chunk_length) {
        batch->bytes = bytes;
    }
    return true;
}

void log_walk_stop(struct log_walk *walk)
{
    walk->done(walk, ERROR_NONE);
}

/* A segment of before the start has no slots in memory: nobody shall walk there twice. */
static void note(struct log_walk *walk, const struct walked_batch *batch)
{
    struct data_segment *segment = walk->segment;

    if (!walk->is_noting) {
        return;
    }
    log_index_note_old(segment, batch->position, batch->base_offset, walk->noted_max_ms,
                       walk->noted_max_offset);
    if (batch->max_timestamp_ms > walk->noted_max_ms) {
        walk->noted_max_ms = batch->max_timestamp_ms;
        walk->noted_max_offset = batch->base_offset;
    }
}

static void walk_on(struct log_walk *walk)
{
    struct walked_batch batch;
    bool is_corrupt = false;

    while (walk->position < walk->end) {
        if (walk->end - walk->position < RECORD_BATCH_HEADER_BYTES) {
            walk->done(walk, ERROR_CORRUPT);
            return;
        }
        if (!parse(walk, &batch, &is_corrupt)) {
            read_chunk(walk);
            return;
        }
        if (is_corrupt) {
            walk->done(walk, ERROR_CORRUPT);
            return;
        }
        note(walk, &batch);
        walk->expected_offset = batch.last_offset + 1;
        walk->position += batch.size;
        if (!walk->visit(walk, &batch)) {
            return; /* the visitor has gone on by itself */
        }
    }
    walk->has_ended = true;
    walk->done(walk, ERROR_NONE);
}

static void hold(struct log_walk *walk, struct data_segment *segment)
{
    if (walk->segment != segment) {
        let_go(walk);
        log_file_hold(&segment->file);
        walk->segment = segment;
        buffer_unref(walk->chunk);
        walk->chunk = NULL;
    }
}

/* Noting continues where the noted slots end; a walk from elsewhere notes nothing. */
static void begin_noting(struct log_walk *walk)
{
    const struct data_segment *segment = walk->segment;
    const struct segment_index *index = &segment->index;

    walk->is_noting = false;
    walk->noted_max_ms = -1;
    walk->noted_max_offset = segment->base_offset;
    if (walk->position >= segment->unindexed) {
        return;
    }
    if (segment->noted_count == 0) {
        walk->is_noting = walk->position == 0;
    } else if (index->slots[segment->noted_count - 1].position == walk->position) {
        const struct index_slot *slot = &index->slots[segment->noted_count - 1];

        walk->is_noting = true;
        walk->noted_max_ms = slot->max_timestamp_ms;
        walk->noted_max_offset = segment->base_offset + slot->max_relative_offset;
    }
}

void log_walk_start(struct log_walk *walk, struct data_segment *segment, uint32_t position)
{
    hold(walk, segment);
    walk->truncations = walk->read.log->truncations;
    walk->position = position;
    walk->end = log_read_written(walk->read.log, segment);
    walk->expected_offset = segment->base_offset;
    walk->has_ended = false;
    begin_noting(walk);
    CHECK(position < walk->end);
    read_chunk(walk);
}

void log_walk_fetch(struct log_walk *walk, uint32_t position, uint32_t length)
{
    log_read_start(&walk->read, &walk->segment->file, (uint64_t)walk->segment->base_offset,
                   position, length, on_fetched);
}
