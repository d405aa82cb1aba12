/* SPDX-License-Identifier: Apache-2.0 */
#include "space.h"

#include "gyre/base/check.h"
#include "gyre/observe/log.h"

enum { ASK_US = 1000000, ASK_BYTES = 16 * 1024 * 1024 };

/* What is in memory and not in files yet will need room of its own. */
static int64_t owed(const struct storage *storage)
{
    return (int64_t)storage->cached_bytes;
}

void space_set(struct storage *storage, bool has_space)
{
    if (storage->has_space == has_space) {
        return;
    }
    storage->has_space = has_space;
    if (has_space) {
        log_info(LOG_STORAGE, "there is space again",
                 field_string("directory", storage->directory));
    } else {
        log_error(LOG_STORAGE, "no space is left: producers are refused until there is some",
                  field_string("directory", storage->directory));
    }
    if (!has_space && !timer_is_running(&storage->space_timer)) {
        timer_start(storage->loop, &storage->space_timer, ASK_US);
    }
    if (storage->listener.space != NULL) {
        storage->listener.space(storage->listener.context, has_space);
    }
}

static bool is_enough(const struct storage *storage)
{
    return storage->usable_bytes - storage->options.reserved_bytes - owed(storage) > 0;
}

void space_ask(struct storage *storage)
{
    int64_t total = 0;
    int64_t usable = 0;

    /* Without an answer nothing is known to be wrong. */
    if (storage->disk->operations->space(storage->disk, storage->directory, &total, &usable) !=
        ERROR_NONE) {
        usable = INT64_MAX;
    }
    storage->usable_bytes = usable;
    storage->usable_asked_us = clock_monotonic_us(storage->loop->clock);
    storage->taken_bytes = 0;
}

void space_on_timer(struct timer *timer)
{
    struct storage *storage = CONTAINER_OF(timer, struct storage, space_timer);

    space_ask(storage);
    if (is_enough(storage) && !timer_is_running(&storage->retry_timer)) {
        space_set(storage, true);
    }
    if (!storage->has_space) {
        timer_start(storage->loop, &storage->space_timer, ASK_US);
    }
}

void space_take(struct storage *storage, size_t bytes)
{
    storage->taken_bytes += bytes;
    storage->usable_bytes -= (int64_t)bytes;
    if (storage->taken_bytes > ASK_BYTES ||
        loop_clock_us(storage->loop) > storage->usable_asked_us + ASK_US) {
        space_ask(storage);
        if (!is_enough(storage)) {
            space_set(storage, false);
        }
    }
}

static bool fits(const struct storage *storage, size_t bytes)
{
    return storage->usable_bytes - storage->options.reserved_bytes - owed(storage) > (int64_t)bytes;
}

bool storage_has_space(struct storage *storage, size_t bytes)
{
    if (!storage->has_space || storage->is_dead) {
        return false;
    }
    /* A refusal needs a fresh answer: nothing else asks while nothing is taken. */
    if (!fits(storage, bytes) &&
        clock_monotonic_us(storage->loop->clock) - storage->usable_asked_us > ASK_US) {
        space_ask(storage);
    }
    return fits(storage, bytes);
}
