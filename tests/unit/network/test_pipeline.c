/* SPDX-License-Identifier: Apache-2.0 */
/* Answers come in the order of the questions, and no client makes us hold more than the limits. */
#include <stdio.h>
#include <string.h>

#include "gyre/observe/metrics.h"

#include "support/pipeline_fixture.h"
#include "support/test.h"
#include "wire_messages/api_keys.h"

static char answers[8192];
#define ANSWERS(fixture) pipeline_fixture_answers(fixture, answers, sizeof answers)

static void answers_come_in_the_order_of_the_questions(void **state)
{
    struct pipeline_fixture fixture;

    (void)state;
    pipeline_fixture_init(&fixture);
    for (int i = 1; i <= 3; i++) {
        pipeline_fixture_ask(&fixture, API_PRODUCE, i);
    }
    assert_int_equal(fixture.parked_count, 3); /* Produce overlaps with Produce */
    pipeline_fixture_answer(&fixture, 2);
    pipeline_fixture_answer(&fixture, 1);
    (void)loop_turn(&fixture.loop);
    assert_string_equal(ANSWERS(&fixture), "");
    pipeline_fixture_answer(&fixture, 0);
    (void)loop_turn(&fixture.loop);
    assert_string_equal(ANSWERS(&fixture), "1 2 3");
    pipeline_fixture_release(&fixture);
}

static void other_requests_wait_for_what_came_before(void **state)
{
    struct pipeline_fixture fixture;

    (void)state;
    pipeline_fixture_init(&fixture);
    pipeline_fixture_ask(&fixture, API_PRODUCE, 1);
    pipeline_fixture_ask(&fixture, API_FETCH, 2);
    pipeline_fixture_ask(&fixture, API_PRODUCE, 3);
    pipeline_fixture_ask(&fixture, API_HEARTBEAT, 4);
    assert_int_equal(fixture.parked_count, 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(fixture.parked_count, i + 1);
        pipeline_fixture_answer(&fixture, i);
        (void)loop_turn(&fixture.loop);
    }
    assert_string_equal(ANSWERS(&fixture), "1 2 3 4");
    pipeline_fixture_release(&fixture);
}

static void frames_may_come_in_pieces_of_any_size(void **state)
{
    struct buffer *large = pipeline_fixture_frame(API_PRODUCE, 2, 300000);
    struct buffer *small = pipeline_fixture_frame(API_HEARTBEAT, 1, 0);

    (void)state;
    for (size_t piece = 1; piece < 400000; piece = piece * 3 + 1) {
        struct pipeline_fixture fixture;

        pipeline_fixture_init(&fixture);
        for (int i = 0; i < 5; i++) {
            (void)pipeline_fixture_feed(&fixture, small->bytes, small->size, piece);
        }
        (void)loop_turn(&fixture.loop);
        (void)pipeline_fixture_feed(&fixture, large->bytes, large->size, piece);
        assert_int_equal(fixture.parked_count, 1);
        assert_memory_equal(fixture.parked[0]->frame.bytes, large->bytes + 4, large->size - 4);
        (void)pipeline_fixture_feed(&fixture, small->bytes, small->size, piece);
        pipeline_fixture_answer(&fixture, 0);
        (void)loop_turn(&fixture.loop);
        assert_string_equal(ANSWERS(&fixture), "1 1 1 1 1 2 1");
        pipeline_fixture_release(&fixture);
    }
    buffer_unref(large);
    buffer_unref(small);
}

static void a_frame_of_bad_size_ends_the_connection_after_earlier_answers(void **state)
{
    static const uint32_t sizes[] = {0, 7, (1 << 20) + 1, 0x7fffffff, 0x80000000, 0xffffffff};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct pipeline_fixture fixture;
        char bytes[64] = {0};

        pipeline_fixture_init(&fixture);
        pipeline_fixture_ask(&fixture, API_PRODUCE, 1);
        store_be32(bytes, sizes[i]);
        (void)pipeline_fixture_feed(&fixture, bytes, sizeof bytes, SIZE_MAX);
        (void)loop_turn(&fixture.loop);
        assert_false(fixture.is_reading);
        assert_false(fixture.is_finished);
        pipeline_fixture_answer(&fixture, 0);
        (void)loop_turn(&fixture.loop);
        assert_true(fixture.is_finished);
        assert_string_equal(ANSWERS(&fixture), "1");
        pipeline_fixture_release(&fixture);
    }
}

