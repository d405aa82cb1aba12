/* SPDX-License-Identifier: Apache-2.0 */
#include "recovery_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/base/check.h"
#include "gyre/base/crc32c.h"
#include "gyre/base/mutation.h"
#include "gyre/wire/record_batch.h"

#include "checkpoint.h"
#include "failure.h"
#include "log_change.h"
#include "log_files.h"
#include "log_tail.h"
#include "removal.h"

enum { FILE_BYTES_MAX = 1 << 30 };

static enum error open_for_reading(struct storage *storage, const char *path, int *out_fd)
{
    struct disk_request open = {.operation = DISK_OPEN, .flags = DISK_READ_ONLY, .path = path};

    disk_execute(storage->disk, &open);
    *out_fd = open.opened_fd;
    return open.error;
}

/* What could not be looked at is neither missing nor torn: the start must be tried again. */
static void note_refusal(struct storage *storage, enum error error)
{
    if (error == ERROR_NO_DESCRIPTORS) {
        storage->recovery_error = error;
    }
}

static void close_fd(struct storage *storage, int fd)
{
    struct disk_request close = {.operation = DISK_CLOSE, .fd = fd};

    disk_execute(storage->disk, &close);
}

enum error recovery_read_file(struct storage *storage, const char *path, char **out_bytes,
                              size_t *out_length)
{
    struct disk_stat status;
    struct iovec vector;
    struct disk_request read = {.operation = DISK_READ_AT, .vectors = &vector, .vector_count = 1};
    enum error error = storage->disk->operations->stat(storage->disk, path, &status);

    if (error == ERROR_NONE && status.size_bytes > FILE_BYTES_MAX) {
        error = ERROR_CORRUPT;
    }
    if (error == ERROR_NONE) {
        error = open_for_reading(storage, path, &read.fd);
    }
    if (error != ERROR_NONE) {
        return error;
    }
    *out_length = (size_t)status.size_bytes;
    *out_bytes = check_alloc(*out_length);
    vector = (struct iovec){.iov_base = *out_bytes, .iov_len = *out_length};
    if (*out_length > 0) {
        disk_execute(storage->disk, &read);
    }
    close_fd(storage, read.fd);
    if (read.error == ERROR_NONE && read.bytes != (int64_t)*out_length) {
        return ERROR_CORRUPT;
    }
    return read.error;
}

/* ---- what lies in the directories ---- */

struct names {
    char (*items)[64]; /* owned; longer names are not ours */
    size_t count;
    size_t capacity;
};

static void visit_name(void *context, const char *name)
{
    struct names *names = context;

    if (names->count == names->capacity) {
        names->capacity = names->capacity == 0 ? 64 : names->capacity * 2;
        names->items = check_realloc(names->items, names->capacity * sizeof names->items[0]);
    }
    (void)snprintf(names->items[names->count++], sizeof names->items[0], "%.63s", name);
}

static bool takes(struct names *names, const char *path)
{
    const char *name = strrchr(path, '/') + 1;

    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->items[i], name) == 0) {
            names->items[i][0] = '\0';
            return true;
        }
    }
    return false;
}

static void miss(struct partition_log *log, const char *path, const char *what)
{
    char reason[REASON_MAX];

    (void)snprintf(reason, sizeof reason, "%.200s %s", path, what);
    log_mark_corrupt(log, reason);
}

static void expect(struct partition_log *log, struct names *names, enum log_file_kind kind,
                   uint64_t number, int64_t bytes)
{
    struct storage *storage = log->storage;
    char path[STORAGE_PATH_MAX];
    struct disk_stat status;

    log_files_path(log, kind, number, path);
    if (!takes(names, path)) {
        if (bytes > 0) {
            miss(log, path, "is missing");
        }
        return;
    }
    if (bytes > 0 && (storage->disk->operations->stat(storage->disk, path, &status) != ERROR_NONE ||
                      status.size_bytes < bytes)) {
        miss(log, path, "is too short");
    }
}

