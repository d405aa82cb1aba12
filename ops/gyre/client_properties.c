/* SPDX-License-Identifier: Apache-2.0 */
#include "client_properties.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/base/check.h"

#include "command.h"

static char *trim(char *text)
{
    size_t length;

    while (isspace((unsigned char)*text)) {
        text++;
    }
    length = strlen(text);
    while (length > 0 && isspace((unsigned char)text[length - 1])) {
        text[--length] = '\0';
    }
    return text;
}

static char *copy_text(const char *text)
{
    char *copy = strdup(text);

    CHECK(copy != NULL);
    return copy;
}

/* As java.util.Properties: a backslash takes the meaning off what follows. */
static void unescape(char *text)
{
    char *to = text;

    for (const char *from = text; *from != '\0'; from++) {
        if (*from == '\\' && from[1] != '\0') {
            from++;
            *to++ = *from == 'n' ? '\n' : *from == 't' ? '\t' : *from;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
}

static void add(struct client_properties *properties, const char *key, const char *value)
{
    properties->items =
        check_realloc(properties->items, (properties->count + 1) * sizeof *properties->items);
    properties->items[properties->count++] =
        (struct client_property){copy_text(key), copy_text(value)};
}

/* A line that ends with a backslash goes on in the next one. */
static bool goes_on(const char *line, ssize_t length)
{
    return length >= 2 && line[length - 1] == '\n' && line[length - 2] == '\\';
}

static char *read_logical_line(FILE *file)
{
    char *whole = NULL;
    size_t whole_length = 0;
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length = getline(&line, &capacity, file);
    bool is_open = length >= 0;

    while (is_open) {
        is_open = goes_on(line, length);
        whole = check_realloc(whole, whole_length + (size_t)length + 1);
        memcpy(whole + whole_length, line, (size_t)length + 1);
        whole_length += (size_t)length - (is_open ? 2 : 0);
        whole[whole_length] = '\0';
        if (is_open) {
            length = getline(&line, &capacity, file);
            is_open = length >= 0;
        }
    }
    if (line != NULL) {
        explicit_bzero(line, capacity);
        free(line);
    }
    return whole;
}

bool client_properties_load(struct client_properties *properties, const char *path)
{
    FILE *file = fopen(path, "re");
    bool is_good = true;
    char *line;

    if (file == NULL) {
        complain("%s: %s", path, strerror(errno));
        return false;
    }
    while (is_good && (line = read_logical_line(file)) != NULL) {
        char *text = trim(line);
        char *equals = strchr(text, '=');

        if (*text != '\0' && *text != '#' && *text != '!') {
            is_good = equals != NULL;
            if (is_good) {
                *equals = '\0';
                unescape(equals + 1);
                add(properties, trim(text), trim(equals + 1));
            } else {
                complain("%s: a line is not key=value", path);
            }
        }
        free(line);
    }
    (void)fclose(file);
    return is_good;
}

void client_properties_release(struct client_properties *properties)
{
    for (size_t i = 0; i < properties->count; i++) {
        explicit_bzero(properties->items[i].value, strlen(properties->items[i].value));
        free(properties->items[i].value);
        free(properties->items[i].key);
    }
    free(properties->items);
    *properties = (struct client_properties){0};
}

const char *client_properties_find(const struct client_properties *properties, const char *key)
{
    for (size_t i = properties->count; i > 0; i--) {
        if (strcmp(properties->items[i - 1].key, key) == 0) {
            return properties->items[i - 1].value;
        }
    }
    return NULL;
}

/* Within quotes, where a backslash stands before what is meant as it is. */
static bool unquote(const char *from, char *out_text, size_t size)
{
    size_t length = 0;

    for (; *from != '\0' && *from != '"' && length + 1 < size; from++) {
        if (*from == '\\' && from[1] != '\0') {
            from++;
        }
        out_text[length++] = *from;
    }
    out_text[length] = '\0';
    return *from == '"';
}

bool client_properties_find_jaas(const struct client_properties *properties, const char *option,
                                 char *out_text, size_t size)
{
    const char *text = client_properties_find(properties, "sasl.jaas.config");
    size_t length = strlen(option);

    for (const char *at = text; at != NULL && (at = strstr(at, option)) != NULL; at += length) {
        if (at > text && isspace((unsigned char)at[-1]) && at[length] == '=' &&
            at[length + 1] == '"') {
            return unquote(at + length + 2, out_text, size);
        }
    }
    return false;
}
