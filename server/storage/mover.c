/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The happy path: make the directory and the files if they are new; write batches, rows and
 * payloads of commands, all three at once; note how far the log is moved. Before that, if the log
 * was cut: unlink files that are behind the cut and shorten the last one.
 *
 * Without space the mover gives up for a second: everything is still in the journal and in memory.
 */
#include "mover.h"

#include <stdlib.h>
#include <string.h>

#include "gyre/base/check.h"
#include "gyre/base/mutation.h"

#include "checkpoint.h"
#include "descriptors.h"
#include "failure.h"
#include "log_change.h"
#include "log_files.h"
#include "log_sync.h"
#include "log_tail.h"
#include "mover_run.h"
#include "outside.h"
#include "pulled.h"
#include "removal.h"
#include "space.h"

enum { RETRY_US = 1000000 };

static void step_on(struct mover *mover);

/* ---- is there anything to do? ---- */

bool mover_may_inline(const struct partition_log *log, uint64_t index)
{
    size_t bytes = 0;

    if (log->last_index - index > INLINE_ENTRIES_MAX) {
        return false;
    }
    for (uint64_t i = index + 1; i <= log->last_index; i++) {
        const struct tail_entry *entry = log_tail_at(&log->tail, i);

        bytes += entry->size;
        if (entry->entry.kind == ENTRY_BATCH || bytes > INLINE_BYTES_MAX) {
            return false;
        }
    }
    return true;
}

bool mover_has_work(const struct partition_log *log)
{
    return log->durable_index > log->moved.index && !mover_may_inline(log, log->moved.index);
}

static bool may_cut(const struct partition_log *log)
{
    return log->needs_cut && (log->journal_sequence >= log->cut_sequence || MUTATION(48)) &&
           log->outside_running == 0;
}

static bool has_doomed_now(const struct partition_log *log)
{
    for (uint32_t i = 0; i < log->doomed_count; i++) {
        if (log->doomed[i].when == DOOMED_NOW) {
            return true;
        }
    }
    return false;
}

/* A move costs the same for much and for little; but what waits for it holds memory. */
static size_t move_bytes_min(const struct storage *storage)
{
    return storage->is_cache_drained ? MOVE_BYTES_MIN_SCARCE : MOVE_BYTES_MIN;
}

static bool wants_mover(const struct partition_log *log, bool force)
{
    if (log->mover != NULL || log->is_held || log->is_removed || log->storage->is_dead) {
        return false;
    }
    if (log->needs_cut) {
        return may_cut(log);
    }
    if (log->needs_segment || has_doomed_now(log) || !list_is_empty(&log->pulled)) {
        return true;
    }
    /* What is in hand first: mover_has_work() looks at an entry that may be long out of the cache.
     */
    return (force || log->is_in_checkpoint || log->is_installing || log->storage->is_closing ||
            log->unmoved_bytes >= move_bytes_min(log->storage)) &&
           mover_has_work(log);
}

/* ---- files ---- */

static void use_files(struct mover *mover)
{
    if (mover->data != NULL) {
        log_file_use(&mover->data->file);
    }
    if (mover->side != NULL) {
        log_file_use(&mover->side->entries);
        log_file_use(&mover->side->commands);
    }
}

static void unuse_files(struct mover *mover)
{
    struct storage *storage = mover->log->storage;

    if (mover->data != NULL) {
        log_file_unuse(storage, &mover->data->file);
    }
    if (mover->side != NULL) {
        struct side_segment *side = mover->side;

        /* It lives as long as one of its files is in use. */
        log_file_unuse(storage, &side->entries);
        log_file_unuse(storage, &side->commands);
    }
}

/* ---- end ---- */

static void mover_release(struct mover *mover)
{
    list_remove(&mover->job.link);
    list_for_each_safe(link, &mover->pulled) {
        pulled_free(mover->log, list_entry(link, struct pulled_batches, link));
    }
    for (int i = 0; i < mover->held_count; i++) {
        buffer_slice_unref(&mover->held[i]);
    }
    for (int i = 0; i < MOVER_FILES; i++) {
        free(mover->writes[i].vectors);
    }
    free(mover->held);
    free(mover->rows);
    free(mover);
}

static void abandon(struct storage_job *job)
{
    mover_release(CONTAINER_OF(job, struct mover, job));
}

