/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each connection reads its share of a broker's partitions from the beginning, one request at a
 * time, until all have come to the end (or, with --again, until the time is up).
 */
#include "wire_messages/fetch.h"

#include <stdlib.h>
#include <sys/epoll.h>

#include "gyre/base/arena.h"
#include "gyre/base/check.h"
#include "gyre/wire/kafka_error.h"
#include "gyre/wire/reader.h"
#include "gyre/wire/record_batch.h"

#include "blast/blast.h"
#include "blast/link.h"
#include "blast/meter.h"
#include "wire_messages/api_keys.h"

enum {
    FETCH_VERSION = 11,
    ANSWER_BYTES_MAX = 16 << 20,
    EVENTS_MAX = 64,
    WAIT_MS = 500,
    IDLE_WAIT_MS = 100,
};

struct position {
    int32_t partition;
    int64_t offset;
    bool is_at_end;
};

struct reader_link {
    struct blast_link link;
    struct position *positions; /* owned */
    int32_t position_count;
    int32_t at_end_count;
    struct frame_output request; /* in flight */
};

struct consumer {
    const struct blast_cluster *cluster;
    const struct blast_options *options;
    struct meter meter;
    struct arena arena;
    int epoll_fd;
    struct reader_link *links; /* owned */
    int32_t link_count;
    int32_t links_at_end;
};

static void ask_for_more(struct consumer *self, struct reader_link *link)
{
    const struct frame_header header = {
        .api_key = API_FETCH, .api_version = FETCH_VERSION, .client_id = STRING("blast")};
    const struct blast_flight flight = {.began_ns = blast_now_ns()};
    struct fetch_request_topics_partitions *partitions;
    struct fetch_request_topics topic;
    struct fetch_request request;

    fetch_request_init(&request);
    fetch_request_topics_init(&topic);
    partitions = arena_alloc_array(&self->arena, (size_t)link->position_count, sizeof *partitions);
    CHECK(partitions != NULL);
    topic.topic = string_from(self->options->topic);
    topic.partitions.items = partitions;
    for (int32_t i = 0; i < link->position_count; i++) {
        if (!link->positions[i].is_at_end) {
            struct fetch_request_topics_partitions *to = &partitions[topic.partitions.count++];

            fetch_request_topics_partitions_init(to);
            to->partition = link->positions[i].partition;
            to->fetch_offset = link->positions[i].offset;
            to->partition_max_bytes = self->options->fetch_bytes;
        }
    }
    request.replica_id = -1;
    request.max_wait_ms = WAIT_MS;
    request.min_bytes = 1;
    request.max_bytes = INT32_MAX;
    request.session_epoch = -1;
    request.topics.items = &topic;
    request.topics.count = 1;
    frame_output_release(&link->request);
    frame_output_init(&link->request);
    CHECK(frame_encode_request(&header, &request, &link->request) == ERROR_NONE);
    arena_release(&self->arena);
    blast_link_send(&link->link, &link->request, &flight);
    blast_link_flush(&link->link);
}

static struct position *find_position(struct reader_link *link, int32_t partition)
{
    for (int32_t i = 0; i < link->position_count; i++) {
        if (link->positions[i].partition == partition) {
            return &link->positions[i];
        }
    }
    blast_fail("an answer for partition %d, which was not asked for", partition);
}

/* Whole batches only; a last one that is cut short is read again. */
static void read_records(struct consumer *self, struct position *position,
                         const struct fetch_response_responses_partitions *answer,
                         int64_t *out_bytes)
{
    const char *at = answer->records.bytes;
    size_t left = answer->records.length > 0 ? (size_t)answer->records.length : 0;
    struct record_batch_info info;
    int64_t records = 0;
    int64_t batches = 0;
    int64_t bytes = 0;

    while (left > 0 && record_batch_parse(at, left, &info) == ERROR_NONE) {
        position->offset = info.last_offset + 1;
        records += info.count;
        batches++;
        bytes += (int64_t)info.size;
        at += info.size;
        left -= info.size;
    }
    if (batches > 0) {
        meter_count(&self->meter, batches, records, bytes);
    }
    *out_bytes += bytes;
}

static void take_answer(struct consumer *self, struct reader_link *link,
                        const struct fetch_response_responses_partitions *answer,
                        int64_t *out_bytes)
{
    struct position *position = find_position(link, answer->partition_index);

    if (answer->error_code != KAFKA_ERROR_NONE) {
        meter_error(&self->meter, answer->error_code);
        position->is_at_end = true;
        link->at_end_count++;
        return;
    }
    read_records(self, position, answer, out_bytes);
    if (position->offset >= answer->high_watermark) {
        position->is_at_end = true;
        link->at_end_count++;
    }
}

