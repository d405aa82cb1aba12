/* SPDX-License-Identifier: Apache-2.0 */
/* Produce answers each partition with Kafka's own word, in all versions. */
#include <string.h>

#include "gyre/wire/record_batch.h"

#include "handlers/produce.h"
#include "support/fake_broker.h"
#include "support/test.h"
#include "wire_messages/api_keys.h"
#include "wire_messages/produce.h"

struct asked {
    struct produce_request in;
    struct produce_request_topic_data topic;
    struct produce_request_topic_data_partition_data partitions[2];
    struct produce_response out;
    const struct produce_response_responses_partition_responses *answer;
};

static void fill(const struct fake_broker *fake, struct asked *asked, int16_t acks,
                 const char *name, int32_t index, struct buffer *batch)
{
    memset(asked, 0, sizeof *asked);
    asked->partitions[0].index = index;
    asked->partitions[0].records.bytes = batch->bytes;
    asked->partitions[0].records.length = (int32_t)batch->size;
    asked->topic.name = string_from(name);
    asked->topic.topic_id = fake->topic.id;
    asked->topic.partition_data.items = asked->partitions;
    asked->topic.partition_data.count = 1;
    asked->in.acks = acks;
    asked->in.timeout_ms = 1000;
    asked->in.topic_data.items = &asked->topic;
    asked->in.topic_data.count = 1;
}

/* Takes `batch`. Partition `index` of the topic called `name`. */
static void ask(struct fake_broker *fake, struct asked *asked, int16_t version, int16_t acks,
                const char *name, int32_t index, struct buffer *batch)
{
    fill(fake, asked, acks, name, index, batch);
    fake_broker_ask(fake, API_PRODUCE, version, &asked->in, produce_handle);
    buffer_unref(batch);
}

static struct buffer *batch_of(int count)
{
    return fake_group_batch(count, 20, -1, -1, -1);
}

static void take_answer(struct fake_broker *fake, struct asked *asked)
{
    assert_int_equal(fake_broker_end(fake), REQUEST_REPLIED);
    request_fixture_answer(&fake->fixture, &asked->out);
    assert_int_equal(asked->out.responses.count, 1);
    asked->answer = &asked->out.responses.items[0].partition_responses.items[0];
}

static void expect_error(struct fake_broker *fake, struct asked *asked, enum kafka_error error)
{
    take_answer(fake, asked);
    assert_int_equal(asked->answer->error_code, error);
    assert_int_equal(asked->answer->base_offset, -1);
}

static void every_version_is_answered_when_the_batch_is_committed(void **state)
{
    struct fake_broker fake;
    struct asked asked;

    (void)state;
    fake_broker_init(&fake);
    for (int16_t version = 3; version <= 13; version++) {
        ask(&fake, &asked, version, -1, "clicks", 0, batch_of(2));
        assert_int_equal(fake_broker_end(&fake), REQUEST_OPEN);
        fake_group_commit(&fake.group);
        take_answer(&fake, &asked);
        assert_int_equal(asked.answer->error_code, KAFKA_ERROR_NONE);
        assert_int_equal(asked.answer->base_offset, (version - 3) * 2);
        assert_int_equal(asked.answer->log_append_time_ms, -1);
    }
    fake_broker_release(&fake);
}

/* By name and by id; the offsets say which batch was appended. */
static void a_partition_that_is_named_twice_gets_the_last_batch(void **state)
{
    struct fake_broker fake;
    struct asked asked;
    struct buffer *last = batch_of(3);
    int64_t offset = 0;

    (void)state;
    fake_broker_init(&fake);
    for (int16_t version = 12; version <= 13; version++) {
        struct buffer *first = batch_of(2);

        fill(&fake, &asked, -1, "clicks", 0, first);
        asked.partitions[1].records.bytes = last->bytes;
        asked.partitions[1].records.length = (int32_t)last->size;
        asked.topic.partition_data.count = 2;
        fake_broker_ask(&fake, API_PRODUCE, version, &asked.in, produce_handle);
        fake_group_commit(&fake.group);
        take_answer(&fake, &asked);
        assert_int_equal(asked.out.responses.items[0].partition_responses.count, 1);
        assert_int_equal(asked.answer->base_offset, offset);
        offset += 3;
        buffer_unref(first);
    }
    buffer_unref(last);
    fake_broker_release(&fake);
}

