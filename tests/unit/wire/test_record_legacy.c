/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was stored as magic 2 is served as magic 0 and 1 and comes back as it was, but for what the
 * old formats cannot say. test_golden_batches.c has sets that real clients wrote.
 */
#include "gyre/base/arena.h"
#include "gyre/base/buffer.h"
#include "gyre/wire/record.h"
#include "gyre/wire/record_batch_builder.h"
#include "gyre/wire/record_legacy.h"

#include "support/test.h"
#include "wire/legacy_message.h"

enum { NOW_MS = 1700000000, RECORDS = 5, EXPANDED_BYTES_MAX = 1 << 20 };

static const char *const keys[RECORDS] = {"a", NULL, "c", "", "e"};
static const char *const values[RECORDS] = {"one", "two", NULL, "", "five"};

static struct buffer *batch_of(enum compression codec, int64_t base_offset)
{
    struct record_batch_builder builder;
    struct buffer *batch;

    record_batch_builder_init(&builder, EXPANDED_BYTES_MAX);
    builder.codec = codec;
    builder.base_offset = base_offset;
    for (int i = 0; i < RECORDS; i++) {
        struct record record = {.timestamp_ms = NOW_MS + i,
                                .key = string_from(keys[i]),
                                .value = string_from(values[i]),
                                .header_count = 1,
                                .headers = STRING("\2h\2v")};

        assert_int_equal(record_batch_builder_append(&builder, &record), ERROR_NONE);
    }
    assert_int_equal(record_batch_builder_finish(&builder, &batch), ERROR_NONE);
    record_batch_builder_release(&builder);
    return batch;
}

static struct string text_of(const struct buffer *buffer)
{
    return (struct string){.bytes = buffer->bytes, .length = (int32_t)buffer->size};
}

static struct record_legacy_set down(struct string batches, int8_t magic, int64_t first_offset)
{
    const struct record_legacy_wish wish = {.magic = magic,
                                            .first_offset = first_offset,
                                            .set_bytes_max = EXPANDED_BYTES_MAX,
                                            .expanded_bytes_max = EXPANDED_BYTES_MAX};
    struct record_legacy_set set;

    assert_int_equal(record_legacy_down_convert(batches, &wish, &set), ERROR_NONE);
    return set;
}

static enum batch_fault up(struct string set, const struct batch_rules *rules,
                           struct buffer **out_batch)
{
    struct arena arena;
    struct batch_report report;
    enum batch_fault fault;

    arena_init(&arena, 4096);
    fault = record_legacy_up_convert(set, rules, &arena, &report, out_batch);
    arena_release(&arena);
    return fault;
}

static void assert_same_records(const struct buffer *batch, int8_t magic)
{
    struct record_iterator iterator;
    struct record record;

    assert_int_equal(record_iterator_open(&iterator, batch->bytes, EXPANDED_BYTES_MAX), ERROR_NONE);
    for (int i = 0; i < RECORDS; i++) {
        assert_true(record_iterator_next(&iterator, &record));
        assert_int_equal(record.offset, i);
        assert_true(record.timestamp_ms == (magic == 0 ? -1 : NOW_MS + i));
        assert_true(string_equal(record.key, string_from(keys[i])));
        assert_true(string_equal(record.value, string_from(values[i])));
        assert_int_equal(record.header_count, 0);
    }
    assert_false(record_iterator_next(&iterator, &record));
    assert_int_equal(record_iterator_close(&iterator), ERROR_NONE);
}

static void what_goes_down_comes_up_again(void **state)
{
    struct batch_rules rules = batch_rules_default(NOW_MS);

    (void)state;
    for (unsigned codec = 0; codec < COMPRESSION_ZSTD; codec++) {
        for (int8_t magic = 0; magic <= 1; magic++) {
            struct buffer *batch = batch_of((enum compression)codec, 100);
            struct record_legacy_set set = down(text_of(batch), magic, 0);
            struct buffer *back;

            assert_int_equal(set.next_offset, 105);
            assert_int_equal(up(text_of(set.buffer), &rules, &back), BATCH_FAULT_NONE);
            assert_int_equal(record_batch_attributes(back->bytes), codec);
            assert_same_records(back, magic);
            buffer_unref(back);
            buffer_unref(set.buffer);
            buffer_unref(batch);
        }
    }
}

