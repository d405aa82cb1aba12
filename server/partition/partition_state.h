/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a partition, shared by the files of this directory: what was applied, who leads,
 * and what waits. Each group of functions below is named after the file that has them.
 *
 * Nothing here calls back into the asker at once: finished operations are queued at the table and
 * their done() runs from a task, so state is settled when the asker comes back.
 */
#ifndef GYRE_SERVER_PARTITION_PARTITION_STATE_H
#define GYRE_SERVER_PARTITION_PARTITION_STATE_H

#include "gyre/base/map.h"
#include "gyre/partition/partition.h"
#include "gyre/runtime/loop.h"
#include "gyre/wire/record_batch.h"

#include "partition/byte_history.h"
#include "partition/leader_epochs.h"
#include "partition/partition_commands.h"
#include "partition/producer_overlay.h"
#include "partition/producer_state.h"

enum {
    /* Appends of one partition that are not applied yet. Beyond it producers are told to retry. */
    PARTITION_PENDING_BYTES_MAX = 64 * 1024 * 1024,
    PARTITION_PENDING_COUNT_MAX = 10000,
    APPEND_FAULT_ARENA_BYTES = 64 * 1024, /* for the indexes of faulty records */
    PARTITION_SPARE_BATCHES_MAX = 1024,
    PARTITION_SUBMIT_MAX = 64, /* entries handed to consensus in one call */
    /* A live replica whose log ends this many entries behind the leader's is not in sync. */
    PARTITION_IN_SYNC_ENTRIES = 10000,
};

/* What a look at a batch told. */
struct append_verdict {
    enum batch_fault fault;
    int32_t record_index; /* that the fault concerns; -1: the whole batch */
    size_t size;          /* of the batch; bytes behind it are ignored, as in Kafka */
    int64_t append_time_ms;
    uint8_t codec;
};

struct partition_table {
    struct partition_services services;
    struct map by_group;   /* struct partition, owned */
    struct list listeners; /* borrowed */
    /* what the tasks have to do */
    struct list completed_appends;
    struct list completed_truncates;
    struct list changed; /* partitions whose waiters are to be woken */
    struct list orphans; /* waiters of partitions that were closed */
    struct task complete;
    struct task wake;
    /* deadlines and upkeep */
    struct list busy;    /* partitions with operations that can time out */
    struct list closing; /* closed partitions for which storage still reads */
    struct timer sweep;
    struct timer upkeep;
    uint64_t retention_due_us;
    uint64_t expiry_due_us;
    struct list
        spare_batches; /* owned struct inflight_batch, as one comes and goes with each append */
    int spare_count;
    struct log_entry submitting[PARTITION_SUBMIT_MAX]; /* scratch of one call of append_submit() */
};

struct partition {
    struct map_link by_group;
    struct list changed; /* in table->changed */
    struct list busy;    /* in table->busy, or in table->closing */
    struct partition_table *table;
    struct group_id group;
    struct storage *storage;           /* borrowed; may outlive the table while we are read */
    struct partition_log *log;         /* borrowed from storage */
    struct consensus_group *consensus; /* owned until close */
    struct topic_config config;

    /* ---- applied state, the same on every replica ---- */
    int64_t high_watermark;
    int64_t log_start_offset;
    int32_t epoch_base;
    struct leader_epochs epochs;
    struct producer_state producers;

    /* ---- role ---- */
    bool leads;
    bool is_closed;
    bool is_failed; /* the group stopped: its log contradicts, or is newer than this program */
    bool needs_snapshot;
    bool retention_is_proposed;
    int32_t leader;
    int32_t leader_epoch;
    uint64_t term;

    /* ---- appends, at the leader ---- */
    enum kafka_error refusal; /* what refused batches were told, until one is taken again */
    int64_t next_offset;
    struct list queue;    /* struct partition_append without offsets yet */
    struct list prepared; /* struct inflight_batch with offsets, not yet taken by consensus */
    struct list inflight; /* struct inflight_batch, submitted */
    struct list matching; /* struct partition_append, committed, waiting for min.insync.replicas */
    struct list doubted;  /* struct partition_append, out of order unless we lead no longer */
    struct map overlay;   /* producer_overlay.h */
    struct task submit;
    size_t pending_bytes;
    int pending_count;

