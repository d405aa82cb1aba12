/* SPDX-License-Identifier: Apache-2.0 */
/* Holding conversations, and what they say to brokers through librdkafka. */
#include "talk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static jmp_buf failed_here;
static char problem[512];
static const char *bootstrap;
static rd_kafka_t *admin;
static rd_kafka_queue_t *admin_queue;

void talk_fail(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(problem, sizeof problem, format, arguments);
    va_end(arguments);
    fprintf(stderr, "%s\n", problem);
    longjmp(failed_here, 1);
}

static void say(json_t *line)
{
    char *text = json_dumps(line, JSON_SORT_KEYS | JSON_COMPACT);

    puts(text);
    fflush(stdout);
    free(text);
    json_decref(line);
}

void talk_ask(const char *action, int32_t broker)
{
    char answer[32];

    say(json_pack("{s:s, s:i}", "ask", action, "broker", (int)broker));
    if (fgets(answer, sizeof answer, stdin) == NULL || strcmp(answer, "done\n") != 0) {
        talk_fail("the harness could not %s broker %d", action, (int)broker);
    }
}

static bool is_wanted(int argc, char **argv, const char *name)
{
    if (argc <= 4) {
        return true;
    }
    for (int i = 4; i < argc; i++) {
        if (strcmp(argv[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static int hold(char **argv, const struct talk *talk)
{
    json_t *volatile line = json_pack("{s:s, s:s, s:s}", "client", argv[1], "version",
                                      rd_kafka_version_str(), "conversation", talk->name);

    if (setjmp(failed_here) != 0) {
        json_object_set_new(line, "ok", json_false());
        json_object_set_new(line, "observations", json_object());
        json_object_set_new(line, "problem", json_string(problem));
        say(line);
        return 1;
    }
    json_t *observations = talk->hold(talk_name(argv[3], talk_name("-", talk->name)));
    json_object_set_new(line, "ok", json_true());
    json_object_set_new(line, "observations", observations);
    say(line);
    return 0;
}

/* argv: program, client name, bootstrap, prefix, conversations. */
int talk_main(int argc, char **argv, const struct talk *talks, size_t count)
{
    int failed = 0;

    if (argc < 4) {
        fprintf(stderr, "usage: driver CLIENT BOOTSTRAP PREFIX [CONVERSATION ...]\n");
        return 2;
    }
    bootstrap = argv[2];
    for (size_t i = 0; i < count; i++) {
        if (is_wanted(argc, argv, talks[i].name)) {
            failed |= hold(argv, &talks[i]);
        }
    }
    return failed;
}

int64_t talk_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void talk_pause(int64_t begun_ms, const char *what)
{
    if (talk_now_ms() - begun_ms > TALK_TIMEOUT_MS) {
        talk_fail("%s: not within %d ms", what, TALK_TIMEOUT_MS);
    }
    usleep(50000);
}

void talk_check(rd_kafka_resp_err_t error, const char *what)
{
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        talk_fail("%s: %s", what, rd_kafka_err2str(error));
    }
}

const char *talk_name(const char *prefix, const char *suffix)
{
    char *name = NULL;

    if (asprintf(&name, "%s%s", prefix, suffix) < 0) {
        abort();
    }
    return name;
}

static void delivered(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    struct deliveries *deliveries = opaque;

    (void)client;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        deliveries->first_error =
            deliveries->errors++ == 0 ? message->err : deliveries->first_error;
    } else if (deliveries->count < 1024) {
        deliveries->offsets[deliveries->count++] = message->offset;
    }
}

rd_kafka_t *talk_client(rd_kafka_type_t type, struct deliveries *deliveries,
                        const char *const *settings)
{
    char why[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    const char *const own[] = {"bootstrap.servers", bootstrap, "log_level", "0", NULL};
    const char *const *lists[] = {own, settings};

    for (int i = 0; i < 2; i++) {
        for (const char *const *pair = lists[i]; pair != NULL && *pair != NULL; pair += 2) {
            if (rd_kafka_conf_set(conf, pair[0], pair[1], why, sizeof why) != RD_KAFKA_CONF_OK) {
                talk_fail("%s: %s", pair[0], why);
            }
        }
    }
    if (deliveries != NULL) {
        rd_kafka_conf_set_opaque(conf, deliveries);
        rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    }
    rd_kafka_t *client = rd_kafka_new(type, conf, why, sizeof why);
    if (client == NULL) {
        talk_fail("rd_kafka_new: %s", why);
    }
    return client;
}

static rd_kafka_headers_t *sample_headers(void)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(4);

    rd_kafka_header_add(headers, "h", -1, "one", 3);
    rd_kafka_header_add(headers, "h", -1, "two", 3);
    rd_kafka_header_add(headers, "empty", -1, "", 0);
    rd_kafka_header_add(headers, "null", -1, NULL, 0);
    return headers;
}

void talk_send(rd_kafka_t *producer, const char *topic, const struct record *record)
{
    size_t key_bytes = record->key == NULL ? 0 : strlen(record->key);
    rd_kafka_resp_err_t error;

    do {
        rd_kafka_headers_t *headers = record->has_headers ? sample_headers() : NULL;
        error = rd_kafka_producev(
            producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(record->partition),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(record->key, key_bytes),
            RD_KAFKA_V_VALUE((void *)(uintptr_t)record->value, record->value_bytes),
            RD_KAFKA_V_TIMESTAMP(record->timestamp), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR && headers != NULL) {
            rd_kafka_headers_destroy(headers);
        }
        rd_kafka_poll(producer, error == RD_KAFKA_RESP_ERR__QUEUE_FULL ? 100 : 0);
    } while (error == RD_KAFKA_RESP_ERR__QUEUE_FULL);
    talk_check(error, "produce");
}

void talk_flush(rd_kafka_t *producer)
{
    talk_check(rd_kafka_flush(producer, TALK_TIMEOUT_MS), "flush");
}

void talk_produce_numbers(const char *topic, int32_t partition, int first, int count,
                          const char *const *settings, struct deliveries *deliveries)
{
    struct deliveries unseen = {.count = 0};
    struct deliveries *seen = deliveries != NULL ? deliveries : &unseen;
    rd_kafka_t *producer = talk_client(RD_KAFKA_PRODUCER, seen, settings);

    for (int i = first; i < first + count; i++) {
        char value[16];
        struct record record = {.value = value, .partition = partition};
        record.value_bytes = (size_t)snprintf(value, sizeof value, "%d", i);
        record.timestamp = TALK_BASE_MS + 1000 * (int64_t)i;
        talk_send(producer, topic, &record);
    }
    talk_flush(producer);
    rd_kafka_destroy(producer);
    if (deliveries == NULL) {
        talk_check(seen->first_error, "delivery");
    }
}

rd_kafka_t *talk_consumer(const char *group, const char *const *settings)
{
    const char *all[32] = {"group.id",
                           group,
                           "enable.auto.commit",
                           "false",
                           "auto.offset.reset",
                           "earliest",
                           "session.timeout.ms",
                           "10000",
                           "heartbeat.interval.ms",
                           "500"};
    size_t used = 10;

    for (; settings != NULL && *settings != NULL; settings++) {
        all[used++] = *settings;
    }
    rd_kafka_t *consumer = talk_client(RD_KAFKA_CONSUMER, NULL, all);
    rd_kafka_poll_set_consumer(consumer);
    return consumer;
}

static bool is_passing(rd_kafka_resp_err_t error)
{
    return error == RD_KAFKA_RESP_ERR__TRANSPORT || error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ||
           error == RD_KAFKA_RESP_ERR__RESOLVE || error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
}

rd_kafka_message_t *talk_next(rd_kafka_t *consumer)
{
    int64_t begun = talk_now_ms();

    while (talk_now_ms() - begun < TALK_TIMEOUT_MS) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, 200);
        if (message == NULL) {
            continue;
        }
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            return message;
        }
        if (!is_passing(message->err)) {
            talk_fail("poll: %s", rd_kafka_message_errstr(message));
        }
        rd_kafka_message_destroy(message);
    }
    talk_fail("no record within %d ms", TALK_TIMEOUT_MS);
}

