/* SPDX-License-Identifier: Apache-2.0 */
/* DescribeRoles (1004): who is in the groups and roles that policy expressions name. */
#include "wire_messages/describe_roles.h"

#include "gyre/metadata/catalog.h"

#include "handlers/access.h"
#include "handlers/broker.h"
#include "handlers/request.h"
#include "handlers/stream_handlers.h"

static void fill(const struct catalog_role *role, struct describe_roles_response_roles *out)
{
    out->name = role->name;
    out->members.items = (struct string *)(uintptr_t)role->members; /* read only */
    out->members.count = role->member_count;
}

static void add_any(void *context, const struct catalog_role *role)
{
    struct describe_roles_response *out = context;

    fill(role, &out->roles.items[out->roles.count++]);
}

static void add_named(const struct catalog *catalog, struct string name,
                      struct describe_roles_response *out)
{
    struct describe_roles_response_roles *answer = &out->roles.items[out->roles.count++];
    const struct catalog_role *role = catalog_find_role(catalog, name);

    if (role != NULL) {
        fill(role, answer);
        return;
    }
    answer->name = name;
    answer->error_code = KAFKA_ERROR_RESOURCE_NOT_FOUND;
    answer->error_message = STRING("Nobody is in it.");
}

void describe_roles_handle(struct request *request)
{
    const struct catalog *catalog = request->broker->catalog;
    struct describe_roles_request in;
    struct describe_roles_response out;
    int32_t count;

    if (!request_decode(request, &describe_roles_request_layout, &in)) {
        return;
    }
    describe_roles_response_init(&out);
    if (!access_allows_cluster(request, ACCESS_DESCRIBE)) {
        out.error_code = KAFKA_ERROR_CLUSTER_AUTHORIZATION_FAILED;
        out.error_message = STRING("Cluster authorization failed.");
        request_reply(request, &describe_roles_response_layout, &out);
        return;
    }
    count = in.names.count < 0 ? catalog_security_count(catalog, CATALOG_ROLE) : in.names.count;
    if (describe_roles_response_roles_array_alloc(&out.roles, &request->arena, count) !=
        ERROR_NONE) {
        request_close(request); /* larger than one request may grow */
        return;
    }
    out.roles.count = 0;
    if (in.names.count < 0) {
        catalog_for_each_role(catalog, add_any, &out);
    }
    for (int32_t i = 0; i < in.names.count; i++) {
        add_named(catalog, in.names.items[i], &out);
    }
    request_reply(request, &describe_roles_response_layout, &out);
}
