/* SPDX-License-Identifier: Apache-2.0 */
/* One log's content, and the changes that lead from one content to the next. */
#ifndef GYRE_TESTS_SUPPORT_MEMORY_IMAGE_H
#define GYRE_TESTS_SUPPORT_MEMORY_IMAGE_H

#include "gyre/base/list.h"
#include "gyre/base/random.h"
#include "gyre/storage/partition_log.h"

struct memory_image {
    uint64_t term, vote;
    uint64_t first_index;
    struct log_entry *entries; /* owned, one reference each */
    int entry_count, entry_capacity;
    struct buffer_slice *batches; /* owned, one reference each: what is in segments */
    int batch_count, batch_capacity;
    int64_t start_offset, end_offset;
    struct log_snapshot snapshot; /* owns */
    bool is_corrupt, is_doubtful, is_installing;
    bool is_reset;       /* installing, and nothing was kept */
    int64_t kept_offset; /* installing: where what was kept ends */
};

enum memory_change_type {
    CHANGE_TERM,
    CHANGE_APPEND,
    CHANGE_TRUNCATE,
    CHANGE_SNAPSHOT,
    CHANGE_FORGET,
    CHANGE_START,
    CHANGE_INSTALL,
    CHANGE_BATCHES,
    CHANGE_INSTALLED,
};

struct memory_change {
    struct list link;
    enum memory_change_type type;
    uint64_t term, vote, index;
    int64_t offset;
    struct log_entry entry;       /* owns */
    struct log_snapshot snapshot; /* owns */
    struct buffer_slice batches;  /* owns */
};

struct memory_file {
    struct list link;
    struct group_id group;
    struct memory_image image; /* what is durable */
};

struct memory_disk {
    struct random *random;
    struct list files;
    uint64_t sync_min_us, sync_max_us;
    bool is_full;
};

void memory_image_init(struct memory_image *image);
void memory_image_release(struct memory_image *image);
void memory_image_copy(struct memory_image *to, const struct memory_image *from);
/* As after a crash. */
void memory_image_recover(struct memory_image *image);
void memory_image_apply(struct memory_image *image, const struct memory_change *change);
/* Apply and free. */
void memory_image_apply_first(struct memory_image *image, struct list *changes);
void memory_image_apply_all(struct memory_image *image, struct list *changes);
void memory_change_free_all(struct list *changes);

void memory_image_read_entries(const struct memory_image *image, struct entries_read *read);
void memory_image_read_batches(const struct memory_image *image, struct batches_read *read);

#endif
