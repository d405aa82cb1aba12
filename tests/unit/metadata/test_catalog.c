/* SPDX-License-Identifier: Apache-2.0 */
/* A submission ends once, finds the leader wherever it is, and is seen everywhere when it is
 * answered; a broker starts from its store and goes on from there. */
#include <stdio.h>
#include <stdlib.h>

#include "catalog_fixture.h"
#include "catalog_region.h"
#include "support/test.h"

static uint64_t seed = 1;

static struct region *new_region(bool has_stores)
{
    struct region *region = region_new(seed, has_stores);

    region_register_all(region);
    return region;
}

static void an_answered_change_is_seen_on_every_broker(void **state)
{
    struct region *region = new_region(false);

    (void)state;
    for (int i = 0; i < REGION_NODES; i++) {
        struct region_answer answer;
        char name[32];
        (void)snprintf(name, sizeof name, "topic-%d", i);
        region_submit(&region->nodes[i], create_topic_command(name, (uint8_t)(i + 1), 3, 3),
                      &answer);
        region_await(region, &answer);
        assert_int_equal(answer.error, ERROR_NONE);
        assert_int_equal(answer.kafka_error, KAFKA_ERROR_NONE);
        assert_true(answer.was_everywhere);
        for (int j = 0; j < REGION_NODES; j++) {
            assert_non_null(catalog_find_topic(region->nodes[j].catalog, string_from(name)));
        }
    }
    region_free(region);
}

static void a_refusal_comes_back_with_its_reason(void **state)
{
    struct region *region = new_region(false);

    (void)state;
    for (int i = 0; i < REGION_NODES; i++) {
        struct region_answer answer;
        region_submit(&region->nodes[i], create_topic_command("no/name", 1, 3, 3), &answer);
        region_await(region, &answer);
        assert_int_equal(answer.error, ERROR_NONE);
        assert_int_equal(answer.kafka_error, KAFKA_ERROR_INVALID_TOPIC_EXCEPTION);
    }
    region_free(region);
}

static void many_at_once_are_all_answered(void **state)
{
    enum { MANY = 600 };
    struct region *region = new_region(true);
    struct region_answer *answers = check_alloc_zero(MANY * sizeof *answers);

    (void)state;
    for (int i = 0; i < MANY; i++) {
        struct catalog_allocate_producer_ids command = {.count = 10};
        struct buffer *bytes = NULL;
        assert_int_equal(
            catalog_commands_of(allocate_producer_ids, ALLOCATE_PRODUCER_IDS, &command, &bytes),
            ERROR_NONE);
        region_submit(&region->nodes[i % REGION_NODES], bytes, &answers[i]);
    }
    for (int i = 0; i < MANY; i++) {
        region_await(region, &answers[i]);
        assert_int_equal(answers[i].error, ERROR_NONE);
        assert_true(answers[i].was_everywhere);
    }
    free(answers);
    region_free(region);
}

static void a_dead_broker_is_not_waited_for_longer_than_a_second(void **state)
{
    struct region *region = new_region(false);
    int leader = region_settle(region);
    int dead = (leader + 1) % REGION_NODES;
    struct region_answer answer;

    (void)state;
    region_crash(region, dead);
    region_submit(&region->nodes[leader], create_topic_command("topic", 1, 1, 1), &answer);
    region_await(region, &answer);
    assert_int_equal(answer.error, ERROR_NONE);
    assert_true(answer.took_us < 1500 * 1000);
    assert_true(answer.was_everywhere);
    region_free(region);
}

static void a_broker_that_is_cut_off_is_not_waited_for_longer_than_a_second(void **state)
{
    struct region *region = new_region(false);
    int leader = region_settle(region);
    int silent = (leader + 1) % REGION_NODES;
    struct region_answer answer;

    (void)state;
    fake_network_cut(region->network, leader, silent);
    fake_network_cut(region->network, silent, leader);
    region_submit(&region->nodes[leader], create_topic_command("topic", 1, 1, 1), &answer);
    region_await(region, &answer);
    assert_int_equal(answer.error, ERROR_NONE);
    assert_true(answer.took_us < 2000 * 1000);
    assert_false(answer.was_everywhere);
    fake_network_heal_all(region->network);
    region_run(region, 5 * 1000 * 1000);
    assert_non_null(catalog_find_topic(region->nodes[silent].catalog, STRING("topic")));
    region_free(region);
}

