/* SPDX-License-Identifier: Apache-2.0 */
/* Our records against the bytes that Kafka 4.3.1's GroupCoordinatorRecordSerde writes. */
#include <string.h>

#include "gyre/base/buffer.h"

#include "coordinator/group.h"
#include "coordinator/group_coordinator_state.h"
#include "coordinator/group_member.h"
#include "coordinator/group_protocols.h"
#include "coordinator/group_records.h"
#include "coordinator/group_shard.h"
#include "coordinator/owned_string.h"
#include "support/test.h"
#include "unit/coordinator/coordinator_fixture.h"

static const int64_t WHEN_MS = 1700000000000;

static void assert_hex(const struct buffer *buffer, const char *hex)
{
    static const char digits[] = "0123456789abcdef";
    char text[1024];

    assert_true(buffer->size * 2 < sizeof text);
    for (size_t i = 0; i < buffer->size; i++) {
        text[i * 2] = digits[(uint8_t)buffer->bytes[i] >> 4];
        text[i * 2 + 1] = digits[(uint8_t)buffer->bytes[i] & 15];
    }
    text[buffer->size * 2] = '\0';
    assert_string_equal(text, hex);
}

static void an_offset_is_written_as_kafka_writes_it(void **state)
{
    struct offset_value value = {.offset = 1234567890123,
                                 .leader_epoch = 3,
                                 .commit_ms = WHEN_MS,
                                 .expire_ms = -1,
                                 .metadata = STRING("note")};
    struct group_records records;

    (void)state;
    for (uint8_t i = 0; i < 16; i++) {
        value.topic_id.bytes[i] = (uint8_t)(i + 1);
    }
    group_records_init(&records);
    group_records_add_offset(&records, STRING("g"), STRING("t"), 7, &value);
    value = (struct offset_value){
        .offset = 5, .leader_epoch = -1, .commit_ms = WHEN_MS, .expire_ms = -1};
    group_records_add_offset(&records, STRING("g"), STRING("t"), 7, &value);
    assert_false(records.failed);
    assert_hex(records.items[0].key, "000100016700017400000007");
    assert_hex(records.items[0].value, "00040000011f71fb04cb00000003056e6f74650000018bcfe5680001"
                                       "00100102030405060708090a0b0c0d0e0f10");
    assert_hex(records.items[1].value, "00040000000000000005ffffffff010000018bcfe5680000");
    group_records_release(&records);
}

static void an_offset_with_a_retention_of_its_own_has_an_older_form(void **state)
{
    struct offset_value value = {.offset = 5,
                                 .leader_epoch = 4,
                                 .commit_ms = WHEN_MS,
                                 .expire_ms = WHEN_MS + 1000,
                                 .metadata = STRING("m")};
    struct group_records records;

    (void)state;
    group_records_init(&records);
    group_records_add_offset(&records, STRING("g"), STRING("t"), 7, &value);
    assert_hex(records.items[0].value,
               "0001000000000000000500016d0000018bcfe568000000018bcfe56be8");
    group_records_release(&records);
}

static void tombstones_have_no_value(void **state)
{
    struct group_records records;

    (void)state;
    group_records_init(&records);
    group_records_add_offset_tombstone(&records, STRING("g"), STRING("t"), 7);
    group_records_add_group_tombstone(&records, STRING("g"));
    assert_hex(records.items[0].key, "000100016700017400000007");
    assert_null(records.items[0].value);
    assert_hex(records.items[1].key, "0002000167");
    assert_null(records.items[1].value);
    group_records_release(&records);
}

static void add_member(struct group *group)
{
    struct join_group_request_protocols protocol = {
        .name = STRING("range"), .metadata = {.bytes = (char[]){1, 2}, .length = 2}};
    struct join_group_request_protocols_array protocols = {.items = &protocol, .count = 1};
    struct group_member_settings settings = {.id = STRING("m-1"),
                                             .instance_id = STRING("i"),
                                             .client_id = STRING("c"),
                                             .client_host = STRING("/127.0.0.1"),
                                             .session_timeout_ms = 10000,
                                             .rebalance_timeout_ms = 60000};
    struct group_member *member = group_member_add(group, &settings);

    group_protocols_set(member, &protocols);
    group_member_set_assignment(member, STRING("\x03"));
}

static void a_group_is_written_as_kafka_writes_it(void **state)
{
    struct fixture fixture;
    struct group_records records;
    struct group *group;

    (void)state;
    fixture_init(&fixture);
    group = group_new(fixture.coordinator->shards[0], STRING("g"));
    group_records_init(&records);
    owned_string_set(&group->protocol_type, STRING("consumer"));
    owned_string_set(&group->protocol, STRING("range"));
    group->generation = 2;
    group->state_since_ms = WHEN_MS;
    add_member(group);
    group_records_add_group(&records, group, false);
    assert_hex(records.items[0].key, "0002000167");
    assert_hex(records.items[0].value,
               "00030008636f6e73756d657200000002000572616e676500036d2d310000018bcfe5680000000001"
               "00036d2d31000169000163000a2f3132372e302e302e310000ea6000002710000000020102000000"
               "0103");
    group_member_remove(group->leader);
    owned_string_release(&group->protocol);
    group->generation = 3;
    group_records_add_group(&records, group, false);
    assert_hex(records.items[1].value, "00030008636f6e73756d657200000003ffffffff0000018bcfe56800"
                                       "00000000");
    group_records_release(&records);
    group_free(group);
    fixture_release(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_offset_is_written_as_kafka_writes_it),
        cmocka_unit_test(an_offset_with_a_retention_of_its_own_has_an_older_form),
        cmocka_unit_test(tombstones_have_no_value),
        cmocka_unit_test(a_group_is_written_as_kafka_writes_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
