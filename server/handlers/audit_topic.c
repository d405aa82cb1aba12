/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     publish ──► waiting lines ──► (topic there? leader known?) ──► batch ──► leader's append
 *                      ▲                       │ no: a second later              │
 *                      └───────────────────────┴──────── not taken: again ◄──────┘
 */
#include "handlers/audit_topic.h"

#include <stdlib.h>
#include <string.h>

#include "gyre/metadata/catalog.h"
#include "gyre/observe/log.h"
#include "gyre/observe/metrics.h"
#include "gyre/partition/partition.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/rpc.h"
#include "gyre/wire/record.h"
#include "gyre/wire/record_batch_builder.h"

#include "cluster/cluster.h"
#include "handlers/broker.h"
#include "handlers/error_map.h"
#include "handlers/topics.h"

enum { WAITING_BYTES_MAX = 4 * 1024 * 1024, BATCH_BYTES_MAX = 512 * 1024 };
static const uint64_t RETRY_US = 1000 * 1000;
static const uint64_t APPEND_TIMEOUT_US = 10 * 1000 * 1000;

struct audit_topic {
    struct broker *broker;
    char *waiting; /* owned; whole lines */
    size_t length;
    size_t capacity;
    size_t sent; /* of it, in the batch that is under way */
    bool is_busy;
    bool is_stopped;
    struct timer retry;
};

static void send_some(struct audit_topic *topic);

static void retry_later(struct audit_topic *topic)
{
    if (!topic->is_stopped) {
        topic->is_busy = true;
        timer_start(topic->broker->loop, &topic->retry, RETRY_US);
    }
}

static void on_retry(struct timer *timer)
{
    struct audit_topic *topic = CONTAINER_OF(timer, struct audit_topic, retry);

    topic->is_busy = false;
    send_some(topic);
}

/* ---- sending ---- */

static void on_appended(void *context, enum error error, struct buffer_slice answer)
{
    struct audit_topic *topic = context;

    (void)answer;
    topic->is_busy = false;
    if (error == ERROR_CANCELLED) {
        return; /* the broker stops */
    }
    if (error != ERROR_NONE) {
        retry_later(topic);
        return;
    }
    topic->length -= topic->sent;
    memmove(topic->waiting, topic->waiting + topic->sent, topic->length);
    send_some(topic);
}

/* As many lines as fit into one batch; a record's value is a line without its newline. */
static struct buffer *make_batch(struct audit_topic *topic)
{
    struct record_batch_builder builder;
    struct record record = {
        .timestamp_ms = clock_wall_ms(topic->broker->loop->clock),
        .key = STRING_NULL,
    };
    struct buffer *batch = NULL;

    record_batch_builder_init(&builder, BATCH_BYTES_MAX);
    topic->sent = 0;
    while (topic->sent < topic->length) {
        const char *line = topic->waiting + topic->sent;
        const char *end = memchr(line, '\n', topic->length - topic->sent);

        CHECK(end != NULL);
        record.value = (struct string){line, (int32_t)(end - line)};
        if (record_batch_builder_append(&builder, &record) != ERROR_NONE) {
            break;
        }
        topic->sent += (size_t)(end - line) + 1;
    }
    enum error error = record_batch_builder_finish(&builder, &batch);
    CHECK(error == ERROR_NONE); /* no codec, nothing to fail */
    record_batch_builder_release(&builder);
    return batch;
}

static void on_topic(void *context, enum kafka_error error)
{
    struct audit_topic *topic = context;

    if (error != KAFKA_ERROR_NONE && !topic->is_stopped) {
        log_warning(LOG_AUTH, "the topic of the audit cannot be created",
                    field_string("error", kafka_error_name((int16_t)error)));
    }
    retry_later(topic); /* its leader is elected meanwhile */
}

