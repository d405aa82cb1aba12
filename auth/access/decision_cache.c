/* SPDX-License-Identifier: Apache-2.0 */
#include "decision_cache.h"

#include <stdlib.h>

#include "gyre/access/identity.h"
#include "gyre/base/map.h"

/* Two places for each slot: 8192 decisions, two megabytes. */
enum { SLOTS = 4096, PLACES = 2, HOST_BYTES_MAX = 46, NAME_BYTES_MAX = 176 };

struct place {
    uint64_t serial; /* of the identity; 0: empty */
    uint64_t version;
    uint64_t hash;
    uint8_t host_length;
    uint8_t name_length;
    uint8_t operation;
    uint8_t resource;
    bool is_allowed;
    char host[HOST_BYTES_MAX];
    char name[NAME_BYTES_MAX];
};

struct decision_cache {
    struct place slots[SLOTS][PLACES];
    uint8_t next[SLOTS]; /* the place to be taken next */
};

struct decision_cache *decision_cache_new(void)
{
    return check_alloc_zero(sizeof(struct decision_cache));
}

void decision_cache_free(struct decision_cache *cache)
{
    free(cache);
}

static bool is_cacheable(const struct access_question *question)
{
    return question->host.length <= HOST_BYTES_MAX && question->name.length >= 0 &&
           question->name.length <= NAME_BYTES_MAX;
}

static uint64_t question_hash(const struct access_question *question)
{
    return hash_u64(question->identity->serial << 16 ^ (uint64_t)question->resource << 8 ^
                    (uint64_t)question->operation) ^
           string_hash(question->name);
}

static bool is_text(const char *bytes, uint8_t length, struct string text)
{
    return length == text.length && (length == 0 || memcmp(bytes, text.bytes, length) == 0);
}

static bool holds(const struct place *place, const struct access_question *question, uint64_t hash)
{
    return place->hash == hash && place->serial == question->identity->serial &&
           place->operation == question->operation && place->resource == question->resource &&
           is_text(place->host, place->host_length, question->host) &&
           is_text(place->name, place->name_length, question->name);
}

bool decision_cache_find(const struct decision_cache *cache, const struct access_question *question,
                         uint64_t version, bool *out_is_allowed)
{
    uint64_t hash = question_hash(question);
    const struct place *places = cache->slots[hash % SLOTS];

    if (!is_cacheable(question)) {
        return false;
    }
    for (int i = 0; i < PLACES; i++) {
        if (places[i].version == version && holds(&places[i], question, hash)) {
            *out_is_allowed = places[i].is_allowed;
            return true;
        }
    }
    return false;
}

void decision_cache_put(struct decision_cache *cache, const struct access_question *question,
                        uint64_t version, bool is_allowed)
{
    uint64_t hash = question_hash(question);
    uint8_t *next = &cache->next[hash % SLOTS];
    struct place *place;

    if (!is_cacheable(question)) {
        return;
    }
    place = &cache->slots[hash % SLOTS][*next];
    *next = (uint8_t)((*next + 1) % PLACES);
    *place = (struct place){.serial = question->identity->serial,
                            .version = version,
                            .hash = hash,
                            .host_length = (uint8_t)question->host.length,
                            .name_length = (uint8_t)question->name.length,
                            .operation = (uint8_t)question->operation,
                            .resource = (uint8_t)question->resource,
                            .is_allowed = is_allowed};
    if (place->host_length > 0) {
        memcpy(place->host, question->host.bytes, place->host_length);
    }
    if (place->name_length > 0) {
        memcpy(place->name, question->name.bytes, place->name_length);
    }
}
