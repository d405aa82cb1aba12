/* SPDX-License-Identifier: Apache-2.0 */
/* Commits, what a restart finds, what goes when nobody needs it. */
#include "support/test.h"
#include "unit/coordinator/coordinator_fixture.h"

enum { HOUR_MS = 3600 * 1000 };

static void a_commit_is_seen_once_it_is_committed(void **state)
{
    struct fixture fixture;
    struct committer *committer;

    (void)state;
    fixture_init(&fixture);
    fixture.partition.holds_appends = true;
    committer = fixture_commit(&fixture, (struct committing){.generation = -1, .offset = 42});
    assert_false(committer->is_done);
    assert_int_equal(fixture_offset(&fixture, STRING("g")), -1);
    fixture_commit_held(&fixture);
    assert_true(committer->is_done);
    assert_int_equal(committer->error, KAFKA_ERROR_NONE);
    assert_int_equal(fixture_offset(&fixture, STRING("g")), 42);
    fixture_release(&fixture);
}

static void a_commit_that_fails_is_never_seen(void **state)
{
    struct fixture fixture;
    struct committer *committer;

    (void)state;
    fixture_init(&fixture);
    fixture.partition.append_error = KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER;
    committer = fixture_commit(&fixture, (struct committing){.generation = -1, .offset = 42});
    assert_int_equal(committer->error, KAFKA_ERROR_NOT_COORDINATOR);
    assert_int_equal(fixture_offset(&fixture, STRING("g")), -1);
    fixture_release(&fixture);
}

