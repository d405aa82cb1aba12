/* SPDX-License-Identifier: Apache-2.0 */
#include "config/properties.h"

#include <stdlib.h>
#include <string.h>

struct parser {
    const char *at;
    const char *end;
    int line;
    char *out; /* owned; unescaped text of one entry, never longer than its source */
    size_t out_length;
};

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\f';
}

static bool is_newline(char byte)
{
    return byte == '\n' || byte == '\r';
}

static void skip_blanks(struct parser *parser)
{
    while (parser->at < parser->end && is_blank(*parser->at)) {
        parser->at++;
    }
}

/* Behind one end of line: \n, \r or \r\n. */
static void skip_newline(struct parser *parser)
{
    if (parser->at == parser->end) {
        return;
    }
    if (*parser->at == '\r' && parser->at + 1 < parser->end && parser->at[1] == '\n') {
        parser->at++;
    }
    parser->at++;
    parser->line++;
}

static void skip_line(struct parser *parser)
{
    while (parser->at < parser->end && !is_newline(*parser->at)) {
        parser->at++;
    }
    skip_newline(parser);
}

static void put(struct parser *parser, char byte)
{
    parser->out[parser->out_length++] = byte;
}

/* At most three bytes for the six of "\uXXXX". */
static void put_rune(struct parser *parser, unsigned rune)
{
    if (rune < 0x80) {
        put(parser, (char)rune);
    } else if (rune < 0x800) {
        put(parser, (char)(0xc0 | (rune >> 6)));
        put(parser, (char)(0x80 | (rune & 0x3f)));
    } else {
        put(parser, (char)(0xe0 | (rune >> 12)));
        put(parser, (char)(0x80 | ((rune >> 6) & 0x3f)));
        put(parser, (char)(0x80 | (rune & 0x3f)));
    }
}

static int hex_digit(char byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    byte = (char)(byte | 0x20);
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

static enum error take_unicode(struct parser *parser)
{
    unsigned rune = 0;

    if (parser->end - parser->at < 4) {
        return ERROR_MALFORMED;
    }
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(*parser->at++);

        if (digit < 0) {
            return ERROR_MALFORMED;
        }
        rune = rune << 4 | (unsigned)digit;
    }
    if (rune == 0 || (rune >= 0xd800 && rune < 0xe000)) {
        return ERROR_MALFORMED;
    }
    put_rune(parser, rune);
    return ERROR_NONE;
}

/* Behind a backslash. */
static enum error take_escape(struct parser *parser)
{
    char byte;

    if (parser->at == parser->end) {
        return ERROR_NONE; /* as Java: a backslash at the very end is nothing */
    }
    if (is_newline(*parser->at)) {
        skip_newline(parser);
        skip_blanks(parser);
        return ERROR_NONE;
    }
    byte = *parser->at++;
    switch (byte) {
    case 'u': return take_unicode(parser);
    case 't': put(parser, '\t'); break;
    case 'n': put(parser, '\n'); break;
    case 'r': put(parser, '\r'); break;
    case 'f': put(parser, '\f'); break;
    default: put(parser, byte); break;
    }
    return ERROR_NONE;
}

/* Up to the end of the line, or of the key. */
static enum error take_part(struct parser *parser, bool is_key, struct string *out_part)
{
    size_t start = parser->out_length;

    while (parser->at < parser->end && !is_newline(*parser->at)) {
        char byte = *parser->at;

        if (is_key && (byte == '=' || byte == ':' || is_blank(byte))) {
            break;
        }
        parser->at++;
        if (byte != '\\') {
            put(parser, byte);
            continue;
        }
        if (take_escape(parser) != ERROR_NONE) {
            return ERROR_MALFORMED;
        }
    }
    out_part->bytes = parser->out + start;
    out_part->length = (int32_t)(parser->out_length - start);
    return string_is_utf8(*out_part) &&
                   memchr(out_part->bytes, '\0', parser->out_length - start) == NULL
               ? ERROR_NONE
               : ERROR_MALFORMED;
}

static enum error take_entry(struct parser *parser, properties_visit visit, void *context)
{
    int line = parser->line;
    struct string key;
    struct string value;
    enum error error;

    parser->out_length = 0;
    error = take_part(parser, true, &key);
    if (error != ERROR_NONE) {
        return error;
    }
    skip_blanks(parser);
    if (parser->at < parser->end && (*parser->at == '=' || *parser->at == ':')) {
        parser->at++;
        skip_blanks(parser);
    }
    error = take_part(parser, false, &value);
    if (error != ERROR_NONE) {
        return error;
    }
    /* Java keeps blanks at the end of a value; every number would fail for them: cut them. */
    while (value.length > 0 && is_blank(value.bytes[value.length - 1])) {
        value.length--;
    }
    visit(context, key, value, line);
    skip_newline(parser);
    return ERROR_NONE;
}

enum error properties_parse(const char *text, size_t length, properties_visit visit, void *context,
                            int *out_line)
{
    struct parser parser = {.at = text, .end = text + length, .line = 1};
    enum error error = ERROR_NONE;

    parser.out = check_alloc(length + 1);
    while (error == ERROR_NONE && parser.at < parser.end) {
        skip_blanks(&parser);
        if (parser.at == parser.end) {
            break;
        }
        if (*parser.at == '#' || *parser.at == '!' || is_newline(*parser.at)) {
            skip_line(&parser);
            continue;
        }
        error = take_entry(&parser, visit, context);
    }
    free(parser.out);
    *out_line = parser.line;
    return error;
}
