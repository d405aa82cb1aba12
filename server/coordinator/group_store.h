/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How records of groups get into their partition of __consumer_offsets: what one turn of the loop
 * brings is one batch. When it is committed, offsets and tombstones in it take effect in memory,
 * and then the writers hear of it: what was not committed is never seen.
 *
 * A writer that waits longer than offsets.commit.timeout.ms is told so, but the batch may still be
 * committed and takes effect then. Thread: the shard's own.
 */
#ifndef GYRE_COORDINATOR_GROUP_STORE_H
#define GYRE_COORDINATOR_GROUP_STORE_H

#include <stdbool.h>

#include "gyre/base/list.h"
#include "gyre/wire/kafka_error.h"

struct group;
struct group_records;
struct group_shard;

enum {
    GROUP_STORE_BATCH_BYTES = 512 * 1024,           /* enough for one batch of several writes */
    GROUP_STORE_WRITE_BYTES_MAX = 16 * 1024 * 1024, /* of one write */
};

/* Embedded by the writer, who owns it; it must live until done(), which never comes inside
 * group_store_write(). `error` is one that group members know. */
struct group_write {
    struct list link;    /* private */
    struct group *group; /* may be NULL; it is not freed before done() */
    void (*done)(struct group_write *write, enum kafka_error error);
};

void group_store_init(struct group_shard *shard);
/* Leadership is lost: writers are told, what is underway is let go. */
void group_store_release(struct group_shard *shard);

/* Empties `records`. `write` NULL: nobody waits. */
void group_store_write(struct group_shard *shard, struct group_records *records,
                       struct group_write *write);

/* The group as it is now, with its members' assignments or their next ones. */
void group_store_write_group(struct group *group, bool with_next_assignments,
                             struct group_write *write);

#endif
