/* SPDX-License-Identifier: Apache-2.0 */
/* librdkafka itself: one JSON argument in, one JSON line out. */
#include <jansson.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { COUNT = 5, LIMIT_S = 25, TEXT_BYTES = 512, POLL_MS = 100 };

struct talk {
    json_t *given;
    char failure[TEXT_BYTES]; /* what authentication or TLS said */
    time_t end;
};

static const char *text(const struct talk *talk, const char *key)
{
    const char *value = json_string_value(json_object_get(talk->given, key));

    return value == NULL ? "" : value;
}

static void on_error(rd_kafka_t *client, int code, const char *reason, void *opaque)
{
    struct talk *talk = opaque;

    (void)client;
    /* Alerts of TLS 1.3 come after the handshake, as errors of the transport. */
    if (code == RD_KAFKA_RESP_ERR__AUTHENTICATION || code == RD_KAFKA_RESP_ERR__SSL ||
        strstr(reason, "SSL alert") != NULL) {
        (void)snprintf(talk->failure, sizeof talk->failure, "%s", reason);
    }
}

static void on_token(rd_kafka_t *client, const char *config, void *opaque)
{
    struct talk *talk = opaque;
    int64_t expires_ms =
        json_integer_value(json_object_get(talk->given, "expires_s")) * (int64_t)1000;
    char reason[TEXT_BYTES];

    (void)config;
    if (rd_kafka_oauthbearer_set_token(client, text(talk, "token"), expires_ms, "bearer", NULL, 0,
                                       reason, sizeof reason) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        (void)snprintf(talk->failure, sizeof talk->failure, "%s", reason);
    }
}

static void set(struct talk *talk, rd_kafka_conf_t *conf, const char *key, const char *value)
{
    char reason[TEXT_BYTES];

    if (value[0] != '\0' &&
        rd_kafka_conf_set(conf, key, value, reason, sizeof reason) != RD_KAFKA_CONF_OK) {
        (void)snprintf(talk->failure, sizeof talk->failure, "%s", reason);
    }
}

static rd_kafka_conf_t *settings(struct talk *talk)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    rd_kafka_conf_set_opaque(conf, talk);
    rd_kafka_conf_set_error_cb(conf, on_error);
    set(talk, conf, "bootstrap.servers", text(talk, "bootstrap"));
    set(talk, conf, "security.protocol", text(talk, "protocol"));
    set(talk, conf, "ssl.ca.location", text(talk, "ca"));
    set(talk, conf, "ssl.certificate.location", text(talk, "certificate"));
    set(talk, conf, "ssl.key.location", text(talk, "key"));
    set(talk, conf, "sasl.mechanism", text(talk, "mechanism"));
    set(talk, conf, "sasl.username", text(talk, "username"));
    set(talk, conf, "sasl.password", text(talk, "password"));
    if (strcmp(text(talk, "mechanism"), "OAUTHBEARER") == 0) {
        rd_kafka_conf_set_oauthbearer_token_refresh_cb(conf, on_token);
    }
    if (strcmp(text(talk, "mechanism"), "GSSAPI") == 0) {
        set(talk, conf, "sasl.kerberos.kinit.cmd", "true"); /* the ticket is there */
    }
    return conf;
}

static bool goes_on(struct talk *talk)
{
    if (talk->failure[0] == '\0' && time(NULL) >= talk->end) {
        (void)snprintf(talk->failure, sizeof talk->failure, "not within %d s", LIMIT_S);
    }
    return talk->failure[0] == '\0';
}

static rd_kafka_t *start(struct talk *talk, rd_kafka_type_t type, rd_kafka_conf_t *conf)
{
    char reason[TEXT_BYTES];
    rd_kafka_t *client;

    if (talk->failure[0] != '\0') {
        return NULL;
    }
    client = rd_kafka_new(type, conf, reason, sizeof reason);
    if (client == NULL) {
        (void)snprintf(talk->failure, sizeof talk->failure, "%s", reason);
    }
    return client;
}

static void produce(struct talk *talk)
{
    rd_kafka_t *client = start(talk, RD_KAFKA_PRODUCER, settings(talk));

    for (int i = 0; client != NULL && i < COUNT; i++) {
        char value[16];
        int length = snprintf(value, sizeof value, "%d", i);

        (void)rd_kafka_producev(client, RD_KAFKA_V_TOPIC(text(talk, "topic")),
                                RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_VALUE(value, (size_t)length),
                                RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    }
    while (client != NULL && goes_on(talk) &&
           rd_kafka_flush(client, POLL_MS) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    }
    if (client != NULL) {
        (void)rd_kafka_purge(client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_destroy(client);
    }
}

static int consume(struct talk *talk)
{
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_conf_t *conf = settings(talk);
    rd_kafka_t *client;
    int received = 0;

    set(talk, conf, "group.id", text(talk, "group"));
    set(talk, conf, "auto.offset.reset", "earliest");
    client = start(talk, RD_KAFKA_CONSUMER, conf);
    (void)rd_kafka_topic_partition_list_add(topics, text(talk, "topic"), RD_KAFKA_PARTITION_UA);
    if (client != NULL) {
        (void)rd_kafka_poll_set_consumer(client);
        (void)rd_kafka_subscribe(client, topics);
    }
    while (client != NULL && received < COUNT && goes_on(talk)) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(client, POLL_MS);

        if (message != NULL && message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            (void)snprintf(talk->failure, sizeof talk->failure, "%s",
                           rd_kafka_message_errstr(message));
        } else if (message != NULL) {
            received++;
        }
        if (message != NULL) {
            rd_kafka_message_destroy(message);
        }
    }
    rd_kafka_topic_partition_list_destroy(topics);
    if (client != NULL) {
        (void)rd_kafka_consumer_close(client);
        rd_kafka_destroy(client);
    }
    return received;
}

int main(int argc, char **argv)
{
    struct talk talk = {.end = time(NULL) + LIMIT_S};
    bool has_kerberos;
    json_t *answer;
    int received = 0;

    talk.given = json_loads(argv[argc - 1], 0, NULL);
    if (talk.given == NULL) {
        return EXIT_FAILURE;
    }
    answer = json_pack("{s:s}", "version", rd_kafka_version_str());
    produce(&talk);
    if (talk.failure[0] == '\0') {
        received = consume(&talk);
    }
    has_kerberos = strstr(talk.failure, "No provider for SASL mechanism GSSAPI") == NULL;
    if (!has_kerberos) {
        (void)json_object_set_new(answer, "absent", json_string("built without Kerberos"));
    } else if (talk.failure[0] != '\0') {
        (void)json_object_set_new(answer, "ok", json_false());
        (void)json_object_set_new(answer, "error", json_string(talk.failure));
    } else {
        (void)json_object_set_new(answer, "ok", json_boolean(received == COUNT));
        (void)json_object_set_new(answer, "received", json_integer(received));
    }
    (void)json_dumpf(answer, stdout, 0);
    (void)putchar('\n');
    json_decref(answer);
    json_decref(talk.given);
    return EXIT_SUCCESS;
}
