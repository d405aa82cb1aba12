/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine that does gyred's disk work: a thread for each ordered lane, four for reads; journal
 * writes carry RWF_DSYNC. done() is called on the thread of `uv`. An engine on io_uring is to come;
 * `disk_engine_new()` is where it will be chosen.
 */
#ifndef GYRE_RUNTIME_DISK_ENGINE_H
#define GYRE_RUNTIME_DISK_ENGINE_H

#include <uv.h>

#include "gyre/base/error.h"
#include "gyre/runtime/disk.h"

struct disk *disk_thread_new(uv_loop_t *uv);

/* The best engine that works here. `out_name` gets "threads"; may be NULL. */
struct disk *disk_engine_new(uv_loop_t *uv, const char **out_name);

/*
 * All requests must be done. The handles close in the loop's next turns; run it until it is empty.
 */
void disk_engine_free(struct disk *disk);

/* Does nothing but the work itself, on the calling thread. For tools that have no loop. */
struct disk *disk_blocking(void);

#endif
