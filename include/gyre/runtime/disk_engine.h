/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engines that do gyred's disk work. Threads: one for each ordered lane, four for reads;
 * journal writes carry RWF_DSYNC. io_uring: reads, and what runs beside them, go through a ring,
 * everything else through the threads. done() is called on the thread of `uv`.
 */
#ifndef GYRE_RUNTIME_DISK_ENGINE_H
#define GYRE_RUNTIME_DISK_ENGINE_H

#include <uv.h>

#include "gyre/base/bytes.h"
#include "gyre/base/error.h"
#include "gyre/runtime/disk.h"

struct disk *disk_thread_new(uv_loop_t *uv);
/* UNSUPPORTED: the kernel or a container refuses it. */
MUST_USE
enum error disk_uring_new(uv_loop_t *uv, struct disk **out_disk);

/* "io_uring", "threads", or "auto" for the better one that works here; `out_name` says which it is.
 * UNSUPPORTED: "io_uring" does not work here. */
MUST_USE
enum error disk_engine_new(uv_loop_t *uv, struct string wanted, struct disk **out_disk,
                           const char **out_name);

/*
 * All requests must be done. The handles close in the loop's next turns; run it until it is empty.
 */
void disk_engine_free(struct disk *disk);

/* Does nothing but the work itself, on the calling thread. For tools that have no loop. */
struct disk *disk_blocking(void);

#endif
