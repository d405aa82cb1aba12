/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The five codecs of Kafka's record batches, numbered as in the low bits of a batch's attributes.
 * It knows bytes only, nothing of records. Input is hostile: what it expands to has a limit.
 *
 * Snappy is read both bare and in the frame of xerial's Java library, and written in that frame,
 * because Kafka's Java clients read nothing else. LZ4 is the standard frame; messages of magic 0
 * carry a frame whose header checksum covers too much (KAFKA-3160), hence the flavour.
 *
 * Thread: any; a decompressor belongs to one thread at a time. Megabytes take milliseconds: keep
 * large inputs off the loop.
 */
#ifndef GYRE_WIRE_COMPRESSION_H
#define GYRE_WIRE_COMPRESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gyre/base/bytes.h"
#include "gyre/base/error.h"

struct buffer;
struct decompressor; /* opaque */

enum compression {
    COMPRESSION_NONE = 0,
    COMPRESSION_GZIP = 1,
    COMPRESSION_SNAPPY = 2,
    COMPRESSION_LZ4 = 3,
    COMPRESSION_ZSTD = 4,
};

enum { COMPRESSION_COUNT = 5, COMPRESSION_LEVEL_DEFAULT = INT32_MIN };

/* How the bytes are framed. The flavour matters for LZ4 only. */
enum compression_flavour {
    COMPRESSION_STANDARD,
    COMPRESSION_MAGIC_0, /* reading ignores, writing reproduces the wrong header checksum */
};

/* "none", "gzip", ... as in the topic setting compression.type. Static strings. */
const char *compression_name(enum compression codec);
bool compression_find(struct string name, enum compression *out_codec);

/*
 * Compress into a new buffer that begins with `prefix_bytes` uninitialised bytes for the caller's
 * header. The level is the codec's own scale, COMPRESSION_LEVEL_DEFAULT is Kafka's default
 * (gzip 6, lz4 fast, zstd 3). LIMIT when the input is too large for the codec.
 */
struct compression_target {
    enum compression codec;
    enum compression_flavour flavour;
    int32_t level;
    size_t prefix_bytes;
};
MUST_USE
enum error compression_compress(const struct compression_target *target, const void *bytes,
                                size_t size, struct buffer **out_buffer);

/*
 * Expand everything into a new buffer of exactly the right size. MALFORMED if the bytes do not
 * follow the format, LIMIT if they expand to more than `expanded_bytes_max`.
 */
MUST_USE
enum error compression_expand(enum compression codec, enum compression_flavour flavour,
                              struct string bytes, size_t expanded_bytes_max,
                              struct buffer **out_buffer);

/*
 * The same as a stream, for input that is to be looked at once: memory stays at the codec's window
 * (64 KiB for gzip, 4 MiB for lz4, 128 MiB at most for zstd). `bytes` is borrowed until close.
 * Bare snappy and each block of framed snappy is expanded whole, within `block_bytes_max`.
 */
MUST_USE
enum error decompressor_open(enum compression codec, enum compression_flavour flavour,
                             struct string bytes, size_t block_bytes_max,
                             struct decompressor **out_decompressor);
/* Fills up to `capacity` bytes; *out_size of 0 is the end. */
MUST_USE
enum error decompressor_read(struct decompressor *decompressor, char *to, size_t capacity,
                             size_t *out_size);
void decompressor_close(struct decompressor *decompressor); /* NULL is fine */

#endif
