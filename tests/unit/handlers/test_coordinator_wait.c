/* SPDX-License-Identifier: Apache-2.0 */
/* Requests for groups that come while their coordinator changes. */
#include "cluster/cluster.h"
#include "handlers/broker.h"
#include "handlers/forward.h"
#include "handlers/group_handlers.h"
#include "support/request_fixture.h"
#include "support/test.h"
#include "unit/coordinator/coordinator_fixture.h"
#include "wire_messages/api_keys.h"
#include "wire_messages/leave_group.h"

struct asker {
    struct fixture fixture;
    struct request_fixture request;
    struct broker broker;
};

/* ---- other brokers ---- */

static struct {
    struct request *request;
    int32_t node_id;
    void (*failed)(struct request *request, enum error error);
} forwarded;

bool forward_to_broker(struct request *request, int32_t node_id,
                       void (*failed)(struct request *request, enum error error))
{
    forwarded.request = request;
    forwarded.node_id = node_id;
    forwarded.failed = failed;
    return true;
}

struct cluster_leader cluster_leader(const struct cluster *cluster, struct group_id group)
{
    (void)cluster;
    (void)group;
    return (struct cluster_leader){-1, -1};
}

bool cluster_broker_is_live(const struct cluster *cluster, int32_t node_id)
{
    (void)cluster;
    (void)node_id;
    return true;
}

/* ---- asking ---- */

static void asker_init(struct asker *asker)
{
    fixture_init(&asker->fixture);
    asker->broker = (struct broker){.node_id = 1,
                                    .loop = &asker->fixture.loop,
                                    .config = &asker->fixture.config,
                                    .groups = asker->fixture.coordinator};
    request_fixture_init(&asker->request, &asker->broker);
}

static void asker_release(struct asker *asker)
{
    request_fixture_release(&asker->request);
    fixture_release(&asker->fixture);
}

static void ask(struct asker *asker, int16_t api_key, int16_t version, const void *in,
                request_handler handle)
{
    request_fixture_ask(&asker->request, api_key, version, in, handle);
    fixture_run(&asker->fixture);
}

static void answer(struct asker *asker, void *out)
{
    assert_int_equal(asker->request.request.end, REQUEST_REPLIED);
    request_fixture_answer(&asker->request, out);
}

static bool is_answered(const struct asker *asker)
{
    return asker->request.request.end == REQUEST_REPLIED;
}

static void ask_to_beat(struct asker *asker, struct string id)
{
    struct heartbeat_request in;

    heartbeat_request_init(&in);
    in.group_id = STRING("g");
    in.member_id = id;
    in.generation_id = 1;
    ask(asker, API_HEARTBEAT, 4, &in, heartbeat_handle);
}

static int16_t error_of_beat(struct asker *asker)
{
    struct heartbeat_response out;

    answer(asker, &out);
    return out.error_code;
}

static void a_request_waits_until_it_is_known_who_coordinates(void **state)
{
    struct asker asker;

    (void)state;
    asker_init(&asker);
    struct string id = fixture_stable_member(&asker.fixture, (struct joining){0});
    fixture_follow(&asker.fixture);
    asker.fixture.partition.leader = -1;
    ask_to_beat(&asker, id);
    fixture_pass_ms(&asker.fixture, 500);
    assert_false(is_answered(&asker));
    asker.fixture.partition.leader = 2;
    fixture_pass_ms(&asker.fixture, 10);
    assert_int_equal(error_of_beat(&asker), KAFKA_ERROR_NOT_COORDINATOR);

    asker.fixture.partition.leader = -1;
    ask_to_beat(&asker, id);
    fixture_pass_ms(&asker.fixture, 500);
    assert_false(is_answered(&asker));
    fixture_lead(&asker.fixture); /* it is this broker again, once all is loaded */
    fixture_pass_ms(&asker.fixture, 10);
    assert_int_equal(error_of_beat(&asker), KAFKA_ERROR_NONE);
    asker_release(&asker);
}

static void a_request_waits_while_the_partition_is_handed_over(void **state)
{
    struct asker asker;
    int appends;

    (void)state;
    asker_init(&asker);
    struct string id = fixture_stable_member(&asker.fixture, (struct joining){0});
    appends = asker.fixture.partition.appends;
    asker.fixture.partition.hands_over = true;
    ask_to_beat(&asker, id);
    fixture_pass_ms(&asker.fixture, 100);
    assert_false(is_answered(&asker));
    assert_int_equal(asker.fixture.partition.appends, appends);
    asker.fixture.partition.hands_over = false; /* it came to nothing */
    fixture_pass_ms(&asker.fixture, 10);
    assert_int_equal(error_of_beat(&asker), KAFKA_ERROR_NONE);
    asker_release(&asker);
}

static void nobody_waits_longer_than_a_second(void **state)
{
    struct asker asker;

    (void)state;
    asker_init(&asker);
    fixture_follow(&asker.fixture);
    asker.fixture.partition.leader = -1;
    ask_to_beat(&asker, STRING("m"));
    fixture_pass_ms(&asker.fixture, 900);
    assert_false(is_answered(&asker));
    fixture_pass_ms(&asker.fixture, 200);
    assert_int_equal(error_of_beat(&asker), KAFKA_ERROR_NOT_COORDINATOR);
    asker_release(&asker);
}

static void a_leave_is_handed_to_the_coordinator_that_took_over(void **state)
{
    struct asker asker;
    struct leave_group_request_members member;
    struct leave_group_request in;
    struct leave_group_response out;

    (void)state;
    asker_init(&asker);
    fixture_follow(&asker.fixture);
    asker.fixture.partition.leader = 2;
    leave_group_request_init(&in);
    leave_group_request_members_init(&member);
    in.group_id = STRING("g");
    member.member_id = STRING("m");
    in.members.items = &member;
    in.members.count = 1;
    ask(&asker, API_LEAVE_GROUP, 4, &in, leave_group_handle);
    assert_false(is_answered(&asker));
    assert_int_equal(forwarded.node_id, 2);
    forwarded.failed(forwarded.request, ERROR_CLOSED); /* there is nobody: the client finds out */
    answer(&asker, &out);
    assert_int_equal(out.error_code, KAFKA_ERROR_NOT_COORDINATOR);
    asker_release(&asker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_waits_until_it_is_known_who_coordinates),
        cmocka_unit_test(a_request_waits_while_the_partition_is_handed_over),
        cmocka_unit_test(nobody_waits_longer_than_a_second),
        cmocka_unit_test(a_leave_is_handed_to_the_coordinator_that_took_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
