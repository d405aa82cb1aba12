/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kafka's SslPrincipalMapper. Rules are the operator's, names are an attacker's: a match may use so
 * much time and memory and no more, and a rule that would need more refuses the client.
 */
#include "gyre/tls/principal_rules.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <ctype.h>
#include <locale.h>
#include <pcre2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

enum {
    MESSAGE_BYTES = 256,
    PATTERN_BYTES_MAX = 1024,
    MATCH_STEPS_MAX = 100 * 1000,
    MATCH_DEPTH_MAX = 10 * 1000,
    MATCH_HEAP_KIB_MAX = 1024,
};

enum letters { LETTERS_AS_THEY_ARE, LETTERS_SMALL, LETTERS_CAPITAL };

struct rule {
    pcre2_code *pattern; /* NULL: DEFAULT */
    char *replacement;   /* owned */
    enum letters letters;
    uint32_t group_count;
};

struct principal_rules {
    pcre2_compile_context *compile;
    pcre2_match_context *match;
    locale_t locale;
    struct rule rules[PRINCIPAL_RULES_MAX];
    int count;
};

/* ---- reading the rules ---- */

struct source {
    const char *at;
    const char *end;
    char *message;
};

static enum error refuse(struct source *source, const char *what)
{
    size_t left = (size_t)(source->end - source->at);

    (void)snprintf(source->message, MESSAGE_BYTES, "ssl.principal.mapping.rules: %s at '%.*s'",
                   what, left < 80 ? (int)left : 80, source->at);
    return ERROR_INVALID;
}

static bool takes(struct source *source, const char *word)
{
    size_t length = strlen(word);

    if ((size_t)(source->end - source->at) < length || memcmp(source->at, word, length) != 0) {
        return false;
    }
    source->at += length;
    return true;
}

static void skip_blanks(struct source *source)
{
    while (source->at < source->end && isspace((unsigned char)*source->at) != 0) {
        source->at++;
    }
}

/* Up to a slash that has no backslash before it; backslashes stay. NULL: there is none. */
static char *take_until_slash(struct source *source)
{
    const char *start = source->at;
    char *text;

    while (source->at < source->end && *source->at != '/') {
        source->at += *source->at == '\\' && source->at + 1 < source->end ? 2 : 1;
    }
    if (source->at >= source->end || source->at - start > PATTERN_BYTES_MAX) {
        return NULL;
    }
    text = strndup(start, (size_t)(source->at - start));
    CHECK(text != NULL);
    source->at++;
    return text;
}

static enum error compile(struct principal_rules *rules, struct source *source, const char *pattern,
                          struct rule *rule)
{
    int code;
    size_t where;

    rule->pattern =
        pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                      PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, &code, &where, rules->compile);
    if (rule->pattern == NULL) {
        PCRE2_UCHAR text[100];

        (void)pcre2_get_error_message(code, text, sizeof text);
        (void)snprintf(source->message, MESSAGE_BYTES,
                       "ssl.principal.mapping.rules: '%.80s' is no regular expression: %s", pattern,
                       (const char *)text);
        return ERROR_INVALID;
    }
    (void)pcre2_pattern_info(rule->pattern, PCRE2_INFO_CAPTURECOUNT, &rule->group_count);
    return ERROR_NONE;
}

static enum error take_rule(struct principal_rules *rules, struct source *source)
{
    struct rule *rule = &rules->rules[rules->count++];
    char *pattern = take_until_slash(source);
    enum error error;

    rule->replacement = pattern == NULL ? NULL : take_until_slash(source);
    if (rule->replacement == NULL) {
        free(pattern);
        return refuse(source, "RULE:regex/replacement/ wants three slashes");
    }
    if (takes(source, "L")) {
        rule->letters = LETTERS_SMALL;
    } else if (takes(source, "U")) {
        rule->letters = LETTERS_CAPITAL;
    }
    error = compile(rules, source, pattern, rule);
    free(pattern);
    return error;
}

static enum error take_rules(struct principal_rules *rules, struct source *source)
{
    for (;;) {
        enum error error = ERROR_NONE;

        while (source->at < source->end &&
               (*source->at == ',' || isspace((unsigned char)*source->at) != 0)) {
            source->at++;
        }
        if (source->at == source->end) {
            return ERROR_NONE;
        }
        if (rules->count == PRINCIPAL_RULES_MAX) {
            return refuse(source, "one rule too many");
        }
        if (takes(source, "DEFAULT")) {
            rules->count++;
        } else if (takes(source, "RULE:")) {
            error = take_rule(rules, source);
        } else {
            error = refuse(source, "neither RULE: nor DEFAULT");
        }
        if (error != ERROR_NONE) {
            return error;
        }
        skip_blanks(source);
        if (source->at < source->end && *source->at != ',') {
            return refuse(source, "a comma is missing");
        }
    }
}

