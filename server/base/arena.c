/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chunks double from 2 KiB to 64 KiB; what does not fit gets a chunk of its own. Chunks stay under
 * 128 KiB where possible so that malloc serves them without mmap.
 */
#include "gyre/base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/base/buffer.h"
#include "gyre/base/check.h"

enum { CHUNK_BYTES_MIN = 2048, CHUNK_BYTES_MAX = 65536, ALIGNMENT = alignof(max_align_t) };

struct arena_chunk {
    struct arena_chunk *next;
    size_t used;
    size_t size;
    alignas(max_align_t) char bytes[];
};

struct arena_cleanup {
    struct arena_cleanup *next;
    void (*run)(void *context);
    void *context;
};

void arena_init(struct arena *arena, size_t limit_bytes)
{
    *arena = (struct arena){.limit_bytes = limit_bytes};
}

void arena_release(struct arena *arena)
{
    struct arena_chunk *chunk = arena->chunk;

    for (struct arena_cleanup *it = arena->cleanups; it != NULL; it = it->next) {
        it->run(it->context);
    }
    while (chunk != NULL) {
        struct arena_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    arena_init(arena, arena->limit_bytes);
}

static size_t round_up(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

static struct arena_chunk *add_chunk(struct arena *arena, size_t bytes)
{
    size_t size = arena->chunk == NULL ? CHUNK_BYTES_MIN : arena->chunk->size * 2;
    struct arena_chunk *chunk;

    if (size > CHUNK_BYTES_MAX) {
        size = CHUNK_BYTES_MAX;
    }
    if (size < bytes) {
        size = bytes;
    }
    chunk = check_alloc(sizeof *chunk + size);
    chunk->next = arena->chunk;
    chunk->used = 0;
    chunk->size = size;
    arena->chunk = chunk;
    return chunk;
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
    struct arena_chunk *chunk = arena->chunk;
    size_t rounded;
    void *memory;

    if (bytes > arena->limit_bytes || arena->limit_bytes - bytes < arena->used_bytes) {
        return NULL;
    }
    rounded = round_up(bytes == 0 ? 1 : bytes);
    if (chunk == NULL || chunk->size - chunk->used < rounded) {
        chunk = add_chunk(arena, rounded);
    }
    memory = chunk->bytes + chunk->used;
    chunk->used += rounded;
    arena->used_bytes += rounded;
    return memset(memory, 0, bytes);
}

void *arena_alloc_array(struct arena *arena, size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes)) {
        return NULL;
    }
    return arena_alloc(arena, bytes);
}

char *arena_copy_text(struct arena *arena, const char *bytes, size_t length)
{
    char *copy = length == SIZE_MAX ? NULL : arena_alloc(arena, length + 1);

    if (copy != NULL && length > 0) {
        memcpy(copy, bytes, length);
    }
    return copy;
}

bool arena_copy_string(struct arena *arena, struct string from, struct string *out_copy)
{
    *out_copy = from;
    if (from.bytes == NULL) {
        return true;
    }
    out_copy->bytes = arena_copy_text(arena, from.bytes, (size_t)from.length);
    return out_copy->bytes != NULL;
}

bool arena_copy_bytes(struct arena *arena, struct string from, struct bytes *out_copy)
{
    out_copy->bytes =
        arena_copy_text(arena, from.bytes == NULL ? "" : from.bytes, (size_t)from.length);
    out_copy->length = from.length;
    return out_copy->bytes != NULL;
}

void arena_on_release(struct arena *arena, void (*cleanup)(void *context), void *context)
{
    size_t limit = arena->limit_bytes;
    struct arena_cleanup *entry;

    arena->limit_bytes = SIZE_MAX; /* ours, not the client's */
    entry = arena_alloc(arena, sizeof *entry);
    arena->limit_bytes = limit;
    entry->run = cleanup;
    entry->context = context;
    entry->next = arena->cleanups;
    arena->cleanups = entry;
}

static void unref_buffer(void *context)
{
    buffer_unref(context);
}

void arena_keep_buffer(struct arena *arena, struct buffer *buffer)
{
    arena_on_release(arena, unref_buffer, buffer);
}
