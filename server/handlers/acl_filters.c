/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/acl_filters.h"

const char *acl_filters_problem(const struct acl *filter)
{
    if (filter->resource < ACL_RESOURCE_ANY || filter->resource > ACL_USER ||
        filter->pattern < ACL_PATTERN_ANY || filter->pattern > ACL_PREFIXED) {
        return "Unknown patternFilter.";
    }
    if (filter->operation < ACL_OPERATION_ANY || filter->operation > ACL_DESCRIBE_TOKENS ||
        filter->permission < ACL_PERMISSION_ANY || filter->permission > ACL_ALLOW) {
        return "Unknown entryFilter.";
    }
    return NULL;
}
