/* SPDX-License-Identifier: Apache-2.0 */
/* How a group gathers: the join barrier, the vote, limits, static members, answers that are lost.
 */
#include <string.h>

#include "support/test.h"
#include "unit/coordinator/coordinator_fixture.h"

static bool is(struct string text, const char *expected)
{
    return string_is(text, expected);
}

static void a_new_member_is_given_an_id_to_come_back_with(void **state)
{
    struct fixture fixture;
    struct joiner *first;
    struct joiner *second;

    (void)state;
    fixture_init(&fixture);
    first = fixture_join(&fixture, (struct joining){.version = 4});
    assert_true(first->is_done);
    assert_int_equal(first->out.error_code, KAFKA_ERROR_MEMBER_ID_REQUIRED);
    assert_int_equal(first->out.member_id.length, 2 + 36);
    assert_int_equal(memcmp(first->out.member_id.bytes, "c-", 2), 0);
    assert_int_equal(first->out.generation_id, -1);
    second =
        fixture_join(&fixture, (struct joining){.version = 4, .member_id = first->out.member_id});
    assert_false(second->is_done);
    fixture_pass_ms(&fixture, 3000);
    assert_true(second->is_done);
    assert_int_equal(second->out.error_code, KAFKA_ERROR_NONE);
    assert_true(string_equal(second->out.member_id, first->out.member_id));
    fixture_release(&fixture);
}

static void an_id_that_nobody_gave_out_is_unknown(void **state)
{
    struct fixture fixture;
    struct joiner *joiner;

    (void)state;
    fixture_init(&fixture);
    joiner = fixture_join(&fixture, (struct joining){.member_id = STRING("stranger")});
    assert_int_equal(joiner->out.error_code, KAFKA_ERROR_UNKNOWN_MEMBER_ID);
    (void)fixture_stable_member(&fixture, (struct joining){0});
    joiner = fixture_join(&fixture, (struct joining){.member_id = STRING("stranger")});
    assert_int_equal(joiner->out.error_code, KAFKA_ERROR_UNKNOWN_MEMBER_ID);
    assert_true(is(joiner->out.member_id, "stranger"));
    fixture_release(&fixture);
}

static void a_new_group_waits_longer_while_members_keep_coming(void **state)
{
    struct fixture fixture;
    struct joiner *joiners[3];

    (void)state;
    fixture_init(&fixture);
    joiners[0] = fixture_join(&fixture, (struct joining){0});
    fixture_pass_ms(&fixture, 2000);
    joiners[1] = fixture_join(&fixture, (struct joining){0});
    fixture_pass_ms(&fixture, 1500);
    assert_false(joiners[0]->is_done); /* the delay began again after three seconds */
    joiners[2] = fixture_join(&fixture, (struct joining){0});
    fixture_pass_ms(&fixture, 2600);
    assert_false(joiners[0]->is_done);
    fixture_pass_ms(&fixture, 3000);
    for (int i = 0; i < 3; i++) {
        assert_true(joiners[i]->is_done);
        assert_int_equal(joiners[i]->out.generation_id, 1);
    }
    fixture_release(&fixture);
}

static void only_the_leader_is_told_who_the_members_are(void **state)
{
    struct fixture fixture;
    struct joiner *leader;
    struct joiner *follower;

    (void)state;
    fixture_init(&fixture);
    leader = fixture_join(&fixture, (struct joining){.metadata = STRING("one")});
    follower = fixture_join(&fixture, (struct joining){.metadata = STRING("two")});
    fixture_pass_ms(&fixture, 6000);
    assert_true(string_equal(leader->out.leader, leader->out.member_id));
    assert_true(string_equal(follower->out.leader, leader->out.member_id));
    assert_int_equal(leader->out.members.count, 2);
    assert_int_equal(follower->out.members.count, 0);
    assert_true(is(leader->out.protocol_name, "range"));
    assert_true(is(leader->out.protocol_type, "consumer"));
    assert_int_equal(leader->out.members.items[1].metadata.length, 3);
    assert_int_equal(memcmp(leader->out.members.items[1].metadata.bytes, "two", 3), 0);
    fixture_release(&fixture);
}

