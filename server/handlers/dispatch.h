/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dispatch knows which APIs exist: one line each in dispatch_table.c. What is advertised by
 * ApiVersions is computed from that table and the schemas, never typed.
 *
 * Thread: the shard's own; the tables are constant.
 */
#ifndef GYRE_HANDLERS_DISPATCH_H
#define GYRE_HANDLERS_DISPATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "handlers/request.h"

typedef void (*request_handler)(struct request *request);

enum handler_flag {
    /* May be started while earlier requests of the same API and connection are not answered.
     * All others wait for what came before them on their connection, as in Kafka. */
    HANDLER_PIPELINED = 1,
    HANDLER_HIDDEN = 2, /* works, but is not advertised */
    HANDLER_BEFORE_AUTHENTICATION = 4,
    /* It may change the credential of whoever asks: the answer is sent all the same. */
    HANDLER_OUTLIVES_CREDENTIAL = 8,
};

struct handler {
    int16_t api_key;
    request_handler handle;
    unsigned flags;
};

struct handler_table {
    const struct handler *handlers;
    int count;
};

/* The broker's own table. */
const struct handler_table *dispatch_table(void);

/* NULL: this key is not served. */
const struct handler *dispatch_find(const struct handler_table *table, int16_t api_key);

/*
 * Reads the header of request->frame. ERROR_NONE: dispatch_start() may be called, now or when the
 * pipeline allows it. Any other error closes the connection.
 */
MUST_USE
enum error dispatch_parse(const struct handler_table *table, struct request *request,
                          const struct handler **out_handler);

/* Closes the connection instead where it has not said yet who it is, or its session is over. */
void dispatch_start(const struct handler *handler, struct request *request);

#endif
