/* SPDX-License-Identifier: Apache-2.0 */
#include "support/memory_image.h"

#include <stdlib.h>

#include "gyre/wire/record_batch.h"

#include "support/memory_storage.h"

struct memory_disk *memory_disk_new(struct random *random)
{
    struct memory_disk *disk = check_alloc_zero(sizeof *disk);

    disk->random = random;
    disk->sync_min_us = 200;
    disk->sync_max_us = 3000;
    list_init(&disk->files);
    return disk;
}

void memory_disk_free(struct memory_disk *disk)
{
    list_for_each_safe(link, &disk->files) {
        struct memory_file *file = list_entry(link, struct memory_file, link);

        memory_image_release(&file->image);
        free(file);
    }
    free(disk);
}

void memory_disk_set_sync(struct memory_disk *disk, uint64_t min_us, uint64_t max_us)
{
    disk->sync_min_us = min_us;
    disk->sync_max_us = max_us;
}

void memory_disk_set_full(struct memory_disk *disk, bool is_full)
{
    disk->is_full = is_full;
}

void memory_disk_damage(struct memory_disk *disk, struct group_id group)
{
    list_for_each(link, &disk->files) {
        struct memory_file *file = list_entry(link, struct memory_file, link);

        if (group_id_equal(file->group, group)) {
            file->image.is_corrupt = true;
        }
    }
}

void memory_disk_forget(struct memory_disk *disk, struct group_id group, uint64_t term)
{
    memory_disk_damage(disk, group);
    list_for_each(link, &disk->files) {
        struct memory_file *file = list_entry(link, struct memory_file, link);

        if (group_id_equal(file->group, group)) {
            file->image.term = term;
            file->image.vote = 0;
        }
    }
}

void memory_image_init(struct memory_image *image)
{
    *image = (struct memory_image){.first_index = 1};
}

static void release_snapshot(struct log_snapshot *snapshot)
{
    buffer_slice_unref(&snapshot->configuration);
    buffer_slice_unref(&snapshot->state);
}

static void set_snapshot(struct memory_image *image, const struct log_snapshot *snapshot)
{
    struct log_snapshot copy = *snapshot;

    copy.configuration = buffer_slice_ref(snapshot->configuration);
    copy.state = buffer_slice_ref(snapshot->state);
    release_snapshot(&image->snapshot);
    image->snapshot = copy;
}

static void drop_entries_from(struct memory_image *image, int position)
{
    while (image->entry_count > position) {
        buffer_slice_unref(&image->entries[--image->entry_count].payload);
    }
}

static void drop_batches_from(struct memory_image *image, int64_t offset)
{
    while (image->batch_count > 0 &&
           record_batch_base_offset(image->batches[image->batch_count - 1].bytes) >= offset) {
        buffer_slice_unref(&image->batches[--image->batch_count]);
    }
    image->end_offset = offset;
}

void memory_image_release(struct memory_image *image)
{
    drop_entries_from(image, 0);
    drop_batches_from(image, 0);
    release_snapshot(&image->snapshot);
    free(image->entries);
    free(image->batches);
}

static void add_batch(struct memory_image *image, struct buffer_slice batch)
{
    if (image->batch_count == image->batch_capacity) {
        image->batch_capacity = image->batch_capacity * 2 + 16;
        image->batches =
            check_realloc(image->batches, (size_t)image->batch_capacity * sizeof *image->batches);
    }
    image->batches[image->batch_count++] = buffer_slice_ref(batch);
    image->end_offset = record_batch_last_offset(batch.bytes) + 1;
}

static void add_entry(struct memory_image *image, const struct log_entry *entry)
{
    if (image->entry_count == image->entry_capacity) {
        image->entry_capacity = image->entry_capacity * 2 + 16;
        image->entries =
            check_realloc(image->entries, (size_t)image->entry_capacity * sizeof *image->entries);
    }
    image->entries[image->entry_count] = *entry;
    image->entries[image->entry_count++].payload = buffer_slice_ref(entry->payload);
}

void memory_image_copy(struct memory_image *to, const struct memory_image *from)
{
    *to = *from;
    to->entries = NULL;
    to->batches = NULL;
    to->entry_count = to->entry_capacity = to->batch_count = to->batch_capacity = 0;
    to->snapshot = (struct log_snapshot){0};
    set_snapshot(to, &from->snapshot);
    for (int i = 0; i < from->entry_count; i++) {
        add_entry(to, &from->entries[i]);
    }
    for (int i = 0; i < from->batch_count; i++) {
        add_batch(to, from->batches[i]);
    }
    to->end_offset = from->end_offset;
}

static void truncate(struct memory_image *image, uint64_t index)
{
    int position = (int)(index - image->first_index);

    if (position < image->entry_count) {
        drop_batches_from(image, image->entries[position].base_offset);
        drop_entries_from(image, position);
    }
}

static void forget(struct memory_image *image, uint64_t index)
{
    int count = 0;

    while (count < image->entry_count && image->first_index + (uint64_t)count <= index) {
        buffer_slice_unref(&image->entries[count++].payload);
    }
    for (int i = count; i < image->entry_count; i++) {
        image->entries[i - count] = image->entries[i];
    }
    image->entry_count -= count;
    image->first_index += (uint64_t)count;
}

