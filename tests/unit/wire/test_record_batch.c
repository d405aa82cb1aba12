/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A batch that is built can be parsed, walked and checked; every way in which a batch can be wrong
 * gets its own fault. Batches are built by our builder; test_golden_batches.c has real clients'.
 */
#include "gyre/base/arena.h"
#include "gyre/base/buffer.h"
#include "gyre/base/crc32c.h"
#include "gyre/wire/record.h"
#include "gyre/wire/record_batch.h"
#include "gyre/wire/record_batch_builder.h"

#include "support/test.h"

enum { NOW_MS = 1700000000 };

static struct record record_of(const char *key, const char *value, int64_t timestamp_ms)
{
    return (struct record){
        .timestamp_ms = timestamp_ms, .key = string_from(key), .value = string_from(value)};
}

/* Three records: a key, no key with headers, a tombstone. */
static struct buffer *three_records(enum compression codec)
{
    struct record_batch_builder builder;
    struct record_header header[2] = {{STRING("h"), STRING("v")}, {STRING("null"), STRING_NULL}};
    char encoded[64];
    struct record records[3] = {record_of("a", "one", NOW_MS - 5), record_of(NULL, "two", NOW_MS),
                                record_of("c", NULL, NOW_MS - 9)};
    struct buffer *batch;

    records[1].header_count = 2;
    records[1].headers.bytes = encoded;
    records[1].headers.length = (int32_t)record_headers_encode(header, 2, encoded);
    record_batch_builder_init(&builder, 1 << 20);
    builder.codec = codec;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(record_batch_builder_append(&builder, &records[i]), ERROR_NONE);
    }
    assert_int_equal(record_batch_builder_finish(&builder, &batch), ERROR_NONE);
    record_batch_builder_release(&builder);
    return batch;
}

/* After a change of the bytes: make the CRC right again, so that it is not what is found. */
static void seal(struct buffer *batch)
{
    store_be32(batch->bytes + RECORD_BATCH_AT_CRC,
               crc32c(batch->bytes + RECORD_BATCH_AT_ATTRIBUTES,
                      batch->size - RECORD_BATCH_AT_ATTRIBUTES));
}

static enum batch_fault fault_of(const struct buffer *batch, const struct batch_rules *rules)
{
    struct arena arena;
    struct batch_report report;
    enum batch_fault fault;

    arena_init(&arena, 4096);
    fault = record_batch_check(batch->bytes, batch->size, rules, &arena, &report);
    arena_release(&arena);
    return fault;
}

static void a_built_batch_is_walked_back_with_every_codec(void **state)
{
    (void)state;
    for (unsigned codec = 0; codec < COMPRESSION_COUNT; codec++) {
        struct buffer *batch = three_records((enum compression)codec);
        struct record_batch_info info;
        struct record_iterator iterator;
        struct record record;
        struct record_header header;

        assert_int_equal(record_batch_parse(batch->bytes, batch->size, &info), ERROR_NONE);
        assert_int_equal(info.size, batch->size);
        assert_int_equal(info.codec, codec);
        assert_int_equal(info.count, 3);
        assert_int_equal(info.last_offset, 2);
        assert_int_equal(info.max_timestamp_ms, NOW_MS);
        assert_int_equal(info.producer_id, -1);
        assert_true(record_batch_crc_holds(batch->bytes, batch->size));
        record_batch_set_base_offset(batch->bytes, 1000);
        assert_int_equal(record_iterator_open(&iterator, batch->bytes, 1 << 20), ERROR_NONE);
        assert_true(record_iterator_next(&iterator, &record));
        assert_true(string_is(record.key, "a"));
        assert_int_equal(record.offset, 1000);
        assert_int_equal(record.timestamp_ms, NOW_MS - 5);
        assert_true(record_iterator_next(&iterator, &record));
        assert_null(record.key.bytes);
        assert_int_equal(record.header_count, 2);
        assert_true(record_header_next(&record.headers, &header));
        assert_true(string_is(header.value, "v"));
        assert_true(record_header_next(&record.headers, &header));
        assert_true(string_is(header.key, "null"));
        assert_null(header.value.bytes);
        assert_false(record_header_next(&record.headers, &header));
        assert_true(record_iterator_next(&iterator, &record));
        assert_null(record.value.bytes);
        assert_int_equal(record.offset, 1002);
        assert_false(record_iterator_next(&iterator, &record));
        assert_int_equal(record_iterator_close(&iterator), ERROR_NONE);
        buffer_unref(batch);
    }
}

