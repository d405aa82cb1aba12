/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A data directory belongs to one process at a time: two that recover and write the same journal
 * destroy it. The lock goes with the process, however it ends, and leaves nothing behind.
 */
#ifndef GYRE_RUNTIME_DIRECTORY_LOCK_H
#define GYRE_RUNTIME_DIRECTORY_LOCK_H

#include "gyre/base/error.h"

/* BUSY: another process holds it. A file system that cannot lock is taken as it is. The descriptor
 * (-1 there) is held as long as the lock is to last. Blocks: before the loop runs. */
MUST_USE
enum error directory_lock_take(const char *directory, int *out_fd);

void directory_lock_release(int fd);

#endif
