/* SPDX-License-Identifier: Apache-2.0 */
#include "network/pipeline.h"

#include <stdlib.h>
#include <string.h>

#include "gyre/observe/log.h"
#include "gyre/observe/metrics.h"
#include "gyre/wire/api.h"

#include "network/pipeline_internal.h"
#include "wire_messages/api_keys.h"

enum { SLAB_BYTES = 64 * 1024, SLAB_READ_MIN = 8 * 1024 };

/*
 * Of one connection's requests that run together. What is beyond waits here, in order: were it
 * offered to a partition that has no room, it would be refused, sent again, and come out of order.
 */
enum { RUNNING_BYTES_MAX = 16 * 1024 * 1024 };

static void parse_received(struct pipeline *pipeline, struct buffer_slice slice);

/* ---- birth ---- */

static void flush_answers(struct task *task);
static void tell_orphans(struct task *task);

/* The rest after a throttled answer is over. */
static void on_rested(struct timer *timer)
{
    struct pipeline *pipeline = CONTAINER_OF(timer, struct pipeline, throttle);

    loop_defer_last(pipeline->shared->loop, &pipeline->flush);
}

void pipeline_init(struct pipeline *pipeline, struct pipeline_shared *shared,
                   struct connection_info *connection, const struct pipeline_carrier *carrier,
                   void *context)
{
    *pipeline = (struct pipeline){.shared = shared,
                                  .connection = connection,
                                  .carrier = carrier,
                                  .context = context,
                                  .is_reading = true};
    list_init(&pipeline->requests);
    list_init(&pipeline->starved_link);
    list_init(&pipeline->partial_link);
    pipeline->next_to_start = &pipeline->requests;
    task_init(&pipeline->flush, flush_answers);
    task_init(&pipeline->orphan, tell_orphans);
    timer_init(&pipeline->throttle, on_rested);
}

/* ---- pausing ---- */

static void set_reading(struct pipeline *pipeline, bool is_reading)
{
    if (pipeline->is_reading != is_reading && !pipeline->is_closed) {
        pipeline->is_reading = is_reading;
        if (!is_reading) {
            metric_add(pipeline->shared->metrics, METRIC_READS_PAUSED, 1);
        }
        pipeline->carrier->set_reading(pipeline->context, is_reading);
    }
}

/* What the next frame may find held; one whose size is not known yet is taken for a small one. */
static size_t memory_limit(const struct pipeline *pipeline)
{
    return pipeline_memory_limit(pipeline->shared, pipeline->prefix_used == FRAME_PREFIX_BYTES
                                                       ? load_be32(pipeline->prefix)
                                                       : 0);
}

static int requests_max(const struct pipeline *pipeline)
{
    int most = pipeline->shared->requests_max;

    return pipeline->connection->is_authenticated || most < UNAUTHENTICATED_REQUESTS_MAX
               ? most
               : UNAUTHENTICATED_REQUESTS_MAX;
}

static bool has_enough(const struct pipeline *pipeline)
{
    return pipeline->is_ending || pipeline->request_count >= requests_max(pipeline) ||
           pipeline->output_bytes > pipeline->shared->output_bytes_max;
}

static bool is_saturated(struct pipeline *pipeline)
{
    struct pipeline_shared *shared = pipeline->shared;

    if (has_enough(pipeline)) {
        return true;
    }
    if (pipeline_memory_contested(shared) >= memory_limit(pipeline)) {
        pipeline_starve(pipeline);
        return true;
    }
    return false;
}

/* An incomplete frame gets more room; reading goes on when it has it. */
static void grow_partial(struct pipeline *pipeline)
{
    if (!pipeline_partial_grow(pipeline)) {
        set_reading(pipeline, false);
        pipeline_starve(pipeline);
    } else if (!pipeline->is_ending) {
        set_reading(pipeline, true);
    }
}

