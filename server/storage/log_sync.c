/* SPDX-License-Identifier: Apache-2.0 */
#include "log_sync.h"

#include "gyre/base/check.h"

#include "checkpoint.h"
#include "descriptors.h"
#include "failure.h"
#include "log_files.h"

static void on_synced(struct disk_request *request);

void log_sync_init(struct storage *storage)
{
    list_init(&storage->syncs.dirty);
    for (int i = 0; i < SYNCS_AT_ONCE_MAX; i++) {
        storage->syncs.jobs[i].storage = storage;
    }
}

void log_sync_mark(struct storage *storage, struct log_file *file)
{
    if (list_is_alone(&file->dirty_link) && !file->is_orphan) {
        file->dirty_mark = ++storage->syncs.last_mark;
        list_append(&storage->syncs.dirty, &file->dirty_link);
    }
}

static struct log_file *oldest(const struct storage *storage)
{
    return list_is_empty(&storage->syncs.dirty)
               ? NULL
               : list_first(&storage->syncs.dirty, struct log_file, dirty_link);
}

static void start(struct storage *storage, struct log_sync *job, struct log_file *file)
{
    CHECK(file->fd >= 0);
    log_file_use(file);
    list_remove(&file->dirty_link);
    job->file = file;
    job->mark = file->dirty_mark;
    job->request = (struct disk_request){.operation = DISK_SYNC, .fd = file->fd, .done = on_synced};
    disk_submit(storage->disk, DISK_LANE_READ, &job->request);
}

void log_sync_poke(struct storage *storage)
{
    for (int i = 0; i < SYNCS_AT_ONCE_MAX; i++) {
        struct log_sync *job = &storage->syncs.jobs[i];
        struct log_file *file = oldest(storage);

        if (file == NULL || storage->is_dead ||
            (file->dirty_mark > storage->syncs.wanted && !descriptors_are_short(storage))) {
            break;
        }
        if (job->file == NULL) {
            start(storage, job, file);
        }
    }
}

static void on_synced(struct disk_request *request)
{
    struct log_sync *job = CONTAINER_OF(request, struct log_sync, request);
    struct storage *storage = job->storage;
    struct log_file *file = job->file;

    if (request->error != ERROR_NONE) {
        storage_fail(storage, request, "a segment could not be synced");
        return;
    }
    job->file = NULL;
    log_file_unuse(storage, file);
    log_sync_poke(storage);
    checkpoint_on_synced(storage);
}

uint64_t log_sync_all(struct storage *storage)
{
    storage->syncs.wanted = storage->syncs.last_mark;
    log_sync_poke(storage);
    return storage->syncs.wanted;
}

bool log_sync_is_done(const struct storage *storage, uint64_t mark)
{
    const struct log_file *file = oldest(storage);

    for (int i = 0; i < SYNCS_AT_ONCE_MAX; i++) {
        if (storage->syncs.jobs[i].file != NULL && storage->syncs.jobs[i].mark <= mark) {
            return false;
        }
    }
    return file == NULL || file->dirty_mark > mark;
}
