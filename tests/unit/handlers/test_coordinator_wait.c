/* SPDX-License-Identifier: Apache-2.0 */
/* Requests for groups that come while their coordinator changes. */
#include "handlers/forward.h"
#include "support/test.h"
#include "unit/handlers/group_asker.h"
#include "wire_messages/api_keys.h"
#include "wire_messages/leave_group.h"
#include "wire_messages/offset_fetch.h"

/* ---- other brokers ---- */

static struct {
    struct request *request;
    int32_t node_id;
    void (*failed)(struct request *request, enum error error);
} forwarded;

bool forward_to_broker(struct request *request, int32_t node_id,
                       void (*failed)(struct request *request, enum error error))
{
    if (node_id < 0 || request->is_forwarded) {
        return false;
    }
    forwarded.request = request;
    forwarded.node_id = node_id;
    forwarded.failed = failed;
    return true;
}

/* ---- asking ---- */

static void ask_to_beat(struct group_asker *asker, struct string id)
{
    struct heartbeat_request in;

    heartbeat_request_init(&in);
    in.group_id = STRING("g");
    in.member_id = id;
    in.generation_id = 1;
    group_asker_ask(asker, API_HEARTBEAT, 4, &in, heartbeat_handle);
}

static int16_t error_of_beat(struct group_asker *asker)
{
    struct heartbeat_response out;

    group_asker_answer(asker, &out);
    return out.error_code;
}

static void a_request_waits_until_it_is_known_who_coordinates(void **state)
{
    struct group_asker asker;

    (void)state;
    group_asker_init(&asker);
    struct string id = fixture_stable_member(&asker.fixture, (struct joining){0});
    fixture_follow(&asker.fixture);
    asker.fixture.partition.leader = -1;
    ask_to_beat(&asker, id);
    fixture_pass_ms(&asker.fixture, 500);
    assert_false(group_asker_is_answered(&asker));
    asker.fixture.partition.leader = 2;
    fixture_pass_ms(&asker.fixture, 10);
    assert_int_equal(error_of_beat(&asker), KAFKA_ERROR_NOT_COORDINATOR);

    asker.fixture.partition.leader = -1;
    ask_to_beat(&asker, id);
    fixture_pass_ms(&asker.fixture, 500);
    assert_false(group_asker_is_answered(&asker));
    fixture_lead(&asker.fixture); /* it is this broker again, once all is loaded */
    fixture_pass_ms(&asker.fixture, 10);
    assert_int_equal(error_of_beat(&asker), KAFKA_ERROR_NONE);
    group_asker_release(&asker);
}

static void a_request_waits_while_the_partition_is_handed_over(void **state)
{
    struct group_asker asker;
    int appends;

    (void)state;
    group_asker_init(&asker);
    struct string id = fixture_stable_member(&asker.fixture, (struct joining){0});
    appends = asker.fixture.partition.appends;
    asker.fixture.partition.hands_over = true;
    ask_to_beat(&asker, id);
    fixture_pass_ms(&asker.fixture, 100);
    assert_false(group_asker_is_answered(&asker));
    assert_int_equal(asker.fixture.partition.appends, appends);
    asker.fixture.partition.hands_over = false; /* it came to nothing */
    fixture_pass_ms(&asker.fixture, 10);
    assert_int_equal(error_of_beat(&asker), KAFKA_ERROR_NONE);
    group_asker_release(&asker);
}

static void nobody_waits_longer_than_a_second(void **state)
{
    struct group_asker asker;

    (void)state;
    group_asker_init(&asker);
    fixture_follow(&asker.fixture);
    asker.fixture.partition.leader = -1;
    ask_to_beat(&asker, STRING("m"));
    fixture_pass_ms(&asker.fixture, 900);
    assert_false(group_asker_is_answered(&asker));
    fixture_pass_ms(&asker.fixture, 200);
    assert_int_equal(error_of_beat(&asker), KAFKA_ERROR_NOT_COORDINATOR);
    group_asker_release(&asker);
}

