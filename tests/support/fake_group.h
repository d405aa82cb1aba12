/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One Raft group in memory, moved by the test: it says when this node leads, what is committed and
 * how far the other replicas are. Stands in for raft and storage where a unit test wants one exact
 * order of events. Callbacks come from fake_group_*() only, never from inside the calls of the
 * partition.
 */
#ifndef GYRE_TESTS_SUPPORT_FAKE_GROUP_H
#define GYRE_TESTS_SUPPORT_FAKE_GROUP_H

#include "gyre/partition/partition.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/work.h"

enum { FAKE_GROUP_ENTRIES_MAX = 512, FAKE_GROUP_NODE = 1 };

struct partition_log {
    struct group_id group;
    struct log_entry entries[FAKE_GROUP_ENTRIES_MAX]; /* [0] has index 1 */
    uint64_t count;
    int64_t start_offset;
    int64_t retention_offset; /* what retention would ask for */
    bool reads_late;          /* batch reads finish in fake_group_finish_read() */
    struct batches_read *late_read;
};

struct consensus_group {
    struct partition_log *log;
    const struct state_machine *machine;
    void *context;
    uint64_t term;
    uint64_t applied;
    bool leads;
    bool will_lead;
    int32_t leader;
    enum error submit_error; /* what the next submits return */
    uint64_t room;           /* entries that may be unapplied before BUSY; 0: no limit */
    uint64_t match[3];       /* of nodes 1, 2, 3 */
    bool is_live[3];
    int snapshots;
};

struct fake_group {
    struct clock clock;
    uint64_t now_us;
    struct loop loop;
    struct work_pool pool;
    struct list works;
    struct partition_table *table;
    struct partition *partition;
    struct consensus_group *group;
    struct topic_config config;
    bool has_space;
};

void fake_group_init(struct fake_group *fake);
void fake_group_release(struct fake_group *fake);
void fake_group_elect(struct fake_group *fake); /* lead() is still to come */
void fake_group_lead(struct fake_group *fake, uint64_t term);
void fake_group_follow(struct fake_group *fake, int32_t leader, uint64_t term);
/* An entry of another leader, committed at once. Takes the payload's reference. */
void fake_group_replicate(struct fake_group *fake, uint64_t term, enum entry_kind kind,
                          struct buffer_slice payload, int32_t offset_count);
void fake_group_commit(struct fake_group *fake); /* all that is submitted */
void fake_group_commit_one(struct fake_group *fake);
void fake_group_match(struct fake_group *fake, int32_t node, uint64_t index);
/* Throw the replica away and open it again from a snapshot of its state and the log behind it. */
void fake_group_restart_from_snapshot(struct fake_group *fake);
/* Throw the replica away, open it again and apply the whole log anew. */
void fake_group_restart_from_log(struct fake_group *fake);
void fake_group_finish_read(struct fake_group *fake);
void fake_group_turn(struct fake_group *fake);
void fake_group_pass(struct fake_group *fake, uint64_t us); /* let time go by */

/* A batch of `count` records of `value` bytes, timestamps 1000, 1001, ... */
struct buffer *fake_group_batch(int count, size_t value_bytes, int64_t producer_id, int16_t epoch,
                                int32_t base_sequence);

#endif
