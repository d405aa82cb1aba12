/* SPDX-License-Identifier: Apache-2.0 */
/* Threads behind disk lanes. */
#ifndef GYRE_RUNTIME_DISK_THREAD_H
#define GYRE_RUNTIME_DISK_THREAD_H

#include "gyre/runtime/disk.h"

/* Both engines begin with this, so that disk_engine_free() need not know which it has. */
struct disk_engine {
    struct disk disk;
    void (*free_engine)(struct disk_engine *engine);
};

#endif
