/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pieces of powers of two, cut from slabs that stay, in one range of addresses. Free ones wait in a
 * queue for each size, so that what was given back is not at once somebody else's.
 */
#include "pieces.h"

#include <string.h>
#include <sys/mman.h>

#include "gyre/base/check.h"

#ifdef __clang__
#    include <sanitizer/asan_interface.h> /* whose macros are empty without the sanitizer */
#    define UNCHECKED __attribute__((no_sanitize("address")))
#else
#    define UNCHECKED
#    define ASAN_POISON_MEMORY_REGION(at, size)   ((void)(at), (void)(size))
#    define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#endif

#if defined(__has_feature) && defined(__clang__)
#    if __has_feature(address_sanitizer)
#        include <sanitizer/lsan_interface.h>
#        define LOOKED_FOR_LEAKS 1
#    endif
#endif

enum {
    CLASS_BYTES_MIN = 64,
    CLASSES = 18, /* up to 8 MiB */
    SLAB_BYTES = 8 << 20,
    NONSENSE = 0xbe,
    NONSENSE_BYTES_MAX = 4096, /* as the sanitizer does */
    OUT = 0x6f757421,
    ALIGNED = 0x616c676e, /* out, inside of the piece that `next` is */
    FREE = 0x66726565,
};

#define RANGE_BYTES ((size_t)4 << 30)

/* Before each piece; poisoned, as is what is left of its class behind it. */
struct piece {
    struct piece *next; /* while it is free */
    size_t size;
    uint32_t class;
    uint32_t state;
    size_t unused; /* to 16 bytes */
};

struct queue {
    struct piece *first, *last;
};

static struct queue queues[CLASSES];
static char *range;
static size_t range_used;
static char *slab;
static size_t slab_left;
static int64_t out_count;

static uint32_t class_of(size_t size)
{
    size_t whole = sizeof(struct piece) + size + 16; /* poison behind it at least */
    uint32_t class = 0;

    CHECK(size <= PIECE_BYTES_MAX);
    while ((size_t)CLASS_BYTES_MIN << class < whole) {
        class += 1;
    }
    return class;
}

UNCHECKED static struct piece *take_free(uint32_t class)
{
    struct queue *queue = &queues[class];
    struct piece *piece = queue->first;

    if (piece != NULL) {
        queue->first = piece->next;
        queue->last = queue->first == NULL ? NULL : queue->last;
    }
    return piece;
}

static void begin_slab(void)
{
    if (range == NULL) {
        range = mmap(NULL, RANGE_BYTES, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        CHECK(range != MAP_FAILED);
    }
    CHECK(range_used + SLAB_BYTES <= RANGE_BYTES);
    slab = range + range_used;
    slab_left = SLAB_BYTES;
    range_used += SLAB_BYTES;
    ASAN_POISON_MEMORY_REGION(slab, SLAB_BYTES);
#ifdef LOOKED_FOR_LEAKS
    __lsan_register_root_region(slab, SLAB_BYTES);
#endif
}

static struct piece *cut_new(uint32_t class)
{
    size_t whole = (size_t)CLASS_BYTES_MIN << class;
    struct piece *piece;

    if (slab_left < whole) {
        begin_slab();
    }
    piece = (struct piece *)(void *)slab;
    slab += whole;
    slab_left -= whole;
    return piece;
}

UNCHECKED static void *give_out(struct piece *piece, size_t size, uint32_t class)
{
    piece->size = size;
    piece->class = class;
    piece->state = OUT;
    ASAN_UNPOISON_MEMORY_REGION(piece + 1, size);
    memset(piece + 1, NONSENSE, size < NONSENSE_BYTES_MAX ? size : NONSENSE_BYTES_MAX);
    out_count++;
    return piece + 1;
}

void *pieces_take(size_t size)
{
    uint32_t class = class_of(size);
    struct piece *piece = take_free(class);

    return give_out(piece == NULL ? cut_new(class) : piece, size, class);
}

/* The end of a larger piece, with a header of its own. */
UNCHECKED void *pieces_take_aligned(size_t alignment, size_t size)
{
    char *whole = pieces_take(sizeof(struct piece) + alignment + size);
    uintptr_t least = (uintptr_t)whole + sizeof(struct piece) + alignment - 1;
    char *bytes = (char *)(least & ~(uintptr_t)(alignment - 1));
    struct piece *piece = (struct piece *)(void *)bytes - 1;

    CHECK((alignment & (alignment - 1)) == 0 && alignment >= sizeof *piece);
    *piece = (struct piece){.next = (struct piece *)(void *)whole, .size = size, .state = ALIGNED};
    ASAN_POISON_MEMORY_REGION(whole, (size_t)(bytes - whole));
    ASAN_POISON_MEMORY_REGION(bytes + size, pieces_size(whole) - size - (size_t)(bytes - whole));
    return bytes;
}

UNCHECKED void pieces_give_back(void *bytes)
{
    struct piece *piece;
    struct queue *queue;

    if (bytes == NULL) {
        return;
    }
    piece = (struct piece *)bytes - 1;
    if (piece->state == ALIGNED) {
        piece->state = FREE;
        bytes = piece->next;
        piece = (struct piece *)bytes - 1;
    }
    CHECK(piece->state == OUT);
    piece->state = FREE;
    ASAN_POISON_MEMORY_REGION(bytes, piece->size);
    queue = &queues[piece->class];
    piece->next = NULL;
    if (queue->last == NULL) {
        queue->first = piece;
    } else {
        queue->last->next = piece;
    }
    queue->last = piece;
    out_count--;
}

UNCHECKED size_t pieces_size(const void *bytes)
{
    const struct piece *piece = (const struct piece *)bytes - 1;

    CHECK(piece->state == OUT || piece->state == ALIGNED);
    return piece->size;
}

void *pieces_take_again(void *bytes, size_t size)
{
    void *other = pieces_take(size);

    if (bytes != NULL) {
        size_t before = pieces_size(bytes);

        memcpy(other, bytes, before < size ? before : size);
        pieces_give_back(bytes);
    }
    return other;
}

bool pieces_has(const void *bytes)
{
    return range != NULL && (uintptr_t)bytes - (uintptr_t)range < range_used;
}

int64_t pieces_out(void)
{
    return out_count;
}
