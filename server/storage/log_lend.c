/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the sparse index knows the edges of batches, the page cache has the bytes, and this
 * process has verified them, a consumer gets the range and not the bytes: nothing is copied, read
 * or checked again. What comes from the disk goes the other way (log_read_batches.c), so that
 * damage is found and named there; what changes in memory afterwards the consumer finds by the
 * same checksums.
 *
 * A range outlives its log if need be: it holds its segment's file (log_files.h), and what it
 * covers is committed, so no truncation ends before it. A refill of a damaged log may cut the file
 * and write the same batches anew; a reader in between finds the file short and is disconnected.
 */
#include "log_lend.h"

#include <stdlib.h>

#include "gyre/base/check.h"
#include "gyre/runtime/file_range.h"

#include "log_files.h"
#include "log_index.h"
#include "log_read.h"

enum {
    LENT_SHARE = 2, /* of the descriptors at most so many are pinned by clients who do not read */
    LENT_BYTES_MIN = 16 * 1024, /* a copy is as cheap as a descriptor's bookkeeping */
};

struct lent_range {
    struct file_range range;
    struct storage_job job; /* the storage is not closed before it comes back */
    struct log_file *file;  /* used; NULL: the storage is gone */
};

static void abandon(struct storage_job *job)
{
    struct lent_range *lent = CONTAINER_OF(job, struct lent_range, job);

    list_remove(&job->link);
    lent->file = NULL;
    lent->range.fd = -1;
}

static void come_back(struct buffer *buffer)
{
    struct lent_range *lent = CONTAINER_OF(buffer, struct lent_range, range.buffer);

    if (lent->file != NULL) {
        struct storage *storage = lent->job.storage;

        list_remove(&lent->job.link);
        storage->lent_count--;
        log_file_unuse(storage, lent->file);
    }
    free(lent);
}

/* Where the batch that holds the offset begins, if a slot says so. */
static bool find_from(const struct data_segment *segment, int64_t offset, uint32_t *out_from)
{
    const struct index_slot *slot = log_index_slot(segment, offset);

    *out_from = slot == NULL ? 0 : slot->position;
    return offset == segment->base_offset + (slot == NULL ? 0 : slot->relative_offset);
}

/* The last edge that all limits allow; `from` if there is none behind it. */
static uint32_t find_to(const struct partition_log *log, const struct data_segment *segment,
                        const struct batches_read *caller, uint32_t from)
{
    uint32_t written = log_read_written(log, segment);
    uint64_t most = (uint64_t)from + caller->bytes_max;

    if (written == segment->size && segment->size <= most &&
        segment->end_offset <= caller->limit_offset) {
        return segment->size;
    }
    most = most < written ? most : written;
    for (uint32_t at = log_index_floor(segment, (uint32_t)most); at > 0; at--) {
        const struct index_slot *slot = &segment->index.slots[at - 1];

        if (slot->position <= from) {
            break;
        }
        if (segment->base_offset + slot->relative_offset <= caller->limit_offset) {
            return slot->position;
        }
    }
    return from;
}

static struct lent_range *lend(struct storage *storage, struct log_file *file, uint32_t from,
                               uint32_t size)
{
    struct lent_range *lent = check_alloc_zero(sizeof *lent);

    file_range_init(&lent->range, size);
    lent->range.buffer.free_bytes = come_back;
    lent->range.disk = storage->disk;
    lent->range.fd = file->fd;
    lent->range.offset = from;
    lent->file = file;
    log_file_use(file);
    storage->lent_count++;
    storage_job_init(&lent->job, storage, abandon);
    return lent;
}

bool log_lend(struct partition_log *log, struct data_segment *segment, struct batches_read *caller)
{
    struct storage *storage = log->storage;
    struct lent_range *lent;
    uint32_t from;
    uint32_t to;

    if (!caller->takes_ranges || segment->file.fd < 0 || log->is_corrupt || storage->is_closing ||
        storage->lent_count >= storage->descriptors.limit / LENT_SHARE ||
        !find_from(segment, caller->offset, &from)) {
        return false;
    }
    to = find_to(log, segment, caller, from);
    if (to < from + LENT_BYTES_MIN || !log_index_is_verified(segment, from, to) ||
        !disk_is_resident(storage->disk, segment->file.fd, from, to - from)) {
        return false;
    }
    lent = lend(storage, &segment->file, from, to - from);
    caller->slices[0] = file_range_slice(&lent->range);
    caller->slice_count = 1;
    caller->bytes = to - from;
    buffer_unref(&lent->range.buffer);
    return true;
}
