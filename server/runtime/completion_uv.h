/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finished work on its way from pool threads to the loop: threads push, the loop is woken once and
 * drains. Private to runtime.
 */
#ifndef GYRE_RUNTIME_COMPLETION_UV_H
#define GYRE_RUNTIME_COMPLETION_UV_H

#include <stdatomic.h>
#include <uv.h>

/* A lock-free stack of links; the first word of each item is its `next`. */
struct completion {
    uv_poll_t wakeup;
    int event_fd; /* owned */
    _Atomic(void *) newest;
    void (*drain)(struct completion *completion, void *item); /* the loop's thread */
    void **(*next_of)(void *item);
    void (*closed)(struct completion *completion);
};

void completion_init(struct completion *completion, uv_loop_t *uv);
void completion_push(struct completion *completion, void *item); /* thread: any */
/* Oldest first, with one wakeup. Thread: any. */
void completion_push_all(struct completion *completion, void **items, int count);
void completion_close(struct completion *completion); /* nothing may be under way */

#endif
