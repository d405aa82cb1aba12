/* SPDX-License-Identifier: Apache-2.0 */
/* The ends of the bytes: varints at their edges, and a reader that stays failed. */
#include <string.h>

#include "gyre/wire/reader.h"
#include "gyre/wire/writer.h"

#include "support/test.h"

enum { ROOM = 64 };

static void varints_keep_their_values_at_every_length(void **state)
{
    char bytes[ROOM];

    (void)state;
    for (unsigned shift = 0; shift < 64; shift++) {
        for (int delta = -1; delta <= 1; delta++) {
            uint64_t value = (UINT64_C(1) << shift) + (uint64_t)delta;
            struct writer writer;
            struct reader reader;

            writer_init(&writer, bytes, sizeof bytes);
            writer_varlong(&writer, (int64_t)value);
            writer_varint(&writer, (int32_t)(uint32_t)value);
            writer_uvarint(&writer, (uint32_t)value);
            reader_init(&reader, bytes, writer.used);
            assert_true(reader_varlong(&reader) == (int64_t)value);
            assert_int_equal(reader_varint(&reader), (int32_t)(uint32_t)value);
            assert_int_equal(reader_uvarint(&reader), (uint32_t)value);
            assert_false(reader.failed);
            assert_int_equal(reader_left(&reader), 0);
        }
    }
}

static void varints_are_kafkas(void **state)
{
    struct writer writer;
    char bytes[ROOM];

    (void)state;
    writer_init(&writer, bytes, sizeof bytes);
    writer_uvarint(&writer, 300);
    writer_varint(&writer, -1);
    writer_varlong(&writer, 64);
    assert_int_equal(writer.used, 5);
    assert_memory_equal(bytes, "\254\2\1\200\1", 5);
}

static void check_refused(const char *bytes, size_t length)
{
    struct reader reader;
    char copy[ROOM];

    memcpy(copy, bytes, length);
    reader_init(&reader, copy, length);
    assert_int_equal(reader_uvarint(&reader), 0);
    assert_true(reader.failed);
}

static void a_varint_that_is_too_long_or_too_large_is_refused(void **state)
{
    (void)state;
    check_refused("", 0);
    check_refused("\200", 1);
    check_refused("\200\200\200\200\200\0", 6);
    check_refused("\377\377\377\377\37", 5); /* 33 bits */
}

static void a_reader_that_failed_stays_failed(void **state)
{
    struct reader reader;
    char bytes[] = "123456789";

    (void)state;
    reader_init(&reader, bytes, 9);
    assert_int_equal(reader_i64(&reader), 0x3132333435363738);
    assert_int_equal(reader_i16(&reader), 0);
    assert_true(reader.failed);
    assert_int_equal(reader_i8(&reader), 0); /* though one byte was left */
    assert_int_equal(reader_u32(&reader), 0);
    assert_null(reader_take(&reader, 1));
    assert_true(reader_f64(&reader) == 0);
    assert_true(reader_varlong(&reader) == 0);
}

static void a_writer_counts_as_it_writes(void **state)
{
    struct writer counter;
    struct writer writer;
    char bytes[ROOM];

    (void)state;
    writer_init(&counter, NULL, 0);
    writer_init(&writer, bytes, sizeof bytes);
    for (int i = 0; i < 2; i++) {
        struct writer *either = i == 0 ? &counter : &writer;

        writer_f64(either, 1.5);
        writer_u16(either, 65535);
        writer_u32(either, UINT32_MAX);
        writer_i32(either, -2);
        writer_bytes(either, "xy", 2);
    }
    assert_int_equal(counter.used, 20);
    assert_int_equal(writer.used, 20);
    assert_memory_equal(bytes, "\77\370\0\0\0\0\0\0\377\377\377\377\377\377\377\377\377\376xy", 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(varints_keep_their_values_at_every_length),
        cmocka_unit_test(varints_are_kafkas),
        cmocka_unit_test(a_varint_that_is_too_long_or_too_large_is_refused),
        cmocka_unit_test(a_reader_that_failed_stays_failed),
        cmocka_unit_test(a_writer_counts_as_it_writes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
