/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/stream_access.h"

#include "gyre/access/authorizer.h"
#include "gyre/access/identity.h"

#include "handlers/access.h"
#include "handlers/authorization.h"
#include "handlers/broker.h"
#include "handlers/request.h"

enum { EVERYTHING = (1u << STREAM_PERMISSIONS) - 1 };

unsigned stream_access_permissions(const struct request *request, struct string path)
{
    struct authorization *authorization = request->broker->authorization;
    const struct identity *identity = request->connection->identity;
    const struct stream_policy *policy;
    struct expression_subject subject;
    unsigned permissions = 0;

    if (authorization == NULL ||
        authorizer_is_super_user(authorization_authorizer(authorization), identity->principal)) {
        return EVERYTHING;
    }
    policy = stream_policies_find(authorization_streams(authorization), path);
    if (policy == NULL) {
        return 0;
    }
    authorizer_subject(authorization_authorizer(authorization), identity, &subject);
    for (int i = 0; i < STREAM_PERMISSIONS; i++) {
        if (stream_policy_grants(policy, (enum stream_permission)i, &subject)) {
            permissions |= 1u << i;
        }
    }
    return permissions;
}

bool stream_access_sees(const struct request *request, struct string path)
{
    return stream_access_permissions(request, path) != 0 ||
           access_sees_cluster(request, ACCESS_DESCRIBE);
}

bool stream_access_administers(const struct request *request, struct string path)
{
    return (stream_access_permissions(request, path) & 1u << STREAM_ADMIN) != 0 ||
           access_allows_cluster(request, ACCESS_ALTER);
}

bool stream_access_is_derived(const struct catalog_stream *stream, struct string property)
{
    if (string_is(property, "retention.ms")) {
        return catalog_stream_property(stream, STRING("ttl")).bytes != NULL;
    }
    return string_is(property, "compression.type") &&
           catalog_stream_property(stream, STRING("compression")).bytes != NULL;
}
