/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each partition is in one of three states:
 *
 *     FREE --(a batch is sealed)--> IN_FLIGHT --(acknowledged)--> FREE
 *                                    |     ^
 *                  (passing trouble) v     | (metadata came, the pause is over)
 *                                   WAITING
 *
 * All waits go through one timer and one Metadata call for the topic. The first failure that does
 * not pass ends the producer.
 */
#include "producer.h"

#include <stdlib.h>

#include "gyre/base/buffer.h"
#include "gyre/base/check.h"
#include "gyre/client/client.h"
#include "gyre/wire/kafka_error.h"
#include "gyre/wire/record.h"
#include "gyre/wire/record_batch.h"
#include "gyre/wire/record_batch_builder.h"

#include "murmur2.h"
#include "session.h"
#include "wire_messages/api_keys.h"
#include "wire_messages/init_producer_id.h"
#include "wire_messages/metadata.h"
#include "wire_messages/produce.h"

enum {
    RECORDS_BYTES_MAX = 64 << 20,
    PRODUCE_VERSION_MAX = 12, /* topics by name */
    RETRY_US = 100 * 1000,
    US_PER_S = 1000 * 1000,
    SEND_TIMEOUT_MS = 30 * 1000,
};

enum state { FREE, IN_FLIGHT, WAITING };

struct lane {
    struct producer *producer;
    int32_t partition;
    enum state state;
    struct record_batch_builder builder;
    int32_t next_sequence;

    /* the batch in flight */
    struct buffer *batch; /* owned */
    int32_t batch_count;
    uint64_t begin_us;
    enum exit_status refusal;
    struct client_call call;
    struct produce_request request;
    struct produce_request_topic_data topic_data;
    struct produce_request_topic_data_partition_data partition_data;
    struct buffer_slice slice;
};

struct producer {
    struct session *session;
    struct producer_options options;
    struct lane *lanes; /* owned; one a partition */
    int32_t lane_count;
    int32_t sticky; /* the lane of records without a key */
    int32_t busy_count;
    int64_t acknowledged;
    int64_t producer_id;
    int16_t producer_epoch;
    enum exit_status status;

    /* passing trouble */
    struct timer retry;
    struct client_call refresh;
    struct metadata_request refresh_request;
    struct metadata_request_topics refresh_topic;
    bool is_refreshing;
};

static void transmit(struct lane *lane);

/* ---- passing trouble ---- */

static void fail(struct producer *producer, enum exit_status status)
{
    if (producer->status == STATUS_OK) {
        producer->status = status;
    }
    session_wake(producer->session);
}

static void wait_and_retry(struct lane *lane)
{
    struct producer *producer = lane->producer;
    uint64_t age_us = session_now_us(producer->session) - lane->begin_us;

    lane->state = WAITING;
    if (age_us > (uint64_t)producer->options.timeout_s * US_PER_S) {
        complain("partition %d did not acknowledge a batch within %d s", (int)lane->partition,
                 producer->options.timeout_s);
        fail(producer, STATUS_TIMEOUT);
        return;
    }
    if (!timer_is_running(&producer->retry) && !producer->is_refreshing) {
        timer_start(&producer->session->loop, &producer->retry, RETRY_US);
    }
}

static void on_refreshed(struct client_call *call, enum error error)
{
    struct producer *producer = CONTAINER_OF(call, struct producer, refresh);

    (void)error; /* the old leaders are as good as none */
    client_call_release(call);
    producer->is_refreshing = false;
    for (int32_t i = 0; i < producer->lane_count; i++) {
        if (producer->lanes[i].state == WAITING && producer->status == STATUS_OK) {
            transmit(&producer->lanes[i]);
        }
    }
    session_wake(producer->session);
}

static void on_retry(struct timer *timer)
{
    struct producer *producer = CONTAINER_OF(timer, struct producer, retry);

    metadata_request_init(&producer->refresh_request);
    producer->refresh_topic =
        (struct metadata_request_topics){.name = string_from(producer->options.topic)};
    producer->refresh_request.topics =
        (struct metadata_request_topics_array){&producer->refresh_topic, 1};
    producer->refresh_request.allow_auto_topic_creation = false;
    producer->refresh = (struct client_call){.node_id = CLIENT_ANY_NODE,
                                             .api_key = API_METADATA,
                                             .version_max = METADATA_REQUEST_VERSION_MAX,
                                             .request = &producer->refresh_request,
                                             .done = on_refreshed};
    producer->is_refreshing = true;
    client_send(producer->session->client, &producer->refresh);
}

