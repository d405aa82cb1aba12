/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/access/authorizer.h"

#include <stdlib.h>

#include "gyre/access/identity.h"

#include "acl_verdict.h"
#include "decision_cache.h"

struct authorizer {
    const struct acl_set *acls;            /* borrowed */
    const struct stream_policies *streams; /* borrowed; NULL: none */
    void (*find_roles)(void *context, struct string principal, struct expression_subject *out);
    void *context;
    struct decision_cache *cache;
    bool allow_everyone_if_no_acl_found;
    struct string super_users; /* owned: behind the struct */
};

struct authorizer *authorizer_new(const struct authorizer_options *options)
{
    size_t text_bytes = (size_t)options->super_users.length;
    struct authorizer *authorizer = check_alloc_zero(sizeof *authorizer + text_bytes);

    if (text_bytes > 0) {
        memcpy(authorizer + 1, options->super_users.bytes, text_bytes);
    }
    authorizer->super_users = (struct string){(const char *)(authorizer + 1), (int32_t)text_bytes};
    authorizer->acls = options->acls;
    authorizer->streams = options->streams;
    authorizer->find_roles = options->find_roles;
    authorizer->context = options->context;
    authorizer->allow_everyone_if_no_acl_found = options->allow_everyone_if_no_acl_found;
    authorizer->cache = decision_cache_new();
    return authorizer;
}

void authorizer_free(struct authorizer *authorizer)
{
    if (authorizer == NULL) {
        return;
    }
    decision_cache_free(authorizer->cache);
    free(authorizer);
}

bool authorizer_is_super_user(const struct authorizer *authorizer, struct string principal)
{
    struct string rest = authorizer->super_users;
    struct string user;

    while (string_next_element(&rest, ';', &user)) {
        if (string_equal(user, principal)) {
            return true;
        }
    }
    return false;
}

void authorizer_subject(const struct authorizer *authorizer, const struct identity *identity,
                        struct expression_subject *subject)
{
    *subject = (struct expression_subject){.identity = identity};
    if (authorizer->find_roles != NULL) {
        authorizer->find_roles(authorizer->context, identity->principal, subject);
    }
}

static const struct stream_policy *find_stream(const struct authorizer *authorizer,
                                               enum acl_resource resource, struct string name)
{
    return authorizer->streams == NULL || (resource != ACL_TOPIC && resource != ACL_GROUP)
               ? NULL
               : stream_policies_find_around(authorizer->streams, name);
}

bool authorizer_stands_alone(const struct authorizer *authorizer, struct string topic)
{
    const struct stream_policy *policy = find_stream(authorizer, ACL_TOPIC, topic);

    return policy != NULL && !stream_policy_is_additive(policy);
}

static void ask_stream(const struct authorizer *authorizer, const struct access_question *question,
                       struct access_decision *decision)
{
    unsigned permissions = stream_policies_permissions_for(question->resource, question->operation);
    struct expression_subject subject;

    authorizer_subject(authorizer, question->identity, &subject);
    decision->is_allowed = false;
    decision->basis = ACCESS_BY_STREAM_REFUSAL;
    decision->permission =
        permissions == 0 ? STREAM_ADMIN : (enum stream_permission)__builtin_ctz(permissions);
    for (int i = 0; i < STREAM_PERMISSIONS; i++) {
        if ((permissions & 1u << i) != 0 &&
            stream_policy_grants(decision->stream, (enum stream_permission)i, &subject)) {
            decision->is_allowed = true;
            decision->basis = ACCESS_BY_STREAM;
            decision->permission = (enum stream_permission)i;
            return;
        }
    }
}

static void decide_by_rules(const struct authorizer *authorizer, const struct acl_verdict *verdict,
                            struct access_decision *decision)
{
    if (verdict->is_allowed) {
        decision->basis = ACCESS_BY_ALLOW;
    } else if (verdict->is_named) {
        decision->is_allowed = false;
        decision->basis = ACCESS_BY_DEFAULT;
    } else {
        decision->is_allowed = authorizer->allow_everyone_if_no_acl_found;
        decision->basis = ACCESS_BY_NO_ACL;
    }
}

