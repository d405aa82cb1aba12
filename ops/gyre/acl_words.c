/* SPDX-License-Identifier: Apache-2.0 */
#include "acl_words.h"

#include <ctype.h>
#include <string.h>

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
#define BIT(operation) (1u << (operation))

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

bool acl_operation_fits(enum acl_operation operation, enum acl_resource resource)
{
    static const unsigned fitting[] = {
        [ACL_TOPIC] = BIT(ACL_READ) | BIT(ACL_WRITE) | BIT(ACL_CREATE) | BIT(ACL_DESCRIBE) |
                      BIT(ACL_DELETE) | BIT(ACL_ALTER) | BIT(ACL_DESCRIBE_CONFIGS) |
                      BIT(ACL_ALTER_CONFIGS),
        [ACL_GROUP] = BIT(ACL_READ) | BIT(ACL_DESCRIBE) | BIT(ACL_DELETE) |
                      BIT(ACL_DESCRIBE_CONFIGS) | BIT(ACL_ALTER_CONFIGS),
        [ACL_CLUSTER] = BIT(ACL_CREATE) | BIT(ACL_CLUSTER_ACTION) | BIT(ACL_DESCRIBE_CONFIGS) |
                        BIT(ACL_ALTER_CONFIGS) | BIT(ACL_IDEMPOTENT_WRITE) | BIT(ACL_ALTER) |
                        BIT(ACL_DESCRIBE),
        [ACL_TRANSACTIONAL_ID] = BIT(ACL_DESCRIBE) | BIT(ACL_WRITE),
        [ACL_DELEGATION_TOKEN] = BIT(ACL_DESCRIBE),
        [ACL_USER] = BIT(ACL_CREATE_TOKENS) | BIT(ACL_DESCRIBE_TOKENS),
    };

    return operation == ACL_ALL || (fitting[resource] & BIT(operation)) != 0;
}

const char *acl_operation_list(void)
{
    return "ALL, READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, CLUSTER_ACTION, DESCRIBE_CONFIGS, "
           "ALTER_CONFIGS, IDEMPOTENT_WRITE, CREATE_TOKENS, DESCRIBE_TOKENS";
}
