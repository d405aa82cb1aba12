/* SPDX-License-Identifier: Apache-2.0 */
/* Who is turned away because there is no room, and what becomes of the others. */
#include "support/test.h"
#include "unit/coordinator/coordinator_fixture.h"

static char large[2 * GROUP_BYTES_MAX + 1];

static struct string large_text(int32_t length)
{
    assert_in_range(length, 1, sizeof large);
    return (struct string){.bytes = large, .length = length};
}

/* Two members of "g" that have joined generation 1. */
static void join_two(struct fixture *fixture, struct string ids[2])
{
    struct joiner *joiners[2];

    joiners[0] = fixture_join(fixture, (struct joining){0});
    joiners[1] = fixture_join(fixture, (struct joining){0});
    fixture_pass_ms(fixture, 6000);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(joiners[i]->out.error_code, KAFKA_ERROR_NONE);
        ids[i] = joiners[i]->out.member_id;
    }
}

static void stable_two(struct fixture *fixture, struct string ids[2])
{
    join_two(fixture, ids);
    (void)fixture_sync(fixture, ids[1], 1, NULL, 0);
    (void)fixture_sync(fixture, ids[0], 1, NULL, 0);
    assert_string_equal(fixture_state(fixture, STRING("g")), "Stable");
}

static void bring_too_much(struct fixture *fixture, struct string member_id)
{
    struct joiner *joiner =
        fixture_join(fixture, (struct joining){.member_id = member_id,
                                               .metadata = large_text(GROUP_BYTES_MAX + 1)});

    assert_true(joiner->is_done);
    assert_int_equal(joiner->out.error_code, KAFKA_ERROR_GROUP_MAX_SIZE_REACHED);
}

static void who_brings_too_much_leaves_what_it_had_to_the_others(void **state)
{
    struct fixture fixture;
    struct string ids[2];

    (void)state;
    fixture_init(&fixture);
    stable_two(&fixture, ids);
    bring_too_much(&fixture, ids[1]);
    assert_int_equal(fixture_heartbeat(&fixture, ids[0], 1), KAFKA_ERROR_REBALANCE_IN_PROGRESS);
    bring_too_much(&fixture, ids[0]);
    assert_string_equal(fixture_state(&fixture, STRING("g")), "Empty");
    fixture_release(&fixture);
}

static void who_waits_for_a_leader_that_brings_too_much_is_answered(void **state)
{
    struct fixture fixture;
    struct string ids[2];
    struct syncer *syncer;

    (void)state;
    fixture_init(&fixture);
    join_two(&fixture, ids);
    syncer = fixture_sync(&fixture, ids[1], 1, NULL, 0);
    assert_false(syncer->is_done);
    bring_too_much(&fixture, ids[0]);
    assert_true(syncer->is_done);
    assert_int_equal(syncer->out.error_code, KAFKA_ERROR_REBALANCE_IN_PROGRESS);
    assert_string_equal(fixture_state(&fixture, STRING("g")), "PreparingRebalance");
    fixture_release(&fixture);
}

static void nobody_waits_for_a_member_that_has_no_place_any_more(void **state)
{
    struct fixture fixture;
    struct string ids[2];
    struct joiner *joiners[2];

    (void)state;
    fixture_init(&fixture);
    stable_two(&fixture, ids);
    fixture.config.group_max_size = 1;
    joiners[0] = fixture_join(&fixture, (struct joining){.member_id = ids[0]});
    assert_false(joiners[0]->is_done);
    joiners[1] = fixture_join(&fixture, (struct joining){.member_id = ids[1]});
    assert_int_equal(joiners[1]->out.error_code, KAFKA_ERROR_GROUP_MAX_SIZE_REACHED);
    assert_true(joiners[0]->is_done);
    assert_int_equal(joiners[0]->out.generation_id, 2);
    assert_int_equal(joiners[0]->out.members.count, 1);
    fixture_release(&fixture);
}