static void a_submission_outlives_its_leader(void **state)
{
    (void)state;
    /* The leader dies at another moment each time. */
    for (uint64_t delay_us = 0; delay_us < 12000; delay_us += 400) {
        struct region *region = new_region(false);
        int leader = region_settle(region);
        struct region_node *other = &region->nodes[(leader + 1) % REGION_NODES];
        struct region_answer answer;
        region_submit(other, create_topic_command("topic", 1, 2, 3), &answer);
        region_run(region, delay_us);
        region_crash(region, leader);
        region_await(region, &answer);
        if (answer.error == ERROR_NONE) {
            assert_int_equal(answer.kafka_error, KAFKA_ERROR_NONE);
            assert_non_null(catalog_find_topic(other->catalog, STRING("topic")));
        } else {
            assert_true(answer.error == ERROR_TIMEOUT || answer.error == ERROR_NOT_LEADER);
        }
        region_free(region);
    }
}

enum { DELETE_TOPIC, UNREGISTER_BROKER, REMOVE_STREAM, DELETIONS };

/* What is to be deleted; the broker has no replicas. */
static void make_deletable(struct region *region, int kind)
{
    struct catalog_register_broker_endpoints endpoint = {
        .name = STRING("PLAINTEXT"), .host = STRING("host"), .port = 9}; /* no catalog's */
    struct catalog_register_broker broker = {.node_id = REGION_NODES,
                                             .directory_id = uuid_of(99),
                                             .rpc_host = STRING("host"),
                                             .endpoints = {&endpoint, 1}};
    struct catalog_set_stream stream = {.name = STRING("/ads"),
                                        .owner = STRING("User:alice"),
                                        .produce = STRING("p"),
                                        .consume = STRING("p"),
                                        .topics = STRING(""),
                                        .admin = STRING(""),
                                        .copy = STRING("")};
    struct buffer *bytes = NULL;
    struct region_answer answer;
    enum error error = ERROR_NONE;

    switch (kind) {
    case DELETE_TOPIC: bytes = create_topic_command("topic", 1, 1, 1); break;
    case UNREGISTER_BROKER:
        error = catalog_commands_of(register_broker, REGISTER_BROKER, &broker, &bytes);
        break;
    default: error = catalog_commands_of(set_stream, SET_STREAM, &stream, &bytes); break;
    }
    assert_int_equal(error, ERROR_NONE);
    region_submit(&region->nodes[region_settle(region)], bytes, &answer);
    region_await(region, &answer);
    assert_int_equal(answer.error, ERROR_NONE);
    assert_int_equal(answer.kafka_error, KAFKA_ERROR_NONE);
}

static struct buffer *deletion(int kind)
{
    struct catalog_delete_topic topic = {.topic_id = uuid_of(1)};
    struct catalog_unregister_broker broker = {.node_id = REGION_NODES};
    struct catalog_remove_stream stream = {.name = STRING("/ads")};
    struct buffer *bytes = NULL;
    enum error error;

    switch (kind) {
    case DELETE_TOPIC:
        error = catalog_commands_of(delete_topic, DELETE_TOPIC, &topic, &bytes);
        break;
    case UNREGISTER_BROKER:
        error = catalog_commands_of(unregister_broker, UNREGISTER_BROKER, &broker, &bytes);
        break;
    default: error = catalog_commands_of(remove_stream, REMOVE_STREAM, &stream, &bytes); break;
    }
    assert_int_equal(error, ERROR_NONE);
    return bytes;
}

/* Its first answer gets lost at another moment each time, with the leader or without. */
static void delete_with_trouble(int kind, uint64_t delay_us, bool is_leader_lost)
{
    struct region *region = new_region(false);
    struct region_answer answer;

    make_deletable(region, kind);
    int leader = region_settle(region);
    int other = (leader + 1) % REGION_NODES;
    region_submit(&region->nodes[other], deletion(kind), &answer);
    region_run(region, delay_us);
    if (is_leader_lost) {
        region_crash(region, leader);
    } else {
        fake_network_reset(region->network, leader, other);
    }
    region_await(region, &answer);
    assert_true(is_leader_lost || answer.error == ERROR_NONE);
    if (answer.error == ERROR_NONE) {
        assert_int_equal(answer.kafka_error, KAFKA_ERROR_NONE);
    }
    region_free(region);
}

