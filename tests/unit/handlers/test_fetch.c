/* SPDX-License-Identifier: Apache-2.0 */
/* Fetch answers with what is there, waits for what is not, and says where to look instead. */
#include <string.h>

#include "gyre/wire/record_batch.h"

#include "handlers/fetch.h"
#include "handlers/fetch_session.h"
#include "handlers/quotas_state.h"
#include "support/fake_broker.h"
#include "support/test.h"
#include "wire_messages/api_keys.h"
#include "wire_messages/fetch.h"

struct asked {
    struct fetch_request in;
    struct fetch_request_topics topic;
    struct fetch_request_topics_partitions partition;
    struct fetch_response out;
    const struct fetch_response_responses_partitions *answer;
};

/* A request for partition 0 from `offset`, that waits for one byte for a second. */
static void want(struct fake_broker *fake, struct asked *asked, int64_t offset)
{
    memset(asked, 0, sizeof *asked);
    fetch_request_init(&asked->in);
    fetch_request_topics_partitions_init(&asked->partition);
    asked->partition.fetch_offset = offset;
    asked->partition.partition_max_bytes = 1 << 20;
    asked->topic.topic = STRING("clicks");
    asked->topic.topic_id = fake->topic.id;
    asked->topic.partitions.items = &asked->partition;
    asked->topic.partitions.count = 1;
    asked->in.topics.items = &asked->topic;
    asked->in.topics.count = 1;
    asked->in.max_wait_ms = 1000;
    asked->in.min_bytes = 1;
}

static void ask(struct fake_broker *fake, struct asked *asked, int16_t version)
{
    fake_broker_ask(fake, API_FETCH, version, &asked->in, fetch_handle);
}

static void take_answer(struct fake_broker *fake, struct asked *asked)
{
    assert_int_equal(fake_broker_end(fake), REQUEST_REPLIED);
    request_fixture_answer(&fake->fixture, &asked->out);
    asked->answer =
        asked->out.responses.count == 0 ? NULL : &asked->out.responses.items[0].partitions.items[0];
}

static void expect(struct fake_broker *fake, struct asked *asked, enum kafka_error error,
                   bool has_records)
{
    take_answer(fake, asked);
    assert_non_null(asked->answer);
    assert_int_equal(asked->answer->error_code, error);
    assert_int_equal(asked->answer->records.length > 0, has_records);
}

static struct buffer *batch_of(int count, size_t bytes)
{
    return fake_group_batch(count, bytes, -1, -1, -1);
}

static void every_version_gets_what_is_there(void **state)
{
    struct fake_broker fake;
    struct asked asked;

    (void)state;
    fake_broker_init(&fake);
    fake_broker_store(&fake, batch_of(3, 20));
    for (int16_t version = 0; version <= 18; version++) {
        want(&fake, &asked, 1);
        ask(&fake, &asked, version);
        expect(&fake, &asked, KAFKA_ERROR_NONE, true);
        assert_int_equal(asked.answer->high_watermark, 3);
        if (version >= 4) {
            assert_int_equal(asked.answer->last_stable_offset, 3);
            assert_int_equal(record_batch_base_offset(asked.answer->records.bytes), 0);
            assert_int_equal(asked.answer->aborted_transactions.count, -1);
        } else {
            assert_int_equal(asked.answer->records.bytes[RECORD_BATCH_AT_MAGIC],
                             version < 2 ? 0 : 1);
        }
    }
    fake_broker_release(&fake);
}

