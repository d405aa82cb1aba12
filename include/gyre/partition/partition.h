/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A partition is one replica of one partition of one topic on this broker: a Raft group's state
 * machine that speaks Kafka's nouns. It assigns offsets, knows the high watermark, leader epochs
 * and producers, and answers appends and reads. It knows no connections and no requests.
 *
 * Thread: the shard's own. Every operation is a struct of the caller's, which must live until
 * done(); done() never comes inside the call.
 */
#ifndef GYRE_PARTITION_PARTITION_H
#define GYRE_PARTITION_PARTITION_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/base/list.h"
#include "gyre/config/topic_config.h"
#include "gyre/raft/consensus.h"
#include "gyre/wire/kafka_error.h"

struct append_offload;
struct partition;
struct partition_table;
struct work_pool;

/* What partitions share. The pointers are borrowed for the table's life. */
struct partition_services {
    struct loop *loop;
    struct storage *storage;
    struct consensus *consensus;
    struct work_pool *pool;
    int32_t node_id;
    uint64_t retention_check_us;    /* log.retention.check.interval.ms; 0: five minutes */
    int64_t producer_expiration_ms; /* producer.id.expiration.ms; 0: one day */
};

/* How the rest of the broker hears of replicas (cluster, coordinator). Members may be NULL. */
struct partition_listener {
    struct list link;
    /* This replica leads now and takes reads and writes, under this epoch. */
    void (*lead)(void *context, struct partition *partition, int32_t leader_epoch);
    /* It leads no more, perhaps because it is being closed. */
    void (*follow)(void *context, struct partition *partition);
    void (*leader_changed)(void *context, struct partition *partition, int32_t leader,
                           int32_t leader_epoch);
    void (*members_changed)(void *context, struct partition *partition);
    void *context;
};

struct partition_table *partition_table_new(const struct partition_services *services);
void partition_table_free(struct partition_table *table); /* closes all groups */
/* producer.id.expiration.ms, from the next look on. */
void partition_table_set_producer_expiration(struct partition_table *table, int64_t expiration_ms);
/* The end of a simulated crash: storage owes answers that will never come. Nothing is answered. */
void partition_table_abandon(struct partition_table *table);
void partition_table_add_listener(struct partition_table *table,
                                  struct partition_listener *listener);

/* Open the replica: `members` as for consensus_open_group(). `config` is borrowed for the call. */
MUST_USE
enum error partition_open(struct partition_table *table, struct group_id group,
                          const struct consensus_member *members, int count,
                          const struct topic_config *config, struct partition **out_partition);
/* Close it; with `remove_data` its files go too. Open operations end with an error. */
void partition_close(struct partition *partition, bool remove_data);
void partition_set_config(struct partition *partition, const struct topic_config *config);
/* Borrowed until the next partition_set_config(). */
const struct topic_config *partition_config(const struct partition *partition);

struct partition *partition_find(const struct partition_table *table, struct group_id group);
void partition_for_each(struct partition_table *table,
                        void (*visit)(void *context, struct partition *partition), void *context);

/* ---- what it is now ---- */
struct partition_status {
    bool leads;
    bool will_lead;       /* elected; where its log ends is not settled yet */
    bool hands_over;      /* leads, and is giving that away: appends wait for how it ends */
    int32_t leader;       /* node id, -1: unknown */
    int32_t leader_epoch; /* epoch_base + term of that leader; never goes back here */
    int64_t log_start_offset;
    int64_t high_watermark;
    int64_t last_stable_offset;
    int64_t end_offset;
    int64_t size_bytes;
};
struct group_id partition_group(const struct partition *partition);
void partition_status(const struct partition *partition, struct partition_status *out_status);
struct consensus_group *partition_consensus(struct partition *partition);
/* Live replicas whose log is close to the leader's: what Metadata calls ISR. Leaders only. */
int partition_in_sync(const struct partition *partition, int32_t out_nodes[CONSENSUS_MEMBERS_MAX]);

/* Kafka's fencing of a client's idea of the epoch; -1 is no idea. FENCED_LEADER_EPOCH,
 * UNKNOWN_LEADER_EPOCH, NOT_LEADER_OR_FOLLOWER when `must_lead`. */
