/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drives a loop (loop.h) from libuv: a turn before each wait for events, a wait no longer than the
 * next timer allows. Whatever libuv's callbacks defer runs before the thread sleeps again.
 *
 * Thread: the loop's own.
 */
#ifndef GYRE_RUNTIME_LOOP_UV_H
#define GYRE_RUNTIME_LOOP_UV_H

#include <uv.h>

struct loop;

/* Embedded in its owner; must stay until uv_run() has returned after loop_uv_stop(). */
struct loop_uv {
    uv_prepare_t prepare;
    uv_timer_t timer;
    struct loop *loop; /* borrowed until stopped */
};

void loop_uv_start(struct loop_uv *driver, uv_loop_t *uv, struct loop *loop);

/* No further turns. The handles are closed by the next rounds of uv_run(). */
void loop_uv_stop(struct loop_uv *driver);

#endif
