/* SPDX-License-Identifier: Apache-2.0 */
/* What recovery does with files, blocking. */
#ifndef GYRE_STORAGE_RECOVERY_FILES_H
#define GYRE_STORAGE_RECOVERY_FILES_H

#include "storage_state.h"

/* A whole file; `out_bytes` is the caller's to free. NOT_FOUND. */
MUST_USE
enum error recovery_read_file(struct storage *storage, const char *path, char **out_bytes,
                              size_t *out_length);

/* Unlink what no log names; say which logs lack files or bytes. */
void recovery_look_at_files(struct storage *storage);

/* The log's segments are these rows, after an install. */
void recovery_replace_data(struct partition_log *log, const char *rows, uint32_t count);

/*
 * Batches that went straight to a segment: read and check them, and make those stable that are
 * behind the watermark. A wrong one with a number up to `written` had been promised: corrupt. Above
 * it, it is a torn tail: the log is cut there.
 */
void recovery_verify_outside(struct partition_log *log, uint64_t watermark, uint64_t written);

#endif
