/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The offsets that were committed in the name of one group. Thread: the shard's own.
 */
#ifndef GYRE_COORDINATOR_GROUP_OFFSETS_H
#define GYRE_COORDINATOR_GROUP_OFFSETS_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/base/bytes.h"
#include "gyre/base/list.h"
#include "gyre/base/map.h"
#include "gyre/base/uuid.h"

struct group_offsets {
    struct map by_key;    /* struct committed_offset, by topic and partition */
    struct map topics;    /* struct offset_topic, by name */
    struct list in_order; /* of topics, by first commit */
    int32_t topic_count;
    int32_t count;
};

struct offset_topic {
    struct map_link by_name;
    struct list link;
    struct string name;  /* owned */
    struct list offsets; /* struct committed_offset */
    int32_t count;
};

struct committed_offset {
    struct map_link by_key;
    struct list link; /* in the topic */
    struct offset_topic *topic;
    int32_t partition;
    int32_t leader_epoch;
    int64_t offset;
    int64_t commit_ms;
    int64_t expire_ms;      /* -1: by offsets.retention.minutes */
    struct string metadata; /* owned */
    struct uuid topic_id;   /* zero: not known */
};

/* A value to store; strings are copied. */
struct offset_value {
    int64_t offset;
    int32_t leader_epoch;
    int64_t commit_ms;
    int64_t expire_ms;
    struct string metadata;
    struct uuid topic_id;
};

void group_offsets_init(struct group_offsets *offsets);
void group_offsets_release(struct group_offsets *offsets);

struct committed_offset *group_offsets_find(const struct group_offsets *offsets,
                                            struct string topic, int32_t partition);
struct offset_topic *group_offsets_find_topic(const struct group_offsets *offsets,
                                              struct string topic);
void group_offsets_put(struct group_offsets *offsets, struct string topic, int32_t partition,
                       const struct offset_value *value);
void group_offsets_remove(struct group_offsets *offsets, struct committed_offset *committed);

#endif
