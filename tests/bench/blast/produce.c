/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two kinds of load. Closed: each connection keeps `depth` requests in flight, round robin over its
 * partitions. Open (--rate): message i is due at i / rate, whatever the broker does, and its
 * latency is counted from then; what is due while all flights are out waits and goes in larger
 * batches, up to --records, as real producers do it.
 */
#include "wire_messages/produce.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "gyre/base/arena.h"
#include "gyre/base/buffer.h"
#include "gyre/base/check.h"
#include "gyre/wire/kafka_error.h"
#include "gyre/wire/reader.h"

#include "blast/blast.h"
#include "blast/encoder.h"
#include "blast/link.h"
#include "blast/meter.h"

enum {
    ANSWER_BYTES_MAX = 16 << 20,
    EVENTS_MAX = 256,
    DRAIN_MS = 10000,
    IDLE_WAIT_MS = 100,
    SETTLE_S = 30
};

/* A partition of an open load and what is due there. */
struct lane {
    struct outlet *outlet;
    struct lane *next;           /* in the outlet's queue */
    struct frame_output *frames; /* owned; [k - 1] carries k records */
    int64_t first;
    int32_t due_count;
    int32_t index;
};

/* A connection with its partitions. */
struct outlet {
    struct blast_link link;
    int32_t *partitions; /* owned */
    int32_t partition_count;
    /* closed load */
    struct frame_output *frames; /* owned */
    int32_t *frame_batches;      /* owned; batches in each frame */
    int32_t frame_count;
    int32_t next_frame;
    /* open load: lanes with something due, oldest first */
    struct lane *first_lane;
    struct lane *last_lane;
};

struct producer {
    const struct blast_cluster *cluster;
    const struct blast_options *options;
    struct meter meter;
    struct arena arena; /* of one answer */
    int epoll_fd;
    struct outlet *outlets; /* owned */
    int32_t outlet_count;
    struct buffer **batches; /* owned; [k - 1] has k records; closed: [0] only */
    int32_t batch_count;
    int32_t records_per_batch;
    /* open load */
    struct lane *lanes; /* owned; by partition */
    int64_t start_ns;
    int64_t next_message;
    bool is_over;
};

/* How many of the answer's batches were appended. */
static int32_t count_appended(struct producer *self, const struct produce_response *response)
{
    int32_t appended = 0;

    for (int32_t t = 0; t < response->responses.count; t++) {
        const struct produce_response_responses *topic = &response->responses.items[t];

        for (int32_t p = 0; p < topic->partition_responses.count; p++) {
            int16_t code = topic->partition_responses.items[p].error_code;

            if (code == KAFKA_ERROR_NONE) {
                appended++;
            } else {
                meter_error(&self->meter, code);
            }
        }
    }
    return appended;
}

static int32_t read_answer(struct producer *self, char *bytes, size_t size)
{
    struct produce_response response;
    struct reader reader;
    int32_t appended;

    reader_init(&reader, bytes, size);
    (void)reader_i32(&reader);
    if (produce_response_decode(ENCODER_PRODUCE_VERSION, &reader, &self->arena, &response) !=
        ERROR_NONE) {
        blast_fail("an answer to Produce could not be read");
    }
    appended = count_appended(self, &response);
    arena_release(&self->arena);
    return appended;
}

/* One record to each partition until all take it: leaders of a new topic need a moment. */
static bool all_partitions_take(struct producer *self, int32_t broker)
{
    int32_t *partitions = check_alloc((size_t)self->cluster->partition_count * sizeof *partitions);
    struct buffer *batch = encoder_batch(self->options, 1);
    struct frame_output frame;
    struct blast_link link;
    int32_t count = 0;
    int32_t appended;
    char *bytes;
    size_t size;

    for (int32_t i = 0; i < self->cluster->partition_count; i++) {
        if (self->cluster->partitions[i].broker == broker) {
            partitions[count++] = self->cluster->partitions[i].index;
        }
    }
    encoder_request(self->options, partitions, count, batch, &frame);
    blast_link_open(&link, self->options, &self->cluster->brokers[broker], -1, 1);
    blast_link_ask(&link, &frame, &bytes, &size);
    appended = read_answer(self, bytes, size);
    blast_link_close(&link);
    frame_output_release(&frame);
    buffer_unref(batch);
    free(partitions);
    return appended == count;
}

