/* SPDX-License-Identifier: Apache-2.0 */
#include <malloc.h>
#include <math.h>

#include "gyre/base/check.h"
#include "gyre/quota/quota.h"

#include "support/test.h"

enum { SECOND_US = 1000000 };

static const struct quota_subject alice = {.user = {"alice", 5},
                                           .client_id = {"app", 3},
                                           .ip = {"10.0.0.1", 8}};

static struct quota_table *new_table(size_t meters_max)
{
    struct quota_options options = {
        .samples = 11, .window_us = SECOND_US, .meters_max = meters_max};

    return quota_table_new(&options);
}

static struct quota_part part(const char *name)
{
    if (name == NULL) {
        return (struct quota_part){.kind = QUOTA_PART_ABSENT};
    }
    if (name[0] == '*') {
        return (struct quota_part){.kind = QUOTA_PART_DEFAULT};
    }
    return (struct quota_part){.kind = QUOTA_PART_NAMED, .name = string_from(name)};
}

static void give(struct quota_table *table, const char *user, const char *client_id, double limit)
{
    struct quota_entity entity = {.user = part(user), .client_id = part(client_id)};

    quota_table_set(table, &entity, QUOTA_PRODUCE, limit);
}

static void the_nearest_of_eight_limits_counts(void **state)
{
    static const struct {
        const char *user;
        const char *client_id;
    } order[] = {{NULL, "*"},  {NULL, "app"},   {"*", NULL},    {"*", "*"},
                 {"*", "app"}, {"alice", NULL}, {"alice", "*"}, {"alice", "app"}};
    struct quota_table *table = new_table(10);

    (void)state;
    assert_true(isinf(quota_limit(table, QUOTA_PRODUCE, &alice)));
    give(table, "bob", "app", 1000);
    assert_true(isinf(quota_limit(table, QUOTA_PRODUCE, &alice)));
    for (int i = 0; i < 8; i++) {
        give(table, order[i].user, order[i].client_id, i);
        assert_true(quota_limit(table, QUOTA_PRODUCE, &alice) == i);
    }
    assert_true(isinf(quota_limit(table, QUOTA_FETCH, &alice)));
    quota_table_clear(table);
    assert_false(quota_table_has(table, QUOTA_PRODUCE));
    quota_table_free(table);
}

static void the_first_request_is_measured_over_ten_windows(void **state)
{
    struct quota_table *table = new_table(10);

    (void)state;
    give(table, "alice", NULL, 1000);
    assert_int_equal(quota_record(table, QUOTA_PRODUCE, &alice, 10000, 5), 0);
    /* 12,000 bytes in 10 s are 1,200 a second: (1200 - 1000) / 1000 x 10 s. */
    assert_int_equal(quota_record(table, QUOTA_PRODUCE, &alice, 2000, 5), 2000);
    quota_unrecord(table, QUOTA_PRODUCE, &alice, 2000, 5);
    assert_int_equal(quota_rest_ms(table, QUOTA_PRODUCE, &alice, 5), 0);
    quota_table_free(table);
}

/* As a client does that always rests as it is told. */
static void a_client_that_rests_gets_its_quota(void **state)
{
    struct quota_table *table = new_table(10);
    uint64_t now_us = 7 * SECOND_US;
    double total = 0;

    (void)state;
    give(table, "alice", NULL, 100000);
    while (now_us < 67 * SECOND_US) {
        total += 5000;
        now_us += 1000 + 1000 * (uint64_t)quota_record(table, QUOTA_PRODUCE, &alice, 5000, now_us);
    }
    assert_true(total > 0.95 * 6e6 && total < 1.05 * (6e6 + 1e6));
    quota_table_free(table);
}

/* Five percent of a processor, taken in requests of a millisecond each. */
static void a_client_that_rests_gets_its_share_of_time(void **state)
{
    struct quota_table *table = new_table(11);
    struct quota_entity entity = {.user = part("alice")};
    uint64_t now_us = 7 * SECOND_US;
    double total_us = 0;

    (void)state;
    quota_table_set(table, &entity, QUOTA_REQUEST, 5);
    while (now_us < 618 * SECOND_US) {
        total_us += now_us < 18 * SECOND_US ? 0 : 1000; /* after the first window's worth */
        now_us += 1000 + 1000 * (uint64_t)quota_record(table, QUOTA_REQUEST, &alice, 1000, now_us);
    }
    print_message("share %.3f\n", total_us / (600 * 5e4));
    assert_true(total_us > 0.9 * 600 * 5e4 && total_us < 1.1 * 600 * 5e4);
    quota_table_free(table);
}

static void old_windows_are_forgotten(void **state)
{
    struct quota_table *table = new_table(10);

    (void)state;
    give(table, "alice", NULL, 1000);
    assert_true(quota_record(table, QUOTA_PRODUCE, &alice, 50000, 0) > 0);
    assert_true(quota_rest_ms(table, QUOTA_PRODUCE, &alice, 10 * SECOND_US) > 0);
    assert_int_equal(quota_rest_ms(table, QUOTA_PRODUCE, &alice, 11 * SECOND_US), 0);
    quota_table_free(table);
}

static void a_quota_of_users_is_shared_by_their_clients(void **state)
{
    struct quota_table *table = new_table(10);
    struct quota_subject other_client = {STRING("alice"), STRING("other"), STRING_NULL};
    struct quota_subject other_user = {STRING("bob"), STRING("app"), STRING_NULL};

    (void)state;
    give(table, "*", NULL, 1000);
    assert_int_equal(quota_record(table, QUOTA_PRODUCE, &alice, 10000, 0), 0);
    assert_int_equal(quota_record(table, QUOTA_PRODUCE, &other_client, 1000, 0), 1000);
    assert_int_equal(quota_record(table, QUOTA_PRODUCE, &other_user, 1000, 0), 0);
    quota_table_free(table);
}

