/* SPDX-License-Identifier: Apache-2.0 */
#include "quota_limits.h"

#include <math.h>
#include <stdlib.h>

#include "gyre/base/check.h"

struct given_limit {
    struct map_link link;
    enum quota_kind kind;
    struct quota_entity entity; /* its names lie behind the struct */
    double limit;
};

void quota_limits_init(struct quota_limits *limits)
{
    *limits = (struct quota_limits){0};
    map_init(&limits->given);
}

void quota_limits_clear(struct quota_limits *limits)
{
    map_for_each_safe(link, &limits->given) {
        map_remove(&limits->given, link);
        free(CONTAINER_OF(link, struct given_limit, link));
    }
    for (int i = 0; i < QUOTA_KIND_COUNT; i++) {
        limits->counts[i] = 0;
    }
}

void quota_limits_release(struct quota_limits *limits)
{
    quota_limits_clear(limits);
    map_release(&limits->given);
}

static bool part_equal(struct quota_part a, struct quota_part b)
{
    return a.kind == b.kind && (a.kind != QUOTA_PART_NAMED || string_equal(a.name, b.name));
}

static uint64_t part_hash(struct quota_part part)
{
    return part.kind == QUOTA_PART_NAMED ? string_hash(part.name) : hash_u64((uint64_t)part.kind);
}

static uint64_t entity_hash(const struct quota_entity *entity, enum quota_kind kind)
{
    uint64_t hash = hash_u64((uint64_t)kind + part_hash(entity->user));

    hash = hash_u64(hash + part_hash(entity->client_id));
    return hash_u64(hash + part_hash(entity->ip));
}

static struct given_limit *find_given(const struct quota_limits *limits,
                                      const struct quota_entity *entity, enum quota_kind kind)
{
    map_for_each_match(link, &limits->given, entity_hash(entity, kind)) {
        struct given_limit *given = CONTAINER_OF(link, struct given_limit, link);

        if (given->kind == kind && part_equal(given->entity.user, entity->user) &&
            part_equal(given->entity.client_id, entity->client_id) &&
            part_equal(given->entity.ip, entity->ip)) {
            return given;
        }
    }
    return NULL;
}

static void keep_part(struct quota_part *part, char **text)
{
    if (part->kind == QUOTA_PART_NAMED && part->name.length > 0) {
        memcpy(*text, part->name.bytes, (size_t)part->name.length);
        part->name.bytes = *text;
        *text += part->name.length;
    }
}

static size_t part_bytes(struct quota_part part)
{
    return part.kind == QUOTA_PART_NAMED ? (size_t)part.name.length : 0;
}

void quota_limits_set(struct quota_limits *limits, const struct quota_entity *entity,
                      enum quota_kind kind, double limit)
{
    struct given_limit *given = find_given(limits, entity, kind);
    char *text;

    if (given == NULL) {
        given = check_alloc_zero(sizeof *given + part_bytes(entity->user) +
                                 part_bytes(entity->client_id) + part_bytes(entity->ip));
        given->kind = kind;
        given->entity = *entity;
        text = (char *)(given + 1);
        keep_part(&given->entity.user, &text);
        keep_part(&given->entity.client_id, &text);
        keep_part(&given->entity.ip, &text);
        map_insert(&limits->given, &given->link, entity_hash(entity, kind));
        limits->counts[kind]++;
    }
    given->limit = limit;
}

static struct quota_part part_of(enum quota_part_kind kind, struct string name)
{
    return (struct quota_part){kind, kind == QUOTA_PART_NAMED ? name : STRING_NULL};
}

static struct quota_found find_by_ip(const struct quota_limits *limits, enum quota_kind kind,
                                     struct string ip)
{
    static const enum quota_part_kind order[] = {QUOTA_PART_NAMED, QUOTA_PART_DEFAULT};

    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        struct quota_entity entity = {.ip = part_of(order[i], ip)};
        const struct given_limit *given = find_given(limits, &entity, kind);

        if (given != NULL) {
            return (struct quota_found){.limit = given->limit};
        }
    }
    return (struct quota_found){.limit = HUGE_VAL};
}

struct quota_found quota_limits_find(const struct quota_limits *limits, enum quota_kind kind,
                                     const struct quota_subject *subject)
{
    /* Kafka's precedence, the nearest first. */
    static const struct {
        enum quota_part_kind user;
        enum quota_part_kind client_id;
    } order[] = {
        {QUOTA_PART_NAMED, QUOTA_PART_NAMED},     {QUOTA_PART_NAMED, QUOTA_PART_DEFAULT},
        {QUOTA_PART_NAMED, QUOTA_PART_ABSENT},    {QUOTA_PART_DEFAULT, QUOTA_PART_NAMED},
        {QUOTA_PART_DEFAULT, QUOTA_PART_DEFAULT}, {QUOTA_PART_DEFAULT, QUOTA_PART_ABSENT},
        {QUOTA_PART_ABSENT, QUOTA_PART_NAMED},    {QUOTA_PART_ABSENT, QUOTA_PART_DEFAULT},
    };

    if (limits->counts[kind] == 0) {
        return (struct quota_found){.limit = HUGE_VAL};
    }
    if (kind == QUOTA_CONNECTION_RATE) {
        return find_by_ip(limits, kind, subject->ip);
    }
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        struct quota_entity entity = {.user = part_of(order[i].user, subject->user),
                                      .client_id = part_of(order[i].client_id, subject->client_id)};
        const struct given_limit *given = find_given(limits, &entity, kind);

        if (given != NULL) {
            return (struct quota_found){given->limit, order[i].user != QUOTA_PART_ABSENT,
                                        order[i].client_id != QUOTA_PART_ABSENT};
        }
    }
    return (struct quota_found){.limit = HUGE_VAL};
}
