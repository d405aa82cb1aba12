/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sparse index of one .log: every so many bytes, where a batch begins and what the largest
 * timestamp before it is. It is in memory alone: for bytes of before the start, the first lookups
 * in a segment walk its batch headers and note slots, so that none walks there twice.
 */
#ifndef GYRE_STORAGE_LOG_INDEX_H
#define GYRE_STORAGE_LOG_INDEX_H

#include "storage_state.h"

/* A batch goes to the end of the segment. Called before segment->size moves. */
void log_index_note(struct partition_log *log, struct data_segment *segment, int64_t base_offset,
                    int64_t max_timestamp_ms);
/* A walk passes a batch in the front that has no slots; noted slots have no gaps. */
void log_index_note_old(struct data_segment *segment, uint32_t position, int64_t base_offset,
                        int64_t max_ms_before, int64_t max_offset_before);
/* Forget slots at or behind `size`. */
void log_index_cut(struct data_segment *segment, uint32_t size);
/* Position of a batch at or before the one that contains the offset. */
uint32_t log_index_find(const struct data_segment *segment, int64_t offset);
/* Position before which no batch has a timestamp at or above this. */
uint32_t log_index_find_time(const struct data_segment *segment, int64_t timestamp_ms);
/* The last slot at or before the batch that contains the offset; NULL: none. */
const struct index_slot *log_index_slot(const struct data_segment *segment, int64_t offset);

/*
 * Bytes of before the start are trusted only once their batches' checksums were found to hold by
 * this process; bytes that it wrote itself were checked when they came in.
 */
void log_index_set_verified(struct data_segment *segment, uint32_t from, uint32_t to);
bool log_index_is_verified(const struct data_segment *segment, uint32_t from, uint32_t to);
/* How many slots lie at or before the position. */
uint32_t log_index_floor(const struct data_segment *segment, uint32_t position);

#endif
