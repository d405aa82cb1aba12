/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ListOffsets finds an offset by time or by one of Kafka's special timestamps.
 *
 *     start_topics ──► every partition: known now, or partition_lookup() ──► (the last) reply
 */
#include "handlers/list_offsets.h"

#include "gyre/metadata/catalog.h"
#include "gyre/partition/partition.h"

#include "handlers/broker.h"
#include "handlers/hosted_partition.h"
#include "handlers/request.h"
#include "wire_messages/list_offsets.h"

enum { REPLICA_DEBUGGING = -2, OLD_STYLE_OFFSETS_MAX = 2, FIRST_VERSION_WITH_EPOCHS = 4 };

struct list_offsets {
    struct request *request; /* we live in its arena */
    struct list_offsets_request in;
    struct list_offsets_response out;
    int pending; /* lookups that are not answered, and one while we start them */
};

struct list_offsets_part {
    struct offset_lookup lookup;
    struct list_offsets *list_offsets;
    struct list_offsets_response_topics_partitions *out;
    int64_t log_start_offset;
    int32_t offsets_max;
};

static void part_done(struct list_offsets *self)
{
    if (--self->pending == 0) {
        request_reply(self->request, &list_offsets_response_layout, &self->out);
    }
}

/* Version 0 asks for up to so many offsets, newest first. */
static void fill_old_style(struct list_offsets_part *part)
{
    struct int64_array *offsets = &part->out->old_style_offsets;
    const struct offset_lookup *lookup = &part->lookup;

    if (part->offsets_max <= 0 || lookup->offset < 0) {
        return;
    }
    offsets->items = arena_alloc_array(&part->list_offsets->request->arena, OLD_STYLE_OFFSETS_MAX,
                                       sizeof *offsets->items);
    if (offsets->items == NULL) {
        part->out->error_code = KAFKA_ERROR_UNKNOWN_SERVER_ERROR;
        return;
    }
    offsets->items[offsets->count++] = lookup->offset;
    if (part->offsets_max > 1 && part->log_start_offset < lookup->offset) {
        offsets->items[offsets->count++] = part->log_start_offset;
    }
}

static void take_answer(struct list_offsets_part *part)
{
    const struct offset_lookup *lookup = &part->lookup;

    part->out->error_code = (int16_t)lookup->error;
    if (lookup->error != KAFKA_ERROR_NONE) {
        return;
    }
    if (part->list_offsets->request->api_version == 0) {
        fill_old_style(part);
        return;
    }
    part->out->timestamp = lookup->found_timestamp;
    part->out->offset = lookup->offset;
    if (part->list_offsets->request->api_version >= FIRST_VERSION_WITH_EPOCHS) {
        part->out->leader_epoch = lookup->leader_epoch;
    }
}

static void on_lookup(struct offset_lookup *lookup)
{
    struct list_offsets_part *part = CONTAINER_OF(lookup, struct list_offsets_part, lookup);

    take_answer(part);
    part_done(part->list_offsets);
}

/* Special timestamps came one by one: -1 and -2 always, then with versions 7, 8, 9 and 11. */
static bool knows_timestamp(int16_t version, int64_t timestamp)
{
    static const int16_t since[] = {0, 0, 7, 8, 9, 11};
    const int64_t count = (int64_t)(sizeof since / sizeof since[0]);

    return timestamp >= 0 || (timestamp >= -count && version >= since[-timestamp - 1]);
}

static void start_partition(struct list_offsets *self, const struct catalog_topic *topic,
                            const struct list_offsets_request_topics_partitions *in,
                            struct list_offsets_response_topics_partitions *out)
{
    struct request *request = self->request;
    struct list_offsets_part *part = arena_alloc(&request->arena, sizeof *part);
    struct partition_status status;
    struct partition *partition;
    enum kafka_error error;

    error = part == NULL ? KAFKA_ERROR_UNKNOWN_SERVER_ERROR : KAFKA_ERROR_NONE;
    if (error == KAFKA_ERROR_NONE && !knows_timestamp(request->api_version, in->timestamp)) {
        error = KAFKA_ERROR_UNSUPPORTED_VERSION;
    }
    if (error == KAFKA_ERROR_NONE) {
        error = hosted_partition_find(request, topic, in->partition_index, &partition);
    }
    if (error == KAFKA_ERROR_NONE) {
        error = partition_check_epoch(partition, in->current_leader_epoch,
                                      self->in.replica_id != REPLICA_DEBUGGING);
    }
    if (error != KAFKA_ERROR_NONE) {
        out->error_code = (int16_t)error;
        return;
    }
    partition_status(partition, &status);
    part->list_offsets = self;
    part->out = out;
    part->log_start_offset = status.log_start_offset;
    part->offsets_max = in->max_num_offsets;
    part->lookup.timestamp = in->timestamp;
    part->lookup.isolation = self->in.isolation_level == 1 ? READ_COMMITTED : READ_UNCOMMITTED;
    part->lookup.done = on_lookup;
    if (partition_lookup(partition, &part->lookup)) {
        take_answer(part);
    } else {
        self->pending++;
    }
}

static void start_topic(struct list_offsets *self, const struct list_offsets_request_topics *in,
                        struct list_offsets_response_topics *out)
{
    const struct topic_reference reference = {.name = in->name};
    const struct catalog_topic *topic = NULL;
    enum kafka_error error =
        hosted_partition_find_topic(self->request, &reference, ACCESS_DESCRIBE, &topic);

    out->name = in->name;
    for (int32_t i = 0; i < in->partitions.count; i++) {
        out->partitions.items[i].partition_index = in->partitions.items[i].partition_index;
        out->partitions.items[i].error_code = (int16_t)error;
        if (error == KAFKA_ERROR_NONE) {
            start_partition(self, topic, &in->partitions.items[i], &out->partitions.items[i]);
        }
    }
}

static enum error make_answers(struct list_offsets *self)
{
    struct arena *arena = &self->request->arena;
    enum error error =
        list_offsets_response_topics_array_alloc(&self->out.topics, arena, self->in.topics.count);

    for (int32_t i = 0; error == ERROR_NONE && i < self->in.topics.count; i++) {
        error = list_offsets_response_topics_partitions_array_alloc(
            &self->out.topics.items[i].partitions, arena,
            self->in.topics.items[i].partitions.count);
    }
    return error;
}

void list_offsets_handle(struct request *request)
{
    struct list_offsets *self = request_alloc(request, sizeof *self);

    if (self == NULL || !request_decode(request, &list_offsets_request_layout, &self->in)) {
        return;
    }
    self->request = request;
    list_offsets_response_init(&self->out);
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
