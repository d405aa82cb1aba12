/* SPDX-License-Identifier: Apache-2.0 */
/* The conversations about topics, their settings, their partitions and what is deleted in them. */
#include <stdio.h>
#include <string.h>

#include "talk.h"
#include "talks.h"

/* Asks for a topic of so many partitions; the error of that topic. */
static int make(const char *topic, int partitions, int replicas, const char *name,
                const char *value)
{
    size_t count;
    rd_kafka_NewTopic_t *wish = rd_kafka_NewTopic_new(topic, partitions, replicas, NULL, 0);

    if (name != NULL) {
        rd_kafka_NewTopic_set_config(wish, name, value);
    }
    rd_kafka_CreateTopics(talk_admin(), &wish, 1, NULL, talk_queue());
    rd_kafka_event_t *event = talk_answer();
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    int error = (int)rd_kafka_topic_result_error(results[0]);
    rd_kafka_event_destroy(event);
    rd_kafka_NewTopic_destroy(wish);
    return error;
}

static int delete_topic(const char *topic)
{
    size_t count;
    rd_kafka_DeleteTopic_t *wish = rd_kafka_DeleteTopic_new(topic);

    rd_kafka_DeleteTopics(talk_admin(), &wish, 1, NULL, talk_queue());
    rd_kafka_event_t *event = talk_answer();
    const rd_kafka_topic_result_t **results =
        rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count);
    int error = (int)rd_kafka_topic_result_error(results[0]);
    rd_kafka_event_destroy(event);
    rd_kafka_DeleteTopic_destroy(wish);
    return error;
}

/* [value, source, is default, is read only, is sensitive] of one setting of the topic. */
static json_t *config(const char *topic, const char *name)
{
    size_t count;
    size_t entries;
    json_t *seen = json_null();
    rd_kafka_ConfigResource_t *wish = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);

    rd_kafka_DescribeConfigs(talk_admin(), &wish, 1, NULL, talk_queue());
    rd_kafka_event_t *event = talk_answer();
    const rd_kafka_ConfigResource_t *found = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event), &count)[0];
    talk_check(rd_kafka_ConfigResource_error(found), "describe configs");
    const rd_kafka_ConfigEntry_t **all = rd_kafka_ConfigResource_configs(found, &entries);
    for (size_t i = 0; i < entries; i++) {
        if (strcmp(rd_kafka_ConfigEntry_name(all[i]), name) == 0) {
            seen = json_pack("[s?, s, i, i, i]", rd_kafka_ConfigEntry_value(all[i]),
                             rd_kafka_ConfigSource_name(rd_kafka_ConfigEntry_source(all[i])),
                             rd_kafka_ConfigEntry_is_default(all[i]),
                             rd_kafka_ConfigEntry_is_read_only(all[i]),
                             rd_kafka_ConfigEntry_is_sensitive(all[i]));
        }
    }
    rd_kafka_event_destroy(event);
    rd_kafka_ConfigResource_destroy(wish);
    return seen;
}

/* Replaces all settings of the topic by this one. */
static int alter(const char *topic, const char *name, const char *value)
{
    size_t count;
    rd_kafka_ConfigResource_t *wish = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);

    rd_kafka_ConfigResource_set_config(wish, name, value);
    rd_kafka_AlterConfigs(talk_admin(), &wish, 1, NULL, talk_queue());
    rd_kafka_event_t *event = talk_answer();
    const rd_kafka_ConfigResource_t **results =
        rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(event), &count);
    int error = (int)rd_kafka_ConfigResource_error(results[0]);
    rd_kafka_event_destroy(event);
    rd_kafka_ConfigResource_destroy(wish);
    return error;
}

static void await_config(const char *topic, const char *name, const char *value)
{
    for (int64_t begun = talk_now_ms();;) {
        json_t *found = config(topic, name);
        bool is_there = strcmp(json_string_value(json_array_get(found, 0)), value) == 0;
        json_decref(found);
        if (is_there) {
            return;
        }
        talk_pause(begun, "the setting");
    }
}