static void a_deletion_whose_answer_was_lost_is_done(void **state)
{
    (void)state;
    for (int kind = 0; kind < DELETIONS; kind++) {
        for (uint64_t delay_us = 0; delay_us < 12000; delay_us += 400) {
            delete_with_trouble(kind, delay_us, false);
            delete_with_trouble(kind, delay_us, true);
        }
    }
}

static void what_was_never_there_is_not_deleted(void **state)
{
    (void)state;
    for (int kind = 0; kind < DELETIONS; kind++) {
        struct region *region = new_region(false);
        struct region_answer answer;
        region_submit(&region->nodes[0], deletion(kind), &answer);
        region_await(region, &answer);
        assert_int_equal(answer.error, ERROR_NONE);
        assert_int_not_equal(answer.kafka_error, KAFKA_ERROR_NONE);
        region_free(region);
    }
}

static void without_a_majority_a_submission_ends_in_time(void **state)
{
    struct region *region = new_region(false);
    int leader = region_settle(region);
    struct region_answer at_leader;
    struct region_answer later;

    (void)state;
    region_crash(region, (leader + 1) % REGION_NODES);
    region_crash(region, (leader + 2) % REGION_NODES);
    region_submit(&region->nodes[leader], create_topic_command("topic", 1, 1, 1), &at_leader);
    region_await(region, &at_leader);
    assert_int_equal(at_leader.error, ERROR_TIMEOUT); /* it lies in the log */
    assert_true(at_leader.took_us < 7 * 1000 * 1000);
    region_run(region, 10 * 1000 * 1000);
    region_submit(&region->nodes[leader], create_topic_command("topic", 2, 1, 1), &later);
    region_await(region, &later);
    assert_int_equal(later.error, ERROR_NOT_LEADER);
    assert_true(later.took_us < 7 * 1000 * 1000);
    region_free(region);
}

static void create_many(struct region *region, int first, int count)
{
    struct region_node *leader = &region->nodes[region_settle(region)];

    for (int i = first; i < first + count; i++) {
        struct region_answer answer;
        char name[32];
        (void)snprintf(name, sizeof name, "topic-%d", i);
        region_submit(leader, create_topic_command(name, (uint8_t)(i + 1), 2, 3), &answer);
        region_await(region, &answer);
        assert_int_equal(answer.error, ERROR_NONE);
        assert_int_equal(answer.kafka_error, KAFKA_ERROR_NONE);
    }
}

static void a_broker_comes_back_with_what_it_knew(bool has_stores)
{
    struct region *region = region_new(seed, has_stores);

    region_register_all(region);
    create_many(region, 0, 60); /* more than a snapshot's worth */
    region_run(region, 1000 * 1000);
    for (int i = 0; i < REGION_NODES; i++) {
        region_crash(region, i);
        create_many(region, 60 + i, 1);
        region_start(region, i);
        region_run(region, 10 * 1000);
        assert_int_equal(region->nodes[i].topics_when_loaded, has_stores ? 60 + i : 0);
        region_run(region, 5 * 1000 * 1000);
        assert_int_equal(catalog_topic_count(region->nodes[i].catalog), 61 + i);
        assert_int_equal(region->nodes[i].topics_created, 61 + i);
        assert_int_equal(catalog_partition_count(region->nodes[i].catalog), 2 * (61 + i));
    }
    region_free(region);
}

static void a_catalog_grows_stale_without_a_leader_that_has_a_quorum(void **state)
{
    struct region *region = new_region(true);
    int leader = region_settle(region);
    int other = (leader + 1) % REGION_NODES;

    (void)state;
    assert_false(catalog_is_stale(region->nodes[leader].catalog, 1000 * 1000));
    region_crash(region, other);
    region_run(region, CATALOG_STALE_US);
    assert_false(catalog_is_stale(region->nodes[leader].catalog, 1000 * 1000)); /* two of three */
    region_crash(region, (leader + 2) % REGION_NODES);
    region_run(region, 5 * 1000 * 1000); /* a leader without a quorum finds it out */
    assert_false(catalog_is_stale(region->nodes[leader].catalog, CATALOG_STALE_US));
    region_run(region, CATALOG_STALE_US);
    assert_true(catalog_is_stale(region->nodes[leader].catalog, CATALOG_STALE_US));
    region_start(region, other);
    assert_true(catalog_is_stale(region->nodes[other].catalog, UINT64_MAX)); /* heard nobody yet */
    region_settle(region);
    assert_false(catalog_is_stale(region->nodes[leader].catalog, 1000 * 1000));
    assert_false(catalog_is_stale(region->nodes[other].catalog, 1000 * 1000));
    region_free(region);
}

