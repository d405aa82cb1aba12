/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/access.h"

#include "gyre/access/authorizer.h"

#include "handlers/authorization.h"
#include "handlers/broker.h"
#include "handlers/request.h"

bool access_is_enforced(const struct broker *broker)
{
    return authorization_is_asked_for(broker->config);
}

static struct access_question question_of(const struct request *request,
                                          enum access_operation operation,
                                          enum access_resource resource, struct string name)
{
    return (struct access_question){
        .identity = request->connection->identity,
        .host = string_from(request->connection->peer_host),
        .operation = (enum acl_operation)operation,
        .resource = (enum acl_resource)resource,
        .name = name,
    };
}

bool access_allows(const struct request *request, enum access_operation operation,
                   enum access_resource resource, struct string name)
{
    struct access_question question = question_of(request, operation, resource, name);
    struct authorization *authorization = request->broker->authorization;

    return authorization == NULL ||
           authorizer_allows(authorization_authorizer(authorization), &question);
}

bool access_allows_cluster(const struct request *request, enum access_operation operation)
{
    return access_allows(request, operation, ACCESS_CLUSTER, ACL_CLUSTER_NAME);
}

bool access_allows_any(const struct request *request, enum access_operation operation,
                       enum access_resource resource)
{
    struct access_question question = question_of(request, operation, resource, STRING_NULL);
    struct authorization *authorization = request->broker->authorization;

    return authorization == NULL ||
           authorizer_allows_any(authorization_authorizer(authorization), &question);
}

bool access_allows_topic_or_cluster(const struct request *request, enum access_operation operation,
                                    struct string topic)
{
    return access_allows_cluster(request, operation) ||
           access_allows(request, operation, ACCESS_TOPIC, topic);
}
