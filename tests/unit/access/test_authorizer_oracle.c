/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The authorizer against an oracle that reads the rules one after another, as Kafka's words have
 * them. Rules come and go between the questions; every question is put to both, and again to the
 * authorizer, which then remembers.
 *
 *     test_access_authorizer_oracle [PAIRS [SEED]]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "gyre/access/authorizer.h"
#include "gyre/access/identity.h"
#include "gyre/base/random.h"

enum { PAIRS = 50000, RULES_MAX = 60, QUESTIONS_A_RULE = 4, PEOPLE = 4 };

static const char *const names[] = {"*", "a", "ab", "abc", "abd", "b", "hardcode", "a.b", "h"};
static const char *const people[PEOPLE] = {"alice", "bob", "root", "carol"};
static const char *const hosts[] = {"*", "10.0.0.1", "::1"};

struct world {
    struct random random;
    struct acl rules[RULES_MAX];
    int rule_count;
    struct acl_set *acls;
    struct authorizer *authorizer;
    struct identity *identities[PEOPLE];
    bool allow_everyone;
};

static uint32_t choose(struct world *world, size_t count)
{
    return (uint32_t)random_below(&world->random, count);
}

/* ---- the oracle ---- */

static bool starts_with(struct string name, struct string prefix)
{
    return name.length >= prefix.length &&
           memcmp(name.bytes, prefix.bytes, (size_t)prefix.length) == 0;
}

static bool names_resource(const struct acl *rule, const struct access_question *question)
{
    if (rule->resource != question->resource) {
        return false;
    }
    if (rule->pattern == ACL_PREFIXED) {
        return starts_with(question->name, rule->name);
    }
    return string_equal(rule->name, question->name) || string_is(rule->name, "*");
}

static bool names_asker(const struct acl *rule, const struct access_question *question)
{
    return (string_equal(rule->principal, question->identity->principal) ||
            string_is(rule->principal, "User:*")) &&
           (string_is(rule->host, "*") || string_equal(rule->host, question->host));
}

static bool implies(enum acl_operation granted, enum acl_operation asked)
{
    if (asked == ACL_DESCRIBE) {
        return granted == ACL_READ || granted == ACL_WRITE || granted == ACL_DELETE ||
               granted == ACL_ALTER;
    }
    return asked == ACL_DESCRIBE_CONFIGS && granted == ACL_ALTER_CONFIGS;
}

static bool applies(const struct acl *rule, const struct access_question *question)
{
    return names_resource(rule, question) && names_asker(rule, question) &&
           (rule->operation == ACL_ALL || rule->operation == question->operation ||
            (rule->permission == ACL_ALLOW && implies(rule->operation, question->operation)));
}

static bool oracle_allows(const struct world *world, const struct access_question *question)
{
    bool is_named = false;
    bool is_allowed = false;

    if (string_is(question->identity->principal, "User:root")) {
        return true;
    }
    for (int i = 0; i < world->rule_count; i++) {
        const struct acl *rule = &world->rules[i];

        is_named = is_named || names_resource(rule, question);
        if (applies(rule, question) && rule->permission == ACL_DENY) {
            return false;
        }
        is_allowed = is_allowed || applies(rule, question);
    }
    return is_allowed || (!is_named && world->allow_everyone);
}

/* Does this rule count for "any resource of the type"? */
static bool counts(const struct acl *rule, const struct access_question *question,
                   enum acl_permission permission)
{
    return rule->resource == question->resource && rule->permission == permission &&
           names_asker(rule, question) &&
           (rule->operation == ACL_ALL || rule->operation == question->operation);
}

static bool is_covered(const struct world *world, const struct access_question *question,
                       const struct acl *grant)
{
    for (int i = 0; i < world->rule_count; i++) {
        const struct acl *rule = &world->rules[i];

        if (!counts(rule, question, ACL_DENY)) {
            continue;
        }
        if (rule->pattern == ACL_PREFIXED && starts_with(grant->name, rule->name)) {
            return true;
        }
        if (rule->pattern == ACL_LITERAL && grant->pattern == ACL_LITERAL &&
            string_equal(rule->name, grant->name)) {
            return true;
        }
    }
    return false;
}

static bool has_wildcard(const struct world *world, const struct access_question *question,
                         enum acl_permission permission)
{
    for (int i = 0; i < world->rule_count; i++) {
        const struct acl *rule = &world->rules[i];

        if (counts(rule, question, permission) && rule->pattern == ACL_LITERAL &&
            string_is(rule->name, "*")) {
            return true;
        }
    }
    return false;
}

static bool oracle_allows_any(const struct world *world, const struct access_question *question)
{
    struct access_question probe = *question;

    probe.name = STRING("hardcode");
    if (oracle_allows(world, &probe)) {
        return true;
    }
    if (has_wildcard(world, question, ACL_DENY)) {
        return false;
    }
    if (has_wildcard(world, question, ACL_ALLOW)) {
        return true;
    }
    for (int i = 0; i < world->rule_count; i++) {
        if (counts(&world->rules[i], question, ACL_ALLOW) &&
            !is_covered(world, question, &world->rules[i])) {
            return true;
        }
    }
    return false;
}

