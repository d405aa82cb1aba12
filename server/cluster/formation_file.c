/* SPDX-License-Identifier: Apache-2.0 */
/* u32 crc32c of the rest | ClusterFormation with its two-byte version. */
#include "cluster/formation_file.h"

#include <stdio.h>
#include <stdlib.h>

#include "gyre/base/arena.h"
#include "gyre/base/crc32c.h"
#include "gyre/runtime/disk.h"

#include "cluster/cluster_private.h"
#include "wire_messages/cluster_link.h"

enum { PATH_BYTES_MAX = 4096, FILE_BYTES_MAX = 4096, CRC_BYTES = 4 };

static enum error run(struct disk *disk, struct disk_request *request)
{
    disk_execute(disk, request);
    return request->error;
}

static void name_of(const struct cluster_services *services, const char *suffix,
                    char path[PATH_BYTES_MAX])
{
    (void)snprintf(path, PATH_BYTES_MAX, "%s/formation%s", services->directory, suffix);
}

static enum error open_file(struct disk *disk, const char *path, unsigned flags, int *out_fd)
{
    struct disk_request request = {.operation = DISK_OPEN, .path = path, .flags = flags};
    enum error error = run(disk, &request);

    *out_fd = request.opened_fd;
    return error;
}

static void close_file(struct disk *disk, int fd)
{
    struct disk_request request = {.operation = DISK_CLOSE, .fd = fd};

    disk_execute(disk, &request);
}

static enum error write_durably(struct disk *disk, int fd, struct buffer *bytes)
{
    struct iovec vector = {bytes->bytes, bytes->size};
    struct disk_request request = {
        .operation = DISK_WRITE_DURABLE, .fd = fd, .vectors = &vector, .vector_count = 1};
    struct disk_request cut = {
        .operation = DISK_TRUNCATE, .fd = fd, .offset = (int64_t)bytes->size};
    struct disk_request sync = {.operation = DISK_SYNC, .fd = fd};
    enum error error = run(disk, &request);

    if (error == ERROR_NONE) {
        error = run(disk, &cut);
    }
    return error == ERROR_NONE ? run(disk, &sync) : error;
}

static enum error replace(const struct cluster_services *services, struct buffer *bytes)
{
    char path[PATH_BYTES_MAX];
    char draft[PATH_BYTES_MAX];
    struct disk_request rename = {.operation = DISK_RENAME, .path = draft, .to_path = path};
    struct disk_request sync = {.operation = DISK_SYNC_DIRECTORY, .path = services->directory};
    enum error error;
    int fd;

    name_of(services, "", path);
    name_of(services, ".new", draft);
    error = open_file(services->disk, draft, DISK_CREATE, &fd);
    if (error != ERROR_NONE) {
        return error;
    }
    error = write_durably(services->disk, fd, bytes);
    close_file(services->disk, fd);
    if (error == ERROR_NONE) {
        error = run(services->disk, &rename);
    }
    return error == ERROR_NONE ? run(services->disk, &sync) : error;
}

enum error formation_file_write(const struct cluster_services *services, struct uuid cluster_id,
                                const struct cluster_founder *founders, int count)
{
    struct cluster_formation_founders items[CLUSTER_FOUNDERS_MAX];
    struct cluster_formation message;
    struct buffer *body = NULL;
    struct buffer *file;
    uint32_t crc;
    enum error error;

    CHECK(count <= CLUSTER_FOUNDERS_MAX);
    cluster_formation_init(&message);
    message.cluster_id = cluster_id;
    message.founders.items = items;
    message.founders.count = count;
    for (int i = 0; i < count; i++) {
        items[i] = (struct cluster_formation_founders){.node_id = founders[i].node_id,
                                                       .directory_id = founders[i].directory_id};
    }
    CHECK(message_encode_record(&cluster_formation_layout, 0, 0, &message, &body) == ERROR_NONE);
    file = buffer_new(CRC_BYTES + body->size);
    crc = crc32c(body->bytes, body->size);
    memcpy(file->bytes, &crc, CRC_BYTES);
    memcpy(file->bytes + CRC_BYTES, body->bytes, body->size);
    error = replace(services, file);
    buffer_unref(body);
    buffer_unref(file);
    return error;
}

static enum error decode(char *bytes, size_t length, struct cluster_founder *out_founders,
                         int *out_count)
{
    struct buffer_slice body = {.bytes = bytes + CRC_BYTES, .length = length - CRC_BYTES};
    struct cluster_formation message;
    struct arena arena;
    uint32_t crc;
    enum error error = ERROR_CORRUPT;

    if (length < CRC_BYTES) {
        return ERROR_CORRUPT;
    }
    memcpy(&crc, bytes, CRC_BYTES);
    if (crc != crc32c(bytes + CRC_BYTES, length - CRC_BYTES)) {
        return ERROR_CORRUPT;
    }
    arena_init(&arena, FILE_BYTES_MAX);
    if (message_decode_record(&cluster_formation_layout, 0, body, &arena, &message) == ERROR_NONE &&
        message.founders.count >= 0 && message.founders.count <= CLUSTER_FOUNDERS_MAX) {
        for (int i = 0; i < message.founders.count; i++) {
            out_founders[i] = (struct cluster_founder){message.founders.items[i].node_id,
                                                       message.founders.items[i].directory_id};
        }
        *out_count = message.founders.count;
        error = ERROR_NONE;
    }
    arena_release(&arena);
    return error;
}

enum error formation_file_read(const struct cluster_services *services,
                               struct cluster_founder *out_founders, int *out_count)
{
    char path[PATH_BYTES_MAX];
    char bytes[FILE_BYTES_MAX];
    struct iovec vector = {bytes, sizeof bytes};
    struct disk_request read = {.operation = DISK_READ_AT, .vectors = &vector, .vector_count = 1};
    enum error error;

    *out_count = 0;
    name_of(services, "", path);
    error = open_file(services->disk, path, DISK_READ_ONLY, &read.fd);
    if (error != ERROR_NONE) {
        return error;
    }
    error = run(services->disk, &read);
    close_file(services->disk, read.fd);
    return error != ERROR_NONE ? error : decode(bytes, (size_t)read.bytes, out_founders, out_count);
}
