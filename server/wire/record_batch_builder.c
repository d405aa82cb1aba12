/* SPDX-License-Identifier: Apache-2.0 */
/* Records are encoded behind room for the header, so that an uncompressed batch is copied once. */
#include "gyre/wire/record_batch_builder.h"

#include <stdlib.h>

#include "gyre/base/buffer.h"
#include "gyre/base/check.h"
#include "gyre/base/crc32c.h"
#include "gyre/wire/record.h"
#include "gyre/wire/record_batch.h"

enum { CAPACITY_MIN = 1024, MARKER_TYPE_ABORT = 0, MARKER_TYPE_COMMIT = 1 };

static void forget_records(struct record_batch_builder *builder)
{
    builder->count = 0;
    builder->records_bytes = 0;
    builder->max_timestamp_ms = -1;
    builder->max_timestamp_offset = -1;
    builder->base_timestamp_ms = -1;
    builder->last_offset = builder->base_offset - 1;
}

void record_batch_builder_init(struct record_batch_builder *builder, size_t records_bytes_max)
{
    *builder = (struct record_batch_builder){
        .codec = COMPRESSION_NONE,
        .level = COMPRESSION_LEVEL_DEFAULT,
        .leader_epoch = -1,
        .producer_id = RECORD_BATCH_NO_PRODUCER,
        .producer_epoch = -1,
        .base_sequence = RECORD_BATCH_NO_SEQUENCE,
        .records_bytes_max = records_bytes_max < INT32_MAX / 2 ? records_bytes_max : INT32_MAX / 2,
    };
    forget_records(builder);
}

void record_batch_builder_release(struct record_batch_builder *builder)
{
    free(builder->bytes);
    builder->bytes = NULL;
    builder->capacity = 0;
}

static void reserve(struct record_batch_builder *builder, size_t more)
{
    size_t needed = RECORD_BATCH_HEADER_BYTES + builder->records_bytes + more;
    size_t capacity = builder->capacity < CAPACITY_MIN ? CAPACITY_MIN : builder->capacity;

    if (needed <= builder->capacity) {
        return;
    }
    while (capacity < needed) {
        capacity *= 2;
    }
    builder->bytes = check_realloc(builder->bytes, capacity);
    builder->capacity = capacity;
}

static void note_timestamp(struct record_batch_builder *builder, const struct record *record,
                           int64_t offset)
{
    if (builder->count == 0) {
        builder->base_timestamp_ms = record->timestamp_ms;
    }
    if (builder->count == 0 || record->timestamp_ms > builder->max_timestamp_ms) {
        builder->max_timestamp_ms = record->timestamp_ms;
        builder->max_timestamp_offset = offset;
    }
}

static enum error add_at(struct record_batch_builder *builder, const struct record *record,
                         int64_t offset)
{
    int64_t base_timestamp =
        builder->count == 0 ? record->timestamp_ms : builder->base_timestamp_ms;
    int64_t timestamp_delta = (int64_t)((uint64_t)record->timestamp_ms - (uint64_t)base_timestamp);
    int64_t offset_delta = offset - builder->base_offset;
    size_t size = record_encoded_size(record, offset_delta, timestamp_delta);
    char *to;

    if (size > builder->records_bytes_max - builder->records_bytes) {
        return ERROR_LIMIT;
    }
    reserve(builder, size);
    to = builder->bytes + RECORD_BATCH_HEADER_BYTES + builder->records_bytes;
    CHECK(record_encode(to, record, offset_delta, timestamp_delta) == to + size);
    note_timestamp(builder, record, offset);
    builder->records_bytes += size;
    builder->last_offset = offset;
    builder->count++;
    return ERROR_NONE;
}

enum error record_batch_builder_add(struct record_batch_builder *builder,
                                    const struct record *record)
{
    bool grows = builder->count == 0 || record->offset > builder->last_offset;

    if (!grows || record->offset < builder->base_offset ||
        record->offset - builder->base_offset > INT32_MAX) {
        return ERROR_RANGE;
    }
    return add_at(builder, record, record->offset);
}

