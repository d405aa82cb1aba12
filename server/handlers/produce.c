/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Produce appends the batches of each partition and answers when all are decided.
 *
 *     start_topics ──► every partition: refused, or partition_append() ──► (the last) finish
 *
 * acks=0 has no answer: the connection is closed when something was refused, so that the client
 * looks for the leader again. Versions 0-2 carry message sets of old formats, which are converted.
 */
#include "handlers/produce.h"

#include "gyre/metadata/catalog.h"
#include "gyre/observe/metrics.h"
#include "gyre/partition/partition.h"
#include "gyre/wire/record_batch.h"

#include "cluster/cluster.h"
#include "handlers/broker.h"
#include "handlers/hosted_partition.h"
#include "handlers/produce_repeated.h"
#include "handlers/quotas.h"
#include "handlers/request.h"
#include "wire_messages/produce.h"

enum {
    FIRST_VERSION_OF_BATCHES = 3,
    FIRST_VERSION_WITH_ZSTD = 7,
    FIRST_VERSION_WITH_RECORD_ERRORS = 8,
    FIRST_VERSION_WITH_LEADER_HINTS = 10,
    FIRST_VERSION_WITH_TOPIC_IDS = 13,
    ENDPOINTS_MAX = 64, /* leaders that one answer names; clients find the others themselves */
};

struct produce {
    struct request *request; /* we live in its arena */
    struct produce_request in;
    struct produce_response out;
    int pending; /* appends that are not decided, and one while we start them */
};

struct produce_part {
    struct partition_append append;
    struct produce *produce;
    struct produce_response_responses_partition_responses *out;
    struct group_id group;
    size_t bytes;
};

static void refuse(struct produce_response_responses_partition_responses *out,
                   enum kafka_error error, const char *message)
{
    out->error_code = (int16_t)error;
    out->base_offset = -1;
    out->error_message = message == NULL ? STRING_NULL : string_from(message);
}

/* ---- the answer ---- */

/* KIP-951: who leads instead, so that the client need not ask for metadata first. */
static void hint_leader(struct produce *produce, struct group_id group,
                        struct produce_response_responses_partition_responses *out)
{
    struct cluster_leader leader;

    if (out->error_code != KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER ||
        produce->request->api_version < FIRST_VERSION_WITH_LEADER_HINTS) {
        return;
    }
    leader = cluster_leader(produce->request->broker->cluster, group);
    if (leader.node_id >= 0) {
        out->current_leader.leader_id = leader.node_id;
        out->current_leader.leader_epoch = leader.leader_epoch;
    }
}

static void add_endpoint(struct produce *produce, int32_t node_id)
{
    struct produce_response_node_endpoints_array *endpoints = &produce->out.node_endpoints;
    struct broker_endpoint endpoint;

    for (int32_t i = 0; i < endpoints->count; i++) {
        if (endpoints->items[i].node_id == node_id) {
            return;
        }
    }
    if (endpoints->count == ENDPOINTS_MAX ||
        !hosted_partition_endpoint(produce->request, node_id, &endpoint)) {
        return;
    }
    if (endpoints->items == NULL) {
        endpoints->items =
            arena_alloc_array(&produce->request->arena, ENDPOINTS_MAX, sizeof *endpoints->items);
        if (endpoints->items == NULL) {
            return;
        }
    }
    endpoints->items[endpoints->count++] = (struct produce_response_node_endpoints){
        .node_id = node_id,
        .host = endpoint.host,
        .port = endpoint.port,
        .rack = endpoint.rack,
    };
}

/* Just before the answer: the endpoints are borrowed from the catalog for this turn. */
static void add_endpoints(struct produce *produce)
{
    for (int32_t i = 0; i < produce->out.responses.count; i++) {
        const struct produce_response_responses *topic = &produce->out.responses.items[i];

        for (int32_t j = 0; j < topic->partition_responses.count; j++) {
            int32_t leader_id = topic->partition_responses.items[j].current_leader.leader_id;

            if (leader_id >= 0) {
                add_endpoint(produce, leader_id);
            }
        }
    }
}

static bool has_error(const struct produce *produce)
{
    for (int32_t i = 0; i < produce->out.responses.count; i++) {
        const struct produce_response_responses *topic = &produce->out.responses.items[i];

        for (int32_t j = 0; j < topic->partition_responses.count; j++) {
            if (topic->partition_responses.items[j].error_code != KAFKA_ERROR_NONE) {
                return true;
            }
        }
    }
    return false;
}

static void finish(struct produce *produce)
{
    quotas_charge_produce(produce->request, produce->request->frame.length);
    if (produce->in.acks != 0) {
        add_endpoints(produce);
        request_reply(produce->request, &produce_response_layout, &produce->out);
    } else if (has_error(produce)) {
        request_close(produce->request);
    } else {
        request_reply_nothing(produce->request);
    }
}

static void part_done(struct produce *produce)
{
    if (--produce->pending == 0) {
        finish(produce);
    }
}

