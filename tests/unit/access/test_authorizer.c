/* SPDX-License-Identifier: Apache-2.0 */
/* Kafka's rules, one by one; test_authorizer_oracle.c has them all together. */
#include "gyre/access/authorizer.h"
#include "gyre/access/identity.h"

#include "support/test.h"

struct world {
    struct acl_set *acls;
    struct authorizer *authorizer;
    struct identity *alice;
};

static void build(struct world *world, bool allow_everyone)
{
    struct identity_options alice = {
        .name = STRING("alice"), .mechanism = "PLAIN", .are_groups_known = true};
    struct authorizer_options options = {.super_users = STRING("User:root; User:admin"),
                                         .allow_everyone_if_no_acl_found = allow_everyone};

    world->acls = acl_set_new();
    options.acls = world->acls;
    world->authorizer = authorizer_new(&options);
    assert_int_equal(identity_new(&alice, &world->alice), ERROR_NONE);
}

static void tear_down(struct world *world)
{
    identity_unref(world->alice);
    authorizer_free(world->authorizer);
    acl_set_free(world->acls);
}

static struct acl entry(enum acl_permission permission, enum acl_operation operation,
                        const char *name)
{
    return (struct acl){.resource = ACL_TOPIC,
                        .pattern = ACL_LITERAL,
                        .name = string_from(name),
                        .principal = STRING("User:alice"),
                        .host = STRING("*"),
                        .operation = operation,
                        .permission = permission};
}

static void add(struct world *world, const struct acl *acl)
{
    assert_int_equal(acl_set_add(world->acls, acl), ERROR_NONE);
}

static struct access_question question(const struct world *world, enum acl_operation operation,
                                       const char *name)
{
    return (struct access_question){.identity = world->alice,
                                    .host = STRING("10.0.0.1"),
                                    .operation = operation,
                                    .resource = ACL_TOPIC,
                                    .name = string_from(name)};
}

static bool allows(struct world *world, enum acl_operation operation, const char *name)
{
    struct access_question asked = question(world, operation, name);
    struct access_decision decision;

    authorizer_decide(world->authorizer, &asked, &decision);
    assert_true(authorizer_allows(world->authorizer, &asked) == decision.is_allowed);
    assert_true(authorizer_allows(world->authorizer, &asked) == decision.is_allowed);
    return decision.is_allowed;
}

static void super_users_may_do_everything(void **state)
{
    struct world world;

    (void)state;
    build(&world, false);
    assert_true(authorizer_is_super_user(world.authorizer, STRING("User:root")));
    assert_true(authorizer_is_super_user(world.authorizer, STRING("User:admin")));
    assert_false(authorizer_is_super_user(world.authorizer, STRING("User:adm")));
    assert_false(authorizer_is_super_user(world.authorizer, STRING("")));
    assert_false(allows(&world, ACL_READ, "orders"));
    tear_down(&world);
}

static void denying_reading_denies_nothing_else(void **state)
{
    struct world world;
    struct acl deny = entry(ACL_DENY, ACL_READ, "orders");
    struct acl allow = entry(ACL_ALLOW, ACL_DESCRIBE, "orders");

    (void)state;
    build(&world, false);
    add(&world, &deny);
    add(&world, &allow);
    assert_false(allows(&world, ACL_READ, "orders"));
    assert_true(allows(&world, ACL_DESCRIBE, "orders"));
    tear_down(&world);
}

static void denying_describing_leaves_reading_allowed(void **state)
{
    struct world world;
    struct acl deny = entry(ACL_DENY, ACL_DESCRIBE, "orders");
    struct acl allow = entry(ACL_ALLOW, ACL_READ, "orders");

    (void)state;
    build(&world, false);
    add(&world, &deny);
    add(&world, &allow);
    assert_true(allows(&world, ACL_READ, "orders"));
    assert_false(allows(&world, ACL_DESCRIBE, "orders"));
    tear_down(&world);
}

static void altering_settings_implies_describing_them(void **state)
{
    struct world world;
    struct acl allow = entry(ACL_ALLOW, ACL_ALTER_CONFIGS, "orders");

    (void)state;
    build(&world, false);
    add(&world, &allow);
    assert_true(allows(&world, ACL_DESCRIBE_CONFIGS, "orders"));
    assert_false(allows(&world, ACL_DESCRIBE, "orders"));
    tear_down(&world);
}

