/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of the journal. Each is filled with zeros before its first use, so that a frame never
 * changes the file system's own metadata and a write is one round to the disk. One file is active;
 * full ones wait for a checkpoint; free ones are used again, oldest frames and all: a frame counts
 * only if its number is the one that is due.
 */
#include <stdio.h>
#include <stdlib.h>

#include "gyre/base/check.h"
#include "gyre/base/mutation.h"

#include "journal_state.h"

enum { RETRY_US = 1000000 };

static _Alignas(BLOCK_BYTES) char zeros[ZERO_BYTES];

static void making_step(struct disk_request *request);

static void making_retry(struct timer *timer);

void journal_ring_init(struct journal *journal)
{
    list_init(&journal->ring.free);
    list_init(&journal->ring.full);
    journal->ring.making.journal = journal;
    timer_init(&journal->ring.making.retry, making_retry);
}

static void free_files(struct list *files)
{
    list_for_each_safe(link, files) {
        list_remove(link);
        free(list_entry(link, struct journal_file, link));
    }
}

void journal_ring_release(struct journal *journal)
{
    timer_stop(journal->options.loop, &journal->ring.making.retry);
    free_files(&journal->ring.free);
    free_files(&journal->ring.full);
    free(journal->ring.active);
    free(journal->ring.making.file);
}

void journal_ring_path(const struct journal *journal, int number, char path[JOURNAL_PATH_MAX])
{
    int length =
        snprintf(path, JOURNAL_PATH_MAX, "%s/%04d.journal", journal->options.directory, number);

    CHECK(length > 0);
    CHECK(length < JOURNAL_PATH_MAX);
}

struct journal_file *journal_ring_add(struct journal *journal, int number, int fd)
{
    struct journal_file *file = check_alloc_zero(sizeof *file);

    list_init(&file->link);
    file->number = number;
    file->fd = fd;
    journal->ring.file_count++;
    if (number >= journal->ring.next_number) {
        journal->ring.next_number = number + 1;
    }
    return file;
}

/* ---- making files ---- */

static enum error execute(struct journal *journal, struct disk_request request)
{
    disk_execute(journal->options.disk, &request);
    return request.error;
}

enum error journal_ring_make_first(struct journal *journal)
{
    char path[JOURNAL_PATH_MAX];
    struct disk_request open = {
        .operation = DISK_OPEN, .flags = DISK_CREATE | DISK_DIRECT, .path = path};
    int64_t zero_bytes =
        journal->options.file_bytes < ZERO_BYTES ? journal->options.file_bytes : ZERO_BYTES;
    struct iovec vector = {.iov_base = zeros, .iov_len = (size_t)zero_bytes};
    enum error error;

    journal_ring_path(journal, 0, path);
    disk_execute(journal->options.disk, &open);
    if (open.error != ERROR_NONE) {
        return open.error;
    }
    journal->ring.active = journal_ring_add(journal, 0, open.opened_fd);
    error = execute(journal, (struct disk_request){.operation = DISK_ALLOCATE,
                                                   .fd = open.opened_fd,
                                                   .length = journal->options.file_bytes});
    if (error == ERROR_NONE) {
        error = execute(journal, (struct disk_request){.operation = DISK_WRITE_AT,
                                                       .fd = open.opened_fd,
                                                       .vectors = &vector,
                                                       .vector_count = 1});
    }
    if (error == ERROR_NONE) {
        error =
            execute(journal, (struct disk_request){.operation = DISK_SYNC, .fd = open.opened_fd});
    }
    if (error == ERROR_NONE) {
        error = execute(journal, (struct disk_request){.operation = DISK_SYNC_DIRECTORY,
                                                       .path = journal->options.directory});
    }
    return error;
}

static void making_submit(struct journal_making *making, struct disk_request request)
{
    making->request = request;
    making->request.done = making_step;
    disk_submit(making->journal->options.disk, DISK_LANE_SEGMENT, &making->request);
}

static void make_file(struct journal *journal)
{
    struct journal_ring *ring = &journal->ring;
    struct journal_making *making = &ring->making;

    if (making->file != NULL || timer_is_running(&making->retry) ||
        ring->file_count >= journal->options.file_count * RING_GROWTH_MAX) {
        return;
    }
    making->file = journal_ring_add(journal, ring->next_number, -1);
    making->zeroed = 0;
    making->step = MAKING_OPEN;
    journal_ring_path(journal, making->file->number, making->path);
    making_submit(making, (struct disk_request){.operation = DISK_OPEN,
                                                .flags = DISK_CREATE | DISK_DIRECT,
                                                .path = making->path});
}

/* The half-made file stays under its name and is taken up again by the next attempt. */
static void making_failed(struct journal_making *making)
{
    struct journal *journal = making->journal;
    struct journal_file *file = making->file;
    enum error error = making->request.error;

    if (error != ERROR_NO_SPACE && error != ERROR_NO_DESCRIPTORS) {
        journal_fail(journal, &making->request, "a journal file could not be made");
        return;
    }
    making->file = NULL;
    journal->ring.file_count--;
    journal->ring.next_number = file->number;
    if (file->fd >= 0) {
        struct disk_request close = {.operation = DISK_CLOSE, .fd = file->fd};

        disk_execute(journal->options.disk, &close);
    }
    free(file);
    timer_start(journal->options.loop, &making->retry, RETRY_US);
    if (error == ERROR_NO_SPACE) {
        journal->events.space(journal->events.context, false);
    }
}