/* ---- one partition ---- */

static void count_refused(const struct produce *produce)
{
    struct metrics *metrics = produce->request->broker->metrics;

    if (metrics != NULL) {
        metric_add(metrics, METRIC_PRODUCE_REFUSED, 1);
    }
}

static void report_fault(struct produce_part *part)
{
    struct produce_response_responses_partition_responses *out = part->out;
    struct request *request = part->produce->request;

    refuse(out, part->append.error, part->append.fault_message);
    count_refused(part->produce);
    if (part->append.fault_record_index < 0 ||
        request->api_version < FIRST_VERSION_WITH_RECORD_ERRORS) {
        return;
    }
    if (produce_response_responses_partition_responses_record_errors_array_alloc(
            &out->record_errors, &request->arena, 1) == ERROR_NONE) {
        out->record_errors.items[0].batch_index = part->append.fault_record_index;
        out->record_errors.items[0].batch_index_error_message = out->error_message;
    }
}

static void count_batch(const struct produce_part *part, int32_t records)
{
    struct metrics *metrics = part->produce->request->broker->metrics;

    if (metrics != NULL) {
        metric_add(metrics, METRIC_PRODUCE_BATCHES, 1);
        metric_add(metrics, METRIC_PRODUCE_RECORDS, records);
        metric_add(metrics, METRIC_PRODUCE_BYTES, (int64_t)part->bytes);
    }
}

static void on_append(struct partition_append *append)
{
    struct produce_part *part = CONTAINER_OF(append, struct produce_part, append);
    struct produce_response_responses_partition_responses *out = part->out;

    if (append->converted_count > 0) {
        count_batch(part, append->converted_count);
    }
    if (append->error == KAFKA_ERROR_NONE) {
        out->base_offset = append->base_offset;
        out->log_append_time_ms = append->log_append_time_ms;
        out->log_start_offset = append->log_start_offset;
    } else {
        report_fault(part);
        hint_leader(part->produce, part->group, out);
    }
    part_done(part->produce);
}

/* Takes `batch`. */
static void append_batch(struct produce *produce, struct partition *partition,
                         struct buffer_slice batch, bool is_message_set,
                         struct produce_response_responses_partition_responses *out)
{
    struct produce_part *part = arena_alloc(&produce->request->arena, sizeof *part);

    if (part == NULL) {
        buffer_slice_unref(&batch);
        refuse(out, KAFKA_ERROR_MESSAGE_TOO_LARGE, "the request names too many partitions");
        return;
    }
    part->produce = produce;
    part->out = out;
    part->group = partition_group(partition);
    part->bytes = batch.length;
    if (!is_message_set && batch.length >= RECORD_BATCH_HEADER_BYTES) {
        count_batch(part, record_batch_count(batch.bytes));
    }
    part->append.batch = batch;
    part->append.from_client = true;
    part->append.is_message_set = is_message_set;
    part->append.acks = produce->in.acks;
    part->append.timeout_us =
        produce->in.timeout_ms > 0 ? (uint64_t)produce->in.timeout_ms * 1000 : 0;
    part->append.done = on_append;
    produce->pending++;
    partition_append(partition, &part->append);
}

static bool is_old_format(const struct request *request, const struct records *records)
{
    return request->api_version < FIRST_VERSION_OF_BATCHES &&
           (records->length <= RECORD_BATCH_AT_MAGIC ||
            records->bytes[RECORD_BATCH_AT_MAGIC] < RECORD_BATCH_MAGIC);
}

/* What this version of the request may not carry; NONE also for what is checked later anyway. */
static enum kafka_error check_records(const struct request *request, const struct records *records)
{
    unsigned attributes;

    if (records->length < RECORD_BATCH_HEADER_BYTES ||
        records->bytes[RECORD_BATCH_AT_MAGIC] != RECORD_BATCH_MAGIC) {
        return KAFKA_ERROR_NONE;
    }
    attributes = record_batch_attributes(records->bytes);
    if (request->api_version < FIRST_VERSION_WITH_ZSTD &&
        (attributes & RECORD_BATCH_COMPRESSION) == COMPRESSION_ZSTD) {
        return KAFKA_ERROR_UNSUPPORTED_COMPRESSION_TYPE;
    }
    /* No transaction was ever begun here. */
    return (attributes & RECORD_BATCH_TRANSACTIONAL) != 0 ? KAFKA_ERROR_INVALID_TXN_STATE
                                                          : KAFKA_ERROR_NONE;
}

static void start_partition(struct produce *produce, const struct catalog_topic *topic,
                            const struct produce_request_topic_data_partition_data *in,
                            struct produce_response_responses_partition_responses *out)
{
    struct partition *partition = NULL;
    struct records records = in->records;
    enum kafka_error error = hosted_partition_find(produce->request, topic, in->index, &partition);