static void what_is_assigned_to_members_does_not_turn_them_away(void **state)
{
    struct fixture fixture;
    struct string assignments[2];
    struct syncer *syncer;

    (void)state;
    fixture_init(&fixture);
    assignments[0] = fixture_stable_member(&fixture, (struct joining){0});
    assignments[1] = large_text(GROUP_BYTES_MAX + GROUP_BYTES_MAX / 2);
    for (int32_t generation = 2; generation <= 4; generation++) {
        struct joiner *joiner =
            fixture_join(&fixture, (struct joining){.member_id = assignments[0]});

        assert_int_equal(joiner->out.error_code, KAFKA_ERROR_NONE);
        assert_int_equal(joiner->out.generation_id, generation);
        syncer = fixture_sync(&fixture, assignments[0], generation, assignments, 1);
        assert_int_equal(syncer->out.error_code, KAFKA_ERROR_NONE);
        assert_int_equal(syncer->out.assignment.length, assignments[1].length);
    }
    fixture_release(&fixture);
}

static void an_assignment_that_is_too_large_makes_a_new_rebalance(void **state)
{
    struct fixture fixture;
    struct string ids[2];
    struct string assignments[2];
    struct syncer *syncers[2];

    (void)state;
    fixture_init(&fixture);
    join_two(&fixture, ids);
    assignments[0] = ids[0];
    assignments[1] = large_text(2 * GROUP_BYTES_MAX);
    syncers[1] = fixture_sync(&fixture, ids[1], 1, NULL, 0);
    syncers[0] = fixture_sync(&fixture, ids[0], 1, assignments, 1);
    for (int i = 0; i < 2; i++) {
        assert_true(syncers[i]->is_done);
        assert_int_equal(syncers[i]->out.error_code, KAFKA_ERROR_UNKNOWN_SERVER_ERROR);
    }
    assert_string_equal(fixture_state(&fixture, STRING("g")), "PreparingRebalance");
    fixture_release(&fixture);
}

/* ---- ids on their way ---- */

static void who_was_given_the_last_id_may_come_back_with_it(void **state)
{
    struct fixture fixture;
    struct joiner *joiners[2];

    (void)state;
    fixture_init(&fixture);
    fixture.config.group_max_size = 2;
    for (int i = 0; i < 2; i++) {
        joiners[i] = fixture_join(&fixture, (struct joining){.version = 4});
        assert_int_equal(joiners[i]->out.error_code, KAFKA_ERROR_MEMBER_ID_REQUIRED);
    }
    for (int i = 0; i < 2; i++) {
        joiners[i] = fixture_join(
            &fixture, (struct joining){.member_id = joiners[i]->out.member_id, .version = 4});
    }
    fixture_pass_ms(&fixture, 6000);
    for (int i = 0; i < 2; i++) {
        assert_true(joiners[i]->is_done);
        assert_int_equal(joiners[i]->out.error_code, KAFKA_ERROR_NONE);
    }
    fixture_release(&fixture);
}

static void ids_that_nobody_uses_turn_no_member_away(void **state)
{
    struct fixture fixture;
    struct string id;
    struct joiner *joiner = NULL;

    (void)state;
    fixture_init(&fixture);
    fixture.config.group_max_size = 2;
    id = fixture_stable_member(&fixture, (struct joining){0});
    for (int i = 0; i < 4; i++) {
        joiner = fixture_join(&fixture, (struct joining){.version = 4});
    }
    assert_int_equal(joiner->out.error_code, KAFKA_ERROR_GROUP_MAX_SIZE_REACHED);
    joiner = fixture_join(&fixture, (struct joining){.member_id = id});
    assert_false(joiner->is_done);
    fixture_pass_ms(&fixture, FIXTURE_SESSION_MS);
    assert_true(joiner->is_done);
    assert_int_equal(joiner->out.error_code, KAFKA_ERROR_NONE);
    fixture_release(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_brings_too_much_leaves_what_it_had_to_the_others),
        cmocka_unit_test(who_waits_for_a_leader_that_brings_too_much_is_answered),
        cmocka_unit_test(nobody_waits_for_a_member_that_has_no_place_any_more),
        cmocka_unit_test(what_is_assigned_to_members_does_not_turn_them_away),
        cmocka_unit_test(an_assignment_that_is_too_large_makes_a_new_rebalance),
        cmocka_unit_test(who_was_given_the_last_id_may_come_back_with_it),
        cmocka_unit_test(ids_that_nobody_uses_turn_no_member_away),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
