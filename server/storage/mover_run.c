/* SPDX-License-Identifier: Apache-2.0 */
#include "mover_run.h"

#include "gyre/base/check.h"

#include "log_files.h"
#include "log_row.h"
#include "log_tail.h"
#include "pulled.h"

static struct data_segment *segment_of(struct partition_log *log, const struct tail_entry *entry)
{
    return log_files_find_data(log, entry->entry.base_offset);
}

/* Entries go on as long as they are of one kind (outside or not) and lie in the same files. */
static uint64_t choose_end(struct mover *mover)
{
    struct partition_log *log = mover->log;
    uint64_t index = log->moved.index + 1;
    bool is_outside = log_tail_at(&log->tail, index)->is_outside;
    size_t bytes = 0;

    mover->side = log_files_find_side(log, index);
    mover->data = NULL;
    for (; index <= log->durable_index; index++) {
        const struct tail_entry *entry = log_tail_at(&log->tail, index);
        struct data_segment *data =
            entry->entry.kind == ENTRY_BATCH ? segment_of(log, entry) : mover->data;

        if (index >= mover->side->end_index || entry->is_outside != is_outside ||
            (mover->data != NULL && data != mover->data) ||
            index - log->moved.index > MOVE_VECTORS_MAX ||
            (bytes > 0 && bytes + entry->size > MOVE_BYTES_MAX)) {
            break;
        }
        mover->data = data;
        bytes += entry->size;
    }
    return index - 1;
}

static void add_payload(struct mover *mover, struct mover_write *write,
                        const struct tail_entry *entry)
{
    if (write->vector_count == 0) {
        write->offset = entry->position;
    }
    write->vectors[write->vector_count++] = (struct iovec){.iov_base = entry->entry.payload.bytes,
                                                           .iov_len = entry->entry.payload.length};
    mover->held[mover->held_count++] = buffer_slice_ref(entry->entry.payload);
}

static void add_entry(struct mover *mover, const struct tail_entry *entry)
{
    struct log_position *target = &mover->target;

    log_row_encode(entry, &mover->rows[mover->row_count++]);
    if (entry->entry.kind == ENTRY_BATCH) {
        target->data_base = mover->data->base_offset;
        target->data_size = entry->position + entry->size;
        if (!entry->is_outside) {
            add_payload(mover, &mover->writes[MOVER_DATA], entry);
        }
    } else if (entry->size > 0) {
        add_payload(mover, &mover->writes[MOVER_COMMANDS], entry);
    }
    if (entry->entry.kind != ENTRY_BATCH) {
        target->command_bytes = entry->position + entry->size;
    }
    target->index = entry->entry.index;
    target->offset = entry->entry.base_offset + entry->entry.offset_count;
}

void mover_aim(struct mover *mover, int which, enum log_file_kind kind, uint64_t number,
               struct log_file *file)
{
    struct mover_write *write = &mover->writes[which];

    write->kind = kind;
    write->number = number;
    write->file = file;
}

void mover_gather(struct mover *mover)
{
    struct partition_log *log = mover->log;
    uint64_t first = log->moved.index + 1;
    uint64_t last = choose_end(mover);
    size_t count = (size_t)(last - first + 1);
    struct mover_write *rows = &mover->writes[MOVER_ENTRIES];

    mover->target = log->moved;
    if (mover->side->first_index != mover->target.side_first) {
        mover->target.side_first = mover->side->first_index;
        mover->target.command_bytes = 0;
    }
    mover->rows = check_alloc(count * sizeof *mover->rows);
    mover->held = check_alloc(count * sizeof *mover->held);
    for (int i = 0; i < MOVER_FILES; i++) {
        mover->writes[i].vectors = check_alloc(count * sizeof(struct iovec));
    }
    for (uint64_t index = first; index <= last; index++) {
        add_entry(mover, log_tail_at(&log->tail, index));
    }
    rows->vectors[0] =
        (struct iovec){.iov_base = mover->rows, .iov_len = count * sizeof *mover->rows};
    rows->vector_count = 1;
    rows->offset = (int64_t)((first - mover->side->first_index) * sizeof(struct entry_row));
    mover_aim(mover, MOVER_ENTRIES, LOG_FILE_ENTRIES, mover->side->first_index,
              &mover->side->entries);
    if (mover->writes[MOVER_COMMANDS].vector_count > 0) {
        mover_aim(mover, MOVER_COMMANDS, LOG_FILE_COMMANDS, mover->side->first_index,
                  &mover->side->commands);
    }
    if (mover->data != NULL) {
        mover_aim(mover, MOVER_DATA, LOG_FILE_DATA, (uint64_t)mover->data->base_offset,
                  &mover->data->file);
    }
}

/* Pulled batches that follow each other in one segment. */
void mover_gather_pulled(struct mover *mover)
{
    struct partition_log *log = mover->log;
    struct mover_write *write = &mover->writes[MOVER_DATA];
    size_t bytes = 0;

    write->vectors = check_alloc(MOVE_VECTORS_MAX * sizeof(struct iovec));
    list_for_each_safe(link, &log->pulled) {
        struct pulled_batches *pulled = list_entry(link, struct pulled_batches, link);

        if ((mover->data != NULL && pulled->segment != mover->data) ||
            write->vector_count == MOVE_VECTORS_MAX || bytes > MOVE_BYTES_MAX) {
            break;
        }
        if (mover->data == NULL) {
            mover->data = pulled->segment;
            write->offset = pulled->position;
        }
        write->vectors[write->vector_count++] =
            (struct iovec){.iov_base = pulled->slice.bytes, .iov_len = pulled->slice.length};
        bytes += pulled->slice.length;
        list_remove(link);
        list_append(&mover->pulled, link);
    }
    mover_aim(mover, MOVER_DATA, LOG_FILE_DATA, (uint64_t)mover->data->base_offset,
              &mover->data->file);
}

/*
 * A checkpoint syncs all that was moved since the last one: tens of megabytes at once, and the
 * journal's writes stand in line behind them. So the disk gets them early and a little at a time.
 * The last page is left out: it is still growing.
 */
bool mover_plan_write_back(struct mover *mover)
{
    const struct mover_write *write = &mover->writes[MOVER_DATA];
    struct log_file *file = write->file;
    int64_t end = write->offset;

    if (write->vector_count == 0) {
        return false;
    }
    for (int i = 0; i < write->vector_count; i++) {
        end += (int64_t)write->vectors[i].iov_len;
    }
    end -= end % BLOCK_BYTES;
    if (write->offset < file->written_back) {
        file->written_back = write->offset; /* the log was cut */
    }
    if (end - file->written_back < WRITE_BACK_BYTES) {
        return false;
    }
    mover->write_back = (struct disk_request){.operation = DISK_WRITE_BACK,
                                              .fd = file->fd,
                                              .offset = file->written_back,
                                              .length = end - file->written_back};
    file->written_back = end;
    return true;
}
