/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/wire/record_batch.h"

#include "gyre/base/buffer.h"
#include "gyre/base/check.h"
#include "gyre/base/crc32c.h"
#include "gyre/base/crc64.h"

static const char *const fault_names[] = {
#define X(name, code, text) #name,
    BATCH_FAULT_LIST(X)
#undef X
};

static const char *const fault_texts[] = {
#define X(name, code, text) text,
    BATCH_FAULT_LIST(X)
#undef X
};

static const int16_t fault_codes[] = {
#define X(name, code, text) code,
    BATCH_FAULT_LIST(X)
#undef X
};

const char *batch_fault_name(enum batch_fault fault)
{
    return fault_names[fault];
}

const char *batch_fault_text(enum batch_fault fault)
{
    return fault_texts[fault];
}

int16_t batch_fault_kafka_code(enum batch_fault fault)
{
    return fault_codes[fault];
}

/* Sequence numbers wrap from INT32_MAX to 0. */
static int32_t last_sequence(int32_t base, int32_t last_delta)
{
    if (base < 0) {
        return RECORD_BATCH_NO_SEQUENCE;
    }
    return (int32_t)(((int64_t)base + last_delta) & INT32_MAX);
}

static void read_info(const char *batch, struct record_batch_info *info)
{
    uint16_t attributes = record_batch_attributes(batch);
    int32_t base_sequence = (int32_t)load_be32(batch + RECORD_BATCH_AT_BASE_SEQUENCE);
    int32_t last_delta = (int32_t)load_be32(batch + RECORD_BATCH_AT_LAST_OFFSET_DELTA);

    *info = (struct record_batch_info){
        .base_offset = record_batch_base_offset(batch),
        .last_offset =
            (int64_t)((uint64_t)record_batch_base_offset(batch) + (uint64_t)(int64_t)last_delta),
        .size = record_batch_size(batch),
        .leader_epoch = record_batch_leader_epoch(batch),
        .crc = load_be32(batch + RECORD_BATCH_AT_CRC),
        .count = record_batch_count(batch),
        .attributes = attributes,
        .codec = attributes & RECORD_BATCH_COMPRESSION,
        .is_log_append_time = (attributes & RECORD_BATCH_LOG_APPEND_TIME) != 0,
        .is_transactional = (attributes & RECORD_BATCH_TRANSACTIONAL) != 0,
        .is_control = (attributes & RECORD_BATCH_CONTROL) != 0,
        .base_timestamp_ms = (int64_t)load_be64(batch + RECORD_BATCH_AT_BASE_TIMESTAMP),
        .max_timestamp_ms = record_batch_max_timestamp_ms(batch),
        .producer_id = (int64_t)load_be64(batch + RECORD_BATCH_AT_PRODUCER_ID),
        .producer_epoch = (int16_t)load_be16(batch + RECORD_BATCH_AT_PRODUCER_EPOCH),
        .base_sequence = base_sequence,
        .last_sequence = last_sequence(base_sequence, last_delta),
    };
}

enum error record_batch_parse(const char *bytes, size_t available,
                              struct record_batch_info *out_info)
{
    int32_t length;

    if (available < RECORD_BATCH_MAGIC_PREFIX_BYTES) {
        return ERROR_AGAIN;
    }
    length = (int32_t)load_be32(bytes + RECORD_BATCH_AT_LENGTH);
    if (bytes[RECORD_BATCH_AT_MAGIC] != RECORD_BATCH_MAGIC) {
        return ERROR_UNSUPPORTED;
    }
    if (length < RECORD_BATCH_HEADER_BYTES - RECORD_BATCH_PREFIX_BYTES) {
        return ERROR_MALFORMED;
    }
    if ((size_t)length + RECORD_BATCH_PREFIX_BYTES > available) {
        return ERROR_AGAIN;
    }
    read_info(bytes, out_info);
    if (out_info->last_offset < out_info->base_offset || out_info->count < 0) {
        return ERROR_MALFORMED;
    }
    return ERROR_NONE;
}

static uint32_t compute_crc(const char *batch, size_t size)
{
    return crc32c(batch + RECORD_BATCH_AT_ATTRIBUTES, size - RECORD_BATCH_AT_ATTRIBUTES);
}

bool record_batch_crc_holds(const char *batch, size_t size)
{
    CHECK(size >= RECORD_BATCH_HEADER_BYTES);
    return load_be32(batch + RECORD_BATCH_AT_CRC) == compute_crc(batch, size);
}

uint64_t record_batch_digest(const char *batch, size_t size)
{
    CHECK(size >= RECORD_BATCH_HEADER_BYTES);
    return crc64(batch + RECORD_BATCH_AT_MAGIC, size - RECORD_BATCH_AT_MAGIC);
}

void record_batch_stamp(char *batch, size_t size, bool is_log_append_time, int64_t max_timestamp_ms)
{
    uint16_t attributes = record_batch_attributes(batch);

    CHECK(size >= RECORD_BATCH_HEADER_BYTES);
    attributes = (uint16_t)(attributes & ~RECORD_BATCH_LOG_APPEND_TIME);
    if (is_log_append_time) {
        attributes = (uint16_t)(attributes | RECORD_BATCH_LOG_APPEND_TIME);
    }
    store_be16(batch + RECORD_BATCH_AT_ATTRIBUTES, attributes);
    store_be64(batch + RECORD_BATCH_AT_MAX_TIMESTAMP, (uint64_t)max_timestamp_ms);
    store_be32(batch + RECORD_BATCH_AT_CRC, compute_crc(batch, size));
}

static void write_header_of_copy(struct buffer *copy, const char *batch, enum compression codec)
{
    char *header = copy->bytes;
    unsigned attributes = record_batch_attributes(batch);

    attributes = (attributes & ~(unsigned)RECORD_BATCH_COMPRESSION) | (unsigned)codec;
    memcpy(header, batch, RECORD_BATCH_HEADER_BYTES);
    store_be32(header + RECORD_BATCH_AT_LENGTH, (uint32_t)(copy->size - RECORD_BATCH_PREFIX_BYTES));
    store_be16(header + RECORD_BATCH_AT_ATTRIBUTES, (uint16_t)attributes);
    store_be32(header + RECORD_BATCH_AT_CRC, compute_crc(header, copy->size));
}

enum error record_batch_recompress(const char *batch, const struct compression_target *target,
                                   size_t expanded_bytes_max, struct buffer **out_batch)
{
    unsigned codec = record_batch_attributes(batch) & RECORD_BATCH_COMPRESSION;
    struct compression_target header_first = *target;
    struct buffer *expanded = NULL;
    struct string payload = {.bytes = batch + RECORD_BATCH_HEADER_BYTES,
                             .length =
                                 (int32_t)(record_batch_size(batch) - RECORD_BATCH_HEADER_BYTES)};
    enum error error;

    if (codec >= COMPRESSION_COUNT) {
        return ERROR_UNSUPPORTED;
    }
    error = compression_expand((enum compression)codec, COMPRESSION_STANDARD, payload,
                               expanded_bytes_max, &expanded);
    if (error != ERROR_NONE) {
        return error;
    }
    header_first.prefix_bytes = RECORD_BATCH_HEADER_BYTES;
    error = compression_compress(&header_first, expanded->bytes, expanded->size, out_batch);
    buffer_unref(expanded);
    if (error == ERROR_NONE) {
        write_header_of_copy(*out_batch, batch, target->codec);
    }
    return error;
}