void pipeline_resume(struct pipeline *pipeline)
{
    struct buffer_slice rest = pipeline->rest;

    if (pipeline->is_closed || pipeline->is_reading) {
        return;
    }
    if (pipeline_partial_is_full(pipeline)) {
        grow_partial(pipeline);
        return;
    }
    if (is_saturated(pipeline)) {
        return;
    }
    pipeline->rest = (struct buffer_slice){0};
    set_reading(pipeline, true);
    if (rest.buffer != NULL) {
        parse_received(pipeline, rest);
    }
}

/* ---- the end ---- */

static void forget_input(struct pipeline *pipeline)
{
    pipeline_partial_forget(pipeline);
    pipeline_ahead_end(pipeline);
    buffer_slice_unref(&pipeline->rest);
    pipeline->prefix_used = 0;
    list_remove(&pipeline->starved_link);
}

static void forget_request(struct pipeline *pipeline, struct request *request)
{
    list_remove(&request->link);
    pipeline->request_count--;
    pipeline_discharge(pipeline->shared, request->budget_bytes);
    request_release(request);
    free(request);
}

static void forget_waiting(struct pipeline *pipeline)
{
    while (pipeline->next_to_start != &pipeline->requests) {
        struct request *request = list_entry(pipeline->next_to_start, struct request, link);

        pipeline->next_to_start = pipeline->next_to_start->next;
        forget_request(pipeline, request);
    }
}

void pipeline_end(struct pipeline *pipeline)
{
    if (pipeline->is_ending || pipeline->is_closed) {
        return;
    }
    pipeline->is_ending = true;
    forget_input(pipeline);
    set_reading(pipeline, false);
    loop_defer_last(pipeline->shared->loop, &pipeline->flush);
}

void pipeline_end_early(struct pipeline *pipeline)
{
    if (!pipeline->is_closed) {
        forget_waiting(pipeline);
        pipeline_end(pipeline);
        loop_defer_last(pipeline->shared->loop, &pipeline->flush);
    }
}

/* Only requests of one kind are served at a time. */
bool pipeline_is_serving(const struct pipeline *pipeline, unsigned flag)
{
    return pipeline->running != NULL && (pipeline->running->flags & flag) != 0 &&
           !pipeline_is_quiet(pipeline);
}

void pipeline_refuse(struct pipeline *pipeline, const char *why, enum error error)
{
    log_info(LOG_NETWORK, "connection is closed for what it sent", field_string("reason", why),
             field_string("peer", pipeline->connection->peer_host),
             field_i64("port", pipeline->connection->peer_port), field_error(error));
    metric_add(pipeline->shared->metrics, METRIC_FRAMES_REFUSED, 1);
    pipeline_end(pipeline);
}

/* Each is told once. It may end in the call, which only takes note; none is freed here. */
static void tell_orphans(struct task *task)
{
    struct pipeline *pipeline = CONTAINER_OF(task, struct pipeline, orphan);

    list_for_each_safe(link, &pipeline->requests) {
        struct request *request = list_entry(link, struct request, link);
        void (*orphaned)(struct request * request) = request->orphaned;

        request->orphaned = NULL;
        if (orphaned != NULL && !request_is_ended(request)) {
            orphaned(request);
        }
    }
}

bool pipeline_close(struct pipeline *pipeline)
{
    CHECK(!pipeline->is_closed);
    pipeline->is_closed = true;
    forget_input(pipeline);
    forget_waiting(pipeline);
    timer_stop(pipeline->shared->loop, &pipeline->throttle);
    list_for_each_safe(link, &pipeline->requests) {
        struct request *request = list_entry(link, struct request, link);

        if (request_is_ended(request)) {
            forget_request(pipeline, request);
        } else {
            request->is_orphaned = true;
        }
    }
    if (pipeline->running_count > 0) {
        loop_defer(pipeline->shared->loop, &pipeline->orphan);
        return false;
    }
    task_cancel(&pipeline->flush);
    return true;
}

