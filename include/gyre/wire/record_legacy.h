/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Message sets of magic 0 (Kafka before 0.10) and magic 1 (before 0.11), for clients that speak
 * Produce 0-2 and Fetch 0-3. The log holds magic 2 only: what comes in is converted up, what goes
 * out is converted down. A set is a row of messages; a compressed one is a message whose value is
 * a set (inner offsets are absolute in magic 0, relative to the last one in magic 1).
 *
 * Thread: any. Both directions build new bytes and may decompress: large sets belong on the pool.
 */
#ifndef GYRE_WIRE_RECORD_LEGACY_H
#define GYRE_WIRE_RECORD_LEGACY_H

#include <stddef.h>
#include <stdint.h>

#include "gyre/base/error.h"
#include "gyre/wire/record_batch.h"

struct arena;
struct buffer;

/*
 * Check the message set of one partition of an old Produce request and make one batch of magic 2
 * of it: offsets from 0, the codec of the (last) compressed message, its messages' own times. As in
 * Kafka, a message that is cut short at the end is ignored.
 *
 * BATCH_FAULT_MAGIC for a set of magic 2: that goes through record_batch_check(). On NONE
 * `out_report->info` describes the new batch and needs_stamp is false: the time of append is for
 * the check of the new batch to stamp, which would take a stamp of ours for the producer's claim.
 */
MUST_USE
enum batch_fault record_legacy_up_convert(struct string set, const struct batch_rules *rules,
                                          struct arena *arena, struct batch_report *out_report,
                                          struct buffer **out_batch);

struct record_legacy_wish {
    int8_t magic;              /* 0 or 1 */
    int64_t first_offset;      /* records before it may be left out */
    size_t set_bytes_max;      /* no further batch is begun when this is reached */
    size_t expanded_bytes_max; /* of one batch */
};

struct record_legacy_set {
    struct buffer *buffer; /* one reference, for the caller */
    int64_t next_offset;   /* behind the last batch that was looked at */
};

/*
 * Convert whole batches of magic 2, back to back at `batches`, down to a message set. Headers,
 * control batches and producers are lost. A batch cut short at the end is left out. The set may
 * be empty although batches were read (control batches only): go on reading at next_offset.
 *
 *     UNSUPPORTED  the first batch that has to be converted is zstd, which old clients never learnt
 *     MALFORMED    a stored batch is not what it should be
 */
MUST_USE
enum error record_legacy_down_convert(struct string batches, const struct record_legacy_wish *wish,
                                      struct record_legacy_set *out_set);

#endif