static void offsets_of_a_wrapper_are_those_of_its_last_record(void **state)
{
    struct buffer *batch = batch_of(COMPRESSION_GZIP, 100);

    (void)state;
    for (int8_t magic = 0; magic <= 1; magic++) {
        struct record_legacy_set set = down(text_of(batch), magic, 0);
        struct legacy_message wrapper;
        struct legacy_message inner;
        struct buffer *expanded;

        assert_int_equal(legacy_message_read(text_of(set.buffer), &wrapper), BATCH_FAULT_NONE);
        assert_int_equal(wrapper.size, set.buffer->size);
        assert_int_equal(wrapper.offset, 104);
        assert_int_equal(compression_expand(COMPRESSION_GZIP, COMPRESSION_STANDARD, wrapper.value,
                                            EXPANDED_BYTES_MAX, &expanded),
                         ERROR_NONE);
        assert_int_equal(legacy_message_read(text_of(expanded), &inner), BATCH_FAULT_NONE);
        assert_int_equal(inner.offset, magic == 0 ? 100 : 0);
        buffer_unref(expanded);
        buffer_unref(set.buffer);
    }
    buffer_unref(batch);
}

static void records_before_the_wanted_offset_may_be_left_out(void **state)
{
    struct buffer *batch = batch_of(COMPRESSION_NONE, 100);
    struct record_legacy_set set = down(text_of(batch), 1, 103);
    struct legacy_message message;

    (void)state;
    assert_int_equal(legacy_message_read(text_of(set.buffer), &message), BATCH_FAULT_NONE);
    assert_int_equal(message.offset, 103);
    buffer_unref(set.buffer);
    buffer_unref(batch);
}

static void markers_vanish_and_reading_goes_on_behind_them(void **state)
{
    struct record_batch_builder builder;
    struct record_legacy_set set;
    struct buffer *marker;

    (void)state;
    record_batch_builder_init(&builder, 1000);
    builder.is_control = true;
    builder.base_offset = 7;
    assert_int_equal(record_batch_builder_add_marker(&builder, true, 3, NOW_MS), ERROR_NONE);
    assert_int_equal(record_batch_builder_finish(&builder, &marker), ERROR_NONE);
    record_batch_builder_release(&builder);
    set = down(text_of(marker), 1, 7);
    assert_int_equal(set.buffer->size, 0);
    assert_int_equal(set.next_offset, 8);
    buffer_unref(set.buffer);
    buffer_unref(marker);
}

static void zstd_is_not_served_to_those_who_never_learnt_it(void **state)
{
    struct buffer *batch = batch_of(COMPRESSION_ZSTD, 0);
    struct buffer *plain = batch_of(COMPRESSION_NONE, 0);
    struct buffer *both = buffer_new(batch->size + plain->size);
    struct record_legacy_wish wish = {
        .magic = 1, .set_bytes_max = 1000, .expanded_bytes_max = EXPANDED_BYTES_MAX};
    struct record_legacy_set set;

    (void)state;
    assert_int_equal(record_legacy_down_convert(text_of(batch), &wish, &set), ERROR_UNSUPPORTED);
    memcpy(both->bytes, plain->bytes, plain->size);
    memcpy(both->bytes + plain->size, batch->bytes, batch->size);
    set = down(text_of(both), 1, 0);
    assert_int_equal(set.next_offset, RECORDS);
    buffer_unref(set.buffer);
    buffer_unref(batch);
    buffer_unref(plain);
    buffer_unref(both);
}

static void a_full_set_ends_before_the_next_batch(void **state)
{
    struct buffer *batch = batch_of(COMPRESSION_NONE, 0);
    struct buffer *two = buffer_new(batch->size * 2);
    struct record_legacy_wish wish = {
        .magic = 1, .set_bytes_max = 1, .expanded_bytes_max = EXPANDED_BYTES_MAX};
    struct record_legacy_set set;

    (void)state;
    memcpy(two->bytes, batch->bytes, batch->size);
    memcpy(two->bytes + batch->size, batch->bytes, batch->size);
    record_batch_set_base_offset(two->bytes + batch->size, RECORDS);
    assert_int_equal(record_legacy_down_convert(text_of(two), &wish, &set), ERROR_NONE);
    assert_int_equal(set.next_offset, RECORDS);
    buffer_unref(set.buffer);
    wish.set_bytes_max = 1000;
    assert_int_equal(record_legacy_down_convert(text_of(two), &wish, &set), ERROR_NONE);
    assert_int_equal(set.next_offset, 2 * RECORDS);
    buffer_unref(set.buffer);
    two->size--;
    assert_int_equal(record_legacy_down_convert(text_of(two), &wish, &set), ERROR_NONE);
    assert_int_equal(set.next_offset, RECORDS);
    buffer_unref(set.buffer);
    buffer_unref(batch);
    buffer_unref(two);
}

