/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a burst took from the operating system goes back once the process has rested: the allocator
 * keeps freed memory that lies between what is still in use, and would keep it for ever. Giving it
 * back takes a thread some tenths of a second in which others may wait for memory, so it is done
 * only when little else is.
 *
 * Thread: the loop's own. Must not move while it runs.
 */
#ifndef GYRE_RUNTIME_MEMORY_RETURN_UV_H
#define GYRE_RUNTIME_MEMORY_RETURN_UV_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

enum {
    MEMORY_LOOK_MS = 5000,
    MEMORY_REST_PERCENT = 10,                   /* of a core: less is rest */
    MEMORY_GROWTH_BYTES_MIN = 64 * 1024 * 1024, /* less is not worth it */
};

/* What was seen at one look. */
struct memory_look {
    uint64_t now_us;
    uint64_t cpu_us;        /* used by the process so far */
    int64_t resident_bytes; /* of the process */
};

struct memory_return {
    uv_timer_t timer;
    uv_work_t work;
    struct memory_look last;
    int64_t floor_bytes; /* resident after the last return */
    bool is_working;
};

/* Has the process rested since `last`, and holds so much more than `floor_bytes`? */
bool memory_return_is_due(const struct memory_look *last, const struct memory_look *now,
                          int64_t floor_bytes);

void memory_return_start(struct memory_return *self, uv_loop_t *uv);
/* Its handle closes, and work that runs ends, in the loop's next turns. */
void memory_return_stop(struct memory_return *self);

#endif