static void settle(struct producer *self)
{
    for (int32_t b = 0; b < self->cluster->broker_count; b++) {
        int64_t until_ns = blast_now_ns() + (int64_t)SETTLE_S * 1000000000;

        while (!all_partitions_take(self, b)) {
            if (blast_now_ns() > until_ns) {
                blast_fail("not all partitions take records");
            }
            (void)usleep(100000);
        }
    }
}

static int64_t due_ns(const struct producer *self, int64_t message)
{
    return self->start_ns + (int64_t)((double)message * 1e9 / self->options->rate);
}

/* Connections to a broker share its partitions; where there are fewer, several have the same. */
static void deal_partitions(struct producer *self, struct outlet *outlet, int32_t broker,
                            int32_t number)
{
    bool may_share = self->options->mode != BLAST_RATE; /* there a partition has one lane */
    int32_t total = 0;
    int32_t seen = 0;

    for (int32_t i = 0; i < self->cluster->partition_count; i++) {
        total += self->cluster->partitions[i].broker == broker ? 1 : 0;
    }
    outlet->partitions = check_alloc((size_t)(total + 1) * sizeof *outlet->partitions);
    for (int32_t i = 0; i < self->cluster->partition_count; i++) {
        if (self->cluster->partitions[i].broker != broker) {
            continue;
        }
        if (seen % self->options->connections == number ||
            (may_share && total < self->options->connections && seen == number % total)) {
            outlet->partitions[outlet->partition_count++] = self->cluster->partitions[i].index;
        }
        seen++;
    }
}

static void encode_closed(struct producer *self, struct outlet *outlet)
{
    int32_t each = self->options->batches_per_request;
    int32_t count = (outlet->partition_count + each - 1) / each;

    outlet->frames = check_alloc((size_t)(count + 1) * sizeof *outlet->frames);
    outlet->frame_batches = check_alloc((size_t)(count + 1) * sizeof *outlet->frame_batches);
    outlet->frame_count = count;
    for (int32_t i = 0; i < count; i++) {
        int32_t left = outlet->partition_count - i * each;
        int32_t batches = left < each ? left : each;

        outlet->frame_batches[i] = batches;
        encoder_request(self->options, outlet->partitions + (size_t)i * (size_t)each, batches,
                        self->batches[0], &outlet->frames[i]);
    }
}

static void encode_open(struct producer *self, struct outlet *outlet)
{
    for (int32_t i = 0; i < outlet->partition_count; i++) {
        struct lane *lane = &self->lanes[outlet->partitions[i]];

        lane->outlet = outlet;
        lane->index = outlet->partitions[i];
        lane->frames = check_alloc((size_t)self->batch_count * sizeof *lane->frames);
        for (int32_t k = 0; k < self->batch_count; k++) {
            encoder_request(self->options, &lane->index, 1, self->batches[k], &lane->frames[k]);
        }
    }
}

static void open_outlets(struct producer *self)
{
    const struct blast_options *options = self->options;
    int32_t most = self->cluster->broker_count * options->connections;

    self->outlets = check_alloc_zero((size_t)most * sizeof *self->outlets);
    for (int32_t b = 0; b < self->cluster->broker_count; b++) {
        for (int32_t c = 0; c < options->connections; c++) {
            struct outlet *outlet = &self->outlets[self->outlet_count];

            deal_partitions(self, outlet, b, c);
            if (outlet->partition_count == 0) {
                free(outlet->partitions);
                *outlet = (struct outlet){0};
                continue;
            }
            blast_link_open(&outlet->link, options, &self->cluster->brokers[b], self->epoll_fd,
                            (uint32_t)options->depth);
            if (options->mode == BLAST_RATE) {
                encode_open(self, outlet);
            } else {
                encode_closed(self, outlet);
            }
            self->outlet_count++;
        }
    }
}

static void make_batches(struct producer *self)
{
    bool is_open = self->options->mode == BLAST_RATE;

    self->records_per_batch = encoder_records_per_batch(self->options);
    self->batch_count = is_open ? self->records_per_batch : 1;
    self->batches = check_alloc((size_t)self->batch_count * sizeof *self->batches);
    for (int32_t k = 0; k < self->batch_count; k++) {
        self->batches[k] = encoder_batch(self->options, is_open ? k + 1 : self->records_per_batch);
    }
}

static const struct frame_output *next_frame(struct outlet *outlet, int32_t *out_batches)
{
    int32_t frame = outlet->next_frame;

    *out_batches = outlet->frame_batches[frame];
    outlet->next_frame = frame + 1 == outlet->frame_count ? 0 : frame + 1;
    return &outlet->frames[frame];
}

