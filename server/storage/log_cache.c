/* SPDX-License-Identifier: Apache-2.0 */
/* Entries that are in segments stay in memory as long as all logs together have room for them. */
#include "gyre/base/check.h"

#include "log_change.h"
#include "log_tail.h"

void log_cache_touch(struct partition_log *log)
{
    list_remove(&log->cache_link);
    list_append(&log->storage->cached_logs, &log->cache_link);
}

static bool drop_oldest(struct partition_log *log)
{
    struct log_tail *tail = &log->tail;
    size_t bytes;

    if (tail->count == 0 || tail->first_index > log->moved.index) {
        return false;
    }
    bytes = log_tail_entry_bytes(log_tail_at(tail, tail->first_index));
    log->tail_bytes -= bytes;
    log->storage->cached_bytes -= bytes;
    log_tail_drop_first(tail);
    return true;
}

void log_cache_trim(struct storage *storage)
{
    list_for_each_safe(link, &storage->cached_logs) {
        struct partition_log *log = list_entry(link, struct partition_log, cache_link);

        while (storage->cached_bytes > storage->options.cache_bytes_max && drop_oldest(log)) {
        }
        if (log->tail.count == 0) {
            list_remove(link);
        }
        if (storage->cached_bytes <= storage->options.cache_bytes_max) {
            break;
        }
    }
}
