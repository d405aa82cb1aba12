/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside storage: the structures that its files share. Nothing outside server/storage includes
 * this.
 *
 * An entry's way: appended to its log's tail (memory) and to the journal; durable; moved to the
 * segments by the log's mover; synced by the next checkpoint, which also lets the journal recycle
 * what it had of the entry. Positions in segments are fixed at the append, so that a big batch can
 * be written to its place before the entries in front of it are.
 */
#ifndef GYRE_STORAGE_STORAGE_STATE_H
#define GYRE_STORAGE_STORAGE_STATE_H

#include "gyre/base/list.h"
#include "gyre/base/map.h"
#include "gyre/runtime/disk.h"
#include "gyre/runtime/loop.h"
#include "gyre/storage/partition_log.h"
#include "gyre/storage/storage.h"

#include "format.h"
#include "journal.h"

enum {
    STORAGE_PATH_MAX = 512,
    INLINE_ENTRIES_MAX = 16,           /* without a batch, so few entries stay in the checkpoint */
    INLINE_BYTES_MAX = 1024,           /* and so small */
    MOVE_BYTES_MIN = 256 * 1024,       /* a log with so much goes to its segments */
    MOVE_BYTES_MIN_SCARCE = 64 * 1024, /* the same, while the cache is full of what is to move */
    MOVE_BYTES_MAX = 2 * 1024 * 1024,
    MOVE_VECTORS_MAX = 512,
    MOVES_AT_ONCE_MAX = 8,
    WRITE_BACK_BYTES = 256 * 1024, /* of one segment; more at once is in the journal's way */
    OPEN_FILES_DEFAULT = 1024,     /* descriptors of logs' files */
    SYNCS_AT_ONCE_MAX = 2,         /* so that reads still find a free thread */
    SINGLE_SYNCS_DEFAULT = 128,
    OUTSIDE_BYTES_MIN = 128 * 1024, /* a batch so large goes straight to its segment */
    INDEX_BYTES_MIN = 64 * 1024,    /* of batches per index slot, at least */
    REASON_MAX = 256,
};

/* ---- files of a log ---- */

enum log_file_kind {
    LOG_FILE_DATA,
    LOG_FILE_INDEX, /* is not written; the number stays taken */
    LOG_FILE_ENTRIES,
    LOG_FILE_COMMANDS,
    LOG_FILE_STATE
};

/* An open file, or one that could be. */
struct log_file {
    struct list idle_link;  /* in descriptors.idle, most recent last: it may be closed */
    struct list dirty_link; /* in syncs.dirty: written and not synced */
    uint64_t dirty_mark;    /* since when */
    uint64_t flush_round;   /* outside_flush.c */
    int fd;                 /* -1: not open */
    int64_t written_back;   /* up to here its bytes were sent to the disk, or will be in a moment */
    int holders;            /* its segment stays alive */
    int users;              /* among them: requests under way; it stays open, too */
    enum log_file_kind kind;
    bool was_opened; /* for writing, by this process */
    bool is_fresh;   /* to be made empty at the first open for writing */
    bool is_orphan;  /* dropped from its log; freed with the last user */
};

struct segment_index {
    struct index_slot *slots; /* owned */
    uint32_t count;
    uint32_t capacity;
};

/* A .log */
struct data_segment {
    struct log_file file;
    bool is_named; /* its name is on stable storage: what is written to it can be promised */
    int64_t base_offset;
    int64_t end_offset;
    int64_t max_timestamp_ms; /* -1: no batch */
    int64_t max_timestamp_offset;
    uint32_t size;          /* as assigned */
    uint32_t unindexed;     /* bytes at the front that `index` does not describe */
    uint32_t noted_count;   /* slots of that front which a walk has noted since, in order */
    bool is_max_loose;      /* a truncation may have taken the batch with max_timestamp_ms */
    bool is_front_verified; /* as in a slot, of what lies before the first */
    struct segment_index index;
};

/* A .entries with its .commands */
struct side_segment {
    struct log_file entries;
    struct log_file commands;
    uint64_t first_index;
    uint64_t end_index;
    uint32_t command_bytes;
};

/* Files to unlink once no checkpoint names them. */
struct doomed_file {
    enum log_file_kind kind;
    uint64_t number;
    enum { DOOMED_WITH_SNAPSHOT, DOOMED_LATER, DOOMED_IN_CHECKPOINT, DOOMED_NOW } when;
};

/* ---- the tail: entries in memory ---- */

struct tail_entry {
    struct log_entry entry;
    uint64_t lsn;
    uint64_t sequence;
    int64_t max_timestamp_ms;
    uint32_t position;
    uint32_t size; /* of the payload */
    uint32_t crc;  /* of the payload */
    uint8_t rolls;
    bool is_outside;  /* its payload went straight to the segment */
    uint64_t outside; /* under this number */
};

