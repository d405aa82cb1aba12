/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies on disk, byte for byte. All of it is little-endian (bytes.h) except the `.log` files,
 * which are Kafka's record batches and nothing else. Every structure carries a CRC-32C of its own.
 *
 *   <dir>/meta                          whose data this is; how often it was opened
 *   <dir>/checkpoint                    all logs as of one moment, see checkpoint.h
 *   <dir>/journal/NNNN.journal          frames, each at a multiple of 4096
 *   <dir>/<topic>-<partition>/          made when the first batch is moved out of the journal
 *       <base offset>.log               record batches back to back
 *       <first index>.entries           one row a Raft entry
 *       <first index>.commands          payloads of entries that are not batches
 *       snapshot-<index>.state          a state machine's state, if it is not small
 *
 * Frames: header, then records: header, fixed part ("meta") of its type, payload, padding to 8.
 * A frame is padded with zeros to 4096. Frames are numbered without gaps.
 */
#ifndef GYRE_STORAGE_FORMAT_H
#define GYRE_STORAGE_FORMAT_H

#include <stdint.h>

enum {
    STORAGE_FORMAT_VERSION = 1,
    BLOCK_BYTES = 4096,
    RECORD_ALIGNMENT = 8,
    STATE_INLINE_BYTES_MAX = 1024, /* larger states get a file */
};

#define FRAME_MAGIC      0x4d524647u /* "GFRM" */
#define META_MAGIC       0x4154454du /* "META" */
#define CHECKPOINT_MAGIC 0x54504b43u /* "CKPT" */
#define STATE_MAGIC      0x54415453u /* "STAT" */

struct frame_header {
    uint32_t magic;
    uint32_t crc; /* of the header behind this field, seeded with the directory's id */
    uint32_t version;
    uint32_t length;          /* of the records */
    uint64_t incarnation;     /* count of opens; never less than the frame's before */
    uint64_t sequence;        /* of this frame */
    uint64_t first_lsn;       /* number of the first record; the others follow */
    uint64_t synced_sequence; /* frames up to it were on stable storage before this was written */
    uint64_t watermark;       /* writes outside of the journal up to this number are complete */
    uint32_t record_count;
    uint32_t written_ahead; /* so many behind the watermark are written: safe from a kill alone */
};
_Static_assert(sizeof(struct frame_header) == 64, "frame headers are 64 bytes");

/* Numbers on disk: append only. */
enum record_type {
    RECORD_ENTRY = 1,     /* meta: entry_meta; payload: the entry's */
    RECORD_EXTENT = 2,    /* the same, but the payload was written to its segment */
    RECORD_TERM_VOTE = 3, /* meta: term_vote_meta */
    RECORD_TRUNCATE = 4,  /* meta: truncate_meta */
    RECORD_SNAPSHOT = 5,  /* meta: snapshot_meta; payload: configuration, then the state if small */
    RECORD_RESET = 6,     /* meta: offset_meta; everything goes, a refill follows */
    RECORD_INSTALLED = 7, /* as SNAPSHOT, then segment_rows of what was pulled */
    RECORD_REMOVE = 8,    /* the log is gone */
    RECORD_CORRUPT = 9,   /* payload: the reason as text */
    RECORD_DURABILITY = 10, /* meta: durability_meta */
};

struct record_header {
    uint32_t header_crc;  /* of the rest of the header and the meta */
    uint32_t payload_crc; /* of the payload; EXTENT: of the bytes in the segment */
    uint32_t payload_length;
    uint16_t meta_length;
    uint8_t type;
    uint8_t reserved0;
    uint8_t topic[16];
    int32_t partition;
    uint32_t reserved1;
    uint64_t outside; /* number of the write outside of the journal; 0: none */
};
_Static_assert(sizeof(struct record_header) == 48, "record headers are 48 bytes");

enum entry_roll {
    ENTRY_ROLLS_DATA = 1, /* the first batch of a new .log */
    ENTRY_ROLLS_SIDE = 2, /* the first row of a new .entries */
};

struct entry_meta {
    uint64_t index;
    uint64_t term;
    int64_t base_offset;
    uint64_t digest;
    uint32_t position; /* in .log or .commands */
    uint32_t size;
    int32_t offset_count;
    uint8_t kind;
    uint8_t rolls;
    uint16_t reserved;
};
_Static_assert(sizeof(struct entry_meta) == 48, "entry metas are 48 bytes");

