/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record is one message inside a batch of magic 2; the iterator walks the records of one batch,
 * compressed or not. Keys, values and headers point into the batch or into the iterator's expanded
 * copy: they live until record_iterator_close().
 *
 * Thread: one at a time. A compressed batch is expanded whole when the iterator opens.
 */
#ifndef GYRE_WIRE_RECORD_H
#define GYRE_WIRE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gyre/base/bytes.h"
#include "gyre/base/error.h"

struct buffer;

/* In struct string, bytes == NULL is null, which differs from empty: a null value is a tombstone.
 */
struct record {
    int64_t offset;
    int64_t timestamp_ms; /* -1: none */
    struct string key;
    struct string value;
    struct string headers; /* still encoded; record_header_next() walks them */
    int32_t header_count;
};

struct record_header {
    struct string key;   /* never null */
    struct string value; /* may be null */
};

struct record_iterator {
    /* private */
    const char *at;
    const char *end;
    struct buffer *expanded; /* owned; NULL when the batch is not compressed */
    int64_t base_offset;
    int64_t base_timestamp_ms;
    int64_t append_timestamp_ms; /* of every record, if is_append_time */
    int32_t left;
    bool is_append_time;
    enum error error;
};

/*
 * Walk one whole batch at `batch`, as record_batch_parse() accepted it. MALFORMED or LIMIT if it
 * does not expand within `expanded_bytes_max`; UNSUPPORTED if the codec is unknown. After an error
 * there is nothing to close.
 */
MUST_USE
enum error record_iterator_open(struct record_iterator *iterator, const char *batch,
                                size_t expanded_bytes_max);

/* Records then tell the time that their producer gave them, also where the batch claims that it has
 * the time of a broker. */
void record_iterator_show_own_times(struct record_iterator *iterator);

/* False at the end and on the first malformed record; record_iterator_close() tells which. */
bool record_iterator_next(struct record_iterator *iterator, struct record *out_record);

/*
 * Release. MALFORMED if a record seen so far was, or if bytes followed the last one; NONE also if
 * the walk was given up early.
 */
enum error record_iterator_close(struct record_iterator *iterator);

/* Takes the next header off the front of `headers`. False at the end. */
bool record_header_next(struct string *headers, struct record_header *out_header);

/* Bytes that record_encode() writes for this record, its length prefix included. */
size_t record_encoded_size(const struct record *record, int64_t offset_delta,
                           int64_t timestamp_delta);
char *record_encode(char *to, const struct record *record, int64_t offset_delta,
                    int64_t timestamp_delta);

/* Encode headers for struct record. `to` NULL only measures. Returns the size. */
size_t record_headers_encode(const struct record_header *headers, int32_t count, char *to);

#endif
