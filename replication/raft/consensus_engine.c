/* SPDX-License-Identifier: Apache-2.0 */
#include "consensus_engine.h"

#include <stdio.h>
#include <stdlib.h>

#include "gyre/base/check.h"

static void *engine_malloc(void *data, size_t size)
{
    (void)data;
    return check_alloc(size == 0 ? 1 : size);
}

static void engine_free(void *data, void *memory)
{
    (void)data;
    free(memory);
}

static void *engine_calloc(void *data, size_t count, size_t size)
{
    size_t bytes = 0;

    (void)data;
    CHECK(!__builtin_mul_overflow(count, size, &bytes));
    return check_alloc_zero(bytes == 0 ? 1 : bytes);
}

static void *engine_realloc(void *data, void *memory, size_t size)
{
    (void)data;
    return check_realloc(memory, size);
}

static void *engine_aligned_alloc(void *data, size_t alignment, size_t size)
{
    void *memory = aligned_alloc(alignment, size);

    (void)data;
    CHECK(memory != NULL);
    return memory;
}

static void engine_aligned_free(void *data, size_t alignment, void *memory)
{
    (void)data;
    (void)alignment;
    free(memory);
}

static struct raft_heap heap = {
    .malloc = engine_malloc,
    .free = engine_free,
    .calloc = engine_calloc,
    .realloc = engine_realloc,
    .aligned_alloc = engine_aligned_alloc,
    .aligned_free = engine_aligned_free,
};

void consensus_engine_init(void)
{
    raft_heap_set(&heap);
}

void consensus_engine_address(raft_id id, char address[CONSENSUS_ENGINE_ADDRESS_BYTES])
{
    (void)snprintf(address, CONSENSUS_ENGINE_ADDRESS_BYTES, "%llu", id);
}
