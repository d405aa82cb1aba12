/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/wire/compression.h"

#define ZLIB_CONST /* next_in points to const */
#include <lz4frame.h>
#include <lz4hc.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

#include "gyre/base/buffer.h"
#include "gyre/base/check.h"

#include "wire/lz4_header.h"
#include "wire/xerial.h"

enum {
    EXPANDED_BYTES_GUESS_MIN = 4096,
    EXPANSION_GUESS = 4,
    LZ4_LEVEL_FAST = 9, /* what Kafka's default level means: not high compression */
    ZSTD_LEVEL_DEFAULT = 3,
};

static const char *const names[COMPRESSION_COUNT] = {"none", "gzip", "snappy", "lz4", "zstd"};

const char *compression_name(enum compression codec)
{
    CHECK((unsigned)codec < COMPRESSION_COUNT);
    return names[codec];
}

bool compression_find(struct string name, enum compression *out_codec)
{
    for (unsigned i = 0; i < COMPRESSION_COUNT; i++) {
        if (string_is(name, names[i])) {
            *out_codec = (enum compression)i;
            return true;
        }
    }
    return false;
}

/* A compressor writes at most `capacity` bytes at `to`. */
struct compressor_output {
    char *to;
    size_t capacity;
    size_t size;
};

static enum error compress_none(const char *bytes, size_t size, struct compressor_output *out)
{
    if (size > 0) {
        memcpy(out->to, bytes, size);
    }
    out->size = size;
    return ERROR_NONE;
}

static enum error compress_gzip(int32_t level, const char *bytes, size_t size,
                                struct compressor_output *out)
{
    z_stream stream = {.next_in = (const Bytef *)bytes, .avail_in = (uInt)size};
    int wanted = level == COMPRESSION_LEVEL_DEFAULT ? Z_DEFAULT_COMPRESSION : level;
    int result;

    if (deflateInit2(&stream, wanted, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        return ERROR_INVALID;
    }
    stream.next_out = (Bytef *)out->to;
    stream.avail_out = (uInt)out->capacity;
    result = deflate(&stream, Z_FINISH);
    out->size = out->capacity - stream.avail_out;
    (void)deflateEnd(&stream);
    CHECK(result == Z_STREAM_END);
    return ERROR_NONE;
}

static enum error compress_snappy(const char *bytes, size_t size, struct compressor_output *out)
{
    char *at = out->to;

    memcpy(at, xerial_header, XERIAL_HEADER_BYTES);
    at += XERIAL_HEADER_BYTES;
    while (size > 0) {
        size_t block = size < XERIAL_BLOCK_BYTES ? size : XERIAL_BLOCK_BYTES;
        size_t written = out->capacity - (size_t)(at - out->to) - XERIAL_LENGTH_BYTES;

        CHECK(snappy_compress(bytes, block, at + XERIAL_LENGTH_BYTES, &written) == SNAPPY_OK);
        store_be32(at, (uint32_t)written);
        at += XERIAL_LENGTH_BYTES + written;
        bytes += block;
        size -= block;
    }
    out->size = (size_t)(at - out->to);
    return ERROR_NONE;
}

/* Blocks of 64 KiB, independent of each other: Kafka's Java reader knows no other kind. */
static LZ4F_preferences_t lz4_preferences(int32_t level)
{
    LZ4F_preferences_t preferences = {
        .frameInfo = {.blockSizeID = LZ4F_max64KB, .blockMode = LZ4F_blockIndependent}};

    preferences.compressionLevel =
        level == COMPRESSION_LEVEL_DEFAULT || level == LZ4_LEVEL_FAST ? 0 : level;
    return preferences;
}

static enum error compress_lz4(const struct compression_target *target, const char *bytes,
                               size_t size, struct compressor_output *out)
{
    LZ4F_preferences_t preferences = lz4_preferences(target->level);
    size_t written = LZ4F_compressFrame(out->to, out->capacity, bytes, size, &preferences);

    CHECK(!LZ4F_isError(written));
    if (target->flavour == COMPRESSION_MAGIC_0) {
        lz4_header_set_old_checksum(out->to, lz4_header_size(out->to, written));
    }
    out->size = written;
    return ERROR_NONE;
}

static enum error compress_zstd(int32_t level, const char *bytes, size_t size,
                                struct compressor_output *out)
{
    int wanted = level == COMPRESSION_LEVEL_DEFAULT ? ZSTD_LEVEL_DEFAULT : level;
    size_t written = ZSTD_compress(out->to, out->capacity, bytes, size, wanted);

