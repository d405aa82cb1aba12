/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The codec against every message in every version: what is written is read back equal, what is
 * read is written back the same, no prefix of a message is a message, and bytes that were tampered
 * with are refused or become something that can be written again. The seed is printed first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/base/arena.h"
#include "gyre/base/buffer.h"
#include "gyre/base/random.h"
#include "gyre/wire/frame.h"
#include "gyre/wire/message.h"
#include "gyre/wire/reader.h"

#include "support/random_message.h"
#include "support/test.h"
#include "wire_messages/consumer_group_heartbeat.h"
#include "wire_messages/tables.h"

enum { ROUNDS = 4, ARENA_BYTES = 64 << 20, DECODE_BYTES = 1 << 20 };

struct subject {
    const struct message_layout *layout;
    int16_t version;
    struct random random;
    struct arena arena;
};

static uint64_t seed(void)
{
    const char *text = getenv("GYRE_SEED");

    return text == NULL ? 1 : strtoull(text, NULL, 0);
}

static struct buffer *encode(const struct subject *subject, const void *message)
{
    struct frame_output output;
    struct buffer *bytes;

    frame_output_init(&output);
    assert_int_equal(message_encode(subject->layout, subject->version, message, &output),
                     ERROR_NONE);
    bytes = frame_output_join(&output);
    frame_output_release(&output);
    return bytes;
}

static enum error decode(struct subject *subject, char *bytes, size_t length, void *message)
{
    struct reader reader;
    enum error error;

    reader_init(&reader, bytes, length);
    error = message_decode(subject->layout, subject->version, &reader, &subject->arena, message);
    if (error == ERROR_NONE) {
        assert_int_equal(reader_left(&reader), 0);
    }
    return error;
}

/* Calls `test` for every message in every version. */
static void for_each_subject(void (*test)(struct subject *subject))
{
    struct subject subject;

    print_message("GYRE_SEED=%llu\n", (unsigned long long)seed());
    random_seed(&subject.random, seed());
    arena_init(&subject.arena, ARENA_BYTES);
    for (int i = 0; i < MESSAGE_COUNT; i++) {
        subject.layout = message_table[i];
        for (subject.version = subject.layout->version_min;
             subject.version <= subject.layout->version_max; subject.version++) {
            for (int round = 0; round < ROUNDS; round++) {
                test(&subject);
                arena_release(&subject.arena);
            }
        }
    }
}

static void round_trip(struct subject *subject)
{
    const struct message_layout *layout = subject->layout;
    void *message = random_message(layout, subject->version, &subject->random, &subject->arena);
    void *back = arena_alloc(&subject->arena, layout->root->size);
    struct buffer *first = encode(subject, message);
    struct buffer *second;

    assert_int_equal(decode(subject, first->bytes, first->size, back), ERROR_NONE);
    if (!message_equal(layout, subject->version, message, back)) {
        fail_msg("%s version %d changes on its way", layout->name, subject->version);
    }
    second = encode(subject, back);
    assert_int_equal(first->size, second->size);
    assert_memory_equal(first->bytes, second->bytes, first->size);
    buffer_unref(first);
    buffer_unref(second);
}

static void every_message_survives_the_way_out_and_back(void **state)
{
    (void)state;
    for_each_subject(round_trip);
}

static void cut_short(struct subject *subject)
{
    void *message =
        random_message(subject->layout, subject->version, &subject->random, &subject->arena);
    void *back = arena_alloc(&subject->arena, subject->layout->root->size);
    struct buffer *bytes = encode(subject, message);

    for (size_t tries = 0; tries < 8 && bytes->size > 0; tries++) {
        size_t length = random_below(&subject->random, bytes->size);
        char *prefix = malloc(length + 1); /* exact, so that a sanitizer sees one byte too many */

        memcpy(prefix, bytes->bytes, length);
        assert_int_equal(decode(subject, prefix, length, back), ERROR_MALFORMED);
        free(prefix);
    }
    buffer_unref(bytes);
}

static void no_prefix_of_a_message_is_a_message(void **state)
{
    (void)state;
    for_each_subject(cut_short);
}

