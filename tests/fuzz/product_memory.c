/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The product's memory in fuzz targets is pieces; the linker puts these functions before its own.
 * Pieces that an input leaves are a leak, told at once: unless the same input leaves none when it
 * is run again, as where something is made once and kept.
 *
 * This file must not be instrumented.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/base/check.h"

#include "pieces.h"

/* The names are the linker's. */
void *__wrap_check_alloc(size_t size);
void *__wrap_check_alloc_zero(size_t size);
void *__wrap_check_realloc(void *memory, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void __wrap_free(void *memory);
int __wrap_LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void *__real_check_alloc(size_t size);
void *__real_check_alloc_zero(size_t size);
void *__real_check_realloc(void *memory, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void __real_free(void *memory);
int __real_LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

void *__wrap_check_alloc(size_t size)
{
    return size > PIECE_BYTES_MAX ? __real_check_alloc(size) : pieces_take(size);
}

void *__wrap_check_alloc_zero(size_t size)
{
    void *memory;

    if (size > PIECE_BYTES_MAX) {
        return __real_check_alloc_zero(size);
    }
    memory = pieces_take(size);
    memset(memory, 0, size);
    return memory;
}

void *__wrap_check_realloc(void *memory, size_t size)
{
    void *moved;

    if (memory != NULL && !pieces_has(memory)) {
        return __real_check_realloc(memory, size);
    }
    if (size <= PIECE_BYTES_MAX) {
        return pieces_take_again(memory, size);
    }
    moved = __real_check_alloc(size);
    if (memory != NULL) {
        memcpy(moved, memory, pieces_size(memory));
        pieces_give_back(memory);
    }
    return moved;
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return alignment + size > PIECE_BYTES_MAX / 2 ? __real_aligned_alloc(alignment, size)
                                                  : pieces_take_aligned(alignment, size);
}

void __wrap_free(void *memory)
{
    if (pieces_has(memory)) {
        pieces_give_back(memory);
    } else {
        __real_free(memory);
    }
}

static int64_t run(const uint8_t *data, size_t size)
{
    int64_t before = pieces_out();

    (void)__real_LLVMFuzzerTestOneInput(data, size);
    return pieces_out() - before;
}

int __wrap_LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (run(data, size) > 0) {
        int64_t left = run(data, size);

        if (left > 0) {
            (void)fprintf(stderr,
                          "%lld pieces of memory leak; run a build without libFuzzer to see "
                          "whose\n",
                          (long long)left);
            abort();
        }
    }
    return 0;
}
