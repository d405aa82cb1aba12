/* SPDX-License-Identifier: Apache-2.0 */
/* Names of streams in both spellings, and what their policies add to Kafka's rules. */
#include "gyre/access/authorizer.h"
#include "gyre/access/identity.h"
#include "gyre/access/stream_name.h"
#include "gyre/access/stream_policies.h"

#include "support/test.h"

static void expect_legal(const char *name, const char *expected)
{
    struct stream_name_text text;
    struct string legal = stream_name_legal(string_from(name), &text);

    if (!string_is(legal, expected)) {
        fail_msg("%s: %.*s", name, STRING_ARGUMENTS(legal));
    }
}

static void a_topic_has_two_spellings(void **state)
{
    (void)state;
    expect_legal("/ads/clicks:impressions", "ads.clicks..impressions");
    expect_legal("/ads:a.b", "ads..a.b");
    expect_legal("ads.clicks..impressions", "ads.clicks..impressions");
    expect_legal("orders", "orders");
    expect_legal("", "");
    expect_legal("/", "/");
    expect_legal(":", ":");
    expect_legal("/:a", "/:a");
    expect_legal("/ads", "/ads");
    expect_legal("/ads//x:a", "/ads//x:a");
    expect_legal("/ads.x:a", "/ads.x:a");
    expect_legal("/ads:a..b", "/ads:a..b");
    expect_legal("/ads:a.", "/ads:a.");
    expect_legal("/ads:.a", "/ads:.a");
    expect_legal("/ads:a:b", "/ads:a:b");
    expect_legal("/../../etc:passwd", "/../../etc:passwd");
}

