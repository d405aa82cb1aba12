/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions to text. An operator's right operand ends just before it, so that the instructions
 * are a tree that is walked from its root, the last one, with a stack of what is still to come.
 */
#include "expression.h"

/* Each operator puts at most seven things on the stack, and is taken off first. */
enum { STACK_MAX = 7 * EXPRESSION_NODES_MAX };

struct item {
    const char *text; /* NULL: the node */
    int32_t node;
};

struct printer {
    const struct expression *expression;
    int32_t begins[EXPRESSION_NODES_MAX]; /* of each node's part of the instructions */
    struct item stack[STACK_MAX];
    int top;
    char *to;
    size_t size;
    size_t length;
};

static void put(struct printer *printer, char c)
{
    if (printer->length + 1 < printer->size) {
        printer->to[printer->length] = c;
    }
    printer->length++;
}

static void put_text(struct printer *printer, const char *text)
{
    for (; *text != '\0'; text++) {
        put(printer, *text);
    }
}

static bool is_plain(struct string name)
{
    for (int32_t i = 0; i < name.length; i++) {
        if (!expression_is_plain(name.bytes[i])) {
            return false;
        }
    }
    return true;
}

static void put_name(struct printer *printer, struct string name)
{
    bool is_quoted = !is_plain(name);

    if (is_quoted) {
        put(printer, '"');
    }
    for (int32_t i = 0; i < name.length; i++) {
        if (name.bytes[i] == '"' || name.bytes[i] == '\\') {
            put(printer, '\\');
        }
        put(printer, name.bytes[i]);
    }
    if (is_quoted) {
        put(printer, '"');
    }
}

static bool is_connective(enum expression_code code)
{
    return code == EXPRESSION_AND || code == EXPRESSION_OR;
}

static void find_begins(struct printer *printer)
{
    for (int32_t i = 0; i < printer->expression->count; i++) {
        enum expression_code code = printer->expression->code[i].code;

        printer->begins[i] = i;
        if (code == EXPRESSION_NOT || is_connective(code)) {
            printer->begins[i] = printer->begins[i - 1];
        }
        if (is_connective(code)) {
            printer->begins[i] = printer->begins[printer->begins[i - 1] - 1];
        }
    }
}

static void push(struct printer *printer, const char *text, int32_t node)
{
    CHECK(printer->top < STACK_MAX);
    printer->stack[printer->top++] = (struct item){text, node};
}

/* Last comes first off. */
static void push_operand(struct printer *printer, int32_t node, enum expression_code around)
{
    enum expression_code code = printer->expression->code[node].code;
    bool is_enclosed = is_connective(code) && code != around;

    if (is_enclosed) {
        push(printer, ")", 0);
    }
    push(printer, NULL, node);
    if (is_enclosed) {
        push(printer, "(", 0);
    }
}

static void print_node(struct printer *printer, int32_t node)
{
    const struct instruction *instruction = &printer->expression->code[node];

    switch (instruction->code) {
    case EXPRESSION_NOBODY: put_text(printer, "\"\""); return;
    case EXPRESSION_EVERYBODY: put(printer, 'p'); return;
    case EXPRESSION_USER:
    case EXPRESSION_GROUP:
    case EXPRESSION_ROLE:
        put_text(printer, expression_prefix(instruction->code));
        put_name(printer, instruction->name);
        return;
    case EXPRESSION_NOT:
        put(printer, '!');
        push_operand(printer, node - 1, EXPRESSION_NOT);
        return;
    case EXPRESSION_AND:
    case EXPRESSION_OR:
        push_operand(printer, node - 1, instruction->code);
        push(printer, instruction->code == EXPRESSION_AND ? " & " : " | ", 0);
        push_operand(printer, printer->begins[node - 1] - 1, instruction->code);
        return;
    }
}

size_t expression_print(const struct expression *expression, char *to, size_t size)
{
    struct printer printer = {.expression = expression, .to = to, .size = size};

    find_begins(&printer);
    push(&printer, NULL, expression->count - 1);
    while (printer.top > 0) {
        struct item item = printer.stack[--printer.top];

        if (item.text != NULL) {
            put_text(&printer, item.text);
        } else {
            print_node(&printer, item.node);
        }
    }
    if (size > 0) {
        to[printer.length < size ? printer.length : size - 1] = '\0';
    }
    return printer.length;
}