static void making_retry(struct timer *timer)
{
    struct journal_making *making = CONTAINER_OF(timer, struct journal_making, retry);

    if (making->journal->ring.free_count == 0) {
        make_file(making->journal);
    }
}

static void making_zero(struct journal_making *making)
{
    int64_t left = making->journal->options.file_bytes - making->zeroed;
    int64_t length = left < ZERO_BYTES ? left : ZERO_BYTES;

    making->vector = (struct iovec){.iov_base = zeros, .iov_len = (size_t)length};
    making_submit(making, (struct disk_request){.operation = DISK_WRITE_AT,
                                                .fd = making->file->fd,
                                                .offset = making->zeroed,
                                                .vectors = &making->vector,
                                                .vector_count = 1});
    making->zeroed += length;
}

static void making_finish(struct journal_making *making)
{
    struct journal *journal = making->journal;

    list_append(&journal->ring.free, &making->file->link);
    journal->ring.free_count++;
    making->file = NULL;
    journal->events.space(journal->events.context, true);
    journal_unstall(journal);
}

static void making_step(struct disk_request *request)
{
    struct journal_making *making = CONTAINER_OF(request, struct journal_making, request);
    int64_t file_bytes = making->journal->options.file_bytes;

    if (making->step == MAKING_OPEN) {
        making->file->fd = request->opened_fd;
    }
    if (request->error != ERROR_NONE) {
        making_failed(making);
        return;
    }
    switch (making->step) {
    case MAKING_OPEN:
        making->step = MAKING_ALLOCATE;
        making_submit(making, (struct disk_request){.operation = DISK_ALLOCATE,
                                                    .fd = making->file->fd,
                                                    .length = file_bytes});
        break;
    case MAKING_ALLOCATE:
        making->step = MAKING_ZERO;
        making_zero(making);
        break;
    case MAKING_ZERO:
        if (making->zeroed < file_bytes) {
            making_zero(making);
            break;
        }
        making->step = MAKING_SYNC;
        making_submit(making,
                      (struct disk_request){.operation = DISK_SYNC, .fd = making->file->fd});
        break;
    case MAKING_SYNC:
        making->step = MAKING_NAME;
        making_submit(making, (struct disk_request){.operation = DISK_SYNC_DIRECTORY,
                                                    .path = making->journal->options.directory});
        break;
    case MAKING_NAME: making_finish(making); break;
    }
}

/* ---- using files ---- */

static struct journal_file *take_free(struct journal_ring *ring)
{
    struct journal_file *file;

    if (list_is_empty(&ring->free)) {
        return NULL;
    }
    file = list_first(&ring->free, struct journal_file, link);
    list_remove(&file->link);
    ring->free_count--;
    file->first_sequence = 0;
    file->first_position = 0;
    file->last_lsn = 0;
    file->length = 0;
    return file;
}

struct journal_file *journal_ring_place(struct journal *journal, size_t length)
{
    struct journal_ring *ring = &journal->ring;
    struct journal_file *active = ring->active;
    int64_t file_bytes = journal->options.file_bytes;

    if (active != NULL && active->length + (int64_t)length > file_bytes) {
        list_append(MUTATION(41) ? &ring->free : &ring->full, &active->link);
        *(MUTATION(41) ? &ring->free_count : &ring->full_count) += 1;
        ring->active = NULL;
        journal->events.pressed(journal->events.context);
    }
    if (ring->active == NULL) {
        ring->active = take_free(ring);
    }
    if (ring->free_count == 0 && (ring->active == NULL || ring->active->length > file_bytes / 4)) {
        make_file(journal);
    }
    return ring->active;
}

void journal_recycle(struct journal *journal, uint64_t lsn)
{
    struct journal_ring *ring = &journal->ring;

    list_for_each_safe(link, &ring->full) {
        struct journal_file *file = list_entry(link, struct journal_file, link);

        if (file->last_lsn >= lsn) {
            break;
        }
        list_remove(link);
        ring->full_count--;
        list_append(&ring->free, link);
        ring->free_count++;
    }
    if (ring->free_count > 0) {
        journal_unstall(journal);
    }
}

uint64_t journal_sequence_for(const struct journal *journal, uint64_t lsn)
{
    const struct journal_ring *ring = &journal->ring;

    list_for_each(link, &ring->full) {
        const struct journal_file *file = list_entry(link, struct journal_file, link);

        if (file->last_lsn >= lsn) {
            return file->first_sequence;
        }
    }
    if (ring->active != NULL && ring->active->first_sequence != 0) {
        return ring->active->first_sequence;
    }
    return journal->next_sequence;
}

uint64_t journal_newest_full_lsn(const struct journal *journal)
{
    const struct journal_ring *ring = &journal->ring;

    return list_is_empty(&ring->full)
               ? 0
               : list_entry(ring->full.previous, struct journal_file, link)->last_lsn;
}

int journal_full_count(const struct journal *journal)
{
    return journal->ring.full_count;
}

static void close_fd(struct journal *journal, int fd)
{
    if (fd >= 0) {
        (void)execute(journal, (struct disk_request){.operation = DISK_CLOSE, .fd = fd});
    }
}

void journal_close_files(struct journal *journal)
{
    struct journal_ring *ring = &journal->ring;

    list_for_each(link, &ring->free) {
        close_fd(journal, list_entry(link, struct journal_file, link)->fd);
    }
    list_for_each(link, &ring->full) {
        close_fd(journal, list_entry(link, struct journal_file, link)->fd);
    }
    if (ring->active != NULL) {
        close_fd(journal, ring->active->fd);
    }
}
