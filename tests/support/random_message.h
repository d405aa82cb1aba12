/* SPDX-License-Identifier: Apache-2.0 */
/* Any message of the protocol with random content that its version can carry. */
#ifndef GYRE_TESTS_SUPPORT_RANDOM_MESSAGE_H
#define GYRE_TESTS_SUPPORT_RANDOM_MESSAGE_H

#include <stdint.h>

struct arena;
struct message_layout;
struct random;

/* Everything lives in the arena, which must have room. */
void *random_message(const struct message_layout *layout, int16_t version, struct random *random,
                     struct arena *arena);

#endif