static void acks_0_is_silent_and_closes_on_errors(void **state)
{
    struct fake_broker fake;
    struct asked asked;

    (void)state;
    fake_broker_init(&fake);
    ask(&fake, &asked, 9, 0, "clicks", 0, batch_of(1));
    assert_int_equal(fake_broker_end(&fake), REQUEST_SILENT);
    ask(&fake, &asked, 9, 0, "clicks", 1, batch_of(1));
    assert_int_equal(fake_broker_end(&fake), REQUEST_CLOSED);
    fake_group_commit(&fake.group);
    fake_broker_release(&fake);
}

static void what_cannot_be_appended_is_refused_at_once(void **state)
{
    struct fake_broker fake;
    struct asked asked;

    (void)state;
    fake_broker_init(&fake);
    ask(&fake, &asked, 9, -1, "nowhere", 0, batch_of(1));
    expect_error(&fake, &asked, KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    ask(&fake, &asked, 9, -1, "clicks", 2, batch_of(1));
    expect_error(&fake, &asked, KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    ask(&fake, &asked, 9, -1, "__own", 0, batch_of(1));
    expect_error(&fake, &asked, KAFKA_ERROR_INVALID_TOPIC_EXCEPTION);
    ask(&fake, &asked, 9, 2, "clicks", 0, batch_of(1));
    expect_error(&fake, &asked, KAFKA_ERROR_INVALID_REQUIRED_ACKS);
    ask(&fake, &asked, 9, -1, "clicks", 0, buffer_new(0));
    expect_error(&fake, &asked, KAFKA_ERROR_INVALID_RECORD);
    fake_broker_release(&fake);
}

static void an_unknown_topic_id_has_its_own_error(void **state)
{
    struct fake_broker fake;
    struct asked asked;
    struct uuid other = {.bytes = {9}};

    (void)state;
    fake_broker_init(&fake);
    memset(&asked, 0, sizeof asked);
    fake.topic.id = other;
    ask(&fake, &asked, 13, -1, "", 0, batch_of(1)); /* of a topic without a replica here */
    expect_error(&fake, &asked, KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER);
    asked.topic.topic_id = (struct uuid){.bytes = {7}};
    asked.partitions[0].records = (struct records){.bytes = NULL, .length = 0};
    fake_broker_ask(&fake, API_PRODUCE, 13, &asked.in, produce_handle);
    expect_error(&fake, &asked, KAFKA_ERROR_UNKNOWN_TOPIC_ID);
    assert_true(uuid_equal(asked.out.responses.items[0].topic_id, asked.topic.topic_id));
    fake_broker_release(&fake);
}

static void who_asks_the_wrong_broker_is_told_the_right_one(void **state)
{
    struct fake_broker fake;
    struct asked asked;

    (void)state;
    fake_broker_init(&fake);
    ask(&fake, &asked, 10, -1, "clicks", 1, batch_of(1));
    expect_error(&fake, &asked, KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER);
    assert_int_equal(asked.answer->current_leader.leader_id, 2);
    assert_int_equal(asked.answer->current_leader.leader_epoch, 9);
    assert_int_equal(asked.out.node_endpoints.count, 1);
    assert_int_equal(asked.out.node_endpoints.items[0].node_id, 2);
    assert_int_equal(asked.out.node_endpoints.items[0].port, 9093);
    ask(&fake, &asked, 9, -1, "clicks", 1, batch_of(1));
    expect_error(&fake, &asked, KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER);
    assert_int_equal(asked.out.node_endpoints.count, 0);
    fake_broker_release(&fake);
}

static void ask_in_transaction(struct fake_broker *fake, struct asked *asked, struct string id)
{
    struct buffer *batch = batch_of(1);

    batch->bytes[RECORD_BATCH_AT_ATTRIBUTES + 1] |= RECORD_BATCH_TRANSACTIONAL;
    fill(fake, asked, -1, "clicks", 0, batch);
    asked->in.transactional_id = id;
    fake_broker_ask(fake, API_PRODUCE, 9, &asked->in, produce_handle);
    buffer_unref(batch);
}

static void zstd_needs_version_7_and_transactions_do_not_exist(void **state)
{
    struct fake_broker fake;
    struct asked asked;
    struct buffer *batch = batch_of(1);

    (void)state;
    fake_broker_init(&fake);
    batch->bytes[RECORD_BATCH_AT_ATTRIBUTES + 1] |= COMPRESSION_ZSTD;
    ask(&fake, &asked, 6, -1, "clicks", 0, batch);
    expect_error(&fake, &asked, KAFKA_ERROR_UNSUPPORTED_COMPRESSION_TYPE);
    ask_in_transaction(&fake, &asked, STRING("t"));
    expect_error(&fake, &asked, KAFKA_ERROR_INVALID_TXN_STATE);
    ask_in_transaction(&fake, &asked, STRING_NULL);
    expect_error(&fake, &asked, KAFKA_ERROR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    fake_broker_release(&fake);
}

static void a_bad_record_is_named(void **state)
{
    struct fake_broker fake;
    struct asked asked;

    (void)state;
    fake_broker_init(&fake);
    fake.group.config.timestamp_after_max_ms = 0;
    partition_set_config(fake.group.partition, &fake.group.config);
    ask(&fake, &asked, 8, -1, "clicks", 0, batch_of(3)); /* now is 1000, records 1000 .. 1002 */
    expect_error(&fake, &asked, KAFKA_ERROR_INVALID_TIMESTAMP);
    assert_int_equal(asked.answer->record_errors.count, 1);
    assert_int_equal(asked.answer->record_errors.items[0].batch_index, 1);
    assert_true(asked.answer->error_message.length > 0);
    fake_broker_release(&fake);
}

static void log_append_time_is_the_brokers_and_told(void **state)
{
    struct fake_broker fake;
    struct asked asked;

    (void)state;
    fake_broker_init(&fake);
    fake.group.config.is_log_append_time = true;
    partition_set_config(fake.group.partition, &fake.group.config);
    fake_group_pass(&fake.group, 4000000);
    ask(&fake, &asked, 9, -1, "clicks", 0, batch_of(1));
    fake_group_commit(&fake.group);
    take_answer(&fake, &asked);
    assert_int_equal(asked.answer->error_code, KAFKA_ERROR_NONE);
    assert_int_equal(asked.answer->log_append_time_ms, 5000);
    fake_broker_release(&fake);
}

/* One message of magic 1 without compression: "k" -> "value". */
static struct buffer *legacy_set(void)
{
    static const char golden[] = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x1c"
                                 "\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x03\xe8"
                                 "\x00\x00\x00\x01k\x00\x00\x00\x05value";
    struct buffer *set = buffer_copy(golden, sizeof golden - 1);
    uint32_t crc = ~0U;

    for (size_t i = 16; i < set->size; i++) { /* CRC-32 of zlib, from the magic byte on */
        crc ^= (uint8_t)set->bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ (0xedb88320U & (0U - (crc & 1)));
        }
    }
    store_be32(set->bytes + 12, ~crc);
    return set;
}

static void old_message_sets_become_batches(void **state)
{
    struct fake_broker fake;
    struct asked asked;

    (void)state;
    fake_broker_init(&fake);
    for (int16_t version = 0; version <= 2; version++) {
        ask(&fake, &asked, version, 1, "clicks", 0, legacy_set());
        fake_group_commit(&fake.group);
        take_answer(&fake, &asked);
        assert_int_equal(asked.answer->error_code, KAFKA_ERROR_NONE);
        assert_int_equal(asked.answer->base_offset, version);
    }
    ask(&fake, &asked, 3, 1, "clicks", 0, legacy_set());
    take_answer(&fake, &asked);
    assert_int_equal(asked.answer->error_code, KAFKA_ERROR_INVALID_RECORD);
    fake_broker_release(&fake);
}

/* Its messages may be compressed, and then it may expand to very much. */
static void an_old_message_set_is_converted_off_the_loop_in_order(void **state)
{
    struct buffer *old = legacy_set();
    struct buffer *batch = batch_of(2);
    struct request_fixture other;
    struct fake_broker fake;
    struct asked asked;
    struct asked behind;

    (void)state;
    fake_broker_init(&fake);
    request_fixture_init(&other, &fake.broker);
    fill(&fake, &asked, 1, "clicks", 0, old);
    request_fixture_ask(&fake.fixture, API_PRODUCE, 2, &asked.in, produce_handle);
    fill(&fake, &behind, 1, "clicks", 0, batch);
    request_fixture_ask(&other, API_PRODUCE, 9, &behind.in, produce_handle);
    (void)loop_turn(&fake.group.loop); /* without the pool */
    assert_int_equal(fake.group.group->log->count, 1);
    fake_group_commit(&fake.group);
    take_answer(&fake, &asked);
    assert_int_equal(asked.answer->error_code, KAFKA_ERROR_NONE);
    assert_int_equal(asked.answer->base_offset, 0);
    assert_int_equal(other.request.end, REQUEST_REPLIED);
    request_fixture_answer(&other, &behind.out);
    assert_int_equal(behind.out.responses.items[0].partition_responses.items[0].base_offset, 1);
    request_fixture_release(&other);
    buffer_unref(batch);
    buffer_unref(old);
    fake_broker_release(&fake);
}

static void a_bad_old_message_set_is_refused(void **state)
{
    struct fake_broker fake;
    struct asked asked;
    struct buffer *set = legacy_set();

    (void)state;
    fake_broker_init(&fake);
    set->bytes[set->size - 1] ^= 1;
    ask(&fake, &asked, 2, 1, "clicks", 0, set);
    expect_error(&fake, &asked, KAFKA_ERROR_CORRUPT_MESSAGE);
    ask(&fake, &asked, 2, 1, "clicks", 0, legacy_set());
    fake_group_commit(&fake.group);
    take_answer(&fake, &asked);
    assert_int_equal(asked.answer->base_offset, 0);
    fake_broker_release(&fake);
}

static void old_message_sets_get_the_brokers_time_too(void **state)
{
    struct fake_broker fake;
    struct asked asked;

    (void)state;
    fake_broker_init(&fake);
    fake.group.config.is_log_append_time = true;
    partition_set_config(fake.group.partition, &fake.group.config);
    fake_group_pass(&fake.group, 4000000);
    for (int16_t version = 0; version <= 2; version++) {
        ask(&fake, &asked, version, 1, "clicks", 0, legacy_set());
        fake_group_commit(&fake.group);
        take_answer(&fake, &asked);
        assert_int_equal(asked.answer->error_code, KAFKA_ERROR_NONE);
        assert_int_equal(asked.answer->base_offset, version);
        assert_int_equal(asked.answer->log_append_time_ms, version < 2 ? -1 : 5000);
    }
    fake_broker_release(&fake);
}

static void a_broker_whose_catalog_is_stale_closes_the_connection(void **state)
{
    struct fake_broker fake;
    struct asked asked;

    (void)state;
    fake_broker_init(&fake);
    fake.broker.catalog_silence_us_max = 1000;
    ask(&fake, &asked, 9, -1, "clicks", 0, batch_of(1));
    fake_group_commit(&fake.group);
    take_answer(&fake, &asked);
    assert_int_equal(asked.answer->error_code, KAFKA_ERROR_NONE);
    fake.is_catalog_stale = true;
    ask(&fake, &asked, 9, -1, "clicks", 0, batch_of(1));
    assert_int_equal(fake_broker_end(&fake), REQUEST_CLOSED);
    fake_broker_release(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_version_is_answered_when_the_batch_is_committed),
        cmocka_unit_test(a_partition_that_is_named_twice_gets_the_last_batch),
        cmocka_unit_test(acks_0_is_silent_and_closes_on_errors),
        cmocka_unit_test(what_cannot_be_appended_is_refused_at_once),
        cmocka_unit_test(an_unknown_topic_id_has_its_own_error),
        cmocka_unit_test(who_asks_the_wrong_broker_is_told_the_right_one),
        cmocka_unit_test(zstd_needs_version_7_and_transactions_do_not_exist),
        cmocka_unit_test(a_bad_record_is_named),
        cmocka_unit_test(log_append_time_is_the_brokers_and_told),
        cmocka_unit_test(old_message_sets_become_batches),
        cmocka_unit_test(an_old_message_set_is_converted_off_the_loop_in_order),
        cmocka_unit_test(a_bad_old_message_set_is_refused),
        cmocka_unit_test(old_message_sets_get_the_brokers_time_too),
        cmocka_unit_test(a_broker_whose_catalog_is_stale_closes_the_connection),
    };
    return cmocka_run_group_tests_name("produce", tests, NULL, NULL);
}
