/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <unistd.h>

#include "gyre/base/crc64.h"
#include "gyre/runtime/boot.h"

enum { TEXT_BYTES_MAX = 64 };

uint64_t boot_id_system(void)
{
    char text[TEXT_BYTES_MAX];
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t length;

    if (fd < 0) {
        return 0;
    }
    length = read(fd, text, sizeof text);
    (void)close(fd);
    return length <= 0 ? 0 : crc64(text, (size_t)length);
}