static void tamper(struct subject *subject)
{
    void *message =
        random_message(subject->layout, subject->version, &subject->random, &subject->arena);
    void *back = arena_alloc(&subject->arena, subject->layout->root->size);
    struct buffer *bytes = encode(subject, message);
    struct buffer *again;
    struct arena arena;
    struct reader reader;
    enum error error;

    for (uint64_t i = 1 + random_below(&subject->random, 4); i > 0 && bytes->size > 0; i--) {
        bytes->bytes[random_below(&subject->random, bytes->size)] =
            (char)random_u64(&subject->random);
    }
    arena_init(&arena, DECODE_BYTES);
    reader_init(&reader, bytes->bytes, bytes->size);
    error = message_decode(subject->layout, subject->version, &reader, &arena, back);
    assert_true(error == ERROR_NONE || error == ERROR_MALFORMED);
    if (error == ERROR_NONE) {
        again = encode(subject, back);
        assert_int_equal(decode(subject, again->bytes, again->size,
                                arena_alloc(&arena, subject->layout->root->size)),
                         ERROR_NONE);
        buffer_unref(again);
    }
    arena_release(&arena);
    buffer_unref(bytes);
}

static void tampered_messages_are_refused_or_can_be_written_again(void **state)
{
    (void)state;
    for_each_subject(tamper);
}

static void init_then_encode(struct subject *subject)
{
    void *message = arena_alloc(&subject->arena, subject->layout->root->size);
    void *back = arena_alloc(&subject->arena, subject->layout->root->size);
    struct buffer *bytes;

    message_init(subject->layout, message);
    bytes = encode(subject, message);
    assert_int_equal(
        bytes->size,
        subject->layout->root->smallest_bytes[subject->version - subject->layout->version_min]);
    assert_int_equal(decode(subject, bytes->bytes, bytes->size, back), ERROR_NONE);
    assert_true(message_equal(subject->layout, subject->version, message, back));
    buffer_unref(bytes);
}

static void defaults_have_the_smallest_encoding_that_the_tables_name(void **state)
{
    (void)state;
    for_each_subject(init_then_encode);
}

static void print_random(struct subject *subject)
{
    void *message =
        random_message(subject->layout, subject->version, &subject->random, &subject->arena);
    size_t size = 4 + random_below(&subject->random, 400);
    char *text = malloc(size);
    size_t length = message_print(subject->layout, subject->version, message, text, size);

    assert_int_equal(strlen(text), length);
    assert_true(length < size);
    assert_true(text[0] == '{' || text[0] == '.');
    free(text);
}

static void every_message_prints_within_its_bounds(void **state)
{
    (void)state;
    for_each_subject(print_random);
}

/* The names of ConsumerGroupHeartbeat may be null as a whole only. Found by
 * tests/fuzz/fuzz_codec.c. */
static void a_null_inside_an_array_that_can_be_null_is_refused(void **state)
{
    static const char *const names[] = {"\3\1\1", "\3\1\0"}; /* two empty ones; one is null */
    struct consumer_group_heartbeat_request request;
    struct arena arena;

    (void)state;
    for (int i = 0; i < 2; i++) {
        char bytes[] = "\2g\1\0\0\0\0\0\0\0\0\0\0???\0\0\0"; /* no instance, rack, assignor */
        struct reader reader;

        memcpy(bytes + 13, names[i], 3);
        arena_init(&arena, DECODE_BYTES);
        reader_init(&reader, bytes, sizeof bytes - 1);
        assert_int_equal(consumer_group_heartbeat_request_decode(0, &reader, &arena, &request),
                         i == 0 ? ERROR_NONE : ERROR_MALFORMED);
        arena_release(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_survives_the_way_out_and_back),
        cmocka_unit_test(no_prefix_of_a_message_is_a_message),
        cmocka_unit_test(tampered_messages_are_refused_or_can_be_written_again),
        cmocka_unit_test(defaults_have_the_smallest_encoding_that_the_tables_name),
        cmocka_unit_test(every_message_prints_within_its_bounds),
        cmocka_unit_test(a_null_inside_an_array_that_can_be_null_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
