/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/access/authorizer.h"

#include <stdlib.h>

#include "gyre/access/identity.h"

#include "acl_verdict.h"
#include "decision_cache.h"

struct authorizer {
    const struct acl_set *acls; /* borrowed */
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

static struct string trim(struct string text)
{
    while (text.length > 0 && text.bytes[0] == ' ') {
        text.bytes++;
        text.length--;
    }
    while (text.length > 0 && text.bytes[text.length - 1] == ' ') {
        text.length--;
    }
    return text;
}

bool authorizer_is_super_user(const struct authorizer *authorizer, struct string principal)
{
    struct string rest = authorizer->super_users;

    while (rest.length > 0) {
        const char *end = memchr(rest.bytes, ';', (size_t)rest.length);
        int32_t length = end == NULL ? rest.length : (int32_t)(end - rest.bytes);

        if (string_equal(trim((struct string){rest.bytes, length}), principal)) {
            return true;
        }
        length = end == NULL ? length : length + 1;
        rest.bytes += length;
        rest.length -= length;
    }
    return false;
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
    } else if (verdict.is_allowed) {
        decision->basis = ACCESS_BY_ALLOW;
    } else if (verdict.is_named) {
        decision->is_allowed = false;
        decision->basis = ACCESS_BY_DEFAULT;
    } else {
        decision->is_allowed = authorizer->allow_everyone_if_no_acl_found;
        decision->basis = ACCESS_BY_NO_ACL;
    }
}

bool authorizer_allows(struct authorizer *authorizer, const struct access_question *question)
{
    uint64_t version = acl_set_epoch(authorizer->acls);
    struct access_decision decision;

    if (decision_cache_find(authorizer->cache, question, version, &decision.is_allowed)) {
        return decision.is_allowed;
    }
    authorizer_decide(authorizer, question, &decision);
    decision_cache_put(authorizer->cache, question, version, decision.is_allowed);
    return decision.is_allowed;
}

/* A resource of no type that there is, under which the answers about any resource are kept. */
static struct access_question about_any(const struct access_question *question)
{
    struct access_question any = *question;

    any.resource = (enum acl_resource)(ACL_USER + question->resource);
    any.name = STRING_NULL;
    return any;
}

bool authorizer_allows_any(struct authorizer *authorizer, const struct access_question *question)
{
    uint64_t version = acl_set_epoch(authorizer->acls);
    struct access_question any = about_any(question);
    struct access_question probe = *question;
    bool is_allowed;

    if (decision_cache_find(authorizer->cache, &any, version, &is_allowed)) {
        return is_allowed;
    }
    probe.name = STRING("hardcode"); /* Kafka's: super users, and whoever may do it to all */
    is_allowed =
        authorizer_allows(authorizer, &probe) || acl_verdict_allows_any(authorizer->acls, question);
    decision_cache_put(authorizer->cache, &any, version, is_allowed);
    return is_allowed;
}
