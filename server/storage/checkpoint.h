/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A checkpoint is the state of all logs in one synced file, so that the journal in front of it is
 * needed no more. It is made in this order:
 *
 *   1. entries in full journal files are moved to segments (or are few and small: they come along)
 *   2. the files that were written are synced, then their directories
 *   3. the state is encoded and written to a new file, synced, renamed, the directory synced
 *   4. journal files below are recycled; files that it no longer names are unlinked
 *
 * Of each log it says up to which record (lsn) it includes it; replay skips those. A change may
 * get here before it is durable in the journal; that makes it durable early and harms nobody.
 */
#ifndef GYRE_STORAGE_CHECKPOINT_H
#define GYRE_STORAGE_CHECKPOINT_H

#include "storage_state.h"

struct checkpointer *checkpoint_new(struct storage *storage);
void checkpoint_free(struct checkpointer *self);

/* Make one, or another one if one is being made. */
void checkpoint_request(struct storage *storage);
/* Soon, together with what else comes up. */
void checkpoint_request_soon(struct storage *storage);
/* A mover or another job has finished: go on if that was what we waited for. */
void checkpoint_poke(struct storage *storage);
/* A file or more has been synced. */
void checkpoint_on_synced(struct storage *storage);
bool checkpoint_is_idle(const struct storage *storage);
/* How many were finished. */
uint64_t checkpoint_count(const struct storage *storage);
/* ... and the count after the next that sees what is done now. */
uint64_t checkpoint_next_count(const struct storage *storage);

/* ---- checkpoint_codec.c ---- */
struct checkpoint_file {
    uint32_t magic;
    uint32_t crc; /* of all behind this field */
    uint32_t version;
    uint32_t log_count;
    uint64_t length; /* of all */
    uint64_t from_sequence;
    uint64_t next_lsn;
    uint64_t next_outside;
};
_Static_assert(sizeof(struct checkpoint_file) == 48, "checkpoints begin with 48 bytes");

struct checkpoint_log {
    uint8_t topic[16];
    int32_t partition;
    uint32_t flags;
    uint64_t applied_lsn;
    uint64_t term;
    uint64_t vote;
    uint64_t first_index;
    uint64_t synced_index;
    int64_t start_offset;
    int64_t end_offset; /* at synced_index */
    struct snapshot_meta snapshot;
    uint32_t term_count;   /* struct term_run, */
    uint32_t data_count;   /* then struct segment_row, */
    uint32_t side_count;   /* then struct checkpoint_side, */
    uint32_t doomed_count; /* then struct checkpoint_doomed, */
    uint32_t inline_count; /* then entry_meta with payload each, */
    uint32_t inline_bytes; /* in so many bytes, then the configuration, then the inline state */
};
_Static_assert(sizeof(struct checkpoint_log) == 168, "logs in checkpoints begin with 168 bytes");

enum checkpoint_flag {
    CHECKPOINT_CORRUPT = 1,
    CHECKPOINT_INSTALLING = 2, /* and nothing was kept */
    CHECKPOINT_HAS_DIRECTORY = 4,
    CHECKPOINT_MEMORY = 8, /* see durability_meta */
};

struct checkpoint_side {
    uint64_t first_index;
    uint64_t end_index;
    uint32_t command_bytes;
    uint32_t reserved;
};

struct checkpoint_doomed {
    uint64_t number;
    uint32_t kind;
    uint32_t reserved;
};

struct checkpoint_bytes {
    char *bytes; /* owned */
    size_t length;
    size_t capacity;
};

/* Encodes all logs; `out_lsn`: records below are included. */
void checkpoint_encode(struct storage *storage, struct checkpoint_bytes *out, uint64_t *out_lsn);

/* Make the logs that the bytes name. */
MUST_USE
enum error checkpoint_decode(struct storage *storage, const char *bytes, size_t length,
                             struct checkpoint_file *out_header);
void checkpoint_path(const struct storage *storage, const char *name, char path[STORAGE_PATH_MAX]);

#endif
