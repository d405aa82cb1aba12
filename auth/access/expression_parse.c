/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text to instructions, without recursion. Parentheses make levels; as & and | never meet in one
 * level, a level is a chain of operands with one connective, and its instructions can be written as
 * soon as an operand is complete.
 */
#include <stdlib.h>

#include "expression.h"

/* An operand is complete: "after it comes a connective, a closing parenthesis or the end". */
struct level {
    enum expression_code connective; /* EXPRESSION_NOBODY: none yet */
    bool has_operand;
    int nots; /* before the operand that is to come */
    int32_t position;
};

struct parser {
    struct string text;
    int32_t at;
    struct level levels[EXPRESSION_DEPTH_MAX + 1];
    int depth; /* of levels */
    int nots;  /* in all levels */
    bool wants_operand;
    struct expression *expression; /* owned; with room for all nodes and names */
    char *name;                    /* where the next name goes */
    struct expression_fault *fault;
    enum error error;
};

static bool refuse(struct parser *parser, int32_t position, const char *text)
{
    *parser->fault = (struct expression_fault){position, text};
    parser->error = ERROR_MALFORMED;
    return false;
}

static bool exceed(struct parser *parser, const char *text)
{
    (void)refuse(parser, parser->at, text);
    parser->error = ERROR_LIMIT;
    return false;
}

static bool emit(struct parser *parser, enum expression_code code, struct string name)
{
    if (parser->expression->count == EXPRESSION_NODES_MAX) {
        return exceed(parser, "the expression has too many parts (256 are allowed)");
    }
    parser->expression->code[parser->expression->count++] = (struct instruction){code, name};
    return true;
}

static struct level *level_of(struct parser *parser)
{
    return &parser->levels[parser->depth];
}

/* Whatever stood before the operand is carried out on it. */
static bool end_operand(struct parser *parser)
{
    struct level *level = level_of(parser);

    for (; level->nots > 0; level->nots--, parser->nots--) {
        if (!emit(parser, EXPRESSION_NOT, STRING_NULL)) {
            return false;
        }
    }
    parser->wants_operand = false;
    if (level->has_operand) {
        return emit(parser, level->connective, STRING_NULL);
    }
    level->has_operand = true;
    return true;
}

/* ---- names ---- */

static bool take_quoted(struct parser *parser, struct string *out_name)
{
    int32_t begin = parser->at++;

    *out_name = (struct string){parser->name, 0};
    while (parser->at < parser->text.length && parser->text.bytes[parser->at] != '"') {
        if (parser->text.bytes[parser->at] == '\\' && ++parser->at == parser->text.length) {
            break;
        }
        *parser->name++ = parser->text.bytes[parser->at++];
        out_name->length++;
    }
    if (parser->at >= parser->text.length) {
        return refuse(parser, begin, "the quotation mark is not closed");
    }
    parser->at++;
    return true;
}

static void take_plain(struct parser *parser, struct string *out_name)
{
    *out_name = (struct string){parser->name, 0};
    while (parser->at < parser->text.length &&
           expression_is_plain(parser->text.bytes[parser->at])) {
        *parser->name++ = parser->text.bytes[parser->at++];
        out_name->length++;
    }
}

static bool take_term(struct parser *parser)
{
    static const enum expression_code codes[] = {EXPRESSION_USER, EXPRESSION_GROUP,
                                                 EXPRESSION_ROLE};
    static const char letters[] = "ugr";
    int32_t begin = parser->at;
    const char *letter = strchr(letters, parser->text.bytes[begin]);
    struct string name;

    if (letter == NULL || *letter == '\0' || begin + 1 >= parser->text.length ||
        parser->text.bytes[begin + 1] != ':') {
        return refuse(parser, begin, "u:NAME, g:NAME, r:NAME, ! or ( is expected here");
    }
    parser->at += 2;
    if (parser->at < parser->text.length && parser->text.bytes[parser->at] == '"') {
        if (!take_quoted(parser, &name)) {
            return false;
        }
    } else {
        take_plain(parser, &name);
    }
    if (name.length == 0) {
        return refuse(parser, parser->at, "a name is missing behind the colon");
    }
    return emit(parser, codes[letter - letters], name) && end_operand(parser);
}

