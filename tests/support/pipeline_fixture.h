/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pipeline without a network: a carrier that collects answers, and handlers that answer at once,
 * park or close. Each frame's correlation id says in what order it was asked.
 *
 *     Heartbeat   answered at once
 *     Produce     parked, pipelined
 *     Fetch       parked
 *     JoinGroup   closes the connection
 *     LeaveGroup  answered at once with throttle_ms = 50
 */
#ifndef GYRE_TESTS_SUPPORT_PIPELINE_FIXTURE_H
#define GYRE_TESTS_SUPPORT_PIPELINE_FIXTURE_H

#include "network/pipeline.h"

enum { PARKED_MAX = 1024 };

struct pipeline_fixture {
    struct clock clock;
    uint64_t now_us;
    struct loop loop;
    struct metrics *metrics;
    struct pipeline_shared shared;
    struct connection_info connection;
    struct pipeline pipeline;
    struct frame_output sent; /* all answers so far */
    struct request *parked[PARKED_MAX];
    int parked_count;
    uint64_t send_us; /* how long it takes to send */
    bool is_taking;   /* the client takes its answers at once */
    bool is_reading;
    bool is_finished;
    bool is_drained;
};

void pipeline_fixture_init(struct pipeline_fixture *fixture);
void pipeline_fixture_release(struct pipeline_fixture *fixture);

/* One frame of the API, version 0; `padding` bytes are added to a Produce. The caller owns it. */
struct buffer *pipeline_fixture_frame(int16_t api_key, int32_t correlation_id, size_t padding);

/* Bytes as they come from a socket; at most `piece` at a time. Stops where reading is paused and
 * returns how many were taken. */
size_t pipeline_fixture_feed(struct pipeline_fixture *fixture, const char *bytes, size_t length,
                             size_t piece);
void pipeline_fixture_ask(struct pipeline_fixture *fixture, int16_t api_key,
                          int32_t correlation_id);

/* Answers a parked request. */
void pipeline_fixture_answer(struct pipeline_fixture *fixture, int index);

/* Correlation ids of all answers, as "1 2 3". Fails if the bytes are not whole frames. */
const char *pipeline_fixture_answers(struct pipeline_fixture *fixture, char *text, size_t size);

#endif
