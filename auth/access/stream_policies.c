/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/access/stream_policies.h"

#include <stdlib.h>

#include "gyre/access/stream_name.h"
#include "gyre/base/list.h"
#include "gyre/base/map.h"

#include "acl_set.h"

struct stream_policy {
    struct map_link by_legal;
    struct list link;
    struct string path;  /* owned: behind the struct */
    struct string legal; /* likewise, with ".." behind it */
    bool is_additive;
    struct expression *expressions[STREAM_PERMISSIONS]; /* owned; NULL: could not be read */
};

struct stream_policies {
    struct map by_legal;
    struct list all;
    uint64_t epoch;
};

const char *stream_permission_name(enum stream_permission permission)
{
    static const char *const names[STREAM_PERMISSIONS] = {"produce", "consume", "topics", "admin",
                                                          "copy"};

    return names[permission];
}

struct stream_policies *stream_policies_new(void)
{
    struct stream_policies *policies = check_alloc_zero(sizeof *policies);

    map_init(&policies->by_legal);
    list_init(&policies->all);
    stream_policies_touch(policies);
    return policies;
}

static void drop(struct stream_policies *policies, struct stream_policy *policy)
{
    map_remove(&policies->by_legal, &policy->by_legal);
    list_remove(&policy->link);
    for (int i = 0; i < STREAM_PERMISSIONS; i++) {
        expression_free(policy->expressions[i]);
    }
    free(policy);
}

void stream_policies_clear(struct stream_policies *policies)
{
    list_for_each_safe(link, &policies->all) {
        drop(policies, list_entry(link, struct stream_policy, link));
    }
    stream_policies_touch(policies);
}

void stream_policies_free(struct stream_policies *policies)
{
    if (policies == NULL) {
        return;
    }
    stream_policies_clear(policies);
    map_release(&policies->by_legal);
    free(policies);
}

void stream_policies_touch(struct stream_policies *policies)
{
    policies->epoch = acl_set_next_epoch();
}

uint64_t stream_policies_epoch(const struct stream_policies *policies)
{
    return policies->epoch;
}

static struct stream_policy *find_legal(const struct stream_policies *policies, struct string legal)
{
    map_for_each_match(link, &policies->by_legal, string_hash(legal)) {
        struct stream_policy *policy = CONTAINER_OF(link, struct stream_policy, by_legal);

        if (string_equal(policy->legal, legal)) {
            return policy;
        }
    }
    return NULL;
}

/* The path without its first slash, dots for the others. */
static struct string legal_of(struct string path, char *to)
{
    for (int32_t i = 1; i < path.length; i++) {
        to[i - 1] = path.bytes[i];
        if (to[i - 1] == '/') {
            to[i - 1] = '.';
        }
    }
    return (struct string){to, path.length - 1};
}

static struct stream_policy *new_policy(struct string path)
{
    struct stream_policy *policy = check_alloc_zero(sizeof *policy + 2 * (size_t)path.length + 2);
    char *text = (char *)(policy + 1);

    memcpy(text, path.bytes, (size_t)path.length);
    policy->path = (struct string){text, path.length};
    policy->legal = legal_of(path, text + path.length);
    memcpy(text + path.length + policy->legal.length, "..", 2);
    return policy;
}

enum error stream_policies_put(struct stream_policies *policies, const struct stream_rules *rules)
{
    struct stream_name_text text;
    struct string path = stream_name_path(rules->name, &text);
    struct stream_policy *policy;
    struct stream_policy *old;
    enum error result = ERROR_NONE;

    if (path.bytes == NULL) {
        return ERROR_INVALID;
    }
    policy = new_policy(path);
    old = find_legal(policies, policy->legal);
    if (old != NULL) {
        drop(policies, old);
    }
    policy->is_additive = rules->is_additive;
    for (int i = 0; i < STREAM_PERMISSIONS; i++) {
        struct expression_fault fault;

        if (expression_parse(rules->expressions[i], &policy->expressions[i], &fault) !=
            ERROR_NONE) {
            policy->expressions[i] = NULL;
            result = ERROR_MALFORMED;
        }
    }
    list_append(&policies->all, &policy->link);
    map_insert(&policies->by_legal, &policy->by_legal, string_hash(policy->legal));
    stream_policies_touch(policies);
    return result;
}

