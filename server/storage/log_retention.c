/* SPDX-License-Identifier: Apache-2.0 */
/* What may go: rows below a snapshot, segments below the start of the log. */
#include "gyre/base/check.h"
#include "gyre/base/mutation.h"

#include "checkpoint.h"
#include "log_change.h"
#include "log_files.h"
#include "log_tail.h"

/* ---- entries ---- */

void partition_log_forget(struct partition_log *log, uint64_t index)
{
    uint64_t limit = index < log->snapshot.index ? index : log->snapshot.index;

    if (log->is_installing || limit < log->first_index) {
        return;
    }
    log->first_index = limit + 1;
    while (log->side_count > 1 && log->side[0]->end_index <= log->first_index &&
           log->side[0]->first_index < log->synced.side_first) {
        log_files_drop_side(log, 0, false);
        checkpoint_request_soon(log->storage);
    }
    while (log->term_count > 1 && log->terms[1].first_index <= limit) {
        for (uint32_t i = 1; i < log->term_count; i++) {
            log->terms[i - 1] = log->terms[i];
        }
        log->term_count--;
    }
}

/* ---- segments ---- */

int64_t log_readable_from(const struct partition_log *log)
{
    int64_t from = log->start_offset;

    list_for_each(link, &log->pins) {
        const struct log_pin *pin = list_entry(link, struct log_pin, link);

        from = pin->offset < from && !MUTATION(53) ? pin->offset : from;
    }
    return from;
}

static int64_t keep_from(const struct partition_log *log)
{
    int64_t keep = log_readable_from(log);

    return log->snapshot.start_offset < keep && !MUTATION(52) ? log->snapshot.start_offset : keep;
}

static bool may_drop_first(const struct partition_log *log)
{
    int64_t keep = keep_from(log);

    return log->data_count > 1 && log->data[1]->base_offset <= keep &&
           log->data[0]->end_offset <= keep;
}

/* What is not synced must find its segment when the journal is replayed: a checkpoint syncs it, and
 * comes back. */
void log_drop_old_segments(struct partition_log *log)
{
    log->drop_waits = false;
    while (!log->is_installing && may_drop_first(log)) {
        checkpoint_request_soon(log->storage);
        if (log->data[0]->base_offset >= log->synced.data_base) {
            log->drop_waits = true;
            break;
        }
        log_files_drop_data(log, 0, false);
    }
}

bool log_drop_waits_for_move(const struct partition_log *log)
{
    return log->drop_waits && log->data_count > 1 &&
           log->moved.data_base <= log->data[0]->base_offset;
}

void partition_log_set_start_offset(struct partition_log *log, int64_t offset)
{
    CHECK(offset <= log->end_offset);
    if (offset > log->start_offset) {
        log->start_offset = offset;
    }
    log_drop_old_segments(log);
}

void partition_log_pin(struct partition_log *log, struct log_pin *pin)
{
    list_append(&log->pins, &pin->link);
}

void partition_log_unpin(struct partition_log *log, struct log_pin *pin)
{
    list_remove(&pin->link);
    log_drop_old_segments(log);
}

int64_t partition_log_retention_offset(const struct partition_log *log, int64_t now_ms,
                                       int64_t retention_ms, int64_t retention_bytes)
{
    int64_t size = partition_log_size_bytes(log);
    int64_t offset = log->start_offset;

    for (uint32_t i = 0; i < log->data_count; i++) {
        const struct data_segment *segment = log->data[i];
        int64_t next = i + 1 < log->data_count ? log->data[i + 1]->base_offset : log->end_offset;
        bool is_old = retention_ms >= 0 && segment->max_timestamp_ms >= 0 &&
                      now_ms - segment->max_timestamp_ms > retention_ms;
        bool is_too_much = retention_bytes >= 0 && size - segment->size >= retention_bytes;

        if (!is_old && !is_too_much) {
            break;
        }
        size -= segment->size;
        offset = next > offset ? next : offset;
    }
    return offset;
}
