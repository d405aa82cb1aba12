/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/access/identity.h"

#include "support/test.h"

static void an_identity_keeps_its_own_copy_of_everything(void **state)
{
    char name[] = "alice";
    struct string groups[] = {STRING("ads"), STRING("interns")};
    struct identity_options options = {.name = string_from(name),
                                       .mechanism = "PLAIN",
                                       .groups = groups,
                                       .group_count = 2,
                                       .are_groups_known = true,
                                       .token_id = STRING("t1")};
    struct identity *identity;

    (void)state;
    assert_int_equal(identity_new(&options, &identity), ERROR_NONE);
    name[0] = 'x';
    groups[0] = STRING("none");
    assert_true(string_is(identity->principal, "User:alice"));
    assert_true(string_is(identity->name, "alice"));
    assert_true(identity->is_token && string_is(identity->token_id, "t1"));
    assert_true(identity_has_group(identity, STRING("ads")));
    assert_true(identity_has_group(identity, STRING("interns")));
    assert_false(identity_has_group(identity, STRING("none")));
    assert_ptr_equal(identity_ref(identity), identity);
    identity_unref(identity);
    identity_unref(identity);
}

static void every_identity_has_a_serial_of_its_own(void **state)
{
    struct identity *one = identity_anonymous();
    struct identity *other = identity_anonymous();

    (void)state;
    assert_true(string_is(one->principal, "User:ANONYMOUS"));
    assert_true(one->serial != other->serial);
    identity_unref(one);
    identity_unref(other);
}

static void an_empty_or_overlong_name_is_refused(void **state)
{
    static char overlong[IDENTITY_PRINCIPAL_BYTES_MAX + 1];
    struct identity_options options = {.name = STRING("")};
    struct identity *identity;

    (void)state;
    assert_int_equal(identity_new(&options, &identity), ERROR_INVALID);
    options.name = (struct string){overlong, sizeof overlong};
    assert_int_equal(identity_new(&options, &identity), ERROR_INVALID);
    options.name = STRING("a");
    options.group_count = IDENTITY_GROUPS_MAX + 1;
    assert_int_equal(identity_new(&options, &identity), ERROR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_identity_keeps_its_own_copy_of_everything),
        cmocka_unit_test(every_identity_has_a_serial_of_its_own),
        cmocka_unit_test(an_empty_or_overlong_name_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