struct log_tail {
    struct tail_entry *ring; /* owned; a power of two, or NULL */
    uint32_t capacity;
    uint32_t head; /* slot of the first */
    uint32_t count;
    uint64_t first_index; /* of the first in memory; last + 1 when empty */
};

/* ---- a log ---- */

struct term_run {
    uint64_t first_index;
    uint64_t term;
};

/* The end of a prefix of the log, in entries and in files. */
struct log_position {
    uint64_t index; /* last entry of the prefix */
    int64_t offset; /* next offset behind it */
    int64_t data_base;
    uint32_t data_size;
    uint32_t command_bytes;
    uint64_t side_first;
};

/* A write outside of the journal that a change waits for. */
struct outside_write {
    struct list link;           /* in log.outside_writes, by sequence */
    struct list all_link;       /* in storage.outside_writes, by number, if it has one */
    struct list unwritten_link; /* in storage.outside_unwritten, the same, until it is written */
    uint64_t number;
    uint64_t sequence;
};

struct mover; /* the one job that writes a log's files; see mover.c */
struct state_job;
struct install;

struct partition_log {
    struct map_link by_group;
    struct storage *storage;
    struct group_id group;
    void *context;
    struct log_options options;
    /* what Raft wants to keep */
    uint64_t term;
    uint64_t vote;
    uint64_t last_index;
    uint64_t first_index;
    struct term_run *terms; /* owned; the first one covers first_index - 1 */
    uint32_t term_count;
    uint32_t term_capacity;
    struct log_snapshot snapshot;  /* newest durable */
    struct log_snapshot announced; /* newest set; becomes `snapshot` when durable */
    uint64_t announced_lsn;        /* of the oldest snapshot record that is not durable; 0: none */
    uint64_t announced_sequence;   /* its record is durable with this; 0: it has none yet */
    struct outside_write *announced_hold; /* until it has a record */
    uint64_t written_state_index;         /* whose state file is being written */
    bool announced_is_newer;              /* than that */
    bool announced_waits;                 /* for big batches to be stable */
    struct state_job *state_job;
    /* offsets */
    int64_t start_offset;
    int64_t end_offset;
    struct list pins;
    /* changes */
    uint64_t sequence;          /* of the last change */
    uint64_t journal_sequence;  /* durable in the journal */
    uint64_t durable_sequence;  /* reported */
    uint64_t recovery_sequence; /* of what recovery changed; nobody waits for it */
    struct journal_party party;
    struct list outside_writes;
    /* entries in memory and in files */
    struct log_tail tail;
    size_t tail_bytes;
    uint64_t durable_index; /* entries up to it are durable and still the same */
    struct log_position moved;
    struct log_position syncing; /* `moved` when the running checkpoint began to sync */
    struct log_position synced;
    size_t unmoved_bytes;
    struct data_segment **data; /* owned; by base offset */
    uint32_t data_count;
    uint32_t data_capacity;
    struct side_segment **side; /* owned; by first index */
    uint32_t side_count;
    uint32_t side_capacity;
    struct doomed_file *doomed; /* owned */
    uint32_t doomed_count;
    uint32_t doomed_capacity;
    int64_t segment_began_ms; /* wall time of the active segment's first append; 0: not known */
    /* work */
    struct list move_link;  /* in storage.move_queue */
    struct list cache_link; /* in storage.cached_logs, least recently used first */
    struct mover *mover;
    int reads_running;
    struct log_position cut;  /* where the files are to be cut, if needs_cut */
    uint64_t replayed_lsn;    /* recovery skips records up to it */
    uint64_t syncing_lsn;     /* records up to it are part of `syncing` */
    uint64_t synced_lsn;      /* and of `synced` */
    uint64_t cut_sequence;    /* the truncation that must be durable before */
    struct list outside_jobs; /* struct outside_job: waiting, or under way */
    int outside_running;
    int outside_relaxed; /* jobs that nobody waits for, until they are stable */
    struct list pulled;  /* struct pulled_batches, being installed */
    struct list corrupt_link;
    char *corrupt_reason; /* owned */
    uint64_t truncations; /* a read that ran meanwhile begins again */
    struct install *install;
    bool is_in_checkpoint; /* the running checkpoint waits for its entries to be moved */
    bool needs_cut;
    bool drop_waits;    /* a segment is dropped when the next checkpoint has synced what follows */
    bool needs_segment; /* an outside write waits for the active .log to be made */
    bool has_directory;
    bool directory_is_dirty;
    bool is_corrupt;
    bool is_installing;
    bool keeps_nothing;    /* ... and everything was dropped for it */
    bool is_state_missing; /* recovery could not read the snapshot's state file */
    bool is_held;          /* an older log of the same group is still being removed */
    bool is_removed;
    bool is_memory;             /* as recorded: what it reports durable may not be stable yet */
    bool is_doubtful;           /* ... and may have been lost with the operating system */
    uint32_t trusted_open;      /* see durability_meta */
    bool is_directory_expected; /* while recovery looks */
    bool was_replayed;          /* the journal had something of it */
    bool is_broken;             /* ... that does not fit together */
};

