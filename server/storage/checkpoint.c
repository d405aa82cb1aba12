/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint.h"

#include <stdlib.h>

#include "gyre/base/check.h"

#include "descriptors.h"
#include "failure.h"
#include "log_change.h"
#include "log_files.h"
#include "log_sync.h"
#include "log_tail.h"
#include "mover.h"
#include "removal.h"
#include "space.h"
#include "storage_life.h"

enum { SOON_US = 1000000, RETRY_US = 1000000 };

enum checkpoint_step { IDLE, MOVING, SYNCING, WRITING };
enum writing_step {
    FILE_OPEN,
    FILE_EMPTY,
    FILE_WRITE,
    FILE_SYNC,
    FILE_CLOSE,
    FILE_RENAME,
    FILE_NAME,
    FILE_DONE
};

struct checkpointer {
    struct storage *storage;
    enum checkpoint_step step;
    bool is_wanted_again;
    struct timer soon;
    struct timer retry;
    struct task proceed;  /* what came to an end is looked at once, at the end of the turn */
    uint64_t move_lsn;    /* entries up to it are to be moved */
    uint64_t logs_behind; /* when it was last looked */
    uint64_t moves_ended; /* since then */
    uint64_t count;
    /* syncing */
    uint64_t sync_mark;
    bool is_directory_syncing;
    struct group_id *directories; /* owned */
    size_t directory_count;
    size_t directory_capacity;
    size_t directory_at;
    bool is_root_synced;
    /* writing */
    enum writing_step writing;
    struct disk_request request;
    struct iovec vector;
    struct checkpoint_bytes bytes;
    uint64_t lsn;
    int fd;
    char path[STORAGE_PATH_MAX];
    char final_path[STORAGE_PATH_MAX];
};

static void go_on(struct task *task);

static void on_soon(struct timer *timer)
{
    checkpoint_request(CONTAINER_OF(timer, struct checkpointer, soon)->storage);
}

static void begin_writing(struct checkpointer *self);

static void on_retry(struct timer *timer)
{
    begin_writing(CONTAINER_OF(timer, struct checkpointer, retry));
}

struct checkpointer *checkpoint_new(struct storage *storage)
{
    struct checkpointer *self = check_alloc_zero(sizeof *self);

    self->storage = storage;
    timer_init(&self->soon, on_soon);
    timer_init(&self->retry, on_retry);
    task_init(&self->proceed, go_on);
    return self;
}

void checkpoint_free(struct checkpointer *self)
{
    if (self != NULL) {
        timer_stop(self->storage->loop, &self->soon);
        timer_stop(self->storage->loop, &self->retry);
        task_cancel(&self->proceed);
        free(self->directories);
        free(self->bytes.bytes);
        free(self);
    }
}

bool checkpoint_is_idle(const struct storage *storage)
{
    return storage->checkpointer->step == IDLE;
}

uint64_t checkpoint_count(const struct storage *storage)
{
    return storage->checkpointer->count;
}

uint64_t checkpoint_next_count(const struct storage *storage)
{
    const struct checkpointer *self = storage->checkpointer;

    return self->count + (self->step == WRITING ? 2 : 1);
}

void checkpoint_request_soon(struct storage *storage)
{
    struct checkpointer *self = storage->checkpointer;

    if (!timer_is_running(&self->soon) && !storage->is_closing) {
        timer_start(storage->loop, &self->soon, SOON_US);
    }
}

/* ---- 1. moving ---- */

static bool must_move(const struct checkpointer *self, const struct partition_log *log)
{
    uint64_t next = log->moved.index + 1;

    return !log->is_held && !log->is_removed && next <= log->last_index &&
           ((log_tail_at(&log->tail, next)->lsn <= self->move_lsn &&
             !mover_may_inline(log, log->moved.index)) ||
            (log_drop_waits_for_move(log) && mover_has_work(log)));
}

/* Are all logs moved far enough? Those that are not get their movers. */
static bool all_moved(struct checkpointer *self)
{
    self->logs_behind = 0;
    self->moves_ended = 0;
    map_for_each(link, &self->storage->logs) {
        struct partition_log *log = CONTAINER_OF(link, struct partition_log, by_group);

        if (log->is_in_checkpoint) {
            log->is_in_checkpoint = must_move(self, log);
            self->logs_behind += log->is_in_checkpoint ? 1 : 0;
            mover_kick(log, true);
        }
    }
    return self->logs_behind == 0;
}