static void an_unknown_api_ends_the_connection(void **state)
{
    struct buffer *frame = pipeline_fixture_frame(API_HEARTBEAT, 2, 0);
    struct pipeline_fixture fixture;

    (void)state;
    pipeline_fixture_init(&fixture);
    store_be16(frame->bytes + 4, 12345);
    pipeline_fixture_ask(&fixture, API_HEARTBEAT, 1);
    (void)pipeline_fixture_feed(&fixture, frame->bytes, frame->size, SIZE_MAX);
    (void)loop_turn(&fixture.loop);
    assert_true(fixture.is_finished);
    assert_string_equal(ANSWERS(&fixture), "1");
    pipeline_fixture_release(&fixture);
    buffer_unref(frame);
}

/* An answer behind a request that closes would be taken for that request's answer. */
static void nothing_is_sent_behind_a_request_that_closes(void **state)
{
    struct pipeline_fixture fixture;

    (void)state;
    pipeline_fixture_init(&fixture);
    pipeline_fixture_ask(&fixture, API_PRODUCE, 1);
    pipeline_fixture_ask(&fixture, API_PRODUCE, 2);
    pipeline_fixture_ask(&fixture, API_PRODUCE, 3);
    pipeline_fixture_answer(&fixture, 0);
    pipeline_fixture_answer(&fixture, 2);
    request_close(fixture.parked[1]);
    fixture.parked[1] = NULL;
    (void)loop_turn(&fixture.loop);
    assert_true(fixture.is_finished);
    assert_string_equal(ANSWERS(&fixture), "1");
    pipeline_fixture_release(&fixture);
}

static void reading_pauses_at_the_limit_of_requests(void **state)
{
    struct buffer *frame = pipeline_fixture_frame(API_PRODUCE, 9, 0);
    struct pipeline_fixture fixture;
    int asked = 0;

    (void)state;
    pipeline_fixture_init(&fixture);
    while (pipeline_fixture_feed(&fixture, frame->bytes, frame->size, SIZE_MAX) == frame->size) {
        asked++;
    }
    assert_int_equal(fixture.parked_count, 64);
    assert_int_equal(asked, 65); /* the last one is kept as bytes */
    pipeline_fixture_answer(&fixture, 0);
    (void)loop_turn(&fixture.loop);
    assert_int_equal(fixture.parked_count, 65);
    assert_true(fixture.is_reading);
    buffer_unref(frame);
    pipeline_fixture_release(&fixture);
}

static void a_client_that_does_not_take_its_answers_gets_no_more(void **state)
{
    struct pipeline_fixture fixture;
    struct buffer *frame = pipeline_fixture_frame(API_HEARTBEAT, 9, 0);
    size_t sent_before;
    int asked = 0;

    (void)state;
    pipeline_fixture_init(&fixture);
    fixture.is_taking = false;
    while (asked < 100000 &&
           pipeline_fixture_feed(&fixture, frame->bytes, frame->size, SIZE_MAX) == frame->size) {
        asked++;
        (void)loop_turn(&fixture.loop);
    }
    assert_true(asked < 1000);
    assert_true(fixture.sent.bytes <= 4096 + 64);
    sent_before = fixture.sent.bytes;
    fixture.is_taking = true;
    pipeline_sent(&fixture.pipeline, fixture.pipeline.output_bytes);
    (void)loop_turn(&fixture.loop);
    assert_true(fixture.is_reading);
    assert_true(fixture.sent.bytes > sent_before);
    buffer_unref(frame);
    pipeline_fixture_release(&fixture);
}