static void a_denial_of_everybody_everywhere_beats_every_grant(void **state)
{
    struct world world;
    struct acl deny = entry(ACL_DENY, ACL_ALL, "*");
    struct acl allow = entry(ACL_ALLOW, ACL_ALL, "orders");
    struct access_question asked;
    struct access_decision decision;

    (void)state;
    build(&world, true);
    deny.principal = STRING("User:*");
    add(&world, &allow);
    assert_true(allows(&world, ACL_WRITE, "orders"));
    add(&world, &deny);
    assert_false(allows(&world, ACL_WRITE, "orders"));
    asked = question(&world, ACL_WRITE, "orders");
    authorizer_decide(world.authorizer, &asked, &decision);
    assert_int_equal(decision.basis, ACCESS_BY_DENY);
    assert_true(string_is(decision.rule.name, "*"));
    assert_true(string_is(decision.rule.principal, "User:*"));
    tear_down(&world);
}

static void taking_one_of_two_denials_away_leaves_the_other(void **state)
{
    struct world world;
    struct acl allow = entry(ACL_ALLOW, ACL_ALL, "orders");
    struct acl deny = entry(ACL_DENY, ACL_WRITE, "orders");
    struct acl other = deny;

    (void)state;
    build(&world, false);
    other.host = STRING("10.0.0.1");
    add(&world, &allow);
    add(&world, &deny);
    add(&world, &other);
    assert_int_equal(acl_set_remove(world.acls, &deny), ERROR_NONE);
    assert_false(allows(&world, ACL_WRITE, "orders"));
    assert_int_equal(acl_set_remove(world.acls, &other), ERROR_NONE);
    assert_true(allows(&world, ACL_WRITE, "orders"));
    tear_down(&world);
}

static void a_host_is_compared_as_text(void **state)
{
    struct world world;
    struct acl allow = entry(ACL_ALLOW, ACL_READ, "orders");

    (void)state;
    build(&world, false);
    allow.host = STRING("10.0.0.0/8");
    add(&world, &allow);
    assert_false(allows(&world, ACL_READ, "orders"));
    allow.host = STRING("10.0.0.1");
    add(&world, &allow);
    assert_true(allows(&world, ACL_READ, "orders"));
    tear_down(&world);
}

static void a_resource_that_nothing_names_follows_the_configuration(void **state)
{
    struct world world;
    struct acl of_another = entry(ACL_ALLOW, ACL_READ, "ord");

    (void)state;
    build(&world, true);
    assert_true(allows(&world, ACL_READ, "orders"));
    of_another.principal = STRING("User:bob");
    of_another.pattern = ACL_PREFIXED;
    add(&world, &of_another);
    assert_false(allows(&world, ACL_READ, "orders"));
    assert_true(allows(&world, ACL_READ, "or"));
    tear_down(&world);
}

static void a_new_rule_counts_at_once(void **state)
{
    struct world world;
    struct acl allow = entry(ACL_ALLOW, ACL_READ, "orders");

    (void)state;
    build(&world, false);
    assert_false(allows(&world, ACL_READ, "orders"));
    add(&world, &allow);
    assert_true(allows(&world, ACL_READ, "orders"));
    assert_int_equal(acl_set_remove(world.acls, &allow), ERROR_NONE);
    assert_false(allows(&world, ACL_READ, "orders"));
    tear_down(&world);
}

static void any_topic_is_one_that_no_denied_prefix_covers(void **state)
{
    struct world world;
    struct acl allow = entry(ACL_ALLOW, ACL_WRITE, "orders");
    struct acl deny = entry(ACL_DENY, ACL_WRITE, "ord");
    struct access_question asked;

    (void)state;
    build(&world, false);
    asked = question(&world, ACL_WRITE, "");
    assert_false(authorizer_allows_any(world.authorizer, &asked));
    add(&world, &allow);
    assert_true(authorizer_allows_any(world.authorizer, &asked));
    deny.pattern = ACL_PREFIXED;
    add(&world, &deny);
    assert_false(authorizer_allows_any(world.authorizer, &asked));
    allow.name = STRING("or");
    allow.pattern = ACL_PREFIXED;
    add(&world, &allow);
    assert_true(authorizer_allows_any(world.authorizer, &asked));
    tear_down(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(super_users_may_do_everything),
        cmocka_unit_test(denying_reading_denies_nothing_else),
        cmocka_unit_test(denying_describing_leaves_reading_allowed),
        cmocka_unit_test(altering_settings_implies_describing_them),
        cmocka_unit_test(a_denial_of_everybody_everywhere_beats_every_grant),
        cmocka_unit_test(taking_one_of_two_denials_away_leaves_the_other),
        cmocka_unit_test(a_host_is_compared_as_text),
        cmocka_unit_test(a_resource_that_nothing_names_follows_the_configuration),
        cmocka_unit_test(a_new_rule_counts_at_once),
        cmocka_unit_test(any_topic_is_one_that_no_denied_prefix_covers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
