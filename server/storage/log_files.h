/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log's files: their names, the descriptors that are open, and the lists of segments. A file
 * that nobody uses may be closed (descriptors.h); who needs it opens it again.
 */
#ifndef GYRE_STORAGE_LOG_FILES_H
#define GYRE_STORAGE_LOG_FILES_H

#include "storage_state.h"

void log_files_directory(const struct storage *storage, struct group_id group,
                         char path[STORAGE_PATH_MAX]);
void log_files_path(const struct partition_log *log, enum log_file_kind kind, uint64_t number,
                    char path[STORAGE_PATH_MAX]);
/* "<topic>-<partition>" back to a group. */
bool log_files_parse_directory(const char *name, struct group_id *out_group);

/* ---- descriptors ---- */
void log_file_init(struct log_file *file, enum log_file_kind kind, bool is_fresh);
/* `fd` was opened for `file`; if somebody else was faster, it is closed again. */
void log_file_opened(struct storage *storage, struct log_file *file, int fd);
/* Keep the segment; if its log drops it, the last one out closes the file and frees the segment. */
void log_file_hold(struct log_file *file);
void log_file_let_go(struct storage *storage, struct log_file *file);
/* The same for a request: the file also stays open. Only work that ends by itself may use one. */
void log_file_use(struct log_file *file);
void log_file_unuse(struct storage *storage, struct log_file *file);
/* The use ends with a simulated crash: nothing is closed. */
void log_file_abandon(struct log_file *file);
/* Its use or its dirt may have ended: it may be closed when descriptors are short. */
void log_file_settle(struct storage *storage, struct log_file *file);
void log_file_close(struct storage *storage, struct log_file *file);
void log_files_close_all(struct storage *storage); /* blocking; nothing under way */

/* ---- segments ---- */
struct data_segment *log_files_add_data(struct partition_log *log, int64_t base_offset,
                                        bool is_fresh);
struct side_segment *log_files_add_side(struct partition_log *log, uint64_t first_index,
                                        bool is_fresh);
/* The segment that holds the offset or index, or would; NULL below the first. */
struct data_segment *log_files_find_data(const struct partition_log *log, int64_t offset);
struct side_segment *log_files_find_side(const struct partition_log *log, uint64_t index);
struct data_segment *log_files_last_data(const struct partition_log *log);
struct side_segment *log_files_last_side(const struct partition_log *log);
/* Take segment number `at` out of the log and doom its files. */
void log_files_drop_data(struct partition_log *log, uint32_t at, bool now);
void log_files_drop_side(struct partition_log *log, uint32_t at, bool now);
void log_files_doom(struct partition_log *log, enum log_file_kind kind, uint64_t number, bool now);
void log_files_release(struct partition_log *log); /* frees the lists; closes nothing */

#endif
