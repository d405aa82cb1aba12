/* SPDX-License-Identifier: Apache-2.0 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "kerberos_rules.h"

#include <ctype.h>
#include <pcre2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    RULES_MAX = 100,
    RULE_BYTES_MAX = 1024,
    COMPONENTS_MAX = 4,
    MESSAGE_BYTES = 256,
    MATCH_STEPS_MAX = 10000, /* rules are an administrator's, names are anybody's */
};

struct rule {
    bool is_default;
    int component_count;
    char form[RULE_BYTES_MAX]; /* "$1@$0" */
    pcre2_code *match;         /* owned; NULL: any */
    pcre2_code *pattern;       /* owned; NULL: no replacement */
    char replacement[RULE_BYTES_MAX];
    bool is_global;
    char letters; /* 'L', 'U' or 0 */
};

struct kerberos_rules {
    char realm[KERBEROS_NAME_BYTES_MAX];
    pcre2_match_context *limits; /* owned; read only */
    int count;
    struct rule rules[RULES_MAX];
};

/* ---- reading rules ---- */

static pcre2_code *compile(const char *text, uint32_t options)
{
    int code;
    PCRE2_SIZE offset;

    return pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, options, &code, &offset, NULL);
}

/* Copies up to `end`, which is taken too; a backslash before it takes its meaning off. */
static bool take_until(const char **at, char end, char *out_text)
{
    size_t length = 0;

    for (; **at != '\0' && **at != end; (*at)++) {
        if ((*at)[0] == '\\' && (*at)[1] == end) {
            (*at)++;
        }
        out_text[length++] = **at;
    }
    out_text[length] = '\0';
    if (**at != end) {
        return false;
    }
    (*at)++;
    return true;
}

static bool take_replacement(const char **at, struct rule *rule)
{
    char pattern[RULE_BYTES_MAX];

    if ((*at)[0] != 's' || (*at)[1] != '/') {
        return true;
    }
    *at += 2;
    if (!take_until(at, '/', pattern) || !take_until(at, '/', rule->replacement)) {
        return false;
    }
    rule->pattern = compile(pattern, 0);
    if (**at == 'g') {
        rule->is_global = true;
        (*at)++;
    }
    return rule->pattern != NULL;
}

/* [n:text](regex)s/.../.../g/L */
static bool parse_rule(const char *at, struct rule *rule)
{
    char match[RULE_BYTES_MAX];

    if (at[0] != '[' || !isdigit((unsigned char)at[1]) || at[2] != ':') {
        return false;
    }
    rule->component_count = at[1] - '0';
    at += 3;
    if (!take_until(&at, ']', rule->form)) {
        return false;
    }
    if (*at == '(') {
        /* The regex ends where what follows is a replacement, a choice of letters, or nothing. */
        const char *last = strstr(at, ")s/");

        last = last == NULL ? strrchr(at, ')') : last;
        if (last == NULL) {
            return false;
        }
        (void)snprintf(match, sizeof match, "%.*s", (int)(last - at - 1), at + 1);
        rule->match = compile(match, PCRE2_ANCHORED | PCRE2_ENDANCHORED);
        if (rule->match == NULL) {
            return false;
        }
        at = last + 1;
    }
    if (!take_replacement(&at, rule)) {
        return false;
    }
    if (at[0] == '/' && (at[1] == 'L' || at[1] == 'U')) {
        rule->letters = at[1];
        at += 2;
    }
    return *at == '\0';
}

static bool parse_one(struct string text, struct rule *rule)
{
    char copy[RULE_BYTES_MAX];

    if ((size_t)text.length >= sizeof copy) {
        return false;
    }
    (void)snprintf(copy, sizeof copy, "%.*s", STRING_ARGUMENTS(text));
    rule->is_default = strcmp(copy, "DEFAULT") == 0;
    return rule->is_default || (strncmp(copy, "RULE:", 5) == 0 && parse_rule(copy + 5, rule));
}

enum error kerberos_rules_parse(const struct string *texts, int32_t count, struct string realm,
                                char *message, struct kerberos_rules **out_rules)
{
    struct kerberos_rules *rules;

    if (count > RULES_MAX || realm.length >= KERBEROS_NAME_BYTES_MAX) {
        (void)snprintf(message, MESSAGE_BYTES,
                       "sasl.kerberos.principal.to.local.rules: too many, or too long a realm");
        return ERROR_INVALID;
    }
    rules = check_alloc_zero(sizeof *rules);
    (void)snprintf(rules->realm, sizeof rules->realm, "%.*s", STRING_ARGUMENTS(realm));
    rules->limits = pcre2_match_context_create(NULL);
    CHECK(rules->limits != NULL);
    (void)pcre2_set_match_limit(rules->limits, MATCH_STEPS_MAX);
    for (int32_t i = 0; i < count; i++) {
        rules->count++;
        if (!parse_one(texts[i], &rules->rules[i])) {
            (void)snprintf(message, MESSAGE_BYTES,
                           "sasl.kerberos.principal.to.local.rules: '%.150s' is no rule",
                           texts[i].bytes);
            kerberos_rules_free(rules);
            return ERROR_INVALID;
        }
    }
    *out_rules = rules;
    return ERROR_NONE;
}