void checkpoint_request(struct storage *storage)
{
    struct checkpointer *self = storage->checkpointer;

    if (storage->is_dead) {
        return;
    }
    if (self->step != IDLE) {
        self->is_wanted_again = true;
        return;
    }
    timer_stop(storage->loop, &self->soon);
    self->step = MOVING;
    self->move_lsn = storage->is_closing ? UINT64_MAX : journal_newest_full_lsn(storage->journal);
    map_for_each(link, &storage->logs) {
        struct partition_log *log = CONTAINER_OF(link, struct partition_log, by_group);

        log->is_in_checkpoint = must_move(self, log);
    }
    loop_defer(storage->loop, &self->proceed);
}

/* Looking at all logs after each move would be quadratic: every log that is behind takes a move. */
void checkpoint_poke(struct storage *storage)
{
    struct checkpointer *self = storage->checkpointer;
    bool is_resting = storage->moves_running == 0 && list_is_empty(&storage->move_queue);

    self->moves_ended++;
    if (self->step == MOVING && (is_resting || self->moves_ended >= self->logs_behind)) {
        loop_defer_last(storage->loop, &self->proceed);
    }
}

/* ---- 2. syncing ---- */

static uint64_t included_lsn(const struct partition_log *log)
{
    if (log_tail_has(&log->tail, log->moved.index + 1)) {
        return log_tail_at(&log->tail, log->moved.index + 1)->lsn - 1;
    }
    return journal_next_lsn(log->storage->journal) - 1;
}

static void take_dirty_directory(struct checkpointer *self, struct partition_log *log)
{
    if (!log->directory_is_dirty) {
        return;
    }
    log->directory_is_dirty = false;
    if (self->directory_count == self->directory_capacity) {
        self->directory_capacity =
            self->directory_capacity == 0 ? 16 : self->directory_capacity * 2;
        self->directories =
            check_realloc(self->directories, self->directory_capacity * sizeof(struct group_id));
    }
    self->directories[self->directory_count++] = log->group;
}

static void begin_syncing(struct checkpointer *self)
{
    self->step = SYNCING;
    self->directory_count = 0;
    self->directory_at = 0;
    map_for_each(link, &self->storage->logs) {
        struct partition_log *log = CONTAINER_OF(link, struct partition_log, by_group);

        log->syncing = log->moved;
        log->syncing_lsn = included_lsn(log);
        take_dirty_directory(self, log);
    }
    self->is_root_synced = !self->storage->root_is_dirty;
    if (log_sync_is_much(self->storage, self->directory_count)) {
        self->directory_count = 0;
        self->is_root_synced = true;
        self->sync_mark = log_sync_all(self->storage);
    } else {
        self->sync_mark = log_sync_marked(self->storage);
    }
    self->storage->root_is_dirty = false;
}

void checkpoint_on_synced(struct storage *storage)
{
    if (storage->checkpointer->step == SYNCING) {
        loop_defer(storage->loop, &storage->checkpointer->proceed);
    }
}

static void on_directory_synced(struct disk_request *request)
{
    struct checkpointer *self = CONTAINER_OF(request, struct checkpointer, request);

    if (request->error != ERROR_NONE && request->error != ERROR_NOT_FOUND) {
        storage_fail(self->storage, request, "a log's directory could not be synced");
        return;
    }
    self->is_directory_syncing = false;
    loop_defer(self->storage->loop, &self->proceed);
}

/* Directories one after the other; the root last, as it names the others. */
static bool sync_next_directory(struct checkpointer *self)
{
    struct storage *storage = self->storage;
    const char *path = self->path;

    if (self->directory_at < self->directory_count) {
        log_files_directory(storage, self->directories[self->directory_at++], self->path);
    } else if (!self->is_root_synced) {
        self->is_root_synced = true;
        path = storage->directory;
    } else {
        return false;
    }
    self->request = (struct disk_request){
        .operation = DISK_SYNC_DIRECTORY, .path = path, .done = on_directory_synced};
    self->is_directory_syncing = true;
    descriptors_submit(storage, DISK_LANE_SEGMENT, &self->request);
    return true;
}

/* ---- 3. writing ---- */

