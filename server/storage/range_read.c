/* SPDX-License-Identifier: Apache-2.0 */
#include "range_read.h"

#include "gyre/base/buffer.h"
#include "gyre/base/check.h"

#include "log_files.h"
#include "removal.h"
#include "storage_life.h"

static void end(struct range_read *read, enum error error)
{
    struct partition_log *log = read->log;
    struct storage *storage = log->storage;

    read->error = error;
    list_remove(&read->job.link);
    log_file_unuse(storage, read->file);
    log->reads_running--;
    if (log->is_removed) {
        read->error = ERROR_CANCELLED;
    }
    read->done(read);
    removal_poke(storage);
    storage_close_poke(storage);
}

static void on_read(struct disk_request *request)
{
    struct range_read *read = CONTAINER_OF(request, struct range_read, request);

    read->length = request->error == ERROR_NONE ? (size_t)request->bytes : 0;
    end(read, request->error);
}

static void submit_read(struct range_read *read)
{
    read->request.operation = DISK_READ_AT;
    read->request.fd = read->file->fd;
    read->request.done = on_read;
    disk_submit(read->log->storage->disk, DISK_LANE_READ, &read->request);
}

static void on_opened(struct disk_request *request)
{
    struct range_read *read = CONTAINER_OF(request, struct range_read, request);

    if (request->error != ERROR_NONE) {
        end(read, request->error);
        return;
    }
    log_file_opened(read->log->storage, read->file, request->opened_fd);
    submit_read(read);
}

void range_read_start(struct range_read *read, struct partition_log *log, struct log_file *file,
                      uint64_t number, int64_t offset, size_t length)
{
    CHECK(length > 0);
    read->log = log;
    read->file = file;
    read->buffer = buffer_new(length);
    read->vector = (struct iovec){read->buffer->bytes, length};
    read->request = (struct disk_request){
        .offset = offset, .vectors = &read->vector, .vector_count = 1, .opened_fd = -1};
    list_append(&log->storage->jobs, &read->job.link);
    log->reads_running++;
    log_file_use(log->storage, file);
    if (file->fd >= 0) {
        submit_read(read);
        return;
    }
    log_files_path(log, file->kind, number, read->path);
    read->request.operation = DISK_OPEN;
    read->request.path = read->path;
    read->request.done = on_opened;
    disk_submit(log->storage->disk, DISK_LANE_READ, &read->request);
}
