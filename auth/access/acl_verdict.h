/* SPDX-License-Identifier: Apache-2.0 */
/* What a set of entries says to one question. Thread: the shard's own. */
#ifndef GYRE_AUTH_ACCESS_ACL_VERDICT_H
#define GYRE_AUTH_ACCESS_ACL_VERDICT_H

#include "acl_set.h"

struct access_question;

struct acl_verdict {
    bool is_named; /* some entry, of whomever, names the resource */
    bool is_denied;
    bool is_allowed;
    struct acl rule; /* the first DENY, else the first ALLOW; borrowed from the set */
};

void acl_verdict_find(const struct acl_set *set, const struct access_question *question,
                      struct acl_verdict *verdict);

/* Kafka's authorizeByResourceType, behind its probe of a literal name. */
bool acl_verdict_allows_any(const struct acl_set *set, const struct access_question *question);

#endif
