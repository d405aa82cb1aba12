/* SPDX-License-Identifier: Apache-2.0 */
/* Where the partitions are: CreateTopics 4 and Metadata 7, one after the other. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gyre/base/arena.h"
#include "gyre/base/check.h"
#include "gyre/wire/kafka_error.h"
#include "gyre/wire/reader.h"

#include "blast/blast.h"
#include "blast/link.h"
#include "wire_messages/api_keys.h"
#include "wire_messages/create_topics.h"
#include "wire_messages/metadata.h"

enum {
    CREATE_TOPICS_VERSION = 4,
    METADATA_VERSION = 7,
    ANSWER_BYTES_MAX = 64 << 20,
    CREATE_TIMEOUT_MS = 60000,
    LEADER_TIMEOUT_S = 90,
    CONFIGS_MAX = 16,
};

static void decode(char *bytes, size_t size, const struct message_layout *layout, int16_t version,
                   struct arena *arena, void *response)
{
    struct reader reader;

    reader_init(&reader, bytes, size);
    (void)reader_i32(&reader); /* the correlation id: all these versions have header 0 */
    if (message_decode(layout, version, &reader, arena, response) != ERROR_NONE) {
        blast_fail("an answer could not be read");
    }
}

static void ask(struct blast_link *link, int16_t key, int16_t version, const void *request,
                char **out_bytes, size_t *out_size)
{
    const struct frame_header header = {
        .api_key = key, .api_version = version, .client_id = STRING("blast")};
    struct frame_output frame;

    frame_output_init(&frame);
    CHECK(frame_encode_request(&header, request, &frame) == ERROR_NONE);
    blast_link_ask(link, &frame, out_bytes, out_size);
    frame_output_release(&frame);
}

/* "a=1,b=2" in place. */
static int32_t parse_configs(char *text, struct create_topics_request_topics_configs *configs)
{
    int32_t count = 0;
    char *next = text;

    while (next != NULL && *next != '\0') {
        char *name = strsep(&next, ",");
        char *value = strchr(name, '=');

        if (value == NULL || count == CONFIGS_MAX) {
            blast_fail("--topic-config wants NAME=VALUE,...");
        }
        *value++ = '\0';
        configs[count++] = (struct create_topics_request_topics_configs){
            .name = string_from(name), .value = string_from(value)};
    }
    return count;
}

static void create_topic(struct blast_link *link, const struct blast_options *options)
{
    char config_text[512] = "";
    struct create_topics_request_topics_configs configs[CONFIGS_MAX];
    struct create_topics_request_topics topic;
    struct create_topics_request request;
    struct create_topics_response response;
    struct arena arena;
    char *bytes;
    size_t size;
    int16_t code = KAFKA_ERROR_UNKNOWN_SERVER_ERROR;

    if (options->topic_config != NULL) {
        (void)snprintf(config_text, sizeof config_text, "%s", options->topic_config);
    }
    create_topics_request_init(&request);
    create_topics_request_topics_init(&topic);
    topic.name = string_from(options->topic);
    topic.num_partitions = options->create_partitions;
    topic.replication_factor = options->replication_factor;
    topic.configs.items = configs;
    topic.configs.count = parse_configs(config_text, configs);
    request.timeout_ms = CREATE_TIMEOUT_MS;
    request.topics.items = &topic;
    request.topics.count = 1;
    ask(link, API_CREATE_TOPICS, CREATE_TOPICS_VERSION, &request, &bytes, &size);
    arena_init(&arena, ANSWER_BYTES_MAX);
    decode(bytes, size, &create_topics_response_layout, CREATE_TOPICS_VERSION, &arena, &response);
    if (response.topics.count == 1) {
        code = response.topics.items[0].error_code;
    }
    arena_release(&arena);
    if (code != KAFKA_ERROR_NONE && code != KAFKA_ERROR_TOPIC_ALREADY_EXISTS) {
        blast_fail("CreateTopics %s: %s", options->topic, kafka_error_name(code));
    }
}

static int32_t place_of_broker(const struct blast_cluster *cluster, int32_t node_id)
{
    for (int32_t i = 0; i < cluster->broker_count; i++) {
        if (cluster->brokers[i].node_id == node_id) {
            return i;
        }
    }
    return -1;
}

