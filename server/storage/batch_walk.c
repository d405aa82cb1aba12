/* SPDX-License-Identifier: Apache-2.0 */
#include "batch_walk.h"

#include <stdlib.h>

#include "gyre/base/buffer.h"
#include "gyre/base/bytes.h"
#include "gyre/base/check.h"
#include "gyre/wire/record_batch.h"

#include "log_change.h"
#include "log_index.h"
#include "log_read.h"

enum { NOTE_BYTES = 64 * 1024, CHUNK_BYTES_MIN = 64 * 1024 };

uint32_t batch_walk_limit(const struct partition_log *log, const struct data_segment *segment)
{
    return log_read_written(log, segment);
}

void batch_walk_release(struct batch_walk *walk)
{
    buffer_unref(walk->read.buffer);
    walk->read.buffer = NULL;
    free(walk->noted.slots);
    walk->noted = (struct segment_index){0};
}

/* ---- the index of bytes that nobody has described ---- */

static void note(struct batch_walk *walk, const struct walked_batch *batch, uint32_t position)
{
    struct segment_index *noted = &walk->noted;
    uint32_t from = noted->count == 0 ? 0 : noted->slots[noted->count - 1].position;

    if (!walk->is_noting) {
        return;
    }
    if (position - from >= NOTE_BYTES) {
        if (noted->count == noted->capacity) {
            noted->capacity = noted->capacity == 0 ? 16 : noted->capacity * 2;
            noted->slots = check_realloc(noted->slots, noted->capacity * sizeof *noted->slots);
        }
        noted->slots[noted->count++] = (struct index_slot){
            .relative_offset = (uint32_t)(batch->base_offset - walk->base_offset),
            .position = position,
            .max_timestamp_ms = walk->noted_max_timestamp_ms,
            .max_relative_offset = (uint32_t)(walk->noted_max_offset - walk->base_offset)};
    }
    if (batch->max_timestamp_ms > walk->noted_max_timestamp_ms) {
        walk->noted_max_timestamp_ms = batch->max_timestamp_ms;
        walk->noted_max_offset = batch->base_offset;
    }
}

/* A prefix of slots is as good as all of them: the next walk begins at the last. */
static void keep_noted(struct batch_walk *walk)
{
    struct data_segment *segment = walk->segment;

    if (!walk->is_noting || walk->read.file->is_orphan || segment->index.count > 0 ||
        walk->noted.count == 0) {
        return;
    }
    free(segment->index.slots);
    segment->index = walk->noted;
    walk->noted = (struct segment_index){0};
    walk->is_noting = false;
}

/* ---- walking ---- */

static void end(struct batch_walk *walk, enum error error)
{
    keep_noted(walk);
    walk->done(walk, error);
}

static void read_chunk(struct batch_walk *walk, size_t length)
{
    size_t left = walk->limit - walk->position;

    buffer_unref(walk->read.buffer);
    walk->read.buffer = NULL;
    if (length < CHUNK_BYTES_MIN) {
        length = CHUNK_BYTES_MIN;
    }
    range_read_start(&walk->read, walk->read.log, &walk->segment->file, (uint64_t)walk->base_offset,
                     walk->position, length < left ? length : left);
}

static bool parse(const struct batch_walk *walk, const char *bytes, struct walked_batch *out)
{
    uint32_t length = load_be32(bytes + 8);
    int32_t last_delta = (int32_t)load_be32(bytes + 23);

    *out = (struct walked_batch){.bytes = bytes,
                                 .base_offset = record_batch_base_offset(bytes),
                                 .max_timestamp_ms = record_batch_max_timestamp_ms(bytes),
                                 .size = (size_t)length + 12};
    out->end_offset = out->base_offset + last_delta + 1;
    return length >= RECORD_BATCH_HEADER_BYTES - 12 && last_delta >= 0 &&
           out->base_offset >= walk->base_offset && length <= INT32_MAX - 12;
}

static void corrupt(struct batch_walk *walk)
{
    log_mark_corrupt(walk->read.log, "a segment holds bytes that are no record batch");
    end(walk, ERROR_CORRUPT);
}

static void on_chunk(struct range_read *read)
{
    struct batch_walk *walk = CONTAINER_OF(read, struct batch_walk, read);
    size_t at = 0;

    if (walk->truncations != read->log->truncations) {
        end(walk, ERROR_AGAIN); /* what was read may be gone; nothing is wrong with it */
        return;
    }
    if (read->error != ERROR_NONE) {
        end(walk, read->error);
        return;
    }
    while (walk->position + at < walk->limit) {
        struct walked_batch batch;
        enum walk_answer answer;

        if (read->length - at < RECORD_BATCH_HEADER_BYTES) {
            break;
        }
        if (!parse(walk, read->buffer->bytes + at, &batch) ||
            walk->position + at + batch.size > walk->limit) {
            corrupt(walk);
            return;
        }
        batch.at = at;
        answer = walk->look(walk, &batch);
        if (answer == WALK_STOP) {
            end(walk, ERROR_NONE);
            return;
        }
        if (answer == WALK_TAKE) {
            if (at + batch.size <= read->length) {
                walk->taken = batch;
                walk->chunk_length = read->length;
                end(walk, ERROR_NONE);
                return;
            }
            walk->position += (uint32_t)at;
            read_chunk(walk, batch.size > walk->chunk_bytes ? batch.size : walk->chunk_bytes);
            return;
        }
        note(walk, &batch, walk->position + (uint32_t)at);
        at += batch.size;
        if (at > read->length) {
            break;
        }
    }
    walk->position += (uint32_t)at;
    if (walk->position >= walk->limit) {
        end(walk, ERROR_NONE);
        return;
    }
    if (at == 0) {
        corrupt(walk); /* a short read of bytes that should be there */
        return;
    }
    read_chunk(walk, walk->chunk_bytes);
}

void batch_walk_start(struct batch_walk *walk, struct partition_log *log,
                      struct data_segment *segment, uint32_t position)
{
    walk->segment = segment;
    walk->base_offset = segment->base_offset;
    walk->limit = batch_walk_limit(log, segment);
    walk->position = position;
    walk->truncations = log->truncations;
    walk->read.log = log;
    walk->read.done = on_chunk;
    walk->read.job.storage = log->storage;
    walk->is_noting = position == 0 && segment->index.count == 0 && segment->unindexed > 0;
    walk->noted_max_timestamp_ms = -1;
    walk->noted_max_offset = segment->base_offset;
    list_init(&walk->read.job.link);
    CHECK(position < walk->limit);
    read_chunk(walk, walk->chunk_bytes);
}
