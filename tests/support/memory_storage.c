/* SPDX-License-Identifier: Apache-2.0 */
#include "support/memory_storage.h"

#include <stdlib.h>
#include <string.h>

#include "gyre/runtime/loop.h"
#include "gyre/wire/record_batch.h"

#include "support/memory_image.h"

enum { READ_US = 3000, READ_LATE_PER_MILLION = 150 * 1000 };

struct partition_log {
    struct list link; /* in storage->logs */
    struct storage *storage;
    struct memory_file *file;
    struct memory_image image; /* as this process sees it */
    struct list changes;       /* memory_change, not durable yet */
    uint64_t sequence;
    uint64_t durable_sequence;
    void *context;
};

struct storage {
    struct loop *loop;
    struct memory_disk *disk;
    struct list logs;
    struct list reads; /* late_read */
    struct timer sync;
    struct storage_listener listener;
};

struct late_read {
    struct list link;
    struct timer timer;
    struct partition_log *log; /* NULL: removed meanwhile */
    struct entries_read *entries;
    struct batches_read *batches;
};

/* ---- durability ---- */

static void sync_later(struct storage *storage)
{
    struct memory_disk *disk = storage->disk;

    if (!timer_is_running(&storage->sync)) {
        timer_start(storage->loop, &storage->sync,
                    disk->sync_min_us +
                        random_below(disk->random, disk->sync_max_us - disk->sync_min_us + 1));
    }
}

/* Make the changes up to now durable, then say so. New ones may come meanwhile. */
static void on_sync(struct timer *timer)
{
    struct storage *storage = CONTAINER_OF(timer, struct storage, sync);

    list_for_each(link, &storage->logs) {
        struct partition_log *log = list_entry(link, struct partition_log, link);

        memory_image_apply_all(&log->file->image, &log->changes);
    }
    list_for_each_safe(link, &storage->logs) {
        struct partition_log *log = list_entry(link, struct partition_log, link);
        uint64_t sequence = log->sequence;

        if (log->durable_sequence < sequence && list_is_empty(&log->changes)) {
            log->durable_sequence = sequence;
            storage->listener.durable(log->context, sequence);
        }
    }
}

static uint64_t change(struct partition_log *log, struct memory_change change)
{
    struct memory_change *copy = check_alloc(sizeof *copy);

    *copy = change;
    memory_image_apply(&log->image, copy);
    list_append(&log->changes, &copy->link);
    sync_later(log->storage);
    return ++log->sequence;
}

/* ---- storage.h ---- */

static struct partition_log *open_log(struct storage *storage, struct memory_file *file)
{
    struct partition_log *log = check_alloc_zero(sizeof *log);

    log->storage = storage;
    log->file = file;
    list_init(&log->changes);
    memory_image_copy(&log->image, &file->image);
    list_append(&storage->logs, &log->link);
    return log;
}

struct storage *memory_storage_open(struct loop *loop, struct memory_disk *disk)
{
    struct storage *storage = check_alloc_zero(sizeof *storage);

    storage->loop = loop;
    storage->disk = disk;
    list_init(&storage->logs);
    list_init(&storage->reads);
    timer_init(&storage->sync, on_sync);
    list_for_each(link, &disk->files) {
        struct memory_file *file = list_entry(link, struct memory_file, link);

        memory_image_recover(&file->image);
        (void)open_log(storage, file);
    }
    return storage;
}

void memory_storage_end_reads(struct storage *storage)
{
    list_for_each_safe(link, &storage->reads) {
        struct late_read *read = list_entry(link, struct late_read, link);

        if (read->batches != NULL) {
            timer_stop(storage->loop, &read->timer);
            list_remove(link);
            read->batches->error = ERROR_NOT_FOUND;
            read->batches->done(read->batches);
            free(read);
        }
    }
}

void memory_storage_crash(struct storage *storage)
{
    timer_stop(storage->loop, &storage->sync);
    list_for_each_safe(read_link, &storage->reads) {
        struct late_read *read = list_entry(read_link, struct late_read, link);

        timer_stop(storage->loop, &read->timer);
        free(read);
    }
    list_for_each_safe(link, &storage->logs) {
        struct partition_log *log = list_entry(link, struct partition_log, link);

        while (!list_is_empty(&log->changes) && random_chance(storage->disk->random, 500000)) {
            memory_image_apply_first(&log->file->image, &log->changes);
        }
        memory_change_free_all(&log->changes);
        memory_image_release(&log->image);
        free(log);
    }
    free(storage);
}

void storage_set_listener(struct storage *storage, const struct storage_listener *listener)
{
    storage->listener = *listener;
}

