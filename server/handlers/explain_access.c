/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ExplainAccess (1003): may somebody do something, and why? The rules of others are told to those
 * who may describe the cluster. About oneself everybody may ask, and learns what allows, but of a
 * refusal only that it is one.
 */
#include "wire_messages/explain_access.h"

#include "gyre/access/acl_words.h"
#include "gyre/access/authorizer.h"
#include "gyre/access/identity.h"
#include "gyre/access/stream_name.h"
#include "gyre/base/ip_address.h"

#include "handlers/access.h"
#include "handlers/authorization.h"
#include "handlers/broker.h"
#include "handlers/catalog_changes.h"
#include "handlers/request.h"
#include "handlers/stream_handlers.h"

enum { QUESTIONS_MAX = 1000, RULE_BYTES_MAX = 1024 };

struct explanation {
    struct request *request;
    const struct explain_access_request_questions *in;
    struct explain_access_response_answers *out;
    bool sees_rules;
    bool is_exhausted;
};

static bool is_about_asker(const struct explanation *self)
{
    return self->in->principal.bytes == NULL && self->in->groups.count < 0;
}

static void refuse(struct explanation *self, enum kafka_error error, const char *text)
{
    self->out->error_code = (int16_t)error;
    self->out->error_message = string_from(text);
}

/* NULL: what is asked about is none. One reference, the caller's. */
static struct identity *identity_asked_about(const struct explanation *self)
{
    struct identity *own = self->request->connection->identity;
    struct string principal =
        self->in->principal.bytes == NULL ? own->principal : self->in->principal;
    const char *colon =
        principal.length <= 0 ? NULL : memchr(principal.bytes, ':', (size_t)principal.length);
    struct identity *identity = NULL;

    if (is_about_asker(self)) {
        return identity_ref(own);
    }
    if (colon == NULL || colon == principal.bytes) {
        return NULL;
    }
    int32_t type_length = (int32_t)(colon - principal.bytes);
    struct identity_options options = {
        .type = {principal.bytes, type_length},
        .name = {colon + 1, principal.length - type_length - 1},
        .mechanism = "EXPLAINED",
        .groups = self->in->groups.items,
        .group_count = self->in->groups.count < 0 ? 0 : self->in->groups.count,
        .are_groups_known = self->in->groups.count >= 0,
    };
    return identity_new(&options, &identity) == ERROR_NONE ? identity : NULL;
}

static void show_rule(struct explanation *self, const struct acl *rule)
{
    struct explain_access_response_answers_rule *out =
        arena_alloc(&self->request->arena, sizeof *out);

    if (out == NULL) {
        self->is_exhausted = true;
        return;
    }
    *out = (struct explain_access_response_answers_rule){
        .resource_type = (int8_t)rule->resource,
        .pattern_type = (int8_t)rule->pattern,
        .resource_name = rule->name,
        .principal = rule->principal,
        .host = rule->host,
        .operation = (int8_t)rule->operation,
        .permission_type = (int8_t)rule->permission,
    };
    self->out->rule = out;
}

static void explain_by_rule(struct explanation *self, const struct access_decision *decision)
{
    char text[RULE_BYTES_MAX];

    acl_print(&decision->rule, text, sizeof text);
    show_rule(self, &decision->rule);
    self->out->basis = decision->is_allowed ? STRING("allow") : STRING("deny");
    self->out->explanation = catalog_changes_text(self->request, "The rule decides: %s", text);
}

static struct string expression_text(struct explanation *self,
                                     const struct access_decision *decision)
{
    const struct expression *expression =
        stream_policy_expression(decision->stream, decision->permission);
    size_t length;
    char *text;

    if (expression == NULL) {
        return STRING_NULL;
    }
    length = expression_print(expression, NULL, 0);
    text = arena_alloc(&self->request->arena, length + 1);
    if (text == NULL) {
        self->is_exhausted = true;
        return STRING_NULL;
    }
    (void)expression_print(expression, text, length + 1);
    return (struct string){text, (int32_t)length};
}

static void explain_by_stream(struct explanation *self, const struct access_decision *decision)
{
    const char *permission = stream_permission_name(decision->permission);

    self->out->basis = decision->is_allowed ? STRING("stream") : STRING("stream_refuses");
    self->out->stream = stream_policy_name(decision->stream);
    self->out->permission = string_from(permission);
    if (self->sees_rules) {
        self->out->expression = expression_text(self, decision);
    }
    self->out->explanation = catalog_changes_text(
        self->request, "The policy of the stream %.*s %s: %s %.*s",
        STRING_ARGUMENTS(self->out->stream), decision->is_allowed ? "lets through" : "refuses",
        permission, STRING_ARGUMENTS(self->out->expression));
}