    if (records.length < 0) {
        records = (struct records){.bytes = NULL, .length = 0};
    }
    if (error == KAFKA_ERROR_NONE && produce->in.acks != 0 && produce->in.acks != 1 &&
        produce->in.acks != -1) {
        error = KAFKA_ERROR_INVALID_REQUIRED_ACKS;
    }
    if (error == KAFKA_ERROR_NONE) {
        error = check_records(produce->request, &records);
    }
    if (error != KAFKA_ERROR_NONE) {
        refuse(out, error, NULL);
        hint_leader(produce, (struct group_id){.topic = topic->id, .partition = in->index}, out);
    } else if (records.length == 0) {
        refuse(out, KAFKA_ERROR_INVALID_RECORD, batch_fault_text(BATCH_FAULT_EMPTY));
    } else {
        append_batch(produce, partition,
                     request_keep(produce->request, records.bytes, (size_t)records.length),
                     is_old_format(produce->request, &records), out);
    }
}

/* ---- all of them ---- */

static void start_topic(struct produce *produce, const struct produce_request_topic_data *in,
                        struct produce_response_responses *out)
{
    const struct topic_reference reference = {
        .by_id = produce->request->api_version >= FIRST_VERSION_WITH_TOPIC_IDS,
        .name = in->name,
        .id = in->topic_id,
    };
    const struct catalog_topic *topic = NULL;
    enum kafka_error error =
        hosted_partition_find_topic(produce->request, &reference, ACCESS_WRITE, &topic);

    if (error == KAFKA_ERROR_NONE && topic->is_internal) {
        error = KAFKA_ERROR_INVALID_TOPIC_EXCEPTION; /* only the broker itself writes there */
    }
    out->name = in->name;
    out->topic_id = in->topic_id;
    for (int32_t i = 0; i < in->partition_data.count; i++) {
        out->partition_responses.items[i].index = in->partition_data.items[i].index;
        if (error != KAFKA_ERROR_NONE) {
            refuse(&out->partition_responses.items[i], error, NULL);
        } else {
            start_partition(produce, topic, &in->partition_data.items[i],
                            &out->partition_responses.items[i]);
        }
    }
}

static bool has_transactional_batches(const struct produce *produce)
{
    for (int32_t i = 0; i < produce->in.topic_data.count; i++) {
        const struct produce_request_topic_data *topic = &produce->in.topic_data.items[i];

        for (int32_t j = 0; j < topic->partition_data.count; j++) {
            const struct records *records = &topic->partition_data.items[j].records;

            if (records->length >= RECORD_BATCH_HEADER_BYTES &&
                records->bytes[RECORD_BATCH_AT_MAGIC] == RECORD_BATCH_MAGIC &&
                (record_batch_attributes(records->bytes) & RECORD_BATCH_TRANSACTIONAL) != 0) {
                return true;
            }
        }
    }
    return false;
}

/* Who writes in a transaction must own its id, whatever the fields of the request say. */
static bool may_write_so(const struct produce *produce)
{
    struct string id = produce->in.transactional_id;

    return !has_transactional_batches(produce) ||
           (id.bytes != NULL &&
            access_allows(produce->request, ACCESS_WRITE, ACCESS_TRANSACTIONAL_ID, id));
}

static void refuse_all(struct produce *produce, enum kafka_error error)
{
    for (int32_t i = 0; i < produce->in.topic_data.count; i++) {
        const struct produce_request_topic_data *in = &produce->in.topic_data.items[i];
        struct produce_response_responses *out = &produce->out.responses.items[i];

        out->name = in->name;
        out->topic_id = in->topic_id;
        for (int32_t j = 0; j < in->partition_data.count; j++) {
            out->partition_responses.items[j].index = in->partition_data.items[j].index;
            refuse(&out->partition_responses.items[j], error, NULL);
        }
    }
    finish(produce);
}

static enum error make_answers(struct produce *produce)
{
    struct arena *arena = &produce->request->arena;
    enum error error = produce_response_responses_array_alloc(&produce->out.responses, arena,
                                                              produce->in.topic_data.count);

    for (int32_t i = 0; error == ERROR_NONE && i < produce->in.topic_data.count; i++) {
        error = produce_response_responses_partition_responses_array_alloc(
            &produce->out.responses.items[i].partition_responses, arena,
            produce->in.topic_data.items[i].partition_data.count);
    }
    return error;
}

void produce_handle(struct request *request)
{
    struct produce *produce = request_alloc(request, sizeof *produce);

    if (produce == NULL || !request_decode(request, &produce_request_layout, &produce->in)) {
        return;
    }
    produce->request = request;
    produce_response_init(&produce->out);
    if (!produce_repeated_join(request, &produce->in) || make_answers(produce) != ERROR_NONE) {
        request_close(request);
        return;
    }
    if (!may_write_so(produce)) {
        refuse_all(produce, KAFKA_ERROR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
        return;
    }
    produce->pending = 1;
    for (int32_t i = 0; i < produce->in.topic_data.count; i++) {
        start_topic(produce, &produce->in.topic_data.items[i], &produce->out.responses.items[i]);
    }
    part_done(produce);
}
