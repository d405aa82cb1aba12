/* SPDX-License-Identifier: Apache-2.0 */
#include "log_sync.h"

#include "gyre/base/check.h"
#include "gyre/base/mutation.h"

#include "checkpoint.h"
#include "descriptors.h"
#include "failure.h"
#include "log_files.h"

static void on_synced(struct disk_request *request);
static void on_all_synced(struct disk_request *request);

void log_sync_init(struct storage *storage)
{
    struct log_syncs *self = &storage->syncs;

    list_init(&self->dirty);
    self->single_max = storage->options.single_syncs_max;
    if (self->single_max == 0) {
        self->single_max = SINGLE_SYNCS_DEFAULT;
    }
    for (int i = 0; i < SYNCS_AT_ONCE_MAX; i++) {
        self->jobs[i].storage = storage;
    }
}

static void unmark(struct storage *storage, struct log_file *file)
{
    list_remove(&file->dirty_link);
    storage->syncs.dirty_count--;
}

void log_sync_forget(struct storage *storage, struct log_file *file)
{
    if (!list_is_alone(&file->dirty_link)) {
        unmark(storage, file);
    }
}

void log_sync_mark(struct storage *storage, struct log_file *file)
{
    struct log_syncs *self = &storage->syncs;
    bool is_marked = !list_is_alone(&file->dirty_link);

    if (file->is_orphan || (is_marked && file->dirty_mark > self->all_mark)) {
        return;
    }
    log_sync_forget(storage, file); /* the sync of all may have been faster than this write */
    file->dirty_mark = ++self->last_mark;
    list_append(&self->dirty, &file->dirty_link);
    self->dirty_count++;
}

static struct log_file *oldest(const struct storage *storage)
{
    return list_is_empty(&storage->syncs.dirty)
               ? NULL
               : list_first(&storage->syncs.dirty, struct log_file, dirty_link);
}

/* ---- one by one ---- */

static void start(struct storage *storage, struct log_sync *job, struct log_file *file)
{
    CHECK(file->fd >= 0);
    log_file_use(file);
    unmark(storage, file);
    job->file = file;
    job->mark = file->dirty_mark;
    job->request = (struct disk_request){.operation = DISK_SYNC, .fd = file->fd, .done = on_synced};
    disk_submit(storage->disk, DISK_LANE_READ, &job->request);
}

static void on_synced(struct disk_request *request)
{
    struct log_sync *job = CONTAINER_OF(request, struct log_sync, request);
    struct storage *storage = job->storage;
    struct log_file *file = job->file;

    if (request->error != ERROR_NONE && !MUTATION(50)) {
        storage_fail(storage, request, "a segment could not be synced");
        return;
    }
    job->file = NULL;
    log_file_unuse(storage, file);
    log_sync_poke(storage);
    checkpoint_on_synced(storage);
}

/* ---- all ---- */

static void start_all(struct storage *storage)
{
    struct log_syncs *self = &storage->syncs;

    self->is_wanted_running = self->is_all_wanted;
    self->is_all_wanted = false;
    self->all_mark = ++self->last_mark; /* not 0, and not that of a file */
    self->all = (struct disk_request){
        .operation = DISK_SYNC_ALL, .path = storage->directory, .done = on_all_synced};
    descriptors_submit(storage, DISK_LANE_READ, &self->all);
}

static void on_all_synced(struct disk_request *request)
{
    struct storage *storage = CONTAINER_OF(request, struct storage, syncs.all);
    struct log_syncs *self = &storage->syncs;
    uint64_t mark = self->all_mark;

    if (request->error != ERROR_NONE) {
        storage_fail(storage, request, "segments could not be synced");
        return;
    }
    while (oldest(storage) != NULL && oldest(storage)->dirty_mark < mark) {
        struct log_file *file = oldest(storage);

        unmark(storage, file);
        log_file_settle(storage, file);
    }
    self->all_mark = 0;
    self->is_wanted_running = false;
    log_sync_poke(storage);
    checkpoint_on_synced(storage);
}

/* ---- when ---- */

bool log_sync_is_much(const struct storage *storage, size_t count)
{
    return (size_t)storage->syncs.dirty_count + count > (size_t)storage->syncs.single_max;
}

void log_sync_poke(struct storage *storage)
{
    struct log_syncs *self = &storage->syncs;

    if (self->all_mark != 0 || storage->is_dead) {
        return;
    }
    for (int i = 0; i < SYNCS_AT_ONCE_MAX; i++) {
        struct log_sync *job = &self->jobs[i];
        struct log_file *file = oldest(storage);
        bool is_wanted =
            file != NULL && (file->dirty_mark <= self->wanted || descriptors_are_short(storage));

        if (self->is_all_wanted || (is_wanted && log_sync_is_much(storage, 0))) {
            start_all(storage);
            break;
        }
        if (is_wanted && job->file == NULL) {
            start(storage, job, file);
        }
    }
}

uint64_t log_sync_marked(struct storage *storage)
{
    uint64_t mark = storage->syncs.last_mark;

    storage->syncs.wanted = mark;
    log_sync_poke(storage);
    return mark;
}

uint64_t log_sync_all(struct storage *storage)
{
    storage->syncs.is_all_wanted = true;
    return log_sync_marked(storage);
}

bool log_sync_is_done(const struct storage *storage, uint64_t mark)
{
    const struct log_syncs *self = &storage->syncs;
    const struct log_file *file = oldest(storage);

    for (int i = 0; i < SYNCS_AT_ONCE_MAX; i++) {
        if (self->jobs[i].file != NULL && self->jobs[i].mark <= mark) {
            return false;
        }
    }
    return !self->is_all_wanted && !self->is_wanted_running &&
           (file == NULL || file->dirty_mark > mark);
}