static void the_beginning_of_a_path_has_two_spellings(void **state)
{
    static const char *const pairs[][2] = {
        {"/ads/cl", "ads.cl"},
        {"/ads/clicks:", "ads.clicks.."},
        {"/ads/clicks:im", "ads.clicks..im"},
        {"/", "/"},
        {"ads.", "ads."},
        {"/a:b:", "/a:b:"},
        {"/a b", "/a b"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct stream_name_text text;

        assert_true(
            string_is(stream_name_legal_prefix(string_from(pairs[i][0]), &text), pairs[i][1]));
    }
}

static void a_stream_has_two_spellings(void **state)
{
    struct stream_name_text text;

    (void)state;
    assert_true(string_is(stream_name_path(STRING("/ads/clicks"), &text), "/ads/clicks"));
    assert_true(string_is(stream_name_path(STRING("ads.clicks"), &text), "/ads/clicks"));
    assert_null(stream_name_path(STRING(""), &text).bytes);
    assert_null(stream_name_path(STRING("/"), &text).bytes);
    assert_null(stream_name_path(STRING("/a.b"), &text).bytes);
    assert_null(stream_name_path(STRING("a..b"), &text).bytes);
    assert_null(stream_name_path(STRING("/a/"), &text).bytes);
    assert_true(string_is(stream_name_of_topic(STRING("a.b..c")), "a.b"));
    assert_null(stream_name_of_topic(STRING("a.b.c")).bytes);
    assert_true(stream_name_is_topic(STRING("a.b..c.d")));
    assert_false(stream_name_is_topic(STRING("a.b..c..eu")));
    assert_false(stream_name_is_topic(STRING("a.b...c")));
    assert_false(stream_name_is_topic(STRING("..c")));
    assert_false(stream_name_is_topic(STRING("a..")));
}

/* ---- decisions ---- */

struct world {
    struct acl_set *acls;
    struct stream_policies *streams;
    struct authorizer *authorizer;
    struct identity *alice;
    struct string roles[2];
    int32_t role_count;
};

static void find_roles(void *context, struct string principal, struct expression_subject *out)
{
    struct world *world = context;

    assert_true(string_is(principal, "User:alice"));
    out->roles = world->roles;
    out->role_count = world->role_count;
}

static void build(struct world *world)
{
    struct identity_options alice = {
        .name = STRING("alice"), .mechanism = "PLAIN", .are_groups_known = true};
    struct authorizer_options options = {
        .super_users = STRING("User:root"), .find_roles = find_roles, .context = world};

    *world = (struct world){.acls = acl_set_new(), .streams = stream_policies_new()};
    options.acls = world->acls;
    options.streams = world->streams;
    world->authorizer = authorizer_new(&options);
    assert_int_equal(identity_new(&alice, &world->alice), ERROR_NONE);
}

static void tear_down(struct world *world)
{
    identity_unref(world->alice);
    authorizer_free(world->authorizer);
    stream_policies_free(world->streams);
    acl_set_free(world->acls);
}

static void put(struct world *world, bool is_additive, const char *produce, const char *consume)
{
    const struct stream_rules rules = {
        .name = STRING("/ads/clicks"),
        .is_additive = is_additive,
        .expressions = {string_from(produce), string_from(consume), STRING("u:maker"),
                        STRING("u:chief"), STRING("")},
    };

    assert_int_equal(stream_policies_put(world->streams, &rules), ERROR_NONE);
}

static void add(struct world *world, enum acl_permission permission, enum acl_operation operation)
{
    const struct acl acl = {.resource = ACL_TOPIC,
                            .pattern = ACL_PREFIXED,
                            .name = STRING("ads"),
                            .principal = STRING("User:alice"),
                            .host = STRING("*"),
                            .operation = operation,
                            .permission = permission};

    assert_int_equal(acl_set_add(world->acls, &acl), ERROR_NONE);
}

static bool allows(struct world *world, enum acl_resource resource, enum acl_operation operation,
                   const char *name)
{
    const struct access_question question = {.identity = world->alice,
                                             .host = STRING("10.0.0.1"),
                                             .operation = operation,
                                             .resource = resource,
                                             .name = string_from(name)};
    struct access_decision decision;

    authorizer_decide(world->authorizer, &question, &decision);
    assert_int_equal(authorizer_allows(world->authorizer, &question), decision.is_allowed);
    return decision.is_allowed;
}

static void a_policy_grants_what_its_permissions_stand_for(void **state)
{
    static const char topic[] = "ads.clicks..impressions";
    struct world world;

    (void)state;
    build(&world);
    put(&world, false, "u:alice", "u:bob");
    assert_true(allows(&world, ACL_TOPIC, ACL_WRITE, topic));
    assert_true(allows(&world, ACL_TOPIC, ACL_DESCRIBE, topic));
    assert_false(allows(&world, ACL_TOPIC, ACL_READ, topic));
    assert_false(allows(&world, ACL_TOPIC, ACL_CREATE, topic));
    assert_false(allows(&world, ACL_TOPIC, ACL_ALTER_CONFIGS, topic));
    assert_false(allows(&world, ACL_GROUP, ACL_READ, "ads.clicks..group"));
    put(&world, false, "u:bob", "u:alice");
    assert_false(allows(&world, ACL_TOPIC, ACL_WRITE, topic));
    assert_true(allows(&world, ACL_TOPIC, ACL_READ, topic));
    assert_true(allows(&world, ACL_GROUP, ACL_READ, "ads.clicks..group"));
    assert_true(allows(&world, ACL_GROUP, ACL_DESCRIBE, "/ads/clicks:group"));
    assert_false(allows(&world, ACL_GROUP, ACL_DELETE, "ads.clicks..group"));
    assert_false(allows(&world, ACL_GROUP, ACL_READ, "ads.clicks.group"));
    assert_false(allows(&world, ACL_TOPIC, ACL_READ, "ads.clicks2..impressions"));
    assert_false(allows(&world, ACL_TRANSACTIONAL_ID, ACL_WRITE, topic));
    tear_down(&world);
}

static void a_rule_does_not_suffice_where_the_stream_enforces(void **state)
{
    struct world world;

    (void)state;
    build(&world);
    add(&world, ACL_ALLOW, ACL_ALL);
    assert_true(allows(&world, ACL_TOPIC, ACL_READ, "ads.clicks..impressions"));
    put(&world, false, "", "");
    assert_false(allows(&world, ACL_TOPIC, ACL_READ, "ads.clicks..impressions"));
    assert_true(allows(&world, ACL_TOPIC, ACL_READ, "ads.orders"));
    assert_true(authorizer_stands_alone(world.authorizer, STRING("/ads/clicks:new")));
    put(&world, true, "", "");
    assert_true(allows(&world, ACL_TOPIC, ACL_READ, "ads.clicks..impressions"));
    assert_false(authorizer_stands_alone(world.authorizer, STRING("/ads/clicks:new")));
    tear_down(&world);
}

static void a_denial_beats_the_policy(void **state)
{
    struct world world;

    (void)state;
    build(&world);
    put(&world, false, "p", "p");
    assert_true(allows(&world, ACL_TOPIC, ACL_READ, "ads.clicks..impressions"));
    add(&world, ACL_DENY, ACL_READ);
    assert_false(allows(&world, ACL_TOPIC, ACL_READ, "ads.clicks..impressions"));
    assert_true(allows(&world, ACL_TOPIC, ACL_WRITE, "ads.clicks..impressions"));
    tear_down(&world);
}

static void roles_count_as_soon_as_they_change(void **state)
{
    struct world world;

    (void)state;
    build(&world);
    put(&world, false, "g:ads", "!g:ads");
    assert_false(allows(&world, ACL_TOPIC, ACL_WRITE, "ads.clicks..impressions"));
    world.roles[world.role_count++] = STRING("g:ads");
    stream_policies_touch(world.streams);
    assert_true(allows(&world, ACL_TOPIC, ACL_WRITE, "ads.clicks..impressions"));
    assert_false(allows(&world, ACL_TOPIC, ACL_READ, "ads.clicks..impressions"));
    tear_down(&world);
}

static void what_cannot_be_read_lets_nobody_through(void **state)
{
    const struct stream_rules broken = {
        .name = STRING("/ads/clicks"),
        .expressions = {STRING("p |"), STRING("p"), STRING(""), STRING(""), STRING("")}};
    struct stream_rules nameless = broken;
    struct world world;

    (void)state;
    build(&world);
    assert_int_equal(stream_policies_put(world.streams, &broken), ERROR_MALFORMED);
    assert_false(allows(&world, ACL_TOPIC, ACL_WRITE, "ads.clicks..impressions"));
    assert_true(allows(&world, ACL_TOPIC, ACL_READ, "ads.clicks..impressions"));
    nameless.name = STRING("ads..clicks");
    assert_int_equal(stream_policies_put(world.streams, &nameless), ERROR_INVALID);
    tear_down(&world);
}

static void who_may_produce_to_a_stream_may_have_a_producer_id(void **state)
{
    struct world world;
    struct access_question question;

    (void)state;
    build(&world);
    question = (struct access_question){.identity = world.alice,
                                        .host = STRING("10.0.0.1"),
                                        .operation = ACL_WRITE,
                                        .resource = ACL_TOPIC};
    put(&world, false, "u:bob", "p");
    assert_false(authorizer_allows_any(world.authorizer, &question));
    put(&world, false, "u:alice", "p");
    assert_true(authorizer_allows_any(world.authorizer, &question));
    add(&world, ACL_DENY, ACL_WRITE);
    assert_false(authorizer_allows_any(world.authorizer, &question));
    tear_down(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_topic_has_two_spellings),
        cmocka_unit_test(the_beginning_of_a_path_has_two_spellings),
        cmocka_unit_test(a_stream_has_two_spellings),
        cmocka_unit_test(a_policy_grants_what_its_permissions_stand_for),
        cmocka_unit_test(a_rule_does_not_suffice_where_the_stream_enforces),
        cmocka_unit_test(a_denial_beats_the_policy),
        cmocka_unit_test(roles_count_as_soon_as_they_change),
        cmocka_unit_test(what_cannot_be_read_lets_nobody_through),
        cmocka_unit_test(who_may_produce_to_a_stream_may_have_a_producer_id),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
