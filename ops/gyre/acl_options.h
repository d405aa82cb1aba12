/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments of `gyre acl`: who, what, on which resources; and the rules that they make. */
#ifndef GYRE_OPS_ACL_OPTIONS_H
#define GYRE_OPS_ACL_OPTIONS_H

#include <stdbool.h>

#include "acl_rules.h"
#include "verb.h"

enum { ACL_WORDS_MAX = 64 };

struct acl_resource_word {
    enum acl_resource type;
    const char *name;
};

struct acl_arguments {
    struct connect_arguments connect;
    struct string principals[ACL_WORDS_MAX];
    int principal_count;
    enum acl_operation operations[ACL_WORDS_MAX];
    int operation_count;
    struct acl_resource_word resources[ACL_WORDS_MAX];
    int resource_count;
    const char *host;                   /* NULL: not told */
    const char *members[ACL_WORDS_MAX]; /* of `test`: groups that the principal is in */
    int member_count;
    bool is_prefix;
    bool is_denial;
    bool is_producer;
    bool is_consumer;
    bool if_exists;
    struct arena arena;     /* of principals that were written without "User:" */
    struct acl_rules rules; /* what acl_arguments_to_rules() or _to_filters() made of all this */
};

extern const struct argp_option acl_grant_options[];
extern const struct argp_option acl_revoke_options[];
extern const struct argp_option acl_list_options[];
extern const struct argp_option acl_matrix_options[];
extern const struct argp_option acl_test_options[];

/* What verbs demand. */
enum { ACL_NEEDS_PRINCIPAL = 1, ACL_NEEDS_RESOURCE = 2, ACL_NEEDS_OPERATION = 4 };

void acl_arguments_init(struct acl_arguments *arguments);
void acl_arguments_release(void *context);

/* Of a group of verbs whose arguments are a struct acl_arguments. */
error_t acl_parse_option(int key, char *argument, struct argp_state *state);

/*
 * Before a verb: the rules that the arguments speak of, each principal with each operation on each
 * resource on which the operation makes sense. An operation that makes sense on none of them is
 * said; then false. In filters, what was not told matches everything.
 */
bool acl_arguments_to_rules(void *arguments);
bool acl_arguments_to_filters(void *arguments);

/* "alice" is "User:alice". The text lies in the arena, or is the argument's own. */
struct string acl_principal(struct arena *arena, const char *text);

#endif
