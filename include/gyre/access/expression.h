/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy expression says who is let through, in MapR's words:
 *
 *     u:alice | (g:ads & !g:interns) | r:auditors
 *
 * u: is a user, g: a group, r: a role; `p` alone lets everybody through, an empty text and "" let
 * nobody through. `!` binds closest; where & and | meet at one level, parentheses are demanded.
 * Names with other characters than those of words stand in double quotes: u:"CN=ops, O=Gyre".
 *
 * Questions are answered in three ways: what is not known stays unknown through every ! & |, and
 * only a plain yes lets anybody through.
 *
 * Thread: the shard's own; an expression never changes.
 */
#ifndef GYRE_ACCESS_EXPRESSION_H
#define GYRE_ACCESS_EXPRESSION_H

#include <stddef.h>
#include <stdint.h>

#include "gyre/base/bytes.h"
#include "gyre/base/error.h"

enum {
    EXPRESSION_BYTES_MAX = 64 * 1024,
    EXPRESSION_NODES_MAX = 256,
    EXPRESSION_DEPTH_MAX = 32,
};

struct expression; /* opaque */
struct identity;

/* What is wrong with a text, and at which byte of it. */
struct expression_fault {
    int32_t position;
    const char *text;
};

/* MALFORMED, or LIMIT: one of the limits above. */
MUST_USE
enum error expression_parse(struct string text, struct expression **out_expression,
                            struct expression_fault *fault);
void expression_free(struct expression *expression); /* NULL is fine */

/* Who asks: the identity, and the groups and roles that the catalog knows of its principal, in the
 * words of expressions ("g:ads", "r:auditors"). */
struct expression_subject {
    const struct identity *identity;
    const struct string *roles;
    int32_t role_count;
};

enum truth { TRUTH_NO, TRUTH_UNKNOWN, TRUTH_YES };

enum truth expression_evaluate(const struct expression *expression,
                               const struct expression_subject *subject);

/* In one spelling, like snprintf: the length that the text has, without its final NUL. */
size_t expression_print(const struct expression *expression, char *to, size_t size);

#endif