static void expect_files(struct partition_log *log, struct names *names)
{
    for (uint32_t i = 0; i < log->data_count; i++) {
        const struct data_segment *segment = log->data[i];
        int64_t bytes = segment->size;

        if (segment->base_offset == log->moved.data_base) {
            bytes = log->moved.data_size;
        } else if (segment->base_offset > log->moved.data_base) {
            bytes = 0;
        }
        expect(log, names, LOG_FILE_DATA, (uint64_t)segment->base_offset, bytes);
        expect(log, names, LOG_FILE_INDEX, (uint64_t)segment->base_offset, 0);
    }
    for (uint32_t i = 0; i < log->side_count; i++) {
        const struct side_segment *segment = log->side[i];
        uint64_t end =
            segment->end_index <= log->moved.index ? segment->end_index : log->moved.index + 1;
        uint64_t rows = end > segment->first_index ? end - segment->first_index : 0;

        expect(log, names, LOG_FILE_ENTRIES, segment->first_index,
               (int64_t)(rows * sizeof(struct entry_row)));
        expect(log, names, LOG_FILE_COMMANDS, segment->first_index, 0);
    }
    if (log->snapshot.state.length > STATE_INLINE_BYTES_MAX) {
        expect(log, names, LOG_FILE_STATE, log->snapshot.index, 0);
    }
}

static void look_at_log(struct storage *storage, struct partition_log *log, const char *path)
{
    struct names names = {0};
    char name[STORAGE_PATH_MAX];
    struct disk_request unlink = {.operation = DISK_UNLINK, .path = name};
    enum error error = storage->disk->operations->list(storage->disk, path, visit_name, &names);

    log->has_directory = true;
    note_refusal(storage, error);
    if (error != ERROR_NONE) {
        names.count = 0;
    }
    expect_files(log, &names);
    for (size_t i = 0; i < names.count; i++) {
        if (names.items[i][0] != '\0') {
            (void)snprintf(name, sizeof name, "%.400s/%.63s", path, names.items[i]);
            disk_execute(storage->disk, &unlink);
        }
    }
    log->doomed_count = 0;
    free(names.items);
}

void recovery_look_at_files(struct storage *storage)
{
    struct names names = {0};

    map_for_each(link, &storage->logs) {
        struct partition_log *log = CONTAINER_OF(link, struct partition_log, by_group);

        log->is_directory_expected = log->has_directory;
        log->has_directory = false;
    }
    storage->recovery_error =
        storage->disk->operations->list(storage->disk, storage->directory, visit_name, &names);
    if (storage->recovery_error != ERROR_NONE) {
        names.count = 0;
    }
    for (size_t i = 0; i < names.count; i++) {
        struct group_id group;
        struct partition_log *log;
        char path[STORAGE_PATH_MAX];

        if (!log_files_parse_directory(names.items[i], &group)) {
            continue;
        }
        log = storage_find_log(storage, group);
        log_files_directory(storage, group, path);
        if (log != NULL) {
            look_at_log(storage, log, path);
        } else if (removal_execute(storage, path) != ERROR_NONE) {
            continue; /* left over from a removed log; the next start tries again */
        }
    }
    free(names.items);
    map_for_each(link, &storage->logs) {
        struct partition_log *log = CONTAINER_OF(link, struct partition_log, by_group);

        if (log->is_directory_expected && !log->has_directory && log->moved.index > 0 &&
            log->data_count > 0 && log->data[0]->base_offset <= log->moved.data_base) {
            char path[STORAGE_PATH_MAX];

            log_files_directory(storage, log->group, path);
            miss(log, path, "is missing");
        }
    }
}

/* ---- installed segments ---- */

