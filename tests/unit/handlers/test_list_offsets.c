/* SPDX-License-Identifier: Apache-2.0 */
/* ListOffsets, OffsetForLeaderEpoch and DeleteRecords: where things are, and where they begin. */
#include <string.h>

#include "handlers/delete_records.h"
#include "handlers/list_offsets.h"
#include "handlers/offset_for_leader_epoch.h"
#include "support/fake_broker.h"
#include "support/test.h"
#include "wire_messages/api_keys.h"
#include "wire_messages/delete_records.h"
#include "wire_messages/list_offsets.h"
#include "wire_messages/offset_for_leader_epoch.h"

static struct list_offsets_response_topics_partitions list(struct fake_broker *fake,
                                                           int16_t version, int32_t partition,
                                                           int64_t timestamp)
{
    struct list_offsets_request_topics_partitions part;
    struct list_offsets_request_topics topic = {.name = STRING("clicks"),
                                                .partitions = {.items = &part, .count = 1}};
    struct list_offsets_request in;
    struct list_offsets_response out;

    list_offsets_request_init(&in);
    list_offsets_request_topics_partitions_init(&part);
    in.replica_id = -1;
    in.topics.items = &topic;
    in.topics.count = 1;
    part.partition_index = partition;
    part.timestamp = timestamp;
    part.max_num_offsets = version == 0 ? 2 : 1;
    fake_broker_ask(fake, API_LIST_OFFSETS, version, &in, list_offsets_handle);
    assert_int_equal(fake_broker_end(fake), REQUEST_REPLIED);
    request_fixture_answer(&fake->fixture, &out);
    return out.topics.items[0].partitions.items[0];
}

static void offsets_are_listed_by_time_and_by_special_timestamp(void **state)
{
    struct list_offsets_response_topics_partitions answer;
    struct fake_broker fake;

    (void)state;
    fake_broker_init(&fake);
    fake_broker_store(&fake, fake_group_batch(3, 20, -1, -1, -1));
    for (int16_t version = 1; version <= 11; version++) {
        answer = list(&fake, version, 0, 1001);
        assert_int_equal(answer.error_code, KAFKA_ERROR_NONE);
        assert_int_equal(answer.offset, 1);
        assert_int_equal(answer.timestamp, 1001);
        assert_int_equal(list(&fake, version, 0, -1).offset, 3);
        assert_int_equal(list(&fake, version, 0, -2).offset, 0);
        assert_int_equal(list(&fake, version, 0, 5000).offset, -1);
        assert_int_equal(list(&fake, version, 0, -3).error_code,
                         version < 7 ? KAFKA_ERROR_UNSUPPORTED_VERSION : KAFKA_ERROR_NONE);
        assert_int_equal(list(&fake, version, 0, -6).error_code,
                         version < 11 ? KAFKA_ERROR_UNSUPPORTED_VERSION : KAFKA_ERROR_NONE);
        assert_int_equal(list(&fake, version, 0, -7).error_code, KAFKA_ERROR_UNSUPPORTED_VERSION);
    }
    assert_int_equal(list(&fake, 11, 0, -3).offset, 2);
    answer = list(&fake, 5, 1, -1);
    assert_int_equal(answer.error_code, KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER);
    assert_int_equal(answer.offset, -1);
    fake_broker_release(&fake);
}