/* NOLINTNEXTLINE(readability-non-const-parameter): it is written to, through `source`. */
enum error principal_rules_new(struct string text, char *message,
                               struct principal_rules **out_rules)
{
    struct principal_rules *rules = check_alloc_zero(sizeof *rules);
    const char *start = text.bytes == NULL ? "DEFAULT" : text.bytes;
    struct source source = {.at = start, .message = message};
    enum error error;

    source.end = start + (text.bytes == NULL ? strlen(start) : (size_t)text.length);
    rules->compile = pcre2_compile_context_create(NULL);
    rules->match = pcre2_match_context_create(NULL);
    rules->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    CHECK(rules->compile != NULL && rules->match != NULL);
    (void)pcre2_set_newline(rules->compile, PCRE2_NEWLINE_ANY); /* as Java's dot */
    (void)pcre2_set_match_limit(rules->match, MATCH_STEPS_MAX);
    (void)pcre2_set_depth_limit(rules->match, MATCH_DEPTH_MAX);
    (void)pcre2_set_heap_limit(rules->match, MATCH_HEAP_KIB_MAX);
    error = take_rules(rules, &source);
    if (error != ERROR_NONE) {
        principal_rules_free(rules);
        return error;
    }
    *out_rules = rules;
    return ERROR_NONE;
}

void principal_rules_free(struct principal_rules *rules)
{
    if (rules == NULL) {
        return;
    }
    for (int i = 0; i < rules->count; i++) {
        pcre2_code_free(rules->rules[i].pattern);
        free(rules->rules[i].replacement);
    }
    pcre2_compile_context_free(rules->compile);
    pcre2_match_context_free(rules->match);
    if (rules->locale != (locale_t)0) {
        freelocale(rules->locale);
    }
    free(rules);
}

/* ---- applying them ---- */

struct name {
    char *bytes;
    size_t used;
    size_t size;
    bool is_full;
};

static void put(struct name *name, const char *bytes, size_t length)
{
    if (name->is_full || length >= name->size - name->used) {
        name->is_full = true;
        return;
    }
    memcpy(name->bytes + name->used, bytes, length);
    name->used += length;
}

static enum error match(const struct principal_rules *rules, const struct rule *rule,
                        struct string subject, size_t start, uint32_t options,
                        pcre2_match_data *data)
{
    int count = pcre2_match(rule->pattern, (PCRE2_SPTR)subject.bytes, (size_t)subject.length, start,
                            options | PCRE2_NO_UTF_CHECK, data, rules->match);

    if (count > 0) {
        return ERROR_NONE;
    }
    return count == PCRE2_ERROR_NOMATCH ? ERROR_NOT_FOUND : ERROR_LIMIT;
}

static void put_group(struct name *name, struct string subject, pcre2_match_data *data,
                      uint32_t group)
{
    const size_t *ranges = pcre2_get_ovector_pointer(data);

    if (ranges[2 * group] != PCRE2_UNSET && ranges[2 * group] <= ranges[2 * group + 1]) {
        put(name, subject.bytes + ranges[2 * group], ranges[2 * group + 1] - ranges[2 * group]);
    }
}

/* "$12" is the longest number that names a group; one that names none stays as it is. */
static const char *put_reference(struct name *name, const struct rule *rule, const char *at,
                                 struct string subject, pcre2_match_data *data)
{
    uint32_t group = (uint32_t)(*at - '0');
    const char *digit = at + 1;

    if (group > rule->group_count) {
        put(name, "$", 1);
        return at;
    }
    while (isdigit((unsigned char)*digit) != 0 &&
           group * 10 + (uint32_t)(*digit - '0') <= rule->group_count) {
        group = group * 10 + (uint32_t)(*digit++ - '0');
    }
    put_group(name, subject, data, group);
    return digit;
}

static void put_replacement(struct name *name, const struct rule *rule, struct string subject,
                            pcre2_match_data *data)
{
    const char *at = rule->replacement;

    while (*at != '\0') {
        if (*at == '$' && isdigit((unsigned char)at[1]) != 0) {
            at = put_reference(name, rule, at + 1, subject, data);
            continue;
        }
        if (*at == '\\' && at[1] != '\0') {
            at++;
        }
        put(name, at++, 1);
    }
}

