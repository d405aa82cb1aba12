/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/acl_filters.h"

#include "gyre/access/stream_name.h"
#include "gyre/base/ip_address.h"

#include "handlers/request.h"

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

bool acl_filters_usual_host(struct request *request, struct string host, struct string *out_host)
{
    struct ip_address_text text;
    struct string usual = ip_address_usual(host, &text);

    if (usual.bytes != text.bytes) {
        *out_host = host;
        return true;
    }
    return arena_copy_string(&request->arena, usual, out_host);
}

bool acl_filters_legal_name(struct request *request, enum acl_resource resource,
                            enum acl_pattern pattern, struct string name, struct string *out_legal)
{
    struct stream_name_text text;
    struct string legal = name;

    if (resource == ACL_TOPIC || resource == ACL_RESOURCE_ANY) {
        legal = pattern == ACL_PREFIXED ? stream_name_legal_prefix(name, &text)
                                        : stream_name_legal(name, &text);
    }
    if (legal.bytes != text.bytes) {
        *out_legal = name;
        return true;
    }
    return arena_copy_string(&request->arena, legal, out_legal);
}