static void only_a_topic_set_to_zstd_needs_version_10(void **state)
{
    struct fake_broker fake;
    struct asked asked;

    (void)state;
    fake_broker_init(&fake);
    fake_broker_store(&fake, batch_of(3, 20));
    want(&fake, &asked, 0);
    ask(&fake, &asked, 9);
    expect(&fake, &asked, KAFKA_ERROR_NONE, true);
    fake.group.config.compression = TOPIC_COMPRESSION_ZSTD;
    partition_set_config(fake.group.partition, &fake.group.config);
    want(&fake, &asked, 0);
    ask(&fake, &asked, 9);
    expect(&fake, &asked, KAFKA_ERROR_UNSUPPORTED_COMPRESSION_TYPE, false);
    want(&fake, &asked, 0);
    ask(&fake, &asked, 10);
    expect(&fake, &asked, KAFKA_ERROR_NONE, true);
    fake_broker_release(&fake);
}

static void an_empty_fetch_waits_and_an_append_wakes_it(void **state)
{
    struct fake_broker fake;
    struct asked asked;

    (void)state;
    fake_broker_init(&fake);
    want(&fake, &asked, 0);
    ask(&fake, &asked, 12);
    assert_int_equal(fake_broker_end(&fake), REQUEST_OPEN);
    fake_group_pass(&fake.group, 900000);
    assert_int_equal(fake_broker_end(&fake), REQUEST_OPEN);
    fake_broker_store(&fake, batch_of(1, 20));
    expect(&fake, &asked, KAFKA_ERROR_NONE, true);

    want(&fake, &asked, 1);
    ask(&fake, &asked, 12);
    fake_group_pass(&fake.group, 1000001);
    expect(&fake, &asked, KAFKA_ERROR_NONE, false);
    assert_int_equal(asked.answer->high_watermark, 1);

    want(&fake, &asked, 1);
    asked.in.max_wait_ms = 0;
    ask(&fake, &asked, 12);
    expect(&fake, &asked, KAFKA_ERROR_NONE, false);
    fake_broker_release(&fake);
}

static void min_bytes_are_gathered(void **state)
{
    struct fake_broker fake;
    struct asked asked;

    (void)state;
    fake_broker_init(&fake);
    want(&fake, &asked, 0);
    asked.in.min_bytes = 500;
    ask(&fake, &asked, 12);
    fake_broker_store(&fake, batch_of(1, 20));
    fake_broker_store(&fake, batch_of(1, 20));
    assert_int_equal(fake_broker_end(&fake), REQUEST_OPEN);
    fake_broker_store(&fake, batch_of(1, 400));
    expect(&fake, &asked, KAFKA_ERROR_NONE, true);
    assert_true(asked.answer->records.length > 500);
    fake_broker_release(&fake);
}

/* With nothing there it still waits, however little may come. */
static void nobody_waits_for_more_than_may_come_at_once(void **state)
{
    struct fake_broker fake;
    struct asked asked;

    (void)state;
    fake_broker_init(&fake);
    want(&fake, &asked, 0);
    asked.in.min_bytes = 500;
    asked.in.max_bytes = 100;
    ask(&fake, &asked, 12);
    assert_int_equal(fake_broker_end(&fake), REQUEST_OPEN);
    fake_broker_store(&fake, batch_of(1, 100));
    expect(&fake, &asked, KAFKA_ERROR_NONE, true);

    want(&fake, &asked, 1);
    asked.in.min_bytes = 500;
    asked.in.max_bytes = 0;
    ask(&fake, &asked, 12);
    assert_int_equal(fake_broker_end(&fake), REQUEST_OPEN);
    fake_broker_store(&fake, batch_of(1, 1));
    expect(&fake, &asked, KAFKA_ERROR_NONE, true);
    fake_broker_release(&fake);
}

