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

/* True when there is room; false when the log has nothing more to give. */
static bool shrink(struct partition_log *log)
{
    const struct storage *storage = log->storage;

    while (storage->cached_bytes > storage->options.cache_bytes_max) {
        if (!drop_oldest(log)) {
            return false;
        }
    }
    return true;
}

/*
 * Called for every append, with as many logs as there are partitions: logs with nothing to give go
 * behind the others, and once none has anything only a move can change that.
 */
void log_cache_trim(struct storage *storage)
{
    struct list empty_handed;
    bool has_room = storage->cached_bytes <= storage->options.cache_bytes_max;

    if (has_room || storage->is_cache_drained) {
        return;
    }
    list_init(&empty_handed);
    list_for_each_safe(link, &storage->cached_logs) {
        struct partition_log *log = list_entry(link, struct partition_log, cache_link);

        has_room = shrink(log);
        if (has_room) {
            break;
        }
        list_remove(link);
        if (log->tail.count > 0) {
            list_append(&empty_handed, link);
        }
    }
    list_append_all(&storage->cached_logs, &empty_handed);
    storage->is_cache_drained = !has_room;
}

void log_cache_moved(struct partition_log *log)
{
    if (log->storage->is_cache_drained) {
        /* It alone may have something to give, or keeps it while there is room. */
        log->storage->is_cache_drained = !shrink(log);
    } else {
        log_cache_trim(log->storage);
    }
}
