/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks one handler without a network:
 *
 *     request_fixture_init(&fixture, &broker);
 *     request_fixture_ask(&fixture, API_HEARTBEAT, 4, &in, heartbeat_handle);
 *     ... run the loop until fixture.request.end != REQUEST_OPEN ...
 *     request_fixture_answer(&fixture, &out);
 *     request_fixture_release(&fixture);
 */
#ifndef GYRE_TESTS_SUPPORT_REQUEST_FIXTURE_H
#define GYRE_TESTS_SUPPORT_REQUEST_FIXTURE_H

#include "handlers/dispatch.h"
#include "handlers/request.h"

struct request_fixture {
    struct listener_info listener;
    struct connection_info connection;
    struct request request; /* one at a time */
    struct arena answer;    /* what the decoded answer points to */
    struct buffer *answer_bytes;
};

void request_fixture_init(struct request_fixture *fixture, struct broker *broker);
void request_fixture_release(struct request_fixture *fixture);

/* Encodes `in` as a client would, with client id "test", and calls the handler. */
void request_fixture_ask(struct request_fixture *fixture, int16_t api_key, int16_t version,
                         const void *in, request_handler handle);

/* The same through the header and a table. The error of dispatch_parse(). */
enum error request_fixture_dispatch(struct request_fixture *fixture,
                                    const struct handler_table *table, int16_t api_key,
                                    int16_t version, const void *in);

/* Decodes the answer; CHECKs that there is one and that nothing is left behind it. */
void request_fixture_answer(struct request_fixture *fixture, void *out);

#endif
