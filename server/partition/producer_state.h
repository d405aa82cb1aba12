/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The producer state of a partition is what makes a retry harmless (KIP-98): for each producer id
 * its epoch and the last five batches. It holds applied batches only and is the same on every
 * replica; what is still in flight at the leader lies in producer_overlay.h.
 *
 * Ages are counted in committed time, so that all replicas expire alike: a producer that appended
 * since the last tick has the time of the next one.
 *
 * Thread: the shard's own.
 */
#ifndef GYRE_SERVER_PARTITION_PRODUCER_STATE_H
#define GYRE_SERVER_PARTITION_PRODUCER_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/base/error.h"
#include "gyre/base/list.h"
#include "gyre/base/map.h"

struct reader;
struct record_batch_info;
struct writer;

enum {
    PRODUCER_BATCHES_RETAINED = 5, /* Kafka's max.in.flight of an idempotent producer */
    PRODUCERS_MAX = 100000,        /* in one partition; the one that is silent longest goes */
};

struct producer_batch {
    int32_t base_sequence;
    int32_t last_sequence; /* below base_sequence after a wrap */
    int64_t base_offset;
    int64_t timestamp_ms;
};

struct producer {
    struct map_link by_id;
    struct list by_age;
    int64_t id;
    int64_t last_seen_ms; /* -1: since the last tick */
    int16_t epoch;
    int16_t batch_count;
    struct producer_batch batches[PRODUCER_BATCHES_RETAINED]; /* oldest first */
};

struct producer_state {
    struct map by_id;
    struct list by_age; /* longest silent first */
};

/* What a batch says of its producer. */
struct producer_claim {
    int64_t id;
    int16_t epoch;
    int32_t base_sequence;
    int32_t last_sequence;
};

enum producer_verdict {
    PRODUCER_ACCEPTED,
    PRODUCER_DUPLICATE,     /* stored already; its offset is known */
    PRODUCER_OLD_DUPLICATE, /* stored already; its offset is forgotten */
    PRODUCER_OUT_OF_ORDER,
    PRODUCER_FENCED, /* of an epoch that is over */
};

void producer_state_init(struct producer_state *state);
void producer_state_release(struct producer_state *state); /* empty afterwards, usable */

const struct producer *producer_state_find(const struct producer_state *state, int64_t id);

/* May this batch come next? *out_duplicate is set with PRODUCER_DUPLICATE, borrowed. */
enum producer_verdict producer_state_check(const struct producer_state *state,
                                           const struct producer_claim *claim,
                                           const struct producer_batch **out_duplicate);

/* The verdict on an epoch in which [oldest_sequence, last_sequence] is known to be stored. */
enum producer_verdict producer_state_judge(int32_t oldest_sequence, int32_t last_sequence,
                                           const struct producer_claim *claim);

/* A batch of an idempotent producer was committed at `base_offset`. */
void producer_state_apply(struct producer_state *state, const struct record_batch_info *info,
                          int64_t base_offset);

/* Would a tick at `now_ms` date or expire anybody? */
bool producer_state_needs_tick(const struct producer_state *state, int64_t now_ms,
                               int64_t expiration_ms);
/* Date those that appended since the last tick, forget those silent for `expiration_ms`. */
void producer_state_tick(struct producer_state *state, int64_t now_ms, int64_t expiration_ms);

/* A section of the partition's snapshot. MALFORMED. */
void producer_state_encode(const struct producer_state *state, struct writer *writer);
MUST_USE
enum error producer_state_decode(struct producer_state *state, struct reader *reader);

#endif
