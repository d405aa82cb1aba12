/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records of __consumer_offsets, byte for byte as Kafka 4.3 writes them. Thread: any.
 */
#ifndef GYRE_COORDINATOR_GROUP_RECORDS_H
#define GYRE_COORDINATOR_GROUP_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gyre/base/bytes.h"
#include "gyre/base/error.h"

struct buffer;
struct group;
struct offset_value;

enum group_record_version {
    GROUP_RECORD_METADATA = 3,
    GROUP_RECORD_OFFSET = 4,
    GROUP_RECORD_OFFSET_EXPIRING = 1, /* the only one with an expiry of its own */
};

/* Records that are written together or not at all. */
struct group_records {
    struct group_record *items; /* owned */
    int32_t count;
    int32_t capacity;
    size_t bytes; /* at most, in a batch */
    bool failed;  /* one could not be encoded */
};

struct group_record {
    struct buffer *key;
    struct buffer *value; /* NULL: a tombstone */
};

void group_records_init(struct group_records *records);
void group_records_release(struct group_records *records);

/* With the members' assignments, or with their next ones. */
void group_records_add_group(struct group_records *records, const struct group *group,
                             bool with_next_assignments);
void group_records_add_group_tombstone(struct group_records *records, struct string group_id);
void group_records_add_offset(struct group_records *records, struct string group_id,
                              struct string topic, int32_t partition,
                              const struct offset_value *value);
void group_records_add_offset_tombstone(struct group_records *records, struct string group_id,
                                        struct string topic, int32_t partition);

#endif
