/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/base/random.h"

#include <sys/random.h>

#include "gyre/base/check.h"

static uint64_t rotate_left(uint64_t value, unsigned by)
{
    return (value << by) | (value >> (64 - by));
}

void random_seed(struct random *random, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        uint64_t mixed = (seed += 0x9E3779B97F4A7C15u);

        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9u;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
        random->state[i] = mixed ^ (mixed >> 31);
    }
}

void random_seed_from_system(struct random *random)
{
    uint64_t seed = 0;

    CHECK(getrandom(&seed, sizeof seed, 0) == (ssize_t)sizeof seed);
    random_seed(random, seed);
}

uint64_t random_u64(struct random *random)
{
    uint64_t *state = random->state;
    uint64_t result = rotate_left(state[1] * 5, 7) * 9;
    uint64_t shifted = state[1] << 17;

    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = rotate_left(state[3], 45);
    return result;
}

uint64_t random_below(struct random *random, uint64_t bound)
{
    CHECK(bound > 0);
    return random_u64(random) % bound;
}

bool random_chance(struct random *random, uint32_t per_million)
{
    return random_below(random, 1000000) < per_million;
}
