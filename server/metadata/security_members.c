/* SPDX-License-Identifier: Apache-2.0 */
/* Which roles a principal has: the roles' members, turned round. */
#include <stdlib.h>

#include "gyre/base/check.h"

#include "metadata/catalog_state.h"

static struct security_membership *find_membership(const struct security *security,
                                                   struct string principal)
{
    map_for_each_match(link, &security->memberships, string_hash(principal)) {
        struct security_membership *membership =
            CONTAINER_OF(link, struct security_membership, by_principal);
        if (string_equal(membership->principal, principal)) {
            return membership;
        }
    }
    return NULL;
}

static void free_membership(struct security *security, struct security_membership *membership)
{
    map_remove(&security->memberships, &membership->by_principal);
    string_drop(&membership->principal);
    free(membership->names);
    free(membership);
}

static void add_name(struct security *security, struct string principal, struct string name)
{
    struct security_membership *membership = find_membership(security, principal);

    if (membership == NULL) {
        membership = check_alloc_zero(sizeof *membership);
        membership->principal = string_keep(principal);
        map_insert(&security->memberships, &membership->by_principal, string_hash(principal));
    }
    if (membership->count == membership->capacity) {
        int32_t capacity = membership->capacity * 2 + 2;
        struct string *names = check_alloc_zero((size_t)capacity * sizeof *names);
        if (membership->count > 0) {
            memcpy(names, membership->names, (size_t)membership->count * sizeof *names);
        }
        free(membership->names);
        membership->names = names;
        membership->capacity = capacity;
    }
    membership->names[membership->count++] = name;
}

static void remove_name(struct security *security, struct string principal, struct string name)
{
    struct security_membership *membership = find_membership(security, principal);

    CHECK(membership != NULL);
    for (int32_t i = 0; i < membership->count; i++) {
        if (string_equal(membership->names[i], name)) {
            membership->names[i] = membership->names[--membership->count];
            break;
        }
    }
    if (membership->count == 0) {
        free_membership(security, membership);
    }
}

void security_members_enter(struct security *security, const struct catalog_role *role)
{
    for (int32_t i = 0; i < role->member_count; i++) {
        add_name(security, role->members[i], role->name);
    }
}

void security_members_leave(struct security *security, const struct catalog_role *role)
{
    for (int32_t i = 0; i < role->member_count; i++) {
        remove_name(security, role->members[i], role->name);
    }
}

void security_members_release(struct security *security)
{
    map_for_each_safe(link, &security->memberships) {
        free_membership(security, CONTAINER_OF(link, struct security_membership, by_principal));
    }
    map_release(&security->memberships);
}