static void mover_end(struct mover *mover)
{
    struct partition_log *log = mover->log;
    struct storage *storage = log->storage;
    bool is_removed = log->is_removed;

    unuse_files(mover);
    mover_release(mover);
    log->mover = NULL;
    storage->moves_running--;
    if (!is_removed) {
        log_cache_moved(log);
        outside_start_waiting(log);
        log_install_poke(log);
        mover_kick(log, false);
    }
    loop_defer(storage->loop, &storage->move_task);
    checkpoint_poke(storage);
    if (is_removed) {
        removal_poke(storage); /* the log may be gone afterwards */
    }
}

/* Whatever was not written is still in memory; the retry timer begins anew. */
static void no_space(struct mover *mover)
{
    struct partition_log *log = mover->log;

    mover_out_of_space(log->storage);
    list_append_all(&mover->pulled, &log->pulled);
    list_append_all(&log->pulled, &mover->pulled);
    mover_end(mover);
}

void mover_out_of_space(struct storage *storage)
{
    space_set(storage, false);
    if (!timer_is_running(&storage->retry_timer)) {
        timer_start(storage->loop, &storage->retry_timer, RETRY_US);
    }
}

void mover_retry(struct timer *timer)
{
    struct storage *storage = CONTAINER_OF(timer, struct storage, retry_timer);

    space_ask(storage);
    map_for_each(link, &storage->logs) {
        struct partition_log *log = CONTAINER_OF(link, struct partition_log, by_group);

        outside_start_waiting(log);
        mover_kick(log, false);
    }
}

/* ---- steps ---- */

static void on_step_done(struct disk_request *request)
{
    struct mover *mover = CONTAINER_OF(request, struct mover, request);
    struct storage *storage = mover->log->storage;
    enum error error = request->error;

    if ((mover->step == STEP_UNLINK && error == ERROR_NOT_FOUND) ||
        (mover->step == STEP_DIRECTORY && error == ERROR_EXISTS)) {
        error = ERROR_NONE;
    }
    if (error == ERROR_NO_SPACE) {
        no_space(mover);
        return;
    }
    if (error != ERROR_NONE) {
        storage_fail(storage, request, "a segment file could not be changed");
        return;
    }
    step_on(mover);
}

static void submit(struct mover *mover, struct disk_request request)
{
    mover->request = request;
    mover->request.done = on_step_done;
    if (request.operation == DISK_OPEN) {
        descriptors_open(mover->log->storage, DISK_LANE_SEGMENT, &mover->request);
    } else {
        descriptors_submit(mover->log->storage, DISK_LANE_SEGMENT, &mover->request);
    }
}

/* Unlink the next file that is free to go. False: none is left. */
/* NOLINTNEXTLINE(misc-no-recursion): one less each time. */
static bool unlink_next(struct mover *mover)
{
    struct partition_log *log = mover->log;

    for (uint32_t i = 0; i < log->doomed_count; i++) {
        struct doomed_file doomed = log->doomed[i];

        if (doomed.when == DOOMED_NOW) {
            log->doomed[i] = log->doomed[--log->doomed_count];
            if (!log->has_directory) {
                return unlink_next(mover);
            }
            log_files_path(log, doomed.kind, doomed.number, mover->path);
            submit(mover, (struct disk_request){.operation = DISK_UNLINK, .path = mover->path});
            return true;
        }
    }
    return false;
}

static void open_file(struct mover *mover, enum log_file_kind kind, uint64_t number)
{
    log_files_path(mover->log, kind, number, mover->path);
    submit(mover, (struct disk_request){
                      .operation = DISK_OPEN, .flags = DISK_CREATE, .path = mover->path});
}

static void on_write_done(struct disk_request *request);
static void on_written_back(struct disk_request *request);

/* The segment was only to be made, for writes around the journal: make its name durable too. */
static void name_segment(struct mover *mover)
{
    mover->step = STEP_NAME;
    log_files_directory(mover->log->storage, mover->log->group, mover->path);
    submit(mover, (struct disk_request){.operation = DISK_SYNC_DIRECTORY, .path = mover->path});
}