enum error record_batch_builder_append(struct record_batch_builder *builder,
                                       const struct record *record)
{
    int64_t offset = builder->count == 0 ? builder->base_offset : builder->last_offset + 1;

    if (offset - builder->base_offset == INT32_MAX) {
        return ERROR_RANGE;
    }
    return add_at(builder, record, offset);
}

static uint16_t attributes_of(const struct record_batch_builder *builder)
{
    unsigned attributes = (unsigned)builder->codec;

    attributes |= builder->is_log_append_time ? RECORD_BATCH_LOG_APPEND_TIME : 0u;
    attributes |= builder->is_transactional ? RECORD_BATCH_TRANSACTIONAL : 0u;
    attributes |= builder->is_control ? RECORD_BATCH_CONTROL : 0u;
    return (uint16_t)attributes;
}

static void write_header(const struct record_batch_builder *builder, struct buffer *batch)
{
    char *header = batch->bytes;
    int64_t last_delta = builder->last_offset - builder->base_offset;
    int64_t max_timestamp =
        builder->is_log_append_time ? builder->append_time_ms : builder->max_timestamp_ms;

    CHECK(last_delta <= INT32_MAX);
    record_batch_set_base_offset(header, builder->base_offset);
    store_be32(header + RECORD_BATCH_AT_LENGTH,
               (uint32_t)(batch->size - RECORD_BATCH_PREFIX_BYTES));
    record_batch_set_leader_epoch(header, builder->leader_epoch);
    header[RECORD_BATCH_AT_MAGIC] = RECORD_BATCH_MAGIC;
    store_be16(header + RECORD_BATCH_AT_ATTRIBUTES, attributes_of(builder));
    store_be32(header + RECORD_BATCH_AT_LAST_OFFSET_DELTA,
               (uint32_t)(last_delta < 0 ? 0 : last_delta));
    store_be64(header + RECORD_BATCH_AT_BASE_TIMESTAMP, (uint64_t)builder->base_timestamp_ms);
    store_be64(header + RECORD_BATCH_AT_MAX_TIMESTAMP, (uint64_t)max_timestamp);
    store_be64(header + RECORD_BATCH_AT_PRODUCER_ID, (uint64_t)builder->producer_id);
    store_be16(header + RECORD_BATCH_AT_PRODUCER_EPOCH, (uint16_t)builder->producer_epoch);
    store_be32(header + RECORD_BATCH_AT_BASE_SEQUENCE, (uint32_t)builder->base_sequence);
    store_be32(header + RECORD_BATCH_AT_COUNT, (uint32_t)builder->count);
    store_be32(header + RECORD_BATCH_AT_CRC, crc32c(header + RECORD_BATCH_AT_ATTRIBUTES,
                                                    batch->size - RECORD_BATCH_AT_ATTRIBUTES));
}

enum error record_batch_builder_finish(struct record_batch_builder *builder,
                                       struct buffer **out_batch)
{
    const struct compression_target target = {.codec = builder->codec,
                                              .flavour = COMPRESSION_STANDARD,
                                              .level = builder->level,
                                              .prefix_bytes = RECORD_BATCH_HEADER_BYTES};
    enum error error;

    reserve(builder, 0);
    error = compression_compress(&target, builder->bytes + RECORD_BATCH_HEADER_BYTES,
                                 builder->records_bytes, out_batch);
    if (error != ERROR_NONE) {
        return error;
    }
    write_header(builder, *out_batch);
    forget_records(builder);
    return ERROR_NONE;
}

enum error record_batch_builder_add_marker(struct record_batch_builder *builder, bool is_commit,
                                           int32_t coordinator_epoch, int64_t timestamp_ms)
{
    char key[4] = {0, 0, 0, is_commit ? MARKER_TYPE_COMMIT : MARKER_TYPE_ABORT};
    char value[6] = {0};
    struct record marker = {
        .timestamp_ms = timestamp_ms,
        .key = {.bytes = key, .length = sizeof key},
        .value = {.bytes = value, .length = sizeof value},
    };

    CHECK(builder->is_control);
    store_be32(value + 2, (uint32_t)coordinator_epoch);
    return record_batch_builder_append(builder, &marker);
}