static size_t character_end(struct string subject, size_t at)
{
    do {
        at++;
    } while (at < (size_t)subject.length && ((unsigned char)subject.bytes[at] & 0xc0) == 0x80);
    return at;
}

/* Java's replaceAll(): a rule like .* also replaces the nothing behind the whole. */
static enum error replace_all(const struct principal_rules *rules, const struct rule *rule,
                              struct string subject, pcre2_match_data *data, struct name *name)
{
    size_t length = (size_t)subject.length;
    size_t copied = 0;
    size_t start = 0;

    while (start <= length) {
        const size_t *range = pcre2_get_ovector_pointer(data);
        enum error error = match(rules, rule, subject, start, 0, data);

        if (error == ERROR_NOT_FOUND) {
            break;
        }
        if (error != ERROR_NONE) {
            return error;
        }
        put(name, subject.bytes + copied, range[0] - copied);
        put_replacement(name, rule, subject, data);
        copied = range[1];
        start = range[1] > range[0] ? range[1] : character_end(subject, range[1]);
    }
    put(name, subject.bytes + copied, length - copied);
    return ERROR_NONE;
}

/* Letters that change their length in UTF-8 move what follows. */
static enum error change_letters(const struct principal_rules *rules, enum letters letters,
                                 struct name *name)
{
    locale_t before = uselocale(rules->locale);
    struct name changed = {.bytes = check_alloc(name->size), .size = name->size};
    mbstate_t reading = {0};
    size_t at = 0;

    while (at < name->used) {
        wchar_t letter = 0;
        size_t length = mbrtowc(&letter, name->bytes + at, name->used - at, &reading);
        char bytes[MB_LEN_MAX];
        mbstate_t writing = {0};
        size_t written;

        if (length == 0 || length > name->used - at) {
            changed.is_full = true; /* no text: cannot be, it was printed as UTF-8 */
            break;
        }
        letter = (wchar_t)(letters == LETTERS_SMALL ? towlower((wint_t)letter)
                                                    : towupper((wint_t)letter));
        written = wcrtomb(bytes, letter, &writing);
        put(&changed, bytes, written == (size_t)-1 ? 0 : written);
        at += length;
    }
    (void)uselocale(before);
    memcpy(name->bytes, changed.bytes, changed.used);
    name->used = changed.used;
    name->is_full = changed.is_full;
    free(changed.bytes);
    return name->is_full ? ERROR_LIMIT : ERROR_NONE;
}

static enum error apply(const struct principal_rules *rules, const struct rule *rule,
                        struct string subject, struct name *name)
{
    pcre2_match_data *data;
    enum error error;

    if (rule->pattern == NULL) {
        put(name, subject.bytes, (size_t)subject.length);
        return ERROR_NONE;
    }
    data = pcre2_match_data_create_from_pattern(rule->pattern, NULL);
    CHECK(data != NULL);
    error = match(rules, rule, subject, 0, PCRE2_ANCHORED | PCRE2_ENDANCHORED, data);
    if (error == ERROR_NONE) {
        error = replace_all(rules, rule, subject, data, name);
    }
    pcre2_match_data_free(data);
    if (error == ERROR_NONE && rule->letters != LETTERS_AS_THEY_ARE && !name->is_full) {
        error = change_letters(rules, rule->letters, name);
    }
    return error;
}

static bool has_nul(struct string subject)
{
    /* Printed names have it as \00, and a backslash of their own doubled. */
    for (int32_t i = 0; i < subject.length; i++) {
        if (subject.bytes[i] == '\\') {
            if (i + 2 < subject.length && memcmp(subject.bytes + i + 1, "00", 2) == 0) {
                return true;
            }
            i++;
        }
    }
    return memchr(subject.bytes, '\0', (size_t)subject.length) != NULL;
}

enum error principal_rules_apply(struct principal_rules *rules, struct string subject,
                                 char *out_name, size_t size, size_t *out_length)
{
    if (subject.length <= 0 || has_nul(subject) || !string_is_utf8(subject)) {
        return ERROR_INVALID;
    }
    for (int i = 0; i < rules->count; i++) {
        struct name name = {.bytes = out_name, .size = size};
        enum error error = apply(rules, &rules->rules[i], subject, &name);

        if (error == ERROR_NOT_FOUND) {
            continue;
        }
        if (error != ERROR_NONE || name.is_full || name.used == 0) {
            return error != ERROR_NONE ? error : name.is_full ? ERROR_LIMIT : ERROR_INVALID;
        }
        out_name[name.used] = '\0';
        *out_length = name.used;
        return ERROR_NONE;
    }
    return ERROR_NOT_FOUND;
}
