/* SPDX-License-Identifier: Apache-2.0 */
#include "log_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/base/check.h"

#include "descriptors.h"
#include "log_sync.h"

/* ---- names ---- */

void log_files_directory(const struct storage *storage, struct group_id group,
                         char path[STORAGE_PATH_MAX])
{
    char topic[UUID_TEXT_LENGTH + 1];
    int length;

    uuid_format(group.topic, topic);
    length =
        snprintf(path, STORAGE_PATH_MAX, "%s/%s-%d", storage->directory, topic, group.partition);
    CHECK(length > 0);
    CHECK(length < STORAGE_PATH_MAX);
}

void log_files_path(const struct partition_log *log, enum log_file_kind kind, uint64_t number,
                    char path[STORAGE_PATH_MAX])
{
    static const char *const suffixes[] = {[LOG_FILE_DATA] = "log",
                                           [LOG_FILE_INDEX] = "index",
                                           [LOG_FILE_ENTRIES] = "entries",
                                           [LOG_FILE_COMMANDS] = "commands",
                                           [LOG_FILE_STATE] = "state"};
    char directory[STORAGE_PATH_MAX];
    int length;

    log_files_directory(log->storage, log->group, directory);
    length = snprintf(path, STORAGE_PATH_MAX, "%s/%s%020llu.%s", directory,
                      kind == LOG_FILE_STATE ? "snapshot-" : "", (unsigned long long)number,
                      suffixes[kind]);
    CHECK(length > 0);
    CHECK(length < STORAGE_PATH_MAX);
}

bool log_files_parse_directory(const char *name, struct group_id *out_group)
{
    size_t length = strlen(name);
    char *end = NULL;
    long partition;

    if (length < UUID_TEXT_LENGTH + 2 || name[UUID_TEXT_LENGTH] != '-') {
        return false;
    }
    if (uuid_parse((struct string){.bytes = name, .length = UUID_TEXT_LENGTH}, &out_group->topic) !=
        ERROR_NONE) {
        return false;
    }
    partition = strtol(name + UUID_TEXT_LENGTH + 1, &end, 10);
    if (*end != '\0' || partition < 0 || partition > INT32_MAX) {
        return false;
    }
    out_group->partition = (int32_t)partition;
    return true;
}

/* ---- descriptors ---- */

void log_file_init(struct log_file *file, enum log_file_kind kind, bool is_fresh)
{
    *file = (struct log_file){.fd = -1, .kind = kind, .is_fresh = is_fresh};
    list_init(&file->idle_link);
    list_init(&file->dirty_link);
}

void log_file_close(struct storage *storage, struct log_file *file)
{
    descriptors_close(storage, file->fd);
    file->fd = -1;
    list_remove(&file->idle_link);
}

/* A dirty file stays open: its descriptor is what will be synced. */
void log_file_settle(struct storage *storage, struct log_file *file)
{
    list_remove(&file->idle_link);
    if (file->fd >= 0 && file->users == 0 && list_is_alone(&file->dirty_link)) {
        list_append(&storage->descriptors.idle, &file->idle_link);
        descriptors_trim(storage);
    }
}

void log_file_opened(struct storage *storage, struct log_file *file, int fd)
{
    if (file->fd >= 0) {
        descriptors_close(storage, fd);
        return;
    }
    file->fd = fd;
    log_file_settle(storage, file);
}

void log_file_hold(struct log_file *file)
{
    file->holders++;
}

void log_file_use(struct log_file *file)
{
    log_file_hold(file);
    file->users++;
    list_remove(&file->idle_link);
}

static void free_data(struct data_segment *segment)
{
    free(segment->index.slots);
    free(segment);
}

/* Free the segment that a dropped file is part of, unless its other file is in use. */
static void free_container(struct log_file *file)
{
    struct side_segment *side;

    if (file->kind == LOG_FILE_DATA) {
        free_data(CONTAINER_OF(file, struct data_segment, file));
        return;
    }
    side = file->kind == LOG_FILE_ENTRIES ? CONTAINER_OF(file, struct side_segment, entries)
                                          : CONTAINER_OF(file, struct side_segment, commands);
    if (side->entries.is_orphan && side->commands.is_orphan && side->entries.holders == 0 &&
        side->commands.holders == 0) {
        free(side);
    }
}

void log_file_let_go(struct storage *storage, struct log_file *file)
{
    CHECK(file->holders > file->users);
    file->holders--;
    if (file->is_orphan && file->holders == 0) {
        if (file->fd >= 0) {
            log_file_close(storage, file);
        }
        free_container(file);
    }
}

void log_file_abandon(struct log_file *file)
{
    file->users--;
    file->holders--;
    if (file->is_orphan && file->holders == 0) {
        free_container(file);
    }
}

void log_file_unuse(struct storage *storage, struct log_file *file)
{
    CHECK(file->users > 0);
    file->users--;
    if (!file->is_orphan) {
        log_file_settle(storage, file);
    }
    log_file_let_go(storage, file);
}

/* No longer its log's: closed as soon as nobody uses it. */
static void orphan(struct storage *storage, struct log_file *file)
{
    log_sync_forget(storage, file);
    file->is_orphan = true;
    list_remove(&file->idle_link);
    if (file->holders == 0 && file->fd >= 0) {
        log_file_close(storage, file);
    }
}