static void send_some(struct audit_topic *topic)
{
    struct broker *broker = topic->broker;
    const struct catalog_topic *found;
    struct cluster_leader leader;
    struct buffer *batch;

    if (topic->is_stopped || topic->is_busy || topic->length == 0) {
        return;
    }
    if (broker->cluster == NULL || catalog_leader(broker->catalog) < 0) {
        retry_later(topic);
        return;
    }
    found = catalog_find_topic(broker->catalog, STRING(AUDIT_TOPIC));
    if (found == NULL) {
        topic->is_busy = true;
        topics_ensure_internal(broker, STRING(AUDIT_TOPIC), on_topic, topic);
        return;
    }
    leader = cluster_leader(broker->cluster, (struct group_id){.topic = found->id});
    if (leader.node_id < 0) {
        retry_later(topic);
        return;
    }
    topic->is_busy = true;
    batch = make_batch(topic);
    rpc_call(broker->rpc, leader.node_id, RPC_APPEND_AUDIT,
             (struct buffer_slice){batch, batch->bytes, batch->size}, APPEND_TIMEOUT_US,
             on_appended, topic);
}

void audit_topic_publish(void *context, struct string lines)
{
    struct audit_topic *topic = context;

    if (topic->is_stopped) {
        return;
    }
    if (topic->length + (size_t)lines.length > WAITING_BYTES_MAX) {
        metric_add(topic->broker->metrics, METRIC_AUDIT_UNPUBLISHED, 1);
        return;
    }
    if (topic->length + (size_t)lines.length > topic->capacity) {
        topic->capacity = 2 * (topic->length + (size_t)lines.length);
        topic->waiting = check_realloc(topic->waiting, topic->capacity);
    }
    memcpy(topic->waiting + topic->length, lines.bytes, (size_t)lines.length);
    topic->length += (size_t)lines.length;
    send_some(topic);
}

/* ---- at the leader ---- */

struct foreign_append {
    struct partition_append append;
    struct rpc_request peer;
};

static void on_decided(struct partition_append *append)
{
    struct foreign_append *foreign = CONTAINER_OF(append, struct foreign_append, append);
    struct buffer_slice nothing = {0};

    rpc_answer(foreign->peer, append->error == KAFKA_ERROR_NONE ? ERROR_NONE : ERROR_AGAIN,
               nothing);
    free(foreign);
}

static void serve(void *context, struct rpc_request peer, struct buffer_slice body)
{
    struct broker *broker = context;
    const struct catalog_topic *topic = catalog_find_topic(broker->catalog, STRING(AUDIT_TOPIC));
    struct partition *partition =
        topic == NULL ? NULL
                      : partition_find(broker->partitions, (struct group_id){.topic = topic->id});
    struct foreign_append *foreign;
    struct buffer *batch;

    if (partition == NULL || body.length > 2 * BATCH_BYTES_MAX) {
        rpc_answer(peer, ERROR_NOT_LEADER, (struct buffer_slice){0});
        return;
    }
    foreign = check_alloc_zero(sizeof *foreign);
    batch = buffer_copy(body.bytes, body.length);
    foreign->peer = peer;
    foreign->append = (struct partition_append){
        .batch = {batch, batch->bytes, batch->size},
        .acks = -1,
        .timeout_us = APPEND_TIMEOUT_US,
        .done = on_decided,
    };
    list_init(&foreign->append.link);
    partition_append(partition, &foreign->append);
}

void audit_topic_serve(struct broker *broker)
{
    rpc_serve(broker->rpc, RPC_APPEND_AUDIT, serve, broker);
}

/* ---- life ---- */

struct audit_topic *audit_topic_new(struct broker *broker)
{
    struct audit_topic *topic = check_alloc_zero(sizeof *topic);

    topic->broker = broker;
    timer_init(&topic->retry, on_retry);
    return topic;
}

void audit_topic_stop(struct audit_topic *topic)
{
    if (topic != NULL) {
        topic->is_stopped = true;
        timer_stop(topic->broker->loop, &topic->retry);
    }
}

void audit_topic_free(struct audit_topic *topic)
{
    if (topic != NULL) {
        audit_topic_stop(topic);
        free(topic->waiting);
        free(topic);
    }
}
