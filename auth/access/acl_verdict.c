/* SPDX-License-Identifier: Apache-2.0 */
#include "acl_verdict.h"

#include "gyre/access/authorizer.h"
#include "gyre/access/identity.h"

#define ANYBODY  STRING("User:*")
#define ANYWHERE STRING("*")

/* Who asks and from where, hashed once for all look-ups. */
struct asker {
    struct string principals[2]; /* the own one, and everybody's */
    struct string hosts[2];
    uint64_t principal_hashes[2];
    uint64_t host_hashes[2];
};

struct search {
    const struct acl_set *set;
    struct asker asker;
    uint32_t denying; /* operations whose DENY applies */
    uint32_t allowing;
    enum acl_operation operation;
    struct acl_verdict *verdict;
};

static void fill_asker(struct asker *asker, const struct access_question *question)
{
    *asker = (struct asker){.principals = {question->identity->principal, ANYBODY},
                            .hosts = {question->host, ANYWHERE}};
    for (int i = 0; i < 2; i++) {
        asker->principal_hashes[i] = string_hash(asker->principals[i]);
        asker->host_hashes[i] = string_hash(asker->hosts[i]);
    }
}

/* The cells of a node that speak of the asker: at most four. */
static int find_cells(const struct acl_set *set, const struct acl_node *node,
                      const struct asker *asker, const struct acl_cell **cells)
{
    int count = 0;

    for (int i = 0; i < 4; i++) {
        const struct acl key = {.principal = asker->principals[i / 2], .host = asker->hosts[i % 2]};
        const struct acl_cell *cell = acl_set_find_cell(
            set, node, &key, asker->principal_hashes[i / 2], asker->host_hashes[i % 2]);

        if (cell != NULL) {
            cells[count++] = cell;
        }
    }
    return count;
}

static uint32_t bit(enum acl_operation operation)
{
    return (uint32_t)1 << operation;
}

/* Operations whose ALLOW gives this one too. */
static uint32_t implying(enum acl_operation operation)
{
    uint32_t operations = bit(ACL_ALL) | bit(operation);

    if (operation == ACL_DESCRIBE) {
        operations |= bit(ACL_READ) | bit(ACL_WRITE) | bit(ACL_DELETE) | bit(ACL_ALTER);
    } else if (operation == ACL_DESCRIBE_CONFIGS) {
        operations |= bit(ACL_ALTER_CONFIGS);
    }
    return operations;
}

static struct acl rule_of(const struct acl_cell *cell, uint32_t operations,
                          enum acl_permission permission)
{
    return (struct acl){.resource = cell->node->resource,
                        .pattern = cell->node->pattern,
                        .name = cell->node->name,
                        .principal = cell->principal,
                        .host = cell->host,
                        .operation = (enum acl_operation)__builtin_ctz(operations),
                        .permission = permission};
}

static void weigh_cell(struct search *search, const struct acl_cell *cell)
{
    struct acl_verdict *verdict = search->verdict;
    uint32_t denied = cell->denied & search->denying;
    uint32_t allowed = cell->allowed & search->allowing;

    if (denied != 0 && !verdict->is_denied) {
        verdict->is_denied = true;
        verdict->rule = rule_of(cell, denied, ACL_DENY);
    }
    if (allowed != 0 && !verdict->is_allowed) {
        verdict->is_allowed = true;
        if (!verdict->is_denied) {
            verdict->rule = rule_of(cell, allowed, ACL_ALLOW);
        }
    }
}

static void weigh_node(struct search *search, const struct acl *pattern, uint64_t hash)
{
    const struct acl_node *node = acl_set_find_node(search->set, pattern, acl_hash_end(hash));
    const struct acl_cell *cells[4];

    if (node == NULL) {
        return;
    }
    search->verdict->is_named = true;
    for (int i = find_cells(search->set, node, &search->asker, cells); i > 0; i--) {
        weigh_cell(search, cells[i - 1]);
    }
}

static void weigh_prefixes(struct search *search, enum acl_resource resource, struct string name)
{
    const struct acl_lengths *lengths = &search->set->prefixes[resource];
    struct acl pattern = {.resource = resource, .pattern = ACL_PREFIXED, .name = name};
    uint64_t hash = acl_hash_start(resource, ACL_PREFIXED);
    int32_t at = 0;

    for (size_t i = 0; i < lengths->count && lengths->items[i].length <= name.length; i++) {
        for (; at < lengths->items[i].length; at++) {
            hash = acl_hash_step(hash, name.bytes[at]);
        }
        pattern.name.length = at;
        weigh_node(search, &pattern, hash);
    }
}