static void the_protocol_that_most_prefer_among_those_all_support_wins(void **state)
{
    struct fixture fixture;
    struct joiner *joiners[3];
    struct joiner *stranger;

    (void)state;
    fixture_init(&fixture);
    joiners[0] = fixture_join(
        &fixture, (struct joining){.protocols = {STRING("range"), STRING("roundrobin")}});
    joiners[1] = fixture_join(
        &fixture, (struct joining){.protocols = {STRING("roundrobin"), STRING("range")}});
    joiners[2] = fixture_join(
        &fixture, (struct joining){.protocols = {STRING("roundrobin"), STRING("range")}});
    stranger = fixture_join(&fixture, (struct joining){.protocols = {STRING("sticky")}});
    assert_int_equal(stranger->out.error_code, KAFKA_ERROR_INCONSISTENT_GROUP_PROTOCOL);
    fixture_pass_ms(&fixture, 9000);
    assert_true(is(joiners[0]->out.protocol_name, "roundrobin"));
    fixture_release(&fixture);
}

static void who_does_not_come_back_in_time_is_out(void **state)
{
    struct fixture fixture;
    struct joiner *late;
    struct joiner *early;
    struct string assignments[4];

    (void)state;
    fixture_init(&fixture);
    early = fixture_join(&fixture, (struct joining){.session_ms = 300000});
    late = fixture_join(&fixture, (struct joining){.session_ms = 300000});
    fixture_pass_ms(&fixture, 6000);
    assignments[0] = early->out.member_id;
    assignments[1] = STRING("a");
    assignments[2] = late->out.member_id;
    assignments[3] = STRING("b");
    (void)fixture_sync(&fixture, late->out.member_id, 1, NULL, 0);
    (void)fixture_sync(&fixture, early->out.member_id, 1, assignments, 2);
    assert_string_equal(fixture_state(&fixture, STRING("g")), "Stable");
    early = fixture_join(&fixture,
                         (struct joining){.member_id = early->out.member_id, .session_ms = 300000});
    assert_string_equal(fixture_state(&fixture, STRING("g")), "PreparingRebalance");
    assert_int_equal(fixture_heartbeat(&fixture, late->out.member_id, 1),
                     KAFKA_ERROR_REBALANCE_IN_PROGRESS);
    fixture_pass_ms(&fixture, FIXTURE_REBALANCE_MS);
    assert_true(early->is_done);
    assert_int_equal(early->out.generation_id, 2);
    assert_int_equal(early->out.members.count, 1);
    assert_int_equal(fixture_heartbeat(&fixture, late->out.member_id, 1),
                     KAFKA_ERROR_UNKNOWN_MEMBER_ID);
    fixture_release(&fixture);
}

static void a_follower_that_asks_again_is_told_the_same_generation(void **state)
{
    struct fixture fixture;
    struct joiner *leader;
    struct joiner *follower;

    (void)state;
    fixture_init(&fixture);
    leader = fixture_join(&fixture, (struct joining){0});
    follower = fixture_join(&fixture, (struct joining){0});
    fixture_pass_ms(&fixture, 6000);
    (void)fixture_sync(&fixture, follower->out.member_id, 1, NULL, 0);
    (void)fixture_sync(&fixture, leader->out.member_id, 1, NULL, 0);
    follower = fixture_join(&fixture, (struct joining){.member_id = follower->out.member_id});
    assert_true(follower->is_done);
    assert_int_equal(follower->out.generation_id, 1);
    assert_string_equal(fixture_state(&fixture, STRING("g")), "Stable");
    follower = fixture_join(&fixture, (struct joining){.member_id = follower->out.member_id,
                                                       .metadata = STRING("other")});
    assert_false(follower->is_done);
    assert_string_equal(fixture_state(&fixture, STRING("g")), "PreparingRebalance");
    fixture_release(&fixture);
}

/* Cooperative assignors give partitions up in one rebalance and hand them out in the next. */
static void two_rebalances_in_a_row_keep_what_members_say(void **state)
{
    struct fixture fixture;
    struct string id;
    struct joiner *joiner;

    (void)state;
    fixture_init(&fixture);
    id = fixture_stable_member(&fixture, (struct joining){0});
    for (int32_t generation = 2; generation <= 3; generation++) {
        joiner = fixture_join(&fixture,
                              (struct joining){.member_id = id, .metadata = STRING("owned: t-0")});
        assert_true(joiner->is_done);
        assert_int_equal(joiner->out.generation_id, generation);
        assert_int_equal(joiner->out.members.items[0].metadata.length, 10);
        assert_int_equal(fixture_sync(&fixture, id, generation, NULL, 0)->out.error_code,
                         KAFKA_ERROR_NONE);
    }
    fixture_release(&fixture);
}

