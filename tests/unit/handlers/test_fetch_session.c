/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions remember what a client wants and tell apart what is new to it (KIP-227). */
#include <string.h>

#include "gyre/base/arena.h"
#include "gyre/base/random.h"
#include "gyre/runtime/loop.h"

#include "handlers/fetch_session.h"
#include "support/test.h"
#include "wire_messages/fetch.h"

struct fixture {
    struct clock clock;
    struct loop loop;
    struct random random;
    struct arena arena;
    struct fetch_sessions *sessions;
    struct fetch_plan plan;
    /* one topic with up to four partitions */
    struct fetch_request in;
    struct fetch_request_topics topic;
    struct fetch_request_topics_partitions partitions[4];
    struct fetch_request_forgotten_topics_data forgotten;
    int32_t forgotten_partition;
    uint64_t owner;
};

static uint64_t monotonic_us(const struct clock *clock)
{
    (void)clock;
    return 1000;
}

static int64_t wall_ms(const struct clock *clock)
{
    (void)clock;
    return 1;
}

static void init(struct fixture *fixture, int slots_max)
{
    memset(fixture, 0, sizeof *fixture);
    fixture->clock = (struct clock){.monotonic_us = monotonic_us, .wall_ms = wall_ms};
    loop_init(&fixture->loop, &fixture->clock);
    random_seed(&fixture->random, 11);
    arena_init(&fixture->arena, 1 << 20);
    fixture->sessions = fetch_sessions_new(&fixture->loop, &fixture->random, slots_max);
    fixture->topic.topic = STRING("clicks");
}

static void release(struct fixture *fixture)
{
    fetch_sessions_free(fixture->sessions);
    arena_release(&fixture->arena);
    loop_release(&fixture->loop);
}

/* Ask for partitions first .. first + count - 1 at `offset`. */
static enum kafka_error ask(struct fixture *fixture, int32_t session_id, int32_t session_epoch,
                            int32_t first, int32_t count, int64_t offset)
{
    fetch_request_init(&fixture->in);
    fixture->in.session_id = session_id;
    fixture->in.session_epoch = session_epoch;
    for (int32_t i = 0; i < count; i++) {
        fixture->partitions[i].partition = first + i;
        fixture->partitions[i].fetch_offset = offset;
    }
    fixture->topic.partitions.items = fixture->partitions;
    fixture->topic.partitions.count = count;
    fixture->in.topics.items = &fixture->topic;
    fixture->in.topics.count = count > 0 ? 1 : 0;
    if (fixture->forgotten_partition >= 0 && fixture->forgotten.partitions.count > 0) {
        fixture->in.forgotten_topics_data.items = &fixture->forgotten;
        fixture->in.forgotten_topics_data.count = 1;
    }
    return fetch_sessions_plan(fixture->sessions, &fixture->in,
                               &(struct fetch_naming){.owner = fixture->owner}, &fixture->arena,
                               &fixture->plan);
}

static void forget(struct fixture *fixture, int32_t partition)
{
    fixture->forgotten_partition = partition;
    fixture->forgotten.topic = STRING("clicks");
    fixture->forgotten.partitions.items = &fixture->forgotten_partition;
    fixture->forgotten.partitions.count = 1;
}

static void an_incremental_request_names_only_what_changed(void **state)
{
    struct fixture fixture;
    int32_t id;

    (void)state;
    init(&fixture, 10);
    assert_int_equal(ask(&fixture, 0, 0, 0, 3, 5), KAFKA_ERROR_NONE);
    id = fixture.plan.session_id;
    assert_true(id > 0);
    assert_false(fixture.plan.is_incremental);
    assert_int_equal(fixture.plan.count, 3);

    assert_int_equal(ask(&fixture, id, 1, 1, 1, 9), KAFKA_ERROR_NONE);
    assert_true(fixture.plan.is_incremental);
    assert_int_equal(fixture.plan.session_id, id);
    assert_int_equal(fixture.plan.count, 3);
    assert_int_equal(fixture.plan.wants[0].fetch_offset, 5);
    assert_int_equal(fixture.plan.wants[1].fetch_offset, 9);
    assert_true(string_is(fixture.plan.wants[2].topic, "clicks"));

    forget(&fixture, 0);
    assert_int_equal(ask(&fixture, id, 2, 3, 1, 1), KAFKA_ERROR_NONE);
    assert_int_equal(fixture.plan.count, 3);
    assert_int_equal(fixture.plan.wants[0].partition, 1);
    assert_int_equal(fixture.plan.wants[2].partition, 3);
    release(&fixture);
}

static void nobody_finds_the_session_of_another(void **state)
{
    struct fixture fixture;
    int32_t id;

    (void)state;
    init(&fixture, 10);
    assert_int_equal(ask(&fixture, 0, 0, 0, 1, 0), KAFKA_ERROR_NONE);
    id = fixture.plan.session_id;
    fixture.owner = 7;
    for (int32_t epoch = 1; epoch < 4; epoch++) { /* the right one and others */
        assert_int_equal(ask(&fixture, id, epoch, 0, 0, 0), KAFKA_ERROR_FETCH_SESSION_ID_NOT_FOUND);
    }
    assert_int_equal(ask(&fixture, id, -1, 0, 1, 0), KAFKA_ERROR_NONE); /* would close it */
    assert_int_equal(ask(&fixture, id, 0, 0, 1, 0), KAFKA_ERROR_NONE);  /* would replace it */
    assert_int_not_equal(fixture.plan.session_id, id);
    assert_int_equal(fetch_sessions_count(fixture.sessions), 2);
    fixture.owner = 0;
    assert_int_equal(ask(&fixture, id, 1, 0, 0, 0), KAFKA_ERROR_NONE);
    release(&fixture);
}

