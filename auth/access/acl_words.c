/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/access/acl_words.h"

#include <ctype.h>
#include <stdio.h>

static const char *const operations[] = {
    "UNKNOWN",
    "ANY",
    "ALL",
    "READ",
    "WRITE",
    "CREATE",
    "DELETE",
    "ALTER",
    "DESCRIBE",
    "CLUSTER_ACTION",
    "DESCRIBE_CONFIGS",
    "ALTER_CONFIGS",
    "IDEMPOTENT_WRITE",
    "CREATE_TOKENS",
    "DESCRIBE_TOKENS",
    "TWO_PHASE_COMMIT",
};

static const char *const resources[] = {
    "UNKNOWN", "ANY", "TOPIC", "GROUP", "CLUSTER", "TRANSACTIONAL_ID", "DELEGATION_TOKEN", "USER"};

static const char *const patterns[] = {"UNKNOWN", "ANY", "MATCH", "LITERAL", "PREFIXED"};

static const char *const permissions[] = {"UNKNOWN", "ANY", "DENY", "ALLOW"};

#define WORD(words, number)                                                                        \
    ((number) >= 0 && (size_t)(number) < sizeof(words) / sizeof(words)[0] ? (words)[number]        \
                                                                          : (words)[0])

static bool is_same_word(const char *text, const char *word)
{
    for (; *text != '\0' && *word != '\0'; text++, word++) {
        char letter = *text == '-' ? '_' : (char)toupper((unsigned char)*text);

        if (letter != *word) {
            return false;
        }
    }
    return *text == *word;
}

enum acl_operation acl_operation_parse(const char *text)
{
    for (int i = ACL_ALL; i <= ACL_DESCRIBE_TOKENS; i++) {
        if (is_same_word(text, operations[i])) {
            return (enum acl_operation)i;
        }
    }
    return ACL_OPERATION_UNKNOWN;
}

const char *acl_operation_name(int operation)
{
    return WORD(operations, operation);
}

const char *acl_resource_name(int resource)
{
    return WORD(resources, resource);
}

const char *acl_pattern_name(int pattern)
{
    return WORD(patterns, pattern);
}

const char *acl_permission_name(int permission)
{
    return WORD(permissions, permission);
}

const char *acl_operation_list(void)
{
    return "ALL, READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, CLUSTER_ACTION, DESCRIBE_CONFIGS, "
           "ALTER_CONFIGS, IDEMPOTENT_WRITE, CREATE_TOKENS, DESCRIBE_TOKENS";
}

void acl_print(const struct acl *acl, char *text, size_t size)
{
    (void)snprintf(text, size, "%s %s to %.*s from %.*s on %s %s %.*s",
                   acl_permission_name((int)acl->permission),
                   acl_operation_name((int)acl->operation), STRING_ARGUMENTS(acl->principal),
                   STRING_ARGUMENTS(acl->host), acl_resource_name((int)acl->resource),
                   acl_pattern_name((int)acl->pattern), STRING_ARGUMENTS(acl->name));
}
