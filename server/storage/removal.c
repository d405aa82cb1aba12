/* SPDX-License-Identifier: Apache-2.0 */
#include "removal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/base/check.h"

#include "checkpoint.h"
#include "failure.h"
#include "log_change.h"
#include "log_files.h"
#include "outside.h"
#include "storage_life.h"

enum removal_step { IN_JOURNAL, IN_CHECKPOINT, UNLINKING, REMOVING };

struct removal {
    struct list link; /* in storage.removals */
    struct storage *storage;
    struct group_id group;
    struct journal_party party;
    struct partition_log *log; /* until its last job is done */
    enum removal_step step;
    uint64_t checkpoint; /* the count of the one that does without it */
    struct disk_request request;
    char **names; /* owned */
    size_t name_count;
    size_t name_capacity;
    char directory[STORAGE_PATH_MAX];
    char path[STORAGE_PATH_MAX];
};

bool removal_is_running(const struct storage *storage, struct group_id group)
{
    list_for_each(link, &storage->removals) {
        if (group_id_equal(list_entry(link, struct removal, link)->group, group)) {
            return true;
        }
    }
    return false;
}

static void release(struct removal *removal)
{
    list_remove(&removal->link);
    for (size_t i = 0; i < removal->name_count; i++) {
        free(removal->names[i]);
    }
    free(removal->names);
    if (removal->log != NULL) {
        log_free(removal->log);
    }
    free(removal);
}

void removal_release_all(struct storage *storage)
{
    list_for_each_safe(link, &storage->removals) {
        release(list_entry(link, struct removal, link));
    }
}

static void finish(struct removal *removal)
{
    struct storage *storage = removal->storage;
    struct partition_log *successor;
    struct group_id group = removal->group;

    journal_forget_party(storage->journal, &removal->party);
    release(removal);
    successor = storage_find_log(storage, group);
    if (successor != NULL && !removal_is_running(storage, group)) {
        successor->is_held = false;
        outside_start_waiting(successor);
        checkpoint_request_soon(storage);
    }
    storage_close_poke(storage);
}

/* ---- unlinking ---- */

static void visit_name(void *context, const char *name)
{
    struct removal *removal = context;

    if (removal->name_count == removal->name_capacity) {
        removal->name_capacity = removal->name_capacity == 0 ? 8 : removal->name_capacity * 2;
        removal->names = check_realloc(removal->names, removal->name_capacity * sizeof(char *));
    }
    removal->names[removal->name_count] = check_alloc(strlen(name) + 1);
    memcpy(removal->names[removal->name_count++], name, strlen(name) + 1);
}

static void on_unlinked(struct disk_request *request);

static void unlink_next(struct removal *removal)
{
    struct disk *disk = removal->storage->disk;

    if (removal->name_count > 0) {
        char *name = removal->names[--removal->name_count];

        (void)snprintf(removal->path, sizeof removal->path, "%.250s/%.200s", removal->directory,
                       name);
        free(name);
        removal->request = (struct disk_request){
            .operation = DISK_UNLINK, .path = removal->path, .done = on_unlinked};
    } else {
        removal->step = REMOVING;
        removal->request = (struct disk_request){
            .operation = DISK_REMOVE_DIRECTORY, .path = removal->directory, .done = on_unlinked};
    }
    disk_submit(disk, DISK_LANE_SEGMENT, &removal->request);
}

static void on_unlinked(struct disk_request *request)
{
    struct removal *removal = CONTAINER_OF(request, struct removal, request);
    struct storage *storage = removal->storage;

    if (request->error != ERROR_NONE && request->error != ERROR_NOT_FOUND) {
        storage_fail(storage, request, "a removed log's file could not be unlinked");
        return;
    }
    if (removal->step == REMOVING) {
        storage->root_is_dirty = true;
        finish(removal);
    } else {
        unlink_next(removal);
    }
}

static void begin_unlinking(struct removal *removal)
{
    struct disk *disk = removal->storage->disk;
    enum error error;

    removal->step = UNLINKING;
    log_files_directory(removal->storage, removal->group, removal->directory);
    error = disk->operations->list(disk, removal->directory, visit_name, removal);
    if (error == ERROR_NO_DESCRIPTORS) {
        removal->step = IN_CHECKPOINT;
        checkpoint_request_soon(removal->storage); /* which looks here again */
        return;
    }
    if (error != ERROR_NONE) {
        finish(removal); /* there never was a directory */
        return;
    }
    unlink_next(removal);
}

/* ---- waiting ---- */

static bool log_is_busy(const struct partition_log *log)
{
    return log->mover != NULL || log->outside_running > 0 || log->reads_running > 0 ||
           log->state_job != NULL;
}

static void try_free_log(struct removal *removal)
{
    if (removal->log != NULL && !log_is_busy(removal->log)) {
        log_free(removal->log);
        removal->log = NULL;
    }
}

void removal_poke(struct storage *storage)
{
    list_for_each_safe(link, &storage->removals) {
        struct removal *removal = list_entry(link, struct removal, link);

        try_free_log(removal);
        if (removal->step == IN_CHECKPOINT && removal->log == NULL &&
            checkpoint_count(storage) >= removal->checkpoint) {
            begin_unlinking(removal);
        }
    }
}

void removal_on_checkpoint(struct storage *storage)
{
    removal_poke(storage);
}

static void on_durable(struct journal_party *party, uint64_t sequence)
{
    struct removal *removal = CONTAINER_OF(party, struct removal, party);

    (void)sequence;
    removal->step = IN_CHECKPOINT;
    removal->checkpoint = checkpoint_next_count(removal->storage);
    checkpoint_request_soon(removal->storage);
}

void storage_remove_log(struct storage *storage, struct partition_log *log)
{
    struct removal *removal = check_alloc_zero(sizeof *removal);
    struct journal_record record = {.type = RECORD_REMOVE, .group = log->group};

    removal->storage = storage;
    removal->group = log->group;
    removal->log = log;
    removal->party.durable = on_durable;
    list_init(&removal->link);
    list_append(&storage->removals, &removal->link);
    (void)journal_add(storage->journal, &record, &removal->party, 1);
    map_remove(&storage->logs, &log->by_group);
    log->is_removed = true;
    journal_forget_party(storage->journal, &log->party);
    list_remove(&log->move_link);
    outside_drop_from(log, 0);
    log_install_release(log);
    log_detach(log);
    try_free_log(removal);
}

/* ---- recovery ---- */

enum error removal_execute(struct storage *storage, const char *path)
{
    struct removal found = {.storage = storage};
    struct disk_request request = {.operation = DISK_UNLINK, .path = found.path};
    enum error error = storage->disk->operations->list(storage->disk, path, visit_name, &found);

    for (size_t i = 0; i < found.name_count; i++) {
        (void)snprintf(found.path, sizeof found.path, "%.250s/%.200s", path, found.names[i]);
        if (error == ERROR_NONE) {
            disk_execute(storage->disk, &request);
            error = request.error;
        }
        free(found.names[i]);
    }
    free(found.names);
    if (error == ERROR_NONE) {
        request = (struct disk_request){.operation = DISK_REMOVE_DIRECTORY, .path = path};
        disk_execute(storage->disk, &request);
        error = request.error;
    }
    return error;
}
