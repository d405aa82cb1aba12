/* SPDX-License-Identifier: Apache-2.0 */
/* The rules for one record, for batches of magic 2 and for message sets alike. */
#ifndef GYRE_WIRE_RECORD_BATCH_CHECK_H
#define GYRE_WIRE_RECORD_BATCH_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/wire/record_batch.h"

/* `claims_append_time`: the producer set the timestamp type that only a broker may set. */
enum batch_fault record_batch_check_timestamp(int64_t timestamp_ms, bool claims_append_time,
                                              const struct batch_rules *rules);

/* Add a record to the list of the faulty; the report's fault becomes the one that Kafka names. */
void record_batch_check_blame(struct batch_report *report, struct arena *arena,
                              enum batch_fault fault, int32_t index);

#endif
