/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash map of intrusive links. The element embeds a `struct map_link` and keeps its own key; the
 * caller hashes and compares. The map owns nothing but its table.
 *
 *     struct topic *topic = NULL;
 *     map_for_each_match(link, &catalog->by_name, string_hash(name)) {
 *         struct topic *candidate = CONTAINER_OF(link, struct topic, by_name);
 *         if (string_equal(candidate->name, name)) { topic = candidate; break; }
 *     }
 */
#ifndef GYRE_BASE_MAP_H
#define GYRE_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "gyre/base/bytes.h"

struct map_link {
    struct map_link *next;
    uint64_t hash;
};

struct map {
    struct map_link **slots; /* owned; a power of two of them, NULL while empty */
    size_t slot_count;
    size_t count;
};

void map_init(struct map *map);
void map_release(struct map *map); /* frees the table, not the elements */
void map_insert(struct map *map, struct map_link *link, uint64_t hash);
void map_remove(struct map *map, struct map_link *link); /* must be in the map */

struct map_link *map_first_match(const struct map *map, uint64_t hash);
struct map_link *map_next_match(const struct map_link *link);

/* Any order. The current element may be removed in the body if `link` was advanced before. */
struct map_link *map_first(const struct map *map);
struct map_link *map_next(const struct map *map, const struct map_link *link);

/* NOLINTBEGIN(bugprone-macro-parentheses): a declared name takes no parentheses. */
#define map_for_each_match(link, map, hash)                                                        \
    for (struct map_link *link = map_first_match(map, hash); link != NULL;                         \
         link = map_next_match(link))

#define map_for_each(link, map)                                                                    \
    for (struct map_link *link = map_first(map); link != NULL; link = map_next(map, link))

/* The current element may be removed and freed in the body; others may not. */
#define map_for_each_safe(link, map)                                                               \
    for (struct map_link *link = map_first(map),                                                   \
                         *link##_next = link == NULL ? NULL : map_next(map, link);                 \
         link != NULL;                                                                             \
         link = link##_next, link##_next = link == NULL ? NULL : map_next(map, link))
/* NOLINTEND(bugprone-macro-parentheses) */

/* Seeded per process, so that clients cannot choose keys that collide. */
uint64_t hash_bytes(const void *bytes, size_t length);
uint64_t hash_u64(uint64_t value);
static inline uint64_t string_hash(struct string text)
{
    return hash_bytes(text.bytes, (size_t)text.length);
}

/* Tests and the simulator fix the seed; gyred sets it from the system's chance before threads. */
void hash_set_seed(uint64_t seed);

#endif
