/* SPDX-License-Identifier: Apache-2.0 */
/* Assignments, heartbeats, leaving, sessions that end, leadership that is lost. */
#include "support/test.h"
#include "unit/coordinator/coordinator_fixture.h"

static void an_assignment_is_handed_out_once_it_is_stored(void **state)
{
    struct fixture fixture;
    struct joiner *leader;
    struct joiner *follower;
    struct syncer *syncers[2];
    struct string assignments[4];

    (void)state;
    fixture_init(&fixture);
    leader = fixture_join(&fixture, (struct joining){0});
    follower = fixture_join(&fixture, (struct joining){0});
    fixture_pass_ms(&fixture, 6000);
    assignments[0] = follower->out.member_id;
    assignments[1] = STRING("right");
    assignments[2] = STRING("nobody");
    assignments[3] = STRING("lost");
    syncers[0] = fixture_sync(&fixture, follower->out.member_id, 1, NULL, 0);
    assert_false(syncers[0]->is_done);
    fixture.partition.holds_appends = true;
    syncers[1] = fixture_sync(&fixture, leader->out.member_id, 1, assignments, 2);
    assert_false(syncers[1]->is_done);
    assert_string_equal(fixture_state(&fixture, STRING("g")), "CompletingRebalance");
    fixture_commit_held(&fixture);
    assert_true(syncers[0]->is_done);
    assert_true(syncers[1]->is_done);
    assert_int_equal(syncers[0]->out.assignment.length, 5);
    assert_int_equal(syncers[1]->out.assignment.length, 0);
    assert_string_equal(fixture_state(&fixture, STRING("g")), "Stable");
    fixture_release(&fixture);
}

static void an_assignment_that_cannot_be_stored_makes_a_new_rebalance(void **state)
{
    struct fixture fixture;
    struct joiner *joiner;
    struct syncer *syncer;

    (void)state;
    fixture_init(&fixture);
    joiner = fixture_join(&fixture, (struct joining){0});
    fixture_pass_ms(&fixture, 3000);
    fixture.partition.append_error = KAFKA_ERROR_KAFKA_STORAGE_ERROR;
    syncer = fixture_sync(&fixture, joiner->out.member_id, 1, NULL, 0);
    assert_int_equal(syncer->out.error_code, KAFKA_ERROR_NOT_COORDINATOR);
    assert_string_equal(fixture_state(&fixture, STRING("g")), "PreparingRebalance");
    fixture_release(&fixture);
}

static void an_assignment_of_an_old_generation_never_takes_effect(void **state)
{
    struct fixture fixture;
    struct joiner *first;
    struct joiner *second;
    struct syncer *syncer;

    (void)state;
    fixture_init(&fixture);
    first = fixture_join(&fixture, (struct joining){0});
    fixture_pass_ms(&fixture, 3000);
    fixture.partition.holds_appends = true;
    syncer = fixture_sync(&fixture, first->out.member_id, 1, NULL, 0);
    second = fixture_join(&fixture, (struct joining){0});
    assert_true(syncer->is_done);
    assert_int_equal(syncer->out.error_code, KAFKA_ERROR_REBALANCE_IN_PROGRESS);
    fixture_commit_held(&fixture);
    assert_string_equal(fixture_state(&fixture, STRING("g")), "PreparingRebalance");
    first = fixture_join(&fixture, (struct joining){.member_id = first->out.member_id});
    assert_true(second->is_done);
    assert_int_equal(first->out.generation_id, 2);
    fixture_release(&fixture);
}

static void wrong_questions_get_kafkas_errors(void **state)
{
    struct fixture fixture;
    struct string id;

    (void)state;
    fixture_init(&fixture);
    assert_int_equal(fixture_heartbeat(&fixture, STRING("x"), 1), KAFKA_ERROR_UNKNOWN_MEMBER_ID);
    assert_int_equal(fixture_leave(&fixture, STRING("x")), KAFKA_ERROR_UNKNOWN_MEMBER_ID);
    assert_int_equal(fixture_sync(&fixture, STRING("x"), 1, NULL, 0)->out.error_code,
                     KAFKA_ERROR_UNKNOWN_MEMBER_ID);
    id = fixture_stable_member(&fixture, (struct joining){0});
    assert_int_equal(fixture_heartbeat(&fixture, id, 2), KAFKA_ERROR_ILLEGAL_GENERATION);
    assert_int_equal(fixture_sync(&fixture, id, 0, NULL, 0)->out.error_code,
                     KAFKA_ERROR_ILLEGAL_GENERATION);
    assert_int_equal(fixture_heartbeat(&fixture, STRING("x"), 1), KAFKA_ERROR_UNKNOWN_MEMBER_ID);
    assert_int_equal(fixture_heartbeat(&fixture, id, 1), KAFKA_ERROR_NONE);
    fixture_release(&fixture);
}

