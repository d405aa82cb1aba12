/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/storage/storage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/base/check.h"

#include "checkpoint.h"
#include "descriptors.h"
#include "failure.h"
#include "log_change.h"
#include "log_files.h"
#include "log_sync.h"
#include "mover.h"
#include "outside.h"
#include "removal.h"
#include "space.h"
#include "storage_life.h"

/* ---- failure for good ---- */

static void end_process(void *context, const char *reason)
{
    (void)context;
    check_failed("storage", 0, reason);
}

static void on_fatal(void *context, const char *reason)
{
    struct storage *storage = context;

    if (!storage->is_dead) {
        storage->is_dead = true;
        storage->user_fatal(storage->user_fatal_context, reason);
    }
}

void storage_set_fatal(struct storage *storage, void (*fatal)(void *context, const char *reason),
                       void *context)
{
    storage->user_fatal = fatal;
    storage->user_fatal_context = context;
}

void storage_fail(struct storage *storage, const struct disk_request *request, const char *what)
{
    char cause[REASON_MAX];
    char reason[2 * REASON_MAX];

    disk_describe(request, cause, sizeof cause);
    (void)snprintf(reason, sizeof reason, "%s: %s", what, cause);
    storage->fatal(storage->fatal_context, reason);
}

/* ---- what the journal tells ---- */

static void on_pressed(void *context)
{
    checkpoint_request(context);
}

static void on_journal_space(void *context, bool has_space)
{
    struct storage *storage = context;

    if (!has_space) {
        space_set(storage, false);
    }
}

const struct journal_events *storage_journal_events(struct storage *storage)
{
    storage->journal_events = (struct journal_events){
        .pressed = on_pressed, .space = on_journal_space, .fatal = on_fatal, .context = storage};
    return &storage->journal_events;
}

/* ---- open ---- */

enum { CLOSE_LOOK_US = 1000 };

static void finish_closing(struct task *task);
static void on_close_timer(struct timer *timer);

static struct storage *storage_new(struct loop *loop, struct disk *disk,
                                   const struct storage_options *options)
{
    struct storage *storage = check_alloc_zero(sizeof *storage);

    storage->loop = loop;
    storage->disk = disk;
    storage->options = *options;
    storage->options.directory = storage->directory;
    (void)snprintf(storage->directory, sizeof storage->directory, "%.400s", options->directory);
    (void)snprintf(storage->journal_directory, sizeof storage->journal_directory, "%.400s/journal",
                   options->directory);
    storage->fatal = on_fatal;
    storage->fatal_context = storage;
    storage->user_fatal = end_process;
    storage->next_outside = 1;
    storage->has_space = true;
    map_init(&storage->logs);
    list_init(&storage->move_queue);
    list_init(&storage->jobs);
    descriptors_init(storage);
    log_sync_init(storage);
    list_init(&storage->removals);
    list_init(&storage->cached_logs);
    list_init(&storage->outside_writes);
    list_init(&storage->outside_unwritten);
    outside_flush_init(storage);
    list_init(&storage->corrupt_logs);
    task_init(&storage->move_task, mover_run);
    task_init(&storage->corrupt_task, log_report_corrupt);
    task_init(&storage->close_task, finish_closing);
    timer_init(&storage->retry_timer, mover_retry);
    timer_init(&storage->space_timer, space_on_timer);
    timer_init(&storage->close_timer, on_close_timer);
    storage->checkpointer = checkpoint_new(storage);
    return storage;
}

enum error storage_open(struct loop *loop, struct disk *disk, const struct storage_options *options,
                        char *message, struct storage **out_storage)
{
    struct storage *storage;
    enum error error;

    CHECK(options->journal_file_bytes % BLOCK_BYTES == 0);
    CHECK(options->journal_file_bytes >= 16 * BLOCK_BYTES);
    CHECK(options->journal_file_count > 0);
    storage = storage_new(loop, disk, options);
    error = storage_meta_read(storage, message);
    if (error == ERROR_NONE) {
        error = storage_meta_write(storage, false);
        if (error != ERROR_NONE) {
            (void)snprintf(message, REASON_MAX, "%.150s/meta cannot be written: %s",
                           storage->directory, error_text(error));
        }
    }
    if (error == ERROR_NONE) {
        error = storage_recover(storage, message);
    }
    if (error != ERROR_NONE) {
        storage_abandon(storage);
        return error;
    }
    space_ask(storage);
    *out_storage = storage;
    return ERROR_NONE;
}

void storage_set_listener(struct storage *storage, const struct storage_listener *listener)
{
    storage->listener = *listener;
}

/* ---- close ---- */