void recovery_replace_data(struct partition_log *log, const char *rows, uint32_t count)
{
    while (log->data_count > 0) {
        log_files_drop_data(log, log->data_count - 1, false);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct segment_row row;
        const struct data_segment *last = log_files_last_data(log);
        struct data_segment *segment;

        memcpy(&row, rows + i * sizeof row, sizeof row);
        if (last != NULL && last->base_offset >= row.base_offset) {
            log->is_broken = true;
            return;
        }
        segment = log_files_add_data(log, row.base_offset, false);
        segment->end_offset = row.end_offset;
        segment->max_timestamp_ms = row.max_timestamp_ms;
        segment->max_timestamp_offset = row.max_timestamp_offset;
        segment->size = row.size;
        segment->is_max_loose = (row.flags & SEGMENT_MAX_IS_LOOSE) != 0;
        segment->unindexed = row.size;
    }
}

/* ---- batches that went straight to their segment ---- */

static void sync_fd(struct storage *storage, int fd)
{
    struct disk_request sync = {.operation = DISK_SYNC, .fd = fd};

    disk_execute(storage->disk, &sync);
    if (sync.error != ERROR_NONE) {
        storage_fail(storage, &sync, "a segment could not be synced");
    }
}

static bool load_outside(struct partition_log *log, struct tail_entry *entry,
                         bool is_above_watermark)
{
    struct storage *storage = log->storage;
    struct data_segment *segment = log_files_find_data(log, entry->entry.base_offset);
    char path[STORAGE_PATH_MAX];
    struct buffer *buffer;
    struct iovec vector;
    struct disk_request read = {.operation = DISK_READ_AT, .vectors = &vector, .vector_count = 1};
    enum error error;

    log_files_path(log, LOG_FILE_DATA, (uint64_t)segment->base_offset, path);
    error = open_for_reading(storage, path, &read.fd);
    if (error != ERROR_NONE) {
        note_refusal(storage, error);
        return false;
    }
    buffer = buffer_new(entry->size);
    vector = (struct iovec){.iov_base = buffer->bytes, .iov_len = entry->size};
    read.offset = entry->position;
    disk_execute(storage->disk, &read);
    if (is_above_watermark) {
        sync_fd(storage, read.fd); /* it may have outlived its process in memory alone */
    }
    close_fd(storage, read.fd);
    if (read.error != ERROR_NONE || read.bytes != (int64_t)entry->size ||
        crc32c(buffer->bytes, entry->size) != entry->crc) {
        buffer_unref(buffer);
        return false;
    }
    entry->entry.payload = buffer_slice(buffer, 0, entry->size);
    buffer_unref(buffer);
    log->tail_bytes += entry->size;
    storage->cached_bytes += entry->size;
    entry->max_timestamp_ms = record_batch_max_timestamp_ms(entry->entry.payload.bytes);
    if (entry->max_timestamp_ms > segment->max_timestamp_ms) {
        segment->max_timestamp_ms = entry->max_timestamp_ms;
        segment->max_timestamp_offset = entry->entry.base_offset;
    }
    segment->file.is_fresh = false;
    return true;
}

static void cut_torn(struct partition_log *log, uint64_t index)
{
    log->recovery_sequence = ++log->sequence;
    if (log_drop_from(log, index) != ERROR_NONE) {
        log_mark_corrupt(log, "an entry's row cannot be read where the log must be cut");
    }
}

void recovery_verify_outside(struct partition_log *log, uint64_t watermark, uint64_t written)
{
    for (uint64_t index = log->moved.index + 1; index <= log->last_index; index++) {
        struct tail_entry *entry = log_tail_at(&log->tail, index);

        if (!entry->is_outside || entry->entry.payload.length > 0 ||
            load_outside(log, entry, entry->outside > watermark)) {
            continue;
        }
        if (entry->outside <= written && !MUTATION(43)) {
            log_mark_corrupt(log, "a batch in a segment does not match its checksum");
        }
        cut_torn(log, index);
        break;
    }
}
