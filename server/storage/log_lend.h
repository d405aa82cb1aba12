/* SPDX-License-Identifier: Apache-2.0 */
/* Batches for consumers that stay in their file: a range of it instead of their bytes. */
#ifndef GYRE_STORAGE_LOG_LEND_H
#define GYRE_STORAGE_LOG_LEND_H

#include "storage_state.h"

struct batches_read;

/* True: the answer is one range, and it is there now. False: it must be read. */
bool log_lend(struct partition_log *log, struct data_segment *segment, struct batches_read *caller);

#endif
