/* SPDX-License-Identifier: Apache-2.0 */
/* The conversations about records: produced, read, found by time, too large, through a failover. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "talk.h"
#include "talks.h"

json_t *talk_metadata(const char *prefix)
{
    const struct rd_kafka_metadata *metadata;
    struct deliveries deliveries = {.count = 0};
    char *cluster;

    talk_produce_numbers(prefix, 0, 0, 1, NULL, &deliveries);
    talk_check(rd_kafka_metadata(talk_admin(), 1, NULL, &metadata, 30000), "metadata");
    cluster = rd_kafka_clusterid(talk_admin(), 30000);
    json_t *seen = json_pack("{s:i, s:b, s:i, s:b, s:b}", "brokers", metadata->broker_cnt, "listed",
                             talk_is_listed(prefix), "partitions", talk_partitions(prefix, NULL),
                             "cluster_id_is_set", cluster != NULL, "controller_is_set",
                             rd_kafka_controllerid(talk_admin(), 30000) >= 0);
    json_object_set_new(seen, "offset", json_integer(deliveries.offsets[0]));
    rd_kafka_mem_free(talk_admin(), cluster);
    rd_kafka_metadata_destroy(metadata);
    return seen;
}

static struct record sample(int i, char key[16], char value[512])
{
    struct record record = {.timestamp = TALK_BASE_MS + i, .has_headers = i % 2 != 0};

    if (i % 4 != 0) {
        snprintf(key, 16, "key-%d", i);
        record.key = key;
    }
    if (i % 5 == 2) {
        record.value = "";
    } else if (i % 5 != 1) {
        memset(value, 'a' + i, 400);
        record.value = value;
        record.value_bytes = 400;
    }
    return record;
}

static bool has_sample_headers(const rd_kafka_message_t *message)
{
    const char *const expected[4][2] = {{"h", "one"}, {"h", "two"}, {"empty", ""}, {"null", NULL}};
    rd_kafka_headers_t *headers;

    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        rd_kafka_header_cnt(headers) != 4) {
        return false;
    }
    for (size_t i = 0; i < 4; i++) {
        const char *name;
        const void *value;
        size_t bytes;
        rd_kafka_header_get_all(headers, i, &name, &value, &bytes);
        if (strcmp(name, expected[i][0]) != 0 || (value == NULL) != (expected[i][1] == NULL) ||
            (value != NULL && memcmp(value, expected[i][1], strlen(expected[i][1])) != 0)) {
            return false;
        }
    }
    return true;
}

static bool is_same(const struct record *sent, const rd_kafka_message_t *read)
{
    rd_kafka_timestamp_type_t type;
    rd_kafka_headers_t *none;

    return (sent->key == NULL) == (read->key == NULL) &&
           (sent->key == NULL || (strlen(sent->key) == read->key_len &&
                                  memcmp(sent->key, read->key, read->key_len) == 0)) &&
           (sent->value == NULL) == (read->payload == NULL) && sent->value_bytes == read->len &&
           (read->len == 0 || memcmp(sent->value, read->payload, read->len) == 0) &&
           rd_kafka_message_timestamp(read, &type) == sent->timestamp &&
           type == RD_KAFKA_TIMESTAMP_CREATE_TIME &&
           (sent->has_headers ? has_sample_headers(read)
                              : rd_kafka_message_headers(read, &none) == RD_KAFKA_RESP_ERR__NOENT);
}

json_t *talk_codecs(const char *prefix)
{
    const char *const codecs[] = {"none", "gzip", "snappy", "lz4", "zstd"};
    json_t *seen = json_object();

    talk_create(prefix, 1, NULL, NULL);
    for (int codec = 0; codec < 5; codec++) {
        talk_settings settings = {"compression.type", codecs[codec], "linger.ms", "50", NULL};
        struct deliveries deliveries = {.count = 0};
        rd_kafka_t *producer = talk_client(RD_KAFKA_PRODUCER, &deliveries, settings);
        rd_kafka_t *consumer = talk_consumer(prefix, NULL);
        char key[16];
        char value[512];
        bool same = true;

        for (int i = 0; i < 20; i++) {
            struct record record = sample(i, key, value);
            talk_send(producer, prefix, &record);
        }
        talk_flush(producer);
        talk_check(deliveries.first_error, codecs[codec]);
        talk_assign(consumer, prefix, 0, 20 * codec);
        for (int i = 0; i < 20; i++) {
            struct record record = sample(i, key, value);
            rd_kafka_message_t *message = talk_next(consumer);
            same = same && is_same(&record, message);
            rd_kafka_message_destroy(message);
        }
        rd_kafka_destroy(producer);
        rd_kafka_destroy(consumer);
        json_object_set_new(seen, codecs[codec],
                            json_pack("{s:I, s:I, s:b}", "first", deliveries.offsets[0], "last",
                                      deliveries.offsets[19], "same", same));
    }
    return seen;
}

json_t *talk_idempotent(const char *prefix)
{
    talk_settings settings = {"enable.idempotence", "true", "batch.num.messages", "20", NULL};
    struct deliveries deliveries = {.count = 0};
    bool ordered = true;

    talk_create(prefix, 4, NULL, NULL);
    rd_kafka_t *producer = talk_client(RD_KAFKA_PRODUCER, &deliveries, settings);
    for (int i = 0; i < 1000; i++) {
        char value[16];
        struct record record = {.value = value, .partition = i % 4};
        record.value_bytes = (size_t)snprintf(value, sizeof value, "%d", i);
        talk_send(producer, prefix, &record);
    }
    talk_flush(producer);
    rd_kafka_destroy(producer);
    for (int32_t partition = 0; partition < 4; partition++) {
        ordered = ordered && talk_are_numbers(prefix, partition, 250, partition, 4);
    }
    return json_pack("{s:i, s:b}", "delivered", (int)deliveries.count, "dense_and_ordered",
                     ordered);
}

json_t *talk_acks(const char *prefix)
{
    const char *const levels[] = {"0", "1", "all"};
    json_t *seen = json_object();

    talk_create(prefix, 1, NULL, NULL);
    for (int level = 0; level < 3; level++) {
        talk_settings settings = {"acks", levels[level], NULL};
        struct deliveries deliveries = {.count = 0};
        int64_t begun = talk_now_ms();
        int64_t low;
        int64_t high = 0;

        talk_produce_numbers(prefix, 0, 0, 100, settings, &deliveries);
        if (level > 0) {
            json_object_set_new(seen, levels[level],
                                json_pack("[I, I]", deliveries.offsets[0], deliveries.offsets[99]));
        }
        while (high != 100 * (level + 1)) {
            talk_pause(begun, "the records of this level");
            rd_kafka_query_watermark_offsets(talk_admin(), prefix, 0, &low, &high, 10000);
        }
    }
    return seen;
}

static int64_t offset_at(rd_kafka_t *consumer, const char *topic, int64_t timestamp)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

    rd_kafka_topic_partition_list_add(list, topic, 0)->offset = timestamp;
    talk_check(rd_kafka_offsets_for_times(consumer, list, 30000), "offsets for times");
    int64_t offset = list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    return offset;
}

static int64_t offset_after_seek(rd_kafka_t *consumer, const char *topic, int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

    rd_kafka_topic_partition_list_add(list, topic, 0)->offset = offset;
    rd_kafka_error_t *error = rd_kafka_seek_partitions(consumer, list, 30000);
    if (error != NULL) {
        talk_fail("seek: %s", rd_kafka_error_string(error));
    }
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_message_t *message = talk_next(consumer);
    int64_t found = message->offset;
    rd_kafka_message_destroy(message);
    return found;
}

json_t *talk_seek(const char *prefix)
{
    int64_t low;
    int64_t high;

    talk_create(prefix, 1, NULL, NULL);
    talk_produce_numbers(prefix, 0, 0, 100, NULL, NULL);
    rd_kafka_t *consumer = talk_consumer(prefix, NULL);
    talk_check(rd_kafka_query_watermark_offsets(consumer, prefix, 0, &low, &high, 30000),
               "watermarks");
    json_t *seen = json_pack("{s:[I,I], s:I, s:I, s:I, s:I}", "watermarks", low, high, "before",
                             offset_at(consumer, prefix, TALK_BASE_MS - 5), "exact",
                             offset_at(consumer, prefix, TALK_BASE_MS + 40000), "between",
                             offset_at(consumer, prefix, TALK_BASE_MS + 40001), "after",
                             offset_at(consumer, prefix, TALK_BASE_MS + 1000000));
    talk_assign(consumer, prefix, 0, RD_KAFKA_OFFSET_BEGINNING);
    rd_kafka_message_t *first = talk_next(consumer);
    json_object_set_new(seen, "first", json_integer(first->offset));
    rd_kafka_message_destroy(first);
    json_object_set_new(seen, "sought", json_integer(offset_after_seek(consumer, prefix, 40)));
    json_object_set_new(seen, "out_of_range_resets_to",
                        json_integer(offset_after_seek(consumer, prefix, 5000)));
    rd_kafka_destroy(consumer);
    return seen;
}

/* The error of sending one record of so many bytes, 0 for none. */
static int size_attempt(const char *topic, size_t bytes)
{
    talk_settings settings = {"message.max.bytes", "10000000", NULL};
    struct deliveries deliveries = {.count = 0};
    rd_kafka_t *producer = talk_client(RD_KAFKA_PRODUCER, &deliveries, settings);
    char *value = malloc(bytes);
    struct record record = {.value = value, .value_bytes = bytes};

    memset(value, 'x', bytes);
    talk_send(producer, topic, &record);
    talk_flush(producer);
    rd_kafka_destroy(producer);
    free(value);
    return (int)deliveries.first_error;
}

