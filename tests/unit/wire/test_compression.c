/* SPDX-License-Identifier: Apache-2.0 */
/* What a codec compresses it expands again, never beyond the limit, whatever the bytes say. */
#include <snappy-c.h>

#include "gyre/base/buffer.h"
#include "gyre/base/random.h"
#include "gyre/wire/compression.h"

#include "support/test.h"

enum { SEED = 4711, TEXT_BYTES = 300000 };

static struct string text_of(const struct buffer *buffer)
{
    return (struct string){.bytes = buffer->bytes, .length = (int32_t)buffer->size};
}

/* Half words, half noise. */
static struct buffer *some_text(size_t size)
{
    struct buffer *text = buffer_new(size);
    struct random random;

    random_seed(&random, SEED);
    for (size_t i = 0; i < size; i++) {
        bool is_noise = (i / 1000) % 2 == 1;

        text->bytes[i] = (char)(is_noise ? random_u64(&random) : (uint64_t) "streams "[i % 8]);
    }
    return text;
}

static struct buffer *compressed(enum compression codec, enum compression_flavour flavour,
                                 int32_t level, const struct buffer *text)
{
    const struct compression_target target = {
        .codec = codec, .flavour = flavour, .level = level, .prefix_bytes = 3};
    struct buffer *with_prefix;
    struct buffer *result;

    assert_int_equal(compression_compress(&target, text->bytes, text->size, &with_prefix),
                     ERROR_NONE);
    result = buffer_copy(with_prefix->bytes + 3, with_prefix->size - 3);
    buffer_unref(with_prefix);
    return result;
}

static void assert_expands_to(enum compression codec, enum compression_flavour flavour,
                              const struct buffer *packed, const struct buffer *text)
{
    struct buffer *back;

    assert_int_equal(compression_expand(codec, flavour, text_of(packed), text->size, &back),
                     ERROR_NONE);
    assert_int_equal(back->size, text->size);
    assert_memory_equal(back->bytes, text->bytes, text->size);
    buffer_unref(back);
    if (text->size > 0) {
        assert_int_equal(compression_expand(codec, flavour, text_of(packed), text->size - 1, &back),
                         ERROR_LIMIT);
    }
}

static void every_codec_gives_back_what_it_took(void **state)
{
    static const size_t sizes[] = {0, 1, 100, 32768, 32769, TEXT_BYTES};

    (void)state;
    print_message("seed %d\n", SEED);
    for (unsigned codec = 0; codec < COMPRESSION_COUNT; codec++) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            struct buffer *text = some_text(sizes[i]);
            struct buffer *packed = compressed((enum compression)codec, COMPRESSION_STANDARD,
                                               COMPRESSION_LEVEL_DEFAULT, text);

            assert_expands_to((enum compression)codec, COMPRESSION_STANDARD, packed, text);
            buffer_unref(packed);
            buffer_unref(text);
        }
    }
}

static void levels_are_obeyed(void **state)
{
    static const struct {
        enum compression codec;
        int32_t weak;
        int32_t strong;
    } pairs[] = {{COMPRESSION_GZIP, 1, 9}, {COMPRESSION_LZ4, 9, 12}, {COMPRESSION_ZSTD, 1, 19}};
    struct buffer *text = some_text(TEXT_BYTES);

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct buffer *weak = compressed(pairs[i].codec, COMPRESSION_STANDARD, pairs[i].weak, text);
        struct buffer *strong =
            compressed(pairs[i].codec, COMPRESSION_STANDARD, pairs[i].strong, text);

        assert_true(strong->size < weak->size);
        assert_expands_to(pairs[i].codec, COMPRESSION_STANDARD, strong, text);
        buffer_unref(weak);
        buffer_unref(strong);
    }
    buffer_unref(text);
}

static void bare_snappy_is_read_too(void **state)
{
    struct buffer *text = some_text(TEXT_BYTES);
    size_t size = snappy_max_compressed_length(text->size);
    struct buffer *packed = buffer_new(size);

    (void)state;
    assert_int_equal(snappy_compress(text->bytes, text->size, packed->bytes, &size), SNAPPY_OK);
    packed->size = size;
    assert_expands_to(COMPRESSION_SNAPPY, COMPRESSION_STANDARD, packed, text);
    buffer_unref(packed);
    buffer_unref(text);
}

static void snappy_frames_may_follow_each_other(void **state)
{
    struct buffer *text = some_text(1000);
    struct buffer *twice = buffer_new(2000);
    struct buffer *packed = compressed(COMPRESSION_SNAPPY, COMPRESSION_STANDARD, 0, text);
    struct buffer *two = buffer_new(packed->size * 2);

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        memcpy(two->bytes + i * packed->size, packed->bytes, packed->size);
        memcpy(twice->bytes + i * text->size, text->bytes, text->size);
    }
    assert_expands_to(COMPRESSION_SNAPPY, COMPRESSION_STANDARD, two, twice);
    buffer_unref(text);
    buffer_unref(twice);
    buffer_unref(packed);
    buffer_unref(two);
}

