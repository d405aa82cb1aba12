/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A consumer reads partitions of one topic, without a group: one Fetch a leader at a time, with a
 * long poll, until it is told to stop.
 */
#ifndef GYRE_OPS_CONSUMER_H
#define GYRE_OPS_CONSUMER_H

#include <stdbool.h>
#include <stdint.h>

#include "command.h"

struct record;
struct session;

enum { CONSUMER_ALL_PARTITIONS = -1 }; /* as OFFSETS_ALL_PARTITIONS */

struct consumer_options {
    const char *topic; /* borrowed */
    int32_t partition; /* or CONSUMER_ALL_PARTITIONS */
    int64_t start;     /* an offset, OFFSETS_BEGINNING or OFFSETS_END */
    bool is_bounded;   /* stop at what is the end now */
    int timeout_s;     /* if bounded: how long to wait for more of what is there */
    /* A record, in the order of its partition. False: stop. */
    bool (*take)(void *context, int32_t partition, const struct record *record);
    /* After each answer, before waiting again; may be NULL. */
    void (*pause)(void *context);
    void *context;
};

/* Hangs up: nothing can be asked in this session afterwards. */
enum exit_status consumer_run(struct session *session, const struct consumer_options *options);

#endif