static void a_partition_that_is_named_twice_is_refused_once(void **state)
{
    struct list_offsets_request_topics_partitions parts[4];
    struct list_offsets_request_topics topics[3] = {
        {.name = STRING("clicks"), .partitions = {.items = parts, .count = 3}},
        {.name = STRING("clicks"), .partitions = {.items = &parts[2], .count = 1}},
        {.name = STRING("absent"), .partitions = {.items = &parts[3], .count = 1}}};
    static const int32_t indexes[] = {0, 1, 1, 0};
    struct list_offsets_request in;
    struct list_offsets_response out;
    struct fake_broker fake;

    (void)state;
    fake_broker_init(&fake);
    list_offsets_request_init(&in);
    in.replica_id = -1;
    in.topics = (struct list_offsets_request_topics_array){topics, 3};
    for (int i = 0; i < 4; i++) {
        list_offsets_request_topics_partitions_init(&parts[i]);
        parts[i].partition_index = indexes[i];
        parts[i].timestamp = -1;
    }
    fake_broker_ask(&fake, API_LIST_OFFSETS, 5, &in, list_offsets_handle);
    assert_int_equal(fake_broker_end(&fake), REQUEST_REPLIED);
    request_fixture_answer(&fake.fixture, &out);
    assert_int_equal(out.topics.count, 2);
    assert_int_equal(out.topics.items[0].partitions.count, 2);
    assert_int_equal(out.topics.items[0].partitions.items[0].error_code, KAFKA_ERROR_NONE);
    assert_int_equal(out.topics.items[0].partitions.items[0].offset, 0);
    assert_int_equal(out.topics.items[0].partitions.items[1].error_code,
                     KAFKA_ERROR_INVALID_REQUEST);
    assert_int_equal(out.topics.items[0].partitions.items[1].offset, -1);
    assert_true(string_is(out.topics.items[1].name, "absent"));
    assert_int_equal(out.topics.items[1].partitions.items[0].error_code,
                     KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    fake_broker_release(&fake);
}

static void a_leader_that_does_not_know_its_end_yet_says_so(void **state)
{
    struct fake_broker fake;

    (void)state;
    fake_broker_init(&fake);
    fake_broker_store(&fake, fake_group_batch(3, 20, -1, -1, -1));
    fake_group_follow(&fake.group, 2, 2);
    assert_int_equal(list(&fake, 5, 0, -1).error_code, KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER);
    fake_group_elect(&fake.group);
    assert_int_equal(list(&fake, 4, 0, -1).error_code, KAFKA_ERROR_LEADER_NOT_AVAILABLE);
    assert_int_equal(list(&fake, 5, 0, -1).error_code, KAFKA_ERROR_OFFSET_NOT_AVAILABLE);
    fake_group_lead(&fake.group, 3);
    assert_int_equal(list(&fake, 5, 0, -1).error_code, KAFKA_ERROR_NONE);
    assert_int_equal(list(&fake, 5, 0, -1).offset, 3);
    fake_broker_release(&fake);
}

static void version_0_lists_several(void **state)
{
    struct list_offsets_response_topics_partitions answer;
    struct fake_broker fake;

    (void)state;
    fake_broker_init(&fake);
    fake_broker_store(&fake, fake_group_batch(3, 20, -1, -1, -1));
    answer = list(&fake, 0, 0, -1);
    assert_int_equal(answer.old_style_offsets.count, 2);
    assert_int_equal(answer.old_style_offsets.items[0], 3);
    assert_int_equal(answer.old_style_offsets.items[1], 0);
    assert_int_equal(list(&fake, 0, 0, -2).old_style_offsets.count, 1);
    assert_int_equal(list(&fake, 0, 0, 5000).old_style_offsets.count, 0);
    fake_broker_release(&fake);
}

static struct offset_for_leader_epoch_response_topics_partitions end_of(struct fake_broker *fake,
                                                                        int16_t version,
                                                                        int32_t epoch,
                                                                        int32_t current_epoch)
{
    struct offset_for_leader_epoch_request_topics_partitions part = {
        .current_leader_epoch = current_epoch, .leader_epoch = epoch};
    struct offset_for_leader_epoch_request_topics topic = {
        .topic = STRING("clicks"), .partitions = {.items = &part, .count = 1}};
    struct offset_for_leader_epoch_request in = {.replica_id = -1,
                                                 .topics = {.items = &topic, .count = 1}};
    struct offset_for_leader_epoch_response out;

    fake_broker_ask(fake, API_OFFSET_FOR_LEADER_EPOCH, version, &in,
                    offset_for_leader_epoch_handle);
    request_fixture_answer(&fake->fixture, &out);
    return out.topics.items[0].partitions.items[0];
}

static void an_epoch_ends_where_the_next_begins(void **state)
{
    struct offset_for_leader_epoch_response_topics_partitions answer;
    struct fake_broker fake;

    (void)state;
    fake_broker_init(&fake);
    fake_broker_store(&fake, fake_group_batch(3, 20, -1, -1, -1));
    fake_group_follow(&fake.group, 2, 2);
    fake_group_lead(&fake.group, 4);
    fake_broker_store(&fake, fake_group_batch(1, 20, -1, -1, -1));
    for (int16_t version = 0; version <= 4; version++) {
        answer = end_of(&fake, version, 1, -1);
        assert_int_equal(answer.error_code, KAFKA_ERROR_NONE);
        assert_int_equal(answer.end_offset, 3);
    }
    assert_int_equal(end_of(&fake, 4, 4, 4).end_offset, 4);
    assert_int_equal(end_of(&fake, 4, 5, 4).end_offset, -1);
    assert_int_equal(end_of(&fake, 4, 1, 3).error_code, KAFKA_ERROR_FENCED_LEADER_EPOCH);
    assert_int_equal(end_of(&fake, 4, 1, 5).error_code, KAFKA_ERROR_UNKNOWN_LEADER_EPOCH);
    fake_broker_release(&fake);
}

static void ask_delete(struct fake_broker *fake, const char *name, int32_t partition,
                       int64_t offset)
{
    struct delete_records_request_topics_partitions part = {.partition_index = partition,
                                                            .offset = offset};
    struct delete_records_request_topics topic = {.name = string_from(name),
                                                  .partitions = {.items = &part, .count = 1}};
    struct delete_records_request in = {.timeout_ms = 1000,
                                        .topics = {.items = &topic, .count = 1}};

    fake_broker_ask(fake, API_DELETE_RECORDS, 2, &in, delete_records_handle);
}

static struct delete_records_response_topics_partitions deleted(struct fake_broker *fake)
{
    struct delete_records_response out;

    assert_int_equal(fake_broker_end(fake), REQUEST_REPLIED);
    request_fixture_answer(&fake->fixture, &out);
    return out.topics.items[0].partitions.items[0];
}

static void records_are_deleted_when_the_command_is_committed(void **state)
{
    struct fake_broker fake;

    (void)state;
    fake_broker_init(&fake);
    fake_broker_store(&fake, fake_group_batch(3, 20, -1, -1, -1));
    ask_delete(&fake, "clicks", 0, 2);
    assert_int_equal(fake_broker_end(&fake), REQUEST_OPEN);
    fake_group_commit(&fake.group);
    assert_int_equal(deleted(&fake).low_watermark, 2);
    ask_delete(&fake, "clicks", 0, 4);
    assert_int_equal(deleted(&fake).error_code, KAFKA_ERROR_OFFSET_OUT_OF_RANGE);
    ask_delete(&fake, "clicks", 1, 0);
    assert_int_equal(deleted(&fake).error_code, KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER);
    ask_delete(&fake, "__own", 0, 0);
    assert_int_equal(deleted(&fake).error_code, KAFKA_ERROR_INVALID_TOPIC_EXCEPTION);
    ask_delete(&fake, "clicks", 0, 3);
    fake_group_pass(&fake.group, 1100000); /* no majority */
    assert_int_equal(deleted(&fake).error_code, KAFKA_ERROR_REQUEST_TIMED_OUT);
    assert_int_equal(deleted(&fake).low_watermark, -1);
    fake_broker_release(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_are_listed_by_time_and_by_special_timestamp),
        cmocka_unit_test(a_partition_that_is_named_twice_is_refused_once),
        cmocka_unit_test(a_leader_that_does_not_know_its_end_yet_says_so),
        cmocka_unit_test(version_0_lists_several),
        cmocka_unit_test(an_epoch_ends_where_the_next_begins),
        cmocka_unit_test(records_are_deleted_when_the_command_is_committed),
    };
    return cmocka_run_group_tests_name("list_offsets", tests, NULL, NULL);
}
