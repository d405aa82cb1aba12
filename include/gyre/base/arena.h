/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An arena is the memory of one request: allocate freely, release once. A request's arena has a
 * limit, because its size follows from bytes that a client sent.
 *
 * Thread: one at a time. Small fixed allocation failures end the process; passing the limit
 * returns NULL and is a normal answer.
 */
#ifndef GYRE_BASE_ARENA_H
#define GYRE_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "gyre/base/bytes.h"
#include "gyre/base/error.h"

struct buffer;
struct arena_chunk;
struct arena_cleanup;

struct arena {
    struct arena_chunk *chunk;      /* owned; newest first */
    struct arena_cleanup *cleanups; /* run at release, newest first */
    size_t used_bytes;
    size_t limit_bytes;
};

void arena_init(struct arena *arena, size_t limit_bytes);

/* Runs the cleanups, then frees everything. The arena may be used again. */
void arena_release(struct arena *arena);

/* Zeroed, aligned for any type. NULL when the limit would be passed. */
void *arena_alloc(struct arena *arena, size_t bytes);

/* As arena_alloc(count * size) with the product checked. NULL on overflow or limit. */
void *arena_alloc_array(struct arena *arena, size_t count, size_t size);

/* NUL-terminated copy, NULL on limit. */
char *arena_copy_text(struct arena *arena, const char *bytes, size_t length);

/* The same of a slice; null stays null. False on limit. */
MUST_USE
bool arena_copy_string(struct arena *arena, struct string from, struct string *out_copy);

/* The same as bytes; null becomes empty. */
MUST_USE
bool arena_copy_bytes(struct arena *arena, struct string from, struct bytes *out_copy);

/* Keep one reference of `buffer` until the arena is released. Takes the caller's reference. */
void arena_keep_buffer(struct arena *arena, struct buffer *buffer);

/* Call `cleanup(context)` when the arena is released. */
void arena_on_release(struct arena *arena, void (*cleanup)(void *context), void *context);

#endif
