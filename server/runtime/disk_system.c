/* SPDX-License-Identifier: Apache-2.0 */
#include "disk_system.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "gyre/base/check.h"
#include "gyre/runtime/disk_engine.h"

/* A request's vectors are borrowed and must not change, so short transfers go on in a copy. It is
 * large, and so made only for them. */
struct transfer {
    struct iovec vectors[IOV_MAX];
    int count;
    int first;
};

static void transfer_load(struct transfer *transfer, const struct disk_request *request)
{
    CHECK(request->vector_count > 0);
    CHECK(request->vector_count <= IOV_MAX);
    memcpy(transfer->vectors, request->vectors,
           (size_t)request->vector_count * sizeof(struct iovec));
    transfer->count = request->vector_count;
    transfer->first = 0;
}

/* Skip `bytes` that were transferred; false when nothing is left. */
static bool transfer_advance(struct transfer *transfer, size_t bytes)
{
    while (transfer->first < transfer->count) {
        struct iovec *vector = &transfer->vectors[transfer->first];

        if (bytes < vector->iov_len) {
            vector->iov_base = (char *)vector->iov_base + bytes;
            vector->iov_len -= bytes;
            return true;
        }
        bytes -= vector->iov_len;
        transfer->first++;
    }
    return false;
}

static void fail(struct disk_request *request)
{
    request->system_error = errno;
    request->error = error_from_errno(errno);
}

static void read_rest(struct disk_request *request)
{
    struct transfer transfer;
    bool more;

    transfer_load(&transfer, request);
    more = transfer_advance(&transfer, (size_t)request->bytes);
    while (more) {
        ssize_t got = preadv(request->fd, &transfer.vectors[transfer.first],
                             transfer.count - transfer.first, request->offset + request->bytes);
        if (got < 0) {
            if (errno == EINTR) {
                continue;
            }
            fail(request);
            return;
        }
        if (got == 0) {
            return;
        }
        request->bytes += got;
        more = transfer_advance(&transfer, (size_t)got);
    }
}

static void write_rest(struct disk_request *request, int flags)
{
    struct transfer transfer;
    bool more;

    transfer_load(&transfer, request);
    more = transfer_advance(&transfer, (size_t)request->bytes);
    while (more) {
        ssize_t put =
            pwritev2(request->fd, &transfer.vectors[transfer.first],
                     transfer.count - transfer.first, request->offset + request->bytes, flags);
        if (put < 0) {
            if (errno == EINTR) {
                continue;
            }
            fail(request);
            return;
        }
        request->bytes += put;
        more = transfer_advance(&transfer, (size_t)put);
    }
}

static int64_t length_of(const struct disk_request *request)
{
    int64_t length = 0;

    for (int i = 0; i < request->vector_count; i++) {
        length += (int64_t)request->vectors[i].iov_len;
    }
    return length;
}

/* One call does it all, but for signals, ends of files and the like. */
static void perform_read(struct disk_request *request)
{
    ssize_t got = preadv(request->fd, request->vectors, request->vector_count, request->offset);

    if (got < 0 && errno != EINTR) {
        fail(request);
        return;
    }
    request->bytes = got < 0 ? 0 : got;
    if (got != 0 && request->bytes < length_of(request)) {
        read_rest(request);
    }
}

static void perform_write(struct disk_request *request, int flags)
{
    ssize_t put =
        pwritev2(request->fd, request->vectors, request->vector_count, request->offset, flags);

    if (put < 0 && errno != EINTR) {
        fail(request);
        return;
    }
    request->bytes = put < 0 ? 0 : put;
    if (request->bytes < length_of(request)) {
        write_rest(request, flags);
    }
}

static int open_flags(unsigned flags)
{
    int result = O_CLOEXEC | ((flags & DISK_READ_ONLY) != 0 ? O_RDONLY : O_RDWR);

    result |= (flags & DISK_CREATE) != 0 ? O_CREAT : 0;
    result |= (flags & DISK_EXCLUSIVE) != 0 ? O_EXCL : 0;
    result |= (flags & DISK_DIRECT) != 0 ? O_DIRECT : 0;
    return result;
}

static int perform_open(struct disk_request *request)
{
    int flags = open_flags(request->flags);
    int fd = open(request->path, flags, 0640);

    /* Some file systems know no O_DIRECT; the page cache in between is slower, not less safe. */
    if (fd < 0 && errno == EINVAL && (flags & O_DIRECT) != 0) {
        fd = open(request->path, flags & ~O_DIRECT, 0640);
    }
    request->opened_fd = fd;
    return fd < 0 ? -1 : 0;
}