static void explain(struct explanation *self, const struct access_decision *decision)
{
    self->out->is_allowed = decision->is_allowed;
    if (!decision->is_allowed && !self->sees_rules) {
        self->out->basis = STRING("default");
        self->out->explanation = STRING("It is not allowed.");
        return;
    }
    switch (decision->basis) {
    case ACCESS_BY_SUPER_USER:
        self->out->basis = STRING("super_user");
        self->out->explanation = STRING("The principal is one of super.users.");
        return;
    case ACCESS_BY_DENY:
    case ACCESS_BY_ALLOW: explain_by_rule(self, decision); return;
    case ACCESS_BY_STREAM:
    case ACCESS_BY_STREAM_REFUSAL: explain_by_stream(self, decision); return;
    case ACCESS_BY_NO_ACL:
        self->out->basis = STRING("no_rule");
        self->out->explanation =
            decision->is_allowed
                ? STRING("No rule names it, and allow.everyone.if.no.acl.found is true.")
                : STRING("No rule names it.");
        return;
    case ACCESS_BY_DEFAULT:
        self->out->basis = STRING("default");
        self->out->explanation = STRING("Rules name it, and none of them applies.");
        return;
    }
}

static bool check(struct explanation *self)
{
    if (self->in->operation < ACL_READ || self->in->operation > ACL_DESCRIBE_TOKENS ||
        self->in->resource_type < ACL_TOPIC || self->in->resource_type > ACL_USER) {
        refuse(self, KAFKA_ERROR_INVALID_REQUEST, "There is no such operation or resource type.");
        return false;
    }
    if (!is_about_asker(self) && !self->sees_rules) {
        refuse(self, KAFKA_ERROR_CLUSTER_AUTHORIZATION_FAILED, "Cluster authorization failed.");
        return false;
    }
    return true;
}

static void answer(struct explanation *self)
{
    struct authorization *authorization = self->request->broker->authorization;
    struct access_decision decision;
    struct stream_name_text legal;
    struct ip_address_text host;
    struct identity *identity;

    if (!check(self)) {
        return;
    }
    if (authorization == NULL) {
        self->out->is_allowed = true;
        self->out->basis = STRING("not_enforced");
        self->out->explanation = STRING("Nothing is enforced here: everybody may do everything.");
        return;
    }
    identity = identity_asked_about(self);
    if (identity == NULL) {
        refuse(self, KAFKA_ERROR_INVALID_REQUEST, "A principal is written like User:alice.");
        return;
    }
    const struct access_question question = {
        .identity = identity,
        .host = self->in->host.bytes == NULL ? string_from(self->request->connection->peer_host)
                                             : ip_address_usual(self->in->host, &host),
        .operation = (enum acl_operation)self->in->operation,
        .resource = (enum acl_resource)self->in->resource_type,
        .name = self->in->resource_type == ACL_TOPIC
                    ? stream_name_legal(self->in->resource_name, &legal)
                    : self->in->resource_name,
    };
    authorizer_decide(authorization_authorizer(authorization), &question, &decision);
    explain(self, &decision);
    identity_unref(identity);
}

void explain_access_handle(struct request *request)
{
    struct explain_access_request in;
    struct explain_access_response out;

    if (!request_decode(request, &explain_access_request_layout, &in)) {
        return;
    }
    explain_access_response_init(&out);
    if (in.questions.count > QUESTIONS_MAX) {
        out.error_code = KAFKA_ERROR_INVALID_REQUEST;
        out.error_message = STRING("There are more than 1000 questions.");
    } else if (explain_access_response_answers_array_alloc(&out.answers, &request->arena,
                                                           in.questions.count) != ERROR_NONE) {
        request_close(request);
        return;
    }
    for (int32_t i = 0; i < out.answers.count; i++) {
        struct explanation explanation = {
            .request = request,
            .in = &in.questions.items[i],
            .out = &out.answers.items[i],
            .sees_rules = access_sees_cluster(request, ACCESS_DESCRIBE),
        };

        answer(&explanation);
        if (explanation.is_exhausted) {
            request_close(request); /* larger than one request may grow */
            return;
        }
    }
    request_reply(request, &explain_access_response_layout, &out);
}