static void submit_writes(struct mover *mover)
{
    struct storage *storage = mover->log->storage;

    mover->step = STEP_WRITE;
    for (int i = 0; i < MOVER_FILES; i++) {
        mover->writes_running += mover->writes[i].vector_count > 0 ? 1 : 0;
    }
    if (mover->writes_running == 0) {
        name_segment(mover);
        return;
    }
    for (int i = 0; i < MOVER_FILES; i++) {
        struct mover_write *write = &mover->writes[i];

        if (write->vector_count > 0) {
            write->mover = mover;
            write->request = (struct disk_request){.operation = DISK_WRITE_AT,
                                                   .fd = write->file->fd,
                                                   .offset = write->offset,
                                                   .vectors = write->vectors,
                                                   .vector_count = write->vector_count,
                                                   .done = on_write_done};
            if (MUTATION(40)) {
                log_sync_mark(storage, write->file);
            }
            disk_submit(storage->disk, DISK_LANE_SEGMENT, &write->request);
        }
    }
    if (mover_plan_write_back(mover)) {
        mover->writes_running++;
        mover->write_back.done = on_written_back;
        disk_submit(storage->disk, DISK_LANE_SEGMENT, &mover->write_back);
    }
}

static void writes_finished(struct mover *mover)
{
    struct partition_log *log = mover->log;

    if (mover->error != ERROR_NONE) {
        no_space(mover);
        return;
    }
    if (log->is_removed) {
        mover_end(mover);
        return;
    }
    for (uint64_t index = log->moved.index + 1; index <= mover->target.index; index++) {
        log->unmoved_bytes -= log_tail_at(&log->tail, index)->size;
    }
    if (mover->target.index > log->moved.index) {
        log->moved = mover->target;
    }
    mover_end(mover);
}

static void on_write_done(struct disk_request *request)
{
    struct mover_write *write = CONTAINER_OF(request, struct mover_write, request);
    struct mover *mover = write->mover;
    struct storage *storage = mover->log->storage;

    if (!MUTATION(40)) {
        log_sync_mark(storage, write->file);
    }
    if (request->error == ERROR_NO_SPACE) {
        mover->error = ERROR_NO_SPACE;
    } else if (request->error != ERROR_NONE) {
        storage_fail(storage, request, "a segment write failed");
        return;
    }
    if (--mover->writes_running == 0) {
        writes_finished(mover);
    }
}

/* The lane is ordered: it ends after the writes. */
static void on_written_back(struct disk_request *request)
{
    struct mover *mover = CONTAINER_OF(request, struct mover, write_back);

    if (--mover->writes_running == 0) {
        writes_finished(mover);
    }
}

/* The segment that must be shortened; NULL: none has more bytes than it should. */
static struct data_segment *segment_to_cut(const struct partition_log *log)
{
    struct data_segment *data =
        log->cut.data_base < 0 ? NULL : log_files_find_data(log, log->cut.data_base);

    if (data == NULL || data->base_offset != log->cut.data_base || data->file.is_fresh) {
        return NULL;
    }
    return data;
}

static void cut(struct mover *mover)
{
    mover->step = STEP_CUT;
    submit(mover, (struct disk_request){.operation = DISK_TRUNCATE,
                                        .fd = mover->data->file.fd,
                                        .offset = mover->log->cut.data_size});
}

static void begin_cut(struct mover *mover)
{
    struct partition_log *log = mover->log;

    mover->data = segment_to_cut(log);
    if (mover->data == NULL) {
        log->needs_cut = false;
        mover_end(mover);
        return;
    }
    log_file_use(&mover->data->file);
    if (mover->data->file.fd >= 0) {
        cut(mover);
    } else {
        mover->step = STEP_CUT_OPEN;
        open_file(mover, LOG_FILE_DATA, (uint64_t)mover->data->base_offset);
    }
}

/* A second truncation may have come while the first was carried out. */
static void end_cut(struct mover *mover)
{
    struct partition_log *log = mover->log;

    log->needs_cut = log->cut_sequence > log->journal_sequence ||
                     log->cut.data_size < (uint32_t)mover->request.offset ||
                     log->cut.data_base != mover->data->base_offset;
    mover_end(mover);
}

/* Open the next file of this run, or write when all are open. */
static void open_next(struct mover *mover)
{
    while (mover->file_at < MOVER_FILES) {
        const struct mover_write *write = &mover->writes[mover->file_at];

        if (write->file != NULL && (write->file->fd < 0 || write->file->is_fresh)) {
            mover->step = STEP_OPEN;
            open_file(mover, write->kind, write->number);
            return;
        }
        mover->file_at++;
    }
    submit_writes(mover);
}

static void opened(struct mover *mover)
{
    struct mover_write *write = &mover->writes[mover->file_at];

    log_file_opened(mover->log->storage, write->file, mover->request.opened_fd);
    if (!write->file->was_opened) {
        /* It may be new, or its name may not be on stable storage since before a kill. */
        write->file->was_opened = true;
        mover->log->directory_is_dirty = true;
    }
    if (write->file->is_fresh) {
        mover->step = STEP_EMPTY;
        submit(mover, (struct disk_request){.operation = DISK_TRUNCATE, .fd = write->file->fd});
    } else {
        mover->file_at++;
        open_next(mover);
    }
}

