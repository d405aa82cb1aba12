/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decisions that were made, by question and by the version of the rules. It has a fixed number of
 * places; a newer decision takes the place of an older one. Long names are not kept.
 *
 * Thread: the shard's own.
 */
#ifndef GYRE_AUTH_ACCESS_DECISION_CACHE_H
#define GYRE_AUTH_ACCESS_DECISION_CACHE_H

#include "gyre/access/authorizer.h"

struct decision_cache; /* opaque */

struct decision_cache *decision_cache_new(void);
void decision_cache_free(struct decision_cache *cache);

/* False: not known under this version. */
bool decision_cache_find(const struct decision_cache *cache, const struct access_question *question,
                         uint64_t version, bool *out_is_allowed);
void decision_cache_put(struct decision_cache *cache, const struct access_question *question,
                        uint64_t version, bool is_allowed);

#endif
