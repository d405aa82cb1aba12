/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pull interface over four libraries. Bytes after the end of a frame are ignored, as Kafka's
 * readers do (zstd and gzip: unless another frame or member begins there).
 */
#define ZLIB_CONST /* next_in points to const */
#include <lz4frame.h>
#include <snappy-c.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "gyre/base/buffer.h"
#include "gyre/base/check.h"
#include "gyre/wire/compression.h"

#include "wire/lz4_header.h"
#include "wire/xerial.h"

enum { ZSTD_WINDOW_LOG_MAX = 27 };

struct decompressor {
    enum compression codec;
    enum compression_flavour flavour;
    const char *at; /* borrowed until close */
    const char *end;
    size_t block_bytes_max;
    bool is_done;
    /* exactly one, by codec */
    z_stream gzip;
    LZ4F_dctx *lz4;
    ZSTD_DCtx *zstd;
    /* snappy: the block being handed out */
    bool is_framed;
    struct buffer *block; /* owned */
    size_t block_at;
};

static size_t left(const struct decompressor *self)
{
    return (size_t)(self->end - self->at);
}

/* Magic 0: feed the library a header with the checksum it expects. */
static enum error begin_old_lz4(struct decompressor *self)
{
    char header[LZ4_HEADER_BYTES_MAX];
    size_t size = lz4_header_size(self->at, left(self));
    size_t consumed = size;
    size_t produced = 0;

    if (size == 0) {
        return ERROR_MALFORMED;
    }
    memcpy(header, self->at, size);
    lz4_header_set_checksum(header, size);
    if (LZ4F_isError(LZ4F_decompress(self->lz4, NULL, &produced, header, &consumed, NULL)) ||
        consumed != size) {
        return ERROR_MALFORMED;
    }
    self->at += size;
    return ERROR_NONE;
}

static enum error begin(struct decompressor *self)
{
    switch (self->codec) {
    case COMPRESSION_NONE: return ERROR_NONE;
    case COMPRESSION_GZIP:
        return inflateInit2(&self->gzip, MAX_WBITS + 16) == Z_OK ? ERROR_NONE : ERROR_NO_MEMORY;
    case COMPRESSION_SNAPPY:
        self->is_framed = xerial_begins(self->at, left(self));
        return ERROR_NONE;
    case COMPRESSION_LZ4:
        if (LZ4F_isError(LZ4F_createDecompressionContext(&self->lz4, LZ4F_VERSION))) {
            return ERROR_NO_MEMORY;
        }
        return self->flavour == COMPRESSION_MAGIC_0 ? begin_old_lz4(self) : ERROR_NONE;
    case COMPRESSION_ZSTD:
        self->zstd = ZSTD_createDCtx();
        if (self->zstd == NULL || ZSTD_isError(ZSTD_DCtx_setParameter(
                                      self->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX))) {
            return ERROR_NO_MEMORY;
        }
        return ERROR_NONE;
    }
    return ERROR_UNSUPPORTED;
}

enum error decompressor_open(enum compression codec, enum compression_flavour flavour,
                             struct string bytes, size_t block_bytes_max,
                             struct decompressor **out_decompressor)
{
    struct decompressor *self = check_alloc_zero(sizeof *self);
    enum error error;

    self->codec = codec;
    self->flavour = flavour;
    self->at = bytes.bytes;
    self->end = bytes.bytes + bytes.length;
    self->block_bytes_max = block_bytes_max;
    error = begin(self);
    if (error != ERROR_NONE) {
        decompressor_close(self);
        return error;
    }
    *out_decompressor = self;
    return ERROR_NONE;
}

void decompressor_close(struct decompressor *decompressor)
{
    if (decompressor == NULL) {
        return;
    }
    if (decompressor->codec == COMPRESSION_GZIP) {
        (void)inflateEnd(&decompressor->gzip); /* Z_STREAM_ERROR: it had not begun */
    }
    if (decompressor->lz4 != NULL) {
        (void)LZ4F_freeDecompressionContext(decompressor->lz4); /* says how full it was */
    }
    ZSTD_freeDCtx(decompressor->zstd);
    buffer_unref(decompressor->block);
    free(decompressor);
}

static enum error read_plain(struct decompressor *self, char *to, size_t capacity, size_t *out_size)
{
    size_t size = left(self) < capacity ? left(self) : capacity;

    if (size > 0) {
        memcpy(to, self->at, size);
    }
    self->at += size;
    *out_size = size;
    return ERROR_NONE;
}

static bool another_member_begins(const struct decompressor *self)
{
    return left(self) >= 2 && (uint8_t)self->at[0] == 0x1f && (uint8_t)self->at[1] == 0x8b;
}

