/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of .entries files. */
#ifndef GYRE_STORAGE_LOG_ROW_H
#define GYRE_STORAGE_LOG_ROW_H

#include "storage_state.h"

void log_row_encode(const struct tail_entry *entry, struct entry_row *out_row);
/* Does the row hold, and is it that of `index`? */
bool log_row_check(const struct entry_row *row, uint64_t index);
/* Rare, and only on what was written just before: the row is in the page cache. */
MUST_USE
enum error log_row_read_blocking(struct partition_log *log, uint64_t index,
                                 struct entry_row *out_row);

#endif
