/* SPDX-License-Identifier: Apache-2.0 */
#include "support/pipeline_fixture.h"

#include <stdio.h>
#include <string.h>

#include "gyre/observe/metrics.h"
#include "gyre/wire/api.h"

#include "wire_messages/api_keys.h"
#include "wire_messages/fetch.h"
#include "wire_messages/heartbeat.h"
#include "wire_messages/join_group.h"
#include "wire_messages/leave_group.h"
#include "wire_messages/produce.h"

static struct pipeline_fixture *fixture_of(struct request *request)
{
    return CONTAINER_OF(request->connection, struct pipeline_fixture, connection);
}

/* ---- handlers ---- */

static void heartbeat(struct request *request)
{
    struct heartbeat_request in;
    struct heartbeat_response out;

    if (request_decode(request, &heartbeat_request_layout, &in)) {
        heartbeat_response_init(&out);
        request_reply(request, &heartbeat_response_layout, &out);
    }
}

static void park(struct request *request)
{
    struct pipeline_fixture *fixture = fixture_of(request);

    CHECK(fixture->parked_count < PARKED_MAX);
    fixture->parked[fixture->parked_count++] = request;
}

static void leave_group(struct request *request)
{
    struct leave_group_request in;
    struct leave_group_response out;

    if (request_decode(request, &leave_group_request_layout, &in)) {
        leave_group_response_init(&out);
        request->throttle_ms = 50;
        request_reply(request, &leave_group_response_layout, &out);
    }
}

static const struct handler handlers[] = {
    {API_HEARTBEAT, heartbeat, 0},
    {API_PRODUCE, park, HANDLER_PIPELINED},
    {API_FETCH, park, 0},
    {API_JOIN_GROUP, request_close, 0},
    {API_LEAVE_GROUP, leave_group, 0},
};
static const struct handler_table table = {.handlers = handlers, .count = 5};

/* ---- the carrier ---- */

static void send_output(void *context, struct frame_output *output)
{
    struct pipeline_fixture *fixture = context;
    size_t bytes = output->bytes;

    fixture->now_us += fixture->send_us;
    for (int32_t i = 0; i < output->count; i++) {
        frame_output_append(&fixture->sent, output->slices[i]);
    }
    output->count = 0;
    if (fixture->is_taking) {
        pipeline_sent(&fixture->pipeline, bytes);
    }
}

static void set_reading(void *context, bool is_reading)
{
    ((struct pipeline_fixture *)context)->is_reading = is_reading;
}

static void finished(void *context)
{
    ((struct pipeline_fixture *)context)->is_finished = true;
}

static void drained(void *context)
{
    ((struct pipeline_fixture *)context)->is_drained = true;
}

static const struct pipeline_carrier carrier = {.send = send_output,
                                                .set_reading = set_reading,
                                                .finished = finished,
                                                .drained = drained};

/* ---- the fixture ---- */

static const struct listener_info listener = {.name = "PLAINTEXT"};

static uint64_t monotonic_us(const struct clock *clock)
{
    return CONTAINER_OF(clock, const struct pipeline_fixture, clock)->now_us;
}

static int64_t wall_ms(const struct clock *clock)
{
    (void)clock;
    return 0;
}

void pipeline_fixture_init(struct pipeline_fixture *fixture)
{
    memset(fixture, 0, sizeof *fixture);
    fixture->clock = (struct clock){.monotonic_us = monotonic_us, .wall_ms = wall_ms};
    fixture->is_taking = true;
    fixture->is_reading = true;
    fixture->metrics = metrics_new();
    loop_init(&fixture->loop, &fixture->clock);
    frame_output_init(&fixture->sent);
    fixture->shared = (struct pipeline_shared){.loop = &fixture->loop,
                                               .table = &table,
                                               .metrics = fixture->metrics,
                                               .frame_bytes_max = 1 << 20,
                                               .requests_max = 64,
                                               .output_bytes_max = 4096,
                                               .request_memory_max = 8U << 20};
    pipeline_shared_init(&fixture->shared);
    connection_info_init(&fixture->connection, &listener);
    pipeline_init(&fixture->pipeline, &fixture->shared, &fixture->connection, &carrier, fixture);
}

