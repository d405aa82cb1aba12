/* SPDX-License-Identifier: Apache-2.0 */
/* The file: u32 crc32c of the rest | CatalogSetScram behind its record head. */
#include "first_credentials.h"

#include <stdio.h>

#include "gyre/base/check.h"
#include "gyre/base/crc32c.h"
#include "gyre/observe/log.h"

#include "metadata/catalog_commands.h"

enum { FILE_BYTES_MAX = 64 * 1024, CRC_BYTES = 4 };

static enum error run(struct disk *disk, struct disk_request *request)
{
    disk_execute(disk, request);
    return request->error;
}

static void name_file(const char *directory, char path[PATH_MAX])
{
    (void)snprintf(path, PATH_MAX, "%s/first-credentials", directory);
}

static enum error write_file(struct disk *disk, int fd, const struct buffer *command)
{
    uint32_t crc = crc32c(command->bytes, command->size);
    struct iovec vectors[] = {{&crc, sizeof crc}, {command->bytes, command->size}};
    struct disk_request request = {
        .operation = DISK_WRITE_DURABLE, .fd = fd, .vectors = vectors, .vector_count = 2};
    struct disk_request sync = {.operation = DISK_SYNC, .fd = fd};
    enum error error = run(disk, &request);

    return error == ERROR_NONE ? run(disk, &sync) : error;
}

enum error first_credentials_write(const char *directory, struct disk *disk,
                                   const struct buffer *command)
{
    char path[PATH_MAX];
    struct disk_request open = {
        .operation = DISK_OPEN, .path = path, .flags = DISK_CREATE | DISK_EXCLUSIVE};
    struct disk_request sync = {.operation = DISK_SYNC_DIRECTORY, .path = directory};

    CHECK(command->size <= FILE_BYTES_MAX - CRC_BYTES);
    name_file(directory, path);
    enum error error = run(disk, &open);
    if (error != ERROR_NONE) {
        return error;
    }
    struct disk_request close = {.operation = DISK_CLOSE, .fd = open.opened_fd};
    error = write_file(disk, open.opened_fd, command);
    disk_execute(disk, &close);
    return error == ERROR_NONE ? run(disk, &sync) : error;
}

/* ---- carrying it ---- */

static enum error take(struct first_credentials *first, char *bytes, size_t length)
{
    uint32_t crc;
    int16_t record;
    int16_t version;

    if (length < CRC_BYTES) {
        return ERROR_CORRUPT;
    }
    memcpy(&crc, bytes, sizeof crc);
    struct bytes command = {bytes + CRC_BYTES, (int32_t)(length - CRC_BYTES)};
    if (crc != crc32c(command.bytes, (size_t)command.length) ||
        catalog_commands_check(command) != ERROR_NONE ||
        catalog_commands_head(command, &record, &version) != ERROR_NONE ||
        record != CATALOG_SET_SCRAM_RECORD) {
        return ERROR_CORRUPT;
    }
    first->command = buffer_copy(command.bytes, (size_t)command.length);
    return ERROR_NONE;
}

enum error first_credentials_load(struct first_credentials *first, const char *directory,
                                  struct disk *disk)
{
    char bytes[FILE_BYTES_MAX];
    struct iovec vector = {bytes, sizeof bytes};
    struct disk_request open = {
        .operation = DISK_OPEN, .path = first->path, .flags = DISK_READ_ONLY};
    struct disk_request read = {.operation = DISK_READ_AT, .vectors = &vector, .vector_count = 1};

    *first = (struct first_credentials){.disk = disk};
    name_file(directory, first->path);
    enum error error = run(disk, &open);
    if (error != ERROR_NONE) {
        return error == ERROR_NOT_FOUND ? ERROR_NONE : error;
    }
    struct disk_request close = {.operation = DISK_CLOSE, .fd = open.opened_fd};
    read.fd = open.opened_fd;
    error = run(disk, &read);
    disk_execute(disk, &close);
    return error == ERROR_NONE ? take(first, bytes, (size_t)read.bytes) : error;
}

static void on_unlinked(struct disk_request *request)
{
    if (request->error != ERROR_NONE && request->error != ERROR_NOT_FOUND) {
        log_warning(LOG_MAIN, "the file of the first credentials could not be removed",
                    field_string("path", request->path), field_error(request->error));
    }
}

static void on_changed(void *context, enum catalog_security kind)
{
    struct first_credentials *first = context;
    bool is_formed = !uuid_is_zero(catalog_cluster_id(first->catalog)) ||
                     catalog_security_count(first->catalog, CATALOG_SCRAM) > 0;

    if (kind != CATALOG_SCRAM || !is_formed || first->is_unlinked) {
        return;
    }
    if (catalog_security_count(first->catalog, CATALOG_SCRAM) == 0) {
        log_warning(LOG_MAIN,
                    "the region was formed without the users that this broker was "
                    "formatted with: format all seeds with them",
                    field_string("path", first->path));
    }
    first->is_unlinked = true;
    first->unlink =
        (struct disk_request){.operation = DISK_UNLINK, .path = first->path, .done = on_unlinked};
    disk_submit(first->disk, DISK_LANE_SEGMENT, &first->unlink);
}

void first_credentials_watch(struct first_credentials *first, struct catalog *catalog)
{
    if (first->command == NULL) {
        return;
    }
    first->catalog = catalog;
    first->listener = (struct catalog_listener){.security_changed = on_changed, .context = first};
    catalog_add_listener(catalog, &first->listener);
}

void first_credentials_release(struct first_credentials *first)
{
    buffer_unref(first->command);
    first->command = NULL;
}
