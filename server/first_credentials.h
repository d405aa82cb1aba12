/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first administrators of a region. `gyred format --add-scram` leaves their keys in the data
 * directory of a seed (a file of mode 0600, without passwords); the seed that forms the region
 * carries them into the catalog with the forming command, and the file goes.
 *
 * Thread: before the loop runs, then the shard's own.
 */
#ifndef GYRE_FIRST_CREDENTIALS_H
#define GYRE_FIRST_CREDENTIALS_H

#include <limits.h>

#include "gyre/base/buffer.h"
#include "gyre/metadata/catalog.h"
#include "gyre/runtime/disk.h"

/* Take the file's place; `command` is an encoded CatalogSetScram. Blocks. */
MUST_USE
enum error first_credentials_write(const char *directory, struct disk *disk,
                                   const struct buffer *command);

struct first_credentials {
    struct buffer *command; /* owned; NULL: there is no file */
    struct catalog *catalog;
    struct disk *disk;
    struct catalog_listener listener;
    struct disk_request unlink;
    bool is_unlinked;
    char path[PATH_MAX];
};

/* Reads the file, if there is one. Blocks. CORRUPT: there is one, and it is none of ours. */
MUST_USE
enum error first_credentials_load(struct first_credentials *first, const char *directory,
                                  struct disk *disk);
/* From now on the file goes when the region has been formed. `first` outlives disk and catalog. */
void first_credentials_watch(struct first_credentials *first, struct catalog *catalog);
void first_credentials_release(struct first_credentials *first);

#endif