    /* ---- the rest ---- */
    struct list truncates;        /* struct partition_truncate */
    struct list waiters;          /* struct partition_waiter */
    struct byte_history *history; /* owned; NULL until the first batch */
    int open_reads;               /* answers that storage still owes us */
};

/* ---- partition.c ---- */
void partition_after_read(struct partition *partition); /* one open read less */
void partition_free(struct partition *partition);

/* ---- partition_table.c ---- */
void partition_table_complete_append(struct partition_table *table, struct partition_append *append,
                                     enum kafka_error error);
void partition_table_complete_truncate(struct partition_table *table,
                                       struct partition_truncate *truncate, enum kafka_error error);
void partition_table_mark_changed(struct partition *partition);
void partition_table_mark_busy(struct partition *partition);
struct inflight_batch *partition_table_take_batch(struct partition_table *table); /* zeroed */
void partition_table_return_batch(struct partition_table *table, struct inflight_batch *batch);

/* ---- append.c ---- */
void append_init(struct partition *partition);
/* Fill consensus' window from what is prepared and queued. */
void append_submit(struct partition *partition);
void append_fail_all(struct partition *partition, enum kafka_error error);
/* Where the next entry that is submitted lies. */
int64_t append_submit_offset(const struct partition *partition);

/* Give up one that waits in the queue. */
void append_drop_queued(struct partition *partition, struct partition_append *append,
                        enum kafka_error error);

/* Take what the look at its bytes told. */
enum kafka_error append_take_verdict(struct partition *partition, struct partition_append *append,
                                     const struct append_verdict *verdict);

/* ---- append_offload.c ---- */
/* Look at the batch now. False: that would take long, and is for the pool; nothing was decided. */
MUST_USE
bool append_offload_check(const struct partition_append *append, const struct batch_rules *rules,
                          struct append_verdict *out_verdict);
/* `checked` NULL: check it too. Before private_offload is NULL again the append cannot go on. */
void append_offload_start(struct partition *partition, struct partition_append *append,
                          const struct batch_rules *rules, const struct append_verdict *checked);
void append_offload_abandon(struct partition_append *append);

/* ---- append_commit.c ---- */
void append_applied(struct partition *partition, const struct log_entry *entry);
/* Entries up to `index` are applied: answer the out-of-order appends that waited for that. */
void append_confirm(struct partition *partition, uint64_t index);
/* Answer what waits for replicas and has them, or cannot get them any more. */
void append_check_matches(struct partition *partition);
void append_expire(struct partition *partition, uint64_t now_us);
void append_answer(struct partition *partition, struct inflight_batch *batch,
                   enum kafka_error error);

/* ---- high_watermark.c ---- */
void high_watermark_apply(struct partition *partition, const struct log_entry *entry);
/* Do as many replicas as min.insync.replicas asks for have the entry, this one included? */
bool high_watermark_has_matches(const struct partition *partition, uint64_t index);
/* Are as many in sync as it asks for? */
bool high_watermark_has_replicas(const struct partition *partition);

/* ---- log_start.c ---- */
void log_start_apply(struct partition *partition, const struct partition_command *command,
                     uint64_t index);
/* A command that changes nothing: when it is applied, we led at the time of the call. */
MUST_USE
enum error log_start_submit_unchanged(struct partition *partition, uint64_t *out_index);
void log_start_retry(struct partition *partition);
void log_start_expire(struct partition *partition, uint64_t now_us);
void log_start_fail_all(struct partition *partition, enum kafka_error error);
void log_start_expire_producers(struct partition *partition, int64_t now_ms);

/* ---- partition_snapshot.c ---- */
struct buffer *partition_snapshot_encode(const struct partition *partition);
MUST_USE
enum error partition_snapshot_decode(struct partition *partition,
                                     const struct log_snapshot *snapshot);

#endif