void authorizer_decide(const struct authorizer *authorizer, const struct access_question *question,
                       struct access_decision *decision)
{
    struct acl_verdict verdict;

    *decision = (struct access_decision){.is_allowed = true, .basis = ACCESS_BY_SUPER_USER};
    if (authorizer_is_super_user(authorizer, question->identity->principal)) {
        return;
    }
    acl_verdict_find(authorizer->acls, question, &verdict);
    decision->rule = verdict.rule;
    if (verdict.is_denied) {
        decision->is_allowed = false;
        decision->basis = ACCESS_BY_DENY;
        return;
    }
    decision->stream = find_stream(authorizer, question->resource, question->name);
    if (decision->stream == NULL ||
        (verdict.is_allowed && stream_policy_is_additive(decision->stream))) {
        decide_by_rules(authorizer, &verdict, decision);
    } else {
        ask_stream(authorizer, question, decision);
    }
}

static uint64_t version_of(const struct authorizer *authorizer)
{
    uint64_t rules = acl_set_epoch(authorizer->acls);
    uint64_t streams = authorizer->streams == NULL ? 0 : stream_policies_epoch(authorizer->streams);

    return rules > streams ? rules : streams; /* the later change, of numbers that never repeat */
}

bool authorizer_allows(struct authorizer *authorizer, const struct access_question *question)
{
    uint64_t version = version_of(authorizer);
    struct access_decision decision;

    if (decision_cache_find(authorizer->cache, question, version, &decision.is_allowed)) {
        return decision.is_allowed;
    }
    authorizer_decide(authorizer, question, &decision);
    decision_cache_put(authorizer->cache, question, version, decision.is_allowed);
    return decision.is_allowed;
}

/* ---- any resource of a type ---- */

/* A resource of no type that there is, under which the answers about any resource are kept. */
static struct access_question about_any(const struct access_question *question)
{
    struct access_question any = *question;

    any.resource = (enum acl_resource)(ACL_USER + question->resource);
    any.name = STRING_NULL;
    return any;
}

struct denial_probe {
    const struct acl_set *acls;
    struct access_question question;
};

static bool is_denied(void *context, struct string stream_prefix)
{
    struct denial_probe *probe = context;
    struct acl_verdict verdict;

    probe->question.name = stream_prefix;
    acl_verdict_find(probe->acls, &probe->question, &verdict);
    return verdict.is_denied;
}

static bool some_stream_allows(const struct authorizer *authorizer,
                               const struct access_question *question)
{
    unsigned permissions = stream_policies_permissions_for(question->resource, question->operation);
    struct denial_probe probe = {authorizer->acls, *question};
    struct expression_subject subject;

    if (authorizer->streams == NULL) {
        return false;
    }
    authorizer_subject(authorizer, question->identity, &subject);
    for (int i = 0; i < STREAM_PERMISSIONS; i++) {
        if ((permissions & 1u << i) != 0 &&
            stream_policies_any_grants(authorizer->streams, (enum stream_permission)i, &subject,
                                       is_denied, &probe)) {
            return true;
        }
    }
    return false;
}

bool authorizer_allows_any(struct authorizer *authorizer, const struct access_question *question)
{
    uint64_t version = version_of(authorizer);
    struct access_question any = about_any(question);
    struct access_question probe = *question;
    bool is_allowed;

    if (decision_cache_find(authorizer->cache, &any, version, &is_allowed)) {
        return is_allowed;
    }
    probe.name = STRING("hardcode"); /* Kafka's: super users, and whoever may do it to all */
    is_allowed = authorizer_allows(authorizer, &probe) ||
                 acl_verdict_allows_any(authorizer->acls, question) ||
                 some_stream_allows(authorizer, question);
    decision_cache_put(authorizer->cache, &any, version, is_allowed);
    return is_allowed;
}