/* Nobody speaks of a sleeping group; the beats between the brokers speak for all of them. */
static void a_catalog_that_sleeps_is_not_stale(void **state)
{
    struct region *region = region_new(seed, false);
    struct consensus_stats stats = {0};
    int leader;

    (void)state;
    for (int i = 0; i < REGION_NODES; i++) {
        region_crash(region, i);
    }
    region->options.sleep_when_idle = true;
    for (int i = 0; i < REGION_NODES; i++) {
        region_start(region, i);
    }
    leader = region_settle(region);
    region_run(region, 30 * 1000 * 1000);
    consensus_stats(region->nodes[leader].consensus, &stats);
    assert_int_equal(stats.groups_asleep, 1);
    for (int i = 0; i < REGION_NODES; i++) {
        assert_false(catalog_is_stale(region->nodes[i].catalog, 1000 * 1000));
    }
    region_crash(region, leader);
    region_crash(region, (leader + 1) % REGION_NODES);
    region_run(region, 5 * 1000 * 1000 + CATALOG_STALE_US);
    assert_true(
        catalog_is_stale(region->nodes[(leader + 2) % REGION_NODES].catalog, CATALOG_STALE_US));
    region_free(region);
}

static void a_broker_comes_back_from_its_store(void **state)
{
    (void)state;
    a_broker_comes_back_with_what_it_knew(true);
}

static void a_broker_comes_back_without_a_store(void **state)
{
    (void)state;
    a_broker_comes_back_with_what_it_knew(false);
}

static void note_wait(void *context, enum error error)
{
    *(int *)context = (int)error;
}

static void a_wait_ends_when_the_index_is_applied_or_too_late(void **state)
{
    struct region *region = new_region(false);
    struct region_node *node = &region->nodes[0];
    uint64_t now = catalog_applied_index(node->catalog);
    struct region_answer answer;
    int past = -1;
    int next = -1;
    int never = -1;

    (void)state;
    catalog_wait(node->catalog, now, 1000 * 1000, note_wait, &past);
    catalog_wait(node->catalog, now + 1, 60 * 1000 * 1000, note_wait, &next);
    catalog_wait(node->catalog, now + 1000, 2000 * 1000, note_wait, &never);
    assert_int_equal(past, -1);
    node->is_woken = true;
    region_run(region, 100 * 1000);
    assert_int_equal(past, ERROR_NONE);
    assert_int_equal(next, -1);
    region_submit(node, create_topic_command("topic", 1, 1, 1), &answer);
    region_await(region, &answer);
    region_run(region, 100 * 1000);
    assert_int_equal(next, ERROR_NONE);
    region_run(region, 3000 * 1000);
    assert_int_equal(never, ERROR_TIMEOUT);
    region_free(region);
}

int main(int argument_count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answered_change_is_seen_on_every_broker),
        cmocka_unit_test(a_refusal_comes_back_with_its_reason),
        cmocka_unit_test(many_at_once_are_all_answered),
        cmocka_unit_test(a_dead_broker_is_not_waited_for_longer_than_a_second),
        cmocka_unit_test(a_broker_that_is_cut_off_is_not_waited_for_longer_than_a_second),
        cmocka_unit_test(a_submission_outlives_its_leader),
        cmocka_unit_test(a_deletion_whose_answer_was_lost_is_done),
        cmocka_unit_test(what_was_never_there_is_not_deleted),
        cmocka_unit_test(without_a_majority_a_submission_ends_in_time),
        cmocka_unit_test(a_catalog_grows_stale_without_a_leader_that_has_a_quorum),
        cmocka_unit_test(a_catalog_that_sleeps_is_not_stale),
        cmocka_unit_test(a_broker_comes_back_from_its_store),
        cmocka_unit_test(a_broker_comes_back_without_a_store),
        cmocka_unit_test(a_wait_ends_when_the_index_is_applied_or_too_late),
    };

    if (argument_count > 1) {
        seed = strtoull(arguments[1], NULL, 10);
    }
    (void)printf("seed %llu\n", (unsigned long long)seed);
    return cmocka_run_group_tests_name("catalog", tests, NULL, NULL);
}