static void free_memory(struct storage *storage)
{
    timer_stop(storage->loop, &storage->retry_timer);
    timer_stop(storage->loop, &storage->space_timer);
    timer_stop(storage->loop, &storage->outside_timer);
    timer_stop(storage->loop, &storage->close_timer);
    descriptors_release(storage);
    task_cancel(&storage->move_task);
    task_cancel(&storage->corrupt_task);
    task_cancel(&storage->close_task);
    list_for_each_safe(link, &storage->jobs) {
        struct storage_job *job = list_entry(link, struct storage_job, link);

        job->abandon(job);
    }
    removal_release_all(storage);
    map_for_each_safe(link, &storage->logs) {
        struct partition_log *log = CONTAINER_OF(link, struct partition_log, by_group);

        log->install = NULL;
        log_install_release(log);
        log_free(log);
    }
    map_release(&storage->logs);
    checkpoint_free(storage->checkpointer);
    journal_free(storage->journal);
    free(storage);
}

void storage_abandon(struct storage *storage)
{
    if (storage != NULL) {
        storage->is_dead = true;
        free_memory(storage);
    }
}

static bool is_quiet(const struct storage *storage)
{
    return list_is_empty(&storage->jobs) && list_is_empty(&storage->removals) &&
           storage->moves_running == 0 && journal_is_idle(storage->journal) &&
           checkpoint_is_idle(storage);
}

static bool all_moved(struct storage *storage)
{
    map_for_each(link, &storage->logs) {
        if (mover_has_work(CONTAINER_OF(link, struct partition_log, by_group))) {
            return false;
        }
    }
    return true;
}

/* Checkpoints go on until one has found nothing left to do. */
static void finish_closing(struct task *task)
{
    struct storage *storage = CONTAINER_OF(task, struct storage, close_task);
    void (*closed)(void *context) = storage->closed;
    void *context = storage->closed_context;

    if (!is_quiet(storage)) {
        timer_start(storage->loop, &storage->close_timer, CLOSE_LOOK_US);
        return;
    }
    if (!all_moved(storage) || checkpoint_count(storage) < storage->close_count) {
        checkpoint_request(storage);
        timer_start(storage->loop, &storage->close_timer, CLOSE_LOOK_US);
        return;
    }
    log_files_close_all(storage);
    journal_close_files(storage->journal);
    if (storage_meta_write(storage, true) != ERROR_NONE) {
        on_fatal(storage, "the meta file could not be written");
        return;
    }
    free_memory(storage);
    closed(context);
}

static void on_close_timer(struct timer *timer)
{
    struct storage *storage = CONTAINER_OF(timer, struct storage, close_timer);

    loop_defer_last(storage->loop, &storage->close_task);
}

void storage_close_poke(struct storage *storage)
{
    if (storage->is_closing) {
        loop_defer_last(storage->loop, &storage->close_task);
    }
}

void storage_close(struct storage *storage, void (*closed)(void *context), void *context)
{
    CHECK(!storage->is_closing);
    storage->is_closing = true;
    storage->closed = closed;
    storage->closed_context = context;
    storage->close_count = checkpoint_next_count(storage);
    checkpoint_request(storage);
    storage_close_poke(storage);
}

/* ---- identity ---- */

const struct storage_identity *storage_identity(const struct storage *storage)
{
    return &storage->identity;
}

enum error storage_set_cluster_id(struct storage *storage, struct uuid cluster_id)
{
    CHECK(!uuid_is_zero(cluster_id));
    if (!uuid_is_zero(storage->identity.cluster_id)) {
        return uuid_equal(storage->identity.cluster_id, cluster_id) ? ERROR_NONE : ERROR_STATE;
    }
    storage->identity.cluster_id = cluster_id;
    return storage_meta_write(storage, false);
}

bool storage_was_clean(const struct storage *storage)
{
    return storage->was_clean;
}

/* ---- logs ---- */

struct partition_log *storage_find_log(const struct storage *storage, struct group_id group)
{
    map_for_each_match(link, &storage->logs, group_id_hash(group)) {
        struct partition_log *log = CONTAINER_OF(link, struct partition_log, by_group);

        if (group_id_equal(log->group, group)) {
            return log;
        }
    }
    return NULL;
}

struct partition_log *storage_create_log(struct storage *storage, struct group_id group)
{
    struct partition_log *log;

    CHECK(storage_find_log(storage, group) == NULL);
    log = log_new(storage, group);
    log->is_held = removal_is_running(storage, group);
    return log;
}

void storage_for_each_log(struct storage *storage,
                          void (*visit)(void *context, struct partition_log *log), void *context)
{
    map_for_each_safe(link, &storage->logs) {
        visit(context, CONTAINER_OF(link, struct partition_log, by_group));
    }
}

size_t storage_pending_bytes(const struct storage *storage)
{
    return journal_pending_bytes(storage->journal) + storage->pulled_bytes + storage->outside_bytes;
}
