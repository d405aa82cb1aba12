/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/access/acl.h"

#include "gyre/base/ip_address.h"

enum {
    TOPIC_OPERATIONS = 1u << ACL_READ | 1u << ACL_WRITE | 1u << ACL_CREATE | 1u << ACL_DESCRIBE |
                       1u << ACL_DELETE | 1u << ACL_ALTER | 1u << ACL_DESCRIBE_CONFIGS |
                       1u << ACL_ALTER_CONFIGS,
    GROUP_OPERATIONS = 1u << ACL_READ | 1u << ACL_DESCRIBE | 1u << ACL_DELETE |
                       1u << ACL_DESCRIBE_CONFIGS | 1u << ACL_ALTER_CONFIGS,
    CLUSTER_OPERATIONS = 1u << ACL_CREATE | 1u << ACL_CLUSTER_ACTION | 1u << ACL_DESCRIBE_CONFIGS |
                         1u << ACL_ALTER_CONFIGS | 1u << ACL_IDEMPOTENT_WRITE | 1u << ACL_ALTER |
                         1u << ACL_DESCRIBE,
    TRANSACTIONAL_ID_OPERATIONS = 1u << ACL_DESCRIBE | 1u << ACL_WRITE,
    TOKEN_OPERATIONS = 1u << ACL_DESCRIBE,
    USER_OPERATIONS = 1u << ACL_CREATE_TOKENS | 1u << ACL_DESCRIBE_TOKENS,
};

uint32_t acl_supported_operations(enum acl_resource resource)
{
    switch (resource) {
    case ACL_TOPIC: return TOPIC_OPERATIONS;
    case ACL_GROUP: return GROUP_OPERATIONS;
    case ACL_CLUSTER: return CLUSTER_OPERATIONS;
    case ACL_TRANSACTIONAL_ID: return TRANSACTIONAL_ID_OPERATIONS;
    case ACL_DELEGATION_TOKEN: return TOKEN_OPERATIONS;
    case ACL_USER: return USER_OPERATIONS;
    case ACL_RESOURCE_UNKNOWN:
    case ACL_RESOURCE_ANY: break;
    }
    return 0;
}

bool acl_operation_fits(enum acl_operation operation, enum acl_resource resource)
{
    return operation == ACL_ALL || (acl_supported_operations(resource) & 1u << operation) != 0;
}

static const char *pattern_problem(const struct acl *acl)
{
    if (acl->resource < ACL_TOPIC || acl->resource > ACL_USER) {
        return acl->resource == ACL_RESOURCE_ANY ? "Invalid resourceType ANY"
                                                 : "Invalid resourceType UNKNOWN";
    }
    if (acl->pattern != ACL_LITERAL && acl->pattern != ACL_PREFIXED) {
        return acl->pattern == ACL_PATTERN_ANY     ? "Invalid patternType ANY"
               : acl->pattern == ACL_PATTERN_MATCH ? "Invalid patternType MATCH"
                                                   : "Invalid patternType UNKNOWN";
    }
    if (acl->name.length <= 0) {
        return "Resource name should not be empty";
    }
    if (acl->name.length > ACL_NAME_BYTES_MAX) {
        return "Resource name is too long";
    }
    if (acl->resource == ACL_CLUSTER && !string_equal(acl->name, ACL_CLUSTER_NAME)) {
        return "The only valid name for the CLUSTER resource is kafka-cluster";
    }
    return NULL;
}

static const char *principal_problem(struct string principal)
{
    const char *colon =
        principal.length <= 0 ? NULL : memchr(principal.bytes, ':', (size_t)principal.length);

    if (colon == NULL) {
        return "Could not parse principal (no colon is present separating the principal type from "
               "the principal name)";
    }
    if (colon == principal.bytes || colon == principal.bytes + principal.length - 1) {
        return "Could not parse principal (its type or its name is empty)";
    }
    return principal.length > ACL_NAME_BYTES_MAX ? "Principal is too long" : NULL;
}

const char *acl_problem(const struct acl *acl)
{
    const char *problem = pattern_problem(acl);

    if (problem != NULL) {
        return problem;
    }
    if (acl->operation < ACL_ALL || acl->operation > ACL_DESCRIBE_TOKENS) {
        return acl->operation == ACL_OPERATION_ANY ? "Invalid operation ANY"
                                                   : "Invalid operation UNKNOWN";
    }
    if (!acl_operation_fits(acl->operation, acl->resource)) {
        return "The operation is not supported for this resource type";
    }
    if (acl->permission != ACL_DENY && acl->permission != ACL_ALLOW) {
        return acl->permission == ACL_PERMISSION_ANY ? "Invalid permissionType ANY"
                                                     : "Invalid permissionType UNKNOWN";
    }
    problem = principal_problem(acl->principal);
    if (problem != NULL) {
        return problem;
    }
    if (acl->host.length <= 0) {
        return "Host should not be empty";
    }
    return acl->host.length > ACL_NAME_BYTES_MAX ? "Host is too long" : NULL;
}

static bool is_prefix(struct string prefix, struct string name)
{
    return prefix.length <= name.length &&
           (prefix.length == 0 || memcmp(prefix.bytes, name.bytes, (size_t)prefix.length) == 0);
}

static bool pattern_matches(const struct acl *filter, const struct acl *acl)
{
    if (filter->resource != ACL_RESOURCE_ANY && filter->resource != acl->resource) {
        return false;
    }
    if (filter->pattern != ACL_PATTERN_ANY && filter->pattern != ACL_PATTERN_MATCH &&
        filter->pattern != acl->pattern) {
        return false;
    }
    if (filter->name.bytes == NULL) {
        return true;
    }
    if (filter->pattern != ACL_PATTERN_MATCH) {
        return string_equal(filter->name, acl->name);
    }
    if (acl->pattern == ACL_PREFIXED) {
        return is_prefix(acl->name, filter->name);
    }
    return string_equal(filter->name, acl->name) || string_is(acl->name, "*");
}

bool acl_matches(const struct acl *filter, const struct acl *acl)
{
    return pattern_matches(filter, acl) &&
           (filter->principal.bytes == NULL || string_equal(filter->principal, acl->principal)) &&
           (filter->host.bytes == NULL || ip_address_is_same(filter->host, acl->host)) &&
           (filter->operation == ACL_OPERATION_ANY || filter->operation == acl->operation) &&
           (filter->permission == ACL_PERMISSION_ANY || filter->permission == acl->permission);
}
