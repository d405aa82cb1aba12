/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes one batch of magic 2 out of records: control records, group and transaction records,
 * conversions from magic 0 and 1, compaction, tests. Fill the public fields after init, add
 * records in order, finish once.
 *
 * Thread: one at a time.
 */
#ifndef GYRE_WIRE_RECORD_BATCH_BUILDER_H
#define GYRE_WIRE_RECORD_BATCH_BUILDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gyre/base/error.h"
#include "gyre/wire/compression.h"

struct buffer;
struct record;

struct record_batch_builder {
    /* may be set between init and finish */
    enum compression codec;
    int32_t level;
    int64_t base_offset;
    int32_t leader_epoch;
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t base_sequence;
    bool is_transactional;
    bool is_control;
    bool is_log_append_time;
    int64_t append_time_ms; /* if is_log_append_time */

    /* may be read */
    int32_t count;
    size_t records_bytes;
    int64_t max_timestamp_ms;
    int64_t max_timestamp_offset; /* of the first record that has it */
    int64_t last_offset;          /* may be raised before finish: compaction keeps the old end */

    /* private */
    char *bytes; /* owned; room for the header first */
    size_t capacity;
    size_t records_bytes_max;
    int64_t base_timestamp_ms;
};

/* No codec, no producer, offsets from 0, epoch -1. */
void record_batch_builder_init(struct record_batch_builder *builder, size_t records_bytes_max);
void record_batch_builder_release(struct record_batch_builder *builder);

/*
 * Append a copy of the record. Its offset counts: it must be at least base_offset and grow.
 * LIMIT when records_bytes_max would be passed (nothing is added), RANGE for a bad offset.
 */
MUST_USE
enum error record_batch_builder_add(struct record_batch_builder *builder,
                                    const struct record *record);

/* The same with the next offset in turn, whatever record->offset says. */
MUST_USE
enum error record_batch_builder_append(struct record_batch_builder *builder,
                                       const struct record *record);

/* The finished batch. The builder is empty afterwards, with its settings, and may be used again
 * or released. A batch may have no records (count 0), as compaction leaves them. */
MUST_USE
enum error record_batch_builder_finish(struct record_batch_builder *builder,
                                       struct buffer **out_batch);

/* The end marker of a transaction: one control record (KIP-98). */
MUST_USE
enum error record_batch_builder_add_marker(struct record_batch_builder *builder, bool is_commit,
                                           int32_t coordinator_epoch, int64_t timestamp_ms);

#endif
