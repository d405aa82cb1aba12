/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chance is a parameter: product code gets a `struct random` from its owner, the simulator seeds
 * it. Not for secrets; those come from OpenSSL.
 */
#ifndef GYRE_BASE_RANDOM_H
#define GYRE_BASE_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct random {
    uint64_t state[4];
};

/* xoshiro256** (Blackman and Vigna, 2018), seeded through splitmix64. */
void random_seed(struct random *random, uint64_t seed);
void random_seed_from_system(struct random *random);

uint64_t random_u64(struct random *random);
uint64_t random_below(struct random *random, uint64_t bound); /* bound > 0; slightly biased */
bool random_chance(struct random *random, uint32_t per_million);

#endif