/* ---- sending ---- */

static void free_batch(struct lane *lane)
{
    buffer_slice_unref(&lane->slice);
    buffer_unref(lane->batch);
    lane->batch = NULL;
}

static void seal_and_send(struct lane *lane);

static void acknowledge(struct lane *lane)
{
    struct producer *producer = lane->producer;
    uint64_t duration_us = session_now_us(producer->session) - lane->begin_us;

    producer->acknowledged += lane->batch_count;
    if (producer->options.batch_acknowledged != NULL) {
        producer->options.batch_acknowledged(producer->options.context, duration_us);
    }
    free_batch(lane);
    lane->state = FREE;
    producer->busy_count--;
    if (lane->builder.count > 0) {
        seal_and_send(lane);
    }
    session_wake(producer->session);
}

enum outcome { ACKNOWLEDGED, PASSING_TROUBLE, FAILED, GIVEN_UP };

/* What failed is told here, while the answer is there to be read. */
static enum outcome judge(struct lane *lane, const struct produce_response *response)
{
    const struct produce_response_responses_partition_responses *partition;

    if (response->responses.count != 1 ||
        response->responses.items[0].partition_responses.count != 1) {
        complain("the answer to Produce is not about what was asked");
        return FAILED;
    }
    partition = response->responses.items[0].partition_responses.items;
    if (partition->error_code == KAFKA_ERROR_NONE ||
        partition->error_code == KAFKA_ERROR_DUPLICATE_SEQUENCE_NUMBER) {
        return ACKNOWLEDGED;
    }
    if (kafka_error_is_retriable(partition->error_code)) {
        return PASSING_TROUBLE;
    }
    lane->refusal = session_refused(lane->producer->options.topic, partition->error_code,
                                    partition->error_message);
    return FAILED;
}

static enum outcome outcome_of(struct lane *lane, enum error error)
{
    lane->refusal = STATUS_FAILED;
    if (error == ERROR_NONE) {
        /* Without an answer it was acks=0. */
        return lane->call.response == NULL ? ACKNOWLEDGED : judge(lane, lane->call.response);
    }
    if (error == ERROR_CLOSED || error == ERROR_TIMEOUT || error == ERROR_NOT_FOUND) {
        return PASSING_TROUBLE;
    }
    if (error == ERROR_CANCELLED) {
        return GIVEN_UP;
    }
    complain("Produce cannot be carried out: %s", error_text(error));
    return FAILED;
}

static void on_answer(struct client_call *call, enum error error)
{
    struct lane *lane = CONTAINER_OF(call, struct lane, call);
    enum outcome outcome = outcome_of(lane, error);

    client_call_release(call);
    lane->state = WAITING;
    if (lane->producer->status != STATUS_OK) {
        return; /* it is over already */
    }
    switch (outcome) {
    case ACKNOWLEDGED: acknowledge(lane); return;
    case PASSING_TROUBLE: wait_and_retry(lane); return;
    case FAILED: fail(lane->producer, lane->refusal); return;
    case GIVEN_UP: return;
    }
}

static void transmit(struct lane *lane)
{
    struct producer *producer = lane->producer;
    int32_t leader = client_find_leader(producer->session->client,
                                        string_from(producer->options.topic), lane->partition);

    if (leader < 0) {
        wait_and_retry(lane);
        return;
    }
    lane->state = IN_FLIGHT;
    produce_request_init(&lane->request);
    lane->request.acks = producer->options.acks;
    lane->request.timeout_ms = SEND_TIMEOUT_MS;
    lane->request.topic_data = (struct produce_request_topic_data_array){&lane->topic_data, 1};
    lane->topic_data = (struct produce_request_topic_data){
        .name = string_from(producer->options.topic), .partition_data = {&lane->partition_data, 1}};
    lane->partition_data = (struct produce_request_topic_data_partition_data){
        .index = lane->partition, .records = {.slices = &lane->slice, .slice_count = 1}};
    lane->partition_data.records.length = (int32_t)lane->slice.length;
    lane->call = (struct client_call){.node_id = leader,
                                      .api_key = API_PRODUCE,
                                      .version_max = PRODUCE_VERSION_MAX,
                                      .has_no_answer = producer->options.acks == 0,
                                      .request = &lane->request,
                                      .done = on_answer};
    client_send(producer->session->client, &lane->call);
}

