/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How logs change. Live calls and replay share these: a live call decides and writes to the
 * journal, replay repeats what the journal says.
 */
#ifndef GYRE_STORAGE_LOG_CHANGE_H
#define GYRE_STORAGE_LOG_CHANGE_H

#include "storage_state.h"

/* ---- partition_log.c ---- */
struct partition_log *log_new(struct storage *storage, struct group_id group);
void log_free(struct partition_log *log); /* memory only */
void log_note_term(struct partition_log *log, uint64_t index, uint64_t term);
void log_cut_terms(struct partition_log *log, uint64_t last_index);
/* Is an entry reported before it is on stable storage? */
bool log_is_relaxed(const struct partition_log *log);
/* A big batch that nobody waited for is stable, or gone. */
void log_outside_settled(struct partition_log *log);
/* Tell the owner what has become durable. */
void log_report(struct partition_log *log);
/* Now and after every restart, until an install. `reason` is copied. */
void log_mark_corrupt(struct partition_log *log, const char *reason);
void log_set_corrupt(struct partition_log *log, const char *reason); /* without a record */
void log_report_corrupt(struct task *task);
uint64_t log_add_record(struct partition_log *log, struct journal_record *record);

/* The log is being removed: nobody is told anything any more. */
void log_detach(struct partition_log *log);

/* ---- log_append.c ---- */
/* Give the entry its place and put it into the tail. `rolls` as in entry_meta. */
void log_take_entry(struct partition_log *log, struct tail_entry *entry);
void log_encode_entry(const struct tail_entry *entry, struct entry_meta *out_meta);
/* An entry from the journal or a checkpoint. `payload` is copied; NULL: it is in the segment. */
void log_replay_entry(struct partition_log *log, const struct entry_meta *meta, const char *payload,
                      uint32_t crc, uint64_t lsn);

/* ---- log_truncate.c ---- */
/* Where the log's prefix before `index` ends. May read rows, blocking, if they left memory. */
MUST_USE
enum error log_position_before(struct partition_log *log, uint64_t index,
                               struct log_position *out_position);
/* Drop it and what is behind it, with a record. */
MUST_USE
enum error log_drop_from(struct partition_log *log, uint64_t index);
void log_drop_behind(struct partition_log *log, const struct log_position *end);
void log_add_truncate(struct partition_log *log, const struct log_position *end);
/* False: the record does not fit this log. */
bool log_replay_truncate(struct partition_log *log, const struct truncate_meta *meta);
void log_drop_all(struct partition_log *log, int64_t start_offset);
struct log_position log_end_position(const struct partition_log *log);

/* ---- log_snapshot.c ---- */
void log_encode_snapshot(const struct log_snapshot *snapshot, struct snapshot_meta *out_meta);
/* Into `announced`. `state` may be NULL if it is in a file. */
void log_decode_snapshot(struct partition_log *log, const struct snapshot_meta *meta,
                         const char *configuration, const char *state);
void log_snapshot_release(struct log_snapshot *snapshot);
/* Big batches that its record waits for may be stable now. */
void log_announce_stable(struct partition_log *log);
/* Make `announced` the snapshot, now. */
void log_adopt_snapshot(struct partition_log *log);
/* Read the state of `announced` from its file, blocking. CORRUPT if it is not what meta says. */
MUST_USE
enum error log_load_state(struct partition_log *log, const struct snapshot_meta *meta);
/* Write the state of `snapshot` to its file if it is large, then call written(log). */
void log_write_state(struct partition_log *log, const struct log_snapshot *snapshot,
                     void (*written)(struct partition_log *log));
/* `announced` has a record that is not durable yet; another one takes its place. */
void log_supersede_announced(struct partition_log *log);

/* ---- log_install.c ---- */
void log_install_poke(struct partition_log *log);
void log_install_release(struct partition_log *log);
/* The log begins behind `announced`, in memory. Its segments are there already. */
void log_begin_behind_snapshot(struct partition_log *log);

/* ---- log_retention.c ---- */
void log_drop_old_segments(struct partition_log *log);
/* From where on batches can be read: a pin may keep what lies before the start. */
int64_t log_readable_from(const struct partition_log *log);
/* Do entries in memory keep a segment from being dropped? */
bool log_drop_waits_for_move(const struct partition_log *log);

/* ---- log_cache.c ---- */
void log_cache_touch(struct partition_log *log);
void log_cache_trim(struct storage *storage);
/* The log's entries up to log->moved are in segments now. */
void log_cache_moved(struct partition_log *log);

#endif
