/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hostile batches, message sets and compressed bytes. The first byte of an input chooses what the
 * rest is taken for and by which rules; checksums are made right first where its bit says so, or
 * nothing behind them would ever be reached. What is accepted must walk, stamp and convert.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "gyre/base/arena.h"
#include "gyre/base/buffer.h"
#include "gyre/base/check.h"
#include "gyre/wire/record.h"
#include "gyre/wire/record_legacy.h"

enum {
    EXPANDED_BYTES_MAX = 1 << 18,
    ARENA_BYTES = 1 << 12,
    SEAL = 0x80,
    NEED_KEYS = 0x40,
    LIMIT_AGE = 0x20,
    APPEND_TIME = 0x10,
    WHAT = 0x0f,
    WHAT_BATCH = 0,
    WHAT_STORED = 1,
    WHAT_SET = 2,
    WHAT_COMPRESSED = 3, /* to 7, by codec */
    WHAT_COMPRESSED_OLD = 8,
    NOW_MS = 1700000000,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void seal_batch(char *batch, size_t size)
{
    if (size >= RECORD_BATCH_HEADER_BYTES) {
        size_t stated = record_batch_size(batch);
        bool is_append_time = (record_batch_attributes(batch) & RECORD_BATCH_LOG_APPEND_TIME) != 0;

        size = stated >= RECORD_BATCH_HEADER_BYTES && stated < size ? stated : size;
        record_batch_stamp(batch, size, is_append_time, record_batch_max_timestamp_ms(batch));
    }
}

/* The outer message only. */
static void seal_message(char *message, size_t size)
{
    if (size >= 26) {
        size_t stated = (size_t)load_be32(message + 8) + 12;

        size = stated >= 26 && stated < size ? stated : size;
        store_be32(message + 12, (uint32_t)crc32(0, (Bytef *)message + 16, (uInt)(size - 16)));
    }
}

static int32_t walk(const char *batch, enum error *out_error)
{
    struct record_iterator iterator;
    struct record record;
    struct record_header header;
    int32_t count = 0;

    *out_error = record_iterator_open(&iterator, batch, EXPANDED_BYTES_MAX);
    if (*out_error != ERROR_NONE) {
        return 0;
    }
    while (record_iterator_next(&iterator, &record)) {
        struct string headers = record.headers;
        int32_t headers_seen = 0;

        while (record_header_next(&headers, &header)) {
            headers_seen++;
        }
        CHECK(headers_seen == record.header_count);
        count++;
    }
    *out_error = record_iterator_close(&iterator);
    return count;
}

static void try_recompression(const char *batch)
{
    const struct compression_target target = {.codec = COMPRESSION_LZ4,
                                              .level = COMPRESSION_LEVEL_DEFAULT};
    struct buffer *other;
    enum error error;

    if (record_batch_recompress(batch, &target, EXPANDED_BYTES_MAX, &other) != ERROR_NONE) {
        return;
    }
    CHECK(record_batch_crc_holds(other->bytes, other->size));
    (void)walk(other->bytes, &error);
    buffer_unref(other);
}

static void try_down(struct string batches)
{
    for (int8_t magic = 0; magic <= 1; magic++) {
        const struct record_legacy_wish wish = {.magic = magic,
                                                .set_bytes_max = EXPANDED_BYTES_MAX,
                                                .expanded_bytes_max = EXPANDED_BYTES_MAX};
        struct record_legacy_set set;

        if (record_legacy_down_convert(batches, &wish, &set) == ERROR_NONE) {
            buffer_unref(set.buffer);
        }
    }
}

/* An accepted batch: stamped as told it is accepted again, and then needs no stamp. */
static void use_batch(char *batch, struct batch_rules rules, struct arena *arena,
                      const struct batch_report *report)
{
    struct batch_report again;
    enum error error;

    if (report->needs_stamp) {
        record_batch_stamp(batch, report->info.size, rules.is_log_append_time,
                           report->max_timestamp_ms);
        if (!rules.is_log_append_time) {
            CHECK(record_batch_check(batch, report->info.size, &rules, arena, &again) ==
                  BATCH_FAULT_NONE);
            CHECK(!again.needs_stamp);
        }
    }
    if (report->info.codec == COMPRESSION_NONE) {
        CHECK(walk(batch, &error) == report->info.count);
        CHECK(error == ERROR_NONE);
    }
}

static void try_produced(char *bytes, size_t size, const struct batch_rules *rules)
{
    struct string text = {.bytes = bytes, .length = (int32_t)size};
    struct batch_report report;
    struct arena arena;
    struct buffer *batch;

    arena_init(&arena, ARENA_BYTES);
    if (record_batch_check(bytes, size, rules, &arena, &report) == BATCH_FAULT_NONE) {
        use_batch(bytes, *rules, &arena, &report);
    }
    if (record_legacy_up_convert(text, rules, &arena, &report, &batch) == BATCH_FAULT_NONE) {
        CHECK(record_batch_crc_holds(batch->bytes, batch->size));
        buffer_unref(batch);
    }
    arena_release(&arena);
}

static void try_stored(const char *bytes, size_t size)
{
    struct record_batch_info info;
    enum error error;

    try_down((struct string){.bytes = bytes, .length = (int32_t)size});
    if (record_batch_parse(bytes, size, &info) == ERROR_NONE) {
        CHECK(info.size <= size);
        (void)record_batch_digest(bytes, info.size);
        CHECK(walk(bytes, &error) <= info.count);
        try_recompression(bytes);
    }
}

static void try_compressed(unsigned codec, enum compression_flavour flavour, struct string bytes)
{
    struct buffer *expanded;

    if (compression_expand((enum compression)codec, flavour, bytes, EXPANDED_BYTES_MAX,
                           &expanded) == ERROR_NONE) {
        CHECK(expanded->size <= EXPANDED_BYTES_MAX);
        buffer_unref(expanded);
    }
}

static void try_bytes(unsigned choice, char *bytes, size_t size)
{
    struct batch_rules rules = batch_rules_default(NOW_MS);
    unsigned what = choice & WHAT;
    struct string text = {.bytes = bytes, .length = (int32_t)size};

    rules.expanded_bytes_max = EXPANDED_BYTES_MAX;
    rules.needs_keys = (choice & NEED_KEYS) != 0;
    rules.is_log_append_time = (choice & APPEND_TIME) != 0;
    if ((choice & LIMIT_AGE) != 0) {
        rules.timestamp_before_ms_max = 1000;
        rules.timestamp_after_ms_max = 1000;
    }
    if (what >= WHAT_COMPRESSED) {
        bool is_old = what >= WHAT_COMPRESSED_OLD;

        try_compressed(is_old ? COMPRESSION_LZ4 : what - WHAT_COMPRESSED,
                       is_old ? COMPRESSION_MAGIC_0 : COMPRESSION_STANDARD, text);
        return;
    }
    if ((choice & SEAL) != 0) {
        (what == WHAT_SET ? seal_message : seal_batch)(bytes, size);
    }
    if (what == WHAT_STORED) {
        try_stored(bytes, size);
    } else {
        try_produced(bytes, size, &rules);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes;

    if (size < 2 || size > EXPANDED_BYTES_MAX) {
        return 0;
    }
    bytes = malloc(size - 1); /* exact, so that the sanitizer sees one byte too many */
    CHECK(bytes != NULL);
    memcpy(bytes, data + 1, size - 1);
    try_bytes(data[0], bytes, size - 1);
    free(bytes);
    return 0;
}
