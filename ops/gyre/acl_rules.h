/* SPDX-License-Identifier: Apache-2.0 */
/* Asking a cluster for its access rules, and changing them. */
#ifndef GYRE_OPS_ACL_RULES_H
#define GYRE_OPS_ACL_RULES_H

#include <jansson.h>

#include "gyre/access/acl.h"
#include "gyre/base/arena.h"

#include "session.h"

struct acl_rules {
    struct acl *items; /* owned; their texts lie in the arena */
    int count;
    int room;
    struct arena arena;
};

void acl_rules_init(struct acl_rules *rules);
void acl_rules_release(struct acl_rules *rules);
void acl_rules_add(struct acl_rules *rules, const struct acl *rule); /* copies the texts */
bool acl_rules_have(const struct acl_rules *rules, const struct acl *rule);

/* Those that the filter matches, added to `rules`. What failed was said. */
enum exit_status acl_rules_fetch(struct session *session, const struct acl *filter,
                                 struct acl_rules *rules);

/* All of them; each that is refused is said, the others are made. */
enum exit_status acl_rules_create(struct session *session, const struct acl *rules, int count);

/* Every rule that a filter matches; what was removed is added to `removed`. */
enum exit_status acl_rules_delete(struct session *session, const struct acl *filters, int count,
                                  struct acl_rules *removed);

/* "User:alice may READ topic orders", "... topics orders*": for people. */
enum { ACL_SENTENCE_BYTES = 2048 };
void acl_rule_to_text(const struct acl *rule, char text[ACL_SENTENCE_BYTES]);

json_t *acl_rule_to_json(const struct acl *rule);
json_t *acl_rules_to_json(const struct acl_rules *rules);

#endif
