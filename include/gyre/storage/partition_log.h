/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A partition log is the Raft log of one group on one disk. Entries that are record batches
 * consume Kafka offsets and lie byte for byte in `.log` segments; all others (commands, barriers,
 * membership changes) lie in a side log only and consume none.
 *
 * Each change returns a sequence number that grows within the log; storage_listener.durable()
 * reports how far it is durable, in order. Nothing is ever reported inside the call that asked.
 *
 * Thread: the shard's own.
 */
#ifndef GYRE_STORAGE_PARTITION_LOG_H
#define GYRE_STORAGE_PARTITION_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/base/buffer.h"
#include "gyre/base/error.h"
#include "gyre/base/list.h"
#include "gyre/storage/group_id.h"

struct partition_log;

/* Numbers on disk and on the wire: append only. */
enum entry_kind {
    ENTRY_BATCH = 1,   /* payload: one record batch, magic 2 */
    ENTRY_COMMAND = 2, /* payload: bytes for the group's state machine */
    ENTRY_BARRIER = 3, /* no payload */
    ENTRY_CHANGE = 4,  /* payload: an encoded Raft configuration */
};

struct log_entry {
    uint64_t index; /* 1 is the first */
    uint64_t term;
    enum entry_kind kind;
    int32_t offset_count;        /* BATCH: records' offsets it consumes; otherwise 0 */
    int64_t base_offset;         /* BATCH: of its first record; otherwise the next offset */
    uint64_t digest;             /* BATCH: computed once, by the first leader; otherwise 0 */
    struct buffer_slice payload; /* one reference */
};

enum log_durability {
    LOG_DURABILITY_FSYNC,  /* durable: on stable storage */
    LOG_DURABILITY_MEMORY, /* durable: handed to the system; synced soon. All but entries: fsync */
};

struct log_options {
    enum log_durability durability;
    int32_t segment_bytes;
    int64_t segment_ms;
    int32_t index_interval_bytes;
};

/* What a Raft snapshot names: everything before `index` is in the segments and in `state`. */
struct log_snapshot {
    uint64_t index;
    uint64_t term;
    int64_t start_offset; /* first offset that the log still has to keep */
    int64_t next_offset;  /* first offset behind `index` */
    uint64_t configuration_index;
    struct buffer_slice configuration; /* encoded by the consensus layer */
    struct buffer_slice state;         /* encoded by the state machine; checksummed by storage */
};

/* ---- identity and settings ---- */
struct group_id partition_log_group(const struct partition_log *log);
void partition_log_set_context(struct partition_log *log, void *context);
void partition_log_set_options(struct partition_log *log, const struct log_options *options);

/* ---- what is there (immediately after open: what recovery found) ---- */
uint64_t partition_log_term(const struct partition_log *log);
uint64_t partition_log_vote(const struct partition_log *log);        /* raft id, 0: none */
uint64_t partition_log_first_index(const struct partition_log *log); /* last + 1 when empty */
uint64_t partition_log_last_index(const struct partition_log *log);
uint64_t partition_log_term_at(const struct partition_log *log, uint64_t index); /* 0: unknown */
int64_t partition_log_start_offset(const struct partition_log *log);
int64_t partition_log_end_offset(const struct partition_log *log); /* next to be assigned */
int64_t partition_log_size_bytes(const struct partition_log *log);
bool partition_log_is_corrupt(const struct partition_log *log);
/* The operating system stopped uncleanly while this log's durability was MEMORY: behind its end
 * there may have been entries that were reported durable. Its replica must not vote until it has
 * what a leader has, or an operator takes the log for the truth; trust() says that this is so. */
bool partition_log_is_doubtful(const struct partition_log *log);
void partition_log_trust(struct partition_log *log);
/* Newest durable snapshot; index 0 if there is none. Borrowed until the next set or install. Where
 * records were lost, the newest of before that: up to its offset the batches are the right ones. */
const struct log_snapshot *partition_log_snapshot(const struct partition_log *log);

/* ---- changes; all return the sequence to wait for ---- */
uint64_t partition_log_set_term_vote(struct partition_log *log, uint64_t term, uint64_t vote);
/* Indexes continue the log. Takes the payloads' references. */
uint64_t partition_log_append(struct partition_log *log, const struct log_entry *entries,
                              int count);