/* ---- rules and questions by chance ---- */

static enum acl_operation choose_operation(struct world *world, enum acl_resource resource)
{
    uint32_t supported = acl_supported_operations(resource);
    enum acl_operation operation;

    do {
        operation = (enum acl_operation)(ACL_READ + choose(world, ACL_DESCRIBE_TOKENS - 2));
    } while ((supported & 1u << operation) == 0);
    return operation;
}

static struct acl choose_rule(struct world *world)
{
    static char principals[PEOPLE][16];
    uint32_t person = choose(world, PEOPLE);
    struct acl rule = {
        .resource = choose(world, 4) == 0 ? ACL_GROUP : ACL_TOPIC,
        .pattern = choose(world, 2) == 0 ? ACL_LITERAL : ACL_PREFIXED,
        .name = string_from(names[choose(world, sizeof names / sizeof *names)]),
        .principal = STRING("User:*"),
        .host = string_from(hosts[choose(world, 8) < 6 ? 0 : 1 + choose(world, 2)]),
        .operation = ACL_ALL,
        .permission = choose(world, 3) == 0 ? ACL_DENY : ACL_ALLOW,
    };

    if (choose(world, 3) != 0) {
        (void)snprintf(principals[person], sizeof principals[person], "User:%s", people[person]);
        rule.principal = string_from(principals[person]);
    }
    if (choose(world, 5) != 0) {
        rule.operation = choose_operation(world, rule.resource);
    }
    return rule;
}

static bool equal(const struct acl *a, const struct acl *b)
{
    return a->pattern == b->pattern && acl_matches(a, b);
}

static void check(bool is_right, const char *what)
{
    if (!is_right) {
        fprintf(stderr, "%s\n", what);
        exit(1);
    }
}

static void change_a_rule(struct world *world)
{
    struct acl rule;

    if (world->rule_count > 0 && choose(world, RULES_MAX) < (uint32_t)world->rule_count) {
        uint32_t gone = choose(world, (size_t)world->rule_count);

        check(acl_set_remove(world->acls, &world->rules[gone]) == ERROR_NONE, "a rule is missing");
        world->rules[gone] = world->rules[--world->rule_count];
        return;
    }
    rule = choose_rule(world);
    check(acl_set_add(world->acls, &rule) == ERROR_NONE, "a rule was refused");
    for (int i = 0; i < world->rule_count; i++) {
        if (equal(&world->rules[i], &rule)) {
            return;
        }
    }
    world->rules[world->rule_count++] = rule;
}

static bool ask(struct world *world)
{
    struct access_question question = {
        .identity = world->identities[choose(world, PEOPLE)],
        .host = string_from(hosts[1 + choose(world, 2)]),
        .resource = choose(world, 4) == 0 ? ACL_GROUP : ACL_TOPIC,
        .name = string_from(names[choose(world, sizeof names / sizeof *names)]),
    };
    bool expected;

    question.operation = choose_operation(world, question.resource);
    expected = oracle_allows(world, &question);
    if (authorizer_allows(world->authorizer, &question) != expected ||
        authorizer_allows(world->authorizer, &question) != expected) {
        return false;
    }
    expected = oracle_allows_any(world, &question);
    return authorizer_allows_any(world->authorizer, &question) == expected &&
           authorizer_allows_any(world->authorizer, &question) == expected;
}

static void build(struct world *world, uint64_t seed, bool allow_everyone)
{
    struct authorizer_options options = {.super_users = STRING("User:root"),
                                         .allow_everyone_if_no_acl_found = allow_everyone};

    *world = (struct world){.acls = acl_set_new(), .allow_everyone = allow_everyone};
    random_seed(&world->random, seed);
    options.acls = world->acls;
    world->authorizer = authorizer_new(&options);
    for (int i = 0; i < PEOPLE; i++) {
        struct identity_options person = {.name = string_from(people[i]), .mechanism = "PLAIN"};

        check(identity_new(&person, &world->identities[i]) == ERROR_NONE, "no identity");
    }
}

static void tear_down(struct world *world)
{
    for (int i = 0; i < PEOPLE; i++) {
        identity_unref(world->identities[i]);
    }
    authorizer_free(world->authorizer);
    acl_set_free(world->acls);
}

int main(int argc, char **argv)
{
    uint64_t pairs = argc > 1 ? strtoull(argv[1], NULL, 10) : PAIRS;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 20261121;
    uint64_t differences = 0;

    printf("seed %" PRIu64 "\n", seed);
    for (int everyone = 0; everyone < 2; everyone++) {
        struct world world;

        build(&world, seed + (uint64_t)everyone, everyone == 1);
        for (uint64_t i = 0; i < pairs / 2; i++) {
            if (i % QUESTIONS_A_RULE == 0) {
                change_a_rule(&world);
            }
            differences += ask(&world) ? 0 : 1;
        }
        tear_down(&world);
    }
    printf("%" PRIu64 " passed, %" PRIu64 " failed\n", pairs / 2 * 2 - differences, differences);
    return differences == 0 ? 0 : 1;
}