json_t *talk_topics(const char *prefix)
{
    char long_name[251];

    memset(long_name, 'x', 250);
    long_name[250] = '\0';
    json_t *seen = json_pack("{s:i}", "create", make(prefix, 3, 3, "retention.ms", "123456"));
    for (int64_t begun = talk_now_ms(); talk_partitions(prefix, NULL) != 3;) {
        talk_pause(begun, "the topic");
    }
    json_object_set_new(seen, "again", json_integer(make(prefix, 3, 3, NULL, NULL)));
    json_object_set_new(seen, "many_replicas",
                        json_integer(make(talk_name(prefix, "-b"), 1, 100, NULL, NULL)));
    json_object_set_new(seen, "bad_name",
                        json_integer(make(talk_name(prefix, "/c"), 1, 3, NULL, NULL)));
    json_object_set_new(seen, "long_name", json_integer(make(long_name, 1, 3, NULL, NULL)));
    json_object_set_new(seen, "bad_config",
                        json_integer(make(talk_name(prefix, "-d"), 1, 3, "retention.ms", "soon")));
    json_object_set_new(seen, "retention.ms", config(prefix, "retention.ms"));
    json_object_set_new(seen, "max.message.bytes", config(prefix, "max.message.bytes"));
    json_object_set_new(seen, "set", json_integer(alter(prefix, "segment.ms", "7000000")));
    await_config(prefix, "segment.ms", "7000000");
    await_config(prefix, "retention.ms", "604800000");
    json_object_set_new(seen, "set_bad", json_integer(alter(prefix, "segment.ms", "soon")));
    json_object_set_new(seen, "delete", json_integer(delete_topic(prefix)));
    for (int64_t begun = talk_now_ms(); talk_is_listed(prefix);) {
        talk_pause(begun, "the end of the topic");
    }
    json_object_set_new(seen, "delete_again", json_integer(delete_topic(talk_name(prefix, "-z"))));
    return seen;
}

static int grow(const char *topic, size_t total)
{
    char why[256];
    size_t count;
    rd_kafka_NewPartitions_t *wish = rd_kafka_NewPartitions_new(topic, total, why, sizeof why);

    if (wish == NULL) {
        talk_fail("NewPartitions: %s", why);
    }
    rd_kafka_CreatePartitions(talk_admin(), &wish, 1, NULL, talk_queue());
    rd_kafka_event_t *event = talk_answer();
    const rd_kafka_topic_result_t **results = rd_kafka_CreatePartitions_result_topics(
        rd_kafka_event_CreatePartitions_result(event), &count);
    int error = (int)rd_kafka_topic_result_error(results[0]);
    rd_kafka_event_destroy(event);
    rd_kafka_NewPartitions_destroy(wish);
    return error;
}

/* Deletes the records of partition 4 before the offset: [error, low watermark]. */
static json_t *delete_records(const char *topic, int64_t before)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

    rd_kafka_topic_partition_list_add(list, topic, 4)->offset = before;
    rd_kafka_DeleteRecords_t *wish = rd_kafka_DeleteRecords_new(list);
    rd_kafka_DeleteRecords(talk_admin(), &wish, 1, NULL, talk_queue());
    rd_kafka_event_t *event = talk_answer();
    const rd_kafka_topic_partition_t *result =
        &rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event))
             ->elems[0];
    json_t *seen = json_pack("[i, I]", (int)result->err, result->offset);
    rd_kafka_event_destroy(event);
    rd_kafka_DeleteRecords_destroy(wish);
    rd_kafka_topic_partition_list_destroy(list);
    return seen;
}

static json_t *watermarks(const char *topic)
{
    int64_t low;
    int64_t high;

    talk_check(rd_kafka_query_watermark_offsets(talk_admin(), topic, 4, &low, &high, 30000),
               "watermarks");
    return json_pack("[I, I]", low, high);
}

json_t *talk_grow(const char *prefix)
{
    talk_create(prefix, 2, NULL, NULL);
    json_t *seen = json_pack("{s:i}", "grow", grow(prefix, 5));
    for (int64_t begun = talk_now_ms(); talk_partitions(prefix, NULL) != 5;) {
        talk_pause(begun, "five partitions");
    }
    json_object_set_new(seen, "same", json_integer(grow(prefix, 5)));
    json_object_set_new(seen, "shrink", json_integer(grow(prefix, 1)));
    json_object_set_new(seen, "unknown", json_integer(grow(talk_name(prefix, "-unknown"), 5)));
    talk_produce_numbers(prefix, 4, 0, 10, NULL, NULL);
    json_object_set_new(seen, "offsets", watermarks(prefix));
    json_object_set_new(seen, "deleted", delete_records(prefix, 4));
    json_object_set_new(seen, "deleted_beyond", delete_records(prefix, 100));
    json_object_set_new(seen, "offsets_after", watermarks(prefix));
    rd_kafka_t *consumer = talk_consumer(prefix, NULL);
    talk_assign(consumer, prefix, 4, 0);
    rd_kafka_message_t *message = talk_next(consumer);
    json_object_set_new(seen, "first_after", json_integer(message->offset));
    rd_kafka_message_destroy(message);
    rd_kafka_destroy(consumer);
    json_object_set_new(seen, "deleted_all", delete_records(prefix, RD_KAFKA_OFFSET_END));
    return seen;
}
