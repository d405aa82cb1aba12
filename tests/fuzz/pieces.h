/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for fuzz targets, many times as fast as the address sanitizer's. What lies around a piece,
 * and what was given back, is poisoned as there; a piece given back twice ends the process.
 */
#ifndef GYRE_TESTS_FUZZ_PIECES_H
#define GYRE_TESTS_FUZZ_PIECES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PIECE_BYTES_MAX = 4 << 20 };

/* All from one thread. The bytes of a new piece are nonsense, the same each time. */
void *pieces_take(size_t size);
void *pieces_take_aligned(size_t alignment, size_t size);
void *pieces_take_again(void *bytes, size_t size);
void pieces_give_back(void *bytes);

size_t pieces_size(const void *bytes);
bool pieces_has(const void *bytes); /* it is one of these, out or not */
int64_t pieces_out(void);

#endif