static void a_member_that_asks_twice_has_its_older_call_answered(void **state)
{
    struct fixture fixture;
    struct joiner *joiner;
    struct joiner *older;
    struct joiner *newer;

    (void)state;
    fixture_init(&fixture);
    joiner = fixture_join(&fixture, (struct joining){.version = 4});
    older = fixture_join(&fixture, (struct joining){.member_id = joiner->out.member_id});
    newer = fixture_join(&fixture, (struct joining){.member_id = joiner->out.member_id});
    assert_true(older->is_done);
    assert_int_equal(older->out.error_code, KAFKA_ERROR_REBALANCE_IN_PROGRESS);
    fixture_pass_ms(&fixture, 6000);
    assert_true(newer->is_done);
    assert_int_equal(newer->out.error_code, KAFKA_ERROR_NONE);
    fixture_release(&fixture);
}

static void a_full_group_takes_nobody_else(void **state)
{
    struct fixture fixture;
    struct joiner *second;

    (void)state;
    fixture_init(&fixture);
    fixture.config.group_max_size = 1;
    (void)fixture_stable_member(&fixture, (struct joining){0});
    second = fixture_join(&fixture, (struct joining){0});
    assert_int_equal(second->out.error_code, KAFKA_ERROR_GROUP_MAX_SIZE_REACHED);
    assert_string_equal(fixture_state(&fixture, STRING("g")), "Stable");
    fixture_release(&fixture);
}

static void ids_that_are_not_used_do_not_pile_up(void **state)
{
    struct fixture fixture;
    struct joiner *joiner = NULL;

    (void)state;
    fixture_init(&fixture);
    fixture.config.group_max_size = 3;
    for (int i = 0; i < 4; i++) {
        joiner = fixture_join(&fixture, (struct joining){.version = 4});
    }
    assert_int_equal(joiner->out.error_code, KAFKA_ERROR_GROUP_MAX_SIZE_REACHED);
    fixture_pass_ms(&fixture, FIXTURE_SESSION_MS);
    joiner = fixture_join(&fixture, (struct joining){.version = 4});
    assert_int_equal(joiner->out.error_code, KAFKA_ERROR_MEMBER_ID_REQUIRED);
    fixture_release(&fixture);
}

static void session_timeouts_have_bounds_and_groups_have_names(void **state)
{
    struct fixture fixture;

    (void)state;
    fixture_init(&fixture);
    assert_int_equal(fixture_join(&fixture, (struct joining){.session_ms = 5999})->out.error_code,
                     KAFKA_ERROR_INVALID_SESSION_TIMEOUT);
    assert_int_equal(
        fixture_join(&fixture, (struct joining){.session_ms = 1800001})->out.error_code,
        KAFKA_ERROR_INVALID_SESSION_TIMEOUT);
    assert_int_equal(
        fixture_join(&fixture, (struct joining){.group_id = STRING("")})->out.error_code,
        KAFKA_ERROR_INVALID_GROUP_ID);
    fixture_release(&fixture);
}

/* ---- static members (KIP-345) ---- */

static void a_static_member_comes_back_without_a_rebalance(void **state)
{
    struct fixture fixture;
    struct string old_id;
    struct joiner *back;
    struct syncer *syncer;

    (void)state;
    fixture_init(&fixture);
    old_id =
        fixture_stable_member(&fixture, (struct joining){.instance_id = STRING("i"), .version = 5});
    assert_int_equal(memcmp(old_id.bytes, "i-", 2), 0);
    back = fixture_join(&fixture, (struct joining){.instance_id = STRING("i"), .version = 9});
    assert_true(back->is_done);
    assert_int_equal(back->out.error_code, KAFKA_ERROR_NONE);
    assert_int_equal(back->out.generation_id, 1);
    assert_true(back->out.skip_assignment);
    assert_int_equal(back->out.members.count, 1);
    assert_false(string_equal(back->out.member_id, old_id));
    assert_string_equal(fixture_state(&fixture, STRING("g")), "Stable");
    syncer = fixture_sync(&fixture, back->out.member_id, 1, NULL, 0);
    assert_int_equal(syncer->out.assignment.length, 1);
    assert_int_equal(syncer->out.assignment.bytes[0], 'a');
    assert_int_equal(fixture_heartbeat(&fixture, old_id, 1), KAFKA_ERROR_UNKNOWN_MEMBER_ID);
    fixture_release(&fixture);
}

static void the_old_id_of_a_static_member_is_fenced(void **state)
{
    struct fixture fixture;
    struct joiner *old;
    struct joiner *back;
    struct joiner *ghost;

    (void)state;
    fixture_init(&fixture);
    old = fixture_join(&fixture, (struct joining){.instance_id = STRING("i"), .version = 5});
    back = fixture_join(&fixture, (struct joining){.instance_id = STRING("i"), .version = 5});
    assert_true(old->is_done);
    assert_int_equal(old->out.error_code, KAFKA_ERROR_FENCED_INSTANCE_ID);
    ghost = fixture_join(&fixture, (struct joining){.instance_id = STRING("i"),
                                                    .member_id = old->out.member_id,
                                                    .version = 5});
    assert_int_equal(ghost->out.error_code, KAFKA_ERROR_FENCED_INSTANCE_ID);
    fixture_pass_ms(&fixture, 6000);
    assert_true(back->is_done);
    assert_int_equal(back->out.error_code, KAFKA_ERROR_NONE);
    fixture_release(&fixture);
}

