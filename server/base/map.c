/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/base/map.h"

#include <stdlib.h>

#include "gyre/base/check.h"

enum { SLOT_COUNT_MIN = 16 };

static uint64_t the_seed = 0x243F6A8885A308D3u;

void hash_set_seed(uint64_t seed)
{
    the_seed = seed;
}

uint64_t hash_u64(uint64_t value)
{
    value ^= the_seed;
    value = (value ^ (value >> 32)) * 0xD6E8FEB86659FD93u;
    value = (value ^ (value >> 32)) * 0xD6E8FEB86659FD93u;
    return value ^ (value >> 32);
}

uint64_t hash_bytes(const void *bytes, size_t length)
{
    const uint8_t *at = bytes;
    uint64_t hash = hash_u64(length);
    uint64_t word;

    for (; length >= sizeof word; at += sizeof word, length -= sizeof word) {
        memcpy(&word, at, sizeof word);
        hash = hash_u64(hash ^ word);
    }
    word = 0;
    if (length > 0) {
        memcpy(&word, at, length);
    }
    return hash_u64(hash ^ word);
}

void map_init(struct map *map)
{
    *map = (struct map){0};
}

void map_release(struct map *map)
{
    free(map->slots);
    map_init(map);
}

static size_t slot_of(const struct map *map, uint64_t hash)
{
    return (size_t)hash & (map->slot_count - 1);
}

static void grow(struct map *map)
{
    struct map bigger = {.slot_count = map->slot_count == 0 ? SLOT_COUNT_MIN : map->slot_count * 2};

    bigger.slots = check_alloc_zero(bigger.slot_count * sizeof(struct map_link *));
    for (size_t i = 0; i < map->slot_count; i++) {
        struct map_link *link = map->slots[i];

        while (link != NULL) {
            struct map_link *next = link->next;
            size_t slot = slot_of(&bigger, link->hash);

            link->next = bigger.slots[slot];
            bigger.slots[slot] = link;
            link = next;
        }
    }
    bigger.count = map->count;
    free(map->slots);
    *map = bigger;
}

void map_insert(struct map *map, struct map_link *link, uint64_t hash)
{
    size_t slot;

    if (map->count >= map->slot_count) {
        grow(map);
    }
    slot = slot_of(map, hash);
    link->hash = hash;
    link->next = map->slots[slot];
    map->slots[slot] = link;
    map->count++;
}

void map_remove(struct map *map, struct map_link *link)
{
    struct map_link **at;

    CHECK(map->slot_count > 0);
    at = &map->slots[slot_of(map, link->hash)];
    while (*at != link) {
        CHECK(*at != NULL);
        at = &(*at)->next;
    }
    *at = link->next;
    link->next = NULL;
    map->count--;
}

static struct map_link *match_from(struct map_link *link, uint64_t hash)
{
    while (link != NULL && link->hash != hash) {
        link = link->next;
    }
    return link;
}

struct map_link *map_first_match(const struct map *map, uint64_t hash)
{
    return map->slot_count == 0 ? NULL : match_from(map->slots[slot_of(map, hash)], hash);
}

struct map_link *map_next_match(const struct map_link *link)
{
    return match_from(link->next, link->hash);
}

static struct map_link *first_from_slot(const struct map *map, size_t slot)
{
    while (slot < map->slot_count && map->slots[slot] == NULL) {
        slot++;
    }
    return slot < map->slot_count ? map->slots[slot] : NULL;
}

struct map_link *map_first(const struct map *map)
{
    return first_from_slot(map, 0);
}

struct map_link *map_next(const struct map *map, const struct map_link *link)
{
    return link->next != NULL ? link->next : first_from_slot(map, slot_of(map, link->hash) + 1);
}
