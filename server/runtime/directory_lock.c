/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/runtime/directory_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

/* The directory itself is locked, not a file in it: a full disk has no room for another file. */
enum error directory_lock_take(const char *directory, int *out_fd)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    *out_fd = -1;
    if (fd < 0) {
        return error_from_errno(errno);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        *out_fd = fd;
        return ERROR_NONE;
    }
    int number = errno;
    (void)close(fd);
    return number == EWOULDBLOCK ? ERROR_BUSY : ERROR_NONE;
}

void directory_lock_release(int fd)
{
    if (fd >= 0) {
        (void)close(fd);
    }
}
