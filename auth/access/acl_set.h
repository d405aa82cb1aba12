/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a set of entries, for those who decide by it.
 *
 * All entries of one (resource, pattern, name) hang on one node. Within it, all entries of one
 * principal and host are one cell: two masks of operations, bit N for operation N. So a decision
 * is a few look-ups, however many entries there are: the node of the name, the node of "*", one
 * for each length that some prefix has; and in each of them at most four cells.
 * What is asked of all resources of a type at once goes through the cells of a principal.
 *
 * Thread: the shard's own.
 */
#ifndef GYRE_AUTH_ACCESS_ACL_SET_H
#define GYRE_AUTH_ACCESS_ACL_SET_H

#include "gyre/access/acl.h"
#include "gyre/base/list.h"
#include "gyre/base/map.h"

struct acl_node {
    struct map_link by_pattern;
    struct list link;  /* of the set: in order of making */
    struct list cells; /* never empty */
    enum acl_resource resource;
    enum acl_pattern pattern;
    struct string name; /* owned: behind the struct */
};

/* All that one principal is named in. */
struct acl_owner {
    struct map_link by_principal;
    struct list cells;       /* never empty */
    struct string principal; /* owned: behind the struct */
};

struct acl_cell {
    struct map_link by_key;
    struct list link;     /* of the node */
    struct list of_owner; /* of all that its principal is named in */
    struct acl_owner *owner;
    struct acl_node *node;
    struct string principal; /* owned: behind the struct */
    struct string host;      /* likewise */
    uint32_t denied;
    uint32_t allowed;
};

struct acl_length {
    int32_t length;
    uint32_t nodes;
};

/* The lengths that prefixes of one resource type have, ascending. */
struct acl_lengths {
    struct acl_length *items; /* owned */
    size_t count;
};

enum { ACL_RESOURCES = ACL_USER + 1 };

struct acl_set {
    struct map nodes;
    struct map cells;
    struct map owners;
    struct list order; /* of nodes */
    struct acl_lengths prefixes[ACL_RESOURCES];
    size_t count;
    uint64_t epoch;
};

/* Names are hashed byte by byte, so that one walk gives the hash of every prefix. */
static inline uint64_t acl_hash_start(enum acl_resource resource, enum acl_pattern pattern)
{
    return hash_u64((uint64_t)resource << 8 | (uint64_t)pattern);
}

static inline uint64_t acl_hash_step(uint64_t hash, char byte)
{
    return (hash ^ (uint8_t)byte) * 0x9E3779B97F4A7C15u;
}

static inline uint64_t acl_hash_end(uint64_t hash)
{
    return hash ^ hash >> 29;
}

static inline uint64_t acl_cell_hash(const struct acl_node *node, uint64_t principal, uint64_t host)
{
    return hash_u64(node->by_pattern.hash ^ principal) ^ host;
}

/* Ever greater: no two states of rules in this process have one epoch, so that a decision is never
 * taken for one that was made by other rules. */
uint64_t acl_set_next_epoch(void);

/* `hash` is of the same resource, pattern and name. May miss. */
struct acl_node *acl_set_find_node(const struct acl_set *set, const struct acl *pattern,
                                   uint64_t hash);
/* `hash` is string_hash() of the principal. May miss. */
struct acl_owner *acl_set_find_owner(const struct acl_set *set, struct string principal,
                                     uint64_t hash);
/* The hashes are string_hash() of principal and host. May miss. */
struct acl_cell *acl_set_find_cell(const struct acl_set *set, const struct acl_node *node,
                                   const struct acl *key, uint64_t principal, uint64_t host);

#endif