    CHECK(!ZSTD_isError(written));
    out->size = written;
    return ERROR_NONE;
}

static size_t bound_of(const struct compression_target *target, size_t size)
{
    LZ4F_preferences_t preferences;
    size_t blocks = size / XERIAL_BLOCK_BYTES + 1;

    switch (target->codec) {
    case COMPRESSION_NONE: return size;
    case COMPRESSION_GZIP:
        return compressBound(size) + 32; /* gzip's header and trailer are longer than zlib's */
    case COMPRESSION_SNAPPY:
        return XERIAL_HEADER_BYTES +
               blocks * (XERIAL_LENGTH_BYTES + snappy_max_compressed_length(XERIAL_BLOCK_BYTES));
    case COMPRESSION_LZ4:
        preferences = lz4_preferences(target->level);
        return LZ4F_compressFrameBound(size, &preferences);
    case COMPRESSION_ZSTD: return ZSTD_compressBound(size);
    }
    return 0;
}

static enum error compress_into(const struct compression_target *target, const char *bytes,
                                size_t size, struct compressor_output *out)
{
    switch (target->codec) {
    case COMPRESSION_NONE: return compress_none(bytes, size, out);
    case COMPRESSION_GZIP: return compress_gzip(target->level, bytes, size, out);
    case COMPRESSION_SNAPPY: return compress_snappy(bytes, size, out);
    case COMPRESSION_LZ4: return compress_lz4(target, bytes, size, out);
    case COMPRESSION_ZSTD: return compress_zstd(target->level, bytes, size, out);
    }
    return ERROR_UNSUPPORTED;
}

enum error compression_compress(const struct compression_target *target, const void *bytes,
                                size_t size, struct buffer **out_buffer)
{
    struct compressor_output output = {0};
    struct buffer *buffer;
    enum error error;

    if (size > INT32_MAX / 2) {
        return ERROR_LIMIT;
    }
    output.capacity = bound_of(target, size);
    buffer = buffer_new(target->prefix_bytes + output.capacity);
    output.to = buffer->bytes + target->prefix_bytes;
    error = compress_into(target, bytes, size, &output);
    if (error != ERROR_NONE) {
        buffer_unref(buffer);
        return error;
    }
    CHECK(output.size <= output.capacity);
    buffer->size = target->prefix_bytes + output.size;
    *out_buffer = buffer;
    return ERROR_NONE;
}

/* What the bytes say or suggest of their expanded size. Not to be trusted, only to begin with. */
static size_t guess_expanded_size(enum compression codec, struct string bytes)
{
    size_t size = (size_t)bytes.length;
    size_t guess = size * EXPANSION_GUESS;
    unsigned long long stated;

    if (codec == COMPRESSION_NONE) {
        return size;
    }
    if (codec == COMPRESSION_ZSTD) {
        stated = ZSTD_getFrameContentSize(bytes.bytes, size);
        if (stated != ZSTD_CONTENTSIZE_UNKNOWN && stated != ZSTD_CONTENTSIZE_ERROR &&
            stated / 1024 < size) {
            return (size_t)stated;
        }
    }
    return guess < EXPANDED_BYTES_GUESS_MIN ? EXPANDED_BYTES_GUESS_MIN : guess;
}

static struct buffer *grow(struct buffer *full, size_t size)
{
    struct buffer *larger = buffer_new(size);

    memcpy(larger->bytes, full->bytes, full->size);
    buffer_unref(full);
    return larger;
}

/* On the way: buffer->size is the room, *out_used what is filled. */
static enum error read_all(struct decompressor *decompressor, size_t bytes_max,
                           struct buffer **buffer, size_t *out_used)
{
    size_t used = 0;
    size_t size;
    char past_the_limit;
    enum error error;

    for (;;) {
        error =
            decompressor_read(decompressor, (*buffer)->bytes + used, (*buffer)->size - used, &size);
        used += size;
        if (error != ERROR_NONE || used < (*buffer)->size) {
            break;
        }
        error = decompressor_read(decompressor, &past_the_limit, 1, &size);
        if (error != ERROR_NONE || size == 0) {
            break;
        }
        if (used >= bytes_max) {
            return ERROR_LIMIT;
        }
        *buffer = grow(*buffer, used * 2 + 64 < bytes_max ? used * 2 + 64 : bytes_max);
        (*buffer)->bytes[used++] = past_the_limit;
    }
    *out_used = used;
    return error;
}

enum error compression_expand(enum compression codec, enum compression_flavour flavour,
                              struct string bytes, size_t expanded_bytes_max,
                              struct buffer **out_buffer)
{
    struct decompressor *decompressor;
    size_t guess = guess_expanded_size(codec, bytes);
    struct buffer *buffer;
    size_t used = 0;
    enum error error;

    error = decompressor_open(codec, flavour, bytes, expanded_bytes_max, &decompressor);
    if (error != ERROR_NONE) {
        return error;
    }
    buffer = buffer_new(guess < expanded_bytes_max ? guess : expanded_bytes_max);
    error = read_all(decompressor, expanded_bytes_max, &buffer, &used);
    decompressor_close(decompressor);
    if (error != ERROR_NONE) {
        buffer_unref(buffer);
        return error;
    }
    buffer->size = used;
    *out_buffer = buffer;
    return ERROR_NONE;
}