void pipeline_fixture_release(struct pipeline_fixture *fixture)
{
    if (!fixture->pipeline.is_closed && !pipeline_close(&fixture->pipeline)) {
        for (int i = 0; i < fixture->parked_count; i++) {
            if (fixture->parked[i] != NULL) {
                pipeline_fixture_answer(fixture, i);
            }
        }
        (void)loop_turn(&fixture->loop);
        CHECK(fixture->is_drained);
    }
    CHECK(fixture->shared.request_memory == 0);
    connection_info_release(&fixture->connection);
    pipeline_shared_release(&fixture->shared);
    frame_output_release(&fixture->sent);
    loop_release(&fixture->loop);
    metrics_free(fixture->metrics);
}

struct buffer *pipeline_fixture_frame(int16_t api_key, int32_t correlation_id, size_t padding)
{
    struct frame_header header = {.api_key = api_key,
                                  .api_version = api_find(api_key)->accepted_min,
                                  .correlation_id = correlation_id,
                                  .client_id = STRING("test"),
                                  .api = api_find(api_key)};
    struct heartbeat_request beat = {.group_id = STRING("g"), .member_id = STRING("m")};
    struct leave_group_request leave = {.group_id = STRING("g"), .member_id = STRING("m")};
    struct frame_output output;
    struct buffer *joined;
    struct buffer *padded;

    if (api_key == API_LEAVE_GROUP) {
        frame_output_init(&output);
        CHECK(frame_encode_request(&header, &leave, &output) == ERROR_NONE);
        joined = frame_output_join(&output);
        frame_output_release(&output);
        return joined;
    }
    /* The parking and closing handlers do not look at their bodies: any will do. */
    header.api_version = 0;
    header.api_key = API_HEARTBEAT;
    header.api = api_find(API_HEARTBEAT);
    frame_output_init(&output);
    CHECK(frame_encode_request(&header, &beat, &output) == ERROR_NONE);
    joined = frame_output_join(&output);
    frame_output_release(&output);
    padded = buffer_new(joined->size + padding);
    memset(padded->bytes, 0, padded->size);
    memcpy(padded->bytes, joined->bytes, joined->size);
    store_be32(padded->bytes, (uint32_t)(padded->size - FRAME_PREFIX_BYTES));
    store_be16(padded->bytes + 4, (uint16_t)api_key);
    buffer_unref(joined);
    return padded;
}

size_t pipeline_fixture_feed(struct pipeline_fixture *fixture, const char *bytes, size_t length,
                             size_t piece)
{
    size_t fed = 0;

    while (fed < length && fixture->is_reading) {
        size_t size;
        char *into;

        pipeline_reserve(&fixture->pipeline, &into, &size);
        size = size < piece ? size : piece;
        size = size < length - fed ? size : length - fed;
        memcpy(into, bytes + fed, size);
        fed += size;
        pipeline_received(&fixture->pipeline, size);
    }
    return fed;
}

void pipeline_fixture_ask(struct pipeline_fixture *fixture, int16_t api_key, int32_t correlation_id)
{
    struct buffer *frame = pipeline_fixture_frame(api_key, correlation_id, 0);

    CHECK(pipeline_fixture_feed(fixture, frame->bytes, frame->size, SIZE_MAX) == frame->size);
    buffer_unref(frame);
}

void pipeline_fixture_answer(struct pipeline_fixture *fixture, int index)
{
    struct request *request = fixture->parked[index];

    CHECK(index < fixture->parked_count);
    CHECK(request != NULL);
    fixture->parked[index] = NULL;
    if (request->api->key == API_PRODUCE) {
        struct produce_response out;

        produce_response_init(&out);
        request_reply(request, &produce_response_layout, &out);
    } else {
        struct fetch_response out;

        fetch_response_init(&out);
        request_reply(request, &fetch_response_layout, &out);
    }
}

const char *pipeline_fixture_answers(struct pipeline_fixture *fixture, char *text, size_t size)
{
    struct buffer *joined = frame_output_join(&fixture->sent);
    size_t used = 0;
    size_t at = 0;

    text[0] = '\0';
    while (at < joined->size) {
        CHECK(joined->size - at >= 8);
        used += (size_t)snprintf(text + used, size - used, "%s%d", used == 0 ? "" : " ",
                                 (int)load_be32(joined->bytes + at + 4));
        CHECK(used < size);
        at += FRAME_PREFIX_BYTES + load_be32(joined->bytes + at);
    }
    CHECK(at == joined->size);
    buffer_unref(joined);
    return text;
}