static void close_now(struct storage *storage, struct log_file *file)
{
    struct disk_request request = {.operation = DISK_CLOSE, .fd = file->fd};

    disk_execute(storage->disk, &request);
    file->fd = -1;
    list_remove(&file->idle_link);
    log_sync_forget(storage, file);
}

void log_files_close_all(struct storage *storage)
{
    list_for_each_safe(link, &storage->descriptors.idle) {
        close_now(storage, list_entry(link, struct log_file, idle_link));
    }
    list_for_each_safe(link, &storage->syncs.dirty) {
        close_now(storage, list_entry(link, struct log_file, dirty_link));
    }
}

/* ---- lists of segments ---- */

static void grow(void **array, uint32_t *capacity, size_t size)
{
    *capacity = *capacity == 0 ? 2 : *capacity * 2;
    *array = check_realloc(*array, *capacity * size);
}

struct data_segment *log_files_add_data(struct partition_log *log, int64_t base_offset,
                                        bool is_fresh)
{
    struct data_segment *segment = check_alloc_zero(sizeof *segment);

    CHECK(log->data_count == 0 || log->data[log->data_count - 1]->base_offset < base_offset);
    if (log->data_count == log->data_capacity) {
        grow((void **)(void *)&log->data, &log->data_capacity, sizeof(struct data_segment *));
    }
    log_file_init(&segment->file, LOG_FILE_DATA, is_fresh);
    segment->base_offset = base_offset;
    segment->end_offset = base_offset;
    segment->max_timestamp_ms = -1;
    segment->max_timestamp_offset = base_offset;
    log->data[log->data_count++] = segment;
    return segment;
}

struct side_segment *log_files_add_side(struct partition_log *log, uint64_t first_index,
                                        bool is_fresh)
{
    struct side_segment *segment = check_alloc_zero(sizeof *segment);

    CHECK(log->side_count == 0 || log->side[log->side_count - 1]->first_index < first_index);
    if (log->side_count == log->side_capacity) {
        grow((void **)(void *)&log->side, &log->side_capacity, sizeof(struct side_segment *));
    }
    log_file_init(&segment->entries, LOG_FILE_ENTRIES, is_fresh);
    log_file_init(&segment->commands, LOG_FILE_COMMANDS, is_fresh);
    segment->first_index = first_index;
    segment->end_index = first_index;
    log->side[log->side_count++] = segment;
    return segment;
}

struct data_segment *log_files_find_data(const struct partition_log *log, int64_t offset)
{
    uint32_t low = 0;
    uint32_t high = log->data_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (log->data[middle]->base_offset <= offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == 0 ? NULL : log->data[low - 1];
}

struct side_segment *log_files_find_side(const struct partition_log *log, uint64_t index)
{
    uint32_t low = 0;
    uint32_t high = log->side_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (log->side[middle]->first_index <= index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == 0 ? NULL : log->side[low - 1];
}

struct data_segment *log_files_last_data(const struct partition_log *log)
{
    return log->data_count == 0 ? NULL : log->data[log->data_count - 1];
}

struct side_segment *log_files_last_side(const struct partition_log *log)
{
    return log->side_count == 0 ? NULL : log->side[log->side_count - 1];
}

void log_files_doom(struct partition_log *log, enum log_file_kind kind, uint64_t number, bool now)
{
    if (log->doomed_count == log->doomed_capacity) {
        grow((void **)(void *)&log->doomed, &log->doomed_capacity, sizeof(struct doomed_file));
    }
    log->doomed[log->doomed_count++] = (struct doomed_file){
        .kind = kind, .number = number, .when = now ? DOOMED_NOW : DOOMED_LATER};
}

void log_files_drop_data(struct partition_log *log, uint32_t at, bool now)
{
    struct data_segment *segment = log->data[at];

    log_files_doom(log, LOG_FILE_DATA, (uint64_t)segment->base_offset, now);
    memmove(&log->data[at], &log->data[at + 1],
            (log->data_count - at - 1) * sizeof(struct data_segment *));
    log->data_count--;
    orphan(log->storage, &segment->file);
    if (segment->file.holders == 0) {
        free_data(segment);
    }
}

void log_files_drop_side(struct partition_log *log, uint32_t at, bool now)
{
    struct side_segment *segment = log->side[at];

    log_files_doom(log, LOG_FILE_ENTRIES, segment->first_index, now);
    log_files_doom(log, LOG_FILE_COMMANDS, segment->first_index, now);
    memmove(&log->side[at], &log->side[at + 1],
            (log->side_count - at - 1) * sizeof(struct side_segment *));
    log->side_count--;
    orphan(log->storage, &segment->entries);
    orphan(log->storage, &segment->commands);
    if (segment->entries.holders == 0 && segment->commands.holders == 0) {
        free(segment);
    }
}

static void release_file(struct storage *storage, struct log_file *file)
{
    list_remove(&file->idle_link);
    log_sync_forget(storage, file);
}

void log_files_release(struct partition_log *log)
{
    for (uint32_t i = 0; i < log->data_count; i++) {
        release_file(log->storage, &log->data[i]->file);
        free_data(log->data[i]);
    }
    for (uint32_t i = 0; i < log->side_count; i++) {
        release_file(log->storage, &log->side[i]->entries);
        release_file(log->storage, &log->side[i]->commands);
        free(log->side[i]);
    }
    free(log->data);
    free(log->side);
    free(log->doomed);
    log->data_count = 0;
    log->side_count = 0;
}