static void errors_and_elections_are_answered_at_once(void **state)
{
    struct fake_broker fake;
    struct asked asked;

    (void)state;
    fake_broker_init(&fake);
    want(&fake, &asked, 7);
    ask(&fake, &asked, 12);
    expect(&fake, &asked, KAFKA_ERROR_OFFSET_OUT_OF_RANGE, false);
    assert_int_equal(asked.answer->high_watermark, -1);
    want(&fake, &asked, 0);
    asked.topic.topic = STRING("nowhere");
    ask(&fake, &asked, 12);
    expect(&fake, &asked, KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION, false);
    asked.topic.topic_id.bytes[3] = 1;
    ask(&fake, &asked, 13);
    expect(&fake, &asked, KAFKA_ERROR_UNKNOWN_TOPIC_ID, false);

    want(&fake, &asked, 0);
    asked.partition.current_leader_epoch = 1;
    ask(&fake, &asked, 16);
    assert_int_equal(fake_broker_end(&fake), REQUEST_OPEN);
    fake_group_follow(&fake.group, 2, 2);
    expect(&fake, &asked, KAFKA_ERROR_FENCED_LEADER_EPOCH, false);
    assert_int_equal(asked.answer->current_leader.leader_id, 2);
    assert_int_equal(asked.out.node_endpoints.count, 1);

    want(&fake, &asked, 0);
    ask(&fake, &asked, 10); /* too old to read from followers */
    expect(&fake, &asked, KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER, false);
    want(&fake, &asked, 50);
    asked.in.max_wait_ms = 0;
    ask(&fake, &asked, 11);
    expect(&fake, &asked, KAFKA_ERROR_NONE, false); /* a follower may be behind */
    fake_broker_release(&fake);
}

static void the_first_batch_comes_whatever_its_size(void **state)
{
    struct fake_broker fake;
    struct asked asked;

    (void)state;
    fake_broker_init(&fake);
    fake_broker_store(&fake, batch_of(1, 5000));
    fake_broker_store(&fake, batch_of(1, 5000));
    want(&fake, &asked, 0);
    asked.partition.partition_max_bytes = 100;
    ask(&fake, &asked, 12);
    expect(&fake, &asked, KAFKA_ERROR_NONE, true);
    assert_in_range(asked.answer->records.length, 5000, 6000);
    want(&fake, &asked, 0);
    asked.in.max_bytes = 1;
    ask(&fake, &asked, 12);
    expect(&fake, &asked, KAFKA_ERROR_NONE, true);
    assert_in_range(asked.answer->records.length, 5000, 6000);
    fake_broker_release(&fake);
}

static void a_session_answers_news_only(void **state)
{
    struct fake_broker fake;
    struct asked asked;
    int32_t id;

    (void)state;
    fake_broker_init(&fake);
    fake_broker_store(&fake, batch_of(1, 20));
    want(&fake, &asked, 1);
    asked.in.session_epoch = 0;
    asked.in.max_wait_ms = 0;
    ask(&fake, &asked, 12);
    expect(&fake, &asked, KAFKA_ERROR_NONE, false);
    id = asked.out.session_id;
    assert_true(id > 0);

    asked.in.topics.count = 0;
    asked.in.session_id = id;
    asked.in.session_epoch = 1;
    ask(&fake, &asked, 12);
    take_answer(&fake, &asked);
    assert_int_equal(asked.out.session_id, id);
    assert_null(asked.answer); /* nothing new */

    asked.in.session_epoch = 2;
    asked.in.max_wait_ms = 1000;
    ask(&fake, &asked, 12);
    assert_int_equal(fake_broker_end(&fake), REQUEST_OPEN);
    fake_broker_store(&fake, batch_of(1, 20));
    expect(&fake, &asked, KAFKA_ERROR_NONE, true);
    assert_true(string_is(asked.out.responses.items[0].topic, "clicks"));

    asked.in.session_epoch = 9;
    ask(&fake, &asked, 12);
    take_answer(&fake, &asked);
    assert_int_equal(asked.out.error_code, KAFKA_ERROR_INVALID_FETCH_SESSION_EPOCH);
    assert_int_equal(asked.out.session_id, 0);
    fake_broker_release(&fake);
}