static void send_closed(struct producer *self, struct outlet *outlet)
{
    while (!self->is_over && outlet->link.flight_count < (uint32_t)self->options->depth) {
        struct blast_flight flight = {.began_ns = blast_now_ns(), .partition = -1};
        const struct frame_output *frame = next_frame(outlet, &flight.count);

        blast_link_send(&outlet->link, frame, &flight);
    }
    blast_link_flush(&outlet->link);
}

/* acks=0: no answers, the socket alone holds us back. A few at a time, so that time is looked at.
 */
static void send_unanswered(struct producer *self, struct outlet *outlet)
{
    for (int32_t i = 0; i < self->options->depth && !outlet->link.waits_for_room; i++) {
        int32_t batches;
        const struct frame_output *frame = next_frame(outlet, &batches);

        blast_link_send(&outlet->link, frame, NULL);
        blast_link_flush(&outlet->link);
        meter_count(&self->meter, batches, (int64_t)batches * self->records_per_batch,
                    (int64_t)batches * (int64_t)self->batches[0]->size);
    }
}

static void queue_lane(struct lane *lane)
{
    struct outlet *outlet = lane->outlet;

    lane->next = NULL;
    if (outlet->first_lane == NULL) {
        outlet->first_lane = lane;
    } else {
        outlet->last_lane->next = lane;
    }
    outlet->last_lane = lane;
}

/* Messages go round the partitions; what became due since the last turn is noted. */
static void note_due(struct producer *self, int64_t now_ns)
{
    while (!self->is_over && due_ns(self, self->next_message) <= now_ns) {
        struct lane *lane =
            &self->lanes[self->next_message % (int64_t)self->cluster->partition_count];

        if (lane->due_count++ == 0) {
            lane->first = self->next_message;
            queue_lane(lane);
        }
        self->next_message++;
    }
}

static void send_open(struct producer *self, struct outlet *outlet)
{
    while (outlet->first_lane != NULL &&
           outlet->link.flight_count < (uint32_t)self->options->depth) {
        struct lane *lane = outlet->first_lane;
        int32_t count = lane->due_count < self->batch_count ? lane->due_count : self->batch_count;
        const struct blast_flight flight = {.began_ns = blast_now_ns(),
                                            .first = lane->first,
                                            .partition = lane->index,
                                            .count = count,
                                            .bytes = (int64_t)self->batches[count - 1]->size};

        outlet->first_lane = lane->next;
        blast_link_send(&outlet->link, &lane->frames[count - 1], &flight);
        lane->first += (int64_t)count * self->cluster->partition_count;
        lane->due_count -= count;
        if (lane->due_count > 0) {
            queue_lane(lane);
        }
    }
    blast_link_flush(&outlet->link);
}

static void send_more(struct producer *self, struct outlet *outlet)
{
    if (self->options->mode == BLAST_RATE) {
        send_open(self, outlet);
    } else if (self->options->acks == 0) {
        blast_link_flush(&outlet->link);
    } else {
        send_closed(self, outlet);
    }
}

/* What was refused has no latency and is no throughput. */
static void count_answer(struct producer *self, const struct blast_flight *flight, int32_t appended)
{
    int64_t now_ns = blast_now_ns();

    if (appended == 0) {
        return;
    }
    if (self->options->mode == BLAST_RATE) {
        for (int32_t k = 0; k < flight->count; k++) {
            int64_t message = flight->first + (int64_t)k * self->cluster->partition_count;

            meter_latency(&self->meter, now_ns - due_ns(self, message));
        }
        meter_count(&self->meter, 1, flight->count, flight->bytes);
        return;
    }
    meter_latency(&self->meter, now_ns - flight->began_ns);
    meter_count(&self->meter, appended, (int64_t)appended * self->records_per_batch,
                (int64_t)appended * (int64_t)self->batches[0]->size);
}

static void on_readable(struct producer *self, struct outlet *outlet)
{
    struct blast_flight flight;
    char *bytes;
    size_t size;

    blast_link_receive(&outlet->link);
    while (blast_link_next(&outlet->link, &bytes, &size, &flight)) {
        count_answer(self, &flight, read_answer(self, bytes, size));
    }
}

