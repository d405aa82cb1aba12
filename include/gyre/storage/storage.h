/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Storage is everything one shard keeps on its disk: one journal, and one partition log for each
 * Raft group. It knows entries, offsets and bytes; it does not know leaders, quorums or clients.
 *
 * Every change goes through the journal first and is answered by durable(); segments are written
 * lazily behind it. A failed write (other than for lack of space) or a failed sync ends the
 * process: what the disk then holds is unknown, and restart recovers.
 *
 * Thread: the shard's own. Sources: DESIGN in server/storage/README.md.
 */
#ifndef GYRE_STORAGE_STORAGE_H
#define GYRE_STORAGE_STORAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gyre/base/error.h"
#include "gyre/storage/group_id.h"

struct disk;
struct loop;
struct partition_log;
struct storage;

struct storage_options {
    const char *directory;      /* one of log.dirs; made by storage_format() */
    int64_t journal_file_bytes; /* 64 MiB; tests take less */
    int journal_file_count;     /* ring size at the start; grows when segments lag */
    size_t cache_bytes_max;     /* tail cache of all logs together */
    int64_t reserved_bytes;     /* free space below which appends are refused */
    int open_files_max;         /* descriptors of logs' files; 0: 1,024; at least 64 */
    int single_syncs_max;       /* to sync more files than so many, all are synced; 0: 128 */
    uint64_t memory_sync_us;    /* durability=memory: sync at the latest after this */
    uint64_t boot_id; /* of this run of the operating system; 0: only a close in order is clean */
};

/* Who this data belongs to, written once by format and checked at every open. */
struct storage_identity {
    struct uuid cluster_id; /* zero until the broker has joined */
    int32_t node_id;
    struct uuid directory_id; /* made by format; a lost disk cannot come back with it */
};

/* The events of all logs. `context` of a log is what partition_log_set_context() gave. */
struct storage_listener {
    /* All changes of the log up to `sequence` are as durable as its durability demands. */
    void (*durable)(void *log_context, uint64_t sequence);
    /* Stored bytes of this log are wrong; `reason` is for the operator. The log takes no appends
     * until it was reset by an install. Its replica must not vote. */
    void (*corrupt)(void *log_context, const char *reason);
    /* Space ran out (false) or is back (true). */
    void (*space)(void *context, bool has_space);
    void *context;
};

/* Make an empty data directory. EXISTS if there is one already. Blocks. */
MUST_USE
enum error storage_format(struct disk *disk, const char *directory,
                          const struct storage_identity *identity);

/*
 * Open and recover. Blocks. VERSION: written by a newer Gyre. CORRUPT: the directory's own meta
 * file is damaged. `message` (>= 256 bytes) gets a sentence for the operator on failure.
 */
MUST_USE
enum error storage_open(struct loop *loop, struct disk *disk, const struct storage_options *options,
                        char *message, struct storage **out_storage);
/* What to do when a write or a sync failed: by default the process ends. For the simulator, which
 * ends one node of many; nothing is written or reported afterwards, and only abandon may follow. */
void storage_set_fatal(struct storage *storage, void (*fatal)(void *context, const char *reason),
                       void *context);
void storage_set_listener(struct storage *storage, const struct storage_listener *listener);

/* Write everything down, then call closed(context). No appends afterwards. */
void storage_close(struct storage *storage, void (*closed)(void *context), void *context);

/* Give back memory without touching the disk: the end of a simulated crash. */
void storage_abandon(struct storage *storage);

const struct storage_identity *storage_identity(const struct storage *storage);
MUST_USE
enum error storage_set_cluster_id(struct storage *storage, struct uuid cluster_id);

/* Was everything that had been written before this open still there? Closed in order, or the
 * operating system has run on since. (durability=memory) */
bool storage_was_clean(const struct storage *storage);

/* NULL if this group has nothing here. */
struct partition_log *storage_find_log(const struct storage *storage, struct group_id group);
struct partition_log *storage_create_log(struct storage *storage, struct group_id group);
void storage_for_each_log(struct storage *storage,
                          void (*visit)(void *context, struct partition_log *log), void *context);

/* Remove a group's log and files. `log` is gone on return; the files go later. */
void storage_remove_log(struct storage *storage, struct partition_log *log);

/* Would `bytes` more still fit? Asked before a leader submits and a follower accepts. */
bool storage_has_space(struct storage *storage, size_t bytes);

/* Bytes taken in and not yet durable, for admission control. */
size_t storage_pending_bytes(const struct storage *storage);

#endif
