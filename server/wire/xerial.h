/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame that xerial's snappy-java puts around snappy: 8 bytes of name, version and oldest
 * compatible version (int32 each), then blocks of int32 length and bare snappy. Frames may follow
 * each other directly.
 */
#ifndef GYRE_WIRE_XERIAL_H
#define GYRE_WIRE_XERIAL_H

#include <stdbool.h>
#include <stddef.h>

#include "gyre/base/bytes.h"

enum { XERIAL_HEADER_BYTES = 16, XERIAL_LENGTH_BYTES = 4, XERIAL_BLOCK_BYTES = 32768 };

static const char xerial_header[XERIAL_HEADER_BYTES] = {
    (char)(unsigned char)0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1};

/* Does a frame begin here? Its name decides; versions are not looked at, as in snappy-java. */
static inline bool xerial_begins(const char *bytes, size_t size)
{
    return size >= XERIAL_HEADER_BYTES && memcmp(bytes, xerial_header, 8) == 0;
}

/* Moves `*at` past one frame header (block null) or one block. False if it is malformed. */
static inline bool xerial_next(const char **at, const char *end, struct string *out_block)
{
    int32_t length;

    *out_block = STRING_NULL;
    if (xerial_begins(*at, (size_t)(end - *at))) {
        *at += XERIAL_HEADER_BYTES;
        return true;
    }
    if (end - *at < XERIAL_LENGTH_BYTES) {
        return false;
    }
    length = (int32_t)load_be32(*at);
    if (length <= 0 || length > end - *at - XERIAL_LENGTH_BYTES) {
        return false;
    }
    *out_block = (struct string){.bytes = *at + XERIAL_LENGTH_BYTES, .length = length};
    *at += XERIAL_LENGTH_BYTES + length;
    return true;
}

#endif
