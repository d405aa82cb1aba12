/* SPDX-License-Identifier: Apache-2.0 */
#include "log_row.h"

#include "gyre/base/check.h"
#include "gyre/base/crc32c.h"

#include "log_files.h"

void log_row_encode(const struct tail_entry *entry, struct entry_row *out_row)
{
    *out_row = (struct entry_row){.index = entry->entry.index,
                                  .term = entry->entry.term,
                                  .base_offset = entry->entry.base_offset,
                                  .digest = entry->entry.digest,
                                  .position = entry->position,
                                  .size = entry->size,
                                  .offset_count = entry->entry.offset_count,
                                  .payload_crc = entry->crc,
                                  .kind = (uint8_t)entry->entry.kind};
    out_row->crc = crc32c(out_row, offsetof(struct entry_row, crc));
}

bool log_row_check(const struct entry_row *row, uint64_t index)
{
    return row->crc == crc32c(row, offsetof(struct entry_row, crc)) && row->index == index &&
           row->kind >= ENTRY_BATCH && row->kind <= ENTRY_CHANGE;
}

enum error log_row_read_blocking(struct partition_log *log, uint64_t index,
                                 struct entry_row *out_row)
{
    struct storage *storage = log->storage;
    struct side_segment *side = log_files_find_side(log, index);
    char path[STORAGE_PATH_MAX];
    struct disk_request open = {
        .operation = DISK_OPEN, .flags = DISK_READ_ONLY, .path = path, .opened_fd = -1};
    struct iovec vector = {.iov_base = out_row, .iov_len = sizeof *out_row};
    struct disk_request read = {.operation = DISK_READ_AT, .vectors = &vector, .vector_count = 1};

    *out_row = (struct entry_row){0};
    if (side == NULL || index >= side->end_index) {
        return ERROR_RANGE;
    }
    read.fd = side->entries.fd;
    if (read.fd < 0) {
        log_files_path(log, LOG_FILE_ENTRIES, side->first_index, path);
        disk_execute(storage->disk, &open);
        if (open.error != ERROR_NONE) {
            return ERROR_CORRUPT;
        }
        read.fd = open.opened_fd;
    }
    read.offset = (int64_t)((index - side->first_index) * sizeof *out_row);
    disk_execute(storage->disk, &read);
    if (open.opened_fd >= 0) {
        struct disk_request close = {.operation = DISK_CLOSE, .fd = open.opened_fd};

        disk_execute(storage->disk, &close);
    }
    if (read.error != ERROR_NONE || read.bytes < (int64_t)sizeof *out_row ||
        !log_row_check(out_row, index)) {
        return ERROR_CORRUPT;
    }
    return ERROR_NONE;
}
