/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interpreter behind message_decode() and message_encode(): the one place where bytes of
 * strangers become structs. Handlers use message.h and frame.h; this is for those two.
 *
 * Thread: any, one at a time.
 */
#ifndef GYRE_WIRE_CODEC_H
#define GYRE_WIRE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gyre/base/error.h"

struct arena;
struct frame_output;
struct message_layout;
struct reader;
struct records;
struct writer;

/* What encoding will need: bytes to write, and bytes that the slices of records already hold. */
struct codec_size {
    size_t written;
    size_t external;
};

/* As message_decode(). */
MUST_USE
enum error codec_decode(const struct message_layout *layout, int16_t version, struct reader *reader,
                        struct arena *arena, void *message);

/* All reasons to refuse are found here; codec_write() cannot fail after it. */
MUST_USE
enum error codec_measure(const struct message_layout *layout, int16_t version, const void *message,
                         struct codec_size *out_size);

/*
 * Takes slices of records out of the stream of written bytes: called once per records field that
 * has slices, after `writer` has got everything that stands before it. NULL copies the slices
 * instead.
 */
struct codec_sink {
    void (*cut)(struct codec_sink *sink, const struct writer *writer,
                const struct records *records);
};

void codec_write(const struct message_layout *layout, int16_t version, const void *message,
                 struct writer *writer, struct codec_sink *sink);

#endif
