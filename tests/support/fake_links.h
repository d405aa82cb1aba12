/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network in memory, deterministic by its random. Frames of one direction arrive in order, with
 * delay; frames of different links overtake each other. A direction that is cut loses what is sent
 * in it, silently at first: the link goes down after a while, as TCP's does, and comes up when
 * nothing is cut. What was on its way when a link went down never arrives.
 *
 * Thread: the one thread of a test.
 */
#ifndef GYRE_TESTS_SUPPORT_FAKE_LINKS_H
#define GYRE_TESTS_SUPPORT_FAKE_LINKS_H

#include "gyre/base/random.h"
#include "gyre/runtime/clock.h"
#include "gyre/runtime/links.h"

enum { FAKE_NODES_MAX = 16 };

struct fake_network;

struct fake_network *fake_network_new(const struct clock *clock, struct random *random);
void fake_network_free(struct fake_network *network);
void fake_network_set_delay(struct fake_network *network, uint64_t min_us, uint64_t max_us);

/* A node appears: links to all others that are there come up. */
struct links *fake_network_join(struct fake_network *network, int32_t node);
/* It is gone, as by kill -9. Its links are freed. */
void fake_network_leave(struct fake_network *network, int32_t node);

void fake_network_cut(struct fake_network *network, int32_t from, int32_t to);
void fake_network_heal(struct fake_network *network, int32_t from, int32_t to);
void fake_network_heal_all(struct fake_network *network);
/* The connection breaks and is made again. */
void fake_network_reset(struct fake_network *network, int32_t a, int32_t b);

/* What is sent in this direction arrives from this moment on, in order: a congested path. */
void fake_network_stall(struct fake_network *network, int32_t from, int32_t to, uint64_t until_us);

/* The node takes nothing in before this time, as while it is stopped; 0: at once again. */
void fake_network_pause(struct fake_network *network, int32_t node, uint64_t until_us);

/* When the next thing happens; UINT64_MAX: nothing will. */
uint64_t fake_network_next_us(const struct fake_network *network);
/* Deliver all that is due. Receivers are called from here. */
void fake_network_run(struct fake_network *network);
/* Frames that this node has sent. */
uint64_t fake_network_sent(const struct fake_network *network, int32_t node);
/* Everything that was delivered, for comparing runs. */
uint64_t fake_network_hash(const struct fake_network *network);

#endif
