/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The group APIs in every version that is accepted: each is asked as a client of that version
 * would, and the answer must say the same in the words of the version.
 */
#include "handlers/forward.h"
#include "support/test.h"
#include "unit/handlers/group_asker.h"
#include "wire_messages/api_keys.h"
#include "wire_messages/delete_groups.h"
#include "wire_messages/leave_group.h"
#include "wire_messages/list_groups.h"
#include "wire_messages/offset_fetch.h"

enum { NO_GENERATION = -1 };

/* ---- other brokers: there are none ---- */

bool forward_to_broker(struct request *request, int32_t node_id,
                       void (*failed)(struct request *request, enum error error))
{
    (void)request;
    (void)node_id;
    (void)failed;
    return false;
}

/* ---- offsets ---- */

static int16_t commit(struct group_asker *asker, int16_t version, int32_t partition, int64_t offset)
{
    struct offset_commit_request_topics_partitions partitions = {0};
    struct offset_commit_request_topics topics = {0};
    struct offset_commit_request in;
    struct offset_commit_response out;

    offset_commit_request_init(&in);
    offset_commit_request_topics_init(&topics);
    offset_commit_request_topics_partitions_init(&partitions);
    in.group_id = STRING("g");
    in.topics.items = &topics;
    in.topics.count = 1;
    topics.name = version < 10 ? STRING("t") : STRING("");
    topics.topic_id = version < 10 ? (struct uuid){0} : asker->fixture.topic.id;
    topics.partitions.items = &partitions;
    topics.partitions.count = 1;
    partitions.partition_index = partition;
    partitions.committed_offset = offset;
    partitions.committed_metadata = STRING("note");
    group_asker_ask(asker, API_OFFSET_COMMIT, version, &in, offset_commit_handle);
    group_asker_answer(asker, &out);
    assert_int_equal(out.topics.count, 1);
    assert_int_equal(out.topics.items[0].partitions.items[0].partition_index, partition);
    return out.topics.items[0].partitions.items[0].error_code;
}

