/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One Fetch request at work, shared by the files that answer it:
 *
 *     PLAN ──► LOOK ──(nothing yet)──► WAIT ──(woken or time is up)──► READ ──► CONVERT ──► answer
 *                └──(enough, an error, or no time to wait)──────────────┘
 *
 * It lives in the request's arena. Between turns it holds no pointer into the catalog, a session or
 * a partition; waiters are the one link, and partitions let go of them when they close.
 */
#ifndef GYRE_HANDLERS_FETCH_STATE_H
#define GYRE_HANDLERS_FETCH_STATE_H

#include "gyre/partition/partition.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/work.h"

#include "handlers/fetch_session.h"
#include "handlers/request.h"
#include "wire_messages/fetch.h"

enum fetch_version {
    FETCH_BATCHES = 4, /* from here on batches of magic 2 */
    FETCH_ZSTD = 10,
    FETCH_FROM_FOLLOWERS = 11,
    FETCH_DIVERGING_EPOCHS = 12,
    FETCH_TOPIC_IDS = 13,
    FETCH_ENDPOINTS = 16,
};

enum fetch_step { FETCH_LOOK, FETCH_WAIT, FETCH_READ, FETCH_CONVERT, FETCH_ANSWER };

struct fetch;

struct fetch_part {
    struct partition_waiter waiter;
    struct fetch *fetch;
    const struct fetch_want *want;
    int64_t available; /* bytes that could be read, a guess */
    bool is_decided;   /* waiting would not change the answer */

    /* ---- the answer ---- */
    enum kafka_error error;
    struct partition_status status;
    int32_t leader_id; /* KIP-951; -1 none */
    int32_t leader_epoch;
    int32_t diverging_epoch; /* -1: none */
    int64_t diverging_end_offset;
    int32_t preferred_replica;   /* -1: none */
    struct buffer_slice *slices; /* one reference each */
    int slice_count;
    size_t bytes;
};

struct fetch {
    struct request *request;
    struct fetch_request in;
    struct fetch_plan plan;
    struct fetch_part *parts; /* as many as the plan wants */
    enum fetch_step step;
    struct task task;
    struct timer deadline;
    bool is_late;
    bool is_registered;
    bool is_forbidden; /* it poses as a replica, which only brokers may */
    int64_t available;
    int decided;
    /* ---- reading ---- */
    struct partition_read read; /* one at a time, in order */
    int32_t next;
    size_t bytes_left;
    size_t bytes;
    struct work convert;
};

/* ---- fetch_part.c ---- */
/* Find out what could be answered now; fills error, status, advice and `available`. */
void fetch_part_look(struct fetch_part *part);
struct partition *fetch_part_partition(struct fetch_part *part);
/* Keep the slices of the finished read. */
void fetch_part_take(struct fetch_part *part, struct partition_read *read);
void fetch_part_release(struct fetch_part *part);

/* ---- fetch_convert.c ---- */
/* Refuse a topic that is compressed with zstd to clients that do not know it (before version 10).
 */
void fetch_convert_check(struct fetch_part *part);
/* Thread: pool. Batches of all parts to message sets of magic 0 or 1. */
void fetch_convert_run(struct work *work);

/* ---- fetch_answer.c ---- */
void fetch_answer(struct fetch *fetch);

#endif
