/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of the audit on their way to the topic, and how that ends. */
#include "gyre/metadata/catalog.h"
#include "gyre/partition/partition.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/rpc.h"

#include "cluster/cluster.h"
#include "handlers/audit_topic.h"
#include "handlers/broker.h"
#include "handlers/topics.h"
#include "support/fake_clock.h"
#include "support/test.h"

static const uint64_t RETRY_US = 1000 * 1000;

/* ---- what it asks ---- */

static struct {
    bool is_gone; /* nobody may be asked any more */
    bool has_topic;
    int32_t leader;
    int asked;          /* catalog and cluster */
    int sent;           /* to the leader */
    rpc_done sent_done; /* of the call that is open, or NULL */
    topics_done made_done;
    void *context;
} region;

static void note_question(void)
{
    assert_false(region.is_gone);
    region.asked++;
}

const struct catalog_topic *catalog_find_topic(const struct catalog *catalog, struct string name)
{
    static const struct catalog_topic topic;

    (void)catalog;
    assert_true(string_is(name, AUDIT_TOPIC));
    note_question();
    return region.has_topic ? &topic : NULL;
}

int32_t catalog_leader(const struct catalog *catalog)
{
    (void)catalog;
    note_question();
    return 0;
}

struct cluster_leader cluster_leader(const struct cluster *cluster, struct group_id group)
{
    (void)cluster;
    (void)group;
    note_question();
    return (struct cluster_leader){region.leader, 1};
}

void topics_ensure_internal(struct broker *broker, struct string name, topics_done done,
                            void *context)
{
    (void)broker;
    (void)name;
    note_question();
    region.made_done = done;
    region.context = context;
}

void rpc_call(struct rpc *rpc, int32_t peer, enum rpc_method method, struct buffer_slice body,
              uint64_t timeout_us, rpc_done done, void *context)
{
    (void)rpc;
    (void)timeout_us;
    note_question();
    assert_int_equal(peer, region.leader);
    assert_int_equal(method, RPC_APPEND_AUDIT);
    assert_null(region.sent_done);
    buffer_slice_unref(&body);
    region.sent++;
    region.sent_done = done;
    region.context = context;
}

void rpc_serve(struct rpc *rpc, enum rpc_method method, rpc_handler handler, void *context)
{
    (void)rpc;
    (void)method;
    (void)handler;
    (void)context;
}

void rpc_answer(struct rpc_request request, enum error error, struct buffer_slice answer)
{
    (void)request;
    (void)error;
    (void)answer;
}

struct partition *partition_find(const struct partition_table *table, struct group_id group)
{
    (void)table;
    (void)group;
    return NULL;
}

void partition_append(struct partition *partition, struct partition_append *append)
{
    (void)partition;
    (void)append;
}

/* ---- the world ---- */

struct world {
    struct fake_clock clock;
    struct loop loop;
    struct broker broker;
    struct audit_topic *topic;
};

static void world_init(struct world *world)
{
    memset(&region, 0, sizeof region);
    region.has_topic = true;
    region.leader = 2;
    fake_clock_init(&world->clock);
    loop_init(&world->loop, &world->clock.clock);
    world->broker = (struct broker){.loop = &world->loop, .cluster = (struct cluster *)world};
    world->topic = audit_topic_new(&world->broker);
}

static void world_release(struct world *world)
{
    audit_topic_free(world->topic);
    loop_release(&world->loop);
}

static void pass(struct world *world, uint64_t us)
{
    world->clock.now_us += us;
    (void)loop_turn(&world->loop);
}

static void end_call(enum error error)
{
    rpc_done done = region.sent_done;

    region.sent_done = NULL;
    done(region.context, error, (struct buffer_slice){0});
}

/* What takes the broker apart frees the catalog and the cluster now. */
static void stop(struct world *world)
{
    audit_topic_stop(world->topic);
    region.is_gone = true;
}

static void publish(struct world *world)
{
    audit_topic_publish(world->topic, STRING("{\"event\":\"change\"}\n"));
}

/* ---- the tests ---- */

static void lines_that_were_not_taken_are_sent_again_a_second_later(void **state)
{
    struct world world;

    (void)state;
    world_init(&world);
    publish(&world);
    assert_int_equal(region.sent, 1);
    end_call(ERROR_NOT_LEADER);
    pass(&world, RETRY_US / 2);
    assert_int_equal(region.sent, 1);
    pass(&world, RETRY_US / 2);
    assert_int_equal(region.sent, 2);
    end_call(ERROR_NONE);
    pass(&world, RETRY_US);
    assert_int_equal(region.sent, 2);
    world_release(&world);
}

static void lines_wait_for_a_leader(void **state)
{
    struct world world;

    (void)state;
    world_init(&world);
    region.leader = -1;
    publish(&world);
    assert_int_equal(region.sent, 0);
    region.leader = 1;
    pass(&world, RETRY_US);
    assert_int_equal(region.sent, 1);
    end_call(ERROR_NONE);
    world_release(&world);
}

static void a_stop_asks_for_no_leader_that_lines_waited_for(void **state)
{
    struct world world;

    (void)state;
    world_init(&world);
    region.leader = -1;
    publish(&world);
    stop(&world);
    pass(&world, RETRY_US);
    world_release(&world);
}

static void lines_after_the_stop_are_let_go(void **state)
{
    struct world world;

    (void)state;
    world_init(&world);
    stop(&world);
    publish(&world);
    pass(&world, RETRY_US);
    assert_int_equal(region.asked, 0);
    world_release(&world);
}

static void a_call_that_ends_after_the_stop_sends_nothing(void **state)
{
    const enum error ends[] = {ERROR_NONE, ERROR_AGAIN, ERROR_CANCELLED};

    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct world world;

        world_init(&world);
        publish(&world);
        publish(&world); /* waits behind it */
        stop(&world);
        end_call(ends[i]);
        pass(&world, RETRY_US);
        assert_int_equal(region.sent, 1);
        world_release(&world);
    }
}

static void a_topic_that_is_made_after_the_stop_is_not_looked_for(void **state)
{
    struct world world;

    (void)state;
    world_init(&world);
    region.has_topic = false;
    publish(&world);
    assert_non_null(region.made_done);
    stop(&world);
    region.made_done(region.context, KAFKA_ERROR_REQUEST_TIMED_OUT);
    pass(&world, RETRY_US);
    world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_that_were_not_taken_are_sent_again_a_second_later),
        cmocka_unit_test(lines_wait_for_a_leader),
        cmocka_unit_test(a_stop_asks_for_no_leader_that_lines_waited_for),
        cmocka_unit_test(lines_after_the_stop_are_let_go),
        cmocka_unit_test(a_call_that_ends_after_the_stop_sends_nothing),
        cmocka_unit_test(a_topic_that_is_made_after_the_stop_is_not_looked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