static void every_version_commits(void **state)
{
    struct group_asker asker;

    (void)state;
    group_asker_init(&asker);
    for (int16_t version = 0; version <= OFFSET_COMMIT_REQUEST_VERSION_MAX; version++) {
        assert_int_equal(commit(&asker, version, 0, 100 + version), KAFKA_ERROR_NONE);
        assert_int_equal(fixture_offset(&asker.fixture, STRING("g")), 100 + version);
        assert_int_equal(commit(&asker, version, 5, 1), KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
        assert_int_equal(commit(&asker, version, -1, 1), KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    }
    group_asker_release(&asker);
}

static void check_single(struct group_asker *asker, int16_t version, bool asks_all)
{
    int32_t index = 0;
    struct offset_fetch_request_topics topics;
    struct offset_fetch_request in;
    struct offset_fetch_response out;

    offset_fetch_request_init(&in);
    offset_fetch_request_topics_init(&topics);
    in.group_id = STRING("g");
    in.topics.items = asks_all ? NULL : &topics;
    in.topics.count = asks_all ? -1 : 1;
    topics.name = STRING("t");
    topics.partition_indexes.items = &index;
    topics.partition_indexes.count = 1;
    group_asker_ask(asker, API_OFFSET_FETCH, version, &in, offset_fetch_handle);
    group_asker_answer(asker, &out);
    assert_int_equal(out.error_code, KAFKA_ERROR_NONE);
    assert_int_equal(out.topics.count, 1);
    assert_true(string_is(out.topics.items[0].name, "t"));
    assert_int_equal(out.topics.items[0].partitions.count, 1);
    assert_int_equal(out.topics.items[0].partitions.items[0].committed_offset, 42);
    assert_true(string_is(out.topics.items[0].partitions.items[0].metadata, "note"));
}

static void check_batched(struct group_asker *asker, int16_t version, bool asks_all)
{
    int32_t indexes[2] = {0, 7};
    struct offset_fetch_request_groups_topics topics;
    struct offset_fetch_request_groups groups[2];
    struct offset_fetch_request in;
    struct offset_fetch_response out;
    const struct offset_fetch_response_groups_topics *topic;

    offset_fetch_request_init(&in);
    offset_fetch_request_groups_topics_init(&topics);
    for (int i = 0; i < 2; i++) {
        offset_fetch_request_groups_init(&groups[i]);
        groups[i].group_id = i == 0 ? STRING("g") : STRING("nobody");
        groups[i].topics.items = asks_all ? NULL : &topics;
        groups[i].topics.count = asks_all ? -1 : 1;
    }
    in.groups.items = groups;
    in.groups.count = 2;
    topics.name = version < 10 ? STRING("t") : STRING("");
    topics.topic_id = version < 10 ? (struct uuid){0} : asker->fixture.topic.id;
    topics.partition_indexes.items = indexes;
    topics.partition_indexes.count = 2;
    group_asker_ask(asker, API_OFFSET_FETCH, version, &in, offset_fetch_handle);
    group_asker_answer(asker, &out);
    assert_int_equal(out.groups.count, 2);
    topic = &out.groups.items[0].topics.items[0];
    assert_int_equal(topic->partitions.items[0].committed_offset, 42);
    assert_int_equal(topic->partitions.count, asks_all ? 1 : 2);
    assert_int_equal(out.groups.items[1].topics.count, asks_all ? 0 : 1);
    if (!asks_all) {
        assert_int_equal(topic->partitions.items[1].committed_offset, -1);
        assert_int_equal(topic->partitions.items[1].error_code, KAFKA_ERROR_NONE);
    }
    if (version >= 10) {
        assert_true(uuid_equal(topic->topic_id, asker->fixture.topic.id));
    }
}

static void every_version_fetches_what_was_committed(void **state)
{
    struct group_asker asker;

    (void)state;
    group_asker_init(&asker);
    assert_int_equal(commit(&asker, 8, 0, 42), KAFKA_ERROR_NONE);
    for (int16_t version = 0; version <= OFFSET_FETCH_REQUEST_VERSION_MAX; version++) {
        for (int asks_all = 0; asks_all <= (version >= 2 ? 1 : 0); asks_all++) {
            if (version < 8) {
                check_single(&asker, version, asks_all == 1);
            } else {
                check_batched(&asker, version, asks_all == 1);
            }
        }
    }
    group_asker_release(&asker);
}

static void a_broker_that_is_no_coordinator_says_so_where_each_version_looks(void **state)
{
    struct group_asker asker;
    int32_t index = 0;
    struct offset_fetch_request_topics topics;
    struct offset_fetch_request in;
    struct offset_fetch_response out;

    (void)state;
    group_asker_init(&asker);
    fixture_follow(&asker.fixture);
    offset_fetch_request_init(&in);
    offset_fetch_request_topics_init(&topics);
    in.group_id = STRING("g");
    in.topics.items = &topics;
    in.topics.count = 1;
    topics.name = STRING("t");
    topics.partition_indexes.items = &index;
    topics.partition_indexes.count = 1;
    group_asker_ask(&asker, API_OFFSET_FETCH, 1, &in, offset_fetch_handle);
    group_asker_answer(&asker, &out);
    assert_int_equal(out.topics.items[0].partitions.items[0].error_code,
                     KAFKA_ERROR_NOT_COORDINATOR);
    group_asker_ask(&asker, API_OFFSET_FETCH, 7, &in, offset_fetch_handle);
    group_asker_answer(&asker, &out);
    assert_int_equal(out.error_code, KAFKA_ERROR_NOT_COORDINATOR);
    group_asker_release(&asker);
}

/* ---- members ---- */

static struct string join(struct group_asker *asker, int16_t version)
{
    struct join_group_request_protocols protocol = {
        .name = STRING("range"), .metadata = {.bytes = (char[]){'m'}, .length = 1}};
    struct join_group_request in;
    struct join_group_response out;
    struct string id = STRING("");

    join_group_request_init(&in);
    in.group_id = STRING("g");
    in.session_timeout_ms = FIXTURE_SESSION_MS;
    in.rebalance_timeout_ms = FIXTURE_REBALANCE_MS;
    in.protocol_type = STRING("consumer");
    in.protocols.items = &protocol;
    in.protocols.count = 1;
    for (int round = 0; round < (version >= 4 ? 2 : 1); round++) {
        in.member_id = id;
        group_asker_ask(asker, API_JOIN_GROUP, version, &in, join_group_handle);
        fixture_pass_ms(&asker->fixture, 6000);
        group_asker_answer(asker, &out);
        id = (struct string){.bytes = arena_copy_text(&asker->fixture.arena, out.member_id.bytes,
                                                      (size_t)out.member_id.length),
                             .length = out.member_id.length};
        assert_int_equal(out.error_code, version >= 4 && round == 0 ? KAFKA_ERROR_MEMBER_ID_REQUIRED
                                                                    : KAFKA_ERROR_NONE);
        assert_int_equal(out.protocol_name.bytes == NULL, version >= 7 && round == 0);
    }
    assert_int_equal(out.members.count, 1);
    assert_true(string_is(out.protocol_name, "range"));
    return id;
}

static int32_t generation_of(struct group_asker *asker, struct string id)
{
    for (int32_t generation = 1; generation < 100; generation++) {
        if (fixture_heartbeat(&asker->fixture, id, generation) == KAFKA_ERROR_NONE) {
            return generation;
        }
    }
    return NO_GENERATION;
}

static void sync(struct group_asker *asker, int16_t version, struct string id, int32_t generation)
{
    struct sync_group_request_assignments assignment = {
        .member_id = id, .assignment = {.bytes = (char[]){'a'}, .length = 1}};
    struct sync_group_request in;
    struct sync_group_response out;

    sync_group_request_init(&in);
    in.group_id = STRING("g");
    in.member_id = id;
    in.generation_id = generation;
    in.protocol_type = STRING("consumer");
    in.protocol_name = STRING("range");
    in.assignments.items = &assignment;
    in.assignments.count = 1;
    group_asker_ask(asker, API_SYNC_GROUP, version, &in, sync_group_handle);
    group_asker_answer(asker, &out);
    assert_int_equal(out.error_code, KAFKA_ERROR_NONE);
    assert_int_equal(out.assignment.length, 1);
}

static void beat(struct group_asker *asker, int16_t version, struct string id, int32_t generation)
{
    struct heartbeat_request in;
    struct heartbeat_response out;

    heartbeat_request_init(&in);
    in.group_id = STRING("g");
    in.member_id = id;
    in.generation_id = generation;
    group_asker_ask(asker, API_HEARTBEAT, version, &in, heartbeat_handle);
    group_asker_answer(asker, &out);
    assert_int_equal(out.error_code, KAFKA_ERROR_NONE);
}

/* The error of the member, wherever the version has it. */
static int16_t leave(struct group_asker *asker, int16_t version, struct string id)
{
    struct leave_group_request_members member;
    struct leave_group_request in;
    struct leave_group_response out;

    leave_group_request_init(&in);
    leave_group_request_members_init(&member);
    in.group_id = STRING("g");
    if (version < 3) {
        in.member_id = id;
    } else {
        member.member_id = id;
        in.members.items = &member;
        in.members.count = 1;
    }
    group_asker_ask(asker, API_LEAVE_GROUP, version, &in, leave_group_handle);
    group_asker_answer(asker, &out);
    return version < 3 ? out.error_code : out.members.items[0].error_code;
}

static int16_t at_most(int16_t version, int16_t version_max)
{
    return version < version_max ? version : version_max;
}

static void every_version_joins_syncs_beats_and_leaves(void **state)
{
    struct group_asker asker;

    (void)state;
    group_asker_init(&asker);
    for (int16_t version = 0; version <= JOIN_GROUP_REQUEST_VERSION_MAX; version++) {
        struct string id = join(&asker, version);
        int32_t generation = generation_of(&asker, id);

        assert_int_not_equal(generation, NO_GENERATION);
        sync(&asker, at_most(version, SYNC_GROUP_REQUEST_VERSION_MAX), id, generation);
        beat(&asker, at_most(version, HEARTBEAT_REQUEST_VERSION_MAX), id, generation);
        assert_int_equal(leave(&asker, at_most(version, LEAVE_GROUP_REQUEST_VERSION_MAX), id),
                         KAFKA_ERROR_NONE);
        assert_int_equal(leave(&asker, at_most(version, LEAVE_GROUP_REQUEST_VERSION_MAX), id),
                         KAFKA_ERROR_UNKNOWN_MEMBER_ID);
    }
    group_asker_release(&asker);
}

static void a_sync_that_does_not_name_its_protocol_is_refused_from_version_five_on(void **state)
{
    struct group_asker asker;
    struct sync_group_request in;
    struct sync_group_response out;

    (void)state;
    group_asker_init(&asker);
    sync_group_request_init(&in);
    in.group_id = STRING("g");
    in.member_id = STRING("m");
    group_asker_ask(&asker, API_SYNC_GROUP, 5, &in, sync_group_handle);
    group_asker_answer(&asker, &out);
    assert_int_equal(out.error_code, KAFKA_ERROR_INCONSISTENT_GROUP_PROTOCOL);
    group_asker_ask(&asker, API_SYNC_GROUP, 4, &in, sync_group_handle);
    group_asker_answer(&asker, &out);
    assert_int_equal(out.error_code, KAFKA_ERROR_UNKNOWN_MEMBER_ID);
    group_asker_release(&asker);
}

/* ---- administration ---- */

static void an_absent_group_is_dead_and_from_version_six_on_an_error(void **state)
{
    struct group_asker asker;
    struct string group = STRING("nobody");
    struct describe_groups_request in;
    struct describe_groups_response out;

    (void)state;
    group_asker_init(&asker);
    describe_groups_request_init(&in);
    in.groups.items = &group;
    in.groups.count = 1;
    for (int16_t version = 0; version <= DESCRIBE_GROUPS_REQUEST_VERSION_MAX; version++) {
        group_asker_ask(&asker, API_DESCRIBE_GROUPS, version, &in, describe_groups_handle);
        group_asker_answer(&asker, &out);
        assert_true(string_is(out.groups.items[0].group_state, "Dead"));
        assert_int_equal(out.groups.items[0].error_code,
                         version < 6 ? KAFKA_ERROR_NONE : KAFKA_ERROR_GROUP_ID_NOT_FOUND);
        if (version >= 6) {
            assert_true(string_is(out.groups.items[0].error_message, "Group nobody not found."));
        }
    }
    group_asker_release(&asker);
}

static void a_stable_group_is_described_with_its_members(void **state)
{
    struct group_asker asker;
    struct string group = STRING("g");
    struct describe_groups_request in;
    struct describe_groups_response out;
    const struct describe_groups_response_groups *found;

    (void)state;
    group_asker_init(&asker);
    (void)fixture_stable_member(&asker.fixture, (struct joining){0});
    describe_groups_request_init(&in);
    in.groups.items = &group;
    in.groups.count = 1;
    in.include_authorized_operations = true;
    group_asker_ask(&asker, API_DESCRIBE_GROUPS, 6, &in, describe_groups_handle);
    group_asker_answer(&asker, &out);
    found = &out.groups.items[0];
    assert_true(string_is(found->group_state, "Stable"));
    assert_true(string_is(found->protocol_type, "consumer"));
    assert_true(string_is(found->protocol_data, "range"));
    assert_int_equal(found->members.count, 1);
    assert_true(string_is(found->members.items[0].client_host, "/127.0.0.1"));
    assert_int_equal(found->members.items[0].member_assignment.length, 1);
    assert_true(found->authorized_operations > 0);
    group_asker_release(&asker);
}

static int32_t list(struct group_asker *asker, int16_t version, const char *group_state,
                    const char *group_type)
{
    struct string states = string_from(group_state);
    struct string types = string_from(group_type);
    struct list_groups_request in;
    struct list_groups_response out;

    list_groups_request_init(&in);
    in.states_filter.items = &states;
    in.states_filter.count = group_state == NULL ? 0 : 1;
    in.types_filter.items = &types;
    in.types_filter.count = group_type == NULL ? 0 : 1;
    group_asker_ask(asker, API_LIST_GROUPS, version, &in, list_groups_handle);
    group_asker_answer(asker, &out);
    assert_int_equal(out.error_code, KAFKA_ERROR_NONE);
    for (int32_t i = 0; i < out.groups.count && version >= 5; i++) {
        assert_true(string_is(out.groups.items[i].group_type, "classic"));
    }
    return out.groups.count;
}

static void groups_are_listed_by_state_and_type(void **state)
{
    struct group_asker asker;

    (void)state;
    group_asker_init(&asker);
    (void)fixture_stable_member(&asker.fixture, (struct joining){0});
    (void)fixture_commit(&asker.fixture,
                         (struct committing){.group_id = STRING("simple"), .generation = -1});
    for (int16_t version = 0; version <= LIST_GROUPS_REQUEST_VERSION_MAX; version++) {
        assert_int_equal(list(&asker, version, NULL, NULL), 2);
    }
    assert_int_equal(list(&asker, 4, "stable", NULL), 1);
    assert_int_equal(list(&asker, 4, "Empty", NULL), 1);
    assert_int_equal(list(&asker, 5, NULL, "classic"), 2);
    assert_int_equal(list(&asker, 5, NULL, "consumer"), 0);
    group_asker_release(&asker);
}

static void groups_are_deleted_one_by_one(void **state)
{
    struct group_asker asker;
    struct string groups[3] = {STRING("g"), STRING("simple"), STRING("nobody")};
    struct delete_groups_request in;
    struct delete_groups_response out;

    (void)state;
    group_asker_init(&asker);
    (void)fixture_stable_member(&asker.fixture, (struct joining){0});
    (void)fixture_commit(&asker.fixture,
                         (struct committing){.group_id = groups[1], .generation = -1});
    delete_groups_request_init(&in);
    in.groups_names.items = groups;
    in.groups_names.count = 3;
    group_asker_ask(&asker, API_DELETE_GROUPS, 2, &in, delete_groups_handle);
    group_asker_answer(&asker, &out);
    assert_int_equal(out.results.count, 3);
    assert_int_equal(out.results.items[0].error_code, KAFKA_ERROR_NON_EMPTY_GROUP);
    assert_int_equal(out.results.items[1].error_code, KAFKA_ERROR_NONE);
    assert_int_equal(out.results.items[2].error_code, KAFKA_ERROR_GROUP_ID_NOT_FOUND);
    assert_int_equal(fixture_offset(&asker.fixture, groups[1]), -1);
    group_asker_release(&asker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_version_commits),
        cmocka_unit_test(every_version_fetches_what_was_committed),
        cmocka_unit_test(a_broker_that_is_no_coordinator_says_so_where_each_version_looks),
        cmocka_unit_test(every_version_joins_syncs_beats_and_leaves),
        cmocka_unit_test(a_sync_that_does_not_name_its_protocol_is_refused_from_version_five_on),
        cmocka_unit_test(an_absent_group_is_dead_and_from_version_six_on_an_error),
        cmocka_unit_test(a_stable_group_is_described_with_its_members),
        cmocka_unit_test(groups_are_listed_by_state_and_type),
        cmocka_unit_test(groups_are_deleted_one_by_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