static void every_damaged_byte_is_found(void **state)
{
    struct batch_rules rules = batch_rules_default(NOW_MS);

    (void)state;
    for (unsigned codec = 0; codec < COMPRESSION_ZSTD; codec++) {
        struct buffer *batch = batch_of((enum compression)codec, 0);
        struct record_legacy_set set = down(text_of(batch), 1, 0);
        struct buffer *bytes = set.buffer;

        for (size_t at = 0; at < bytes->size; at++) {
            struct buffer *converted = NULL;
            enum batch_fault fault;

            bytes->bytes[at] = (char)(bytes->bytes[at] ^ 0x40);
            fault = up(text_of(bytes), &rules, &converted);
            /* Offsets are not ours to check; a longer size makes a message cut short. */
            if (fault == BATCH_FAULT_NONE) {
                if (record_batch_count(converted->bytes) == RECORDS) {
                    assert_same_records(converted, 1);
                }
                buffer_unref(converted);
            }
            bytes->bytes[at] = (char)(bytes->bytes[at] ^ 0x40);
        }
        buffer_unref(bytes);
        buffer_unref(batch);
    }
}

static void the_rules_of_the_topic_hold_for_old_messages(void **state)
{
    struct batch_rules rules = batch_rules_default(NOW_MS);
    struct buffer *batch = batch_of(COMPRESSION_SNAPPY, 0);
    struct record_legacy_set set = down(text_of(batch), 1, 0);
    struct arena arena;
    struct batch_report report;
    struct buffer *converted;

    (void)state;
    arena_init(&arena, 4096);
    rules.needs_keys = true;
    assert_int_equal(
        record_legacy_up_convert(text_of(set.buffer), &rules, &arena, &report, &converted),
        BATCH_FAULT_NO_KEY);
    assert_int_equal(report.record_index_count, 1);
    assert_int_equal(report.record_indexes[0], 1);
    rules.needs_keys = false;
    rules.timestamp_after_ms_max = 2;
    assert_int_equal(
        record_legacy_up_convert(text_of(set.buffer), &rules, &arena, &report, &converted),
        BATCH_FAULT_TIMESTAMP);
    assert_int_equal(report.record_index_count, 2);
    assert_int_equal(report.record_indexes[0], 3);
    rules.is_log_append_time = true;
    assert_int_equal(
        record_legacy_up_convert(text_of(set.buffer), &rules, &arena, &report, &converted),
        BATCH_FAULT_NONE);
    assert_false(report.info.is_log_append_time); /* that is the append's to say */
    assert_int_equal(report.info.max_timestamp_ms, NOW_MS + RECORDS - 1);
    assert_false(report.needs_stamp);
    assert_int_equal(record_batch_check(converted->bytes, converted->size, &rules, &arena, &report),
                     BATCH_FAULT_NONE);
    assert_true(report.needs_stamp);
    assert_int_equal(report.max_timestamp_ms, NOW_MS);
    buffer_unref(converted);
    rules.batch_bytes_max = 100;
    assert_int_equal(
        record_legacy_up_convert(text_of(set.buffer), &rules, &arena, &report, &converted),
        BATCH_FAULT_TOO_LARGE);
    assert_int_equal(record_legacy_up_convert(text_of(batch), &rules, &arena, &report, &converted),
                     BATCH_FAULT_MAGIC);
    assert_int_equal(record_legacy_up_convert(STRING(""), &rules, &arena, &report, &converted),
                     BATCH_FAULT_EMPTY);
    arena_release(&arena);
    buffer_unref(set.buffer);
    buffer_unref(batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_down_comes_up_again),
        cmocka_unit_test(offsets_of_a_wrapper_are_those_of_its_last_record),
        cmocka_unit_test(records_before_the_wanted_offset_may_be_left_out),
        cmocka_unit_test(markers_vanish_and_reading_goes_on_behind_them),
        cmocka_unit_test(zstd_is_not_served_to_those_who_never_learnt_it),
        cmocka_unit_test(a_full_set_ends_before_the_next_batch),
        cmocka_unit_test(every_damaged_byte_is_found),
        cmocka_unit_test(the_rules_of_the_topic_hold_for_old_messages),
    };
    return cmocka_run_group_tests_name("record_legacy", tests, NULL, NULL);
}