void kerberos_rules_free(struct kerberos_rules *rules)
{
    if (rules != NULL) {
        for (int i = 0; i < rules->count; i++) {
            pcre2_code_free(rules->rules[i].match);
            pcre2_code_free(rules->rules[i].pattern);
        }
        pcre2_match_context_free(rules->limits);
        free(rules);
    }
}

/* ---- applying them ---- */

struct principal {
    char text[KERBEROS_NAME_BYTES_MAX];
    const char *components[COMPONENTS_MAX];
    int count;
    const char *realm;
};

static bool take_apart(const struct kerberos_rules *rules, const char *name,
                       struct principal *principal)
{
    char *at;

    if (strlen(name) >= sizeof principal->text) {
        return false;
    }
    memcpy(principal->text, name, strlen(name) + 1);
    at = strrchr(principal->text, '@');
    principal->realm = at == NULL ? rules->realm : at + 1;
    if (at != NULL) {
        *at = '\0';
    }
    principal->count = 0;
    for (at = principal->text; at != NULL && principal->count < COMPONENTS_MAX;) {
        principal->components[principal->count++] = at;
        at = strchr(at, '/');
        if (at != NULL) {
            *at++ = '\0';
        }
    }
    return at == NULL;
}

static bool fill_form(const struct rule *rule, const struct principal *principal,
                      char out_text[KERBEROS_NAME_BYTES_MAX])
{
    size_t length = 0;

    for (const char *at = rule->form; *at != '\0'; at++) {
        char one[2] = {*at, '\0'};
        const char *piece = one;
        size_t piece_length;

        if (at[0] == '$' && at[1] >= '0' && at[1] <= '9') {
            int index = at[1] - '0';

            if (index > principal->count) {
                return false;
            }
            piece = index == 0 ? principal->realm : principal->components[index - 1];
            at++;
        }
        piece_length = strlen(piece);
        if (length + piece_length >= KERBEROS_NAME_BYTES_MAX) {
            return false;
        }
        memcpy(out_text + length, piece, piece_length);
        length += piece_length;
    }
    out_text[length] = '\0';
    return true;
}

static bool is_match(const struct kerberos_rules *rules, const struct rule *rule, const char *text)
{
    pcre2_match_data *data;
    int found;

    if (rule->match == NULL) {
        return true;
    }
    data = pcre2_match_data_create_from_pattern(rule->match, NULL);
    CHECK(data != NULL);
    found = pcre2_match(rule->match, (PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, 0, 0, data,
                        rules->limits);
    pcre2_match_data_free(data);
    return found > 0;
}

static bool replace(const struct kerberos_rules *rules, const struct rule *rule, const char *text,
                    char out_name[KERBEROS_NAME_BYTES_MAX])
{
    PCRE2_SIZE length = KERBEROS_NAME_BYTES_MAX;

    if (rule->pattern == NULL) {
        (void)snprintf(out_name, KERBEROS_NAME_BYTES_MAX, "%s", text);
        return true;
    }
    return pcre2_substitute(rule->pattern, (PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, 0,
                            rule->is_global ? PCRE2_SUBSTITUTE_GLOBAL : 0, NULL, rules->limits,
                            (PCRE2_SPTR)rule->replacement, PCRE2_ZERO_TERMINATED,
                            (PCRE2_UCHAR *)out_name, &length) >= 0;
}

static void change_letters(const struct rule *rule, char *name)
{
    for (; rule->letters != 0 && *name != '\0'; name++) {
        *name = (char)(rule->letters == 'L' ? tolower((unsigned char)*name)
                                            : toupper((unsigned char)*name));
    }
}

static bool apply_one(const struct kerberos_rules *rules, const struct rule *rule,
                      const struct principal *principal, char out_name[KERBEROS_NAME_BYTES_MAX])
{
    char text[KERBEROS_NAME_BYTES_MAX];

    if (rule->is_default) {
        if (strcmp(principal->realm, rules->realm) != 0) {
            return false;
        }
        (void)snprintf(out_name, KERBEROS_NAME_BYTES_MAX, "%s", principal->components[0]);
        return true;
    }
    if (rule->component_count != principal->count || !fill_form(rule, principal, text) ||
        !is_match(rules, rule, text) || !replace(rules, rule, text, out_name)) {
        return false;
    }
    change_letters(rule, out_name);
    return true;
}

enum error kerberos_rules_apply(const struct kerberos_rules *rules, const char *name,
                                char out_name[KERBEROS_NAME_BYTES_MAX])
{
    struct principal principal;

    if (!take_apart(rules, name, &principal)) {
        return ERROR_NOT_FOUND;
    }
    for (int i = 0; i < rules->count; i++) {
        if (apply_one(rules, &rules->rules[i], &principal, out_name)) {
            return out_name[0] == '\0' || strpbrk(out_name, "/@") != NULL ? ERROR_NOT_FOUND
                                                                          : ERROR_NONE;
        }
    }
    return ERROR_NOT_FOUND;
}
