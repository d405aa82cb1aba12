/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries from memory, or from files: first their rows, then their payloads, which lie one behind
 * the other in one .log and in one .commands. If the log was truncated meanwhile, the read begins
 * again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/base/check.h"
#include "gyre/base/crc32c.h"

#include "log_change.h"
#include "log_files.h"
#include "log_read.h"
#include "log_row.h"
#include "log_tail.h"

struct entry_reader {
    bool is_behind_start;
    struct log_read read;
    struct entries_read *caller;
    uint64_t truncations;
    struct side_segment *side;
    struct data_segment *data;
    struct entry_row *rows; /* owned */
    uint32_t row_count;
    uint32_t data_from; /* the range of .log, empty if data_to == data_from */
    uint32_t data_to;
    uint32_t commands_from;
    uint32_t commands_to;
    struct buffer *data_bytes;
};

void entries_read_release(struct entries_read *read)
{
    for (int i = 0; i < read->entry_count; i++) {
        buffer_slice_unref(&read->entries[i].payload);
    }
    read->entry_count = 0;
}

/* ---- from memory ---- */

static void read_tail(struct partition_log *log, struct entries_read *caller)
{
    uint64_t index = caller->from_index;
    size_t bytes = 0;

    while (log_tail_has(&log->tail, index) && caller->entry_count < ENTRIES_READ_MAX) {
        const struct log_entry *entry = &log_tail_at(&log->tail, index)->entry;

        if (caller->entry_count > 0 && bytes + entry->payload.length > caller->bytes_max) {
            break;
        }
        bytes += entry->payload.length;
        caller->entries[caller->entry_count] = *entry;
        caller->entries[caller->entry_count++].payload = buffer_slice_ref(entry->payload);
        index++;
    }
    log_cache_touch(log);
}

/* ---- from files ---- */

static void reader_free(struct entry_reader *reader)
{
    buffer_unref(reader->data_bytes);
    free(reader->rows);
    free(reader);
}

/* The rows' segment must outlive the reads, whatever is forgotten meanwhile. */
static void let_go(struct entry_reader *reader)
{
    struct side_segment *side = reader->side;

    if (side != NULL) {
        reader->side = NULL;
        log_file_let_go(reader->read.log->storage, &side->entries);
        log_file_let_go(reader->read.log->storage, &side->commands);
    }
}

static void hold(struct entry_reader *reader, struct side_segment *side)
{
    let_go(reader);
    if (side != NULL) {
        log_file_hold(&side->entries);
        log_file_hold(&side->commands);
    }
    reader->side = side;
}

static void abandon(struct storage_job *job)
{
    struct entry_reader *reader = CONTAINER_OF(job, struct entry_reader, read.job);

    list_remove(&job->link);
    buffer_unref(reader->read.buffer);
    reader_free(reader);
}

static void begin(struct entry_reader *reader);

static void finish(struct entry_reader *reader, enum error error)
{
    struct entries_read *caller = reader->caller;
    struct partition_log *log = reader->read.log;

    if (log->truncations != reader->truncations && !log->is_removed) {
        entries_read_release(caller);
        begin(reader); /* what was read may be gone */
        return;
    }
    if (error != ERROR_NONE) {
        entries_read_release(caller);
        caller->error = caller->from_index < log->first_index || reader->is_behind_start
                            ? ERROR_RANGE
                            : ERROR_CORRUPT;
        if (caller->error == ERROR_CORRUPT && !log->is_removed) {
            char reason[REASON_MAX];
            char path[STORAGE_PATH_MAX];

            log_files_path(log, LOG_FILE_ENTRIES, reader->side->first_index, path);
            (void)snprintf(reason, sizeof reason,
                           "entries from %llu on, named by %.160s, cannot be read",
                           (unsigned long long)caller->from_index, path);
            log_mark_corrupt(log, reason);
        }
    }
    let_go(reader);
    log_read_release(&reader->read);
    reader_free(reader);
    caller->done(caller);
}

static void add_entry(struct entry_reader *reader, const struct entry_row *row,
                      struct buffer *commands)
{
    struct entries_read *caller = reader->caller;
    struct log_entry *entry = &caller->entries[caller->entry_count++];
    bool is_batch = row->kind == ENTRY_BATCH;
    struct buffer *buffer = is_batch ? reader->data_bytes : commands;
    uint32_t from = is_batch ? reader->data_from : reader->commands_from;

    *entry = (struct log_entry){.index = row->index,
                                .term = row->term,
                                .kind = (enum entry_kind)row->kind,
                                .offset_count = row->offset_count,
                                .base_offset = row->base_offset,
                                .digest = row->digest};
    if (row->size > 0) {
        entry->payload = buffer_slice(buffer, row->position - from, row->size);
    }
}

static void assemble(struct entry_reader *reader, struct buffer *commands)
{
    enum error error = ERROR_NONE;

    for (uint32_t i = 0; i < reader->row_count; i++) {
        const struct log_entry *entry;

        add_entry(reader, &reader->rows[i], commands);
        entry = &reader->caller->entries[i];
        if (crc32c(entry->payload.bytes, entry->payload.length) != reader->rows[i].payload_crc) {
            error = ERROR_CORRUPT;
        }
    }
    finish(reader, error);
}

static void on_commands(struct log_read *read, enum error error)
{
    struct entry_reader *reader = CONTAINER_OF(read, struct entry_reader, read);

    if (error != ERROR_NONE || read->got != read->length) {
        finish(reader, ERROR_CORRUPT);
        return;
    }
    assemble(reader, read->buffer);
}

