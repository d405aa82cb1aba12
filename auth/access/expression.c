/* SPDX-License-Identifier: Apache-2.0 */
#include "expression.h"

#include <stdlib.h>

#include "gyre/access/identity.h"

/* Operands wait only for an operator of the level that they stand in: two a level. */
enum { STACK_MAX = 2 * (EXPRESSION_DEPTH_MAX + 2) };

void expression_free(struct expression *expression)
{
    free(expression);
}

const char *expression_prefix(enum expression_code code)
{
    return code == EXPRESSION_USER ? "u:" : code == EXPRESSION_GROUP ? "g:" : "r:";
}

bool expression_is_plain(char c)
{
    return (unsigned char)c > ' ' && c != 0x7f && strchr("!&|()\"\\", c) == NULL;
}

static bool has_role(const struct expression_subject *subject, const struct instruction *asked)
{
    const char *prefix = expression_prefix(asked->code);

    for (int32_t i = 0; i < subject->role_count; i++) {
        struct string role = subject->roles[i];

        if (role.length == asked->name.length + 2 && memcmp(role.bytes, prefix, 2) == 0 &&
            memcmp(role.bytes + 2, asked->name.bytes, (size_t)asked->name.length) == 0) {
            return true;
        }
    }
    return false;
}

static enum truth is_user(const struct identity *identity, struct string name)
{
    static const char type[] = "User:";
    const size_t type_bytes = sizeof type - 1;
    bool is_user = (size_t)identity->principal.length > type_bytes &&
                   memcmp(identity->principal.bytes, type, type_bytes) == 0;

    return is_user && string_equal(identity->name, name) ? TRUTH_YES : TRUTH_NO;
}

static enum truth is_in_group(const struct expression_subject *subject,
                              const struct instruction *asked)
{
    if (identity_has_group(subject->identity, asked->name) || has_role(subject, asked)) {
        return TRUTH_YES;
    }
    return subject->identity->are_groups_known ? TRUTH_NO : TRUTH_UNKNOWN;
}

static enum truth ask(const struct expression_subject *subject, const struct instruction *asked)
{
    switch (asked->code) {
    case EXPRESSION_EVERYBODY: return TRUTH_YES;
    case EXPRESSION_USER: return is_user(subject->identity, asked->name);
    case EXPRESSION_GROUP: return is_in_group(subject, asked);
    case EXPRESSION_ROLE: return has_role(subject, asked) ? TRUTH_YES : TRUTH_NO;
    case EXPRESSION_NOBODY:
    case EXPRESSION_NOT:
    case EXPRESSION_AND:
    case EXPRESSION_OR: break;
    }
    return TRUTH_NO;
}

static enum truth lesser(enum truth a, enum truth b)
{
    return a < b ? a : b;
}

static enum truth greater(enum truth a, enum truth b)
{
    return a > b ? a : b;
}

enum truth expression_evaluate(const struct expression *expression,
                               const struct expression_subject *subject)
{
    enum truth stack[STACK_MAX] = {TRUTH_NO};
    int top = 0;

    for (int32_t i = 0; i < expression->count; i++) {
        const struct instruction *instruction = &expression->code[i];

        if (instruction->code == EXPRESSION_NOT) {
            stack[top - 1] = (enum truth)(TRUTH_YES - stack[top - 1]);
        } else if (instruction->code == EXPRESSION_AND) {
            top--;
            stack[top - 1] = lesser(stack[top - 1], stack[top]);
        } else if (instruction->code == EXPRESSION_OR) {
            top--;
            stack[top - 1] = greater(stack[top - 1], stack[top]);
        } else {
            CHECK(top < STACK_MAX);
            stack[top++] = ask(subject, instruction);
        }
    }
    CHECK(top == 1);
    return stack[0];
}