/* Remove `index` and everything behind it. */
uint64_t partition_log_truncate(struct partition_log *log, uint64_t index);
/* Takes the references. Its index was applied here and lies in the log. */
uint64_t partition_log_set_snapshot(struct partition_log *log, const struct log_snapshot *snapshot);
/* Entries up to `index` (<= durable snapshot) need not be found any more. */
void partition_log_forget(struct partition_log *log, uint64_t index);
/* The committed start of the log moved; segments wholly below it go once a durable snapshot
 * carries a start_offset at or above it and nothing pins them. */
void partition_log_set_start_offset(struct partition_log *log, int64_t offset);

/* ---- reading entries, for followers and for replay ---- */
enum { ENTRIES_READ_MAX = 256 };
struct entries_read {
    uint64_t from_index;
    size_t bytes_max;                           /* at least one entry comes, whatever its size */
    struct log_entry entries[ENTRIES_READ_MAX]; /* out; references are the reader's */
    int entry_count;
    enum error error; /* RANGE: forgotten or not there. CORRUPT */
    void (*done)(struct entries_read *read);
    void *private_state;
};
/* True: the result is there now and done() will not be called. */
bool partition_log_read_entries(struct partition_log *log, struct entries_read *read);
void entries_read_release(struct entries_read *read); /* drops the references */

/* ---- reading batches, for consumers ---- */
enum { BATCHES_READ_SLICES_MAX = 128 };
struct batches_read {
    int64_t offset;       /* the batch that contains it comes first */
    int64_t limit_offset; /* only batches wholly below: high watermark or last stable offset */
    size_t bytes_max;
    bool at_least_one; /* the first batch comes even if it is larger than bytes_max */
    bool takes_ranges; /* a slice may be a file range (gyre/runtime/file_range.h) */
    struct buffer_slice slices[BATCHES_READ_SLICES_MAX]; /* out; whole batches, in order */
    int slice_count;
    size_t bytes;
    enum error error; /* RANGE: below the start, and not pinned, or above the end. CORRUPT */
    void (*done)(struct batches_read *read);
    void *private_state;
};
bool partition_log_read_batches(struct partition_log *log, struct batches_read *read);
void batches_read_release(struct batches_read *read);

/* First batch at or behind `from_offset` and below limit_offset whose max timestamp is at or above
 * `timestamp_ms`. The reader looks inside it. */
struct time_search {
    int64_t timestamp_ms;
    int64_t from_offset;
    int64_t limit_offset;
    struct buffer_slice batch; /* out; length 0: none */
    enum error error;
    void (*done)(struct time_search *search);
    void *private_state;
};
bool partition_log_find_time(struct partition_log *log, struct time_search *search);
/* Largest timestamp among batches below limit_offset, and the batch that holds it (KIP-734). */
bool partition_log_find_max_time(struct partition_log *log, struct time_search *search);

/* ---- retention ---- */
/* The start offset that these limits ask for: whole segments, as in Kafka the active one too when
 * all in it is too old (its file stays until it is full). The current start if nothing is to go; it
 * may lie above what is committed. -1 means no limit. */
int64_t partition_log_retention_offset(const struct partition_log *log, int64_t now_ms,
                                       int64_t retention_ms, int64_t retention_bytes);
/* While pinned (a follower or mirror pulls), batches at or above `offset` stay and can be read. */
struct log_pin {
    struct list link;
    int64_t offset;
};
void partition_log_pin(struct partition_log *log, struct log_pin *pin);
void partition_log_unpin(struct partition_log *log, struct log_pin *pin);

/* ---- install: replace what is behind our committed prefix by a leader's snapshot ---- */
/*
 * 1. install_start (again, if it turns out otherwise): drops entries behind `keep_index` (0: all);
 * where `start_offset` lies beyond what is kept, everything goes. Returns a sequence like any
 * change.
 * 2. install_append: whole batches in order, from partition_log_end_offset() on; Takes the slice.
 * 3. install_finish: when it is durable the log begins behind snapshot->index.
 * A crash before the end leaves the kept prefix; where nothing was kept (keep_index 0, or all of
 * it before start_offset), the log comes back corrupt: it may have acknowledged what is gone.
 */
uint64_t partition_log_install_start(struct partition_log *log, uint64_t keep_index,
                                     int64_t start_offset);
void partition_log_install_append(struct partition_log *log, struct buffer_slice batches);
uint64_t partition_log_install_finish(struct partition_log *log,
                                      const struct log_snapshot *snapshot);

#endif