static void read_commands(struct entry_reader *reader)
{
    if (reader->commands_to == reader->commands_from) {
        assemble(reader, NULL);
        return;
    }
    log_read_start(&reader->read, &reader->side->commands, reader->side->first_index,
                   reader->commands_from, reader->commands_to - reader->commands_from, on_commands);
}

static void on_data(struct log_read *read, enum error error)
{
    struct entry_reader *reader = CONTAINER_OF(read, struct entry_reader, read);

    if (error != ERROR_NONE || read->got != read->length) {
        finish(reader, ERROR_CORRUPT);
        return;
    }
    reader->data_bytes = read->buffer;
    read->buffer = NULL;
    read_commands(reader);
}

/* How many of the rows go into this read, and which ranges of the files they name. */
static bool plan(struct entry_reader *reader)
{
    struct partition_log *log = reader->read.log;
    size_t bytes = 0;
    uint32_t count = 0;

    for (; count < reader->row_count; count++) {
        const struct entry_row *row = &reader->rows[count];
        bool is_batch = row->kind == ENTRY_BATCH;
        uint32_t *from = is_batch ? &reader->data_from : &reader->commands_from;
        uint32_t *to = is_batch ? &reader->data_to : &reader->commands_to;

        if (!log_row_check(row, reader->caller->from_index + count)) {
            break; /* the next read begins here and says so */
        }
        if (row->size > 0) {
            struct data_segment *data =
                is_batch ? log_files_find_data(log, row->base_offset) : NULL;

            if (is_batch && data == NULL && row->base_offset < log->start_offset) {
                reader->is_behind_start = true; /* its segment went with the start of the log */
                break;
            }
            if (is_batch && (data == NULL || row->position + row->size > data->size)) {
                return false;
            }
            if ((count > 0 && bytes + row->size > reader->caller->bytes_max) ||
                (*to != *from && row->position != *to) ||
                (is_batch && reader->data != NULL && reader->data != data)) {
                break;
            }
            if (*to == *from) {
                *from = row->position;
            }
            *to = row->position + row->size;
            bytes += row->size;
            reader->data = is_batch ? data : reader->data;
        }
    }
    reader->row_count = count;
    return count > 0;
}

static void on_rows(struct log_read *read, enum error error)
{
    struct entry_reader *reader = CONTAINER_OF(read, struct entry_reader, read);

    if (error != ERROR_NONE || read->got < sizeof(struct entry_row)) {
        finish(reader, ERROR_CORRUPT);
        return;
    }
    reader->row_count = (uint32_t)(read->got / sizeof(struct entry_row));
    reader->rows = check_alloc(reader->row_count * sizeof(struct entry_row));
    memcpy(reader->rows, read->buffer->bytes, reader->row_count * sizeof(struct entry_row));
    if (reader->read.log->truncations != reader->truncations || read->log->is_removed ||
        !plan(reader)) {
        finish(reader, ERROR_CORRUPT);
        return;
    }
    if (reader->data_to == reader->data_from) {
        read_commands(reader);
        return;
    }
    log_read_start(read, &reader->data->file, (uint64_t)reader->data->base_offset,
                   reader->data_from, reader->data_to - reader->data_from, on_data);
}

/* Also the second time, after a truncation: then the answer may come from memory. */
static void begin(struct entry_reader *reader)
{
    struct partition_log *log = reader->read.log;
    struct entries_read *caller = reader->caller;
    uint64_t end;

    free(reader->rows);
    reader->rows = NULL;
    buffer_unref(reader->data_bytes);
    reader->data_bytes = NULL;
    reader->data = NULL;
    reader->data_from = 0;
    reader->data_to = 0;
    reader->commands_from = 0;
    reader->commands_to = 0;
    reader->truncations = log->truncations;
    hold(reader, log_files_find_side(log, caller->from_index));
    if (caller->from_index < log->first_index || caller->from_index > log->last_index ||
        reader->side == NULL || log_tail_has(&log->tail, caller->from_index)) {
        if (log_tail_has(&log->tail, caller->from_index)) {
            read_tail(log, caller);
        } else {
            caller->error = ERROR_RANGE;
        }
        let_go(reader);
        log_read_release(&reader->read);
        reader_free(reader);
        caller->done(caller);
        return;
    }
    end = reader->side->end_index <= log->moved.index ? reader->side->end_index
                                                      : log->moved.index + 1;
    end = end > caller->from_index + ENTRIES_READ_MAX ? caller->from_index + ENTRIES_READ_MAX : end;
    log_read_start(
        &reader->read, &reader->side->entries, reader->side->first_index,
        (int64_t)((caller->from_index - reader->side->first_index) * sizeof(struct entry_row)),
        (size_t)(end - caller->from_index) * sizeof(struct entry_row), on_rows);
}

bool partition_log_read_entries(struct partition_log *log, struct entries_read *read)
{
    struct entry_reader *reader;

    read->entry_count = 0;
    read->error = ERROR_NONE;
    if (read->from_index < log->first_index || read->from_index > log->last_index) {
        read->error = ERROR_RANGE;
        return true;
    }
    if (log_tail_has(&log->tail, read->from_index)) {
        read_tail(log, read);
        return true;
    }
    if (log_files_find_side(log, read->from_index) == NULL) {
        read->error = ERROR_CORRUPT;
        return true;
    }
    reader = check_alloc_zero(sizeof *reader);
    log_read_init(&reader->read, log, abandon);
    reader->caller = read;
    begin(reader);
    return false;
}
