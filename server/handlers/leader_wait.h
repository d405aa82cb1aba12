/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting a moment for elections that are under way: an answer that shows a partition without a
 * leader sends clients into a back-off of up to a second. A partition without a majority of live
 * replicas is not waited for.
 *
 * Embedded in a handler's struct in the request's arena. Thread: the shard's own.
 */
#ifndef GYRE_HANDLERS_LEADER_WAIT_H
#define GYRE_HANDLERS_LEADER_WAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/runtime/loop.h"

struct broker;
struct catalog_topic;
struct request;

/* A request that names more partitions is not worth looking at again and again. */
enum { LEADER_WAIT_PARTITIONS_MAX = 10000 };

struct leader_wait {
    struct request *request;
    bool (*is_electing)(void *context); /* is it worth to wait? */
    void (*done)(void *context);        /* once */
    void *context;
    uint64_t until_us;
    struct timer look;
};

/* `wait` is filled down to `context`. Ends also when the client has gone; never within the call. */
void leader_wait_start(struct leader_wait *wait, uint64_t limit_us);

/* After a change of topics with a time limit of its own: at most a second, not at all where nothing
 * is electing; then done() comes at once. */
void leader_wait_after_change(struct leader_wait *wait, int32_t timeout_ms);

/* Has this partition no leader, and will have one? */
bool leader_wait_is_electing_one(const struct broker *broker, const struct catalog_topic *topic,
                                 int32_t partition);
/* Is there a partition from `first` on that has no leader and will have one? */
bool leader_wait_is_electing(const struct broker *broker, const struct catalog_topic *topic,
                             int32_t first);

#endif