static void a_batch_that_is_not_whole_asks_for_more(void **state)
{
    struct buffer *batch = three_records(COMPRESSION_NONE);
    struct record_batch_info info;

    (void)state;
    for (size_t size = 0; size < batch->size; size++) {
        assert_int_equal(record_batch_parse(batch->bytes, size, &info), ERROR_AGAIN);
    }
    batch->bytes[RECORD_BATCH_AT_MAGIC] = 1;
    assert_int_equal(record_batch_parse(batch->bytes, batch->size, &info), ERROR_UNSUPPORTED);
    batch->bytes[RECORD_BATCH_AT_MAGIC] = 2;
    store_be32(batch->bytes + RECORD_BATCH_AT_LENGTH, 48);
    assert_int_equal(record_batch_parse(batch->bytes, batch->size, &info), ERROR_MALFORMED);
    store_be32(batch->bytes + RECORD_BATCH_AT_LENGTH, UINT32_MAX);
    assert_int_equal(record_batch_parse(batch->bytes, batch->size, &info), ERROR_MALFORMED);
    buffer_unref(batch);
}

struct tampering {
    size_t at;
    int width;
    uint64_t value;
    enum batch_fault fault;
};

static void write_field(struct buffer *batch, const struct tampering *tampering)
{
    char *at = batch->bytes + tampering->at;

    switch (tampering->width) {
    case 1: *at = (char)tampering->value; break;
    case 2: store_be16(at, (uint16_t)tampering->value); break;
    case 4: store_be32(at, (uint32_t)tampering->value); break;
    default: store_be64(at, tampering->value); break;
    }
}

static void each_wrong_header_field_has_its_own_fault(void **state)
{
    static const struct tampering tamperings[] = {
        {RECORD_BATCH_AT_BASE_OFFSET, 8, 7, BATCH_FAULT_BASE_OFFSET},
        {RECORD_BATCH_AT_LENGTH, 4, 13, BATCH_FAULT_LENGTH},
        {RECORD_BATCH_AT_LENGTH, 4, 0x80000000u, BATCH_FAULT_LENGTH},
        {RECORD_BATCH_AT_LENGTH, 4, 20, BATCH_FAULT_LENGTH},
        {RECORD_BATCH_AT_LENGTH, 4, 1 << 20, BATCH_FAULT_EMPTY},
        {RECORD_BATCH_AT_MAGIC, 1, 1, BATCH_FAULT_OLD_MAGIC},
        {RECORD_BATCH_AT_MAGIC, 1, 3, BATCH_FAULT_MAGIC},
        {RECORD_BATCH_AT_MAGIC, 1, 0xff, BATCH_FAULT_MAGIC},
        {RECORD_BATCH_AT_ATTRIBUTES, 2, 5, BATCH_FAULT_CODEC},
        {RECORD_BATCH_AT_ATTRIBUTES, 2, RECORD_BATCH_CONTROL, BATCH_FAULT_CONTROL},
        {RECORD_BATCH_AT_ATTRIBUTES, 2, COMPRESSION_GZIP, BATCH_FAULT_NONE}, /* not looked into */
        {RECORD_BATCH_AT_LAST_OFFSET_DELTA, 4, 3, BATCH_FAULT_COUNT_MISMATCH},
        {RECORD_BATCH_AT_LAST_OFFSET_DELTA, 4, UINT32_MAX, BATCH_FAULT_OFFSET_RANGE},
        {RECORD_BATCH_AT_COUNT, 4, 0, BATCH_FAULT_COUNT},
        {RECORD_BATCH_AT_COUNT, 4, UINT32_MAX, BATCH_FAULT_COUNT},
        {RECORD_BATCH_AT_COUNT, 4, 2, BATCH_FAULT_COUNT_MISMATCH},
        {RECORD_BATCH_AT_PRODUCER_ID, 8, 4, BATCH_FAULT_SEQUENCE},
        {RECORD_BATCH_HEADER_BYTES, 1, 0x7e, BATCH_FAULT_RECORD},
    };
    struct batch_rules rules = batch_rules_default(NOW_MS);

    (void)state;
    for (size_t i = 0; i < sizeof tamperings / sizeof *tamperings; i++) {
        struct buffer *batch = three_records(COMPRESSION_NONE);

        assert_int_equal(fault_of(batch, &rules), BATCH_FAULT_NONE);
        write_field(batch, &tamperings[i]);
        seal(batch);
        assert_string_equal(batch_fault_name(fault_of(batch, &rules)),
                            batch_fault_name(tamperings[i].fault));
        buffer_unref(batch);
    }
}

