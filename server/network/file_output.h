/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers whose records are still in files (gyre/runtime/file_range.h). What is in the page cache
 * goes straight to the socket, or through one buffer of the shard to TLS; what is not is brought
 * to memory by the disk's lanes first, a piece at a time, while the connection waits.
 *
 * Thread: the shard's own. Private to network/.
 */
#ifndef GYRE_NETWORK_FILE_OUTPUT_H
#define GYRE_NETWORK_FILE_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "gyre/base/error.h"

struct connection;
struct output_queue;

/* What is in memory before a file, as far as the socket takes it; the kernel holds it back until
 * the file's bytes follow. AGAIN: it takes nothing now. */
MUST_USE
enum error file_output_send_before(struct connection *connection, const uv_buf_t *vectors,
                                   unsigned count, size_t *out_sent);

/*
 * The oldest slice of the connection's queue is in a file: send of it. AGAIN: the socket takes
 * nothing now; a little of the file is in memory, to wait with. BUSY: it is being loaded, the
 * connection will be told. Else the connection cannot go on.
 */
MUST_USE
enum error file_output_send(struct connection *connection, size_t *out_sent);

/* The same without trying: for a connection that had its share of a turn. */
MUST_USE
enum error file_output_wait(struct connection *connection);

/* The front of the slice in a file that `queue` begins with, in the shard's own buffer until the
 * next call. BUSY and others as above. */
MUST_USE
enum error file_output_piece(struct connection *connection, struct output_queue *queue,
                             const char **out_bytes, size_t *out_size);

#endif