void talk_assign(rd_kafka_t *consumer, const char *topic, int32_t partition, int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = offset;
    talk_check(rd_kafka_assign(consumer, list), "assign");
    rd_kafka_topic_partition_list_destroy(list);
}

bool talk_are_numbers(const char *topic, int32_t partition, int count, int first, int step)
{
    rd_kafka_t *consumer = talk_consumer(topic, NULL);
    bool is_right = true;

    talk_assign(consumer, topic, partition, 0);
    for (int i = 0; i < count; i++) {
        char expected[16];
        int length = snprintf(expected, sizeof expected, "%d", first + i * step);
        rd_kafka_message_t *message = talk_next(consumer);
        is_right = is_right && message->offset == i && message->len == (size_t)length &&
                   memcmp(message->payload, expected, message->len) == 0;
        rd_kafka_message_destroy(message);
    }
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    return is_right;
}

rd_kafka_t *talk_admin(void)
{
    if (admin == NULL) {
        admin = talk_client(RD_KAFKA_PRODUCER, NULL, NULL);
        admin_queue = rd_kafka_queue_new(admin);
    }
    return admin;
}

rd_kafka_queue_t *talk_queue(void)
{
    talk_admin();
    return admin_queue;
}

rd_kafka_event_t *talk_answer(void)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(talk_queue(), TALK_TIMEOUT_MS);

    if (event == NULL) {
        talk_fail("no answer to an administrative call");
    }
    talk_check(rd_kafka_event_error(event), "administrative call");
    return event;
}