static void any_flipped_bit_under_the_checksum_is_found(void **state)
{
    struct batch_rules rules = batch_rules_default(NOW_MS);
    struct buffer *batch = three_records(COMPRESSION_NONE);

    (void)state;
    for (size_t at = RECORD_BATCH_AT_CRC; at < batch->size; at++) {
        batch->bytes[at] = (char)(batch->bytes[at] ^ 0x10);
        assert_int_not_equal(fault_of(batch, &rules), BATCH_FAULT_NONE);
        batch->bytes[at] = (char)(batch->bytes[at] ^ 0x10);
    }
    buffer_unref(batch);
}

static void a_count_that_the_records_do_not_keep_is_a_fault(void **state)
{
    struct batch_rules rules = batch_rules_default(NOW_MS);

    (void)state;
    for (unsigned count = 2; count <= 4; count += 2) {
        struct buffer *batch = three_records(COMPRESSION_NONE);

        store_be32(batch->bytes + RECORD_BATCH_AT_COUNT, count);
        store_be32(batch->bytes + RECORD_BATCH_AT_LAST_OFFSET_DELTA, count - 1);
        seal(batch);
        assert_int_equal(fault_of(batch, &rules), BATCH_FAULT_RECORD);
        buffer_unref(batch);
    }
}

static void one_batch_and_only_one_is_accepted(void **state)
{
    struct batch_rules rules = batch_rules_default(NOW_MS);
    struct buffer *batch = three_records(COMPRESSION_NONE);
    struct buffer *two = buffer_new(batch->size * 2);

    (void)state;
    memcpy(two->bytes, batch->bytes, batch->size);
    memcpy(two->bytes + batch->size, batch->bytes, batch->size);
    assert_int_equal(fault_of(two, &rules), BATCH_FAULT_SEVERAL);
    two->size--; /* a second one that is cut short is ignored, as in Kafka */
    assert_int_equal(fault_of(two, &rules), BATCH_FAULT_NONE);
    two->size = 0;
    assert_int_equal(fault_of(two, &rules), BATCH_FAULT_EMPTY);
    rules.batch_bytes_max = batch->size - 1;
    assert_int_equal(fault_of(batch, &rules), BATCH_FAULT_TOO_LARGE);
    buffer_unref(two);
    buffer_unref(batch);
}

static void zstd_needs_a_request_that_knows_it(void **state)
{
    struct batch_rules rules = batch_rules_default(NOW_MS);
    struct buffer *batch = three_records(COMPRESSION_ZSTD);

    (void)state;
    assert_int_equal(fault_of(batch, &rules), BATCH_FAULT_NONE);
    rules.allows_zstd = false;
    assert_int_equal(fault_of(batch, &rules), BATCH_FAULT_CODEC_VERSION);
    buffer_unref(batch);
}

static void a_compacted_topic_names_every_record_without_a_key(void **state)
{
    struct batch_rules rules = batch_rules_default(NOW_MS);
    struct arena arena;
    struct batch_report report;

    (void)state;
    rules.needs_keys = true;
    arena_init(&arena, 4096);
    for (unsigned codec = 0; codec < COMPRESSION_COUNT; codec++) {
        struct buffer *batch = three_records((enum compression)codec);

        assert_int_equal(record_batch_check(batch->bytes, batch->size, &rules, &arena, &report),
                         BATCH_FAULT_NO_KEY);
        assert_int_equal(report.record_index_count, 1);
        assert_int_equal(report.record_indexes[0], 1);
        assert_int_equal(batch_fault_kafka_code(report.fault), 87);
        buffer_unref(batch);
    }
    arena_release(&arena);
}

