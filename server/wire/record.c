/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record on the wire (KIP-98):
 *
 *     length varint | attributes int8 | timestamp delta varlong | offset delta varint
 *     | key length varint, key | value length varint, value | header count varint
 *     | per header: key length varint, key | value length varint, value
 *
 * A negative length is null. The length in front must be consumed exactly.
 */
#include "gyre/wire/record.h"

#include "gyre/base/buffer.h"
#include "gyre/base/check.h"
#include "gyre/wire/compression.h"
#include "gyre/wire/record_batch.h"

#include "wire/varint.h"

enum error record_iterator_open(struct record_iterator *iterator, const char *batch,
                                size_t expanded_bytes_max)
{
    size_t size = record_batch_size(batch);
    uint16_t attributes = record_batch_attributes(batch);
    unsigned codec = attributes & RECORD_BATCH_COMPRESSION;
    struct string payload = {.bytes = batch + RECORD_BATCH_HEADER_BYTES,
                             .length = (int32_t)(size - RECORD_BATCH_HEADER_BYTES)};

    *iterator = (struct record_iterator){
        .at = payload.bytes,
        .end = batch + size,
        .base_offset = record_batch_base_offset(batch),
        .base_timestamp_ms = (int64_t)load_be64(batch + RECORD_BATCH_AT_BASE_TIMESTAMP),
        .append_timestamp_ms = record_batch_max_timestamp_ms(batch),
        .left = record_batch_count(batch),
        .is_append_time = (attributes & RECORD_BATCH_LOG_APPEND_TIME) != 0,
    };
    if (codec == COMPRESSION_NONE) {
        return ERROR_NONE;
    }
    if (codec >= COMPRESSION_COUNT) {
        return ERROR_UNSUPPORTED;
    }
    enum error error = compression_expand((enum compression)codec, COMPRESSION_STANDARD, payload,
                                          expanded_bytes_max, &iterator->expanded);
    if (error != ERROR_NONE) {
        return error;
    }
    iterator->at = iterator->expanded->bytes;
    iterator->end = iterator->at + iterator->expanded->size;
    return ERROR_NONE;
}

/* Kafka takes any negative length for null. */
static bool read_text(const char **at, const char *end, struct string *out)
{
    int32_t length;

    if (!varint_read_32(at, end, &length)) {
        return false;
    }
    if (length < 0) {
        *out = STRING_NULL;
        return true;
    }
    if (length > end - *at) {
        return false;
    }
    *out = (struct string){.bytes = *at, .length = length};
    *at += length;
    return true;
}

static bool read_header(const char **at, const char *end, struct record_header *out)
{
    return read_text(at, end, &out->key) && out->key.bytes != NULL &&
           read_text(at, end, &out->value);
}

static bool read_headers(const char **at, const char *end, struct record *record)
{
    struct record_header header;
    int32_t count;

    if (!varint_read_32(at, end, &count) || count < 0 || count > end - *at) {
        return false;
    }
    record->header_count = count;
    record->headers.bytes = *at;
    for (int32_t i = 0; i < count; i++) {
        if (!read_header(at, end, &header)) {
            return false;
        }
    }
    record->headers.length = (int32_t)(*at - record->headers.bytes);
    return true;
}

static bool read_record(struct record_iterator *iterator, struct record *record)
{
    const char *at = iterator->at;
    const char *end;
    int32_t length;
    int32_t offset_delta;
    int64_t timestamp_delta;

    if (!varint_read_32(&at, iterator->end, &length) || length < 1 || length > iterator->end - at) {
        return false;
    }
    end = at + length;
    at++; /* attributes: no bit has a meaning yet */
    if (!varint_read_64(&at, end, &timestamp_delta) || !varint_read_32(&at, end, &offset_delta) ||
        !read_text(&at, end, &record->key) || !read_text(&at, end, &record->value) ||
        !read_headers(&at, end, record) || at != end) {
        return false;
    }
    /* Hostile deltas may wrap, as in Java; whoever cares compares the result. */
    record->offset = (int64_t)((uint64_t)iterator->base_offset + (uint64_t)(int64_t)offset_delta);
    record->timestamp_ms =
        iterator->is_append_time
            ? iterator->append_timestamp_ms
            : (int64_t)((uint64_t)iterator->base_timestamp_ms + (uint64_t)timestamp_delta);
    iterator->at = end;
    return true;
}

void record_iterator_show_own_times(struct record_iterator *iterator)
{
    iterator->is_append_time = false;
}

bool record_iterator_next(struct record_iterator *iterator, struct record *out_record)
{
    if (iterator->error != ERROR_NONE) {
        return false;
    }
    if (iterator->left <= 0) {
        if (iterator->at != iterator->end) {
            iterator->error = ERROR_MALFORMED;
        }
        return false;
    }
    if (!read_record(iterator, out_record)) {
        iterator->error = ERROR_MALFORMED;
        return false;
    }
    iterator->left--;
    return true;
}

enum error record_iterator_close(struct record_iterator *iterator)
{
    enum error error = iterator->error;

    buffer_unref(iterator->expanded);
    *iterator = (struct record_iterator){.error = error};
    return error;
}

bool record_header_next(struct string *headers, struct record_header *out_header)
{
    const char *at = headers->bytes;
    const char *end = at + headers->length;

    if (headers->length <= 0 || !read_header(&at, end, out_header)) {
        return false;
    }
    *headers = (struct string){.bytes = at, .length = (int32_t)(end - at)};
    return true;
}

static size_t text_size(struct string text)
{
    return text.bytes == NULL ? varint_size(-1) : varint_size(text.length) + (size_t)text.length;
}

static char *write_text(char *to, struct string text)
{
    if (text.bytes == NULL) {
        return varint_write(to, -1);
    }
    to = varint_write(to, text.length);
    memcpy(to, text.bytes, (size_t)text.length);
    return to + text.length;
}

static size_t body_size(const struct record *record, int64_t offset_delta, int64_t timestamp_delta)
{
    return 1 + varint_size(timestamp_delta) + varint_size(offset_delta) + text_size(record->key) +
           text_size(record->value) + varint_size(record->header_count) +
           (size_t)record->headers.length;
}

size_t record_encoded_size(const struct record *record, int64_t offset_delta,
                           int64_t timestamp_delta)
{
    size_t body = body_size(record, offset_delta, timestamp_delta);

    return varint_size((int64_t)body) + body;
}

char *record_encode(char *to, const struct record *record, int64_t offset_delta,
                    int64_t timestamp_delta)
{
    to = varint_write(to, (int64_t)body_size(record, offset_delta, timestamp_delta));
    *to++ = 0;
    to = varint_write(to, timestamp_delta);
    to = varint_write(to, offset_delta);
    to = write_text(to, record->key);
    to = write_text(to, record->value);
    to = varint_write(to, record->header_count);
    if (record->headers.length > 0) {
        memcpy(to, record->headers.bytes, (size_t)record->headers.length);
        to += record->headers.length;
    }
    return to;
}

size_t record_headers_encode(const struct record_header *headers, int32_t count, char *to)
{
    size_t size = 0;

    for (int32_t i = 0; i < count; i++) {
        CHECK(headers[i].key.bytes != NULL);
        size += text_size(headers[i].key) + text_size(headers[i].value);
        if (to != NULL) {
            to = write_text(write_text(to, headers[i].key), headers[i].value);
        }
    }
    return size;
}
