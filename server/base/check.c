/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/base/check.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static _Atomic(check_witness) the_witness;

void check_set_witness(check_witness witness)
{
    atomic_store(&the_witness, witness);
}

_Noreturn void check_failed(const char *file, int line, const char *condition)
{
    char text[512];
    check_witness witness = atomic_exchange(&the_witness, NULL);

    (void)snprintf(text, sizeof text, "%s:%d: CHECK(%s) failed", file, line, condition);
    (void)fprintf(stderr, "%s\n", text);
    if (witness != NULL) {
        witness(text);
    }
    abort();
}

void *check_alloc(size_t size)
{
    void *memory = malloc(size == 0 ? 1 : size);

    CHECK(memory != NULL);
    return memory;
}

void *check_alloc_zero(size_t size)
{
    void *memory = calloc(1, size == 0 ? 1 : size);

    CHECK(memory != NULL);
    return memory;
}

void *check_realloc(void *memory, size_t size)
{
    void *moved = realloc(memory, size == 0 ? 1 : size);

    CHECK(moved != NULL);
    return moved;
}