const struct storage_identity *storage_identity(const struct storage *storage)
{
    static const struct storage_identity identity = {.cluster_id = {{7, 7}}};

    (void)storage;
    return &identity;
}

struct partition_log *storage_find_log(const struct storage *storage, struct group_id group)
{
    list_for_each(link, &storage->logs) {
        struct partition_log *log = list_entry(link, struct partition_log, link);

        if (group_id_equal(log->file->group, group)) {
            return log;
        }
    }
    return NULL;
}

void memory_storage_meet_damage(struct storage *storage, struct group_id group)
{
    struct partition_log *log = storage_find_log(storage, group);

    log->image.is_corrupt = true;
    log->file->image.is_corrupt = true;
    storage->listener.corrupt(log->context, "by a test");
}

struct partition_log *storage_create_log(struct storage *storage, struct group_id group)
{
    struct memory_file *file = check_alloc_zero(sizeof *file);

    file->group = group;
    memory_image_init(&file->image);
    list_append(&storage->disk->files, &file->link);
    return open_log(storage, file);
}

void storage_remove_log(struct storage *storage, struct partition_log *log)
{
    list_for_each_safe(link, &storage->reads) {
        struct late_read *read = list_entry(link, struct late_read, link);

        read->log = read->log == log ? NULL : read->log;
    }
    memory_change_free_all(&log->changes);
    memory_image_release(&log->image);
    memory_image_release(&log->file->image);
    list_remove(&log->file->link);
    list_remove(&log->link);
    free(log->file);
    free(log);
}

bool storage_has_space(struct storage *storage, size_t bytes)
{
    (void)bytes;
    return !storage->disk->is_full;
}

size_t storage_pending_bytes(const struct storage *storage)
{
    (void)storage;
    return 0;
}

/* ---- what is there ---- */

struct group_id partition_log_group(const struct partition_log *log)
{
    return log->file->group;
}

void partition_log_set_context(struct partition_log *log, void *context)
{
    log->context = context;
}

uint64_t partition_log_term(const struct partition_log *log)
{
    return log->image.term;
}

uint64_t partition_log_vote(const struct partition_log *log)
{
    return log->image.vote;
}

uint64_t partition_log_first_index(const struct partition_log *log)
{
    return log->image.first_index;
}

uint64_t partition_log_last_index(const struct partition_log *log)
{
    return log->image.first_index + (uint64_t)log->image.entry_count - 1;
}

uint64_t partition_log_term_at(const struct partition_log *log, uint64_t index)
{
    const struct memory_image *image = &log->image;

    if (index == image->snapshot.index && index != 0) {
        return image->snapshot.term;
    }
    if (index < image->first_index || index > partition_log_last_index(log)) {
        return 0;
    }
    return image->entries[index - image->first_index].term;
}

int64_t partition_log_start_offset(const struct partition_log *log)
{
    return log->image.start_offset;
}

int64_t partition_log_end_offset(const struct partition_log *log)
{
    return log->image.end_offset;
}

int64_t partition_log_size_bytes(const struct partition_log *log)
{
    int64_t bytes = 0;

    for (int i = 0; i < log->image.batch_count; i++) {
        bytes += (int64_t)log->image.batches[i].length;
    }
    return bytes;
}

void partition_log_set_options(struct partition_log *log, const struct log_options *options)
{
    (void)log;
    (void)options;
}

void partition_log_set_start_offset(struct partition_log *log, int64_t offset)
{
    (void)change(log, (struct memory_change){.type = CHANGE_START, .offset = offset});
}

int64_t partition_log_retention_offset(const struct partition_log *log, int64_t now_ms,
                                       int64_t retention_ms, int64_t retention_bytes)
{
    (void)now_ms;
    (void)retention_ms;
    (void)retention_bytes;
    return log->image.start_offset;
}

bool partition_log_is_corrupt(const struct partition_log *log)
{
    return log->image.is_corrupt;
}

bool partition_log_is_doubtful(const struct partition_log *log)
{
    return log->file->image.is_doubtful;
}

void partition_log_trust(struct partition_log *log)
{
    log->file->image.is_doubtful = false;
}

const struct log_snapshot *partition_log_snapshot(const struct partition_log *log)
{
    /* Borrowed from what is durable: a snapshot counts only then. */
    return &log->file->image.snapshot;
}

/* ---- changes ---- */

uint64_t partition_log_set_term_vote(struct partition_log *log, uint64_t term, uint64_t vote)
{
    return change(log, (struct memory_change){.type = CHANGE_TERM, .term = term, .vote = vote});
}

