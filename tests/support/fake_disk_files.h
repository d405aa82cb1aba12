/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a fake disk: what they hold now, and what they hold for sure. */
#ifndef GYRE_TESTS_SUPPORT_FAKE_DISK_FILES_H
#define GYRE_TESTS_SUPPORT_FAKE_DISK_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/base/list.h"
#include "gyre/base/random.h"

enum { FAKE_SECTOR_BYTES = 512, FAKE_PATH_MAX = 256 };

struct fake_bytes {
    char *bytes; /* owned, unless it is another disk's until the first change */
    int64_t size;
    int64_t capacity; /* 0: another's */
};

/* A change that is not on stable storage: a write, or a new size (length -1). */
struct fake_change {
    struct list link;
    int64_t offset;
    int64_t length;
    char bytes[];
};

struct fake_file {
    struct list link; /* in the disk's list of files */
    bool is_directory;
    int references; /* names and descriptors */
    struct fake_bytes now;
    struct fake_bytes stable;
    struct list changes; /* between stable and now, oldest first */
};

struct fake_file *fake_file_new(struct list *files, bool is_directory);
void fake_file_unref(struct fake_file *file);
/* Give an empty file its bytes, at once and for sure; they are lent until both are gone. */
void fake_file_borrow(struct fake_file *file, const struct fake_bytes *bytes);
/* Flip a bit of what the file holds now, and of what it holds for sure if that is so long. */
void fake_file_flip(struct fake_file *file, int64_t offset, unsigned bit);
void fake_file_write(struct fake_file *file, const char *bytes, int64_t offset, int64_t length);
void fake_file_resize(struct fake_file *file, int64_t size);
/* Make stable what was written to [offset, offset + length), and the size. */
void fake_file_sync_range(struct fake_file *file, int64_t offset, int64_t length);
void fake_file_sync(struct fake_file *file);
/* Let chance decide about the changes; what survives is what the file then holds. */
void fake_file_crash(struct fake_file *file, struct random *random, bool tears);
/* `length` bytes of a write that was under way, sector by sector. */
void fake_file_write_in_part(struct fake_file *file, const char *bytes, int64_t offset,
                             int64_t length, struct random *random);

#endif
