/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages between the replicas of groups, as bytes. A frame on LINK_RAFT is messages back to
 * back, of many groups. All numbers are little-endian.
 *
 *     head     u32 length (of all, head included), u8 type, u8 engine version, u8 flags, u8 zero,
 *              16 topic, i32 partition, u64 term                                       36 bytes
 *     APPEND   u64 previous index, u64 previous term, u64 commit, u64 leader's last index,
 *              u32 count, then count x entry head, then count x payload
 *     entry    u64 term, u64 digest, i64 base offset, i32 offset count, u32 payload length,
 *              u8 kind, 3 zero                                                         36 bytes
 *     ACK      u64 rejected, u64 last index, u16 features, u16 capacity
 *     VOTE     u64 last index, u64 last term
 *     VOTED    u16 features, u16 capacity
 *     INSTALL  u64 last index, u64 last term
 *     TIMEOUT  u64 last index, u64 last term
 *     SLEEP_*  u64 index
 *     WAKE     nothing
 *     BEAT     u64 incarnation, u64 heard incarnation, u64 digest, u64 count; topic all zero
 */
#ifndef GYRE_CONSENSUS_MESSAGE_H
#define GYRE_CONSENSUS_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/base/error.h"
#include "gyre/storage/partition_log.h"

/* Numbers on the wire: append only. */
enum consensus_message_type {
    MESSAGE_APPEND = 1,
    MESSAGE_ACK,
    MESSAGE_VOTE,
    MESSAGE_VOTED,
    MESSAGE_INSTALL,
    MESSAGE_TIMEOUT,
    MESSAGE_SLEEP_ASK, /* leader: nothing is open here at `index`, may we sleep? */
    MESSAGE_SLEEP_YES, /* follower: nothing here either; its clock stands still */
    MESSAGE_SLEEP_NOW, /* leader: everyone agreed; the digests of beats count it from here */
    MESSAGE_WAKE,
    MESSAGE_BEAT,
};

enum consensus_message_flag {
    MESSAGE_FLAG_DISRUPT = 1, /* VOTE: the leader asked for this election */
    MESSAGE_FLAG_PRE_VOTE = 2,
    MESSAGE_FLAG_GRANTED = 4,
    MESSAGE_FLAG_QUIET = 8,    /* APPEND: tells the commit index only; no ACK is wanted */
    MESSAGE_FLAG_REST = 32,    /* ACK: no more entries for now, until one comes without this */
    MESSAGE_FLAG_DIFFERS = 16, /* BEAT: your digest is not what sleeps here */
};

enum {
    MESSAGE_HEAD_BYTES = 36,
    MESSAGE_ENTRY_BYTES = 36,
    MESSAGE_APPEND_BYTES = 36,
    /* Largest head and fixed body together. */
    MESSAGE_FIXED_BYTES_MAX = MESSAGE_HEAD_BYTES + MESSAGE_APPEND_BYTES,
    MESSAGE_ENTRIES_MAX = 240, /* with their payloads they fit into one frame's slices */
};

/* A message in memory. Which fields count depends on the type, as above. */
struct consensus_message {
    enum consensus_message_type type;
    uint8_t engine_version;
    uint8_t flags;
    struct group_id group;
    uint64_t term;

    uint64_t previous_index;
    uint64_t previous_term;
    uint64_t commit;
    uint64_t last_index; /* APPEND: the leader's; others: as named */
    uint64_t last_term;
    uint64_t rejected;
    uint16_t features;
    uint16_t capacity;

    uint64_t incarnation;
    uint64_t heard_incarnation;
    uint64_t digest;
    uint64_t digest_count;

    struct log_entry *entries; /* APPEND; payloads are referenced */
    int entry_count;
};

/* Head and fixed body, without entries. Returns their bytes; the length field says `total`. */
size_t consensus_message_encode(const struct consensus_message *message, size_t total,
                                char bytes[MESSAGE_FIXED_BYTES_MAX]);
void consensus_message_encode_entry(const struct log_entry *entry, char bytes[MESSAGE_ENTRY_BYTES]);
/* Of the whole message, entries and payloads included. */
size_t consensus_message_bytes(const struct consensus_message *message);

/*
 * Take the first message off `frame`, which must not be empty, and move *io_offset behind it.
 * Entries go to `entries` (MESSAGE_ENTRIES_MAX of them) and take references of their payloads,
 * which the caller drops. MALFORMED leaves none.
 */
MUST_USE
enum error consensus_message_decode(struct buffer_slice frame, size_t *io_offset,
                                    struct log_entry *entries,
                                    struct consensus_message *out_message);

#endif
