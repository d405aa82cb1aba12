/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compiled form: one instruction a node, operands before their operator. The parser writes it,
 * evaluation and printing read it.
 */
#ifndef GYRE_AUTH_ACCESS_EXPRESSION_H
#define GYRE_AUTH_ACCESS_EXPRESSION_H

#include "gyre/access/expression.h"

enum expression_code {
    EXPRESSION_NOBODY,
    EXPRESSION_EVERYBODY,
    EXPRESSION_USER,
    EXPRESSION_GROUP,
    EXPRESSION_ROLE,
    EXPRESSION_NOT,
    EXPRESSION_AND,
    EXPRESSION_OR,
};

struct instruction {
    enum expression_code code;
    struct string name; /* of USER, GROUP and ROLE; behind the instructions */
};

struct expression {
    int32_t count;
    struct instruction code[];
};

/* The word before a name: "u:", "g:", "r:". */
const char *expression_prefix(enum expression_code code);
/* May it stand in a name without quotes? */
bool expression_is_plain(char c);

#endif
