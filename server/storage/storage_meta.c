/* SPDX-License-Identifier: Apache-2.0 */
/* The meta file: whose data this is. Small, replaced whole, by rename. */
#include <stdio.h>
#include <string.h>

#include "gyre/base/check.h"
#include "gyre/base/crc32c.h"

#include "checkpoint.h"
#include "storage_life.h"

static enum error execute(struct disk *disk, struct disk_request request, int *out_fd)
{
    disk_execute(disk, &request);
    if (out_fd != NULL) {
        *out_fd = request.opened_fd;
    }
    return request.error;
}

static enum error write_and_sync(struct disk *disk, const char *path, const void *bytes,
                                 size_t length)
{
    struct iovec vector = {.iov_len = length};
    enum error error;
    int fd = -1;

    memcpy(&vector.iov_base, &bytes, sizeof bytes); /* only read; iovec has no const */
    error = execute(
        disk, (struct disk_request){.operation = DISK_OPEN, .flags = DISK_CREATE, .path = path},
        &fd);
    if (error != ERROR_NONE) {
        return error;
    }
    error = execute(disk, (struct disk_request){.operation = DISK_TRUNCATE, .fd = fd}, NULL);
    if (error == ERROR_NONE) {
        error = execute(
            disk,
            (struct disk_request){
                .operation = DISK_WRITE_AT, .fd = fd, .vectors = &vector, .vector_count = 1},
            NULL);
    }
    if (error == ERROR_NONE) {
        error = execute(disk, (struct disk_request){.operation = DISK_SYNC, .fd = fd}, NULL);
    }
    (void)execute(disk, (struct disk_request){.operation = DISK_CLOSE, .fd = fd}, NULL);
    return error;
}

enum error storage_write_file(struct disk *disk, const char *directory, const char *name,
                              const void *bytes, size_t length)
{
    char new_path[STORAGE_PATH_MAX];
    char path[STORAGE_PATH_MAX];
    enum error error;

    (void)snprintf(path, sizeof path, "%.400s/%.50s", directory, name);
    (void)snprintf(new_path, sizeof new_path, "%.400s/%.50s.new", directory, name);
    error = write_and_sync(disk, new_path, bytes, length);
    if (error == ERROR_NONE) {
        error = execute(
            disk,
            (struct disk_request){.operation = DISK_RENAME, .path = new_path, .to_path = path},
            NULL);
    }
    if (error == ERROR_NONE) {
        error = execute(
            disk, (struct disk_request){.operation = DISK_SYNC_DIRECTORY, .path = directory}, NULL);
    }
    return error;
}

static void seal(struct meta_file *meta)
{
    meta->crc = crc32c((const char *)meta + 8, sizeof *meta - 8);
}

enum error storage_meta_write(struct storage *storage, bool is_clean)
{
    struct meta_file meta = {.magic = META_MAGIC,
                             .version = STORAGE_FORMAT_VERSION,
                             .node_id = storage->identity.node_id,
                             .open_count = storage->open_count,
                             .boot_id = storage->options.boot_id,
                             .is_clean = is_clean,
                             .doubted_open = storage->doubted_open};

    memcpy(meta.cluster_id, storage->identity.cluster_id.bytes, sizeof meta.cluster_id);
    memcpy(meta.directory_id, storage->identity.directory_id.bytes, sizeof meta.directory_id);
    seal(&meta);
    return storage_write_file(storage->disk, storage->directory, "meta", &meta, sizeof meta);
}

static enum error read_meta(struct storage *storage, struct meta_file *out_meta)
{
    char path[STORAGE_PATH_MAX];
    struct iovec vector = {.iov_base = out_meta, .iov_len = sizeof *out_meta};
    struct disk_request read = {.operation = DISK_READ_AT, .vectors = &vector, .vector_count = 1};
    enum error error;