/* ---- storage ---- */

struct checkpointer; /* checkpoint.c */

struct log_sync {
    struct disk_request request;
    struct storage *storage;
    struct log_file *file; /* used; NULL: nothing to do */
    uint64_t mark;
};

/* log_sync.c */
struct log_syncs {
    struct list dirty; /* of struct log_file, oldest mark first */
    int dirty_count;
    int single_max; /* more than so many are synced all together */
    uint64_t last_mark;
    uint64_t wanted; /* marks up to it are to be synced at once */
    struct disk_request all;
    uint64_t all_mark; /* the sync of all that is under way covers it; 0: none is */
    bool is_all_wanted;
    bool is_wanted_running; /* that is the one */
    struct log_sync jobs[SYNCS_AT_ONCE_MAX];
};

/* descriptors.c */
struct descriptors {
    struct list idle;    /* of struct log_file */
    struct list waiting; /* of struct descriptor_job, oldest first: for room */
    struct list patient; /* the same: for the operating system */
    struct timer again;
    bool is_refused; /* the operating system had none; wait for a close or the timer */
    int limit_max;
    int limit;   /* lower while the operating system refuses more */
    int count;   /* of logs' files: open, being opened or being closed */
    int closing; /* among them */
};

struct storage {
    struct loop *loop;
    struct disk *disk;
    struct storage_options options;
    char directory[STORAGE_PATH_MAX];
    char journal_directory[STORAGE_PATH_MAX];
    struct storage_listener listener;
    struct storage_identity identity;
    uint64_t open_count;
    uint32_t doubted_open; /* see durability_meta */
    bool was_clean;
    enum error recovery_error; /* what was there could not be looked at */
    struct journal *journal;
    struct map logs;
    /* moving entries to segments */
    struct list move_queue;
    struct task move_task;
    int moves_running;
    struct list jobs;         /* every struct storage_job under way */
    struct timer retry_timer; /* space ran out in a segment write */
    /* files */
    struct descriptors descriptors;
    struct log_syncs syncs;
    bool root_is_dirty;                /* a log's directory was made or removed */
    struct list removals;              /* struct removal, removal.c */
    struct checkpointer *checkpointer; /* owned */
    uint64_t lsn_at_start; /* no record before it is wanted any more than the checkpoint says */
    /* memory */
    struct list cached_logs;
    size_t cached_bytes;
    bool is_cache_drained; /* no log holds an entry that is in a segment */
    size_t outside_bytes;  /* on their way to segments, bypassing the journal */
    size_t pulled_bytes;   /* pulled for installs and not written */
    int lent_count;        /* log_lend.c */
    /* reports that must not come inside the call that caused them */
    struct list corrupt_logs;
    struct task corrupt_task;
    /* writes outside of the journal */
    uint64_t next_outside;
    struct list outside_writes;    /* struct outside_write by all_link, by number */
    struct list outside_unwritten; /* struct outside_write by unwritten_link, by number */
    struct list outside_unsynced;  /* struct outside_job by unsynced_link */
    struct timer outside_timer;    /* they are synced then */
    uint64_t outside_round;
    /* space */
    int64_t usable_bytes;
    uint64_t usable_asked_us;
    size_t taken_bytes; /* since then */
    struct timer space_timer;
    bool has_space;
    bool is_closing;
    bool is_dead; /* a write failed for good; nothing is done any more */
    void (*closed)(void *context);
    void *closed_context;
    struct task close_task;
    struct timer close_timer;
    uint64_t close_count;                             /* checkpoints that there must be */
    void (*fatal)(void *context, const char *reason); /* marks us dead, then calls the user's */
    void *fatal_context;
    void (*user_fatal)(void *context, const char *reason);
    void *user_fatal_context;
    struct journal_events journal_events;
};

/* Work with the disk that outlives the call that began it; freed by abandon if need be. */
struct storage_job {
    struct list link; /* in storage.jobs */
    struct storage *storage;
    void (*abandon)(struct storage_job *job); /* free it; no callbacks */
};

static inline void storage_job_init(struct storage_job *job, struct storage *storage,
                                    void (*abandon)(struct storage_job *job))
{
    job->storage = storage;
    job->abandon = abandon;
    list_init(&job->link);
    list_append(&storage->jobs, &job->link);
}

#endif