static void only_what_must_be_is_decompressed(void **state)
{
    struct batch_rules rules = batch_rules_default(NOW_MS);
    struct buffer *packed = three_records(COMPRESSION_ZSTD);
    struct buffer *plain = three_records(COMPRESSION_NONE);

    (void)state;
    rules.timestamp_after_ms_max = 3600000;
    assert_false(record_batch_check_expands(packed->bytes, packed->size, &rules));
    assert_false(record_batch_check_expands(packed->bytes, 10, &rules));
    packed->bytes[packed->size - 1] ^= 1; /* unseen, for the CRC is right */
    seal(packed);
    assert_int_equal(fault_of(packed, &rules), BATCH_FAULT_NONE);
    rules.needs_keys = true;
    assert_true(record_batch_check_expands(packed->bytes, packed->size, &rules));
    assert_false(record_batch_check_expands(plain->bytes, plain->size, &rules));
    rules.needs_keys = false;
    rules.timestamp_before_ms_max = 1000;
    assert_true(record_batch_check_expands(packed->bytes, packed->size, &rules));
    rules.is_log_append_time = true;
    assert_false(record_batch_check_expands(packed->bytes, packed->size, &rules));
    buffer_unref(packed);
    buffer_unref(plain);
}

static void timestamps_out_of_range_are_named(void **state)
{
    struct batch_rules rules = batch_rules_default(NOW_MS - 4);
    struct arena arena;
    struct batch_report report;

    (void)state;
    arena_init(&arena, 4096);
    rules.timestamp_after_ms_max = 3; /* the second record is 4 ms ahead */
    rules.timestamp_before_ms_max = 4;
    for (unsigned codec = 0; codec < COMPRESSION_COUNT; codec++) {
        struct buffer *batch = three_records((enum compression)codec);

        assert_int_equal(record_batch_check(batch->bytes, batch->size, &rules, &arena, &report),
                         BATCH_FAULT_TIMESTAMP);
        assert_int_equal(report.record_index_count, 2);
        assert_int_equal(report.record_indexes[0], 1);
        assert_int_equal(report.record_indexes[1], 2);
        buffer_unref(batch);
    }
    arena_release(&arena);
}

static void the_list_of_faulty_records_ends_with_the_arena(void **state)
{
    struct batch_rules rules = batch_rules_default(NOW_MS);
    struct record_batch_builder builder;
    struct record record = record_of(NULL, "v", NOW_MS);
    struct arena arena;
    struct batch_report report;
    struct buffer *batch;

    (void)state;
    rules.needs_keys = true;
    record_batch_builder_init(&builder, 1 << 20);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(record_batch_builder_append(&builder, &record), ERROR_NONE);
    }
    assert_int_equal(record_batch_builder_finish(&builder, &batch), ERROR_NONE);
    record_batch_builder_release(&builder);
    arena_init(&arena, 16 << 10);
    assert_int_equal(record_batch_check(batch->bytes, batch->size, &rules, &arena, &report),
                     BATCH_FAULT_NO_KEY);
    assert_int_equal(report.record_index_count, 1000);
    assert_int_equal(report.record_indexes[999], 999);
    arena_release(&arena);
    arena_init(&arena, 1000);
    assert_int_equal(record_batch_check(batch->bytes, batch->size, &rules, &arena, &report),
                     BATCH_FAULT_NO_KEY);
    assert_in_range(report.record_index_count, 1, 250);
    arena_release(&arena);
    buffer_unref(batch);
}

static void log_append_time_stamps_the_batch(void **state)
{
    struct batch_rules rules = batch_rules_default(NOW_MS + 77);
    struct buffer *batch = three_records(COMPRESSION_LZ4);
    struct record_iterator iterator;
    struct record record;
    struct arena arena;
    struct batch_report report;

    (void)state;
    arena_init(&arena, 4096);
    rules.is_log_append_time = true;
    assert_int_equal(record_batch_check(batch->bytes, batch->size, &rules, &arena, &report),
                     BATCH_FAULT_NONE);
    assert_true(report.needs_stamp);
    record_batch_stamp(batch->bytes, batch->size, true, report.max_timestamp_ms);
    assert_true(record_batch_crc_holds(batch->bytes, batch->size));
    assert_int_equal(record_iterator_open(&iterator, batch->bytes, 1000), ERROR_NONE);
    while (record_iterator_next(&iterator, &record)) {
        assert_int_equal(record.timestamp_ms, NOW_MS + 77);
    }
    assert_int_equal(record_iterator_close(&iterator), ERROR_NONE);
    /* A client may not claim it itself. */
    assert_int_equal(fault_of(batch, &rules), BATCH_FAULT_TIMESTAMP_TYPE);
    arena_release(&arena);
    buffer_unref(batch);
}

