/* SPDX-License-Identifier: Apache-2.0 */
#include "support/fake_disk_names.h"

#include <stdlib.h>
#include <string.h>

#include "gyre/base/check.h"

/* Not hash_bytes(): its seed may change, and the order of nothing here depends on hashes. */
static uint64_t path_hash(const char *path)
{
    uint64_t hash = 14695981039346656037u;

    for (; *path != '\0'; path++) {
        hash = (hash ^ (unsigned char)*path) * 1099511628211u;
    }
    return hash;
}

static void parent_of(const char *path, char parent[FAKE_PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    size_t length = slash == NULL ? 0 : (size_t)(slash - path);

    CHECK(strlen(path) < FAKE_PATH_MAX);
    memcpy(parent, path, length);
    parent[length] = '\0';
    if (length == 0) {
        memcpy(parent, "/", 2);
    }
}

void fake_names_init(struct fake_names *names)
{
    *names = (struct fake_names){0};
    list_init(&names->files);
    list_init(&names->names);
    list_init(&names->changes);
    map_init(&names->by_path);
}

static struct fake_name *find_name(const struct fake_names *names, const char *path)
{
    map_for_each_match(link, &names->by_path, path_hash(path)) {
        struct fake_name *name = CONTAINER_OF(link, struct fake_name, by_path);

        if (strcmp(name->path, path) == 0) {
            return name;
        }
    }
    return NULL;
}

static struct fake_name *get_name(struct fake_names *names, const char *path)
{
    struct fake_name *name = find_name(names, path);

    if (name == NULL) {
        CHECK(strlen(path) < FAKE_PATH_MAX);
        name = check_alloc_zero(sizeof *name);
        memcpy(name->path, path, strlen(path) + 1);
        list_init(&name->link);
        list_append(&names->names, &name->link);
        map_insert(&names->by_path, &name->by_path, path_hash(path));
    }
    return name;
}

struct fake_file *fake_names_find(const struct fake_names *names, const char *path)
{
    const struct fake_name *name = find_name(names, path);

    return name == NULL ? NULL : name->now;
}

static bool directory_exists(const struct fake_names *names, const char *path)
{
    const struct fake_file *file = fake_names_find(names, path);

    return strcmp(path, "/") == 0 || (file != NULL && file->is_directory);
}

bool fake_names_has_parent(const struct fake_names *names, const char *path)
{
    char parent[FAKE_PATH_MAX];

    parent_of(path, parent);
    return directory_exists(names, parent);
}

static void set_value(struct fake_file **slot, struct fake_file *value)
{
    if (value != NULL) {
        value->references++;
    }
    if (*slot != NULL) {
        fake_file_unref(*slot);
    }
    *slot = value;
}

static struct fake_name_change *add_change(struct fake_names *names, const char *path)
{
    struct fake_name_change *change = check_alloc_zero(sizeof *change);

    parent_of(path, change->directory);
    list_init(&change->link);
    list_append(&names->changes, &change->link);
    return change;
}

static void change_name(struct fake_name_change *change, struct fake_name *name,
                        struct fake_file *value)
{
    set_value(&name->now, value);
    set_value(&change->values[change->count], value);
    change->names[change->count++] = name;
}

struct fake_file *fake_names_create(struct fake_names *names, const char *path, bool is_directory)
{
    struct fake_file *file = fake_file_new(&names->files, is_directory);

    change_name(add_change(names, path), get_name(names, path), file);
    fake_file_unref(file); /* the name holds it */
    return file;
}

enum error fake_names_make_directory(struct fake_names *names, const char *path)
{
    if (fake_names_find(names, path) != NULL) {
        return ERROR_EXISTS;
    }
    if (!fake_names_has_parent(names, path)) {
        return ERROR_NOT_FOUND;
    }
    (void)fake_names_create(names, path, true);
    return ERROR_NONE;
}

struct emptiness {
    bool is_empty;
};

static void visit_any(void *context, const char *name)
{
    (void)name;
    ((struct emptiness *)context)->is_empty = false;
}

enum error fake_names_remove(struct fake_names *names, const char *path, bool is_directory)
{
    struct fake_name *name = find_name(names, path);
    struct emptiness emptiness = {.is_empty = true};

    if (name == NULL || name->now == NULL) {
        return ERROR_NOT_FOUND;
    }
    if (name->now->is_directory != is_directory) {
        return ERROR_INVALID;
    }
    if (is_directory) {
        (void)fake_names_list(names, path, visit_any, &emptiness);
        if (!emptiness.is_empty) {
            return ERROR_EXISTS;
        }
    }
    change_name(add_change(names, path), name, NULL);
    return ERROR_NONE;
}

enum error fake_names_rename(struct fake_names *names, const char *from, const char *to)
{
    struct fake_name *source = find_name(names, from);
    char from_parent[FAKE_PATH_MAX];
    char to_parent[FAKE_PATH_MAX];
    struct fake_name_change *change;

    if (source == NULL || source->now == NULL || !fake_names_has_parent(names, to)) {
        return ERROR_NOT_FOUND;
    }
    /* Files only, and inside one directory: that is all that is used, and it is atomic. */
    parent_of(from, from_parent);
    parent_of(to, to_parent);
    if (source->now->is_directory || strcmp(from_parent, to_parent) != 0) {
        return ERROR_UNSUPPORTED;
    }
    change = add_change(names, from);
    change_name(change, get_name(names, to), source->now);
    change_name(change, source, NULL);
    return ERROR_NONE;
}

static void finish_change(struct fake_name_change *change, bool survives)
{
    for (int i = 0; i < change->count; i++) {
        if (survives) {
            set_value(&change->names[i]->stable, change->values[i]);
        }
        set_value(&change->values[i], NULL);
    }
    list_remove(&change->link);
    free(change);
}

enum error fake_names_sync(struct fake_names *names, const char *directory)
{
    if (!directory_exists(names, directory)) {
        return ERROR_NOT_FOUND;
    }
    list_for_each_safe(link, &names->changes) {
        struct fake_name_change *change = list_entry(link, struct fake_name_change, link);

        if (strcmp(change->directory, directory) == 0) {
            finish_change(change, true);
        }
    }
    return ERROR_NONE;
}

void fake_names_sync_all(struct fake_names *names)
{
    list_for_each_safe(link, &names->changes) {
        finish_change(list_entry(link, struct fake_name_change, link), true);
    }
}

/* A prefix of each directory's changes survives, as a journaling file system keeps their order. */
static void crash_directory(struct fake_names *names, struct random *random)
{
    char directory[FAKE_PATH_MAX];
    bool survives = true;

    memcpy(directory, list_first(&names->changes, struct fake_name_change, link)->directory,
           sizeof directory);
    list_for_each_safe(link, &names->changes) {
        struct fake_name_change *change = list_entry(link, struct fake_name_change, link);

        if (strcmp(change->directory, directory) == 0) {
            survives = survives && random_chance(random, 700000);
            finish_change(change, survives);
        }
    }
}

void fake_names_crash(struct fake_names *names, struct random *random)
{
    while (!list_is_empty(&names->changes)) {
        crash_directory(names, random);
    }
    list_for_each(link, &names->names) {
        struct fake_name *name = list_entry(link, struct fake_name, link);

        set_value(&name->now, name->stable);
    }
    /* What lies in a directory that was never made durable is gone with it. */
    list_for_each(link, &names->names) {
        struct fake_name *name = list_entry(link, struct fake_name, link);

        if (name->now != NULL && !fake_names_has_parent(names, name->path)) {
            set_value(&name->now, NULL);
            set_value(&name->stable, NULL);
        }
    }
}

enum error fake_names_list(const struct fake_names *names, const char *directory,
                           void (*visit)(void *context, const char *name), void *context)
{
    char parent[FAKE_PATH_MAX];

    if (!directory_exists(names, directory)) {
        return ERROR_NOT_FOUND;
    }
    list_for_each(link, &names->names) {
        struct fake_name *name = list_entry(link, struct fake_name, link);

        parent_of(name->path, parent);
        if (name->now != NULL && strcmp(parent, directory) == 0) {
            visit(context, strrchr(name->path, '/') + 1);
        }
    }
    return ERROR_NONE;
}

void fake_names_for_each_file(const struct fake_names *names, const char *prefix,
                              void (*visit)(void *context, const char *path), void *context)
{
    list_for_each(link, &names->names) {
        struct fake_name *name = list_entry(link, struct fake_name, link);

        if (name->now != NULL && !name->now->is_directory &&
            strncmp(name->path, prefix, strlen(prefix)) == 0) {
            visit(context, name->path);
        }
    }
}

void fake_names_copy(struct fake_names *names, const struct fake_names *from)
{
    list_for_each(link, &from->names) {
        const struct fake_name *name = list_entry(link, struct fake_name, link);

        if (name->now != NULL) {
            fake_file_borrow(fake_names_create(names, name->path, name->now->is_directory),
                             &name->now->now);
        }
    }
    fake_names_sync_all(names);
}

void fake_names_release(struct fake_names *names)
{
    list_for_each_safe(link, &names->changes) {
        finish_change(list_entry(link, struct fake_name_change, link), false);
    }
    list_for_each_safe(link, &names->names) {
        struct fake_name *name = list_entry(link, struct fake_name, link);

        set_value(&name->now, NULL);
        set_value(&name->stable, NULL);
        list_remove(link);
        free(name);
    }
    map_release(&names->by_path);
    CHECK(list_is_empty(&names->files));
}