/* Eight large frames fill the memory; the ninth waits, a small one does not. */
static void large_frames_wait_for_memory_and_small_ones_pass(void **state)
{
    struct buffer *large = pipeline_fixture_frame(API_PRODUCE, 1, (1 << 20) - 100);
    struct pipeline_fixture fixture;
    struct connection_info connection = {.is_authenticated = true};
    struct pipeline other;
    char *into;
    size_t size;

    (void)state;
    pipeline_fixture_init(&fixture);
    fixture.shared.request_memory_max = (8U << 20) - 8 * 200;
    for (int i = 0; i < 8; i++) {
        assert_int_equal(pipeline_fixture_feed(&fixture, large->bytes, large->size, SIZE_MAX),
                         large->size);
    }
    assert_true(pipeline_fixture_feed(&fixture, large->bytes, large->size, SIZE_MAX) < large->size);
    assert_int_equal(fixture.parked_count, 8);
    assert_false(fixture.is_reading);

    pipeline_init(&other, &fixture.shared, &connection, fixture.pipeline.carrier, &fixture);
    pipeline_reserve(&other, &into, &size);
    store_be32(into, 100);
    pipeline_received(&other, 4);
    assert_true(other.is_reading);
    assert_true(pipeline_close(&other));

    pipeline_fixture_answer(&fixture, 0);
    (void)loop_turn(&fixture.loop);
    assert_true(fixture.is_reading);
    buffer_unref(large);
    pipeline_fixture_release(&fixture);
}

static void feed_whole(struct pipeline_fixture *fixture, size_t bytes)
{
    struct buffer *frame = pipeline_fixture_frame(API_PRODUCE, 1, bytes);

    assert_int_equal(pipeline_fixture_feed(fixture, frame->bytes, frame->size, SIZE_MAX),
                     frame->size);
    buffer_unref(frame);
}

static size_t room_of(struct pipeline_fixture *fixture)
{
    char *into;
    size_t size;

    pipeline_reserve(&fixture->pipeline, &into, &size);
    pipeline_received(&fixture->pipeline, 0);
    return size;
}

static void a_large_frame_behind_a_large_one_is_read_where_it_stays(void **state)
{
    struct buffer *frame = pipeline_fixture_frame(API_PRODUCE, 2, 90 * 1024);
    struct pipeline_fixture fixture;
    char *into;
    size_t size;

    (void)state;
    pipeline_fixture_init(&fixture);
    feed_whole(&fixture, 89 * 1024);
    pipeline_reserve(&fixture.pipeline, &into, &size);
    assert_true(size > frame->size);
    memcpy(into, frame->bytes, 1000);
    pipeline_received(&fixture.pipeline, 1000);
    pipeline_reserve(&fixture.pipeline, &into, &size);
    assert_int_equal(size, frame->size - 1000);
    memcpy(into, frame->bytes + 1000, size);
    pipeline_received(&fixture.pipeline, size);
    assert_int_equal(fixture.parked_count, 2);
    assert_int_equal(fixture.parked[1]->frame.length, frame->size - FRAME_PREFIX_BYTES);
    assert_ptr_equal(fixture.parked[1]->frame.bytes, into - 1000 + FRAME_PREFIX_BYTES);
    assert_memory_equal(fixture.parked[1]->frame.bytes, frame->bytes + FRAME_PREFIX_BYTES,
                        frame->size - FRAME_PREFIX_BYTES);
    buffer_unref(frame);
    pipeline_fixture_release(&fixture);
}

static void a_small_frame_behind_a_large_one_holds_little(void **state)
{
    struct pipeline_fixture fixture;

    (void)state;
    pipeline_fixture_init(&fixture);
    feed_whole(&fixture, 400 * 1024);
    assert_true(room_of(&fixture) > 400 * 1024);
    feed_whole(&fixture, 1000);
    assert_int_equal(fixture.parked_count, 2);
    assert_true(fixture.parked[1]->frame.buffer->size < 2000);
    for (int i = 0; i < 10; i++) {
        feed_whole(&fixture, 1000);
    }
    assert_true(room_of(&fixture) <= 64 * 1024); /* the slab that all share */
    pipeline_fixture_release(&fixture);
}

static void who_may_not_go_on_gets_no_buffer_for_large_frames(void **state)
{
    struct pipeline_fixture fixture;

    (void)state;
    pipeline_fixture_init(&fixture);
    fixture.shared.request_memory_max = 1000 * 1024;
    feed_whole(&fixture, 400 * 1024);
    assert_true(room_of(&fixture) > 400 * 1024);
    fixture.shared.request_memory_max = 800 * 1024;
    assert_true(room_of(&fixture) <= 64 * 1024);
    fixture.shared.request_memory_max = 1000 * 1024;
    fixture.shared.requests_max = 1;
    assert_true(room_of(&fixture) <= 64 * 1024);
    pipeline_fixture_release(&fixture);
}

