/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header of an LZ4 frame ends in one byte of checksum. Kafka's first clients computed it over
 * the frame's magic number too (KAFKA-3160); messages of magic 0 keep that error for ever.
 */
#ifndef GYRE_WIRE_LZ4_HEADER_H
#define GYRE_WIRE_LZ4_HEADER_H

#include <stddef.h>

enum { LZ4_HEADER_BYTES_MAX = 19 };

/* Bytes of the frame header that begins at `bytes`, its checksum included; 0 if it is cut short. */
size_t lz4_header_size(const char *bytes, size_t available);

/* Set the checksum as the standard has it, or as magic 0 has it. `size` from lz4_header_size(). */
void lz4_header_set_checksum(char *header, size_t size);
void lz4_header_set_old_checksum(char *header, size_t size);

#endif