static void install(struct memory_image *image, uint64_t keep_index, int64_t start_offset)
{
    image->is_installing = true;
    image->is_corrupt = false;
    image->is_reset = keep_index == 0;
    if (keep_index < image->first_index) {
        /* What lies before the entries is in the snapshot. */
        int64_t keep = keep_index != 0 && keep_index == image->snapshot.index
                           ? image->snapshot.next_offset
                           : 0;

        drop_entries_from(image, 0);
        drop_batches_from(image, keep);
    } else {
        truncate(image, keep_index + 1);
    }
    if (start_offset > image->end_offset || keep_index == 0) {
        drop_entries_from(image, 0);
        drop_batches_from(image, 0);
        image->end_offset = start_offset;
        image->start_offset = start_offset;
        image->is_reset = true;
    }
    image->kept_offset = image->end_offset;
}

/* An install that did not end leaves what it kept; where it kept nothing, the log must not vote. */
void memory_image_recover(struct memory_image *image)
{
    if (image->is_installing) {
        drop_batches_from(image, image->kept_offset);
        image->is_corrupt = image->is_corrupt || image->is_reset;
        image->is_installing = false;
    }
    image->start_offset = image->snapshot.start_offset;
}

static void append_batches(struct memory_image *image, struct buffer_slice batches)
{
    size_t at = 0;

    while (at < batches.length) {
        struct buffer_slice batch = batches;

        batch.bytes += at;
        batch.length = record_batch_size(batch.bytes);
        CHECK(record_batch_base_offset(batch.bytes) == image->end_offset);
        add_batch(image, batch);
        at += batch.length;
    }
}

void memory_image_apply(struct memory_image *image, const struct memory_change *change)
{
    switch (change->type) {
    case CHANGE_TERM:
        image->term = change->term;
        image->vote = change->vote;
        break;
    case CHANGE_APPEND:
        add_entry(image, &change->entry);
        if (change->entry.kind == ENTRY_BATCH) {
            add_batch(image, change->entry.payload);
        }
        break;
    case CHANGE_TRUNCATE: truncate(image, change->index); break;
    case CHANGE_SNAPSHOT: set_snapshot(image, &change->snapshot); break;
    case CHANGE_FORGET: forget(image, change->index); break;
    case CHANGE_START:
        image->start_offset =
            change->offset > image->start_offset ? change->offset : image->start_offset;
        break;
    case CHANGE_INSTALL: install(image, change->index, change->offset); break;
    case CHANGE_BATCHES: append_batches(image, change->batches); break;
    case CHANGE_INSTALLED:
        set_snapshot(image, &change->snapshot);
        drop_entries_from(image, 0);
        image->first_index = change->snapshot.index + 1;
        image->start_offset = change->snapshot.start_offset;
        image->is_installing = false;
        break;
    }
}

static void free_change(struct memory_change *change)
{
    list_remove(&change->link);
    buffer_slice_unref(&change->entry.payload);
    buffer_slice_unref(&change->batches);
    release_snapshot(&change->snapshot);
    free(change);
}

void memory_image_apply_first(struct memory_image *image, struct list *changes)
{
    struct memory_change *change = list_first(changes, struct memory_change, link);

    memory_image_apply(image, change);
    free_change(change);
}

void memory_image_apply_all(struct memory_image *image, struct list *changes)
{
    while (!list_is_empty(changes)) {
        memory_image_apply_first(image, changes);
    }
}

void memory_change_free_all(struct list *changes)
{
    while (!list_is_empty(changes)) {
        free_change(list_first(changes, struct memory_change, link));
    }
}

void memory_image_read_entries(const struct memory_image *image, struct entries_read *read)
{
    uint64_t end = image->first_index + (uint64_t)image->entry_count;
    size_t bytes = 0;

    read->entry_count = 0;
    read->error = ERROR_NONE;
    if (read->from_index < image->first_index || read->from_index >= end) {
        read->error = ERROR_RANGE;
        return;
    }
    for (uint64_t index = read->from_index; index < end && read->entry_count < ENTRIES_READ_MAX;
         index++) {
        struct log_entry entry = image->entries[index - image->first_index];

        bytes += entry.payload.length;
        if (read->entry_count > 0 && bytes > read->bytes_max) {
            break;
        }
        entry.payload = buffer_slice_ref(entry.payload);
        read->entries[read->entry_count++] = entry;
    }
}

void memory_image_read_batches(const struct memory_image *image, struct batches_read *read)
{
    read->slice_count = 0;
    read->bytes = 0;
    read->error = ERROR_NONE;
    if (read->offset < image->start_offset || read->offset > image->end_offset) {
        read->error = ERROR_RANGE;
        return;
    }
    for (int i = 0; i < image->batch_count && read->slice_count < BATCHES_READ_SLICES_MAX; i++) {
        const struct buffer_slice *batch = &image->batches[i];
        int64_t last = record_batch_last_offset(batch->bytes);

        if (last < read->offset) {
            continue;
        }
        if (last >= read->limit_offset || (read->bytes + batch->length > read->bytes_max &&
                                           (read->slice_count > 0 || !read->at_least_one))) {
            break;
        }
        read->slices[read->slice_count++] = buffer_slice_ref(*batch);
        read->bytes += batch->length;
    }
}