/* Frames of sizes that go up and down, in pieces that end anywhere: none takes another's bytes. */
static void large_frames_may_come_in_pieces_of_any_size(void **state)
{
    static const size_t paddings[] = {90000, 90500, 40000, 95000, 10,     95000, 70000,
                                      71000, 0,     33000, 33000, 300000, 90000, 1};
    enum { COUNT = sizeof paddings / sizeof paddings[0] };
    static const size_t pieces[] = {SIZE_MAX, 65536, 30011, 4099};
    struct buffer *frames[COUNT];
    struct frame_output output;
    struct buffer *stream;

    (void)state;
    frame_output_init(&output);
    for (int i = 0; i < COUNT; i++) {
        frames[i] = pipeline_fixture_frame(API_PRODUCE, i, paddings[i]);
        memset(frames[i]->bytes + frames[i]->size - paddings[i], i + 1, paddings[i]);
        frame_output_append(&output, buffer_slice(frames[i], 0, frames[i]->size));
    }
    stream = frame_output_join(&output);
    frame_output_release(&output);
    for (size_t p = 0; p < sizeof pieces / sizeof pieces[0]; p++) {
        struct pipeline_fixture fixture;

        pipeline_fixture_init(&fixture);
        fixture.shared.request_memory_max = 64U << 20;
        assert_int_equal(pipeline_fixture_feed(&fixture, stream->bytes, stream->size, pieces[p]),
                         stream->size);
        assert_int_equal(fixture.parked_count, COUNT);
        for (int i = 0; i < COUNT; i++) {
            size_t length = frames[i]->size - FRAME_PREFIX_BYTES;

            assert_int_equal(fixture.parked[i]->frame.length, length);
            assert_memory_equal(fixture.parked[i]->frame.bytes,
                                frames[i]->bytes + FRAME_PREFIX_BYTES, length);
        }
        pipeline_fixture_release(&fixture);
    }
    for (int i = 0; i < COUNT; i++) {
        buffer_unref(frames[i]);
    }
    buffer_unref(stream);
}

static void what_is_large_together_starts_in_turns(void **state)
{
    struct buffer *large = pipeline_fixture_frame(API_PRODUCE, 1, (1 << 20) - 100);
    struct pipeline_fixture fixture;

    (void)state;
    pipeline_fixture_init(&fixture);
    fixture.shared.request_memory_max = 64U << 20;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(pipeline_fixture_feed(&fixture, large->bytes, large->size, SIZE_MAX),
                         large->size);
    }
    assert_int_equal(fixture.parked_count, 17); /* 16 of them are a little less than 16 MiB */
    pipeline_fixture_answer(&fixture, 1);
    (void)loop_turn(&fixture.loop);
    pipeline_fixture_answer(&fixture, 0);
    (void)loop_turn(&fixture.loop);
    assert_int_equal(fixture.parked_count, 19);
    buffer_unref(large);
    pipeline_fixture_release(&fixture);
}

static void requests_of_a_lost_connection_run_to_their_end(void **state)
{
    struct pipeline_fixture fixture;

    (void)state;
    pipeline_fixture_init(&fixture);
    pipeline_fixture_ask(&fixture, API_PRODUCE, 1);
    pipeline_fixture_ask(&fixture, API_PRODUCE, 2);
    pipeline_fixture_ask(&fixture, API_FETCH, 3); /* has not started: dropped */
    assert_false(pipeline_close(&fixture.pipeline));
    assert_true(fixture.parked[0]->is_orphaned);
    pipeline_fixture_answer(&fixture, 1);
    (void)loop_turn(&fixture.loop);
    assert_false(fixture.is_drained);
    pipeline_fixture_answer(&fixture, 0);
    (void)loop_turn(&fixture.loop);
    assert_true(fixture.is_drained);
    assert_string_equal(ANSWERS(&fixture), "");
    pipeline_fixture_release(&fixture);
}

static int told_count;

static void end_when_told(struct request *request)
{
    told_count++;
    assert_true(request->is_orphaned);
    request_reply_nothing(request);
}

