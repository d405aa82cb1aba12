/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kafka's access control entries, with Kafka's numbers, and the set of them that a region has.
 * The set is the catalog's: it changes when the catalog applies a command, and every broker has
 * the same one. Deciding is access/authorizer.h.
 *
 * Thread: the shard's own.
 */
#ifndef GYRE_ACCESS_ACL_H
#define GYRE_ACCESS_ACL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gyre/base/bytes.h"
#include "gyre/base/error.h"

/* ResourceType */
enum acl_resource {
    ACL_RESOURCE_UNKNOWN = 0,
    ACL_RESOURCE_ANY = 1,
    ACL_TOPIC = 2,
    ACL_GROUP = 3,
    ACL_CLUSTER = 4, /* its only name is ACL_CLUSTER_NAME */
    ACL_TRANSACTIONAL_ID = 5,
    ACL_DELEGATION_TOKEN = 6,
    ACL_USER = 7,
};
#define ACL_CLUSTER_NAME STRING("kafka-cluster")

/* PatternType */
enum acl_pattern {
    ACL_PATTERN_UNKNOWN = 0,
    ACL_PATTERN_ANY = 1,   /* filters only */
    ACL_PATTERN_MATCH = 2, /* filters only: literal, wildcard and every prefix of the name */
    ACL_LITERAL = 3,       /* the name "*" is the wildcard */
    ACL_PREFIXED = 4,
};

/* AclOperation */
enum acl_operation {
    ACL_OPERATION_UNKNOWN = 0,
    ACL_OPERATION_ANY = 1,
    ACL_ALL = 2,
    ACL_READ = 3,
    ACL_WRITE = 4,
    ACL_CREATE = 5,
    ACL_DELETE = 6,
    ACL_ALTER = 7,
    ACL_DESCRIBE = 8,
    ACL_CLUSTER_ACTION = 9,
    ACL_DESCRIBE_CONFIGS = 10,
    ACL_ALTER_CONFIGS = 11,
    ACL_IDEMPOTENT_WRITE = 12,
    ACL_CREATE_TOKENS = 13,
    ACL_DESCRIBE_TOKENS = 14,
};

/* AclPermissionType */
enum acl_permission {
    ACL_PERMISSION_UNKNOWN = 0,
    ACL_PERMISSION_ANY = 1,
    ACL_DENY = 2,
    ACL_ALLOW = 3,
};

/* One entry, or a filter of entries: then null strings and ANY match everything. */
struct acl {
    enum acl_resource resource;
    enum acl_pattern pattern;
    struct string name;
    struct string principal; /* "User:alice", "User:*" */
    struct string host;      /* an address as ip_address.h spells it, "*" */
    enum acl_operation operation;
    enum acl_permission permission;
};

enum { ACL_NAME_BYTES_MAX = 32767, ACLS_MAX = 100000 };

struct acl_set; /* opaque; copies what it is given */

struct acl_set *acl_set_new(void);
void acl_set_free(struct acl_set *set);

/* May this entry be created? The sentence says what is wrong, in Kafka's words; NULL: it may. */
const char *acl_problem(const struct acl *acl);

/* Bit N: operation N has a meaning for this type of resource. Without ALL. */
uint32_t acl_supported_operations(enum acl_resource resource);
/* May the operation stand in a rule about such a resource? ALL may in any. */
bool acl_operation_fits(enum acl_operation operation, enum acl_resource resource);

/* `acl` has no problem. NONE also where an equal entry exists already (a set). LIMIT: ACLS_MAX are
 * there. */
MUST_USE
enum error acl_set_add(struct acl_set *set, const struct acl *acl);
/* NOT_FOUND: no equal entry. */
MUST_USE
enum error acl_set_remove(struct acl_set *set, const struct acl *acl);
void acl_set_clear(struct acl_set *set);

size_t acl_set_count(const struct acl_set *set);
/* Grows with every change: decisions that were cached under another one are void. */
uint64_t acl_set_epoch(const struct acl_set *set);

bool acl_matches(const struct acl *filter, const struct acl *acl);

/* Every entry that the filter matches, grouped by (resource, pattern, name). The set may not be
 * changed in the visit; `acl` itself lives for the call, its texts until the set changes. */
void acl_set_for_each(const struct acl_set *set, const struct acl *filter,
                      void (*visit)(void *context, const struct acl *acl), void *context);

#endif
