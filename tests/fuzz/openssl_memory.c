/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pieces of powers of two, cut from slabs that stay. Free ones wait in a queue for each size, so
 * that what was given back is not at once somebody else's.
 */
#include "openssl_memory.h"

#include <openssl/crypto.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/base/check.h"

#ifdef __clang__
#    include <sanitizer/asan_interface.h> /* whose macros are empty without the sanitizer */
#    define UNCHECKED __attribute__((no_sanitize("address")))
#else
#    define UNCHECKED
#    define ASAN_POISON_MEMORY_REGION(at, size)   ((void)(at), (void)(size))
#    define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#endif

enum {
    CLASS_BYTES_MIN = 64,
    CLASSES = 18, /* up to 8 MiB */
    SLAB_BYTES = 8 << 20,
    GROWTH_MAX = 100000,
};

/* Before each piece; poisoned, as is what is left of its class behind it. */
struct piece {
    struct piece *next; /* while it is free */
    size_t size;
    size_t class;
    size_t unused; /* to 16 bytes */
};

struct queue {
    struct piece *first, *last;
};

static struct queue queues[CLASSES];
static char *slab;
static size_t slab_left;
static int64_t pieces_out;

static size_t class_of(size_t size)
{
    size_t whole = sizeof(struct piece) + size + 16; /* poison behind it at least */
    size_t class = 0;

    while ((size_t)CLASS_BYTES_MIN << class < whole) {
        class += 1;
    }
    CHECK(class < CLASSES);
    return class;
}

UNCHECKED static struct piece *take_free(size_t class)
{
    struct queue *queue = &queues[class];
    struct piece *piece = queue->first;

    if (piece != NULL) {
        queue->first = piece->next;
        queue->last = queue->first == NULL ? NULL : queue->last;
    }
    return piece;
}

static struct piece *cut_new(size_t class)
{
    size_t whole = (size_t)CLASS_BYTES_MIN << class;
    struct piece *piece;

    if (slab_left < whole) {
        slab = aligned_alloc(CLASS_BYTES_MIN, SLAB_BYTES);
        CHECK(slab != NULL);
        slab_left = SLAB_BYTES;
        ASAN_POISON_MEMORY_REGION(slab, SLAB_BYTES);
    }
    piece = (struct piece *)(void *)slab;
    slab += whole;
    slab_left -= whole;
    return piece;
}

UNCHECKED static void *give_out(struct piece *piece, size_t size, size_t class)
{
    piece->size = size;
    piece->class = class;
    ASAN_UNPOISON_MEMORY_REGION(piece + 1, size);
    pieces_out++;
    return piece + 1;
}

static void *take(size_t size, const char *file, int line)
{
    size_t class = class_of(size);
    struct piece *piece = take_free(class);

    (void)file;
    (void)line;
    return give_out(piece == NULL ? cut_new(class) : piece, size, class);
}

UNCHECKED static void give_back(void *bytes, const char *file, int line)
{
    struct piece *piece;
    struct queue *queue;

    (void)file;
    (void)line;
    if (bytes == NULL) {
        return;
    }
    piece = (struct piece *)bytes - 1;
    ASAN_POISON_MEMORY_REGION(bytes, piece->size);
    queue = &queues[piece->class];
    piece->next = NULL;
    if (queue->last == NULL) {
        queue->first = piece;
    } else {
        queue->last->next = piece;
    }
    queue->last = piece;
    pieces_out--;
}

UNCHECKED static size_t size_of(const void *bytes)
{
    return ((const struct piece *)bytes - 1)->size;
}

static void *take_again(void *bytes, size_t size, const char *file, int line)
{
    void *other = take(size, file, line);

    if (bytes != NULL) {
        memcpy(other, bytes, size_of(bytes) < size ? size_of(bytes) : size);
        give_back(bytes, file, line);
    }
    return other;
}

void openssl_memory_use(void)
{
    CHECK(CRYPTO_set_mem_functions(take, take_again, give_back) == 1);
}

void openssl_memory_check(void)
{
    static int64_t before;

    before = before == 0 ? pieces_out : before;
    CHECK(pieces_out < before + GROWTH_MAX);
}
