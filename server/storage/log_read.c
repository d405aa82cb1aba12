/* SPDX-License-Identifier: Apache-2.0 */
#include "log_read.h"

#include "gyre/base/check.h"

#include "descriptors.h"
#include "log_files.h"
#include "log_tail.h"
#include "removal.h"

void log_read_init(struct log_read *read, struct partition_log *log,
                   void (*abandon)(struct storage_job *job))
{
    storage_job_init(&read->job, log->storage, abandon);
    read->log = log;
    log->reads_running++;
}

void log_read_release(struct log_read *read)
{
    struct partition_log *log = read->log;
    struct storage *storage = log->storage;

    list_remove(&read->job.link);
    buffer_unref(read->buffer);
    read->buffer = NULL;
    log->reads_running--;
    if (log->is_removed) {
        removal_poke(storage);
    }
}

static void finish(struct log_read *read, enum error error)
{
    struct log_file *file = read->file;

    read->file = NULL;
    log_file_unuse(read->log->storage, file);
    read->done(read, error);
}

static void on_read(struct disk_request *request)
{
    struct log_read *read = CONTAINER_OF(request, struct log_read, request);

    read->got = (size_t)request->bytes;
    finish(read, request->error);
}

static void submit_read(struct log_read *read)
{
    read->vector = (struct iovec){.iov_base = read->buffer->bytes, .iov_len = read->length};
    read->request = (struct disk_request){.operation = DISK_READ_AT,
                                          .fd = read->file->fd,
                                          .offset = read->offset,
                                          .vectors = &read->vector,
                                          .vector_count = 1,
                                          .done = on_read};
    disk_submit(read->log->storage->disk, DISK_LANE_READ, &read->request);
}

static void on_opened(struct disk_request *request)
{
    struct log_read *read = CONTAINER_OF(request, struct log_read, request);

    if (request->error != ERROR_NONE) {
        finish(read, request->error);
        return;
    }
    log_file_opened(read->log->storage, read->file, request->opened_fd);
    submit_read(read);
}

void log_read_start(struct log_read *read, struct log_file *file, uint64_t number, int64_t offset,
                    size_t length, void (*done)(struct log_read *read, enum error error))
{
    struct storage *storage = read->log->storage;

    CHECK(read->file == NULL);
    buffer_unref(read->buffer);
    read->buffer = buffer_new(length);
    read->file = file;
    read->number = number;
    read->offset = offset;
    read->length = length;
    read->got = 0;
    read->done = done;
    log_file_use(file);
    if (file->fd >= 0) {
        submit_read(read);
        return;
    }
    log_files_path(read->log, file->kind, number, read->path);
    read->request =
        (struct disk_request){.operation = DISK_OPEN, .path = read->path, .done = on_opened};
    descriptors_open(storage, DISK_LANE_READ, &read->request);
}

uint32_t log_read_written(const struct partition_log *log, const struct data_segment *segment)
{
    if (segment->base_offset == log->moved.data_base) {
        return log->moved.data_size < segment->size ? log->moved.data_size : segment->size;
    }
    return segment->base_offset < log->moved.data_base ? segment->size : 0;
}

uint64_t log_read_find_in_tail(const struct partition_log *log, int64_t offset)
{
    uint64_t low = log->tail.first_index;
    uint64_t high = log->tail.first_index + log->tail.count;

    /* The first entry whose end lies behind the offset. Others than batches end where they are. */
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        const struct log_entry *entry = &log_tail_at(&log->tail, middle)->entry;

        if (entry->base_offset + entry->offset_count <= offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    while (log_tail_has(&log->tail, low) &&
           log_tail_at(&log->tail, low)->entry.kind != ENTRY_BATCH) {
        low++;
    }
    return log_tail_has(&log->tail, low) ? low : 0;
}
