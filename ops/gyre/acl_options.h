/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments of `gyre acl`: who, what, on which resources; and the rules that they make. */
#ifndef GYRE_OPS_ACL_OPTIONS_H
#define GYRE_OPS_ACL_OPTIONS_H

#include <stdbool.h>

#include "acl_rules.h"
#include "connect_options.h"

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
    struct arena arena; /* of principals that were written without "User:" */
};

extern const struct argp_option acl_grant_options[];
extern const struct argp_option acl_revoke_options[];
extern const struct argp_option acl_list_options[];
extern const struct argp_option acl_matrix_options[];
extern const struct argp_option acl_test_options[];

struct acl_syntax {
    const struct argp_option *options;
    const char *documentation;
    bool needs_principal;
    bool needs_resource;
    bool needs_operation;
};

/* Exits on wrong usage. Release the arguments. */
void acl_parse(const struct acl_syntax *syntax, int argc, char **argv,
               struct acl_arguments *arguments);
void acl_arguments_release(struct acl_arguments *arguments);

/*
 * The rules that these arguments speak of: each principal with each operation on each resource on
 * which the operation makes sense. An operation that makes sense on none of them is said; then
 * false. With `is_filter` what was not told matches everything.
 */
bool acl_arguments_to_rules(const struct acl_arguments *arguments, bool is_filter,
                            struct acl_rules *rules);

/* "alice" is "User:alice". The text lies in the arena, or is the argument's own. */
struct string acl_principal(struct arena *arena, const char *text);

#endif