static void a_leave_is_handed_to_the_coordinator_that_took_over(void **state)
{
    struct group_asker asker;
    struct leave_group_request_members member;
    struct leave_group_request in;
    struct leave_group_response out;

    (void)state;
    group_asker_init(&asker);
    fixture_follow(&asker.fixture);
    asker.fixture.partition.leader = 2;
    leave_group_request_init(&in);
    leave_group_request_members_init(&member);
    in.group_id = STRING("g");
    member.member_id = STRING("m");
    in.members.items = &member;
    in.members.count = 1;
    group_asker_ask(&asker, API_LEAVE_GROUP, 4, &in, leave_group_handle);
    assert_false(group_asker_is_answered(&asker));
    assert_int_equal(forwarded.node_id, 2);
    forwarded.failed(forwarded.request, ERROR_CLOSED); /* there is nobody: the client finds out */
    group_asker_answer(&asker, &out);
    assert_int_equal(out.error_code, KAFKA_ERROR_NOT_COORDINATOR);
    group_asker_release(&asker);
}

/* Of "g", and from version 8 on of another group as well. */
static void ask_for_offsets(struct group_asker *asker, int16_t version)
{
    struct offset_fetch_request_groups groups[2];
    struct offset_fetch_request in;

    offset_fetch_request_init(&in);
    if (version < 8) {
        in.group_id = STRING("g");
        in.topics.count = version < 2 ? 0 : -1;
    } else {
        for (int i = 0; i < 2; i++) {
            offset_fetch_request_groups_init(&groups[i]);
            groups[i].group_id = i == 0 ? STRING("g") : STRING("h");
            groups[i].topics.count = -1;
        }
        in.groups.items = groups;
        in.groups.count = 2;
    }
    group_asker_ask(asker, API_OFFSET_FETCH, version, &in, offset_fetch_handle);
}

static void offsets_are_asked_of_the_coordinator_that_took_over(void **state)
{
    (void)state;
    for (int16_t version = 0; version <= 10; version++) {
        struct group_asker asker;
        struct offset_fetch_response out;

        group_asker_init(&asker);
        fixture_follow(&asker.fixture);
        asker.fixture.partition.leader = 2;
        forwarded.node_id = -1;
        ask_for_offsets(&asker, version);
        assert_false(group_asker_is_answered(&asker));
        assert_int_equal(forwarded.node_id, 2);
        forwarded.failed(forwarded.request, ERROR_CLOSED); /* it has gone: the client finds out */
        group_asker_answer(&asker, &out);
        if (version >= 8) {
            assert_int_equal(out.groups.count, 2);
            assert_int_equal(out.groups.items[1].error_code, KAFKA_ERROR_NOT_COORDINATOR);
        } else if (version >= 2) {
            assert_int_equal(out.error_code, KAFKA_ERROR_NOT_COORDINATOR);
        }
        group_asker_release(&asker);
    }
}

static void offsets_of_the_own_groups_are_asked_of_nobody(void **state)
{
    struct group_asker asker;
    struct offset_fetch_response out;

    (void)state;
    group_asker_init(&asker);
    forwarded.node_id = -1;
    ask_for_offsets(&asker, 8);
    group_asker_answer(&asker, &out);
    assert_int_equal(out.groups.items[0].error_code, KAFKA_ERROR_NONE);
    assert_int_equal(forwarded.node_id, -1);
    group_asker_release(&asker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_waits_until_it_is_known_who_coordinates),
        cmocka_unit_test(a_request_waits_while_the_partition_is_handed_over),
        cmocka_unit_test(nobody_waits_longer_than_a_second),
        cmocka_unit_test(a_leave_is_handed_to_the_coordinator_that_took_over),
        cmocka_unit_test(offsets_are_asked_of_the_coordinator_that_took_over),
        cmocka_unit_test(offsets_of_the_own_groups_are_asked_of_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
