/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A group is one Raft group: a partition of a topic, or the catalog. The catalog's id is all
 * zeroes with partition 0; no topic has the zero id.
 */
#ifndef GYRE_STORAGE_GROUP_ID_H
#define GYRE_STORAGE_GROUP_ID_H

#include "gyre/base/map.h"
#include "gyre/base/uuid.h"

struct group_id {
    struct uuid topic;
    int32_t partition;
};

static inline bool group_id_equal(struct group_id a, struct group_id b)
{
    return a.partition == b.partition && uuid_equal(a.topic, b.topic);
}

static inline uint64_t group_id_hash(struct group_id id)
{
    return hash_bytes(id.topic.bytes, sizeof id.topic.bytes) ^ hash_u64((uint64_t)id.partition);
}

static inline bool group_id_is_catalog(struct group_id id)
{
    return uuid_is_zero(id.topic);
}

#endif