/* Sleep until something happens or the next message is due. */
static int wait_for_events(struct producer *self, struct epoll_event *events)
{
    int64_t wait_ns = (int64_t)IDLE_WAIT_MS * 1000000;
    struct timespec timeout;

    if (self->options->mode == BLAST_RATE && !self->is_over) {
        int64_t until_due_ns = due_ns(self, self->next_message) - blast_now_ns();

        until_due_ns = until_due_ns < 0 ? 0 : until_due_ns;
        wait_ns = until_due_ns < wait_ns ? until_due_ns : wait_ns;
    }
    timeout = (struct timespec){.tv_sec = wait_ns / 1000000000, .tv_nsec = wait_ns % 1000000000};
    return epoll_pwait2(self->epoll_fd, events, EVENTS_MAX, &timeout, NULL);
}

static void turn(struct producer *self)
{
    struct epoll_event events[EVENTS_MAX];
    bool is_unanswered = self->options->acks == 0 && !self->is_over;
    int count = is_unanswered ? epoll_wait(self->epoll_fd, events, EVENTS_MAX, 0)
                              : wait_for_events(self, events);

    if (self->options->mode == BLAST_RATE) {
        note_due(self, blast_now_ns());
    }
    for (int i = 0; i < count; i++) {
        struct outlet *outlet = CONTAINER_OF(events[i].data.ptr, struct outlet, link);

        if ((events[i].events & ~(uint32_t)EPOLLOUT) != 0) {
            on_readable(self, outlet);
        }
        send_more(self, outlet);
    }
    for (int32_t i = 0; i < self->outlet_count; i++) {
        if (self->outlets[i].first_lane != NULL) {
            send_open(self, &self->outlets[i]);
        }
        if (is_unanswered) {
            send_unanswered(self, &self->outlets[i]);
        }
    }
}

static int64_t records_left(const struct producer *self)
{
    int64_t left = 0;

    for (int32_t i = 0; i < self->outlet_count; i++) {
        const struct outlet *outlet = &self->outlets[i];

        for (uint32_t f = 0; f < outlet->link.flight_count; f++) {
            uint32_t at = (outlet->link.flight_head + f) & (outlet->link.flight_capacity - 1);
            int32_t count = outlet->link.flights[at].count;

            left += self->options->mode == BLAST_RATE ? count : count * self->records_per_batch;
        }
        for (const struct lane *lane = outlet->first_lane; lane != NULL; lane = lane->next) {
            left += lane->due_count;
        }
    }
    return left;
}

static void close_outlets(struct producer *self)
{
    for (int32_t i = 0; i < self->outlet_count; i++) {
        struct outlet *outlet = &self->outlets[i];

        for (int32_t f = 0; f < outlet->frame_count; f++) {
            frame_output_release(&outlet->frames[f]);
        }
        for (int32_t p = 0; self->lanes != NULL && p < outlet->partition_count; p++) {
            struct lane *lane = &self->lanes[outlet->partitions[p]];

            for (int32_t k = 0; lane->frames != NULL && k < self->batch_count; k++) {
                frame_output_release(&lane->frames[k]);
            }
            free(lane->frames);
            lane->frames = NULL;
        }
        blast_link_close(&outlet->link);
        free(outlet->frames);
        free(outlet->frame_batches);
        free(outlet->partitions);
    }
    for (int32_t k = 0; k < self->batch_count; k++) {
        buffer_unref(self->batches[k]);
    }
    free(self->batches);
    free(self->outlets);
    free(self->lanes);
}

void blast_produce_run(const struct blast_cluster *cluster, const struct blast_options *options,
                       struct blast_result *result)
{
    struct producer self = {.cluster = cluster, .options = options, .meter = {.result = result}};
    int64_t drain_until_ns;

    self.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    CHECK(self.epoll_fd >= 0);
    arena_init(&self.arena, ANSWER_BYTES_MAX);
    make_batches(&self);
    self.lanes = check_alloc_zero((size_t)cluster->partition_count * sizeof *self.lanes);
    if (options->create_partitions > 0 && options->acks != 0) {
        settle(&self);
    }
    open_outlets(&self);
    meter_start(&self.meter, options, result);
    self.start_ns = blast_now_ns();
    for (int32_t i = 0; i < self.outlet_count; i++) {
        send_more(&self, &self.outlets[i]);
    }
    while (!meter_is_over(&self.meter)) {
        turn(&self);
    }
    self.is_over = true;
    meter_stop(&self.meter);
    drain_until_ns = blast_now_ns() + (int64_t)DRAIN_MS * 1000000;
    while (records_left(&self) > 0 && blast_now_ns() < drain_until_ns) {
        turn(&self);
    }
    result->unanswered = records_left(&self);
    close_outlets(&self);
    arena_release(&self.arena);
}
