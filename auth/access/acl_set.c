/* SPDX-License-Identifier: Apache-2.0 */
#include "acl_set.h"

#include <stdlib.h>

uint64_t acl_set_next_epoch(void)
{
    static uint64_t epoch;

    return ++epoch;
}

struct acl_set *acl_set_new(void)
{
    struct acl_set *set = check_alloc_zero(sizeof *set);

    map_init(&set->nodes);
    map_init(&set->cells);
    map_init(&set->owners);
    list_init(&set->order);
    set->epoch = acl_set_next_epoch();
    return set;
}

static uint64_t pattern_hash(const struct acl *acl)
{
    uint64_t hash = acl_hash_start(acl->resource, acl->pattern);

    for (int32_t i = 0; i < acl->name.length; i++) {
        hash = acl_hash_step(hash, acl->name.bytes[i]);
    }
    return acl_hash_end(hash);
}

struct acl_node *acl_set_find_node(const struct acl_set *set, const struct acl *pattern,
                                   uint64_t hash)
{
    map_for_each_match(link, &set->nodes, hash) {
        struct acl_node *node = CONTAINER_OF(link, struct acl_node, by_pattern);

        if (node->resource == pattern->resource && node->pattern == pattern->pattern &&
            string_equal(node->name, pattern->name)) {
            return node;
        }
    }
    return NULL;
}

struct acl_cell *acl_set_find_cell(const struct acl_set *set, const struct acl_node *node,
                                   const struct acl *key, uint64_t principal, uint64_t host)
{
    map_for_each_match(link, &set->cells, acl_cell_hash(node, principal, host)) {
        struct acl_cell *cell = CONTAINER_OF(link, struct acl_cell, by_key);

        if (cell->node == node && string_equal(cell->principal, key->principal) &&
            string_equal(cell->host, key->host)) {
            return cell;
        }
    }
    return NULL;
}

struct acl_owner *acl_set_find_owner(const struct acl_set *set, struct string principal,
                                     uint64_t hash)
{
    map_for_each_match(link, &set->owners, hash) {
        struct acl_owner *owner = CONTAINER_OF(link, struct acl_owner, by_principal);

        if (string_equal(owner->principal, principal)) {
            return owner;
        }
    }
    return NULL;
}

/* ---- lengths of prefixes ---- */

/* Where `length` is, or belongs. */
static size_t length_position(const struct acl_lengths *lengths, int32_t length)
{
    size_t at = 0;

    while (at < lengths->count && lengths->items[at].length < length) {
        at++;
    }
    return at;
}

static void count_prefix(struct acl_set *set, const struct acl_node *node)
{
    struct acl_lengths *lengths = &set->prefixes[node->resource];
    size_t at = length_position(lengths, node->name.length);

    if (at < lengths->count && lengths->items[at].length == node->name.length) {
        lengths->items[at].nodes++;
        return;
    }
    lengths->items =
        check_realloc(lengths->items, (lengths->count + 1) * sizeof(struct acl_length));
    memmove(&lengths->items[at + 1], &lengths->items[at],
            (lengths->count - at) * sizeof(struct acl_length));
    lengths->items[at] = (struct acl_length){.length = node->name.length, .nodes = 1};
    lengths->count++;
}

static void discount_prefix(struct acl_set *set, const struct acl_node *node)
{
    struct acl_lengths *lengths = &set->prefixes[node->resource];
    size_t at = length_position(lengths, node->name.length);

    CHECK(at < lengths->count);
    CHECK(lengths->items[at].length == node->name.length);
    if (--lengths->items[at].nodes == 0) {
        lengths->count--;
        memmove(&lengths->items[at], &lengths->items[at + 1],
                (lengths->count - at) * sizeof(struct acl_length));
    }
}

/* ---- nodes and cells ---- */

static struct acl_node *new_node(struct acl_set *set, const struct acl *acl, uint64_t hash)
{
    struct acl_node *node = check_alloc_zero(sizeof *node + (size_t)acl->name.length);

    memcpy(node + 1, acl->name.bytes, (size_t)acl->name.length);
    node->name = (struct string){(const char *)(node + 1), acl->name.length};
    node->resource = acl->resource;
    node->pattern = acl->pattern;
    list_init(&node->cells);
    list_append(&set->order, &node->link);
    map_insert(&set->nodes, &node->by_pattern, hash);
    if (node->pattern == ACL_PREFIXED) {
        count_prefix(set, node);
    }
    return node;
}

static struct acl_owner *get_owner(struct acl_set *set, struct string principal)
{
    uint64_t hash = string_hash(principal);
    struct acl_owner *owner = acl_set_find_owner(set, principal, hash);

    if (owner == NULL) {
        owner = check_alloc_zero(sizeof *owner + (size_t)principal.length);
        memcpy(owner + 1, principal.bytes, (size_t)principal.length);
        owner->principal = (struct string){(const char *)(owner + 1), principal.length};
        list_init(&owner->cells);
        map_insert(&set->owners, &owner->by_principal, hash);
    }
    return owner;
}

static struct acl_cell *new_cell(struct acl_set *set, struct acl_node *node, const struct acl *acl)
{
    size_t principal_bytes = (size_t)acl->principal.length;
    size_t host_bytes = (size_t)acl->host.length;
    struct acl_cell *cell = check_alloc_zero(sizeof *cell + principal_bytes + host_bytes);
    char *text = (char *)(cell + 1);

