/* SPDX-License-Identifier: Apache-2.0 */
/* Who guesses passwords waits behind who does not. */
#include "support/sasl_fixture.h"
#include "support/test.h"

static struct sasl_exchange *begin_from(struct sasl_fixture *fixture, const char *host)
{
    struct sasl_exchange *exchange =
        sasl_exchange_new(fixture->server, "SASL_PLAINTEXT", STRING("PLAIN"));

    sasl_exchange_set_peer(exchange, host);
    return exchange;
}

static void note(void *context, const struct sasl_result *result)
{
    int *order = context;

    assert_int_equal(result->state, SASL_FAILED);
    order[++order[0]] = result->is_passing ? 1 : 0;
}

static void guess_from(struct sasl_fixture *fixture, const char *host, int count)
{
    for (int i = 0; i < count; i++) {
        int order[2] = {0};
        struct sasl_exchange *exchange = begin_from(fixture, host);

        sasl_exchange_step(exchange, STRING("\0alice\0wrong"), note, order);
        sasl_fixture_turn(fixture);
        assert_int_equal(order[0], 1);
        sasl_exchange_free(exchange);
    }
}

/* How many of a hundred passwords that arrive at once come onto the pool before any is done. */
static int count_at_once(struct sasl_fixture *fixture, const char *host)
{
    enum { COUNT = 100 };
    struct sasl_exchange *exchanges[COUNT];
    int order[COUNT + 1] = {0};
    int count = 0;

    for (int i = 0; i < COUNT; i++) {
        exchanges[i] = begin_from(fixture, host);
        sasl_exchange_step(exchanges[i], STRING("\0alice\0wrong"), note, order);
    }
    for (const struct work *work = fixture->oldest; work != NULL; work = work->next) {
        count++;
    }
    for (int i = 0; i < COUNT; i++) {
        sasl_exchange_free(exchanges[i]);
    }
    sasl_fixture_turn(fixture);
    return count;
}

static void who_guesses_comes_after_the_others_for_a_while(void **state)
{
    struct sasl_fixture fixture;

    (void)state;
    sasl_fixture_init(&fixture, NULL, 0);
    assert_int_equal(count_at_once(&fixture, "192.0.2.1"), 2);
    guess_from(&fixture, "192.0.2.1", 10);
    assert_int_equal(count_at_once(&fixture, "192.0.2.1"), 2); /* so many are forgiven */
    guess_from(&fixture, "192.0.2.1", 1);
    assert_int_equal(count_at_once(&fixture, "192.0.2.1"), 1);
    assert_int_equal(count_at_once(&fixture, "192.0.2.2"), 2);
    guess_from(&fixture, "192.0.2.1", 1000);
    fixture.clock.now_us += 49 * 1000 * 1000;
    sasl_fixture_turn(&fixture);
    assert_int_equal(count_at_once(&fixture, "192.0.2.1"), 1);
    fixture.clock.now_us += 2 * 1000 * 1000;
    sasl_fixture_turn(&fixture);
    assert_int_equal(count_at_once(&fixture, "192.0.2.1"), 2);
    sasl_fixture_release(&fixture);
}

static void a_network_of_ipv6_is_one_address(void **state)
{
    struct sasl_fixture fixture;

    (void)state;
    sasl_fixture_init(&fixture, NULL, 0);
    guess_from(&fixture, "2001:db8:1:2::1", 11);
    assert_int_equal(count_at_once(&fixture, "2001:db8:1:2:3::9"), 1);
    assert_int_equal(count_at_once(&fixture, "2001:db8:1:3::1"), 2);
    sasl_fixture_release(&fixture);
}

static void honest_ones_overtake_guesses_that_wait(void **state)
{
    enum { COUNT = 300 };
    struct sasl_exchange *exchanges[COUNT];
    struct sasl_fixture fixture;
    struct sasl_exchange *other;
    int order[COUNT + 1] = {0};
    int other_order[2] = {0};

    (void)state;
    sasl_fixture_init(&fixture, NULL, 0);
    guess_from(&fixture, "192.0.2.1", 60);
    for (int i = 0; i < COUNT; i++) {
        exchanges[i] = begin_from(&fixture, "192.0.2.1");
        sasl_exchange_step(exchanges[i], STRING("\0alice\0wrong"), note, order);
    }
    other = begin_from(&fixture, "192.0.2.2");
    sasl_exchange_step(other, STRING("\0alice\0wrong"), note, other_order);
    for (int i = 0; i < 3; i++) {
        sasl_fixture_work_one(&fixture);
        (void)loop_turn(&fixture.loop);
    }
    assert_int_equal(other_order[0], 1);
    assert_int_equal(other_order[1], 0);                 /* judged */
    assert_in_range(order[0], COUNT - 129, COUNT - 127); /* given up, but for who waits, and two */
    for (int i = 0; i < COUNT; i++) {
        sasl_exchange_free(exchanges[i]);
    }
    sasl_exchange_free(other);
    sasl_fixture_turn(&fixture);
    sasl_fixture_release(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_guesses_comes_after_the_others_for_a_while),
        cmocka_unit_test(a_network_of_ipv6_is_one_address),
        cmocka_unit_test(honest_ones_overtake_guesses_that_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
