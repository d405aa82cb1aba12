/* SPDX-License-Identifier: Apache-2.0 */
/* The names of a fake disk: paths to files, as they are and as they are on stable storage. */
#ifndef GYRE_TESTS_SUPPORT_FAKE_DISK_NAMES_H
#define GYRE_TESTS_SUPPORT_FAKE_DISK_NAMES_H

#include "gyre/base/error.h"
#include "gyre/base/map.h"

#include "support/fake_disk_files.h"

/* A name holds one reference of its file in `now` and one in `stable`. */
struct fake_name {
    struct list link; /* by creation */
    struct map_link by_path;
    char path[FAKE_PATH_MAX];
    struct fake_file *now;    /* NULL: there is none */
    struct fake_file *stable; /* NULL: there is none */
};

/* An unsynced change of one directory: one name, or two at once when a rename stays in it. */
struct fake_name_change {
    struct list link;
    char directory[FAKE_PATH_MAX];
    struct fake_name *names[2];
    struct fake_file *values[2]; /* one reference each */
    int count;
};

struct fake_names {
    struct list files; /* every struct fake_file */
    struct list names;
    struct map by_path;
    struct list changes;
};

void fake_names_init(struct fake_names *names);
void fake_names_release(struct fake_names *names);
/* All that `from` holds now, as stable here; `names` is empty before and goes first. */
void fake_names_copy(struct fake_names *names, const struct fake_names *from);
struct fake_file *fake_names_find(const struct fake_names *names, const char *path);
bool fake_names_has_parent(const struct fake_names *names, const char *path);
struct fake_file *fake_names_create(struct fake_names *names, const char *path, bool is_directory);
enum error fake_names_make_directory(struct fake_names *names, const char *path);
enum error fake_names_remove(struct fake_names *names, const char *path, bool is_directory);
enum error fake_names_rename(struct fake_names *names, const char *from, const char *to);
enum error fake_names_sync(struct fake_names *names, const char *directory);
void fake_names_sync_all(struct fake_names *names);
void fake_names_crash(struct fake_names *names, struct random *random);
enum error fake_names_list(const struct fake_names *names, const char *directory,
                           void (*visit)(void *context, const char *name), void *context);
void fake_names_for_each_file(const struct fake_names *names, const char *prefix,
                              void (*visit)(void *context, const char *path), void *context);

#endif
