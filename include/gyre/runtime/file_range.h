/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file range is a buffer whose bytes are still in a file: a long answer goes from the page cache
 * to a socket without passing through our memory. A slice of one covers it to its end, so what was
 * consumed of it is size less length; its `bytes` mean nothing. Nothing here waits for a disk.
 *
 * Ownership: by references, as any buffer; whoever made it keeps the descriptor open until
 * free_bytes(). Thread: the loop's that its disk belongs to.
 */
#ifndef GYRE_RUNTIME_FILE_RANGE_H
#define GYRE_RUNTIME_FILE_RANGE_H

#include "gyre/base/buffer.h"
#include "gyre/base/check.h"
#include "gyre/base/error.h"
#include "gyre/runtime/disk.h"

enum {
    FILE_PIECE_BYTES = 256 * 1024, /* copied at once, where bytes must be copied */
    FILE_SEND_BYTES = 1024 * 1024, /* sent at once */
};

struct file_range {
    struct buffer buffer; /* its size is the range's */
    struct disk *disk;
    int fd;
    int64_t offset;
};

static inline bool buffer_slice_is_in_file(const struct buffer_slice *slice)
{
    return slice->buffer != NULL && slice->buffer->is_in_file;
}

static inline struct file_range *file_range_of(const struct buffer_slice *slice)
{
    CHECK(buffer_slice_is_in_file(slice));
    return CONTAINER_OF(slice->buffer, struct file_range, buffer);
}

static inline int64_t file_range_position(const struct buffer_slice *slice)
{
    return file_range_of(slice)->offset + (int64_t)(slice->buffer->size - slice->length);
}

/* One reference; the owner fills in the rest and sets free_bytes(). */
void file_range_init(struct file_range *range, size_t size);

/* A slice of all of it, with a reference of its own. */
struct buffer_slice file_range_slice(struct file_range *range);

/*
 * The front of the slice to `bytes`, up to `size`. BUSY: it is not in memory, the disk must be
 * asked. RANGE: the file ends before the range does. Else what the operating system said.
 */
MUST_USE
enum error file_range_peek(const struct buffer_slice *slice, char *bytes, size_t size,
                           size_t *out_size);

/*
 * The front of the slice to a non-blocking socket, up to FILE_SEND_BYTES; `scratch` has
 * FILE_PIECE_BYTES. AGAIN: the socket takes nothing now. CLOSED: the peer is gone. Others as above.
 */
MUST_USE
enum error file_range_send(const struct buffer_slice *slice, int socket, char *scratch,
                           size_t *out_sent);

/* Copy always, as where the kernel cannot pass bytes from files to sockets. For tests of that. */
void file_range_set_copying(bool is_copying);

#endif