uint64_t partition_log_append(struct partition_log *log, const struct log_entry *entries, int count)
{
    uint64_t sequence = 0;

    CHECK(!log->image.is_corrupt);
    for (int i = 0; i < count; i++) {
        CHECK(entries[i].index == partition_log_last_index(log) + 1);
        CHECK(entries[i].base_offset == log->image.end_offset);
        sequence = change(log, (struct memory_change){.type = CHANGE_APPEND, .entry = entries[i]});
    }
    return sequence;
}

uint64_t partition_log_truncate(struct partition_log *log, uint64_t index)
{
    CHECK(index >= log->image.first_index);
    return change(log, (struct memory_change){.type = CHANGE_TRUNCATE, .index = index});
}

uint64_t partition_log_set_snapshot(struct partition_log *log, const struct log_snapshot *snapshot)
{
    CHECK(partition_log_term_at(log, snapshot->index) == snapshot->term);
    return change(log, (struct memory_change){.type = CHANGE_SNAPSHOT, .snapshot = *snapshot});
}

void partition_log_forget(struct partition_log *log, uint64_t index)
{
    CHECK(index <= partition_log_snapshot(log)->index);
    (void)change(log, (struct memory_change){.type = CHANGE_FORGET, .index = index});
}

uint64_t partition_log_install_start(struct partition_log *log, uint64_t keep_index,
                                     int64_t start_offset)
{
    return change(log, (struct memory_change){
                           .type = CHANGE_INSTALL, .index = keep_index, .offset = start_offset});
}

void partition_log_install_append(struct partition_log *log, struct buffer_slice batches)
{
    (void)change(log, (struct memory_change){.type = CHANGE_BATCHES, .batches = batches});
}

uint64_t partition_log_install_finish(struct partition_log *log,
                                      const struct log_snapshot *snapshot)
{
    CHECK(log->image.end_offset == snapshot->next_offset);
    return change(log, (struct memory_change){.type = CHANGE_INSTALLED, .snapshot = *snapshot});
}

/* ---- reading ---- */

static void on_late_read(struct timer *timer)
{
    struct late_read *read = CONTAINER_OF(timer, struct late_read, timer);

    list_remove(&read->link);
    if (read->entries != NULL) {
        read->entries->error = ERROR_NOT_FOUND;
        if (read->log != NULL) {
            memory_image_read_entries(&read->log->image, read->entries);
        }
        read->entries->done(read->entries);
    } else {
        read->batches->error = ERROR_NOT_FOUND;
        if (read->log != NULL) {
            memory_image_read_batches(&read->log->image, read->batches);
        }
        read->batches->done(read->batches);
    }
    free(read);
}

static bool is_late(struct partition_log *log, struct entries_read *entries,
                    struct batches_read *batches)
{
    struct storage *storage = log->storage;
    struct late_read *read;

    if (!random_chance(storage->disk->random, READ_LATE_PER_MILLION)) {
        return false;
    }
    read = check_alloc_zero(sizeof *read);
    read->log = log;
    read->entries = entries;
    read->batches = batches;
    timer_init(&read->timer, on_late_read);
    list_append(&storage->reads, &read->link);
    timer_start(storage->loop, &read->timer, random_below(storage->disk->random, READ_US));
    return true;
}

bool partition_log_read_entries(struct partition_log *log, struct entries_read *read)
{
    if (is_late(log, read, NULL)) {
        return false;
    }
    memory_image_read_entries(&log->image, read);
    return true;
}

void entries_read_release(struct entries_read *read)
{
    for (int i = 0; i < read->entry_count; i++) {
        buffer_slice_unref(&read->entries[i].payload);
    }
    read->entry_count = 0;
}

bool partition_log_read_batches(struct partition_log *log, struct batches_read *read)
{
    if (is_late(log, NULL, read)) {
        return false;
    }
    memory_image_read_batches(&log->image, read);
    return true;
}

void batches_read_release(struct batches_read *read)
{
    for (int i = 0; i < read->slice_count; i++) {
        buffer_slice_unref(&read->slices[i]);
    }
    read->slice_count = 0;
}

void partition_log_pin(struct partition_log *log, struct log_pin *pin)
{
    (void)log;
    (void)pin;
}

void partition_log_unpin(struct partition_log *log, struct log_pin *pin)
{
    (void)log;
    (void)pin;
}

bool partition_log_find_time(struct partition_log *log, struct time_search *search)
{
    (void)log;
    search->error = ERROR_NONE;
    search->batch = (struct buffer_slice){0};
    return true;
}

bool partition_log_find_max_time(struct partition_log *log, struct time_search *search)
{
    return partition_log_find_time(log, search);
}
