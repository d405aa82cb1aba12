/* SPDX-License-Identifier: Apache-2.0 */
/* Any text is refused or understood; what is understood, printed and read again, means the same. */
#include <stdlib.h>
#include <string.h>

#include "gyre/access/expression.h"
#include "gyre/access/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *print(const struct expression *expression)
{
    size_t length = expression_print(expression, NULL, 0);
    char *text = check_alloc(length + 1);

    CHECK(expression_print(expression, text, length + 1) == length);
    CHECK(strlen(text) <= length); /* names may hold a NUL */
    return text;
}

static enum truth evaluate(const struct expression *expression, bool are_groups_known)
{
    struct string groups[] = {STRING("ads"), STRING("a")};
    struct string roles[] = {STRING("r:a"), STRING("g:b")};
    struct identity_options options = {.name = STRING("a"),
                                       .groups = groups,
                                       .group_count = 2,
                                       .are_groups_known = are_groups_known};
    struct expression_subject subject = {.roles = roles, .role_count = 2};
    struct identity *identity = NULL;
    enum error error = identity_new(&options, &identity);
    enum truth truth;

    CHECK(error == ERROR_NONE);
    subject.identity = identity;
    truth = expression_evaluate(expression, &subject);
    identity_unref(identity);
    return truth;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct string text = {(const char *)data, (int32_t)size};
    struct expression_fault fault = {-1, NULL};
    struct expression *expression;
    struct expression *again;
    char *printed;
    size_t length;

    if (size > EXPRESSION_BYTES_MAX + 1) {
        return 0;
    }
    if (expression_parse(text, &expression, &fault) != ERROR_NONE) {
        CHECK(fault.position >= 0 && (size_t)fault.position <= size);
        CHECK(fault.text != NULL);
        return 0;
    }
    length = expression_print(expression, NULL, 0);
    printed = print(expression);
    if (length <= EXPRESSION_BYTES_MAX) {
        enum error error =
            expression_parse((struct string){printed, (int32_t)length}, &again, &fault);

        CHECK(error == ERROR_NONE);
        CHECK(evaluate(again, true) == evaluate(expression, true));
        CHECK(evaluate(again, false) == evaluate(expression, false));
        expression_free(again);
    }
    free(printed);
    expression_free(expression);
    return 0;
}
