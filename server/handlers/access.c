/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/access.h"

#include <stdio.h>

#include "gyre/access/acl_words.h"
#include "gyre/access/authorizer.h"
#include "gyre/access/stream_name.h"

#include "handlers/auditing.h"
#include "handlers/authorization.h"
#include "handlers/broker.h"
#include "handlers/request.h"

enum { RULE_BYTES_MAX = 1024 };

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

/* Rules name topics by their legal spelling. */
static struct string legal_name(enum access_resource resource, struct string name,
                                struct stream_name_text *text)
{
    return resource == ACCESS_TOPIC ? stream_name_legal(name, text) : name;
}

bool access_sees(const struct request *request, enum access_operation operation,
                 enum access_resource resource, struct string name)
{
    struct stream_name_text legal;
    struct access_question question =
        question_of(request, operation, resource, legal_name(resource, name, &legal));
    struct authorization *authorization = request->broker->authorization;

    return authorization == NULL ||
           authorizer_allows(authorization_authorizer(authorization), &question);
}

bool access_sees_cluster(const struct request *request, enum access_operation operation)
{
    return access_sees(request, operation, ACCESS_CLUSTER, ACL_CLUSTER_NAME);
}

/* The reason is worked out only for the audit: clients are never told it. */
static void audit_refusal(const struct request *request, enum access_operation operation,
                          enum access_resource resource, struct string name)
{
    struct stream_name_text legal;
    struct access_question question =
        question_of(request, operation, resource, legal_name(resource, name, &legal));
    struct access_decision decision;
    char rule[RULE_BYTES_MAX] = "";

    if (request->broker->audit == NULL) {
        return;
    }
    authorizer_decide(authorization_authorizer(request->broker->authorization), &question,
                      &decision);
    if (decision.basis == ACCESS_BY_DENY) {
        acl_print(&decision.rule, rule, sizeof rule);
    } else if (decision.basis == ACCESS_BY_STREAM_REFUSAL) {
        (void)snprintf(rule, sizeof rule, "stream %.*s: %s",
                       STRING_ARGUMENTS(stream_policy_name(decision.stream)),
                       stream_permission_name(decision.permission));
    }
    auditing_refused(request, string_from(acl_operation_name((int)operation)),
                     string_from(acl_resource_name((int)resource)), name, string_from(rule));
}

bool access_allows(const struct request *request, enum access_operation operation,
                   enum access_resource resource, struct string name)
{
    if (access_sees(request, operation, resource, name)) {
        auditing_allowed(request, string_from(acl_operation_name((int)operation)),
                         string_from(acl_resource_name((int)resource)), name);
        return true;
    }
    audit_refusal(request, operation, resource, name);
    return false;
}

bool access_allows_cluster(const struct request *request, enum access_operation operation)
{
    return access_allows(request, operation, ACCESS_CLUSTER, ACL_CLUSTER_NAME);
}

bool access_sees_any(const struct request *request, enum access_operation operation,
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
    struct authorization *authorization = request->broker->authorization;
    bool stands_alone = authorization != NULL &&
                        authorizer_stands_alone(authorization_authorizer(authorization), topic);

    return (!stands_alone && access_sees_cluster(request, operation)) ||
           access_allows(request, operation, ACCESS_TOPIC, topic);
}
