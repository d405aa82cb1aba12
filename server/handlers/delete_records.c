/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DeleteRecords moves the log start of each named partition forward, by a committed command.
 *
 *     start_topics ──► every partition: refused, or partition_delete_records() ──► (the last) reply
 */
#include "handlers/delete_records.h"

#include "gyre/metadata/catalog.h"
#include "gyre/partition/partition.h"

#include "handlers/auditing.h"
#include "handlers/broker.h"
#include "handlers/hosted_partition.h"
#include "handlers/request.h"
#include "wire_messages/delete_records.h"

struct delete_records {
    struct request *request; /* we live in its arena */
    struct delete_records_request in;
    struct delete_records_response out;
    int pending; /* partitions that have not answered, and one while we ask them */
};

struct delete_records_part {
    struct partition_truncate truncate;
    struct delete_records *delete_records;
    struct string topic; /* the name, for the audit */
    struct delete_records_response_topics_partitions *out;
};

static void part_done(struct delete_records *self)
{
    if (--self->pending == 0) {
        request_reply(self->request, &delete_records_response_layout, &self->out);
    }
}

static void audit_part(const struct delete_records_part *part)
{
    struct delete_records *self = part->delete_records;
    struct delete_records_request_topics_partitions asked = {
        .partition_index = part->out->partition_index, .offset = part->truncate.offset};
    struct delete_records_request_topics topic = {.name = part->topic, .partitions = {&asked, 1}};
    const struct delete_records_request change = {.topics = {&topic, 1},
                                                  .timeout_ms = self->in.timeout_ms};

    auditing_changed_as(self->request, &delete_records_request_layout, &change,
                        part->out->error_code);
}

static void on_truncate(struct partition_truncate *truncate)
{
    struct delete_records_part *part = CONTAINER_OF(truncate, struct delete_records_part, truncate);

    part->out->error_code = (int16_t)truncate->error;
    part->out->low_watermark = truncate->low_watermark;
    audit_part(part);
    part_done(part->delete_records);
}

static enum kafka_error start_partition(struct delete_records *self,
                                        const struct catalog_topic *topic, struct string name,
                                        const struct delete_records_request_topics_partitions *in,
                                        struct delete_records_response_topics_partitions *out)
{
    struct request *request = self->request;
    struct delete_records_part *part = arena_alloc(&request->arena, sizeof *part);
    struct partition *partition;
    enum kafka_error error = hosted_partition_find(request, topic, in->partition_index, &partition);

    if (error != KAFKA_ERROR_NONE || part == NULL) {
        return part == NULL ? KAFKA_ERROR_UNKNOWN_SERVER_ERROR : error;
    }
    if (auditing_forbids_changes(request)) {
        return KAFKA_ERROR_POLICY_VIOLATION;
    }
    part->delete_records = self;
    part->topic = name;
    part->out = out;
    part->truncate.offset = in->offset;
    part->truncate.timeout_us = self->in.timeout_ms > 0 ? (uint64_t)self->in.timeout_ms * 1000 : 0;
    part->truncate.done = on_truncate;
    self->pending++;
    partition_delete_records(partition, &part->truncate);
    return KAFKA_ERROR_NONE;
}

static void start_topic(struct delete_records *self, const struct delete_records_request_topics *in,
                        struct delete_records_response_topics *out)
{
    const struct topic_reference reference = {.name = in->name};
    const struct catalog_topic *topic = NULL;
    struct string name = STRING_NULL;
    enum kafka_error error =
        hosted_partition_find_topic(self->request, &reference, ACCESS_DELETE, &topic);

    if (error == KAFKA_ERROR_NONE && topic->is_internal) {
        error = KAFKA_ERROR_INVALID_TOPIC_EXCEPTION;
    }
    /* The catalog's own text may go before the partitions have answered. */
    if (error == KAFKA_ERROR_NONE &&
        !arena_copy_string(&self->request->arena, topic->name, &name)) {
        error = KAFKA_ERROR_UNKNOWN_SERVER_ERROR;
    }
    out->name = in->name;
    for (int32_t i = 0; i < in->partitions.count; i++) {
        struct delete_records_response_topics_partitions *part = &out->partitions.items[i];
        enum kafka_error part_error = error;

        part->partition_index = in->partitions.items[i].partition_index;
        part->low_watermark = -1;
        if (part_error == KAFKA_ERROR_NONE) {
            part_error = start_partition(self, topic, name, &in->partitions.items[i], part);
        }
        part->error_code = (int16_t)part_error;
    }
}

static enum error make_answers(struct delete_records *self)
{
    struct arena *arena = &self->request->arena;
    enum error error =
        delete_records_response_topics_array_alloc(&self->out.topics, arena, self->in.topics.count);

    for (int32_t i = 0; error == ERROR_NONE && i < self->in.topics.count; i++) {
        error = delete_records_response_topics_partitions_array_alloc(
            &self->out.topics.items[i].partitions, arena,
            self->in.topics.items[i].partitions.count);
    }
    return error;
}

void delete_records_handle(struct request *request)
{
    struct delete_records *self = request_alloc(request, sizeof *self);

    if (self == NULL || !request_decode(request, &delete_records_request_layout, &self->in)) {
        return;
    }
    self->request = request;
    delete_records_response_init(&self->out);
    if (make_answers(self) != ERROR_NONE) {
        request_close(request);
        return;
    }
    self->pending = 1;
    for (int32_t i = 0; i < self->in.topics.count; i++) {
        start_topic(self, &self->in.topics.items[i], &self->out.topics.items[i]);
    }
    part_done(self);
}
