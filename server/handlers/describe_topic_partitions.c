/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DescribeTopicPartitions (75): topics in order of name, so many partitions a page; the cursor of
 * one answer is where the next question begins. Who wants none gets one, as from Kafka.
 */
#include "wire_messages/describe_topic_partitions.h"

#include <stdlib.h>

#include "gyre/config/config.h"

#include "handlers/access.h"
#include "handlers/admin_handlers.h"
#include "handlers/authorized_operations.h"
#include "handlers/broker.h"
#include "handlers/hosted_partition.h"
#include "handlers/request.h"
#include "handlers/topic_view.h"
#include "metadata/topic_name.h"

struct page {
    struct request *request; /* we live in its arena */
    struct describe_topic_partitions_request in;
    struct describe_topic_partitions_response out;
    struct describe_topic_partitions_response_next_cursor cursor;
    struct string *names; /* sorted */
    int32_t count;
    int32_t left; /* partitions that this page still takes */
};

static int compare_names(const void *a, const void *b)
{
    const struct string *x = a;
    const struct string *y = b;
    size_t shorter = (size_t)(x->length < y->length ? x->length : y->length);
    int order = shorter == 0 ? 0 : memcmp(x->bytes, y->bytes, shorter);

    return order != 0 ? order : (x->length > y->length) - (x->length < y->length);
}

static bool is_at_or_behind_cursor(const struct page *self, struct string name)
{
    return self->in.cursor == NULL || compare_names(&name, &self->in.cursor->topic_name) >= 0;
}

static void collect_topic(void *context, const struct catalog_topic *topic)
{
    struct page *self = context;

    if (is_at_or_behind_cursor(self, topic->name) &&
        access_sees(self->request, ACCESS_DESCRIBE, ACCESS_TOPIC, topic->name)) {
        self->names[self->count++] = topic->name;
    }
}

static void remove_repeated(struct page *self)
{
    int32_t kept = 0;

    for (int32_t i = 0; i < self->count; i++) {
        if (kept == 0 || !string_equal(self->names[kept - 1], self->names[i])) {
            self->names[kept++] = self->names[i];
        }
    }
    self->count = kept;
}

/* False: the request is ended. */
static bool collect(struct page *self)
{
    const struct describe_topic_partitions_request_topics_array *topics = &self->in.topics;
    int32_t count =
        topics->count > 0 ? topics->count : catalog_topic_count(self->request->broker->catalog);

    self->names = request_alloc(self->request, ((size_t)count + 1) * sizeof *self->names);
    if (self->names == NULL) {
        return false;
    }
    if (topics->count > 0) {
        for (int32_t i = 0; i < topics->count; i++) {
            if (is_at_or_behind_cursor(self, topics->items[i].name)) {
                self->names[self->count++] = topics->items[i].name;
            }
        }
    } else {
        catalog_for_each_topic(self->request->broker->catalog, collect_topic, self);
    }
    qsort(self->names, (size_t)self->count, sizeof *self->names, compare_names);
    remove_repeated(self);
    return true;
}

static bool is_cursor_valid(const struct page *self)
{
    if (self->in.cursor == NULL) {
        return true;
    }
    if (self->in.cursor->partition_index < 0) {
        return false;
    }
    return self->in.topics.count <= 0 ||
           (self->count > 0 && string_equal(self->names[0], self->in.cursor->topic_name));
}

static void set_cursor(struct page *self, struct string topic, int32_t partition)
{
    self->cursor = (struct describe_topic_partitions_response_next_cursor){topic, partition};
    self->out.next_cursor = &self->cursor;
}

static bool fill_partitions(struct page *self, const struct catalog_topic *topic, int32_t first,
                            struct describe_topic_partitions_response_topics *out)
{
    int32_t count = topic->partition_count > first ? topic->partition_count - first : 0;

    if (count > self->left) {
        count = self->left;
        set_cursor(self, out->name, first + count);
    }
    self->left -= count;
    if (describe_topic_partitions_response_topics_partitions_array_alloc(
            &out->partitions, &self->request->arena, count) != ERROR_NONE) {
        return false;
    }
    for (int32_t i = 0; i < count; i++) {
        struct partition_view view;
        if (!topic_view_partition(self->request, topic, first + i, &view)) {
            return false;
        }
        out->partitions.items[i] = (struct describe_topic_partitions_response_topics_partitions){
            .error_code = view.error_code,
            .partition_index = first + i,
            .leader_id = view.leader_id,
            .leader_epoch = view.leader_epoch,
            .replica_nodes = view.replicas,
            .isr_nodes = view.in_sync,
            .offline_replicas = view.offline,
        };
    }
    return true;
}

static bool fill_topic(struct page *self, struct string name,
                       struct describe_topic_partitions_response_topics *out)
{
    struct topic_reference reference = {.name = name};
    const struct catalog_topic *topic = NULL;
    char reason[256];

    out->name = name;
    enum kafka_error error =
        hosted_partition_find_topic(self->request, &reference, ACCESS_DESCRIBE, &topic);
    if (error == KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION &&
        !topic_name_is_valid(name, reason, sizeof reason)) {
        error = KAFKA_ERROR_INVALID_TOPIC_EXCEPTION;
    }
    out->error_code = (int16_t)error;
    if (error != KAFKA_ERROR_NONE) {
        return true;
    }
    out->topic_id = topic->id;
    out->is_internal = topic->is_internal;
    out->topic_authorized_operations = authorized_operations_of_topic(self->request, name);
    bool is_resumed = self->in.cursor != NULL && string_equal(self->in.cursor->topic_name, name);
    return fill_partitions(self, topic, is_resumed ? self->in.cursor->partition_index : 0, out);
}

static bool fill(struct page *self)
{
    int32_t limit = self->request->broker->config->max_request_partition_size_limit;
    int32_t wanted = self->in.response_partition_limit;

    wanted = wanted < 1 ? 1 : wanted;
    self->left = wanted < limit ? wanted : limit;
    if (describe_topic_partitions_response_topics_array_alloc(
            &self->out.topics, &self->request->arena, self->count) != ERROR_NONE) {
        return false;
    }
    int32_t filled = 0;
    while (filled < self->count && self->out.next_cursor == NULL) {
        if (self->left == 0) {
            set_cursor(self, self->names[filled], 0);
        } else if (!fill_topic(self, self->names[filled], &self->out.topics.items[filled])) {
            return false;
        } else {
            filled++;
        }
    }
    self->out.topics.count = filled;
    return true;
}

void describe_topic_partitions_handle(struct request *request)
{
    struct page *self = request_alloc(request, sizeof *self);

    if (self == NULL) {
        return;
    }
    self->request = request;
    if (!request_decode(request, &describe_topic_partitions_request_layout, &self->in) ||
        !collect(self)) {
        return;
    }
    describe_topic_partitions_response_init(&self->out);
    if (!is_cursor_valid(self)) {
        /* The answer has no error of its own: each topic carries it. */
        struct describe_topic_partitions_response_topics fault;
        describe_topic_partitions_response_topics_init(&fault);
        fault.error_code = KAFKA_ERROR_INVALID_REQUEST;
        fault.name = self->in.cursor->topic_name;
        self->out.topics.items = &fault;
        self->out.topics.count = 1;
        request_reply(request, &describe_topic_partitions_response_layout, &self->out);
    } else if (fill(self)) {
        request_reply(request, &describe_topic_partitions_response_layout, &self->out);
    } else {
        request_close(request);
    }
}