static void a_parked_request_is_told_that_its_client_is_gone(void **state)
{
    struct pipeline_fixture fixture;

    (void)state;
    told_count = 0;
    pipeline_fixture_init(&fixture);
    pipeline_fixture_ask(&fixture, API_FETCH, 1);
    fixture.parked[0]->orphaned = end_when_told;
    fixture.parked[0] = NULL;
    assert_false(pipeline_close(&fixture.pipeline));
    assert_int_equal(told_count, 0); /* never within the call */
    (void)loop_turn(&fixture.loop);
    assert_int_equal(told_count, 1);
    assert_true(fixture.is_drained);
    pipeline_fixture_release(&fixture);
}

static void a_throttled_connection_rests_after_its_answer(void **state)
{
    struct pipeline_fixture fixture;

    (void)state;
    pipeline_fixture_init(&fixture);
    pipeline_fixture_ask(&fixture, API_LEAVE_GROUP, 1);
    pipeline_fixture_ask(&fixture, API_HEARTBEAT, 2);
    (void)loop_turn(&fixture.loop);
    assert_string_equal(ANSWERS(&fixture), "1");
    fixture.now_us += 49999;
    (void)loop_turn(&fixture.loop);
    assert_string_equal(ANSWERS(&fixture), "1");
    fixture.now_us += 1;
    (void)loop_turn(&fixture.loop);
    assert_string_equal(ANSWERS(&fixture), "1 2");
    pipeline_fixture_release(&fixture);
}

/* Reading goes on within the turn, whose time is that of its begin. */
static void who_is_answered_in_the_turn_it_came_in_took_no_time(void **state)
{
    struct buffer *frame = pipeline_fixture_frame(API_HEARTBEAT, 1, 0);
    struct pipeline_fixture fixture;
    char both[256];

    (void)state;
    pipeline_fixture_init(&fixture);
    fixture.shared.requests_max = 1;
    fixture.send_us = 500;
    assert_true(frame->size * 2 <= sizeof both);
    memcpy(both, frame->bytes, frame->size);
    memcpy(both + frame->size, frame->bytes, frame->size);
    (void)pipeline_fixture_feed(&fixture, both, frame->size * 2, SIZE_MAX);
    assert_false(fixture.is_reading);
    (void)loop_turn(&fixture.loop);
    assert_string_equal(ANSWERS(&fixture), "1 1");
    assert_int_equal(fixture.metrics->by_api[API_METRIC_REQUEST_TIME_US][API_HEARTBEAT], 0);
    buffer_unref(frame);
    pipeline_fixture_release(&fixture);
}

/* ---- before authentication ---- */

static void forget_who(struct pipeline_fixture *fixture)
{
    fixture->connection.is_authenticated = false;
}

static void who_is_nobody_yet_may_not_ask_for_more_than_who_it_may_be(void **state)
{
    struct pipeline_fixture fixture;

    (void)state;
    pipeline_fixture_init(&fixture);
    forget_who(&fixture);
    pipeline_fixture_ask(&fixture, API_HEARTBEAT, 1);
    (void)loop_turn(&fixture.loop);
    assert_string_equal(ANSWERS(&fixture), "");
    assert_true(fixture.is_finished);
    pipeline_fixture_release(&fixture);
}

static void a_session_that_is_over_takes_no_requests(void **state)
{
    struct pipeline_fixture fixture;

    (void)state;
    pipeline_fixture_init(&fixture);
    fixture.connection.session_ends_us = 1000;
    pipeline_fixture_ask(&fixture, API_HEARTBEAT, 1);
    fixture.now_us = 1000;
    pipeline_fixture_ask(&fixture, API_HEARTBEAT, 2);
    (void)loop_turn(&fixture.loop);
    assert_string_equal(ANSWERS(&fixture), "1");
    assert_true(fixture.is_finished);
    pipeline_fixture_release(&fixture);
}

static void a_large_frame_before_authentication_closes_the_connection(void **state)
{
    struct buffer *frame = pipeline_fixture_frame(API_PRODUCE, 1, UNAUTHENTICATED_FRAME_BYTES_MAX);
    struct pipeline_fixture fixture;

    (void)state;
    pipeline_fixture_init(&fixture);
    forget_who(&fixture);
    (void)pipeline_fixture_feed(&fixture, frame->bytes, 4, SIZE_MAX);
    (void)pipeline_fixture_feed(&fixture, frame->bytes + 4, 1, SIZE_MAX);
    (void)loop_turn(&fixture.loop);
    assert_true(fixture.is_finished);
    assert_int_equal(fixture.shared.request_memory, 0);
    buffer_unref(frame);
    pipeline_fixture_release(&fixture);
}