const struct stream_policy *stream_policies_find(const struct stream_policies *policies,
                                                 struct string path)
{
    struct stream_name_text text;
    char legal[sizeof text.bytes];

    path = stream_name_path(path, &text);
    return path.bytes == NULL ? NULL : find_legal(policies, legal_of(path, legal));
}

const struct stream_policy *stream_policies_find_around(const struct stream_policies *policies,
                                                        struct string name)
{
    struct stream_name_text text;
    struct string stream;

    if (policies->by_legal.count == 0) {
        return NULL;
    }
    stream = stream_name_of_topic(stream_name_legal(name, &text));
    return stream.bytes == NULL ? NULL : find_legal(policies, stream);
}

struct string stream_policy_name(const struct stream_policy *policy)
{
    return policy->path;
}

bool stream_policy_is_additive(const struct stream_policy *policy)
{
    return policy->is_additive;
}

const struct expression *stream_policy_expression(const struct stream_policy *policy,
                                                  enum stream_permission permission)
{
    return policy->expressions[permission];
}

bool stream_policy_grants(const struct stream_policy *policy, enum stream_permission permission,
                          const struct expression_subject *subject)
{
    const struct expression *expression = policy->expressions[permission];

    return expression != NULL && expression_evaluate(expression, subject) == TRUTH_YES;
}

static unsigned bit(enum stream_permission permission)
{
    return 1u << permission;
}

static unsigned permissions_for_topic(enum acl_operation operation)
{
    switch (operation) {
    case ACL_READ: return bit(STREAM_CONSUME);
    case ACL_WRITE: return bit(STREAM_PRODUCE);
    case ACL_CREATE:
    case ACL_DELETE:
    case ACL_ALTER: return bit(STREAM_TOPICS);
    case ACL_ALTER_CONFIGS:
    case ACL_DESCRIBE_CONFIGS: return bit(STREAM_TOPICS) | bit(STREAM_ADMIN);
    case ACL_DESCRIBE:
        return bit(STREAM_PRODUCE) | bit(STREAM_CONSUME) | bit(STREAM_TOPICS) | bit(STREAM_ADMIN);
    case ACL_OPERATION_UNKNOWN:
    case ACL_OPERATION_ANY:
    case ACL_ALL:
    case ACL_CLUSTER_ACTION:
    case ACL_IDEMPOTENT_WRITE:
    case ACL_CREATE_TOKENS:
    case ACL_DESCRIBE_TOKENS: break;
    }
    return 0;
}

unsigned stream_policies_permissions_for(enum acl_resource resource, enum acl_operation operation)
{
    if (resource == ACL_TOPIC) {
        return permissions_for_topic(operation);
    }
    if (resource != ACL_GROUP) {
        return 0;
    }
    if (operation == ACL_READ) {
        return bit(STREAM_CONSUME);
    }
    return operation == ACL_DESCRIBE ? bit(STREAM_CONSUME) | bit(STREAM_ADMIN) : bit(STREAM_ADMIN);
}

bool stream_policies_any_grants(const struct stream_policies *policies,
                                enum stream_permission permission,
                                const struct expression_subject *subject,
                                bool (*is_denied)(void *context, struct string stream_prefix),
                                void *context)
{
    list_for_each(link, &policies->all) {
        const struct stream_policy *policy = list_entry(link, struct stream_policy, link);
        struct string prefix = {policy->legal.bytes, policy->legal.length + 2};

        if (stream_policy_grants(policy, permission, subject) && !is_denied(context, prefix)) {
            return true;
        }
    }
    return false;
}
