/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CHECK states what must be true whatever comes in from outside: preconditions at module borders,
 * invariants after a mutation. It stays on in release builds and ends the process when it fails,
 * because a broker that goes on with broken state can lose acknowledged records.
 *
 * Never CHECK input, a length from a peer, or the answer of a disk: those are `enum error`.
 */
#ifndef GYRE_BASE_CHECK_H
#define GYRE_BASE_CHECK_H

#include <stddef.h>
#include <stdint.h>

#define MUST_USE __attribute__((warn_unused_result))

/* Says in a switch that the next step follows at once. gcc reads a comment, clang does not. */
#define FALLTHROUGH __attribute__((fallthrough))

/* Through an integer, so that a const pointer gives a plain one: constness of the member says
 * nothing about its container. */
#define CONTAINER_OF(pointer, type, member) ((type *)((uintptr_t)(pointer)-offsetof(type, member)))

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0)) {                                                   \
            check_failed(__FILE__, __LINE__, #condition);                                          \
        }                                                                                          \
    } while (0)

/* A place that nothing may reach; the text says why. */
#define CHECK_UNREACHABLE(text) check_failed(__FILE__, __LINE__, text)

_Noreturn void check_failed(const char *file, int line, const char *condition);

/* Called once with the text of a failed CHECK before the process aborts. Thread: any. */
typedef void (*check_witness)(const char *text);
void check_set_witness(check_witness witness);

/* malloc family whose failure ends the process: for small, fixed sizes only. Sizes that a client
 * can choose go through `struct budget` or an arena with a limit. */
void *check_alloc(size_t size);
void *check_alloc_zero(size_t size);
void *check_realloc(void *memory, size_t size);

#endif
