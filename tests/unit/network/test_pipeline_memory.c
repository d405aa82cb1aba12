/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that connections share: taken as frames come, and nobody keeps others from it for long. */
#include <string.h>

#include "gyre/observe/metrics.h"

#include "support/pipeline_fixture.h"
#include "support/test.h"
#include "wire_messages/api_keys.h"

enum { CROWD = 40 };

struct crowd {
    struct pipeline_fixture fixture;
    struct connection_info connection;
    struct pipeline members[CROWD];
};

/* Members of a crowd say for themselves whether they read. */
static void ignore_reading(void *context, bool is_reading)
{
    (void)context;
    (void)is_reading;
}

static void crowd_init(struct crowd *crowd, struct pipeline_carrier *carrier, size_t memory_max)
{
    pipeline_fixture_init(&crowd->fixture);
    *carrier = *crowd->fixture.pipeline.carrier;
    carrier->set_reading = ignore_reading;
    crowd->fixture.shared.frame_bytes_max = 100 << 20;
    crowd->fixture.shared.request_memory_max = memory_max;
    crowd->connection = (struct connection_info){.is_authenticated = true};
    for (int i = 0; i < CROWD; i++) {
        pipeline_init(&crowd->members[i], &crowd->fixture.shared, &crowd->connection, carrier,
                      &crowd->fixture);
    }
}

static void crowd_release(struct crowd *crowd)
{
    for (int i = 0; i < CROWD; i++) {
        assert_true(pipeline_close(&crowd->members[i]));
    }
    pipeline_fixture_release(&crowd->fixture);
}

/*
 * A frame is announced, or more of it comes, as far as it is read. Nobody knows its API: when it
 * is whole the connection ends.
 */
static void bring(struct pipeline *member, size_t announced, size_t bytes)
{
    while (bytes > 0 && member->is_reading && !member->is_ending) {
        size_t size;
        char *into;

        pipeline_reserve(member, &into, &size);
        size = size < bytes ? size : bytes;
        memset(into, 0, size);
        if (!pipeline_has_partial_frame(member)) {
            store_be32(into, (uint32_t)announced);
            store_be16(into + FRAME_PREFIX_BYTES, INT16_MAX);
        }
        pipeline_received(member, size);
        bytes -= size;
    }
}

static int64_t given_up(const struct crowd *crowd)
{
    return crowd->fixture.metrics->values[METRIC_FRAMES_GIVEN_UP];
}

static void what_is_announced_takes_no_memory_before_it_comes(void **state)
{
    struct buffer *usual = pipeline_fixture_frame(API_PRODUCE, 1, 900000);
    struct pipeline_carrier carrier;
    struct crowd crowd;
    size_t before;

    (void)state;
    crowd_init(&crowd, &carrier, 8U << 20);
    for (int i = 0; i < CROWD; i++) {
        bring(&crowd.members[i], 100000000, 10);
    }
    assert_true(crowd.fixture.shared.request_memory <= (size_t)CROWD * 64 * 1024);
    before = crowd.fixture.shared.request_memory;
    bring(&crowd.members[0], 0, 1 << 20);
    assert_in_range(crowd.fixture.shared.request_memory - before, 900 * 1024, 2 << 20);
    assert_int_equal(pipeline_fixture_feed(&crowd.fixture, usual->bytes, usual->size, SIZE_MAX),
                     usual->size);
    assert_int_equal(crowd.fixture.parked_count, 1);
    buffer_unref(usual);
    crowd_release(&crowd);
}

/* Together they want ten times what there is; each gets all it needs in its turn. */
static void half_frames_that_hold_all_memory_become_whole_one_by_one(void **state)
{
    enum { FRAME = 2 << 20, MEMORY = 8 << 20 };

    struct pipeline_carrier carrier;
    struct crowd crowd;
    int ended = 0;

    (void)state;
    crowd_init(&crowd, &carrier, MEMORY);
    for (int turn = 0; turn < 100000 && ended < CROWD; turn++) {
        ended = 0;
        for (int i = 0; i < CROWD; i++) {
            bring(&crowd.members[i], FRAME, 10000);
            ended += crowd.members[i].is_ending;
            assert_true(crowd.fixture.shared.request_memory <= MEMORY + FRAME);
        }
        (void)loop_turn(&crowd.fixture.loop);
    }
    assert_int_equal(ended, CROWD);
    assert_int_equal(given_up(&crowd), 0);
    assert_int_equal(crowd.fixture.shared.request_memory, 0);
    crowd_release(&crowd);
}

/* The one that is exempt may take more than there is: that is on top of it. */
static void a_large_frame_keeps_no_usual_one_waiting(void **state)
{
    struct buffer *usual = pipeline_fixture_frame(API_PRODUCE, 1, 900000);
    struct pipeline_carrier carrier;
    struct crowd crowd;

    (void)state;
    crowd_init(&crowd, &carrier, 16U << 20);
    bring(&crowd.members[0], 100000000, (8U << 20) + 10);
    assert_true(crowd.fixture.shared.request_memory + usual->size > 16U << 20);
    assert_int_equal(pipeline_fixture_feed(&crowd.fixture, usual->bytes, usual->size, SIZE_MAX),
                     usual->size);
    assert_int_equal(crowd.fixture.parked_count, 1);
    buffer_unref(usual);
    crowd_release(&crowd);
}

static void pass_ms(struct crowd *crowd, uint64_t ms)
{
    crowd->fixture.now_us += ms * 1000;
    (void)loop_turn(&crowd->fixture.loop);
}

static int count_ending(const struct crowd *crowd)
{
    int ending = 0;

    for (int i = 0; i < CROWD; i++) {
        ending += crowd->members[i].is_ending;
    }
    return ending;
}

static void who_holds_memory_that_others_want_must_go_on_sending(void **state)
{
    struct buffer *usual = pipeline_fixture_frame(API_PRODUCE, 1, 900000);
    struct pipeline_carrier carrier;
    struct crowd crowd;

    (void)state;
    crowd_init(&crowd, &carrier, 5U << 20);
    for (int i = 0; i < CROWD; i++) {
        bring(&crowd.members[i], 1 << 20, 10);
    }
    /* What is left is not enough, so the last of them may have what it needs, and does not come. */
    bring(&crowd.members[CROWD - 1], 1 << 20, 700000);
    pass_ms(&crowd, 20000);
    assert_int_equal(count_ending(&crowd), 0); /* nobody wants it */
    assert_true(pipeline_fixture_feed(&crowd.fixture, usual->bytes, usual->size, SIZE_MAX) <
                usual->size);
    pass_ms(&crowd, 3001);
    assert_int_equal(count_ending(&crowd), 0);
    bring(&crowd.members[0], 0, 40000);
    pass_ms(&crowd, 3001);
    assert_false(crowd.members[0].is_ending);
    assert_true(count_ending(&crowd) > CROWD / 2);
    assert_int_equal(given_up(&crowd), count_ending(&crowd));
    assert_true(crowd.fixture.is_reading);
    buffer_unref(usual);
    crowd_release(&crowd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_announced_takes_no_memory_before_it_comes),
        cmocka_unit_test(half_frames_that_hold_all_memory_become_whole_one_by_one),
        cmocka_unit_test(a_large_frame_keeps_no_usual_one_waiting),
        cmocka_unit_test(who_holds_memory_that_others_want_must_go_on_sending),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