static void memory_before_authentication_grows_with_what_comes(void **state)
{
    struct buffer *frame = pipeline_fixture_frame(API_HEARTBEAT, 1, 60000);
    struct pipeline_fixture fixture;
    size_t before = 0;

    (void)state;
    pipeline_fixture_init(&fixture);
    forget_who(&fixture);
    for (size_t fed = 0; fed < frame->size - 1;) {
        size_t piece = frame->size - 1 - fed < 777 ? frame->size - 1 - fed : 777;

        assert_int_equal(pipeline_fixture_feed(&fixture, frame->bytes + fed, piece, SIZE_MAX),
                         piece);
        fed += piece;
        assert_true(fixture.shared.unauthenticated_memory <= 2 * fed + 1024);
        assert_true(fixture.shared.unauthenticated_memory >= before);
        before = fixture.shared.unauthenticated_memory;
    }
    assert_int_equal(before, frame->size - 4);
    (void)pipeline_fixture_feed(&fixture, frame->bytes + frame->size - 1, 1, SIZE_MAX);
    assert_int_equal(fixture.shared.unauthenticated_memory, 0);
    buffer_unref(frame);
    pipeline_fixture_release(&fixture);
}

static void those_who_are_nobody_share_a_limit_of_memory(void **state)
{
    struct buffer *frame = pipeline_fixture_frame(API_HEARTBEAT, 1, 60000);
    struct pipeline_fixture fixture;

    (void)state;
    pipeline_fixture_init(&fixture);
    forget_who(&fixture);
    fixture.shared.unauthenticated_memory = UNAUTHENTICATED_MEMORY_BYTES_MAX - 2000;
    (void)pipeline_fixture_feed(&fixture, frame->bytes, 900, SIZE_MAX);
    (void)loop_turn(&fixture.loop);
    assert_false(fixture.is_finished);
    (void)pipeline_fixture_feed(&fixture, frame->bytes + 900, 4000, SIZE_MAX);
    (void)loop_turn(&fixture.loop);
    assert_true(fixture.is_finished);
    assert_int_equal(fixture.shared.unauthenticated_memory,
                     UNAUTHENTICATED_MEMORY_BYTES_MAX - 2000);
    fixture.shared.unauthenticated_memory = 0;
    buffer_unref(frame);
    pipeline_fixture_release(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_come_in_the_order_of_the_questions),
        cmocka_unit_test(other_requests_wait_for_what_came_before),
        cmocka_unit_test(frames_may_come_in_pieces_of_any_size),
        cmocka_unit_test(a_frame_of_bad_size_ends_the_connection_after_earlier_answers),
        cmocka_unit_test(an_unknown_api_ends_the_connection),
        cmocka_unit_test(nothing_is_sent_behind_a_request_that_closes),
        cmocka_unit_test(reading_pauses_at_the_limit_of_requests),
        cmocka_unit_test(a_client_that_does_not_take_its_answers_gets_no_more),
        cmocka_unit_test(large_frames_wait_for_memory_and_small_ones_pass),
        cmocka_unit_test(a_large_frame_behind_a_large_one_is_read_where_it_stays),
        cmocka_unit_test(a_small_frame_behind_a_large_one_holds_little),
        cmocka_unit_test(who_may_not_go_on_gets_no_buffer_for_large_frames),
        cmocka_unit_test(large_frames_may_come_in_pieces_of_any_size),
        cmocka_unit_test(what_is_large_together_starts_in_turns),
        cmocka_unit_test(requests_of_a_lost_connection_run_to_their_end),
        cmocka_unit_test(a_parked_request_is_told_that_its_client_is_gone),
        cmocka_unit_test(a_throttled_connection_rests_after_its_answer),
        cmocka_unit_test(who_is_answered_in_the_turn_it_came_in_took_no_time),
        cmocka_unit_test(who_is_nobody_yet_may_not_ask_for_more_than_who_it_may_be),
        cmocka_unit_test(a_session_that_is_over_takes_no_requests),
        cmocka_unit_test(a_large_frame_before_authentication_closes_the_connection),
        cmocka_unit_test(memory_before_authentication_grows_with_what_comes),
        cmocka_unit_test(those_who_are_nobody_share_a_limit_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