/* One call of inflate(); sizes of 32 bits are enough for one round. */
static enum error inflate_some(struct decompressor *self, char *to, size_t capacity,
                               size_t *out_size)
{
    z_stream *stream = &self->gzip;
    uInt in = left(self) > INT32_MAX ? INT32_MAX : (uInt)left(self);
    uInt out = capacity > INT32_MAX ? INT32_MAX : (uInt)capacity;
    int result;

    stream->next_in = (const Bytef *)self->at;
    stream->avail_in = in;
    stream->next_out = (Bytef *)to;
    stream->avail_out = out;
    result = inflate(stream, Z_NO_FLUSH);
    self->at += in - stream->avail_in;
    *out_size = out - stream->avail_out;
    if (result == Z_STREAM_END) {
        self->is_done = !another_member_begins(self);
        return self->is_done || inflateReset(stream) == Z_OK ? ERROR_NONE : ERROR_MALFORMED;
    }
    return result == Z_OK ? ERROR_NONE : ERROR_MALFORMED;
}

static enum error lz4_some(struct decompressor *self, char *to, size_t capacity, size_t *out_size)
{
    size_t in = left(self);
    size_t out = capacity;
    size_t result = LZ4F_decompress(self->lz4, to, &out, self->at, &in, NULL);

    if (LZ4F_isError(result)) {
        return ERROR_MALFORMED;
    }
    self->at += in;
    *out_size = out;
    self->is_done = result == 0;
    return !self->is_done && in == 0 && out == 0 ? ERROR_MALFORMED : ERROR_NONE;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the library writes there */
static enum error zstd_some(struct decompressor *self, char *to, size_t capacity, size_t *out_size)
{
    ZSTD_inBuffer in = {.src = self->at, .size = left(self)};
    ZSTD_outBuffer out = {.dst = to, .size = capacity};
    size_t result = ZSTD_decompressStream(self->zstd, &out, &in);

    if (ZSTD_isError(result)) {
        return ERROR_MALFORMED;
    }
    self->at += in.pos;
    *out_size = out.pos;
    self->is_done = result == 0 && left(self) == 0;
    return !self->is_done && in.pos == 0 && out.pos == 0 ? ERROR_MALFORMED : ERROR_NONE;
}

static enum error expand_block(struct decompressor *self, const char *bytes, size_t size)
{
    struct buffer *block;
    size_t expanded;

    if (snappy_uncompressed_length(bytes, size, &expanded) != SNAPPY_OK) {
        return ERROR_MALFORMED;
    }
    if (expanded > self->block_bytes_max) {
        return ERROR_LIMIT;
    }
    block = buffer_new(expanded);
    if (snappy_uncompress(bytes, size, block->bytes, &expanded) != SNAPPY_OK) {
        buffer_unref(block);
        return ERROR_MALFORMED;
    }
    buffer_unref(self->block);
    self->block = block;
    self->block_at = 0;
    return ERROR_NONE;
}

static enum error next_block(struct decompressor *self)
{
    struct string block;
    enum error error;

    if (!self->is_framed) {
        error = expand_block(self, self->at, left(self));
        self->at = self->end;
        return error;
    }
    if (!xerial_next(&self->at, self->end, &block)) {
        return ERROR_MALFORMED;
    }
    return block.bytes == NULL ? ERROR_NONE : expand_block(self, block.bytes, (size_t)block.length);
}

static enum error snappy_some(struct decompressor *self, char *to, size_t capacity,
                              size_t *out_size)
{
    size_t size = self->block == NULL ? 0 : self->block->size - self->block_at;

    if (size == 0) {
        *out_size = 0;
        if (left(self) == 0) {
            self->is_done = true;
            return ERROR_NONE;
        }
        return next_block(self);
    }
    size = size < capacity ? size : capacity;
    memcpy(to, self->block->bytes + self->block_at, size);
    self->block_at += size;
    *out_size = size;
    return ERROR_NONE;
}

static enum error read_some(struct decompressor *self, char *to, size_t capacity, size_t *out_size)
{
    switch (self->codec) {
    case COMPRESSION_NONE:
        self->is_done = left(self) <= capacity;
        return read_plain(self, to, capacity, out_size);
    case COMPRESSION_GZIP: return inflate_some(self, to, capacity, out_size);
    case COMPRESSION_SNAPPY: return snappy_some(self, to, capacity, out_size);
    case COMPRESSION_LZ4: return lz4_some(self, to, capacity, out_size);
    case COMPRESSION_ZSTD: return zstd_some(self, to, capacity, out_size);
    }
    return ERROR_UNSUPPORTED;
}

enum error decompressor_read(struct decompressor *decompressor, char *to, size_t capacity,
                             size_t *out_size)
{
    size_t total = 0;

    while (total < capacity && !decompressor->is_done) {
        size_t size = 0;
        enum error error = read_some(decompressor, to + total, capacity - total, &size);

        if (error != ERROR_NONE) {
            return error;
        }
        total += size;
    }
    *out_size = total;
    return ERROR_NONE;
}