static void a_static_member_keeps_its_old_id_if_the_new_one_is_not_stored(void **state)
{
    struct fixture fixture;
    struct string old_id;
    struct joiner *back;

    (void)state;
    fixture_init(&fixture);
    old_id =
        fixture_stable_member(&fixture, (struct joining){.instance_id = STRING("i"), .version = 5});
    fixture.partition.append_error = KAFKA_ERROR_NOT_ENOUGH_REPLICAS;
    back = fixture_join(&fixture, (struct joining){.instance_id = STRING("i"), .version = 5});
    assert_true(back->is_done);
    assert_int_equal(back->out.error_code, KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
    assert_int_equal(fixture_heartbeat(&fixture, old_id, 1), KAFKA_ERROR_NONE);
    fixture_release(&fixture);
}

static void a_static_member_that_a_rebalance_answered_keeps_its_new_id(void **state)
{
    struct fixture fixture;
    struct joiner *back;
    struct joiner *other;

    (void)state;
    fixture_init(&fixture);
    (void)fixture_stable_member(&fixture,
                                (struct joining){.instance_id = STRING("i"), .version = 5});
    fixture.partition.holds_appends = true;
    back = fixture_join(&fixture, (struct joining){.instance_id = STRING("i"), .version = 5});
    assert_false(back->is_done);
    other = fixture_join(&fixture, (struct joining){0});
    assert_true(other->is_done);
    assert_true(back->is_done);
    assert_int_equal(back->out.error_code, KAFKA_ERROR_NONE);
    assert_int_equal(back->out.generation_id, 2);
    fixture_pass_ms(&fixture, (uint64_t)fixture.config.offsets_commit_timeout_ms);
    assert_int_equal(fixture_heartbeat(&fixture, back->out.member_id, 2), KAFKA_ERROR_NONE);
    fixture_release(&fixture);
}

static void a_static_member_that_comes_back_while_it_joins_may_wait_for_the_others(void **state)
{
    const struct joining slow = {.session_ms = 300000, .rebalance_ms = 300000};
    struct joining again = slow;
    struct fixture fixture;
    struct joiner *back;

    (void)state;
    fixture_init(&fixture);
    again.member_id = fixture_stable_member(&fixture, slow);
    (void)fixture_join(&fixture, (struct joining){.instance_id = STRING("i"), .version = 5});
    back = fixture_join(&fixture, (struct joining){.instance_id = STRING("i"), .version = 5});
    fixture_pass_ms(&fixture, 2ULL * FIXTURE_SESSION_MS);
    assert_false(back->is_done);
    (void)fixture_join(&fixture, again);
    assert_true(back->is_done);
    assert_int_equal(back->out.error_code, KAFKA_ERROR_NONE);
    assert_int_equal(back->out.generation_id, 2);
    fixture_release(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_member_is_given_an_id_to_come_back_with),
        cmocka_unit_test(an_id_that_nobody_gave_out_is_unknown),
        cmocka_unit_test(a_new_group_waits_longer_while_members_keep_coming),
        cmocka_unit_test(only_the_leader_is_told_who_the_members_are),
        cmocka_unit_test(the_protocol_that_most_prefer_among_those_all_support_wins),
        cmocka_unit_test(who_does_not_come_back_in_time_is_out),
        cmocka_unit_test(a_follower_that_asks_again_is_told_the_same_generation),
        cmocka_unit_test(two_rebalances_in_a_row_keep_what_members_say),
        cmocka_unit_test(a_member_that_asks_twice_has_its_older_call_answered),
        cmocka_unit_test(a_full_group_takes_nobody_else),
        cmocka_unit_test(ids_that_are_not_used_do_not_pile_up),
        cmocka_unit_test(session_timeouts_have_bounds_and_groups_have_names),
        cmocka_unit_test(a_static_member_comes_back_without_a_rebalance),
        cmocka_unit_test(the_old_id_of_a_static_member_is_fenced),
        cmocka_unit_test(a_static_member_keeps_its_old_id_if_the_new_one_is_not_stored),
        cmocka_unit_test(a_static_member_that_a_rebalance_answered_keeps_its_new_id),
        cmocka_unit_test(a_static_member_that_comes_back_while_it_joins_may_wait_for_the_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
