/* SPDX-License-Identifier: Apache-2.0 */
/* The conversations about consumer groups: commits, rebalances, administration. */
#include <string.h>

#include "talk.h"
#include "talks.h"

static void subscribe(rd_kafka_t *consumer, const char *topic)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

    rd_kafka_topic_partition_list_add(list, topic, RD_KAFKA_PARTITION_UA);
    talk_check(rd_kafka_subscribe(consumer, list), "subscribe");
    rd_kafka_topic_partition_list_destroy(list);
}

static void leave(rd_kafka_t *consumer)
{
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
}

/* Reads `count` records; the offset of the first. */
static int64_t take(rd_kafka_t *consumer, int count)
{
    int64_t first = -1;

    for (int i = 0; i < count; i++) {
        rd_kafka_message_t *message = talk_next(consumer);
        first = i == 0 ? message->offset : first;
        rd_kafka_message_destroy(message);
    }
    return first;
}

/* [offset, metadata] as committed for partition 0. */
static json_t *committed(rd_kafka_t *consumer, const char *topic)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

    rd_kafka_topic_partition_list_add(list, topic, 0);
    talk_check(rd_kafka_committed(consumer, list, 30000), "committed");
    json_t *found = json_pack("[I, s%]", list->elems[0].offset,
                              list->elems[0].metadata_size > 0 ? list->elems[0].metadata : "",
                              list->elems[0].metadata_size);
    rd_kafka_topic_partition_list_destroy(list);
    return found;
}

static void commit(rd_kafka_t *consumer, const char *topic, int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *one = rd_kafka_topic_partition_list_add(list, topic, 0);

    one->offset = offset;
    one->metadata = strdup("noted");
    one->metadata_size = strlen("noted");
    talk_check(rd_kafka_commit(consumer, list, 0), "commit");
    rd_kafka_topic_partition_list_destroy(list);
}

json_t *talk_group(const char *prefix)
{
    json_t *seen = json_object();

    talk_create(prefix, 1, NULL, NULL);
    talk_produce_numbers(prefix, 0, 0, 100, NULL, NULL);
    rd_kafka_t *first = talk_consumer(prefix, NULL);
    subscribe(first, prefix);
    json_object_set_new(seen, "first", json_integer(take(first, 50)));
    json_object_set_new(seen, "before", committed(first, prefix));
    commit(first, prefix, 50);
    leave(first);
    rd_kafka_t *second = talk_consumer(prefix, NULL);
    subscribe(second, prefix);
    json_object_set_new(seen, "resumed_at", json_integer(take(second, 50)));
    json_object_set_new(seen, "committed", committed(second, prefix));
    talk_check(rd_kafka_commit(second, NULL, 0), "commit");
    json_object_set_new(seen, "last", committed(second, prefix));
    leave(second);
    return seen;
}

static int share_of(rd_kafka_t *consumer)
{
    rd_kafka_topic_partition_list_t *list;
    rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, 50);

    if (message != NULL) {
        rd_kafka_message_destroy(message);
    }
    talk_check(rd_kafka_assignment(consumer, &list), "assignment");
    int count = list->cnt;
    rd_kafka_topic_partition_list_destroy(list);
    return count;
}

/* Polls both members (b may be NULL) until they hold so many partitions. */
static void await_shares(rd_kafka_t *a, int share_a, rd_kafka_t *b, int share_b)
{
    int64_t begun = talk_now_ms();

    while (share_of(a) != share_a || (b != NULL && share_of(b) != share_b)) {
        talk_pause(begun, "shares of the members");
    }
}