/* Only a broker gives a batch its time: without the claim readers see the records' own. */
static void own_timestamps_count_where_a_producer_claims_the_brokers(void **state)
{
    struct batch_rules rules = batch_rules_default(NOW_MS);
    struct arena arena;
    struct batch_report report;

    (void)state;
    arena_init(&arena, 4096);
    for (enum compression codec = COMPRESSION_NONE; codec <= COMPRESSION_ZSTD; codec++) {
        struct buffer *batch = three_records(codec);
        int64_t largest_ms = record_batch_max_timestamp_ms(batch->bytes);

        record_batch_stamp(batch->bytes, batch->size, true, NOW_MS - 1000);
        rules.timestamp_after_ms_max = INT64_MAX;
        assert_int_equal(record_batch_check(batch->bytes, batch->size, &rules, &arena, &report),
                         BATCH_FAULT_NONE);
        assert_true(report.needs_stamp);
        assert_int_equal(report.max_timestamp_ms, largest_ms);
        rules.timestamp_after_ms_max = largest_ms - NOW_MS - 1;
        assert_int_equal(fault_of(batch, &rules), BATCH_FAULT_TIMESTAMP);
        buffer_unref(batch);
    }
    arena_release(&arena);
}

static void a_wrong_largest_timestamp_is_corrected(void **state)
{
    struct batch_rules rules = batch_rules_default(NOW_MS);
    struct buffer *batch = three_records(COMPRESSION_NONE);
    struct arena arena;
    struct batch_report report;

    (void)state;
    arena_init(&arena, 4096);
    store_be64(batch->bytes + RECORD_BATCH_AT_MAX_TIMESTAMP, NOW_MS - 1);
    seal(batch);
    assert_int_equal(record_batch_check(batch->bytes, batch->size, &rules, &arena, &report),
                     BATCH_FAULT_NONE);
    assert_true(report.needs_stamp);
    assert_int_equal(report.max_timestamp_ms, NOW_MS);
    record_batch_stamp(batch->bytes, batch->size, false, report.max_timestamp_ms);
    assert_int_equal(record_batch_check(batch->bytes, batch->size, &rules, &arena, &report),
                     BATCH_FAULT_NONE);
    assert_false(report.needs_stamp);
    arena_release(&arena);
    buffer_unref(batch);
}

static void a_coordinator_may_write_markers(void **state)
{
    struct batch_rules rules = batch_rules_default(NOW_MS);
    struct record_batch_builder builder;
    struct buffer *batch;

    (void)state;
    record_batch_builder_init(&builder, 1000);
    builder.is_control = true;
    builder.is_transactional = true;
    builder.base_offset = 50;
    builder.producer_id = 9;
    builder.producer_epoch = 1;
    assert_int_equal(record_batch_builder_add_marker(&builder, true, 3, NOW_MS), ERROR_NONE);
    assert_int_equal(record_batch_builder_finish(&builder, &batch), ERROR_NONE);
    record_batch_builder_release(&builder);
    assert_int_equal(fault_of(batch, &rules), BATCH_FAULT_BASE_OFFSET);
    rules.is_from_client = false;
    assert_int_equal(fault_of(batch, &rules), BATCH_FAULT_NONE);
    buffer_unref(batch);
}

static void recompression_changes_the_codec_only(void **state)
{
    (void)state;
    for (unsigned from = 0; from < COMPRESSION_COUNT; from++) {
        for (unsigned to = 0; to < COMPRESSION_COUNT; to++) {
            struct compression_target target = {.codec = (enum compression)to,
                                                .level = COMPRESSION_LEVEL_DEFAULT};
            struct compression_target plain = {.codec = COMPRESSION_NONE};
            struct batch_rules rules = batch_rules_default(NOW_MS);
            struct buffer *batch = three_records((enum compression)from);
            struct buffer *original = three_records(COMPRESSION_NONE);
            struct buffer *other;
            struct buffer *back;

            assert_int_equal(record_batch_recompress(batch->bytes, &target, 1000, &other),
                             ERROR_NONE);
            assert_int_equal(record_batch_attributes(other->bytes), to);
            assert_int_equal(fault_of(other, &rules), BATCH_FAULT_NONE);
            assert_int_equal(record_batch_recompress(other->bytes, &plain, 1000, &back),
                             ERROR_NONE);
            assert_int_equal(back->size, original->size);
            assert_memory_equal(back->bytes, original->bytes, original->size);
            buffer_unref(batch);
            buffer_unref(original);
            buffer_unref(other);
            buffer_unref(back);
        }
    }
}

