/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disk is a parameter: gyred has an engine of threads, the simulator a disk that
 * loses what was not synced, tears writes and flips bits.
 *
 * Work is a request, embedded in its owner. disk_submit() hands it to a lane and returns; done()
 * is called later on the loop that the disk belongs to. Requests of one ordered lane are carried
 * out one after the other; READ requests in any order and at the same time.
 * disk_execute() does the same work at once and may block: only before the loop runs (recovery)
 * and on pool threads.
 *
 * Thread: the loop's own, except disk_execute().
 */
#ifndef GYRE_RUNTIME_DISK_H
#define GYRE_RUNTIME_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "gyre/base/error.h"

enum disk_lane {
    DISK_LANE_JOURNAL, /* ordered; latency counts */
    DISK_LANE_SEGMENT, /* ordered; lazy writes, syncs, creation and removal of files */
    DISK_LANE_READ,    /* not ordered; cold reads */
};

enum disk_operation {
    DISK_OPEN,           /* path, flags: out fd. Read-write unless DISK_READ_ONLY */
    DISK_CLOSE,          /* fd */
    DISK_READ_AT,        /* fd, offset, vectors: out bytes (short at the end of the file) */
    DISK_WRITE_AT,       /* fd, offset, vectors: all or error */
    DISK_WRITE_DURABLE,  /* the same, and on stable storage when done */
    DISK_SYNC,           /* fd: data and size on stable storage */
    DISK_WRITE_BACK,     /* fd, offset, length: begin to sync them; no promise, no error */
    DISK_SYNC_DIRECTORY, /* path: names made and removed in it are on stable storage */
    DISK_SYNC_ALL,       /* path: the file system that it is on, files and names */
    DISK_TRUNCATE,       /* fd, offset: new size */
    DISK_ALLOCATE,       /* fd, offset, length: reserve space; NO_SPACE if there is none */
    DISK_RENAME,         /* path, to_path */
    DISK_UNLINK,         /* path; NOT_FOUND is an error */
    DISK_MAKE_DIRECTORY, /* path; parents must exist; EXISTS is an error */
    DISK_REMOVE_DIRECTORY,
};

enum disk_flag {
    DISK_CREATE = 1,    /* make the file if it is not there */
    DISK_EXCLUSIVE = 2, /* with DISK_CREATE: EXISTS if it is there */
    DISK_READ_ONLY = 4,
    DISK_DIRECT = 8, /* O_DIRECT: offset, length and memory are multiples of 4096 */
};

struct disk_request {
    enum disk_operation operation;
    int fd;
    unsigned flags;
    int64_t offset;
    int64_t length;              /* DISK_ALLOCATE, DISK_WRITE_BACK */
    const struct iovec *vectors; /* borrowed until done */
    int vector_count;
    const char *path;    /* borrowed until done */
    const char *to_path; /* borrowed until done */

    enum error error; /* out */
    int system_error; /* out: the errno behind it, 0 if there is none; to be told, not judged */
    int64_t bytes;    /* out: read or written */
    int opened_fd;    /* out: DISK_OPEN */
    void (*done)(struct disk_request *request);
    struct disk_request *next; /* the disk's, between submit and done */
};

/* "open of /a/b: no file descriptor is free (errno 24)", of a request that failed. */
void disk_describe(const struct disk_request *request, char *text, size_t size);

struct disk_stat {
    int64_t size_bytes;
    bool is_directory;
};

struct disk;
struct disk_operations {
    void (*submit)(struct disk *disk, enum disk_lane lane, struct disk_request *request);
    void (*execute)(struct disk *disk, struct disk_request *request);
    enum error (*stat)(struct disk *disk, const char *path, struct disk_stat *out_stat);
    /* Calls visit(name) for each entry but "." and "..", in no order. Blocks. */
    enum error (*list)(struct disk *disk, const char *path,
                       void (*visit)(void *context, const char *name), void *context);
    enum error (*space)(struct disk *disk, const char *path, int64_t *out_total,
                        int64_t *out_usable);
    /* Is all of the range in memory, so that reading it would not wait? NULL: never. No promise:
     * it may be gone a moment later. Does not block. */
    bool (*is_resident)(struct disk *disk, int fd, int64_t offset, int64_t length);
};

/* The first member of every engine. */
struct disk {
    const struct disk_operations *operations;
};

static inline void disk_submit(struct disk *disk, enum disk_lane lane, struct disk_request *request)
{
    disk->operations->submit(disk, lane, request);
}

static inline void disk_execute(struct disk *disk, struct disk_request *request)
{
    disk->operations->execute(disk, request);
}

static inline bool disk_is_resident(struct disk *disk, int fd, int64_t offset, int64_t length)
{
    return disk->operations->is_resident != NULL &&
           disk->operations->is_resident(disk, fd, offset, length);
}

#endif
