/* SPDX-License-Identifier: Apache-2.0 */
/* Whom the lists of throttled replicas name. */
#include "gyre/config/throttled_replicas.h"

#include "support/test.h"

static void check(const char *list, int32_t partition, int32_t node, bool node_is_named,
                  bool others_are_named)
{
    struct throttled_replicas found = throttled_replicas_find(string_from(list), partition, node);

    assert_int_equal(found.names_node, node_is_named);
    assert_int_equal(found.names_others, others_are_named);
}

static void a_list_names_replicas_by_partition_and_broker(void **state)
{
    (void)state;
    check("0:1,1:2", 0, 1, true, false);
    check("0:1,1:2", 1, 1, false, true);
    check("0:1,1:2", 2, 1, false, false);
    check("0:1, 0:12", 0, 12, true, true);
    check("0:1", 0, 11, false, true);
}

static void a_star_names_all_and_an_empty_list_nobody(void **state)
{
    struct throttled_replicas found = throttled_replicas_find(STRING_NULL, 0, 0);

    (void)state;
    check("*", 7, 3, true, true);
    check("", 0, 0, false, false);
    assert_false(found.names_node || found.names_others);
}

static void what_follows_no_form_names_nobody_and_is_not_valid(void **state)
{
    static const char *const bad[] = {"0-1", "0", ":", "0:", ":0", "a:0", "0:1:2", "0:1,x"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(throttled_replicas_is_valid(string_from(bad[i])));
        check(bad[i], 0, 0, false, i == 7);
    }
    assert_true(throttled_replicas_is_valid(STRING("0:1,1:2")));
    assert_true(throttled_replicas_is_valid(STRING("*")));
    assert_true(throttled_replicas_is_valid(STRING(" * ")));
    assert_true(throttled_replicas_is_valid(STRING("")));
    assert_false(throttled_replicas_is_valid(STRING("*,0:1")));
    assert_false(throttled_replicas_is_valid(STRING("0:1,*")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_names_replicas_by_partition_and_broker),
        cmocka_unit_test(a_star_names_all_and_an_empty_list_nobody),
        cmocka_unit_test(what_follows_no_form_names_nobody_and_is_not_valid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