static void request_time_rests_one_window_at_most(void **state)
{
    struct quota_table *table = new_table(10);
    struct quota_entity entity = {.user = part("alice")};

    (void)state;
    quota_table_set(table, &entity, QUOTA_REQUEST, 10); /* percent: 100 ms a second */
    assert_int_equal(quota_record(table, QUOTA_REQUEST, &alice, 1e6, 0), 0);
    assert_int_equal(quota_record(table, QUOTA_REQUEST, &alice, 50000, 0), 500);
    assert_int_equal(quota_record(table, QUOTA_REQUEST, &alice, 5e6, 0), 1000);
    quota_table_free(table);
}

static void mutations_have_a_burst_and_then_rest(void **state)
{
    struct quota_table *table = new_table(10);
    struct quota_entity entity = {.user = part("alice")};

    (void)state;
    quota_table_set(table, &entity, QUOTA_CONTROLLER_MUTATION, 2);
    assert_int_equal(quota_record(table, QUOTA_CONTROLLER_MUTATION, &alice, 22, SECOND_US), 0);
    assert_int_equal(quota_record(table, QUOTA_CONTROLLER_MUTATION, &alice, 4, SECOND_US), 2000);
    assert_int_equal(quota_rest_ms(table, QUOTA_CONTROLLER_MUTATION, &alice, 2 * SECOND_US), 1000);
    assert_int_equal(quota_rest_ms(table, QUOTA_CONTROLLER_MUTATION, &alice, 3 * SECOND_US), 0);
    quota_table_free(table);
}

static void connections_are_counted_by_address(void **state)
{
    struct quota_table *table = new_table(10);
    struct quota_entity all = {.ip = part("*")};
    struct quota_subject other = {STRING("alice"), STRING("app"), STRING("10.0.0.2")};

    (void)state;
    quota_table_set(table, &all, QUOTA_CONNECTION_RATE, 1);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(quota_record(table, QUOTA_CONNECTION_RATE, &alice, 1, 0), 0);
    }
    assert_int_equal(quota_record(table, QUOTA_CONNECTION_RATE, &alice, 1, 0), 1000);
    assert_int_equal(quota_record(table, QUOTA_CONNECTION_RATE, &other, 1, 0), 0);
    quota_table_free(table);
}

static void the_longest_unused_meter_makes_room(void **state)
{
    struct quota_table *table = new_table(2);
    struct quota_subject bob = {STRING("bob"), STRING_NULL, STRING_NULL};
    struct quota_subject carol = {STRING("carol"), STRING_NULL, STRING_NULL};

    (void)state;
    give(table, "*", NULL, 1000);
    assert_true(quota_record(table, QUOTA_PRODUCE, &alice, 50000, 0) > 0);
    assert_true(quota_record(table, QUOTA_PRODUCE, &bob, 50000, 1) > 0);
    assert_true(quota_rest_ms(table, QUOTA_PRODUCE, &alice, 2) > 0);
    assert_int_equal(quota_rest_ms(table, QUOTA_PRODUCE, &carol, 3), 0);
    assert_true(quota_rest_ms(table, QUOTA_PRODUCE, &alice, 4) > 0);
    assert_int_equal(quota_rest_ms(table, QUOTA_PRODUCE, &bob, 5), 0);
    quota_table_free(table);
}

static void long_names_are_told_apart_and_take_no_memory(void **state)
{
    enum { COUNT = 1000, NAME_BYTES = 32767 };
    struct quota_table *table = new_table(COUNT);
    char *name = check_alloc(NAME_BYTES);
    struct quota_subject subject = {STRING("eve"), {name, NAME_BYTES}, STRING_NULL};
    size_t before;

    (void)state;
    give(table, NULL, "*", 1000);
    memset(name, 'x', NAME_BYTES);
    before = mallinfo2().uordblks;
    for (int i = 0; i < COUNT; i++) {
        memcpy(name + NAME_BYTES - sizeof i, &i, sizeof i);
        assert_true(quota_record(table, QUOTA_PRODUCE, &subject, 50000, 0) > 0);
        assert_true(quota_rest_ms(table, QUOTA_PRODUCE, &subject, 0) > 0);
    }
    name[NAME_BYTES - 1]++;
    assert_int_equal(quota_rest_ms(table, QUOTA_PRODUCE, &subject, 0), 0);
    assert_true(mallinfo2().uordblks - before < COUNT * 4096); /* 0 - 0 with sanitizers */
    free(name);
    quota_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearest_of_eight_limits_counts),
        cmocka_unit_test(the_first_request_is_measured_over_ten_windows),
        cmocka_unit_test(a_client_that_rests_gets_its_quota),
        cmocka_unit_test(a_client_that_rests_gets_its_share_of_time),
        cmocka_unit_test(old_windows_are_forgotten),
        cmocka_unit_test(a_quota_of_users_is_shared_by_their_clients),
        cmocka_unit_test(request_time_rests_one_window_at_most),
        cmocka_unit_test(mutations_have_a_burst_and_then_rest),
        cmocka_unit_test(connections_are_counted_by_address),
        cmocka_unit_test(the_longest_unused_meter_makes_room),
        cmocka_unit_test(long_names_are_told_apart_and_take_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
