/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal is the one place where a shard's changes become durable: a ring of recycled files,
 * one frame in flight while the next gathers. It knows records and their order; what they mean is
 * the logs' affair.
 *
 * A frame of nothing but relaxed records is written without being flushed: it is then safe from
 * the end of the process, not of the operating system. Nothing else may become stable before it:
 * whatever makes a later frame stable makes the earlier ones stable too, and no file is left for
 * the next before it is. So an unflushed frame may be lost with what follows, and with that only.
 *
 * Thread: the shard's own. journal_open() blocks.
 */
#ifndef GYRE_STORAGE_JOURNAL_H
#define GYRE_STORAGE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "gyre/base/error.h"
#include "gyre/storage/group_id.h"

#include "format.h"

struct disk;
struct journal;
struct loop;

/* Embedded in whoever adds records; lets the journal tell each owner once per frame. */
struct journal_party {
    /* All records that were added for it up to `sequence` are written, and on stable storage up
     * to the newest that is not relaxed. */
    void (*durable)(struct journal_party *party, uint64_t sequence);
    uint64_t frame_number;
    size_t slot;
};

struct journal_options {
    struct loop *loop;
    struct disk *disk;
    const char *directory; /* the journal's own; borrowed */
    int64_t file_bytes;
    int file_count;
    uint32_t crc_seed;
    uint64_t incarnation;
    uint64_t flush_us; /* relaxed records are on stable storage after this */
    /* The first incarnation of whose writes nothing was lost: since then the operating system has
     * run on, or stopped in order. */
    uint64_t whole_from;
};

struct journal_events {
    /* Files fill up: a checkpoint would free some. */
    void (*pressed)(void *context);
    /* A file could not be added for lack of space (false), or could again (true). */
    void (*space)(void *context, bool has_space);
    void (*fatal)(void *context, const char *reason);
    void *context;
};

struct journal_record {
    enum record_type type;
    struct group_id group;
    uint64_t outside;
    const void *meta;
    uint16_t meta_length;
    const struct iovec *payload;
    int payload_count;
    bool is_relaxed; /* nobody waits until it is on stable storage */
    bool has_crc;    /* `crc` is known, or is that of an extent */
    uint32_t crc;
};

/* ---- recovery ---- */
struct journal_found {
    struct record_header header;
    const char *meta;
    const char *payload; /* unaligned; borrowed for the call */
    uint64_t lsn;
};
struct journal_replay {
    /* From this frame on; what is older is in the checkpoint. */
    uint64_t from_sequence;
    void (*record)(void *context, const struct journal_found *found);
    /* Records below the journal's end, `last_lsn` at most, are damaged. `group` is NULL when it is
     * not known whose. */
    void (*damaged)(void *context, const struct group_id *group, uint64_t last_lsn,
                    const char *reason);
    void *context;
    uint64_t watermark; /* out: largest seen */
    uint64_t written;   /* out: the same of writes that nothing has lost since, stable or not */
    uint64_t last_lsn;  /* out */
    uint64_t frames;    /* out: how many were read */
};
/* Open, replay and cut a torn tail. The ring continues behind the last frame. */
MUST_USE
enum error journal_open(const struct journal_options *options, struct journal_replay *replay,
                        struct journal **out_journal);
/* Records are numbered from here on; called once, before the first add. */
void journal_start(struct journal *journal, uint64_t next_lsn, uint64_t watermark,
                   const struct journal_events *events);
void journal_free(struct journal *journal); /* leaves the disk alone */

/* ---- work ---- */
/* Copies the record into the gathering frame; returns its number. `party` gets durable(). */
uint64_t journal_add(struct journal *journal, const struct journal_record *record,
                     struct journal_party *party, uint64_t sequence);
void journal_forget_party(struct journal *journal, const struct journal_party *party);
/* Writes outside of the journal up to `watermark` are on stable storage, up to `written` they are
 * where the end of the process does not take them. */
void journal_set_watermark(struct journal *journal, uint64_t watermark, uint64_t written);

uint64_t journal_next_lsn(const struct journal *journal);
size_t journal_pending_bytes(const struct journal *journal); /* added and not reported */

/* Records below `lsn` are needed no more: recycle what holds only such. */
void journal_recycle(struct journal *journal, uint64_t lsn);
/* What a checkpoint must name so that replay begins at records not below `lsn`. */
uint64_t journal_sequence_for(const struct journal *journal, uint64_t lsn);
/* Largest record number in a full file; 0: none is full. */
uint64_t journal_newest_full_lsn(const struct journal *journal);
int journal_full_count(const struct journal *journal);

/* Close descriptors, blocking. Nothing may be in flight. */
void journal_close_files(struct journal *journal);
/* Nothing is gathered, under way or not flushed. */
bool journal_is_idle(const struct journal *journal);

#endif
