/* SPDX-License-Identifier: Apache-2.0 */
/* A log's newest entries, in memory: all that are not yet in segments, and some that are. */
#ifndef GYRE_STORAGE_LOG_TAIL_H
#define GYRE_STORAGE_LOG_TAIL_H

#include "storage_state.h"

void log_tail_init(struct log_tail *tail, uint64_t first_index);
void log_tail_release(struct log_tail *tail);
/* Takes the payload's reference. Its index continues the tail. */
void log_tail_push(struct log_tail *tail, const struct tail_entry *entry);
void log_tail_drop_first(struct log_tail *tail);
void log_tail_drop_last(struct log_tail *tail);
/* Begin anew, empty, at `first_index`. */
void log_tail_reset(struct log_tail *tail, uint64_t first_index);

static inline bool log_tail_has(const struct log_tail *tail, uint64_t index)
{
    return index >= tail->first_index && index - tail->first_index < tail->count;
}

static inline struct tail_entry *log_tail_at(const struct log_tail *tail, uint64_t index)
{
    CHECK(log_tail_has(tail, index));
    return &tail->ring[(tail->head + (index - tail->first_index)) & (tail->capacity - 1)];
}

/* What an entry in memory costs, for limits. */
static inline size_t log_tail_entry_bytes(const struct tail_entry *entry)
{
    return sizeof *entry + entry->entry.payload.length;
}

#endif
