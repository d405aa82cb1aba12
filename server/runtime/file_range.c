/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sendfile() may wait for a disk, so it is given only what cachestat() found in memory. Where the
 * kernel has no cachestat() (before 6.5, or a container forbids it) or the file system no
 * sendfile(), bytes are copied by preadv2(RWF_NOWAIT), which never waits.
 */
#include "gyre/runtime/file_range.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "disk_system.h"

#ifndef SYS_cachestat
#    define SYS_cachestat 451 /* NOLINT(readability-identifier-naming): the kernel's name */
#endif

enum { PAGE_BYTES = 4096, PROBE_BYTES = 64 * 1024 };

/* As in linux/mman.h of 6.5. */
struct cachestat_range {
    uint64_t offset;
    uint64_t length;
};
struct cachestat_counts {
    uint64_t cached;
    uint64_t dirty;
    uint64_t writeback;
    uint64_t evicted;
    uint64_t recently_evicted;
};

static atomic_bool has_no_cachestat;
static atomic_bool is_copying_always;

void file_range_set_copying(bool is_copying)
{
    atomic_store(&is_copying_always, is_copying);
}

void file_range_init(struct file_range *range, size_t size)
{
    *range = (struct file_range){.fd = -1};
    atomic_init(&range->buffer.references, 1);
    range->buffer.is_in_file = true;
    range->buffer.size = size;
}

struct buffer_slice file_range_slice(struct file_range *range)
{
    return (struct buffer_slice){.buffer = buffer_ref(&range->buffer),
                                 .length = range->buffer.size};
}

/* ---- what is in memory ---- */

/* NOLINTNEXTLINE(readability-non-const-parameter): it is read into. */
static ssize_t read_now(int fd, char *bytes, size_t size, int64_t offset)
{
    struct iovec vector = {.iov_base = bytes, .iov_len = size};

    return preadv2(fd, &vector, 1, offset, RWF_NOWAIT);
}

static bool is_readable_at(int fd, int64_t offset)
{
    char byte;

    return read_now(fd, &byte, 1, offset) == 1;
}

static bool is_cached(int fd, int64_t offset, int64_t length)
{
    int64_t first = offset / PAGE_BYTES;
    int64_t end = (offset + length + PAGE_BYTES - 1) / PAGE_BYTES;
    struct cachestat_range range = {(uint64_t)(first * PAGE_BYTES),
                                    (uint64_t)((end - first) * PAGE_BYTES)};
    struct cachestat_counts counts;

    if (atomic_load(&has_no_cachestat)) {
        return false;
    }
    if (syscall(SYS_cachestat, fd, &range, &counts, 0) != 0) {
        atomic_store(&has_no_cachestat, true);
        return false;
    }
    return counts.cached >= (uint64_t)(end - first);
}

/* Pages that are still being read count as cached, and lie at the end: so the last byte as well. */
static bool can_send(int fd, int64_t offset, int64_t length)
{
    return is_cached(fd, offset, length) && is_readable_at(fd, offset + length - 1);
}

bool disk_system_is_resident(struct disk *disk, int fd, int64_t offset, int64_t length)
{
    (void)disk;
    if (!atomic_load(&has_no_cachestat)) {
        return can_send(fd, offset, length);
    }
    for (int64_t at = 0; at < length; at += PROBE_BYTES) {
        if (!is_readable_at(fd, offset + at)) {
            return false;
        }
    }
    return is_readable_at(fd, offset + length - 1);
}

enum error file_range_peek(const struct buffer_slice *slice, char *bytes, size_t size,
                           size_t *out_size)
{
    ssize_t got;

    *out_size = 0;
    size = size < slice->length ? size : slice->length;
    got = read_now(file_range_of(slice)->fd, bytes, size, file_range_position(slice));
    if (got < 0) {
        /* A kernel or a file system that does not know RWF_NOWAIT leaves it to the disk's lanes. */
        return errno == EAGAIN || errno == EINTR || errno == EOPNOTSUPP ? ERROR_BUSY
                                                                        : error_from_errno(errno);
    }
    if (got == 0) {
        return ERROR_RANGE;
    }
    *out_size = (size_t)got;
    return ERROR_NONE;
}

/* ---- to the socket ---- */

static enum error outcome_of_send(ssize_t sent, size_t *out_sent)
{
    if (sent >= 0) {
        *out_sent = (size_t)sent;
        return ERROR_NONE;
    }
    if (errno == EAGAIN || errno == EINTR) {
        return ERROR_AGAIN;
    }
    return errno == EPIPE || errno == ECONNRESET ? ERROR_CLOSED : error_from_errno(errno);
}

static enum error copy_to_socket(const struct buffer_slice *slice, int socket, char *scratch,
                                 size_t *out_sent)
{
    size_t size;
    enum error error = file_range_peek(slice, scratch, FILE_PIECE_BYTES, &size);

    if (error != ERROR_NONE) {
        return error;
    }
    return outcome_of_send(send(socket, scratch, size, MSG_DONTWAIT | MSG_NOSIGNAL), out_sent);
}

enum error file_range_send(const struct buffer_slice *slice, int socket, char *scratch,
                           size_t *out_sent)
{
    int fd = file_range_of(slice)->fd;
    off_t position = file_range_position(slice);
    size_t size = slice->length < FILE_SEND_BYTES ? slice->length : FILE_SEND_BYTES;
    ssize_t sent;

    *out_sent = 0;
    if (atomic_load(&is_copying_always)) {
        return copy_to_socket(slice, socket, scratch, out_sent);
    }
    if (!disk_is_resident(file_range_of(slice)->disk, fd, position, (int64_t)size)) {
        return ERROR_BUSY;
    }
    if (atomic_load(&has_no_cachestat)) {
        return copy_to_socket(slice, socket, scratch, out_sent);
    }
    sent = sendfile(socket, fd, &position, size);
    if (sent < 0 && (errno == EINVAL || errno == ENOSYS)) {
        file_range_set_copying(true);
        return copy_to_socket(slice, socket, scratch, out_sent);
    }
    return sent == 0 ? ERROR_RANGE : outcome_of_send(sent, out_sent);
}
