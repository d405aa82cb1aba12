/* SPDX-License-Identifier: Apache-2.0 */
/* DescribeLogDirs (35): the replicas on this broker's disk and their sizes. There is one directory,
 * and replicas do not move between directories. */
#include "wire_messages/describe_log_dirs.h"

#include "gyre/base/map.h"
#include "gyre/config/config.h"
#include "gyre/metadata/catalog.h"
#include "gyre/partition/partition.h"
#include "gyre/runtime/disk.h"

#include "handlers/access.h"
#include "handlers/admin_handlers.h"
#include "handlers/broker.h"
#include "handlers/request.h"

/* A topic with replicas here. */
struct local_topic {
    struct map_link by_id;
    struct uuid id;
    int32_t replica_count;
    struct describe_log_dirs_response_results_topics *out;
};

struct disk_survey {
    struct request *request; /* we live in its arena */
    struct describe_log_dirs_request in;
    struct describe_log_dirs_response out;
    struct describe_log_dirs_response_results result;
    struct map topics; /* struct local_topic */
    bool is_exhausted;
};

static struct local_topic *find_topic(const struct disk_survey *self, struct uuid id)
{
    map_for_each_match(link, &self->topics, hash_bytes(id.bytes, sizeof id.bytes)) {
        struct local_topic *topic = CONTAINER_OF(link, struct local_topic, by_id);
        if (uuid_equal(topic->id, id)) {
            return topic;
        }
    }
    return NULL;
}

static void count_replica(void *context, struct partition *partition)
{
    struct disk_survey *self = context;
    struct uuid id = partition_group(partition).topic;
    struct local_topic *topic = find_topic(self, id);

    if (topic == NULL) {
        topic = arena_alloc(&self->request->arena, sizeof *topic);
        if (topic == NULL) {
            self->is_exhausted = true;
            return;
        }
        topic->id = id;
        map_insert(&self->topics, &topic->by_id, hash_bytes(id.bytes, sizeof id.bytes));
    }
    topic->replica_count++;
}

static void add_replica(struct local_topic *topic, struct partition *partition)
{
    struct partition_status status;
    struct describe_log_dirs_response_results_topics *out = topic->out;

    CHECK(out->partitions.count < topic->replica_count);
    partition_status(partition, &status);
    out->partitions.items[out->partitions.count++] =
        (struct describe_log_dirs_response_results_topics_partitions){
            .partition_index = partition_group(partition).partition,
            .partition_size = status.size_bytes,
            /* How far a follower's end lies behind what it knows to be committed. */
            .offset_lag = status.high_watermark > status.end_offset
                              ? status.high_watermark - status.end_offset
                              : 0,
        };
}

/* False: memory is exhausted, or the catalog does not know the topic any more. */
static bool open_topic(struct disk_survey *self, struct local_topic *topic, struct string name)
{
    topic->out = &self->result.topics.items[self->result.topics.count];
    topic->out->name = name;
    topic->out->partitions.items = arena_alloc_array(
        &self->request->arena, (size_t)topic->replica_count, sizeof *topic->out->partitions.items);
    if (topic->out->partitions.items == NULL) {
        self->is_exhausted = true;
        return false;
    }
    self->result.topics.count++;
    return true;
}

static void add_any(void *context, struct partition *partition)
{
    struct disk_survey *self = context;
    struct local_topic *topic = find_topic(self, partition_group(partition).topic);

    if (self->is_exhausted || topic == NULL) {
        return;
    }
    if (topic->out == NULL) {
        const struct catalog_topic *known =
            catalog_find_topic_by_id(self->request->broker->catalog, topic->id);
        if (known == NULL || !open_topic(self, topic, known->name)) {
            return;
        }
    }
    add_replica(topic, partition);
}

static void add_named(struct disk_survey *self, const struct describe_log_dirs_request_topics *in)
{
    const struct broker *broker = self->request->broker;
    const struct catalog_topic *known = catalog_find_topic(broker->catalog, in->topic);
    struct local_topic *topic = known == NULL ? NULL : find_topic(self, known->id);

    if (topic == NULL || topic->out != NULL || !open_topic(self, topic, in->topic)) {
        return;
    }
    for (int32_t i = 0; i < in->partitions.count; i++) {
        struct group_id group = {.topic = known->id, .partition = in->partitions.items[i]};
        struct partition *partition = partition_find(broker->partitions, group);
        if (partition != NULL && topic->out->partitions.count < topic->replica_count) {
            add_replica(topic, partition);
        }
    }
}

static void survey(struct disk_survey *self)
{
    const struct broker *broker = self->request->broker;
    const struct config_list *directories =
        broker->config->log_dirs.count > 0 ? &broker->config->log_dirs : &broker->config->log_dir;

    self->result.log_dir = directories->items[0];
    if (broker->disk->operations->space(broker->disk, self->result.log_dir.bytes,
                                        &self->result.total_bytes,
                                        &self->result.usable_bytes) != ERROR_NONE) {
        self->result.total_bytes = -1;
        self->result.usable_bytes = -1;
    }
    partition_for_each(broker->partitions, count_replica, self);
    self->result.topics.items = arena_alloc_array(&self->request->arena, self->topics.count + 1,
                                                  sizeof *self->result.topics.items);
    if (self->result.topics.items == NULL || self->is_exhausted) {
        self->is_exhausted = true;
        return;
    }
    if (self->in.topics.count < 0) {
        partition_for_each(broker->partitions, add_any, self);
    }
    for (int32_t i = 0; i < self->in.topics.count && !self->is_exhausted; i++) {
        add_named(self, &self->in.topics.items[i]);
    }
    self->out.results.items = &self->result;
    self->out.results.count = 1;
}

void describe_log_dirs_handle(struct request *request)
{
    struct disk_survey *self = request_alloc(request, sizeof *self);

    if (self == NULL) {
        return;
    }
    self->request = request;
    if (!request_decode(request, &describe_log_dirs_request_layout, &self->in)) {
        return;
    }
    describe_log_dirs_response_init(&self->out);
    describe_log_dirs_response_results_init(&self->result);
    if (access_allows_cluster(request, ACCESS_DESCRIBE)) {
        map_init(&self->topics);
        survey(self);
        map_release(&self->topics);
    } else {
        self->out.error_code = KAFKA_ERROR_CLUSTER_AUTHORIZATION_FAILED;
    }
    if (self->is_exhausted) {
        request_close(request); /* larger than one request may grow */
        return;
    }
    request_reply(request, &describe_log_dirs_response_layout, &self->out);
}