static bool take_metadata(struct blast_cluster *cluster, const struct metadata_response *response)
{
    const struct metadata_response_topics *topic = response->topics.items;

    if (response->topics.count != 1 || topic->error_code != KAFKA_ERROR_NONE ||
        topic->partitions.count < 1) {
        return false;
    }
    cluster->broker_count = response->brokers.count;
    cluster->brokers = check_alloc((size_t)cluster->broker_count * sizeof *cluster->brokers);
    for (int32_t i = 0; i < cluster->broker_count; i++) {
        const struct metadata_response_brokers *from = &response->brokers.items[i];
        struct blast_broker *broker = &cluster->brokers[i];

        broker->node_id = from->node_id;
        broker->port = from->port;
        (void)snprintf(broker->host, sizeof broker->host, "%.*s", STRING_ARGUMENTS(from->host));
    }
    cluster->partition_count = topic->partitions.count;
    cluster->partitions =
        check_alloc((size_t)cluster->partition_count * sizeof *cluster->partitions);
    for (int32_t i = 0; i < cluster->partition_count; i++) {
        const struct metadata_response_topics_partitions *from = &topic->partitions.items[i];

        cluster->partitions[i] = (struct blast_partition){
            .index = from->partition_index, .broker = place_of_broker(cluster, from->leader_id)};
        if (from->error_code != KAFKA_ERROR_NONE || cluster->partitions[i].broker < 0) {
            return false;
        }
    }
    return true;
}

static bool find_leaders(struct blast_link *link, struct blast_cluster *cluster,
                         const struct blast_options *options)
{
    struct metadata_request_topics topic;
    struct metadata_request request;
    struct metadata_response response;
    struct arena arena;
    char *bytes;
    size_t size;
    bool is_complete;

    metadata_request_init(&request);
    metadata_request_topics_init(&topic);
    topic.name = string_from(options->topic);
    request.topics.items = &topic;
    request.topics.count = 1;
    request.allow_auto_topic_creation = options->mode != BLAST_FETCH;
    ask(link, API_METADATA, METADATA_VERSION, &request, &bytes, &size);
    arena_init(&arena, ANSWER_BYTES_MAX);
    decode(bytes, size, &metadata_response_layout, METADATA_VERSION, &arena, &response);
    is_complete =
        take_metadata(cluster, &response) &&
        (options->create_partitions == 0 || cluster->partition_count >= options->create_partitions);
    arena_release(&arena);
    if (!is_complete) {
        blast_cluster_release(cluster);
    }
    return is_complete;
}

static void parse_bootstrap(const char *text, struct blast_broker *broker)
{
    const char *colon = strrchr(text, ':');
    const char *comma = strchr(text, ',');
    char *end;

    *broker = (struct blast_broker){0};
    if (comma != NULL) {
        colon = memrchr(text, ':', (size_t)(comma - text));
    }
    if (colon == NULL || (size_t)(colon - text) >= sizeof broker->host) {
        blast_fail("--bootstrap-server wants HOST:PORT");
    }
    memcpy(broker->host, text, (size_t)(colon - text));
    broker->port = (int32_t)strtol(colon + 1, &end, 10);
}

void blast_cluster_find(struct blast_cluster *cluster, const struct blast_options *options)
{
    struct blast_broker bootstrap;
    struct blast_link link;

    *cluster = (struct blast_cluster){0};
    parse_bootstrap(options->bootstrap, &bootstrap);
    blast_link_open(&link, options, &bootstrap, -1, 1);
    if (options->create_partitions > 0) {
        create_topic(&link, options);
    }
    for (int attempt = 0; !find_leaders(&link, cluster, options); attempt++) {
        if (attempt > LEADER_TIMEOUT_S * 10) {
            blast_fail("topic %s has no leaders", options->topic);
        }
        (void)usleep(100000);
    }
    blast_link_close(&link);
}

void blast_cluster_release(struct blast_cluster *cluster)
{
    free(cluster->brokers);
    free(cluster->partitions);
    *cluster = (struct blast_cluster){0};
}
