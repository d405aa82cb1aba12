/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the journal: shared by journal.c, journal_ring.c and journal_replay.c only. */
#ifndef GYRE_STORAGE_JOURNAL_STATE_H
#define GYRE_STORAGE_JOURNAL_STATE_H

#include "gyre/runtime/disk.h"
#include "gyre/runtime/loop.h"

#include "journal.h"

enum {
    FRAME_BYTES_MAX = 1024 * 1024, /* one record larger than this gets a frame of its own */
    FRAMES_SPARE_MAX = 2,
    RING_GROWTH_MAX = 8, /* times the file count of the options */
    JOURNAL_PATH_MAX = 512,
    ZERO_BYTES = 1024 * 1024,
};

struct journal_slot {
    struct journal_party *party; /* NULL: forgotten */
    uint64_t sequence;
};

struct journal_frame {
    struct list link;
    char *memory; /* owned; aligned to blocks */
    size_t capacity;
    size_t length; /* header included, padding not */
    uint64_t number;
    uint64_t first_lsn;
    uint64_t sequence;  /* once it is sealed */
    uint64_t watermark; /* when its last record was added, which may be what moved it */
    uint64_t written;   /* the same */
    bool must_sync;     /* one of its records is not relaxed */
    uint32_t record_count;
    struct journal_slot *slots; /* owned */
    size_t slot_count;
    size_t slot_capacity;
};

struct journal_file {
    struct list link; /* in the ring's free or full list, or alone */
    int number;
    int fd;
    uint64_t first_sequence;    /* 0: no frame yet */
    int64_t first_position;     /* of that frame; not 0 where those before it are damaged */
    uint64_t first_synced;      /* replay: synced_sequence of that frame */
    uint64_t first_incarnation; /* replay: its incarnation */
    uint64_t last_lsn;
    int64_t length; /* of its frames */
};

/* A file that is being made: opened, filled with zeros, synced. */
struct journal_making {
    struct disk_request request;
    struct iovec vector;
    struct journal *journal;
    struct journal_file *file; /* NULL: none is being made */
    int64_t zeroed;
    enum { MAKING_OPEN, MAKING_ALLOCATE, MAKING_ZERO, MAKING_SYNC, MAKING_NAME } step;
    struct timer retry;
    char path[JOURNAL_PATH_MAX];
};

struct journal_ring {
    struct list free;
    struct list full; /* oldest first */
    struct journal_file *active;
    int free_count;
    int full_count;
    int file_count; /* with the one being made */
    int next_number;
    struct journal_making making;
};

/* A flush beside the writes: of what was written before it began. */
struct journal_flush {
    struct disk_request request;
    struct journal *journal;
    struct timer due; /* runs while something is not flushed */
    uint64_t began_us;
    uint64_t sequence; /* of the newest frame that it covers; 0: none is under way */
};

struct journal {
    struct journal_options options;
    struct journal_events events;
    struct journal_ring ring;
    /* frames */
    struct list gathering;           /* oldest first; none of them submitted */
    struct journal_frame *in_flight; /* being written, or synced after that */
    bool is_syncing_file;            /* before the first frame of the next one */
    struct list spare;
    int spare_count;
    uint64_t next_frame_number;
    struct task write_task;
    struct disk_request request;
    struct iovec vector;
    struct journal_flush flush;
    struct journal_file *writing;   /* that of the frame in flight */
    struct journal_file *unflushed; /* has all that is written and not flushed; NULL: nothing is */
    /* numbers */
    uint64_t next_sequence;
    uint64_t written_sequence;
    uint64_t synced_sequence; /* frames up to it are on stable storage */
    uint64_t next_lsn;
    uint64_t watermark;
    uint64_t written; /* never less */
    size_t pending_bytes;
    bool is_stalled; /* no file is free */
    bool has_failed; /* for good */
};

/* journal_ring.c */
void journal_ring_init(struct journal *journal);
void journal_ring_release(struct journal *journal);
void journal_ring_path(const struct journal *journal, int number, char path[JOURNAL_PATH_MAX]);
struct journal_file *journal_ring_add(struct journal *journal, int number, int fd);
/* Make the first file, blocking. */
MUST_USE
enum error journal_ring_make_first(struct journal *journal);
/* A file with room for `length` bytes, moving on to the next if need be. NULL: none is free. */
struct journal_file *journal_ring_place(struct journal *journal, size_t length);

/* journal.c */
void journal_unstall(struct journal *journal);
/* Frames up to `sequence` are on stable storage. */
void journal_note_synced(struct journal *journal, uint64_t sequence);
void journal_fail(struct journal *journal, const struct disk_request *request, const char *what);

/* journal_flush.c */
void journal_flush_init(struct journal *journal);
/* A frame was written and not flushed: do it in time. */
void journal_flush_later(struct journal *journal);

/* journal_replay.c */
bool journal_frame_parse(const struct journal_options *options, const char *bytes, size_t available,
                         struct frame_header *out_header);
MUST_USE
enum error journal_replay_all(struct journal *journal, struct journal_replay *replay);

#endif
