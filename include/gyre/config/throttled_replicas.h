/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The value of leader. and follower.replication.throttled.replicas: "partition:broker,...", or "*".
 * Thread: any.
 */
#ifndef GYRE_CONFIG_THROTTLED_REPLICAS_H
#define GYRE_CONFIG_THROTTLED_REPLICAS_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/base/bytes.h"

/* Which replicas of one partition a list names. */
struct throttled_replicas {
    bool names_node;
    bool names_others;
};

/* `list` may be null: it names nobody. What does not follow the form is passed over. */
struct throttled_replicas throttled_replicas_find(struct string list, int32_t partition,
                                                  int32_t node_id);
bool throttled_replicas_is_valid(struct string list);

#endif