/* ---- what stands where an operand, or a connective, is wanted ---- */

static bool open_level(struct parser *parser)
{
    if (parser->depth + parser->nots == EXPRESSION_DEPTH_MAX) {
        return exceed(parser, "the expression is nested too deeply (32 levels are allowed)");
    }
    parser->depth++;
    parser->levels[parser->depth] = (struct level){.position = parser->at++};
    return true;
}

static bool take_operand(struct parser *parser)
{
    switch (parser->text.bytes[parser->at]) {
    case '(': return open_level(parser);
    case '!':
        if (parser->depth + parser->nots == EXPRESSION_DEPTH_MAX) {
            return exceed(parser, "the expression is nested too deeply (32 levels are allowed)");
        }
        level_of(parser)->nots++;
        parser->nots++;
        parser->at++;
        return true;
    case ')': return refuse(parser, parser->at, "a part is missing before the parenthesis");
    case '&':
    case '|': return refuse(parser, parser->at, "a part is missing before & or |");
    default: return take_term(parser);
    }
}

static bool take_connective(struct parser *parser)
{
    char c = parser->text.bytes[parser->at];
    enum expression_code connective = c == '&' ? EXPRESSION_AND : EXPRESSION_OR;
    struct level *level = level_of(parser);

    if (c == ')') {
        if (parser->depth == 0) {
            return refuse(parser, parser->at, "no parenthesis was opened that this one closes");
        }
        parser->depth--;
        parser->at++;
        return end_operand(parser);
    }
    if (c != '&' && c != '|') {
        return refuse(parser, parser->at, "&, | or ) is expected here");
    }
    if (level->connective != EXPRESSION_NOBODY && level->connective != connective) {
        return refuse(parser, parser->at, "& and | are mixed: say with parentheses what is meant");
    }
    level->connective = connective;
    parser->wants_operand = true;
    parser->at++;
    return true;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_space(struct parser *parser)
{
    while (parser->at < parser->text.length && is_space(parser->text.bytes[parser->at])) {
        parser->at++;
    }
}

static bool parse_all(struct parser *parser)
{
    parser->wants_operand = true;
    for (skip_space(parser); parser->at < parser->text.length; skip_space(parser)) {
        if (!(parser->wants_operand ? take_operand(parser) : take_connective(parser))) {
            return false;
        }
    }
    if (parser->wants_operand) {
        return refuse(parser, parser->at, "the expression ends where a part is expected");
    }
    return parser->depth == 0 ||
           refuse(parser, level_of(parser)->position, "the parenthesis is not closed");
}

/* The texts that are not made of parts. */
static bool is_whole(struct string text, enum expression_code *out_code)
{
    while (text.length > 0 && is_space(text.bytes[0])) {
        text.bytes++;
        text.length--;
    }
    while (text.length > 0 && is_space(text.bytes[text.length - 1])) {
        text.length--;
    }
    *out_code = string_is(text, "p") ? EXPRESSION_EVERYBODY : EXPRESSION_NOBODY;
    return text.length == 0 || string_is(text, "\"\"") || string_is(text, "p");
}

enum error expression_parse(struct string text, struct expression **out_expression,
                            struct expression_fault *fault)
{
    struct parser parser = {.text = text, .fault = fault};
    enum expression_code whole;
    bool is_sound;

    if (text.length > EXPRESSION_BYTES_MAX) {
        (void)exceed(&parser, "the expression is too long (65536 bytes are allowed)");
        return parser.error;
    }
    if (!string_is_utf8(text)) {
        (void)refuse(&parser, 0, "the expression is not UTF-8");
        return parser.error;
    }
    parser.expression =
        check_alloc_zero(sizeof *parser.expression +
                         EXPRESSION_NODES_MAX * sizeof(struct instruction) + (size_t)text.length);
    parser.name = (char *)&parser.expression->code[EXPRESSION_NODES_MAX];
    is_sound = is_whole(text, &whole) ? emit(&parser, whole, STRING_NULL) : parse_all(&parser);
    if (!is_sound) {
        free(parser.expression);
        return parser.error;
    }
    *out_expression = parser.expression;
    return ERROR_NONE;
}