/* ---- starting and ending requests ---- */

static void on_ended(struct request *request)
{
    struct pipeline *pipeline = request->owner;

    pipeline->running_count--;
    pipeline->running_bytes -= request->frame.length;
    if (request->throttle_ms > 0 && !pipeline->is_closed) {
        /* KIP-219: answer first, then let the connection rest. */
        timer_start(pipeline->shared->loop, &pipeline->throttle,
                    (uint64_t)request->throttle_ms * 1000);
    }
    loop_defer_last(pipeline->shared->loop, &pipeline->flush);
}

static bool may_start(const struct pipeline *pipeline, const struct handler *handler)
{
    if (timer_is_running(&pipeline->throttle) ||
        pipeline->output_bytes > pipeline->shared->output_bytes_max) {
        return false;
    }
    return pipeline->running_count == 0 ||
           (pipeline->running == handler && (handler->flags & HANDLER_PIPELINED) != 0 &&
            pipeline->running_bytes < RUNNING_BYTES_MAX);
}

/* The arena has grown while the handler decoded: that is memory too. */
static void charge_arena(struct pipeline *pipeline, struct request *request)
{
    size_t held = request->frame.length + request->arena.used_bytes;

    if (held > request->budget_bytes) {
        pipeline_charge(pipeline->shared, held - request->budget_bytes);
        request->budget_bytes = held;
    }
}

static void start_waiting(struct pipeline *pipeline)
{
    while (pipeline->next_to_start != &pipeline->requests) {
        struct request *request = list_entry(pipeline->next_to_start, struct request, link);
        const struct handler *handler = request->handler;

        if (!may_start(pipeline, handler)) {
            return;
        }
        pipeline->next_to_start = pipeline->next_to_start->next;
        pipeline->running = handler;
        pipeline->running_count++;
        pipeline->running_bytes += request->frame.length;
        dispatch_start(handler, request);
        charge_arena(pipeline, request);
        if (request->end == REQUEST_CLOSED) {
            return; /* flush_answers() goes on */
        }
    }
}

static void count_answered(const struct pipeline *pipeline, const struct request *request)
{
    struct metrics *metrics = pipeline->shared->metrics;
    uint64_t took_us = request_age_us(request, loop_now_us(pipeline->shared->loop));

    metric_add_api(metrics, API_METRIC_REQUEST_TIME_US, request->api->key, took_us);
    if (request->api->key == API_PRODUCE) {
        metric_observe(metrics, DURATION_METRIC_PRODUCE_TIME, took_us);
    } else if (request->api->key == API_FETCH) {
        metric_observe(metrics, DURATION_METRIC_FETCH_TIME, took_us);
    }
}

/* Behind a request that closes the connection no answer may follow: it would be taken for its. */
static void take_output(const struct pipeline *pipeline, const struct request *request,
                        struct frame_output *output)
{
    for (int32_t i = 0; i < request->output.count && !pipeline->is_broken; i++) {
        frame_output_append(output, buffer_slice_ref(request->output.slices[i]));
    }
}

/* Moves what has ended, oldest first, into the output. */
static void take_ended(struct pipeline *pipeline, struct frame_output *output)
{
    while (!list_is_empty(&pipeline->requests)) {
        struct request *request = list_first(&pipeline->requests, struct request, link);
        bool is_closing = request->end == REQUEST_CLOSED;

        if (!request_is_ended(request)) {
            break;
        }
        count_answered(pipeline, request);
        is_closing = is_closing || request->is_last;
        take_output(pipeline, request, output);
        forget_request(pipeline, request);
        if (is_closing && !pipeline->is_broken) {
            pipeline->is_broken = true;
            forget_waiting(pipeline);
            pipeline_end(pipeline);
        }
    }
}

