/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A producer writes records to the partitions of one topic: one batch a partition in flight, the
 * next one gathering behind it. Batches that meet passing trouble are sent again, by an idempotent
 * producer without making a second copy, until their time is over.
 */
#ifndef GYRE_OPS_PRODUCER_H
#define GYRE_OPS_PRODUCER_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/base/bytes.h"
#include "gyre/wire/compression.h"

#include "command.h"

struct producer; /* opaque */
struct session;

enum { PRODUCER_ANY_PARTITION = -1 };

struct producer_options {
    const char *topic;  /* borrowed */
    int32_t partition;  /* or PRODUCER_ANY_PARTITION: by key, else in turn, a batch each */
    int16_t acks;       /* -1 all, 1, 0 */
    bool is_idempotent; /* with acks -1 */
    enum compression codec;
    size_t batch_bytes;
    int timeout_s;                                                   /* of a batch */
    void (*batch_acknowledged)(void *context, uint64_t duration_us); /* may be NULL */
    void *context;
};

/* Finds the topic (creates it where the broker allows that) and takes a producer id. */
enum exit_status producer_open(struct session *session, const struct producer_options *options,
                               struct producer **out_producer);

/* Append one record; a null key has no bytes. Waits while the partition has a full batch behind
 * one in flight. */
enum exit_status producer_add(struct producer *producer, struct string key, struct string value);

/* Send what is gathered where nothing is in flight. What is behind a batch in flight follows it. */
void producer_send(struct producer *producer);

/* Wait until everything is acknowledged, or something has failed. */
enum exit_status producer_drain(struct producer *producer);

/* What ended it; STATUS_OK while it goes on. */
enum exit_status producer_status(const struct producer *producer);
int64_t producer_acknowledged(const struct producer *producer);

/* Gives up what is not acknowledged; drain before. NULL is fine. */
void producer_close(struct producer *producer);

#endif
