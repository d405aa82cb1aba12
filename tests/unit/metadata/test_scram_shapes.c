/* SPDX-License-Identifier: Apache-2.0 */
/* Names that nobody has look as the region's credentials do. */
#include <stdio.h>

#include "catalog_fixture.h"
#include "metadata/scram_shapes.h"
#include "support/test.h"

static void set_shape(struct catalog_fixture *fixture, int user, int32_t iterations,
                      int32_t salt_length)
{
    static char key[32];
    char name[16];
    char salt[64] = "";
    struct catalog_set_scram_upsertions one = {.mechanism = SCRAM_SHA_256,
                                               .iterations = iterations,
                                               .salt = {salt, salt_length},
                                               .stored_key = {key, sizeof key},
                                               .server_key = {key, sizeof key}};
    struct catalog_set_scram set = {.upsertions = {&one, 1}};

    (void)snprintf(name, sizeof name, "u%d", user);
    memset(salt, salt_length == 26 ? 'z' : '\xff', sizeof salt);
    one.user = string_from(name);
    assert_int_equal(apply_command(fixture, set_scram, SET_SCRAM, &set), KAFKA_ERROR_NONE);
}

/* How many of a thousand numbers look so. */
static int count_shapes(struct catalog_fixture *fixture, int32_t iterations, int32_t salt_length,
                        bool is_text)
{
    int count = 0;

    for (uint64_t i = 0; i < 1000; i++) {
        struct scram_shape shape = scram_shapes_choose(&fixture->state.security.scram_shapes,
                                                       SCRAM_SHA_256, i * (UINT64_MAX / 1000));
        count += (shape.iterations == iterations && shape.salt_length == salt_length &&
                  shape.is_text == is_text)
                     ? 1
                     : 0;
    }
    return count;
}

static void who_does_not_exist_looks_as_often_so_as_users_do(void **state)
{
    struct catalog_fixture fixture;

    (void)state;
    catalog_fixture_init(&fixture, 0);
    assert_int_equal(count_shapes(&fixture, 0, 0, false), 1000);
    for (int i = 0; i < 100; i++) {
        set_shape(&fixture, i, i < 75 ? 4096 : 8192, i < 75 ? 16 : 26);
    }
    assert_in_range(count_shapes(&fixture, 4096, 16, false), 749, 751);
    assert_in_range(count_shapes(&fixture, 8192, 26, true), 249, 251);
    for (int i = 50; i < 75; i++) {
        set_shape(&fixture, i, 8192, 26); /* a changed credential counts once */
    }
    assert_in_range(count_shapes(&fixture, 4096, 16, false), 499, 501);
    for (int i = 0; i < 100; i++) {
        set_shape(&fixture, i, 4096 + i, 16); /* more than are counted */
    }
    assert_int_equal(count_shapes(&fixture, 8192, 26, true), 0);
    for (int i = 0; i < 100; i++) {
        set_shape(&fixture, i, 5000, 16);
    }
    assert_int_equal(count_shapes(&fixture, 5000, 16, false), 1000);
    assert_int_equal(
        scram_shapes_choose(&fixture.state.security.scram_shapes, SCRAM_SHA_512, 0).iterations, 0);
    catalog_fixture_release(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_does_not_exist_looks_as_often_so_as_users_do),
    };

    return cmocka_run_group_tests_name("scram_shapes", tests, NULL, NULL);
}