static void flush_closed(struct pipeline *pipeline)
{
    list_for_each_safe(link, &pipeline->requests) {
        struct request *request = list_entry(link, struct request, link);

        if (request_is_ended(request)) {
            forget_request(pipeline, request);
        }
    }
    if (list_is_empty(&pipeline->requests)) {
        task_cancel(&pipeline->orphan);
        pipeline->carrier->drained(pipeline->context);
    }
}

static void flush_answers(struct task *task)
{
    struct pipeline *pipeline = CONTAINER_OF(task, struct pipeline, flush);
    struct frame_output output;

    if (pipeline->is_closed) {
        flush_closed(pipeline);
        return;
    }
    frame_output_init(&output);
    take_ended(pipeline, &output);
    if (output.count > 0) {
        pipeline->output_bytes += output.bytes;
        pipeline->carrier->send(pipeline->context, &output);
    }
    frame_output_release(&output);
    if (pipeline->is_closed) {
        return; /* the carrier found the connection broken */
    }
    start_waiting(pipeline);
    if (pipeline->is_broken || (pipeline->is_ending && list_is_empty(&pipeline->requests))) {
        pipeline->carrier->finished(pipeline->context);
        return;
    }
    pipeline_resume(pipeline);
}

void pipeline_sent(struct pipeline *pipeline, size_t bytes)
{
    bool was_full = pipeline->output_bytes > pipeline->shared->output_bytes_max;

    CHECK(pipeline->output_bytes >= bytes);
    pipeline->output_bytes -= bytes;
    if (was_full && !pipeline->is_closed) {
        loop_defer_last(pipeline->shared->loop, &pipeline->flush);
    }
}

/* ---- bytes into frames ---- */

/* Takes `frame`, which is charged already. */
static void admit(struct pipeline *pipeline, struct buffer_slice frame)
{
    struct pipeline_shared *shared = pipeline->shared;
    struct request *request = check_alloc(sizeof *request);
    enum error error;

    request_init(request, shared->broker, pipeline->connection, frame);
    request->budget_bytes = frame.length;
    request->arrived_us = clock_monotonic_us(shared->loop->clock);
    request->owner = pipeline;
    request->ended = on_ended;
    pipeline->request_count++;
    error = dispatch_parse(shared->table, request, &request->handler);
    if (error != ERROR_NONE) {
        forget_request(pipeline, request);
        pipeline_refuse(pipeline, "unreadable or unknown request", error);
        return;
    }
    metric_add_api(shared->metrics, API_METRIC_REQUESTS, request->api->key, 1);
    list_append(&pipeline->requests, &request->link);
    if (pipeline->next_to_start == &pipeline->requests) {
        pipeline->next_to_start = &request->link;
    }
    start_waiting(pipeline);
}

static void move_on(struct buffer_slice *slice, size_t bytes)
{
    slice->bytes += bytes;
    slice->length -= bytes;
}

static void take_prefix(struct pipeline *pipeline, struct buffer_slice *slice)
{
    size_t wanted = FRAME_PREFIX_BYTES - pipeline->prefix_used;
    size_t taken = slice->length < wanted ? slice->length : wanted;

    memcpy(pipeline->prefix + pipeline->prefix_used, slice->bytes, taken);
    pipeline->prefix_used += taken;
    move_on(slice, taken);
}

static int32_t frame_bytes_max(const struct pipeline *pipeline)
{
    int32_t most = pipeline->shared->frame_bytes_max;

    return pipeline->connection->is_authenticated || most < UNAUTHENTICATED_FRAME_BYTES_MAX
               ? most
               : UNAUTHENTICATED_FRAME_BYTES_MAX;
}

