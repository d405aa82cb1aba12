/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "gyre/runtime/disk.h"

static const char *const operations[] = {
    [DISK_OPEN] = "open",
    [DISK_CLOSE] = "close",
    [DISK_READ_AT] = "read",
    [DISK_WRITE_AT] = "write",
    [DISK_WRITE_DURABLE] = "durable write",
    [DISK_SYNC] = "sync",
    [DISK_WRITE_BACK] = "write back",
    [DISK_SYNC_DIRECTORY] = "sync of directory",
    [DISK_SYNC_ALL] = "sync of the file system of",
    [DISK_TRUNCATE] = "truncation",
    [DISK_ALLOCATE] = "allocation",
    [DISK_RENAME] = "renaming",
    [DISK_UNLINK] = "unlinking",
    [DISK_MAKE_DIRECTORY] = "making directory",
    [DISK_REMOVE_DIRECTORY] = "removing directory",
};

void disk_describe(const struct disk_request *request, char *text, size_t size)
{
    const char *path = request->path == NULL ? "" : request->path;

    (void)snprintf(text, size, "%s%s%s: %s (errno %d)", operations[request->operation],
                   path[0] == '\0' ? "" : " ", path, error_text(request->error),
                   request->system_error);
}
