/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which addresses failed often lately: who guesses passwords at them is one of them, and who shares
 * the address with him. They are not locked out; what is costly is done for them in spare time.
 *
 * A failure is forgotten each second. Addresses share places, by a seeded hash, so that no number
 * of them needs more memory. Private to sasl/. Thread: the shard's own.
 */
#ifndef GYRE_SASL_SUSPECTS_H
#define GYRE_SASL_SUSPECTS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    SUSPECTS_PLACES = 1024,
    SUSPECTS_FAILURES = 10,      /* so many are forgiven */
    SUSPECTS_FAILURES_KEPT = 60, /* a minute later even the worst is nobody special */
};

struct suspects {
    struct {
        uint64_t since_us; /* until then failures were forgotten */
        uint32_t failures;
    } places[SUSPECTS_PLACES];
};

/* `address` is a hash, 0: not known, never a suspect. */
void suspects_count(struct suspects *suspects, uint64_t address, uint64_t now_us);
bool suspects_have(struct suspects *suspects, uint64_t address, uint64_t now_us);

#endif
