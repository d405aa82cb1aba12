/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches and message sets that Kafka's Java builder, kafka-python, librdkafka and kcat wrote
 * (tests/golden/record_batches.py): all are accepted and hold the same five records.
 */
#include <stdio.h>
#include <string.h>

#include "gyre/base/arena.h"
#include "gyre/base/buffer.h"
#include "gyre/wire/record.h"
#include "gyre/wire/record_legacy.h"

#include "support/test.h"

enum { RECORDS = 5, LINE_BYTES_MAX = 16384, EXPANDED_BYTES_MAX = 1 << 20 };

#define FIRST_TIMESTAMP_MS 1700000000000

struct sample {
    int magic;
    char codec[8];
    char bytes[LINE_BYTES_MAX / 2];
    int32_t size;
};

static bool read_sample(FILE *file, struct sample *sample)
{
    static char hex[LINE_BYTES_MAX];

    if (fscanf(file, "%d %7s %16383s", &sample->magic, sample->codec, hex) != 3) {
        return false;
    }
    sample->size = (int32_t)(strlen(hex) / 2);
    for (int32_t i = 0; i < sample->size; i++) {
        unsigned byte;

        assert_int_equal(sscanf(hex + 2 * (size_t)i, "%2x", &byte), 1);
        sample->bytes[i] = (char)byte;
    }
    return true;
}

static void assert_headers(const struct record *record, bool has_null_header)
{
    struct string headers = record->headers;
    struct record_header header;

    assert_true(record_header_next(&headers, &header));
    assert_true(string_is(header.key, "header-1"));
    assert_true(string_is(header.value, "h"));
    if (has_null_header) {
        assert_true(record_header_next(&headers, &header));
        assert_true(string_is(header.key, "null"));
        assert_null(header.value.bytes);
    }
    assert_false(record_header_next(&headers, &header));
}

static void assert_text(struct string text, const char *word, int i, int times)
{
    char expected[256];
    size_t length = 0;

    for (int n = 0; n < times; n++) {
        length += (size_t)snprintf(expected + length, sizeof expected - length,
                                   times == 1 ? "%s-%d" : "%s-%d ", word, i);
    }
    assert_true(string_is(text, expected));
}

static void assert_record(const struct record *record, int i)
{
    assert_int_equal(record->offset, i);
    if (i == 2) {
        assert_null(record->key.bytes);
    } else {
        assert_text(record->key, "key", i, 1);
    }
    if (i == 3) {
        assert_null(record->value.bytes);
    } else {
        assert_text(record->value, "value", i, 20);
    }
}

static void assert_five_records(const char *client, const char *batch, int magic)
{
    bool is_kcat = strcmp(client, "kcat") == 0;
    struct record_iterator iterator;
    struct record record;

    assert_int_equal(record_iterator_open(&iterator, batch, EXPANDED_BYTES_MAX), ERROR_NONE);
    for (int i = 0; i < RECORDS; i++) {
        assert_true(record_iterator_next(&iterator, &record));
        assert_record(&record, i);
        if (!is_kcat) {
            assert_true(record.timestamp_ms == (magic == 0 ? -1 : FIRST_TIMESTAMP_MS + i));
        }
        if (magic == 2 && i == 1 && !is_kcat) {
            assert_headers(&record, true);
        } else {
            assert_int_equal(record.header_count, 0);
        }
    }
    assert_false(record_iterator_next(&iterator, &record));
    assert_int_equal(record_iterator_close(&iterator), ERROR_NONE);
}

static void assert_accepted(const char *client, const struct sample *sample)
{
    struct batch_rules rules = batch_rules_default(FIRST_TIMESTAMP_MS);
    struct string bytes = {.bytes = sample->bytes, .length = sample->size};
    struct batch_report report;
    struct arena arena;
    struct buffer *batch = NULL;
    enum batch_fault fault;

    arena_init(&arena, 4096);
    if (sample->magic == 2) {
        batch = buffer_copy(bytes.bytes, (size_t)bytes.length);
        fault = record_batch_check(batch->bytes, batch->size, &rules, &arena, &report);
    } else {
        fault = record_legacy_up_convert(bytes, &rules, &arena, &report, &batch);
    }
    assert_string_equal(batch_fault_name(fault), "NONE");
    assert_int_equal(report.info.count, RECORDS);
    assert_string_equal(compression_name((enum compression)report.info.codec), sample->codec);
    assert_false(report.needs_stamp);
    assert_five_records(client, batch->bytes, sample->magic);
    buffer_unref(batch);
    arena_release(&arena);
}

static int check_file(const char *client)
{
    static struct sample sample;
    char path[512];
    FILE *file;
    int count = 0;

    (void)snprintf(path, sizeof path, "%s/record_batch/%s.hex", GOLDEN_DIRECTORY, client);
    file = fopen(path, "r");
    assert_non_null(file);
    while (read_sample(file, &sample)) {
        for (char *at = sample.codec; *at != '\0'; at++) {
            *at = (char)(*at | 0x20); /* Java shouts */
        }
        print_message("%s: magic %d, %s\n", client, sample.magic, sample.codec);
        assert_accepted(client, &sample);
        count++;
    }
    (void)fclose(file);
    return count;
}

static void what_the_java_client_writes_is_understood(void **state)
{
    (void)state;
    assert_int_equal(check_file("java"), 13);
}

static void what_kafka_python_writes_is_understood(void **state)
{
    (void)state;
    assert_int_equal(check_file("python"), 13);
}

static void what_librdkafka_writes_is_understood(void **state)
{
    (void)state;
    assert_int_equal(check_file("librdkafka"), 5);
    assert_int_equal(check_file("kcat"), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_java_client_writes_is_understood),
        cmocka_unit_test(what_kafka_python_writes_is_understood),
        cmocka_unit_test(what_librdkafka_writes_is_understood),
    };
    return cmocka_run_group_tests_name("golden_batches", tests, NULL, NULL);
}
