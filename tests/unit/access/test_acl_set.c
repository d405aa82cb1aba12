/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of access control entries holds each entry once, forgets exactly what it is told to forget,
 * and shows what a filter asks for.
 */
#include <stdio.h>
#include <string.h>

#include "gyre/access/acl.h"

#include "support/test.h"

static struct acl entry(const char *name, enum acl_pattern pattern, const char *principal,
                        enum acl_operation operation)
{
    return (struct acl){.resource = ACL_TOPIC,
                        .pattern = pattern,
                        .name = string_from(name),
                        .principal = string_from(principal),
                        .host = STRING("*"),
                        .operation = operation,
                        .permission = ACL_ALLOW};
}

static void count_one(void *context, const struct acl *acl)
{
    (void)acl;
    ++*(int *)context;
}

static int count_matches(const struct acl_set *set, const struct acl *filter)
{
    int count = 0;

    acl_set_for_each(set, filter, count_one, &count);
    return count;
}

static const struct acl everything = {.resource = ACL_RESOURCE_ANY,
                                      .pattern = ACL_PATTERN_ANY,
                                      .operation = ACL_OPERATION_ANY,
                                      .permission = ACL_PERMISSION_ANY};

static void an_equal_entry_is_kept_once(void **state)
{
    struct acl_set *set = acl_set_new();
    struct acl read = entry("orders", ACL_LITERAL, "User:alice", ACL_READ);
    uint64_t epoch;

    (void)state;
    assert_int_equal(acl_set_add(set, &read), ERROR_NONE);
    epoch = acl_set_epoch(set);
    assert_int_equal(acl_set_add(set, &read), ERROR_NONE);
    assert_int_equal(acl_set_count(set), 1);
    assert_int_equal(acl_set_epoch(set), epoch);
    acl_set_free(set);
}

static void removing_one_entry_leaves_its_neighbours(void **state)
{
    struct acl_set *set = acl_set_new();
    struct acl read = entry("orders", ACL_LITERAL, "User:alice", ACL_READ);
    struct acl write = entry("orders", ACL_LITERAL, "User:alice", ACL_WRITE);
    struct acl denied = read;
    uint64_t epoch;

    (void)state;
    denied.permission = ACL_DENY;
    assert_int_equal(acl_set_add(set, &read), ERROR_NONE);
    assert_int_equal(acl_set_add(set, &write), ERROR_NONE);
    assert_int_equal(acl_set_add(set, &denied), ERROR_NONE);
    epoch = acl_set_epoch(set);
    assert_int_equal(acl_set_remove(set, &read), ERROR_NONE);
    assert_true(acl_set_epoch(set) > epoch);
    assert_int_equal(acl_set_remove(set, &read), ERROR_NOT_FOUND);
    assert_int_equal(count_matches(set, &write), 1);
    assert_int_equal(count_matches(set, &denied), 1);
    assert_int_equal(acl_set_count(set), 2);
    acl_set_clear(set);
    assert_int_equal(count_matches(set, &everything), 0);
    acl_set_free(set);
}

static void the_set_keeps_its_own_text(void **state)
{
    struct acl_set *set = acl_set_new();
    char name[] = "orders";
    struct acl acl = entry(name, ACL_PREFIXED, "User:alice", ACL_READ);
    struct acl kept = entry("orders", ACL_PREFIXED, "User:alice", ACL_READ);

    (void)state;
    assert_int_equal(acl_set_add(set, &acl), ERROR_NONE);
    memset(name, 'x', sizeof name - 1);
    assert_int_equal(count_matches(set, &kept), 1);
    acl_set_free(set);
}

static void a_match_filter_finds_literal_wildcard_and_prefixes(void **state)
{
    struct acl_set *set = acl_set_new();
    struct acl all[] = {
        entry("orders", ACL_LITERAL, "User:a", ACL_READ),
        entry("*", ACL_LITERAL, "User:a", ACL_READ),
        entry("ord", ACL_PREFIXED, "User:a", ACL_READ),
        entry("orders", ACL_PREFIXED, "User:a", ACL_READ),
        entry("orders.eu", ACL_PREFIXED, "User:a", ACL_READ),
        entry("order", ACL_LITERAL, "User:a", ACL_READ),
    };
    struct acl filter = everything;

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        assert_int_equal(acl_set_add(set, &all[i]), ERROR_NONE);
    }
    filter.name = STRING("orders");
    assert_int_equal(count_matches(set, &filter), 2);
    filter.pattern = ACL_PATTERN_MATCH;
    assert_int_equal(count_matches(set, &filter), 4);
    filter.pattern = ACL_PREFIXED;
    assert_int_equal(count_matches(set, &filter), 1);
    filter = everything;
    filter.principal = STRING("User:b");
    assert_int_equal(count_matches(set, &filter), 0);
    assert_int_equal(count_matches(set, &everything), 6);
    acl_set_free(set);
}

static void a_full_set_refuses_new_entries_only(void **state)
{
    struct acl_set *set = acl_set_new();
    char name[16];
    struct acl acl = entry("0", ACL_LITERAL, "User:a", ACL_READ);

    (void)state;
    for (int i = 0; i < ACLS_MAX; i++) {
        (void)snprintf(name, sizeof name, "%d", i);
        acl.name = string_from(name);
        assert_int_equal(acl_set_add(set, &acl), ERROR_NONE);
    }
    assert_int_equal(acl_set_add(set, &acl), ERROR_NONE);
    acl.operation = ACL_WRITE;
    assert_int_equal(acl_set_add(set, &acl), ERROR_LIMIT);
    assert_int_equal(acl_set_count(set), ACLS_MAX);
    acl_set_free(set);
}

static void what_cannot_be_an_entry_is_told_why(void **state)
{
    struct acl good = entry("orders", ACL_LITERAL, "User:a:", ACL_ALL);
    struct acl bad = good;

    (void)state;
    assert_null(acl_problem(&good));
    bad.resource = ACL_RESOURCE_ANY;
    assert_string_equal(acl_problem(&bad), "Invalid resourceType ANY");
    bad = good;
    bad.pattern = ACL_PATTERN_MATCH;
    assert_string_equal(acl_problem(&bad), "Invalid patternType MATCH");
    bad = good;
    bad.name = STRING("");
    assert_string_equal(acl_problem(&bad), "Resource name should not be empty");
    bad = good;
    bad.operation = ACL_CLUSTER_ACTION;
    assert_non_null(acl_problem(&bad));
    bad = good;
    bad.resource = ACL_CLUSTER;
    assert_non_null(acl_problem(&bad));
    bad.name = ACL_CLUSTER_NAME;
    assert_null(acl_problem(&bad));
    bad = good;
    bad.principal = STRING("alice");
    assert_non_null(acl_problem(&bad));
    bad.principal = STRING("User:");
    assert_non_null(acl_problem(&bad));
    bad = good;
    bad.host = STRING("");
    assert_non_null(acl_problem(&bad));
    bad = good;
    bad.permission = ACL_PERMISSION_ANY;
    assert_string_equal(acl_problem(&bad), "Invalid permissionType ANY");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_equal_entry_is_kept_once),
        cmocka_unit_test(removing_one_entry_leaves_its_neighbours),
        cmocka_unit_test(the_set_keeps_its_own_text),
        cmocka_unit_test(a_match_filter_finds_literal_wildcard_and_prefixes),
        cmocka_unit_test(a_full_set_refuses_new_entries_only),
        cmocka_unit_test(what_cannot_be_an_entry_is_told_why),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