static void a_replica_in_the_readers_rack_is_preferred(void **state)
{
    struct fake_broker fake;
    struct asked asked;

    (void)state;
    fake_broker_init(&fake);
    fake_broker_store(&fake, batch_of(1, 20));
    want(&fake, &asked, 0);
    asked.in.rack_id = STRING("b");
    ask(&fake, &asked, 11);
    expect(&fake, &asked, KAFKA_ERROR_NONE, true); /* not asked for by the configuration */
    assert_int_equal(asked.answer->preferred_read_replica, -1);
    fake.config.replica_selector_class =
        STRING("org.apache.kafka.common.replica.RackAwareReplicaSelector");
    ask(&fake, &asked, 11);
    expect(&fake, &asked, KAFKA_ERROR_NONE, false);
    assert_int_equal(asked.answer->preferred_read_replica, 2);
    asked.in.rack_id = STRING("a");
    ask(&fake, &asked, 11);
    expect(&fake, &asked, KAFKA_ERROR_NONE, true);
    assert_int_equal(asked.answer->preferred_read_replica, -1);
    fake_broker_release(&fake);
}

static void a_diverged_reader_is_told_where(void **state)
{
    struct fake_broker fake;
    struct asked asked;

    (void)state;
    fake_broker_init(&fake);
    fake_broker_store(&fake, batch_of(4, 20));
    fake_group_follow(&fake.group, 2, 2);
    fake_group_lead(&fake.group, 3);
    fake_broker_store(&fake, batch_of(4, 20));
    want(&fake, &asked, 6);
    asked.partition.last_fetched_epoch = 1; /* that epoch ended at 4 */
    ask(&fake, &asked, 12);
    expect(&fake, &asked, KAFKA_ERROR_NONE, false);
    assert_int_equal(asked.answer->diverging_epoch.epoch, 1);
    assert_int_equal(asked.answer->diverging_epoch.end_offset, 4);
    asked.partition.last_fetched_epoch = 3;
    ask(&fake, &asked, 12);
    expect(&fake, &asked, KAFKA_ERROR_NONE, true);
    assert_int_equal(asked.answer->diverging_epoch.epoch, -1);
    fake_broker_release(&fake);
}

static void a_slow_disk_and_a_deadline_do_not_meet(void **state)
{
    struct fake_broker fake;
    struct asked asked;

    (void)state;
    fake_broker_init(&fake);
    fake_broker_store(&fake, batch_of(1, 20));
    fake.group.group->log->reads_late = true;
    want(&fake, &asked, 0);
    asked.in.min_bytes = 1000;
    ask(&fake, &asked, 12);
    fake_group_pass(&fake.group, 1000001); /* time is up: now it reads */
    assert_int_equal(fake_broker_end(&fake), REQUEST_OPEN);
    fake_group_pass(&fake.group, 1000001);
    assert_int_equal(fake_broker_end(&fake), REQUEST_OPEN);
    fake_group_finish_read(&fake.group);
    expect(&fake, &asked, KAFKA_ERROR_NONE, true);
    fake_broker_release(&fake);
}

static size_t limit_bytes;

static void fetch_within_limit(struct request *request)
{
    request->arena.limit_bytes = limit_bytes;
    fetch_handle(request);
}

/* Nothing, without an error, would be the end of the log. */
static void records_that_there_is_no_memory_for_are_missed(void **state)
{
    enum { BATCHES = 40, STEP = 16 };
    struct fake_broker fake;
    struct asked asked;
    int refused = 0;

    (void)state;
    fake_broker_init(&fake);
    for (int i = 0; i < BATCHES; i++) {
        fake_broker_store(&fake, batch_of(1, 20));
    }
    want(&fake, &asked, 0);
    ask(&fake, &asked, 12);
    expect(&fake, &asked, KAFKA_ERROR_NONE, true);
    int32_t length = asked.answer->records.length;
    size_t need = fake.fixture.request.arena.used_bytes;
    for (limit_bytes = 0; limit_bytes < need; limit_bytes += STEP) {
        want(&fake, &asked, 0);
        fake_broker_ask(&fake, API_FETCH, 12, &asked.in, fetch_within_limit);
        if (fake_broker_end(&fake) == REQUEST_CLOSED) {
            continue;
        }
        take_answer(&fake, &asked);
        if (asked.out.error_code != KAFKA_ERROR_NONE) {
            continue;
        }
        assert_non_null(asked.answer);
        if (asked.answer->error_code == KAFKA_ERROR_NONE) {
            assert_int_equal(asked.answer->records.length, length);
        } else {
            refused++;
        }
    }
    assert_true(refused > 0);
    fake_broker_release(&fake);
}

