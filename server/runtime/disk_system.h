/* SPDX-License-Identifier: Apache-2.0 */
/* One disk request as system calls, on the calling thread. Private to the engines. */
#ifndef GYRE_RUNTIME_DISK_SYSTEM_H
#define GYRE_RUNTIME_DISK_SYSTEM_H

#include "gyre/runtime/disk.h"

void disk_system_perform(struct disk_request *request);

enum error disk_system_stat(struct disk *disk, const char *path, struct disk_stat *out_stat);
enum error disk_system_list(struct disk *disk, const char *path,
                            void (*visit)(void *context, const char *name), void *context);
enum error disk_system_space(struct disk *disk, const char *path, int64_t *out_total,
                             int64_t *out_usable);
/* file_range.c */
bool disk_system_is_resident(struct disk *disk, int fd, int64_t offset, int64_t length);

#endif
