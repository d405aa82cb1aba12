/* SPDX-License-Identifier: Apache-2.0 */
/* How a connection ends that has to, and what is answered before. */
#include "support/pipeline_fixture.h"
#include "support/test.h"
#include "wire_messages/api_keys.h"

static char answers[64];
#define ANSWERS(fixture) pipeline_fixture_answers(fixture, answers, sizeof answers)

static void what_has_begun_is_answered_and_what_waits_is_dropped_at_an_early_end(void **state)
{
    struct pipeline_fixture fixture;

    (void)state;
    pipeline_fixture_init(&fixture);
    assert_false(pipeline_is_serving(&fixture.pipeline, HANDLER_PIPELINED));
    pipeline_fixture_ask(&fixture, API_PRODUCE, 1);
    pipeline_fixture_ask(&fixture, API_FETCH, 2);
    assert_true(pipeline_is_serving(&fixture.pipeline, HANDLER_PIPELINED));
    assert_false(pipeline_is_serving(&fixture.pipeline, HANDLER_HIDDEN));
    pipeline_end_early(&fixture.pipeline);
    (void)loop_turn(&fixture.loop);
    assert_false(fixture.is_reading);
    assert_false(fixture.is_finished);
    pipeline_fixture_answer(&fixture, 0);
    assert_true(pipeline_is_serving(&fixture.pipeline, HANDLER_PIPELINED));
    (void)loop_turn(&fixture.loop);
    assert_true(fixture.is_finished);
    assert_int_equal(fixture.parked_count, 1);
    assert_string_equal(ANSWERS(&fixture), "1");
    pipeline_fixture_release(&fixture);
    /* Where nothing has begun, nothing is waited for. */
    pipeline_fixture_init(&fixture);
    pipeline_end_early(&fixture.pipeline);
    (void)loop_turn(&fixture.loop);
    assert_true(fixture.is_finished);
    pipeline_fixture_release(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_has_begun_is_answered_and_what_waits_is_dropped_at_an_early_end),
    };
    return cmocka_run_group_tests_name("pipeline_end", tests, NULL, NULL);
}