    checkpoint_path(storage, "meta", path);
    error = execute(
        storage->disk,
        (struct disk_request){.operation = DISK_OPEN, .flags = DISK_READ_ONLY, .path = path},
        &read.fd);
    if (error != ERROR_NONE) {
        return error;
    }
    disk_execute(storage->disk, &read);
    (void)execute(storage->disk, (struct disk_request){.operation = DISK_CLOSE, .fd = read.fd},
                  NULL);
    if (read.error != ERROR_NONE) {
        return read.error;
    }
    return read.bytes == (int64_t)sizeof *out_meta ? ERROR_NONE : ERROR_CORRUPT;
}

enum error storage_meta_read(struct storage *storage, char *message)
{
    struct meta_file meta = {0};
    enum error error = read_meta(storage, &meta);

    if (error == ERROR_NOT_FOUND) {
        (void)snprintf(message, REASON_MAX, "%.150s holds no Gyre data: run gyred format",
                       storage->directory);
        return error;
    }
    if (error == ERROR_NONE && meta.magic == META_MAGIC && meta.version > STORAGE_FORMAT_VERSION) {
        (void)snprintf(message, REASON_MAX,
                       "%.120s was written by a newer Gyre (format %u, this one knows %d): "
                       "start that version, or give this one an empty directory",
                       storage->directory, meta.version, STORAGE_FORMAT_VERSION);
        return ERROR_VERSION;
    }
    if (error != ERROR_NONE || meta.magic != META_MAGIC ||
        meta.crc != crc32c((const char *)&meta + 8, sizeof meta - 8)) {
        (void)snprintf(message, REASON_MAX,
                       "%.150s/meta cannot be read: replace the disk and format it anew",
                       storage->directory);
        return ERROR_CORRUPT;
    }
    memcpy(storage->identity.cluster_id.bytes, meta.cluster_id, sizeof meta.cluster_id);
    memcpy(storage->identity.directory_id.bytes, meta.directory_id, sizeof meta.directory_id);
    storage->identity.node_id = meta.node_id;
    storage->open_count = meta.open_count + 1;
    storage->was_clean =
        meta.is_clean != 0 || (meta.boot_id != 0 && meta.boot_id == storage->options.boot_id);
    storage->doubted_open = storage->was_clean ? meta.doubted_open : (uint32_t)storage->open_count;
    return ERROR_NONE;
}

/* A directory is there after a power cut only if its parent was synced. */
static enum error sync_parent(struct disk *disk, const char *directory)
{
    char path[STORAGE_PATH_MAX];
    char *slash;

    (void)snprintf(path, sizeof path, "%.400s", directory);
    slash = strrchr(path, '/');
    if (slash == NULL) {
        (void)snprintf(path, sizeof path, ".");
    } else {
        slash[slash == path] = '\0';
    }
    return execute(disk, (struct disk_request){.operation = DISK_SYNC_DIRECTORY, .path = path},
                   NULL);
}

enum error storage_format(struct disk *disk, const char *directory,
                          const struct storage_identity *identity)
{
    struct meta_file meta = {.magic = META_MAGIC,
                             .version = STORAGE_FORMAT_VERSION,
                             .node_id = identity->node_id,
                             .is_clean = 1};
    char path[STORAGE_PATH_MAX];
    struct disk_stat status;
    enum error error;

    (void)snprintf(path, sizeof path, "%.400s/meta", directory);
    if (disk->operations->stat(disk, path, &status) == ERROR_NONE) {
        return ERROR_EXISTS;
    }
    memcpy(meta.cluster_id, identity->cluster_id.bytes, sizeof meta.cluster_id);
    memcpy(meta.directory_id, identity->directory_id.bytes, sizeof meta.directory_id);
    seal(&meta);
    error = execute(
        disk, (struct disk_request){.operation = DISK_MAKE_DIRECTORY, .path = directory}, NULL);
    if (error == ERROR_NONE) {
        error = sync_parent(disk, directory);
    }
    if (error != ERROR_NONE && error != ERROR_EXISTS) {
        return error;
    }
    (void)snprintf(path, sizeof path, "%.400s/journal", directory);
    error =
        execute(disk, (struct disk_request){.operation = DISK_MAKE_DIRECTORY, .path = path}, NULL);
    if (error != ERROR_NONE && error != ERROR_EXISTS) {
        return error;
    }
    return storage_write_file(disk, directory, "meta", &meta, sizeof meta);
}