static void emptied(struct mover *mover)
{
    struct mover_write *write = &mover->writes[mover->file_at];

    write->file->is_fresh = false;
    log_sync_mark(mover->log->storage, write->file);
    mover->file_at++;
    open_next(mover);
}

static void make_directory(struct mover *mover)
{
    mover->step = STEP_DIRECTORY;
    if (mover->log->has_directory) {
        open_next(mover);
        return;
    }
    log_files_directory(mover->log->storage, mover->log->group, mover->path);
    submit(mover, (struct disk_request){.operation = DISK_MAKE_DIRECTORY, .path = mover->path});
}

/* Unlinking is done: cut, make a segment, or move. */
static void begin_work(struct mover *mover)
{
    struct partition_log *log = mover->log;

    if (log->is_removed) {
        mover_end(mover); /* while it unlinked: there is nothing left to move */
        return;
    }
    if (log->needs_cut) {
        if (may_cut(log)) {
            begin_cut(mover);
        } else {
            mover_end(mover);
        }
        return;
    }
    log->needs_segment = false;
    if (mover_has_work(log)) {
        mover_gather(mover);
    } else if (!list_is_empty(&log->pulled)) {
        mover_gather_pulled(mover);
    } else if (outside_waiting_segment(log) != NULL) {
        mover->data = outside_waiting_segment(log);
        mover_aim(mover, MOVER_DATA, LOG_FILE_DATA, (uint64_t)mover->data->base_offset,
                  &mover->data->file);
    } else {
        mover_end(mover);
        return;
    }
    use_files(mover);
    make_directory(mover);
}

static void step_on(struct mover *mover)
{
    struct partition_log *log = mover->log;

    switch (mover->step) {
    case STEP_UNLINK:
        if (!unlink_next(mover)) {
            begin_work(mover);
        }
        break;
    case STEP_CUT_OPEN:
        log_file_opened(log->storage, &mover->data->file, mover->request.opened_fd);
        cut(mover);
        break;
    case STEP_CUT: end_cut(mover); break;
    case STEP_DIRECTORY:
        log->has_directory = true;
        log->storage->root_is_dirty = true;
        open_next(mover);
        break;
    case STEP_OPEN: opened(mover); break;
    case STEP_EMPTY: emptied(mover); break;
    case STEP_WRITE: break;
    case STEP_NAME:
        mover->step = STEP_NAME_ROOT;
        submit(mover, (struct disk_request){.operation = DISK_SYNC_DIRECTORY,
                                            .path = log->storage->directory});
        break;
    case STEP_NAME_ROOT:
        mover->data->is_named = true;
        mover_end(mover);
        break;
    }
}

/* ---- the queue ---- */

static void start(struct partition_log *log)
{
    struct storage *storage = log->storage;
    struct mover *mover = check_alloc_zero(sizeof *mover);

    storage_job_init(&mover->job, storage, abandon);
    mover->log = log;
    mover->target = log->moved;
    list_init(&mover->pulled);
    log->mover = mover;
    storage->moves_running++;
    mover->step = STEP_UNLINK;
    step_on(mover);
}

static void run_queue(struct storage *storage)
{
    while (storage->moves_running < MOVES_AT_ONCE_MAX && !list_is_empty(&storage->move_queue)) {
        struct partition_log *log =
            list_first(&storage->move_queue, struct partition_log, move_link);

        list_remove(&log->move_link);
        if (wants_mover(log, true)) {
            start(log);
        }
    }
}

void mover_run(struct task *task)
{
    struct storage *storage = CONTAINER_OF(task, struct storage, move_task);

    run_queue(storage);
    if (storage->moves_running == 0) {
        checkpoint_poke(storage); /* no move is coming whose end would do it */
    }
}

void mover_kick(struct partition_log *log, bool force)
{
    struct storage *storage = log->storage;

    if (wants_mover(log, force) && list_is_alone(&log->move_link) &&
        !timer_is_running(&storage->retry_timer)) {
        list_append(&storage->move_queue, &log->move_link);
        loop_defer(storage->loop, &storage->move_task);
    }
}

void mover_clip(struct partition_log *log, const struct log_position *end)
{
    if (log->mover != NULL && log->mover->target.index > end->index) {
        log->mover->target = *end;
    }
}
