/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two engines that do gyred's disk work. Both call done() on the thread of `uv`.
 *
 * Threads: one for each ordered lane, four for reads; journal writes carry RWF_DSYNC.
 * io_uring: journal writes and reads go to the kernel from the loop's own thread, which saves two
 * wake-ups a write; everything else still goes to threads. Where the kernel or a container's
 * policy refuses io_uring, disk_uring_new() returns UNSUPPORTED and the threads do all.
 */
#ifndef GYRE_RUNTIME_DISK_ENGINE_H
#define GYRE_RUNTIME_DISK_ENGINE_H

#include <uv.h>

#include "gyre/base/error.h"
#include "gyre/runtime/disk.h"

struct disk *disk_thread_new(uv_loop_t *uv);

MUST_USE
enum error disk_uring_new(uv_loop_t *uv, struct disk **out_disk);

/* The best engine that works here. `out_name` gets "io_uring" or "threads"; may be NULL. */
struct disk *disk_engine_new(uv_loop_t *uv, const char **out_name);

/*
 * All requests must be done. The handles close in the loop's next turns; run it until it is empty.
 */
void disk_engine_free(struct disk *disk);

/* Does nothing but the work itself, on the calling thread. For tools that have no loop. */
struct disk *disk_blocking(void);

#endif