static void end_syncing(struct checkpointer *self)
{
    map_for_each(link, &self->storage->logs) {
        struct partition_log *log = CONTAINER_OF(link, struct partition_log, by_group);

        log->synced = log->syncing;
        log->synced_lsn = log->syncing_lsn;
        if (log->drop_waits) {
            log_drop_old_segments(log);
        }
    }
}

static void on_written(struct disk_request *request);

static void submit(struct checkpointer *self, struct disk_request request)
{
    self->request = request;
    self->request.done = on_written;
    descriptors_submit(self->storage, DISK_LANE_SEGMENT, &self->request);
}

static void begin_writing(struct checkpointer *self)
{
    self->step = WRITING;
    self->writing = FILE_OPEN;
    self->fd = -1;
    self->bytes.length = 0;
    checkpoint_encode(self->storage, &self->bytes, &self->lsn);
    checkpoint_path(self->storage, "checkpoint.new", self->path);
    checkpoint_path(self->storage, "checkpoint", self->final_path);
    submit(self,
           (struct disk_request){.operation = DISK_OPEN, .flags = DISK_CREATE, .path = self->path});
}

/* ---- 4. what it frees ---- */

static void finish(struct checkpointer *self)
{
    struct storage *storage = self->storage;

    self->step = IDLE;
    self->count++;
    journal_recycle(storage->journal, self->lsn);
    map_for_each(link, &storage->logs) {
        struct partition_log *log = CONTAINER_OF(link, struct partition_log, by_group);

        for (uint32_t i = 0; i < log->doomed_count; i++) {
            if (log->doomed[i].when == DOOMED_IN_CHECKPOINT) {
                log->doomed[i].when = DOOMED_NOW;
            }
        }
        mover_kick(log, false);
    }
    removal_on_checkpoint(storage);
    if (self->is_wanted_again) {
        self->is_wanted_again = false;
        checkpoint_request(storage);
    }
    storage_close_poke(storage);
}

static void write_failed(struct checkpointer *self)
{
    struct storage *storage = self->storage;

    if (self->request.error != ERROR_NO_SPACE) {
        storage_fail(storage, &self->request, "a checkpoint could not be written");
        return;
    }
    if (self->fd >= 0) {
        descriptors_close_other(storage, self->fd);
    }
    space_set(storage, false);
    timer_start(storage->loop, &self->retry, RETRY_US);
}

static void write_step(struct checkpointer *self)
{
    switch (++self->writing) {
    case FILE_OPEN: break;
    case FILE_EMPTY:
        self->fd = self->request.opened_fd;
        submit(self, (struct disk_request){.operation = DISK_TRUNCATE, .fd = self->fd});
        break;
    case FILE_WRITE:
        self->vector = (struct iovec){.iov_base = self->bytes.bytes, .iov_len = self->bytes.length};
        submit(self, (struct disk_request){.operation = DISK_WRITE_AT,
                                           .fd = self->fd,
                                           .vectors = &self->vector,
                                           .vector_count = 1});
        break;
    case FILE_SYNC:
        submit(self, (struct disk_request){.operation = DISK_SYNC, .fd = self->fd});
        break;
    case FILE_CLOSE:
        submit(self, (struct disk_request){.operation = DISK_CLOSE, .fd = self->fd});
        self->fd = -1;
        break;
    case FILE_RENAME:
        submit(self, (struct disk_request){.operation = DISK_RENAME,
                                           .path = self->path,
                                           .to_path = self->final_path});
        break;
    case FILE_NAME:
        submit(self, (struct disk_request){.operation = DISK_SYNC_DIRECTORY,
                                           .path = self->storage->directory});
        break;
    case FILE_DONE: finish(self); break;
    }
}

static void on_written(struct disk_request *request)
{
    struct checkpointer *self = CONTAINER_OF(request, struct checkpointer, request);

    if (request->error != ERROR_NONE) {
        write_failed(self);
        return;
    }
    write_step(self);
}

/* ---- the order of things ---- */

static void go_on(struct task *task)
{
    struct checkpointer *self = CONTAINER_OF(task, struct checkpointer, proceed);

    if (self->step == MOVING && all_moved(self)) {
        begin_syncing(self);
    }
    if (self->step == SYNCING) {
        if (self->is_directory_syncing || !log_sync_is_done(self->storage, self->sync_mark) ||
            sync_next_directory(self)) {
            return;
        }
        end_syncing(self);
        begin_writing(self);
    }
}