static void seal_and_send(struct lane *lane)
{
    struct producer *producer = lane->producer;

    CHECK(lane->state == FREE);
    lane->batch_count = lane->builder.count;
    lane->builder.codec = producer->options.codec;
    if (producer->options.is_idempotent) {
        lane->builder.producer_id = producer->producer_id;
        lane->builder.producer_epoch = producer->producer_epoch;
        lane->builder.base_sequence = lane->next_sequence;
        lane->next_sequence =
            (int32_t)(((uint32_t)lane->next_sequence + (uint32_t)lane->batch_count) & INT32_MAX);
    }
    if (record_batch_builder_finish(&lane->builder, &lane->batch) != ERROR_NONE) {
        complain("a batch cannot be compressed");
        fail(producer, STATUS_FAILED);
        return;
    }
    lane->slice = buffer_slice(lane->batch, 0, lane->batch->size);
    lane->begin_us = session_now_us(producer->session);
    producer->busy_count++;
    transmit(lane);
}

/* ---- adding ---- */

static struct lane *choose_lane(struct producer *producer, struct string key)
{
    if (producer->options.partition != PRODUCER_ANY_PARTITION) {
        return &producer->lanes[producer->options.partition];
    }
    if (key.bytes != NULL) {
        uint32_t hash = murmur2(key.bytes, (size_t)key.length) & INT32_MAX;

        return &producer->lanes[hash % (uint32_t)producer->lane_count];
    }
    return &producer->lanes[producer->sticky];
}

/* A batch is full: the next record without a key goes elsewhere. */
static void turn_sticky(struct producer *producer)
{
    producer->sticky = (producer->sticky + 1) % producer->lane_count;
}

static void make_room(struct lane *lane)
{
    struct producer *producer = lane->producer;

    while (lane->state != FREE && producer->status == STATUS_OK) {
        session_turn(producer->session);
    }
    if (producer->status == STATUS_OK && lane->builder.count > 0) {
        seal_and_send(lane);
    }
}

enum exit_status producer_add(struct producer *producer, struct string key, struct string value)
{
    struct lane *lane = choose_lane(producer, key);
    struct record record = {.key = key, .value = value};
    size_t size = record_encoded_size(&record, 0, 0);

    record.timestamp_ms = clock_wall_ms(producer->session->loop.clock);
    if (lane->builder.count > 0 &&
        lane->builder.records_bytes + size > producer->options.batch_bytes) {
        make_room(lane);
        if (key.bytes == NULL) {
            turn_sticky(producer);
            lane = choose_lane(producer, key);
        }
    }
    if (producer->status == STATUS_OK &&
        record_batch_builder_append(&lane->builder, &record) != ERROR_NONE) {
        complain("a record of %zu bytes is too large", size);
        fail(producer, STATUS_FAILED);
    }
    return producer->status;
}

void producer_send(struct producer *producer)
{
    for (int32_t i = 0; i < producer->lane_count; i++) {
        struct lane *lane = &producer->lanes[i];

        if (lane->state == FREE && lane->builder.count > 0 && producer->status == STATUS_OK) {
            seal_and_send(lane);
            if (i == producer->sticky) {
                turn_sticky(producer);
            }
        }
    }
}

enum exit_status producer_drain(struct producer *producer)
{
    producer_send(producer);
    while (producer->busy_count > 0 && producer->status == STATUS_OK) {
        session_turn(producer->session);
    }
    return producer->status;
}

enum exit_status producer_status(const struct producer *producer)
{
    return producer->status;
}

int64_t producer_acknowledged(const struct producer *producer)
{
    return producer->acknowledged;
}

/* ---- life ---- */

static enum exit_status find_topic(struct session *session, const char *topic, int32_t *out_count)
{
    struct string name = string_from(topic);
    int16_t code;

