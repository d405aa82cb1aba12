/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the newest Metadata answers said: brokers, and the leaders of the topics that were asked
 * about. An answer replaces all brokers, and of the topics those that it names.
 *
 * Thread: the client's.
 */
#ifndef GYRE_CLIENT_METADATA_CACHE_H
#define GYRE_CLIENT_METADATA_CACHE_H

#include <stdint.h>

#include "gyre/base/bytes.h"
#include "gyre/base/map.h"

struct client_node;
struct metadata_response;

struct metadata_cache {
    struct client_node *nodes; /* owned */
    int32_t node_count;
    struct map topics; /* of struct cached_topic, owned */
};

void metadata_cache_init(struct metadata_cache *cache);
void metadata_cache_release(struct metadata_cache *cache);
void metadata_cache_learn(struct metadata_cache *cache, const struct metadata_response *response);

const struct client_node *metadata_cache_find_node(const struct metadata_cache *cache, int32_t id);
int32_t metadata_cache_find_leader(const struct metadata_cache *cache, struct string topic,
                                   int32_t partition);
int32_t metadata_cache_find_count(const struct metadata_cache *cache, struct string topic);

#endif