int talk_partitions(const char *topic, int32_t *out_leader)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(talk_admin(), topic, NULL);
    int led = -1;

    if (rd_kafka_metadata(talk_admin(), 0, handle, &metadata, 30000) ==
        RD_KAFKA_RESP_ERR_NO_ERROR) {
        const rd_kafka_metadata_topic_t *found = &metadata->topics[0];
        led = found->err == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : -1;
        for (int i = 0; i < found->partition_cnt; i++) {
            led += found->partitions[i].leader >= 0;
            if (found->partitions[i].id == 0 && out_leader != NULL) {
                *out_leader = found->partitions[i].leader;
            }
        }
        rd_kafka_metadata_destroy(metadata);
    }
    rd_kafka_topic_destroy(handle);
    return led;
}

bool talk_is_listed(const char *topic)
{
    const struct rd_kafka_metadata *metadata;
    bool is_listed = false;

    talk_check(rd_kafka_metadata(talk_admin(), 1, NULL, &metadata, 30000), "metadata");
    for (int i = 0; i < metadata->topic_cnt; i++) {
        is_listed = is_listed || strcmp(metadata->topics[i].topic, topic) == 0;
    }
    rd_kafka_metadata_destroy(metadata);
    return is_listed;
}

void talk_create(const char *topic, int partitions, const char *name, const char *value)
{
    rd_kafka_NewTopic_t *wish = rd_kafka_NewTopic_new(topic, partitions, 3, NULL, 0);
    int64_t begun = talk_now_ms();
    size_t count;

    /* The sample timestamps are old: without this the records would be deleted as expired. */
    rd_kafka_NewTopic_set_config(wish, "retention.ms", "-1");
    if (name != NULL) {
        rd_kafka_NewTopic_set_config(wish, name, value);
    }
    rd_kafka_CreateTopics(talk_admin(), &wish, 1, NULL, talk_queue());
    rd_kafka_event_t *event = talk_answer();
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    talk_check(rd_kafka_topic_result_error(results[0]), "create");
    rd_kafka_event_destroy(event);
    rd_kafka_NewTopic_destroy(wish);
    while (talk_partitions(topic, NULL) != partitions) {
        talk_pause(begun, "leaders");
    }
}