json_t *talk_rebalance(const char *prefix)
{
    const char *const strategies[] = {"range", "roundrobin", "cooperative-sticky"};
    json_t *seen = json_object();

    talk_create(prefix, 4, NULL, NULL);
    for (int i = 0; i < 3; i++) {
        talk_settings settings = {"partition.assignment.strategy", strategies[i], NULL};
        const char *group = talk_name(prefix, strategies[i]);
        rd_kafka_t *a = talk_consumer(group, settings);
        subscribe(a, prefix);
        await_shares(a, 4, NULL, 0);
        rd_kafka_t *b = talk_consumer(group, settings);
        subscribe(b, prefix);
        await_shares(a, 2, b, 2);
        leave(b);
        await_shares(a, 4, NULL, 0);
        leave(a);
        json_object_set_new(seen, strategies[i], json_pack("[i, [i, i], i]", 4, 2, 2, 4));
    }
    return seen;
}

/* [state, protocol, members, client id of the first] */
static json_t *describe(const char *group)
{
    size_t count;

    rd_kafka_DescribeConsumerGroups(talk_admin(), &group, 1, NULL, talk_queue());
    rd_kafka_event_t *event = talk_answer();
    const rd_kafka_ConsumerGroupDescription_t *found =
        rd_kafka_DescribeConsumerGroups_result_groups(
            rd_kafka_event_DescribeConsumerGroups_result(event), &count)[0];
    size_t members = rd_kafka_ConsumerGroupDescription_member_count(found);
    json_t *seen = json_pack(
        "[s, s, i]",
        rd_kafka_consumer_group_state_name(rd_kafka_ConsumerGroupDescription_state(found)),
        rd_kafka_ConsumerGroupDescription_partition_assignor(found), (int)members);
    if (members > 0) {
        json_array_append_new(seen, json_string(rd_kafka_MemberDescription_client_id(
                                        rd_kafka_ConsumerGroupDescription_member(found, 0))));
    }
    rd_kafka_event_destroy(event);
    return seen;
}

static bool is_listed(const char *group)
{
    size_t count;
    bool found = false;

    rd_kafka_ListConsumerGroups(talk_admin(), NULL, talk_queue());
    rd_kafka_event_t *event = talk_answer();
    const rd_kafka_ConsumerGroupListing_t **all = rd_kafka_ListConsumerGroups_result_valid(
        rd_kafka_event_ListConsumerGroups_result(event), &count);
    for (size_t i = 0; i < count; i++) {
        found = found || strcmp(rd_kafka_ConsumerGroupListing_group_id(all[i]), group) == 0;
    }
    rd_kafka_event_destroy(event);
    return found;
}

static int group_error(const rd_kafka_group_result_t *result)
{
    const rd_kafka_error_t *error = rd_kafka_group_result_error(result);

    return error == NULL ? 0 : (int)rd_kafka_error_code(error);
}

static int delete_group(const char *group)
{
    rd_kafka_DeleteGroup_t *wish = rd_kafka_DeleteGroup_new(group);
    size_t count;

    rd_kafka_DeleteGroups(talk_admin(), &wish, 1, NULL, talk_queue());
    rd_kafka_event_t *event = talk_answer();
    int error = group_error(
        rd_kafka_DeleteGroups_result_groups(rd_kafka_event_DeleteGroups_result(event), &count)[0]);
    rd_kafka_event_destroy(event);
    rd_kafka_DeleteGroup_destroy(wish);
    return error;
}

/* Sets the group's offset in partition 0. */
static int alter_offset(const char *group, const char *topic, int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    size_t count;

    rd_kafka_topic_partition_list_add(list, topic, 0)->offset = offset;
    rd_kafka_AlterConsumerGroupOffsets_t *wish =
        rd_kafka_AlterConsumerGroupOffsets_new(group, list);
    rd_kafka_AlterConsumerGroupOffsets(talk_admin(), &wish, 1, NULL, talk_queue());
    rd_kafka_event_t *event = talk_answer();
    const rd_kafka_group_result_t *result = rd_kafka_AlterConsumerGroupOffsets_result_groups(
        rd_kafka_event_AlterConsumerGroupOffsets_result(event), &count)[0];
    int error = group_error(result);
    if (error == 0) {
        error = (int)rd_kafka_group_result_partitions(result)->elems[0].err;
    }
    rd_kafka_event_destroy(event);
    rd_kafka_AlterConsumerGroupOffsets_destroy(wish);
    rd_kafka_topic_partition_list_destroy(list);
    return error;
}