    memcpy(text, acl->principal.bytes, principal_bytes);
    memcpy(text + principal_bytes, acl->host.bytes, host_bytes);
    cell->principal = (struct string){text, acl->principal.length};
    cell->host = (struct string){text + principal_bytes, acl->host.length};
    cell->node = node;
    cell->owner = get_owner(set, acl->principal);
    list_append(&cell->owner->cells, &cell->of_owner);
    list_append(&node->cells, &cell->link);
    map_insert(&set->cells, &cell->by_key,
               acl_cell_hash(node, string_hash(acl->principal), string_hash(acl->host)));
    return cell;
}

static struct acl_cell *find_cell_of(const struct acl_set *set, const struct acl_node *node,
                                     const struct acl *acl)
{
    return acl_set_find_cell(set, node, acl, string_hash(acl->principal), string_hash(acl->host));
}

static uint32_t *mask_of(struct acl_cell *cell, enum acl_permission permission)
{
    return permission == ACL_DENY ? &cell->denied : &cell->allowed;
}

enum error acl_set_add(struct acl_set *set, const struct acl *acl)
{
    uint64_t hash = pattern_hash(acl);
    struct acl_node *node = acl_set_find_node(set, acl, hash);
    struct acl_cell *cell = node == NULL ? NULL : find_cell_of(set, node, acl);

    CHECK(acl_problem(acl) == NULL);
    if (cell != NULL && (*mask_of(cell, acl->permission) & 1u << acl->operation) != 0) {
        return ERROR_NONE;
    }
    if (set->count >= ACLS_MAX) {
        return ERROR_LIMIT;
    }
    if (node == NULL) {
        node = new_node(set, acl, hash);
    }
    if (cell == NULL) {
        cell = new_cell(set, node, acl);
    }
    *mask_of(cell, acl->permission) |= 1u << acl->operation;
    set->count++;
    set->epoch = acl_set_next_epoch();
    return ERROR_NONE;
}

static void drop_cell(struct acl_set *set, struct acl_cell *cell)
{
    map_remove(&set->cells, &cell->by_key);
    list_remove(&cell->link);
    list_remove(&cell->of_owner);
    if (list_is_empty(&cell->owner->cells)) {
        map_remove(&set->owners, &cell->owner->by_principal);
        free(cell->owner);
    }
    free(cell);
}

static void drop_node(struct acl_set *set, struct acl_node *node)
{
    if (node->pattern == ACL_PREFIXED) {
        discount_prefix(set, node);
    }
    map_remove(&set->nodes, &node->by_pattern);
    list_remove(&node->link);
    free(node);
}

enum error acl_set_remove(struct acl_set *set, const struct acl *acl)
{
    struct acl_node *node = acl_set_find_node(set, acl, pattern_hash(acl));
    struct acl_cell *cell = node == NULL ? NULL : find_cell_of(set, node, acl);

    if (cell == NULL || (*mask_of(cell, acl->permission) & 1u << acl->operation) == 0) {
        return ERROR_NOT_FOUND;
    }
    *mask_of(cell, acl->permission) &= ~(1u << acl->operation);
    set->count--;
    set->epoch = acl_set_next_epoch();
    if (cell->denied == 0 && cell->allowed == 0) {
        drop_cell(set, cell);
    }
    if (list_is_empty(&node->cells)) {
        drop_node(set, node);
    }
    return ERROR_NONE;
}

void acl_set_clear(struct acl_set *set)
{
    list_for_each_safe(link, &set->order) {
        struct acl_node *node = list_entry(link, struct acl_node, link);

        list_for_each_safe(cell, &node->cells) {
            drop_cell(set, list_entry(cell, struct acl_cell, link));
        }
        drop_node(set, node);
    }
    set->count = 0;
    set->epoch = acl_set_next_epoch();
}

void acl_set_free(struct acl_set *set)
{
    if (set == NULL) {
        return;
    }
    acl_set_clear(set);
    for (int i = 0; i < ACL_RESOURCES; i++) {
        free(set->prefixes[i].items);
    }
    map_release(&set->nodes);
    map_release(&set->cells);
    map_release(&set->owners);
    free(set);
}

size_t acl_set_count(const struct acl_set *set)
{
    return set->count;
}

uint64_t acl_set_epoch(const struct acl_set *set)
{
    return set->epoch;
}

static void visit_cell(struct acl_cell *cell, const struct acl *filter,
                       void (*visit)(void *context, const struct acl *acl), void *context)
{
    struct acl acl = {.resource = cell->node->resource,
                      .pattern = cell->node->pattern,
                      .name = cell->node->name,
                      .principal = cell->principal,
                      .host = cell->host};

    for (acl.permission = ACL_DENY; acl.permission <= ACL_ALLOW; acl.permission++) {
        uint32_t mask = *mask_of(cell, acl.permission);

        for (acl.operation = ACL_ALL; acl.operation <= ACL_DESCRIBE_TOKENS; acl.operation++) {
            if ((mask & 1u << acl.operation) != 0 && acl_matches(filter, &acl)) {
                visit(context, &acl);
            }
        }
    }
}

void acl_set_for_each(const struct acl_set *set, const struct acl *filter,
                      void (*visit)(void *context, const struct acl *acl), void *context)
{
    list_for_each(link, &set->order) {
        struct acl_node *node = list_entry(link, struct acl_node, link);

        list_for_each(cell, &node->cells) {
            visit_cell(list_entry(cell, struct acl_cell, link), filter, visit, context);
        }
    }
}