/* Ten bytes a second for everybody. */
static void give_quota(struct fake_broker *fake, struct quotas *quotas)
{
    const struct quota_options options = {.samples = 11, .window_us = 1000000, .meters_max = 10};
    const struct quota_entity everybody = {.client_id = {.kind = QUOTA_PART_DEFAULT}};

    *quotas = (struct quotas){.loop = &fake->group.loop, .table = quota_table_new(&options)};
    quota_table_set(quotas->table, &everybody, QUOTA_FETCH, 10);
    fake->config.quota_window_num = 11;
    fake->config.quota_window_size_seconds = 1;
    fake->broker.quotas = quotas;
}

static void expect_rest(struct fake_broker *fake, struct asked *asked, int32_t session_id)
{
    take_answer(fake, asked);
    assert_null(asked->answer);
    assert_true(asked->out.throttle_time_ms > 0);
    assert_int_equal(asked->out.session_id, session_id);
}

/* KIP-227: such an answer tells its client of no session, so none may take the place of another. */
static void a_full_fetch_that_is_to_rest_leaves_no_session(void **state)
{
    struct fake_broker fake;
    struct quotas quotas;
    struct asked asked;
    int32_t session_id;

    (void)state;
    fake_broker_init(&fake);
    fake_broker_store(&fake, batch_of(3, 200));
    want(&fake, &asked, 0);
    asked.in.session_epoch = 0;
    ask(&fake, &asked, 12);
    take_answer(&fake, &asked);
    session_id = asked.out.session_id;
    assert_int_not_equal(session_id, 0);
    give_quota(&fake, &quotas);
    want(&fake, &asked, 0);
    asked.in.session_epoch = 0;
    ask(&fake, &asked, 12);
    expect_rest(&fake, &asked, 0);
    assert_int_equal(fetch_sessions_count(fake.broker.fetch_sessions), 1);
    asked.in.session_id = session_id;
    asked.in.session_epoch = 1;
    asked.in.topics.count = 0;
    ask(&fake, &asked, 12);
    expect_rest(&fake, &asked, session_id);
    assert_int_equal(fetch_sessions_count(fake.broker.fetch_sessions), 1);
    fake.broker.quotas = NULL;
    quota_table_free(quotas.table);
    fake_broker_release(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_version_gets_what_is_there),
        cmocka_unit_test(only_a_topic_set_to_zstd_needs_version_10),
        cmocka_unit_test(an_empty_fetch_waits_and_an_append_wakes_it),
        cmocka_unit_test(min_bytes_are_gathered),
        cmocka_unit_test(nobody_waits_for_more_than_may_come_at_once),
        cmocka_unit_test(errors_and_elections_are_answered_at_once),
        cmocka_unit_test(the_first_batch_comes_whatever_its_size),
        cmocka_unit_test(a_session_answers_news_only),
        cmocka_unit_test(a_full_fetch_that_is_to_rest_leaves_no_session),
        cmocka_unit_test(a_replica_in_the_readers_rack_is_preferred),
        cmocka_unit_test(a_diverged_reader_is_told_where),
        cmocka_unit_test(a_slow_disk_and_a_deadline_do_not_meet),
        cmocka_unit_test(records_that_there_is_no_memory_for_are_missed),
    };
    return cmocka_run_group_tests_name("fetch", tests, NULL, NULL);
}
