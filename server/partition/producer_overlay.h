/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The producer overlay is what the leader knows beyond the committed producer state: batches that
 * have an offset and are not applied yet. A retry that arrives meanwhile waits for the original.
 * It is empty when leadership begins and thrown away when it ends.
 *
 * Thread: the shard's own.
 */
#ifndef GYRE_SERVER_PARTITION_PRODUCER_OVERLAY_H
#define GYRE_SERVER_PARTITION_PRODUCER_OVERLAY_H

#include <stdint.h>

#include "gyre/base/buffer.h"
#include "gyre/base/list.h"
#include "gyre/base/map.h"

#include "partition/producer_state.h"

struct overlay_producer;

/* A batch that has got its offsets and is not applied yet. */
struct inflight_batch {
    struct list link;                  /* of the partition, in the order of offsets */
    struct list of_producer;           /* alone without a producer */
    struct overlay_producer *producer; /* borrowed from the overlay; NULL without one */
    struct producer_claim claim;
    struct list waiters;       /* struct partition_append: the original and its duplicates */
    struct buffer_slice batch; /* owned until it is submitted */
    uint64_t index;            /* 0: not submitted */
    uint64_t digest;
    int64_t base_offset;
    int32_t offset_count;
    int64_t append_time_ms; /* -1 unless LogAppendTime */
    size_t bytes;
};

void producer_overlay_init(struct map *overlay);
void producer_overlay_release(struct map *overlay); /* its batches were removed before */

/* As producer_state_check() over both. With PRODUCER_DUPLICATE one of the outputs is set. */
enum producer_verdict producer_overlay_check(const struct map *overlay,
                                             const struct producer_state *state,
                                             const struct producer_claim *claim,
                                             struct inflight_batch **out_inflight,
                                             const struct producer_batch **out_stored);
void producer_overlay_add(struct map *overlay, struct inflight_batch *batch);
void producer_overlay_remove(struct map *overlay, struct inflight_batch *batch);

#endif