static void weigh_literal(struct search *search, enum acl_resource resource, struct string name)
{
    const struct acl pattern = {.resource = resource, .pattern = ACL_LITERAL, .name = name};
    uint64_t hash = acl_hash_start(resource, ACL_LITERAL);

    for (int32_t i = 0; i < name.length; i++) {
        hash = acl_hash_step(hash, name.bytes[i]);
    }
    weigh_node(search, &pattern, hash);
}

void acl_verdict_find(const struct acl_set *set, const struct access_question *question,
                      struct acl_verdict *verdict)
{
    struct search search = {.set = set,
                            .denying = bit(ACL_ALL) | bit(question->operation),
                            .allowing = implying(question->operation),
                            .verdict = verdict};

    *verdict = (struct acl_verdict){0};
    if (set->count == 0) {
        return;
    }
    fill_asker(&search.asker, question);
    weigh_literal(&search, question->resource, question->name);
    weigh_literal(&search, question->resource, ANYWHERE);
    weigh_prefixes(&search, question->resource, question->name);
}

/* ---- any resource of a type ---- */

/* What the cells of a node give and take of one operation. */
struct node_claim {
    bool is_denied;
    bool is_allowed;
};

static struct node_claim claim_of(const struct search *search, const struct acl_node *node)
{
    const struct acl_cell *cells[4];
    struct node_claim claim = {false, false};

    for (int i = find_cells(search->set, node, &search->asker, cells); i > 0; i--) {
        claim.is_denied = claim.is_denied || (cells[i - 1]->denied & search->denying) != 0;
        claim.is_allowed = claim.is_allowed || (cells[i - 1]->allowed & search->denying) != 0;
    }
    return claim;
}

static struct node_claim claim_of_wildcard(const struct search *search, enum acl_resource resource)
{
    const struct acl pattern = {.resource = resource, .pattern = ACL_LITERAL, .name = STRING("*")};
    uint64_t hash = acl_hash_step(acl_hash_start(resource, ACL_LITERAL), '*');
    const struct acl_node *node = acl_set_find_node(search->set, &pattern, acl_hash_end(hash));

    return node == NULL ? (struct node_claim){false, false} : claim_of(search, node);
}

/* Is a prefix of the node's name denied? */
static bool is_dominated(const struct search *search, const struct acl_node *node)
{
    const struct acl_lengths *lengths = &search->set->prefixes[node->resource];
    struct acl pattern = {.resource = node->resource, .pattern = ACL_PREFIXED, .name = node->name};
    uint64_t hash = acl_hash_start(node->resource, ACL_PREFIXED);
    int32_t at = 0;

    for (size_t i = 0; i < lengths->count && lengths->items[i].length <= node->name.length; i++) {
        const struct acl_node *prefix;

        for (; at < lengths->items[i].length; at++) {
            hash = acl_hash_step(hash, node->name.bytes[at]);
        }
        pattern.name.length = at;
        prefix = acl_set_find_node(search->set, &pattern, acl_hash_end(hash));
        if (prefix != NULL && claim_of(search, prefix).is_denied) {
            return true;
        }
    }
    return false;
}

/* Does this cell allow a resource, or resources, that nothing denies? */
static bool opens_something(const struct search *search, const struct acl_cell *cell,
                            enum acl_resource resource)
{
    const struct acl_node *node = cell->node;

    if (node->resource != resource || (cell->allowed & search->denying) == 0 ||
        (!string_equal(cell->host, search->asker.hosts[0]) &&
         !string_equal(cell->host, search->asker.hosts[1]))) {
        return false;
    }
    return !(node->pattern == ACL_LITERAL && claim_of(search, node).is_denied) &&
           !is_dominated(search, node);
}

bool acl_verdict_allows_any(const struct acl_set *set, const struct access_question *question)
{
    /* Nothing is implied here, in either direction. */
    struct search search = {.set = set, .denying = bit(ACL_ALL) | bit(question->operation)};
    struct node_claim wildcard;

    fill_asker(&search.asker, question);
    wildcard = claim_of_wildcard(&search, question->resource);
    if (wildcard.is_denied || wildcard.is_allowed) {
        return !wildcard.is_denied;
    }
    for (int i = 0; i < 2; i++) {
        const struct acl_owner *owner =
            acl_set_find_owner(set, search.asker.principals[i], search.asker.principal_hashes[i]);

        if (owner == NULL) {
            continue;
        }
        list_for_each(link, &owner->cells) {
            if (opens_something(&search, list_entry(link, struct acl_cell, of_owner),
                                question->resource)) {
                return true;
            }
        }
    }
    return false;
}