static void the_digest_does_not_see_offset_and_epoch(void **state)
{
    struct buffer *batch = three_records(COMPRESSION_NONE);
    uint64_t digest = record_batch_digest(batch->bytes, batch->size);

    (void)state;
    record_batch_set_base_offset(batch->bytes, 123456);
    record_batch_set_leader_epoch(batch->bytes, 7);
    assert_true(record_batch_digest(batch->bytes, batch->size) == digest);
    batch->bytes[batch->size - 1] ^= 1;
    assert_true(record_batch_digest(batch->bytes, batch->size) != digest);
    /* For ever: as any other program computes CRC-64/XZ of these bytes. */
    assert_true(digest == 0x25E8AF0666745A12u);
    buffer_unref(batch);
}

static void a_builder_keeps_gaps_and_refuses_disorder(void **state)
{
    struct record_batch_builder builder;
    struct record record = record_of("k", "v", NOW_MS);
    struct record_batch_info info;
    struct buffer *batch;

    (void)state;
    record_batch_builder_init(&builder, 200);
    builder.base_offset = 10;
    record.offset = 9;
    assert_int_equal(record_batch_builder_add(&builder, &record), ERROR_RANGE);
    record.offset = 12;
    assert_int_equal(record_batch_builder_add(&builder, &record), ERROR_NONE);
    assert_int_equal(record_batch_builder_add(&builder, &record), ERROR_RANGE);
    record.offset = 15;
    assert_int_equal(record_batch_builder_add(&builder, &record), ERROR_NONE);
    builder.last_offset = 20;
    assert_int_equal(record_batch_builder_finish(&builder, &batch), ERROR_NONE);
    assert_int_equal(record_batch_parse(batch->bytes, batch->size, &info), ERROR_NONE);
    assert_int_equal(info.base_offset, 10);
    assert_int_equal(info.last_offset, 20);
    assert_int_equal(info.count, 2);
    buffer_unref(batch);
    record.offset = 11;
    for (int i = 0; i < 18; i++) {
        assert_int_equal(record_batch_builder_append(&builder, &record), ERROR_NONE);
    }
    while (record_batch_builder_append(&builder, &record) == ERROR_NONE) {
    }
    assert_in_range(builder.records_bytes, 190, 200);
    record_batch_builder_release(&builder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_built_batch_is_walked_back_with_every_codec),
        cmocka_unit_test(a_batch_that_is_not_whole_asks_for_more),
        cmocka_unit_test(each_wrong_header_field_has_its_own_fault),
        cmocka_unit_test(any_flipped_bit_under_the_checksum_is_found),
        cmocka_unit_test(a_count_that_the_records_do_not_keep_is_a_fault),
        cmocka_unit_test(one_batch_and_only_one_is_accepted),
        cmocka_unit_test(zstd_needs_a_request_that_knows_it),
        cmocka_unit_test(a_compacted_topic_names_every_record_without_a_key),
        cmocka_unit_test(only_what_must_be_is_decompressed),
        cmocka_unit_test(timestamps_out_of_range_are_named),
        cmocka_unit_test(the_list_of_faulty_records_ends_with_the_arena),
        cmocka_unit_test(log_append_time_stamps_the_batch),
        cmocka_unit_test(own_timestamps_count_where_a_producer_claims_the_brokers),
        cmocka_unit_test(a_wrong_largest_timestamp_is_corrected),
        cmocka_unit_test(a_coordinator_may_write_markers),
        cmocka_unit_test(recompression_changes_the_codec_only),
        cmocka_unit_test(the_digest_does_not_see_offset_and_epoch),
        cmocka_unit_test(a_builder_keeps_gaps_and_refuses_disorder),
    };
    return cmocka_run_group_tests_name("record_batch", tests, NULL, NULL);
}