struct term_vote_meta {
    uint64_t term;
    uint64_t vote;
};

/* Where the log ends afterwards: replay must not ask files, they may have gone on since. */
struct truncate_meta {
    uint64_t index; /* of the first entry to go */
    int64_t offset;
    int64_t data_base; /* -1: no batch is left */
    uint64_t side_first;
    uint32_t data_size;
    uint32_t command_bytes;
};
_Static_assert(sizeof(struct truncate_meta) == 40, "truncate metas are 40 bytes");

/*
 * Written before the first change that is not waited for until it is on stable storage, and again
 * when there is none any more. A log that is in memory is doubted if the operating system stopped
 * uncleanly since it was last trusted (meta_file.doubted_open is larger): it may have lost what it
 * said was durable.
 */
struct durability_meta {
    uint32_t is_memory;
    uint32_t trusted_open; /* the open that trusted it, or made it what it is */
};

struct offset_meta {
    int64_t offset;
};

struct snapshot_meta {
    uint64_t index;
    uint64_t term;
    int64_t start_offset;
    int64_t next_offset;
    uint64_t configuration_index;
    uint32_t configuration_length;
    uint32_t state_length;
    uint32_t state_crc;
    uint32_t state_is_in_file;
    uint32_t segment_count; /* INSTALLED only */
    uint32_t trusted_open;  /* of the log, in checkpoints only: see durability_meta */
};
_Static_assert(sizeof(struct snapshot_meta) == 64, "snapshot metas are 64 bytes");

/* A row of .entries; row n belongs to first index + n. */
struct entry_row {
    uint64_t index;
    uint64_t term;
    int64_t base_offset;
    uint64_t digest;
    uint32_t position;
    uint32_t size;
    int32_t offset_count;
    uint32_t payload_crc;
    uint8_t kind;
    uint8_t reserved[11];
    uint32_t crc; /* of all before */
};
_Static_assert(sizeof(struct entry_row) == 64, "entry rows are 64 bytes");

enum segment_flag { SEGMENT_MAX_IS_LOOSE = 1 }; /* no batch need have max_timestamp_ms */

/* A .log as the checkpoint and INSTALLED name it. */
struct segment_row {
    int64_t base_offset;
    int64_t end_offset;
    int64_t max_timestamp_ms;
    int64_t max_timestamp_offset; /* base offset of the batch that holds it */
    uint32_t size;
    uint32_t flags; /* enum segment_flag */
};
_Static_assert(sizeof(struct segment_row) == 40, "segment rows are 40 bytes");

struct meta_file {
    uint32_t magic;
    uint32_t crc; /* of all behind this field */
    uint32_t version;
    int32_t node_id;
    uint8_t cluster_id[16];
    uint8_t directory_id[16];
    uint64_t open_count;
    uint64_t boot_id;      /* of the operating system's run that opened it last; 0: not known */
    uint32_t is_clean;     /* closed in order */
    uint32_t doubted_open; /* the newest that came after an unclean stop of the operating system */
};
_Static_assert(sizeof(struct meta_file) == 72, "the meta file is 72 bytes");

/* snapshot-<index>.state: this, then the state. */
struct state_file {
    uint32_t magic;
    uint32_t crc; /* of all behind this field, and of the state */
    uint32_t version;
    uint32_t length;
    uint64_t index;
    uint64_t term;
};
_Static_assert(sizeof(struct state_file) == 32, "state files begin with 32 bytes");

/* A slot of the sparse index, in memory only. Of the batches before `position`: nothing. `max_*`
 * are of all batches before `position`. */
struct index_slot {
    uint32_t relative_offset; /* base offset of the batch at `position`, less the segment's */
    uint32_t position;
    int64_t max_timestamp_ms;
    uint32_t max_relative_offset; /* base offset of the batch that holds it, less the segment's */
    uint32_t is_verified;         /* checksums held from here to the next slot, or to the end */
};
_Static_assert(sizeof(struct index_slot) == 24, "index slots are 24 bytes");

static inline uint32_t aligned_up(uint32_t length, uint32_t alignment)
{
    return (length + alignment - 1) / alignment * alignment;
}

#endif