    do {
        const struct metadata_response *response;
        struct client_call call;
        enum exit_status status = session_ask_metadata(session, &call, &topic, 1, true, &response);

        code = status == STATUS_OK && response->topics.count == 1
                   ? response->topics.items[0].error_code
                   : KAFKA_ERROR_NONE;
        client_call_release(&call);
        if (status != STATUS_OK) {
            return status;
        }
    } while (code != KAFKA_ERROR_NONE && session_may_retry(session, code));
    *out_count = client_find_partition_count(session->client, name);
    if (code != KAFKA_ERROR_NONE || *out_count <= 0) {
        return session_refused(
            topic, code == KAFKA_ERROR_NONE ? KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION : code,
            STRING_NULL);
    }
    return STATUS_OK;
}

static enum exit_status take_producer_id(struct producer *producer)
{
    struct init_producer_id_request request;
    const struct init_producer_id_response *response;
    struct client_call call = {.node_id = CLIENT_ANY_NODE,
                               .api_key = API_INIT_PRODUCER_ID,
                               .version_max = INIT_PRODUCER_ID_REQUEST_VERSION_MAX,
                               .request = &request};
    enum exit_status status;
    int16_t code;

    init_producer_id_request_init(&request);
    request.transactional_id = STRING_NULL;
    do {
        client_call_release(&call);
        status = session_ask(producer->session, &call);
        response = call.response;
        code = status == STATUS_OK ? response->error_code : KAFKA_ERROR_NONE;
    } while (session_may_retry(producer->session, code));
    if (status == STATUS_OK && code != KAFKA_ERROR_NONE) {
        status = session_refused(producer->options.topic, code,
                                 code == KAFKA_ERROR_CLUSTER_AUTHORIZATION_FAILED
                                     ? STRING("You may write to no topic at all: neither WRITE on "
                                              "one nor IDEMPOTENT_WRITE on the cluster.")
                                     : STRING("There is no producer id."));
    } else if (status == STATUS_OK) {
        producer->producer_id = response->producer_id;
        producer->producer_epoch = response->producer_epoch;
    }
    client_call_release(&call);
    return status;
}

enum exit_status producer_open(struct session *session, const struct producer_options *options,
                               struct producer **out_producer)
{
    struct producer *producer;
    int32_t count = 0;
    enum exit_status status = find_topic(session, options->topic, &count);

    if (status != STATUS_OK) {
        return status;
    }
    if (options->partition >= count) {
        complain("%s has the partitions 0 to %d", options->topic, (int)count - 1);
        return STATUS_FAILED;
    }
    producer = check_alloc_zero(sizeof *producer);
    producer->session = session;
    producer->options = *options;
    producer->lane_count = count;
    producer->lanes = check_alloc_zero((size_t)count * sizeof *producer->lanes);
    timer_init(&producer->retry, on_retry);
    for (int32_t i = 0; i < count; i++) {
        producer->lanes[i].producer = producer;
        producer->lanes[i].partition = i;
        record_batch_builder_init(&producer->lanes[i].builder, RECORDS_BYTES_MAX);
    }
    if (options->is_idempotent) {
        status = take_producer_id(producer);
    }
    if (status != STATUS_OK) {
        producer_close(producer);
        return status;
    }
    *out_producer = producer;
    return STATUS_OK;
}

/* Calls in flight point into the lanes: they must have come home. */
static bool is_quiet(const struct producer *producer)
{
    bool is_busy = producer->is_refreshing;

    for (int32_t i = 0; i < producer->lane_count; i++) {
        is_busy = is_busy || producer->lanes[i].state == IN_FLIGHT;
    }
    return !is_busy;
}

void producer_close(struct producer *producer)
{
    if (producer == NULL) {
        return;
    }
    producer->status = producer->status == STATUS_OK ? STATUS_FAILED : producer->status;
    timer_stop(&producer->session->loop, &producer->retry);
    while (!is_quiet(producer)) {
        session_turn(producer->session);
    }
    for (int32_t i = 0; i < producer->lane_count; i++) {
        free_batch(&producer->lanes[i]);
        record_batch_builder_release(&producer->lanes[i].builder);
    }
    free(producer->lanes);
    free(producer);
}