/* The group's offset in its first partition, -1 without one. */
static int64_t group_offset(const char *group)
{
    rd_kafka_ListConsumerGroupOffsets_t *wish = rd_kafka_ListConsumerGroupOffsets_new(group, NULL);
    size_t count;

    rd_kafka_ListConsumerGroupOffsets(talk_admin(), &wish, 1, NULL, talk_queue());
    rd_kafka_event_t *event = talk_answer();
    const rd_kafka_topic_partition_list_t *list =
        rd_kafka_group_result_partitions(rd_kafka_ListConsumerGroupOffsets_result_groups(
            rd_kafka_event_ListConsumerGroupOffsets_result(event), &count)[0]);
    int64_t offset = list != NULL && list->cnt > 0 ? list->elems[0].offset : -1;
    rd_kafka_event_destroy(event);
    rd_kafka_ListConsumerGroupOffsets_destroy(wish);
    return offset;
}

/* Forgets the group's offset in partition 0. */
static int delete_offset(const char *group, const char *topic)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    size_t count;

    rd_kafka_topic_partition_list_add(list, topic, 0);
    rd_kafka_DeleteConsumerGroupOffsets_t *wish =
        rd_kafka_DeleteConsumerGroupOffsets_new(group, list);
    rd_kafka_DeleteConsumerGroupOffsets(talk_admin(), &wish, 1, NULL, talk_queue());
    rd_kafka_event_t *event = talk_answer();
    const rd_kafka_group_result_t *result = rd_kafka_DeleteConsumerGroupOffsets_result_groups(
        rd_kafka_event_DeleteConsumerGroupOffsets_result(event), &count)[0];
    int error = group_error(result);
    if (error == 0) {
        error = (int)rd_kafka_group_result_partitions(result)->elems[0].err;
    }
    rd_kafka_event_destroy(event);
    rd_kafka_DeleteConsumerGroupOffsets_destroy(wish);
    rd_kafka_topic_partition_list_destroy(list);
    return error;
}

static bool is_empty(const char *group)
{
    json_t *found = describe(group);
    bool answer = strcmp(json_string_value(json_array_get(found, 0)), "Empty") == 0;

    json_decref(found);
    return answer;
}

json_t *talk_groups(const char *prefix)
{
    talk_settings settings = {"client.id", "talker", NULL};

    talk_create(prefix, 1, NULL, NULL);
    talk_produce_numbers(prefix, 0, 0, 10, NULL, NULL);
    rd_kafka_t *member = talk_consumer(prefix, settings);
    subscribe(member, prefix);
    take(member, 10);
    talk_check(rd_kafka_commit(member, NULL, 0), "commit");
    json_t *seen =
        json_pack("{s:o, s:b, s:I, s:i, s:i}", "stable", describe(prefix), "listed",
                  is_listed(prefix), "offset", group_offset(prefix), "delete_busy",
                  delete_group(prefix), "delete_offset_busy", delete_offset(prefix, prefix));
    leave(member);
    for (int64_t begun = talk_now_ms(); !is_empty(prefix);) {
        talk_pause(begun, "an empty group");
    }
    json_object_set_new(seen, "empty", describe(prefix));
    json_object_set_new(seen, "altered", json_integer(alter_offset(prefix, prefix, 3)));
    json_object_set_new(seen, "offset_altered", json_integer(group_offset(prefix)));
    json_object_set_new(seen, "delete_offset", json_integer(delete_offset(prefix, prefix)));
    json_object_set_new(seen, "offset_deleted", json_integer(group_offset(prefix)));
    json_object_set_new(seen, "delete", json_integer(delete_group(prefix)));
    json_object_set_new(seen, "delete_again", json_integer(delete_group(prefix)));
    json_object_set_new(seen, "listed_after", json_boolean(is_listed(prefix)));
    return seen;
}