enum kafka_error partition_check_epoch(const struct partition *partition, int32_t epoch,
                                       bool must_lead);

/* ---- append ---- */
/* One batch a call, or one message set of an old format, of which the work pool makes a batch. */
struct partition_append {
    struct list link;          /* private while pending */
    struct buffer_slice batch; /* Takes the reference. Of magic 2: patched in place, not shared */
    bool from_client;          /* refuse control batches, apply client limits */
    bool is_message_set;       /* of magic 0 or 1 */
    int16_t acks;              /* 1 and -1 wait for commit; 0: done() when submitted */
    uint64_t timeout_us;       /* REQUEST_TIMED_OUT afterwards; the append may still happen */
    enum kafka_error error;    /* out, all below too */
    int64_t base_offset;
    int64_t log_append_time_ms; /* -1 unless LogAppendTime */
    int64_t log_start_offset;
    int32_t converted_count;    /* records of the batch that was made of a message set, else 0 */
    int32_t fault_record_index; /* of INVALID_RECORD and INVALID_TIMESTAMP, -1 none */
    const char *fault_message;  /* static or NULL */
    void (*done)(struct partition_append *append);
    uint64_t private_index;
    uint64_t private_deadline_us;
    struct append_offload *private_offload;
};
void partition_append(struct partition *partition, struct partition_append *append);

/* ---- read ---- */
enum partition_isolation { READ_UNCOMMITTED = 0, READ_COMMITTED = 1, READ_TO_LOG_END = 2 };
struct partition_read {
    int64_t offset;
    size_t bytes_max;
    bool at_least_one;
    bool takes_ranges;                  /* a slice may be a file range */
    enum partition_isolation isolation; /* READ_TO_LOG_END: for coordinators that load */
    enum kafka_error error;             /* out: OFFSET_OUT_OF_RANGE, KAFKA_STORAGE_ERROR, ... */
    struct batches_read batches;        /* out; release with batches_read_release() */
    struct partition_status status;     /* out, as of the read */
    void (*done)(struct partition_read *read);
};
/* True: the result is there now and done() will not be called. */
bool partition_read(struct partition *partition, struct partition_read *read);

/* Bytes that a read from `offset` could return now; for min_bytes. Cheap, an estimate is fine. */
int64_t partition_readable_bytes(const struct partition *partition, int64_t offset,
                                 enum partition_isolation isolation);

/* Wake a waiting fetch when the high watermark, leader or epoch of the partition changes. */
struct partition_waiter {
    struct list link;
    void (*changed)(struct partition_waiter *waiter); /* stays registered; runs as a task */
};
void partition_wait(struct partition *partition, struct partition_waiter *waiter);
void partition_wait_cancel(struct partition_waiter *waiter);

/* ---- offsets ---- */
struct offset_lookup {
    int64_t timestamp; /* Kafka's special values: -1 latest, -2 earliest, -3 max timestamp, ... */
    enum partition_isolation isolation;
    enum kafka_error error; /* out */
    int64_t offset;         /* -1: none */
    int64_t found_timestamp;
    int32_t leader_epoch;
    void (*done)(struct offset_lookup *lookup);
    void *private_state;
};
bool partition_lookup(struct partition *partition, struct offset_lookup *lookup); /* true: now */

/* End offset of the largest epoch <= `epoch` (KIP-101, KIP-320); (-1, -1) if there is none. */
void partition_end_of_epoch(const struct partition *partition, int32_t epoch, int32_t *out_epoch,
                            int64_t *out_end_offset);

/* ---- commands ---- */
struct partition_truncate {
    struct list link;
    int64_t offset; /* -1: high watermark */
    uint64_t timeout_us;
    enum kafka_error error; /* out */
    int64_t low_watermark;  /* out */
    void (*done)(struct partition_truncate *truncate);
    uint64_t private_index;
    uint64_t private_deadline_us;
};
/* DeleteRecords: advance the log start by a committed command. */
void partition_delete_records(struct partition *partition, struct partition_truncate *truncate);

/* Propose what retention asks for; called by the table's own timer. */
void partition_apply_retention(struct partition *partition, int64_t now_ms);

#endif