json_t *talk_large(const char *prefix)
{
    talk_settings settings = {"fetch.max.bytes",
                              "1000",
                              "message.max.bytes",
                              "1000",
                              "max.partition.fetch.bytes",
                              "1000",
                              NULL};
    const char *by_default = talk_name(prefix, "-default");

    talk_create(prefix, 1, "max.message.bytes", "100000");
    talk_create(by_default, 1, NULL, NULL);
    json_t *seen =
        json_pack("{s:i, s:i, s:i, s:i}", "near", size_attempt(prefix, 99000), "too_large",
                  size_attempt(prefix, 101000), "default_near", size_attempt(by_default, 1048000),
                  "default_too_large", size_attempt(by_default, 1050000));
    rd_kafka_t *consumer = talk_consumer(prefix, settings);
    talk_assign(consumer, by_default, 0, 0);
    rd_kafka_message_t *message = talk_next(consumer);
    json_object_set_new(seen, "read_bytes", json_integer((json_int_t)message->len));
    rd_kafka_message_destroy(message);
    rd_kafka_destroy(consumer);
    return seen;
}

static void send_numbers(rd_kafka_t *producer, const char *topic, int first, int count)
{
    for (int i = first; i < first + count; i++) {
        char value[16];
        struct record record = {.value = value};
        record.value_bytes = (size_t)snprintf(value, sizeof value, "%d", i);
        talk_send(producer, topic, &record);
    }
}

json_t *talk_failover(const char *prefix)
{
    talk_settings settings = {"enable.idempotence",
                              "true",
                              "batch.num.messages",
                              "20",
                              "message.timeout.ms",
                              "60000",
                              NULL};
    struct deliveries deliveries = {.count = 0};
    int32_t old = -1;
    int32_t now = -1;

    talk_create(prefix, 1, "min.insync.replicas", "2");
    rd_kafka_t *producer = talk_client(RD_KAFKA_PRODUCER, &deliveries, settings);
    send_numbers(producer, prefix, 0, 200);
    talk_flush(producer);
    talk_partitions(prefix, &old);
    send_numbers(producer, prefix, 200, 100);
    talk_ask("kill", old);
    send_numbers(producer, prefix, 300, 100);
    talk_flush(producer);
    rd_kafka_destroy(producer);
    for (int64_t begun = talk_now_ms(); now < 0 || now == old;) {
        talk_pause(begun, "another leader");
        talk_partitions(prefix, &now);
    }
    json_t *seen = json_pack("{s:i, s:b, s:b}", "errors", (int)deliveries.errors, "moved", true,
                             "all_in_order", talk_are_numbers(prefix, 0, 400, 0, 1));
    talk_ask("restart", old);
    return seen;
}