/* syncfs() tells of failed write back of any file since Linux 5.8. */
static int perform_sync_path(const char *path, int (*sync_fd)(int fd))
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result;
    int number;

    if (fd < 0) {
        return -1;
    }
    result = sync_fd(fd);
    number = errno;
    (void)close(fd);
    errno = number;
    return result;
}

static int perform_allocate(const struct disk_request *request)
{
    int result = fallocate(request->fd, 0, request->offset, request->length);

    /* Without fallocate() the zeros that follow do the same, later. */
    return result < 0 && errno == EOPNOTSUPP ? 0 : result;
}

/* Whatever fails here is not forgotten: the kernel tells it to the sync that must follow. */
static void perform_write_back(const struct disk_request *request)
{
    (void)sync_file_range(request->fd, request->offset, request->length, SYNC_FILE_RANGE_WRITE);
}

void disk_system_perform(struct disk_request *request)
{
    int result = 0;

    request->error = ERROR_NONE;
    request->system_error = 0;
    request->bytes = 0;
    switch (request->operation) {
    case DISK_OPEN: result = perform_open(request); break;
    case DISK_CLOSE: (void)close(request->fd); break;
    case DISK_READ_AT: perform_read(request); break;
    case DISK_WRITE_AT: perform_write(request, 0); break;
    case DISK_WRITE_DURABLE: perform_write(request, RWF_DSYNC); break;
    case DISK_SYNC: result = fdatasync(request->fd); break;
    case DISK_WRITE_BACK: perform_write_back(request); break;
    case DISK_SYNC_DIRECTORY: result = perform_sync_path(request->path, fsync); break;
    case DISK_SYNC_ALL: result = perform_sync_path(request->path, syncfs); break;
    case DISK_TRUNCATE: result = ftruncate(request->fd, request->offset); break;
    case DISK_ALLOCATE: result = perform_allocate(request); break;
    case DISK_RENAME: result = rename(request->path, request->to_path); break;
    case DISK_UNLINK: result = unlink(request->path); break;
    case DISK_MAKE_DIRECTORY: result = mkdir(request->path, 0750); break;
    case DISK_REMOVE_DIRECTORY: result = rmdir(request->path); break;
    }
    if (result < 0) {
        fail(request);
    }
}

enum error disk_system_stat(struct disk *disk, const char *path, struct disk_stat *out_stat)
{
    struct stat status;

    (void)disk;
    if (stat(path, &status) < 0) {
        return error_from_errno(errno);
    }
    *out_stat =
        (struct disk_stat){.size_bytes = status.st_size, .is_directory = S_ISDIR(status.st_mode)};
    return ERROR_NONE;
}

enum error disk_system_list(struct disk *disk, const char *path,
                            void (*visit)(void *context, const char *name), void *context)
{
    DIR *directory = opendir(path);
    enum error error = ERROR_NONE;

    (void)disk;
    if (directory == NULL) {
        return error_from_errno(errno);
    }
    for (;;) {
        struct dirent *entry;

        errno = 0;                  /* else the end and an error look the same */
        entry = readdir(directory); /* NOLINT(concurrency-mt-unsafe): one thread reads this */
        if (entry == NULL) {
            error = errno == 0 ? ERROR_NONE : error_from_errno(errno);
            break;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            visit(context, entry->d_name);
        }
    }
    (void)closedir(directory);
    return error;
}

enum error disk_system_space(struct disk *disk, const char *path, int64_t *out_total,
                             int64_t *out_usable)
{
    struct statvfs status;

    (void)disk;
    if (statvfs(path, &status) < 0) {
        return error_from_errno(errno);
    }
    *out_total = (int64_t)(status.f_blocks * status.f_frsize);
    *out_usable = (int64_t)(status.f_bavail * status.f_frsize);
    return ERROR_NONE;
}

/* ---- the engine without a loop ---- */

static void blocking_submit(struct disk *disk, enum disk_lane lane, struct disk_request *request)
{
    (void)disk;
    (void)lane;
    (void)request;
    CHECK_UNREACHABLE("the blocking disk has no lanes");
}

static void blocking_execute(struct disk *disk, struct disk_request *request)
{
    (void)disk;
    disk_system_perform(request);
}

struct disk *disk_blocking(void)
{
    static const struct disk_operations operations = {.submit = blocking_submit,
                                                      .execute = blocking_execute,
                                                      .stat = disk_system_stat,
                                                      .list = disk_system_list,
                                                      .space = disk_system_space,
                                                      .is_resident = disk_system_is_resident};
    static struct disk disk = {.operations = &operations};

    return &disk;
}
