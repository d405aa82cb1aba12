/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the coordinator share: the coordinator itself and its shards, one for each
 * partition of __consumer_offsets that this broker leads. Thread: the shard's own.
 */
#ifndef GYRE_COORDINATOR_GROUP_COORDINATOR_STATE_H
#define GYRE_COORDINATOR_GROUP_COORDINATOR_STATE_H

#include "gyre/base/list.h"
#include "gyre/base/map.h"
#include "gyre/base/uuid.h"
#include "gyre/config/config.h"
#include "gyre/metadata/catalog.h"
#include "gyre/partition/partition.h"
#include "gyre/runtime/loop.h"
#include "gyre/wire/record_batch_builder.h"

#include "coordinator/group_coordinator.h"

struct group_loader;

/* Kafka's constant: a new member that does not come back within it is forgotten. */
enum { GROUP_NEW_MEMBER_TIMEOUT_MS = 5 * 60 * 1000 };

struct group_coordinator {
    struct group_coordinator_services services;
    struct map groups;           /* struct group, by id */
    struct group_shard **shards; /* owned; by partition, NULL: not led here */
    int32_t shard_count;
    int64_t offset_count;
    struct list finished; /* calls whose answer is made */
    struct task finish;
    struct partition_listener partition_listener;
    struct catalog_listener catalog_listener;
    struct list deleted_topics; /* noted, to be taken out of groups */
    struct task forget_topics;
    struct timer retention;
    bool is_closing;
};

struct group_shard {
    struct group_coordinator *coordinator;
    struct partition *partition; /* borrowed while we lead it */
    int32_t index;
    bool is_active;              /* false: being loaded */
    bool is_dropped;             /* leadership is lost; it is being taken apart */
    struct group_loader *loader; /* while it runs */
    struct list groups;
    /* ---- group_store ---- */
    struct record_batch_builder builder; /* records of this turn */
    struct list gathering;               /* struct group_write, those whose records are in it */
    struct list refused;                 /* struct group_write, never to be written */
    struct list inflight;                /* struct group_batch, in order */
    struct task flush;
};

/* The answer is made: done() will be called soon. */
void group_coordinator_finish(struct group_coordinator *coordinator, struct group_call *call);

#endif
