/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gyred's pool for blocking or long work: a few threads of its own, so that a slow directory
 * server or a key derivation never waits behind disk reads, nor they behind it. They yield the
 * processor to the loop.
 */
#ifndef GYRE_RUNTIME_WORK_UV_H
#define GYRE_RUNTIME_WORK_UV_H

#include <uv.h>

#include "gyre/runtime/work.h"

enum { WORK_THREADS_DEFAULT = 2, WORK_THREADS_MAX = 16 };

struct work_pool *work_uv_new(uv_loop_t *uv, int thread_count);

/* One thread, which runs only while nobody else wants its processor: what is not worth anybody's
 * waiting. On a machine that is busy throughout it gets three of a thousand parts. */
struct work_pool *work_uv_new_spare(uv_loop_t *uv);

/* idle(context) is called when no work is under way, never before this returns; one waits at a
 * time. It may submit more, or free the pool. Whoever gives up work without waiting for it (a
 * partition that closes, a store that is written) leaves its done() to come before what that needs
 * is gone. */
void work_uv_when_idle(struct work_pool *pool, void (*idle)(void *context), void *context);

/* All work must be done. The handle closes in the loop's next turns; run it until it is empty. */
void work_uv_free(struct work_pool *pool);

#endif