static void a_member_lives_as_long_as_it_is_heard(void **state)
{
    struct fixture fixture;
    struct string id;

    (void)state;
    fixture_init(&fixture);
    id = fixture_stable_member(&fixture, (struct joining){0});
    for (int i = 0; i < 5; i++) {
        fixture_pass_ms(&fixture, FIXTURE_SESSION_MS - 1);
        assert_int_equal(fixture_heartbeat(&fixture, id, 1), KAFKA_ERROR_NONE);
    }
    fixture_pass_ms(&fixture, FIXTURE_SESSION_MS);
    assert_int_equal(fixture_heartbeat(&fixture, id, 1), KAFKA_ERROR_UNKNOWN_MEMBER_ID);
    assert_string_equal(fixture_state(&fixture, STRING("g")), "Empty");
    fixture_release(&fixture);
}

static void the_last_member_to_leave_empties_the_group(void **state)
{
    struct fixture fixture;
    struct string id;

    (void)state;
    fixture_init(&fixture);
    id = fixture_stable_member(&fixture, (struct joining){0});
    assert_int_equal(fixture_leave(&fixture, id), KAFKA_ERROR_NONE);
    assert_string_equal(fixture_state(&fixture, STRING("g")), "Empty");
    assert_int_equal(fixture_leave(&fixture, id), KAFKA_ERROR_UNKNOWN_MEMBER_ID);
    assert_string_equal(fixture_state(&fixture, STRING("g")), "Empty");
    fixture_release(&fixture);
}

static void who_does_not_ask_for_its_assignment_is_out(void **state)
{
    struct fixture fixture;
    struct joiner *leader;
    struct joiner *silent;

    (void)state;
    fixture_init(&fixture);
    leader = fixture_join(&fixture, (struct joining){.session_ms = 300000});
    silent = fixture_join(&fixture, (struct joining){.session_ms = 300000});
    fixture_pass_ms(&fixture, 6000);
    (void)fixture_sync(&fixture, leader->out.member_id, 1, NULL, 0);
    assert_string_equal(fixture_state(&fixture, STRING("g")), "Stable");
    fixture_pass_ms(&fixture, FIXTURE_REBALANCE_MS);
    assert_string_equal(fixture_state(&fixture, STRING("g")), "PreparingRebalance");
    assert_int_equal(fixture_heartbeat(&fixture, silent->out.member_id, 1),
                     KAFKA_ERROR_UNKNOWN_MEMBER_ID);
    fixture_release(&fixture);
}

static void lost_leadership_answers_everybody_who_waits(void **state)
{
    struct fixture fixture;
    struct joiner *joiner;
    struct string id;

    (void)state;
    fixture_init(&fixture);
    id = fixture_stable_member(&fixture, (struct joining){0});
    joiner = fixture_join(&fixture, (struct joining){0});
    assert_false(joiner->is_done);
    fixture_follow(&fixture);
    fixture_run(&fixture);
    assert_true(joiner->is_done);
    assert_int_equal(joiner->out.error_code, KAFKA_ERROR_NOT_COORDINATOR);
    assert_int_equal(fixture_heartbeat(&fixture, id, 1), KAFKA_ERROR_NOT_COORDINATOR);
    fixture_release(&fixture);
}

static void lost_leadership_ends_writes_that_are_underway(void **state)
{
    struct fixture fixture;
    struct joiner *joiner;
    struct syncer *syncer;

    (void)state;
    fixture_init(&fixture);
    joiner = fixture_join(&fixture, (struct joining){0});
    fixture_pass_ms(&fixture, 3000);
    fixture.partition.holds_appends = true;
    syncer = fixture_sync(&fixture, joiner->out.member_id, 1, NULL, 0);
    fixture_follow(&fixture);
    fixture_run(&fixture);
    assert_true(syncer->is_done);
    assert_int_equal(syncer->out.error_code, KAFKA_ERROR_NOT_COORDINATOR);
    fixture_release(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_assignment_is_handed_out_once_it_is_stored),
        cmocka_unit_test(an_assignment_that_cannot_be_stored_makes_a_new_rebalance),
        cmocka_unit_test(an_assignment_of_an_old_generation_never_takes_effect),
        cmocka_unit_test(wrong_questions_get_kafkas_errors),
        cmocka_unit_test(a_member_lives_as_long_as_it_is_heard),
        cmocka_unit_test(the_last_member_to_leave_empties_the_group),
        cmocka_unit_test(who_does_not_ask_for_its_assignment_is_out),
        cmocka_unit_test(lost_leadership_answers_everybody_who_waits),
        cmocka_unit_test(lost_leadership_ends_writes_that_are_underway),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