static void lz4_of_magic_0_has_another_header_checksum(void **state)
{
    struct buffer *text = some_text(1000);
    struct buffer *old = compressed(COMPRESSION_LZ4, COMPRESSION_MAGIC_0, 0, text);
    struct buffer *standard = compressed(COMPRESSION_LZ4, COMPRESSION_STANDARD, 0, text);
    struct buffer *back;

    (void)state;
    assert_int_equal(old->size, standard->size);
    assert_memory_equal(old->bytes, standard->bytes, 6);
    assert_int_not_equal(old->bytes[6], standard->bytes[6]);
    assert_memory_equal(old->bytes + 7, standard->bytes + 7, old->size - 7);
    assert_int_equal(
        compression_expand(COMPRESSION_LZ4, COMPRESSION_STANDARD, text_of(old), 1000, &back),
        ERROR_MALFORMED);
    assert_expands_to(COMPRESSION_LZ4, COMPRESSION_MAGIC_0, old, text);
    assert_expands_to(COMPRESSION_LZ4, COMPRESSION_MAGIC_0, standard, text);
    buffer_unref(old);
    buffer_unref(standard);
    buffer_unref(text);
}

static void bytes_cut_short_or_damaged_are_told(void **state)
{
    struct buffer *text = some_text(5000);
    struct random random;

    (void)state;
    random_seed(&random, SEED);
    for (unsigned codec = COMPRESSION_GZIP; codec < COMPRESSION_COUNT; codec++) {
        struct buffer *packed = compressed((enum compression)codec, COMPRESSION_STANDARD,
                                           COMPRESSION_LEVEL_DEFAULT, text);
        struct buffer *back;

        for (size_t size = 0; size < packed->size; size += 7) {
            struct string cut = {.bytes = packed->bytes, .length = (int32_t)size};
            enum error error = compression_expand((enum compression)codec, COMPRESSION_STANDARD,
                                                  cut, 1 << 20, &back);

            if (error == ERROR_NONE) { /* snappy: whole blocks, or nothing, are well-formed */
                assert_int_equal(codec, COMPRESSION_SNAPPY);
                buffer_unref(back);
            }
        }
        for (int i = 0; i < 500; i++) {
            size_t at = random_below(&random, packed->size);
            char before = packed->bytes[at];

            packed->bytes[at] = (char)random_u64(&random);
            if (compression_expand((enum compression)codec, COMPRESSION_STANDARD, text_of(packed),
                                   1 << 20, &back) == ERROR_NONE) {
                assert_true(back->size <= 1 << 20);
                buffer_unref(back);
            }
            packed->bytes[at] = before;
        }
        buffer_unref(packed);
    }
    buffer_unref(text);
}

static void a_bomb_stops_at_the_limit(void **state)
{
    struct buffer *zeros = buffer_new(64 << 20);

    (void)state;
    memset(zeros->bytes, 0, zeros->size);
    for (unsigned codec = COMPRESSION_GZIP; codec < COMPRESSION_COUNT; codec++) {
        struct buffer *packed = compressed((enum compression)codec, COMPRESSION_STANDARD,
                                           COMPRESSION_LEVEL_DEFAULT, zeros);
        struct buffer *back;

        assert_int_equal(compression_expand((enum compression)codec, COMPRESSION_STANDARD,
                                            text_of(packed), 1 << 20, &back),
                         ERROR_LIMIT);
        buffer_unref(packed);
    }
    buffer_unref(zeros);
}

static void a_stream_reads_in_pieces_of_any_size(void **state)
{
    struct buffer *text = some_text(TEXT_BYTES);

    (void)state;
    for (unsigned codec = 0; codec < COMPRESSION_COUNT; codec++) {
        struct buffer *packed = compressed((enum compression)codec, COMPRESSION_STANDARD,
                                           COMPRESSION_LEVEL_DEFAULT, text);
        struct decompressor *stream;
        char piece[997];
        size_t at = 0;
        size_t size;

        assert_int_equal(decompressor_open((enum compression)codec, COMPRESSION_STANDARD,
                                           text_of(packed), 1 << 20, &stream),
                         ERROR_NONE);
        do {
            assert_int_equal(decompressor_read(stream, piece, sizeof piece, &size), ERROR_NONE);
            assert_true(at + size <= text->size);
            assert_memory_equal(piece, text->bytes + at, size);
            at += size;
        } while (size > 0);
        assert_int_equal(at, text->size);
        decompressor_close(stream);
        buffer_unref(packed);
    }
    buffer_unref(text);
}

static void names_are_those_of_the_topic_setting(void **state)
{
    enum compression codec;

    (void)state;
    assert_true(compression_find(STRING("zstd"), &codec));
    assert_int_equal(codec, COMPRESSION_ZSTD);
    assert_string_equal(compression_name(COMPRESSION_NONE), "none");
    assert_false(compression_find(STRING("producer"), &codec));
    assert_false(compression_find(STRING_NULL, &codec));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_codec_gives_back_what_it_took),
        cmocka_unit_test(levels_are_obeyed),
        cmocka_unit_test(bare_snappy_is_read_too),
        cmocka_unit_test(snappy_frames_may_follow_each_other),
        cmocka_unit_test(lz4_of_magic_0_has_another_header_checksum),
        cmocka_unit_test(bytes_cut_short_or_damaged_are_told),
        cmocka_unit_test(a_bomb_stops_at_the_limit),
        cmocka_unit_test(a_stream_reads_in_pieces_of_any_size),
        cmocka_unit_test(names_are_those_of_the_topic_setting),
    };
    return cmocka_run_group_tests_name("compression", tests, NULL, NULL);
}