static void begin_anew(struct reader_link *link)
{
    for (int32_t i = 0; i < link->position_count; i++) {
        link->positions[i].offset = 0;
        link->positions[i].is_at_end = false;
    }
    link->at_end_count = 0;
}

static void read_answer(struct consumer *self, struct reader_link *link, char *bytes, size_t size)
{
    struct fetch_response response;
    struct reader reader;
    int64_t records_bytes = 0;

    reader_init(&reader, bytes, size);
    (void)reader_i32(&reader);
    if (fetch_response_decode(FETCH_VERSION, &reader, &self->arena, &response) != ERROR_NONE) {
        blast_fail("an answer to Fetch could not be read");
    }
    if (response.error_code != KAFKA_ERROR_NONE) {
        blast_fail("Fetch: %s", kafka_error_name(response.error_code));
    }
    for (int32_t t = 0; t < response.responses.count; t++) {
        const struct fetch_response_responses *topic = &response.responses.items[t];

        for (int32_t p = 0; p < topic->partitions.count; p++) {
            take_answer(self, link, &topic->partitions.items[p], &records_bytes);
        }
    }
    arena_release(&self->arena);
}

static void on_readable(struct consumer *self, struct reader_link *link)
{
    struct blast_flight flight;
    char *bytes;
    size_t size;

    blast_link_receive(&link->link);
    if (!blast_link_next(&link->link, &bytes, &size, &flight)) {
        return;
    }
    meter_latency(&self->meter, blast_now_ns() - flight.began_ns);
    read_answer(self, link, bytes, size);
    if (link->at_end_count == link->position_count) {
        if (!self->options->fetch_again) {
            self->links_at_end++;
            return;
        }
        begin_anew(link);
    }
    ask_for_more(self, link);
}

static void open_links(struct consumer *self)
{
    const struct blast_cluster *cluster = self->cluster;
    int32_t each = self->options->connections;

    self->links = check_alloc_zero((size_t)(cluster->broker_count * each) * sizeof *self->links);
    for (int32_t n = 0; n < cluster->broker_count * each; n++) {
        struct reader_link *link = &self->links[self->link_count];
        int32_t seen = 0;

        link->positions =
            check_alloc_zero((size_t)cluster->partition_count * sizeof *link->positions);
        for (int32_t i = 0; i < cluster->partition_count; i++) {
            if (cluster->partitions[i].broker == n / each && seen++ % each == n % each) {
                link->positions[link->position_count++].partition = cluster->partitions[i].index;
            }
        }
        if (link->position_count == 0) {
            free(link->positions);
            continue;
        }
        frame_output_init(&link->request);
        blast_link_open(&link->link, self->options, &cluster->brokers[n / each], self->epoll_fd, 1);
        self->link_count++;
    }
}

static void turn(struct consumer *self)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(self->epoll_fd, events, EVENTS_MAX, IDLE_WAIT_MS);

    for (int i = 0; i < count; i++) {
        struct reader_link *link = CONTAINER_OF(events[i].data.ptr, struct reader_link, link);

        if ((events[i].events & EPOLLOUT) != 0) {
            blast_link_flush(&link->link);
        }
        if ((events[i].events & ~(uint32_t)EPOLLOUT) != 0) {
            on_readable(self, link);
        }
    }
}

void blast_fetch_run(const struct blast_cluster *cluster, const struct blast_options *options,
                     struct blast_result *result)
{
    struct consumer self = {.cluster = cluster, .options = options};

    self.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    CHECK(self.epoll_fd >= 0);
    arena_init(&self.arena, ANSWER_BYTES_MAX);
    open_links(&self);
    meter_start(&self.meter, options, result);
    for (int32_t i = 0; i < self.link_count; i++) {
        ask_for_more(&self, &self.links[i]);
    }
    while (!meter_is_over(&self.meter) && self.links_at_end < self.link_count) {
        turn(&self);
    }
    meter_stop(&self.meter);
    for (int32_t i = 0; i < self.link_count; i++) {
        frame_output_release(&self.links[i].request);
        blast_link_close(&self.links[i].link);
        free(self.links[i].positions);
    }
    free(self.links);
    arena_release(&self.arena);
}