static void a_commit_that_takes_long_is_told_so_and_counts_when_it_is_through(void **state)
{
    struct fixture fixture;
    struct committer *committer;

    (void)state;
    fixture_init(&fixture);
    fixture.partition.holds_appends = true;
    committer = fixture_commit(&fixture, (struct committing){.generation = -1, .offset = 42});
    fixture_pass_ms(&fixture, 5000);
    assert_true(committer->is_done);
    assert_int_equal(committer->error, KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
    fixture_commit_held(&fixture);
    assert_int_equal(fixture_offset(&fixture, STRING("g")), 42);
    fixture_release(&fixture);
}

static void commits_of_one_turn_are_one_batch(void **state)
{
    struct fixture fixture;
    struct committer *committers[3];
    int before;

    (void)state;
    fixture_init(&fixture);
    before = fixture.partition.appends;
    fixture.is_paused = true;
    for (int i = 0; i < 3; i++) {
        committers[i] =
            fixture_commit(&fixture, (struct committing){.generation = -1, .offset = i});
    }
    fixture.is_paused = false;
    fixture_run(&fixture);
    assert_int_equal(fixture.partition.appends, before + 1);
    for (int i = 0; i < 3; i++) {
        assert_true(committers[i]->is_done);
        assert_int_equal(committers[i]->error, KAFKA_ERROR_NONE);
    }
    assert_int_equal(fixture_offset(&fixture, STRING("g")), 2);
    fixture_release(&fixture);
}

static void only_members_of_the_generation_may_commit(void **state)
{
    struct fixture fixture;
    struct string id;

    (void)state;
    fixture_init(&fixture);
    assert_int_equal(fixture_commit(&fixture, (struct committing){.generation = 1})->error,
                     KAFKA_ERROR_ILLEGAL_GENERATION);
    id = fixture_stable_member(&fixture, (struct joining){0});
    assert_int_equal(
        fixture_commit(&fixture, (struct committing){.member_id = id, .generation = 1})->error,
        KAFKA_ERROR_NONE);
    assert_int_equal(
        fixture_commit(&fixture, (struct committing){.member_id = id, .generation = 2})->error,
        KAFKA_ERROR_ILLEGAL_GENERATION);
    assert_int_equal(
        fixture_commit(&fixture, (struct committing){.member_id = STRING("x"), .generation = 1})
            ->error,
        KAFKA_ERROR_UNKNOWN_MEMBER_ID);
    assert_int_equal(fixture_commit(&fixture, (struct committing){.generation = -1})->error,
                     KAFKA_ERROR_UNKNOWN_MEMBER_ID);
    fixture_release(&fixture);
}

static void members_may_commit_before_they_join_again_but_not_before_they_sync(void **state)
{
    struct fixture fixture;
    struct string id;
    struct joiner *joiner;

    (void)state;
    fixture_init(&fixture);
    id = fixture_stable_member(&fixture, (struct joining){0});
    (void)fixture_join(&fixture, (struct joining){0});
    assert_string_equal(fixture_state(&fixture, STRING("g")), "PreparingRebalance");
    assert_int_equal(
        fixture_commit(&fixture, (struct committing){.member_id = id, .generation = 1})->error,
        KAFKA_ERROR_NONE);
    joiner = fixture_join(&fixture, (struct joining){.member_id = id});
    assert_true(joiner->is_done);
    assert_int_equal(
        fixture_commit(&fixture, (struct committing){.member_id = id, .generation = 2})->error,
        KAFKA_ERROR_REBALANCE_IN_PROGRESS);
    fixture_release(&fixture);
}

static void metadata_comes_back_and_has_a_limit(void **state)
{
    struct fixture fixture;
    struct group_offset offset;

    (void)state;
    fixture_init(&fixture);
    assert_int_equal(
        fixture_commit(&fixture, (struct committing){.generation = -1, .metadata = STRING("note")})
            ->error,
        KAFKA_ERROR_NONE);
    offset = group_coordinator_find_offset(fixture.coordinator, STRING("g"), STRING("t"), 0);
    assert_true(string_is(offset.metadata, "note"));
    assert_int_equal(
        fixture_commit(&fixture, (struct committing){.generation = -1,
                                                     .metadata = STRING("seventeen letters")})
            ->error,
        KAFKA_ERROR_OFFSET_METADATA_TOO_LARGE);
    fixture_release(&fixture);
}

/* ---- what a restart finds ---- */

static void a_new_leader_knows_groups_members_and_offsets(void **state)
{
    struct fixture fixture;
    struct string id;
    struct syncer *syncer;

    (void)state;
    fixture_init(&fixture);
    id = fixture_stable_member(&fixture, (struct joining){.instance_id = STRING("i")});
    (void)fixture_commit(&fixture,
                         (struct committing){.member_id = id, .generation = 1, .offset = 7});
    (void)fixture_commit(
        &fixture, (struct committing){.group_id = STRING("h"), .generation = -1, .offset = 8});
    fixture_restart(&fixture);
    assert_string_equal(fixture_state(&fixture, STRING("g")), "Stable");
    assert_string_equal(fixture_state(&fixture, STRING("h")), "Empty");
    assert_int_equal(fixture_offset(&fixture, STRING("g")), 7);
    assert_int_equal(fixture_offset(&fixture, STRING("h")), 8);
    assert_int_equal(fixture_heartbeat(&fixture, id, 1), KAFKA_ERROR_NONE);
    syncer = fixture_sync(&fixture, id, 1, NULL, 0);
    assert_int_equal(syncer->out.assignment.length, 1);
    /* Members that are not heard any more are out, as everywhere. */
    fixture_pass_ms(&fixture, FIXTURE_SESSION_MS);
    assert_string_equal(fixture_state(&fixture, STRING("g")), "Empty");
    fixture_release(&fixture);
}

static void nobody_is_answered_before_all_is_loaded(void **state)
{
    struct fixture fixture;

    (void)state;
    fixture_init(&fixture);
    for (int i = 0; i < 10; i++) {
        (void)fixture_commit(&fixture, (struct committing){.generation = -1, .offset = i});
    }
    fixture_follow(&fixture);
    fixture_run(&fixture);
    assert_int_equal(group_coordinator_check(fixture.coordinator, STRING("g")),
                     KAFKA_ERROR_NOT_COORDINATOR);
    fixture_lead(&fixture);
    assert_int_equal(group_coordinator_check(fixture.coordinator, STRING("g")),
                     KAFKA_ERROR_COORDINATOR_LOAD_IN_PROGRESS);
    assert_true(group_coordinator_is_loading(fixture.coordinator));
    assert_int_equal(fixture_heartbeat(&fixture, STRING("x"), 1), KAFKA_ERROR_NONE);
    fixture_run(&fixture);
    assert_int_equal(group_coordinator_check(fixture.coordinator, STRING("g")), KAFKA_ERROR_NONE);
    assert_int_equal(fixture_offset(&fixture, STRING("g")), 9);
    fixture_release(&fixture);
}

static void a_deleted_group_stays_deleted_after_a_restart(void **state)
{
    struct fixture fixture;

    (void)state;
    fixture_init(&fixture);
    assert_int_equal(fixture_delete_group(&fixture, STRING("g")), KAFKA_ERROR_GROUP_ID_NOT_FOUND);
    (void)fixture_commit(&fixture, (struct committing){.generation = -1, .offset = 5});
    assert_int_equal(fixture_delete_group(&fixture, STRING("g")), KAFKA_ERROR_NONE);
    assert_int_equal(fixture_offset(&fixture, STRING("g")), -1);
    assert_string_equal(fixture_state(&fixture, STRING("g")), "Dead");
    fixture_restart(&fixture);
    assert_int_equal(fixture_offset(&fixture, STRING("g")), -1);
    assert_string_equal(fixture_state(&fixture, STRING("g")), "Dead");
    fixture_release(&fixture);
}

/* A group that is empty and known, and a first commit in its name that is on its way. */
static struct committer *begin_commit(struct fixture *fixture)
{
    struct committer *committer;

    (void)fixture_leave(fixture, fixture_stable_member(fixture, (struct joining){0}));
    assert_string_equal(fixture_state(fixture, STRING("g")), "Empty");
    fixture->partition.holds_appends = true;
    committer = fixture_commit(fixture, (struct committing){.generation = -1, .offset = 5});
    assert_false(committer->is_done);
    return committer;
}

static void a_deleted_group_takes_commits_along_that_were_on_their_way(void **state)
{
    struct fixture fixture;
    struct committer *committer;

    (void)state;
    fixture_init(&fixture);
    committer = begin_commit(&fixture);
    (void)fixture_delete_group(&fixture, STRING("g"));
    fixture_commit_held(&fixture);
    assert_true(committer->is_done);
    assert_int_equal(fixture_offset(&fixture, STRING("g")), -1);
    assert_string_equal(fixture_state(&fixture, STRING("g")), "Dead");
    assert_int_equal(fixture_delete_group(&fixture, STRING("g")), KAFKA_ERROR_GROUP_ID_NOT_FOUND);
    fixture_restart(&fixture);
    assert_int_equal(fixture_offset(&fixture, STRING("g")), -1);
    assert_string_equal(fixture_state(&fixture, STRING("g")), "Dead");
    fixture_release(&fixture);
}

static void a_group_lives_on_if_what_was_on_its_way_cannot_be_deleted(void **state)
{
    struct fixture fixture;

    (void)state;
    fixture_init(&fixture);
    (void)begin_commit(&fixture);
    (void)fixture_delete_group(&fixture, STRING("g"));
    fixture.partition.append_error = KAFKA_ERROR_NOT_ENOUGH_REPLICAS; /* of the second write */
    fixture_commit_held(&fixture);
    assert_int_equal(fixture_offset(&fixture, STRING("g")), 5);
    assert_string_equal(fixture_state(&fixture, STRING("g")), "Empty");
    fixture.partition.append_error = KAFKA_ERROR_NONE;
    assert_int_equal(fixture_delete_group(&fixture, STRING("g")), KAFKA_ERROR_NONE);
    assert_string_equal(fixture_state(&fixture, STRING("g")), "Dead");
    fixture_release(&fixture);
}

static void a_deleted_offset_stays_deleted_if_its_commit_was_on_its_way(void **state)
{
    struct fixture fixture;
    struct committer *committer;

    (void)state;
    fixture_init(&fixture);
    committer = begin_commit(&fixture);
    assert_int_equal(fixture_delete_offset(&fixture), KAFKA_ERROR_NONE);
    fixture_commit_held(&fixture);
    assert_true(committer->is_done);
    assert_int_equal(fixture_offset(&fixture, STRING("g")), -1);
    fixture_release(&fixture);
}

static void a_group_with_members_is_not_deleted(void **state)
{
    struct fixture fixture;

    (void)state;
    fixture_init(&fixture);
    (void)fixture_stable_member(&fixture, (struct joining){0});
    assert_int_equal(fixture_delete_group(&fixture, STRING("g")), KAFKA_ERROR_NON_EMPTY_GROUP);
    fixture_release(&fixture);
}

static void a_group_whose_tombstone_fails_lives_on(void **state)
{
    struct fixture fixture;

    (void)state;
    fixture_init(&fixture);
    (void)fixture_commit(&fixture, (struct committing){.generation = -1, .offset = 5});
    fixture.partition.append_error = KAFKA_ERROR_NOT_ENOUGH_REPLICAS;
    assert_int_equal(fixture_delete_group(&fixture, STRING("g")),
                     KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
    assert_string_equal(fixture_state(&fixture, STRING("g")), "Empty");
    assert_int_equal(fixture_offset(&fixture, STRING("g")), 5);
    fixture_release(&fixture);
}

static void an_offset_is_kept_while_the_group_reads_the_topic(void **state)
{
    struct fixture fixture;
    struct string id;

    (void)state;
    fixture_init(&fixture);
    assert_int_equal(fixture_delete_offset(&fixture), KAFKA_ERROR_GROUP_ID_NOT_FOUND);
    /* Version 0, one topic "t", no user data. */
    id = fixture_stable_member(
        &fixture, (struct joining){.metadata = STRING("\0\0\0\0\0\1\0\1t\xFF\xFF\xFF\xFF")});
    (void)fixture_commit(&fixture,
                         (struct committing){.member_id = id, .generation = 1, .offset = 7});
    assert_int_equal(fixture_delete_offset(&fixture), KAFKA_ERROR_GROUP_SUBSCRIBED_TO_TOPIC);
    (void)fixture_leave(&fixture, id);
    assert_int_equal(fixture_delete_offset(&fixture), KAFKA_ERROR_NONE);
    assert_int_equal(fixture_offset(&fixture, STRING("g")), -1);
    fixture_release(&fixture);
}

/* ---- retention ---- */

static void offsets_of_a_simple_group_go_some_time_after_the_last_commit(void **state)
{
    struct fixture fixture;

    (void)state;
    fixture_init(&fixture);
    (void)fixture_commit(&fixture, (struct committing){.generation = -1, .offset = 5});
    fixture_pass_ms(&fixture, HOUR_MS / 2);
    (void)fixture_commit(&fixture, (struct committing){.generation = -1, .offset = 6});
    fixture_pass_ms(&fixture, HOUR_MS - 1000);
    assert_int_equal(fixture_offset(&fixture, STRING("g")), 6);
    fixture_pass_ms(&fixture, HOUR_MS / 2);
    assert_int_equal(fixture_offset(&fixture, STRING("g")), -1);
    assert_string_equal(fixture_state(&fixture, STRING("g")), "Dead");
    fixture_release(&fixture);
}

static void offsets_of_members_count_from_when_the_group_is_empty(void **state)
{
    struct fixture fixture;
    struct string id;

    (void)state;
    fixture_init(&fixture);
    id = fixture_stable_member(
        &fixture, (struct joining){.session_ms = 1800000,
                                   .metadata = STRING("\0\0\0\0\0\1\0\1t\xFF\xFF\xFF\xFF")});
    (void)fixture_commit(&fixture,
                         (struct committing){.member_id = id, .generation = 1, .offset = 7});
    for (int i = 0; i < 8; i++) {
        fixture_pass_ms(&fixture, HOUR_MS / 4);
        assert_int_equal(fixture_heartbeat(&fixture, id, 1), KAFKA_ERROR_NONE);
    }
    assert_int_equal(fixture_offset(&fixture, STRING("g")), 7);
    (void)fixture_leave(&fixture, id);
    fixture_pass_ms(&fixture, HOUR_MS / 2);
    assert_int_equal(fixture_offset(&fixture, STRING("g")), 7);
    fixture_pass_ms(&fixture, HOUR_MS);
    assert_int_equal(fixture_offset(&fixture, STRING("g")), -1);
    fixture_release(&fixture);
}

static void retention_does_not_undo_a_commit_that_is_on_its_way(void **state)
{
    struct fixture fixture;
    struct committer *committer;

    (void)state;
    fixture_init(&fixture);
    (void)fixture_commit(&fixture, (struct committing){.generation = -1, .offset = 5});
    fixture_pass_ms(&fixture, HOUR_MS - 1000);
    assert_int_equal(fixture_offset(&fixture, STRING("g")), 5);
    fixture.partition.holds_appends = true;
    committer = fixture_commit(&fixture, (struct committing){.generation = -1, .offset = 6});
    fixture_pass_ms(&fixture, 2000);
    assert_false(committer->is_done);
    fixture_commit_held(&fixture);
    assert_true(committer->is_done);
    assert_int_equal(committer->error, KAFKA_ERROR_NONE);
    assert_int_equal(fixture_offset(&fixture, STRING("g")), 6);
    fixture_restart(&fixture);
    assert_int_equal(fixture_offset(&fixture, STRING("g")), 6);
    fixture_release(&fixture);
}

static void a_retention_of_its_own_ends_an_offset_early_also_after_a_restart(void **state)
{
    struct fixture fixture;

    (void)state;
    fixture_init(&fixture);
    (void)fixture_commit(
        &fixture, (struct committing){.generation = -1, .offset = 5, .retention_ms = HOUR_MS / 3});
    fixture_restart(&fixture);
    assert_int_equal(fixture_offset(&fixture, STRING("g")), 5);
    fixture_pass_ms(&fixture, HOUR_MS / 2);
    assert_int_equal(fixture_offset(&fixture, STRING("g")), -1);
    fixture_release(&fixture);
}

static void offsets_go_with_their_topic(void **state)
{
    struct fixture fixture;

    (void)state;
    fixture_init(&fixture);
    (void)fixture_commit(&fixture, (struct committing){.generation = -1, .offset = 5});
    fixture_delete_topic(&fixture);
    assert_int_equal(fixture_offset(&fixture, STRING("g")), -1);
    fixture_restart(&fixture);
    assert_int_equal(fixture_offset(&fixture, STRING("g")), -1);
    fixture_release(&fixture);
}

static void count_visit(void *context, struct string topic, int32_t partition,
                        const struct group_offset *offset)
{
    int *count = context;

    (void)topic;
    (void)partition;
    (void)offset;
    (*count)++;
}

static int visited_offsets(const struct fixture *fixture)
{
    int count = 0;

    group_coordinator_for_each_offset(fixture->coordinator, STRING("g"), count_visit, &count);
    return count;
}

/* Also where nobody could write tombstones when the topic went. */
static void offsets_are_not_those_of_another_topic_of_the_same_name(void **state)
{
    struct fixture fixture;

    (void)state;
    fixture_init(&fixture);
    (void)fixture_commit(&fixture, (struct committing){.generation = -1, .offset = 5});
    assert_int_equal(visited_offsets(&fixture), 1);
    fixture.partition.append_error = KAFKA_ERROR_NOT_ENOUGH_REPLICAS;
    fixture_delete_topic(&fixture);
    fixture.partition.append_error = KAFKA_ERROR_NONE;
    assert_int_equal(fixture_offset(&fixture, STRING("g")), 5);
    fixture.topic.id.bytes[0]++;
    assert_int_equal(fixture_offset(&fixture, STRING("g")), -1);
    assert_int_equal(visited_offsets(&fixture), 0);
    fixture_restart(&fixture);
    assert_int_equal(fixture_offset(&fixture, STRING("g")), -1);
    (void)fixture_commit(&fixture, (struct committing){.generation = -1, .offset = 6});
    assert_int_equal(fixture_offset(&fixture, STRING("g")), 6);
    assert_int_equal(visited_offsets(&fixture), 1);
    fixture_release(&fixture);
}

/* Records before version 4 have no topic id, nor have those with a retention of their own. */
static void offsets_that_know_no_topic_id_are_those_of_their_name(void **state)
{
    struct fixture fixture;

    (void)state;
    fixture_init(&fixture);
    (void)fixture_commit(
        &fixture, (struct committing){.generation = -1, .offset = 5, .retention_ms = HOUR_MS});
    fixture_restart(&fixture);
    fixture.topic.id.bytes[0]++;
    assert_int_equal(fixture_offset(&fixture, STRING("g")), 5);
    fixture_release(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_commit_is_seen_once_it_is_committed),
        cmocka_unit_test(a_commit_that_fails_is_never_seen),
        cmocka_unit_test(a_commit_that_takes_long_is_told_so_and_counts_when_it_is_through),
        cmocka_unit_test(commits_of_one_turn_are_one_batch),
        cmocka_unit_test(only_members_of_the_generation_may_commit),
        cmocka_unit_test(members_may_commit_before_they_join_again_but_not_before_they_sync),
        cmocka_unit_test(metadata_comes_back_and_has_a_limit),
        cmocka_unit_test(a_new_leader_knows_groups_members_and_offsets),
        cmocka_unit_test(nobody_is_answered_before_all_is_loaded),
        cmocka_unit_test(a_deleted_group_stays_deleted_after_a_restart),
        cmocka_unit_test(a_deleted_group_takes_commits_along_that_were_on_their_way),
        cmocka_unit_test(a_group_lives_on_if_what_was_on_its_way_cannot_be_deleted),
        cmocka_unit_test(a_deleted_offset_stays_deleted_if_its_commit_was_on_its_way),
        cmocka_unit_test(a_group_with_members_is_not_deleted),
        cmocka_unit_test(a_group_whose_tombstone_fails_lives_on),
        cmocka_unit_test(an_offset_is_kept_while_the_group_reads_the_topic),
        cmocka_unit_test(offsets_of_a_simple_group_go_some_time_after_the_last_commit),
        cmocka_unit_test(offsets_of_members_count_from_when_the_group_is_empty),
        cmocka_unit_test(retention_does_not_undo_a_commit_that_is_on_its_way),
        cmocka_unit_test(a_retention_of_its_own_ends_an_offset_early_also_after_a_restart),
        cmocka_unit_test(offsets_go_with_their_topic),
        cmocka_unit_test(offsets_are_not_those_of_another_topic_of_the_same_name),
        cmocka_unit_test(offsets_that_know_no_topic_id_are_those_of_their_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