static void wrong_ids_and_epochs_are_told_apart(void **state)
{
    struct fixture fixture;
    int32_t id;

    (void)state;
    init(&fixture, 10);
    assert_int_equal(ask(&fixture, 0, 0, 0, 1, 0), KAFKA_ERROR_NONE);
    id = fixture.plan.session_id;
    assert_int_equal(ask(&fixture, id, 2, 0, 0, 0), KAFKA_ERROR_INVALID_FETCH_SESSION_EPOCH);
    assert_int_equal(ask(&fixture, id == 1 ? 2 : id - 1, 1, 0, 0, 0),
                     KAFKA_ERROR_FETCH_SESSION_ID_NOT_FOUND);
    fixture.in.session_id = id;
    fixture.in.session_epoch = 1;
    assert_int_equal(fetch_sessions_plan(fixture.sessions, &fixture.in,
                                         &(struct fetch_naming){.by_id = true}, &fixture.arena,
                                         &fixture.plan),
                     KAFKA_ERROR_FETCH_SESSION_TOPIC_ID_ERROR);
    assert_int_equal(ask(&fixture, id, 1, 0, 0, 0), KAFKA_ERROR_NONE);

    assert_int_equal(ask(&fixture, id, -1, 0, 2, 0), KAFKA_ERROR_NONE); /* closes it */
    assert_int_equal(fixture.plan.session_id, 0);
    assert_int_equal(fixture.plan.count, 2);
    assert_int_equal(fetch_sessions_count(fixture.sessions), 0);
    assert_int_equal(ask(&fixture, id, 2, 0, 0, 0), KAFKA_ERROR_FETCH_SESSION_ID_NOT_FOUND);
    release(&fixture);
}

static void a_session_that_wants_nothing_any_more_is_gone(void **state)
{
    struct fixture fixture;

    (void)state;
    init(&fixture, 10);
    assert_int_equal(ask(&fixture, 0, 0, 0, 1, 0), KAFKA_ERROR_NONE);
    forget(&fixture, 0);
    assert_int_equal(ask(&fixture, fixture.plan.session_id, 1, 0, 0, 0), KAFKA_ERROR_NONE);
    assert_int_equal(fixture.plan.session_id, 0);
    assert_int_equal(fixture.plan.count, 0);
    assert_int_equal(fetch_sessions_count(fixture.sessions), 0);
    release(&fixture);
}

static void only_news_is_answered_and_served_partitions_go_last(void **state)
{
    struct fixture fixture;
    struct fetch_session *session;
    struct fetch_news news = {.high_watermark = 7, .log_start_offset = 0};
    int32_t id;

    (void)state;
    init(&fixture, 10);
    assert_int_equal(ask(&fixture, 0, 0, 0, 2, 0), KAFKA_ERROR_NONE);
    id = fixture.plan.session_id;
    session = fetch_sessions_find(fixture.sessions, &fixture.plan);
    assert_non_null(session);
    assert_true(fetch_session_note(session, &fixture.plan.wants[0], &news));
    assert_false(fetch_session_note(session, &fixture.plan.wants[0], &news));
    news.high_watermark = 8;
    assert_true(fetch_session_note(session, &fixture.plan.wants[0], &news));
    news.log_start_offset = 3;
    assert_true(fetch_session_note(session, &fixture.plan.wants[0], &news));
    news.is_error = true;
    assert_true(fetch_session_note(session, &fixture.plan.wants[0], &news));
    news.is_error = false;
    assert_true(fetch_session_note(session, &fixture.plan.wants[0], &news)); /* it is well again */
    news.has_records = true;
    assert_true(fetch_session_note(session, &fixture.plan.wants[0], &news));

    assert_int_equal(ask(&fixture, id, 1, 0, 0, 0), KAFKA_ERROR_NONE);
    assert_int_equal(fixture.plan.wants[0].partition, 1);
    assert_int_equal(fixture.plan.wants[1].partition, 0);
    release(&fixture);
}

static void without_a_free_slot_there_is_no_session(void **state)
{
    struct fixture fixture;

    (void)state;
    init(&fixture, 1);
    assert_int_equal(ask(&fixture, 0, 0, 0, 1, 0), KAFKA_ERROR_NONE);
    assert_true(fixture.plan.session_id > 0);
    assert_int_equal(ask(&fixture, 0, 0, 0, 1, 0), KAFKA_ERROR_NONE);
    assert_int_equal(fixture.plan.session_id, 0);
    assert_int_equal(fixture.plan.count, 1);
    fixture.loop.now_us += UINT64_C(1000) * FETCH_SESSION_IDLE_MS;
    assert_int_equal(ask(&fixture, 0, 0, 0, 1, 0), KAFKA_ERROR_NONE);
    assert_true(fixture.plan.session_id > 0);
    assert_int_equal(fetch_sessions_count(fixture.sessions), 1);
    release(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_incremental_request_names_only_what_changed),
        cmocka_unit_test(nobody_finds_the_session_of_another),
        cmocka_unit_test(wrong_ids_and_epochs_are_told_apart),
        cmocka_unit_test(a_session_that_wants_nothing_any_more_is_gone),
        cmocka_unit_test(only_news_is_answered_and_served_partitions_go_last),
        cmocka_unit_test(without_a_free_slot_there_is_no_session),
    };
    return cmocka_run_group_tests_name("fetch_session", tests, NULL, NULL);
}
