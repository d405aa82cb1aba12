/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ListOffsets finds an offset by time or by one of Kafka's special timestamps. A partition that is
 * named twice has one answer, a refusal: nobody could tell two answers apart.
 *
 *     collect ──► every partition: known now, or partition_lookup() ──► (the last) reply
 */
#include "handlers/list_offsets.h"

#include "gyre/base/map.h"
#include "gyre/metadata/catalog.h"
#include "gyre/partition/partition.h"

#include "handlers/broker.h"
#include "handlers/hosted_partition.h"
#include "handlers/request.h"
#include "wire_messages/list_offsets.h"

enum {
    REPLICA_DEBUGGING = -2,
    OLD_STYLE_OFFSETS_MAX = 2,
    FIRST_VERSION_WITH_EPOCHS = 4,
    FIRST_VERSION_WITH_OFFSET_NOT_AVAILABLE = 5,
};

struct list_offsets {
    struct request *request; /* we live in its arena */
    struct list_offsets_request in;
    struct list_offsets_response out;
    struct map parts; /* while they are collected */
    int pending;      /* lookups that are not answered, and one while we start them */
};

/* One partition, however often it is named. */
struct list_offsets_part {
    struct map_link by_name;
    struct string topic;
    bool is_twice;
    struct list_offsets_part *next; /* of the topic */
    const struct list_offsets_request_topics_partitions *in;
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

static enum kafka_error find_partition(const struct list_offsets_part *part,
                                       const struct catalog_topic *topic,
                                       struct partition **out_partition,
                                       struct partition_status *out_status)
{
    const struct list_offsets *self = part->list_offsets;
    const struct request *request = self->request;
    enum kafka_error error;

    if (!knows_timestamp(request->api_version, part->in->timestamp)) {
        return KAFKA_ERROR_UNSUPPORTED_VERSION;
    }
    error = hosted_partition_find(request, topic, part->in->partition_index, out_partition);
    if (error != KAFKA_ERROR_NONE) {
        return error;
    }
    partition_status(*out_partition, out_status);
    error = partition_check_epoch(*out_partition, part->in->current_leader_epoch,
                                  self->in.replica_id != REPLICA_DEBUGGING);
    if (error == KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER && out_status->will_lead) {
        return request->api_version >= FIRST_VERSION_WITH_OFFSET_NOT_AVAILABLE
                   ? KAFKA_ERROR_OFFSET_NOT_AVAILABLE
                   : KAFKA_ERROR_LEADER_NOT_AVAILABLE;
    }
    return error;
}

static void start_partition(struct list_offsets_part *part, const struct catalog_topic *topic)
{
    struct list_offsets *self = part->list_offsets;
    struct partition_status status;
    struct partition *partition;
    enum kafka_error error = find_partition(part, topic, &partition, &status);

    if (error != KAFKA_ERROR_NONE) {
        part->out->error_code = (int16_t)error;
        return;
    }
    part->log_start_offset = status.log_start_offset;
    part->offsets_max = part->in->max_num_offsets;
    part->lookup.timestamp = part->in->timestamp;
    part->lookup.isolation = self->in.isolation_level == 1 ? READ_COMMITTED : READ_UNCOMMITTED;
    part->lookup.done = on_lookup;
    if (partition_lookup(partition, &part->lookup)) {
        take_answer(part);
    } else {
        self->pending++;
    }
}

static void start_topic(struct list_offsets *self, struct list_offsets_part *first)
{
    const struct topic_reference reference = {.name = first->topic};
    const struct catalog_topic *topic = NULL;
    enum kafka_error error =
        hosted_partition_find_topic(self->request, &reference, ACCESS_DESCRIBE, &topic);

    for (struct list_offsets_part *part = first; part != NULL; part = part->next) {
        part->out->error_code = (int16_t)error;
        if (part->is_twice && error != KAFKA_ERROR_TOPIC_AUTHORIZATION_FAILED) {
            part->out->error_code = KAFKA_ERROR_INVALID_REQUEST;
        } else if (error == KAFKA_ERROR_NONE) {
            start_partition(part, topic);
        }
    }
}

/* ---- what is asked for ---- */

static struct list_offsets_part *find_part(const struct map *parts, uint64_t hash,
                                           struct string topic, int32_t index)
{
    map_for_each_match(link, parts, hash) {
        struct list_offsets_part *part = CONTAINER_OF(link, struct list_offsets_part, by_name);
        if (part->in->partition_index == index && string_equal(part->topic, topic)) {
            return part;
        }
    }
    return NULL;
}

/* The topic's partitions that were not named before; NULL with true: there are none. */
static bool collect_topic(struct list_offsets *self, const struct list_offsets_request_topics *in,
                          struct list_offsets_part **out_first)
{
    struct arena *arena = &self->request->arena;
    struct list_offsets_response_topics *out = &self->out.topics.items[self->out.topics.count];
    struct list_offsets_part **end = out_first;
    uint64_t name_hash = string_hash(in->name);
    int32_t count = 0;

    *out_first = NULL;
    list_offsets_response_topics_init(out);
    out->name = in->name;
    if (list_offsets_response_topics_partitions_array_alloc(&out->partitions, arena,
                                                            in->partitions.count) != ERROR_NONE) {
        return false;
    }
    for (int32_t i = 0; i < in->partitions.count; i++) {
        int32_t index = in->partitions.items[i].partition_index;
        uint64_t hash = hash_u64(name_hash ^ (uint32_t)index);
        struct list_offsets_part *part = find_part(&self->parts, hash, in->name, index);
        if (part != NULL) {
            part->is_twice = true;
            continue;
        }
        part = arena_alloc(arena, sizeof *part);
        if (part == NULL) {
            return false;
        }
        *part = (struct list_offsets_part){.topic = in->name,
                                           .in = &in->partitions.items[i],
                                           .list_offsets = self,
                                           .out = &out->partitions.items[count++]};
        part->out->partition_index = index;
        map_insert(&self->parts, &part->by_name, hash);
        *end = part;
        end = &part->next;
    }
    out->partitions.count = count;
    return true;
}

/* The first partition of each topic in the answer; NULL: the request is too large. */
static struct list_offsets_part **collect(struct list_offsets *self)
{
    struct arena *arena = &self->request->arena;
    int32_t count = self->in.topics.count;
    struct list_offsets_part **firsts = arena_alloc_array(arena, (size_t)count + 1, sizeof *firsts);
    bool is_good = firsts != NULL && list_offsets_response_topics_array_alloc(
                                         &self->out.topics, arena, count) == ERROR_NONE;

    self->out.topics.count = 0;
    map_init(&self->parts);
    for (int32_t i = 0; is_good && i < count; i++) {
        struct list_offsets_part **first = &firsts[self->out.topics.count];
        is_good = collect_topic(self, &self->in.topics.items[i], first);
        self->out.topics.count += is_good && *first != NULL;
    }
    map_release(&self->parts);
    return is_good ? firsts : NULL;
}

void list_offsets_handle(struct request *request)
{
    struct list_offsets *self = request_alloc(request, sizeof *self);
    struct list_offsets_part **firsts;

    if (self == NULL || !request_decode(request, &list_offsets_request_layout, &self->in)) {
        return;
    }
    self->request = request;
    list_offsets_response_init(&self->out);
    firsts = collect(self);
    if (firsts == NULL) {
        request_close(request);
        return;
    }
    self->pending = 1;
    for (int32_t i = 0; i < self->out.topics.count; i++) {
        start_topic(self, firsts[i]);
    }
    part_done(self);
}