static void take_frame(struct pipeline *pipeline, struct buffer_slice *slice)
{
    int32_t size;
    enum error error = frame_parse_size(pipeline->prefix, frame_bytes_max(pipeline), &size);
    struct buffer_slice frame;

    if (error == ERROR_NONE && size < FRAME_REQUEST_BYTES_MIN &&
        !pipeline->connection->expects_token) {
        error = ERROR_MALFORMED;
    }
    if (error != ERROR_NONE) {
        pipeline_refuse(pipeline, "size of the request", error);
        return;
    }
    pipeline->prefix_used = 0;
    pipeline_ahead_note(pipeline, (size_t)size);
    if ((size_t)size > slice->length) {
        pipeline_partial_begin(pipeline, slice, (size_t)size);
        return;
    }
    frame = pipeline_ahead_cut(pipeline, slice, (size_t)size);
    move_on(slice, frame.length);
    pipeline_charge(pipeline->shared, frame.length);
    admit(pipeline, frame);
}

/* A SASL token may be empty: such a frame is whole with its prefix. */
static bool has_more(const struct pipeline *pipeline, const struct buffer_slice *slice)
{
    return slice->length > 0 ||
           (pipeline->prefix_used == FRAME_PREFIX_BYTES && load_be32(pipeline->prefix) == 0);
}

/* Takes `slice`. */
static void parse_received(struct pipeline *pipeline, struct buffer_slice slice)
{
    while (has_more(pipeline, &slice) && !pipeline->is_ending) {
        if (is_saturated(pipeline)) {
            pipeline->rest = slice;
            set_reading(pipeline, false);
            return;
        }
        if (pipeline->prefix_used < FRAME_PREFIX_BYTES) {
            take_prefix(pipeline, &slice);
        } else {
            take_frame(pipeline, &slice);
        }
    }
    buffer_slice_unref(&slice);
}

void pipeline_reserve(struct pipeline *pipeline, char **out_bytes, size_t *out_size)
{
    struct pipeline_shared *shared = pipeline->shared;

    if (pipeline->partial != NULL) {
        *out_bytes = pipeline->partial_bytes + pipeline->partial_used;
        *out_size = pipeline->partial_room - pipeline->partial_used;
        return;
    }
    pipeline_ahead_end(pipeline); /* nothing came after all */
    if (!has_enough(pipeline) && pipeline_ahead_begin(pipeline)) {
        *out_bytes = pipeline->ahead->bytes;
        *out_size = pipeline->ahead->size;
        return;
    }
    if (shared->slab != NULL && atomic_load(&shared->slab->references) == 1) {
        shared->slab_used = 0; /* no request points into it: the same bytes again, still in cache */
    } else if (SLAB_BYTES - shared->slab_used < SLAB_READ_MIN) {
        buffer_unref(shared->slab);
        shared->slab = NULL;
    }
    if (shared->slab == NULL) {
        shared->slab = buffer_new(SLAB_BYTES);
        shared->slab_used = 0;
    }
    *out_bytes = shared->slab->bytes + shared->slab_used;
    *out_size = SLAB_BYTES - shared->slab_used;
}

void pipeline_received(struct pipeline *pipeline, size_t size)
{
    struct pipeline_shared *shared = pipeline->shared;
    struct buffer_slice slice;

    metric_add(shared->metrics, METRIC_RECEIVED_BYTES, (int64_t)size);
    if (pipeline->is_ending || pipeline->is_closed || size == 0) {
        pipeline_ahead_end(pipeline);
        return;
    }
    if (pipeline->partial != NULL) {
        CHECK(size <= pipeline->partial_room - pipeline->partial_used);
        pipeline->partial_used += size;
        if (pipeline->partial_used == pipeline->partial_size) {
            admit(pipeline, pipeline_partial_complete(pipeline));
        } else if (pipeline_partial_is_full(pipeline)) {
            grow_partial(pipeline);
        }
        return;
    }
    if (pipeline->ahead != NULL) {
        parse_received(pipeline, buffer_slice(pipeline->ahead, 0, size));
        pipeline_ahead_end(pipeline);
        return;
    }
    slice = buffer_slice(shared->slab, shared->slab_used, size);
    shared->slab_used += size;
    parse_received(pipeline, slice);
}
