/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates are loaded anew when their files change or somebody asks; bad ones change nothing.
 */
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gyre/observe/log.h"
#include "gyre/observe/metrics.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/work.h"
#include "gyre/tls/tls_source.h"

#include "support/certificates.h"
#include "support/fake_clock.h"
#include "support/test.h"

enum { YEAR_S = 365 * 86400 };

/* Work runs when the test says so. */
struct fixture {
    struct work_pool pool;
    struct work *submitted;
    struct fake_clock clock;
    struct loop loop;
    struct metrics *metrics;
    struct certificates pki;
    struct tls_options options;
    struct tls_source *source;
    int closed;
};

static void submit(struct work_pool *pool, struct work *work)
{
    struct fixture *fixture = CONTAINER_OF(pool, struct fixture, pool);

    assert_null(fixture->submitted);
    fixture->submitted = work;
}

static void work_and_finish(struct fixture *fixture)
{
    struct work *work = fixture->submitted;

    assert_non_null(work);
    fixture->submitted = NULL;
    work->run(work);
    work->done(work);
    (void)loop_turn(&fixture->loop);
}

static void issue(struct fixture *fixture)
{
    X509_free(certificates_issue(&fixture->pki, "broker", PKI_BROKER, "DNS:localhost", YEAR_S));
}

static int set_up(void **state)
{
    static const struct work_pool_operations operations = {.submit = submit};
    struct fixture *fixture = check_alloc_zero(sizeof *fixture);
    struct tls_source_services services = {.loop = &fixture->loop, .pool = &fixture->pool};
    char message[TLS_MESSAGE_BYTES];

    log_set_level(LOG_AUTH, LOG_LEVEL_ERROR);
    fixture->pool.operations = &operations;
    fake_clock_init(&fixture->clock);
    loop_init(&fixture->loop, &fixture->clock.clock);
    (void)loop_turn(&fixture->loop);
    fixture->metrics = metrics_new();
    services.metrics = fixture->metrics;
    certificates_init(&fixture->pki);
    issue(fixture);
    fixture->options = (struct tls_options){
        .is_server = true, .keystore_path = strdup(certificates_path(&fixture->pki, "broker.pem"))};
    assert_int_equal(
        tls_source_open(&services, "SSL", &fixture->options, message, &fixture->source),
        ERROR_NONE);
    *state = fixture;
    return 0;
}

static void on_closed(void *context)
{
    ((struct fixture *)context)->closed++;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    if (fixture->closed == 0) {
        tls_source_close(fixture->source, on_closed, fixture);
        assert_int_equal(fixture->closed, 0);
        (void)loop_turn(&fixture->loop);
    }
    assert_int_equal(fixture->closed, 1);
    free((char *)(uintptr_t)fixture->options.keystore_path);
    certificates_release(&fixture->pki);
    metrics_free(fixture->metrics);
    loop_release(&fixture->loop);
    free(fixture);
    return 0;
}

static bool is_replaced(struct fixture *fixture, const struct tls_context *before)
{
    struct tls_context *now = tls_source_context(fixture->source);
    bool is_other = now != before;

    tls_context_unref(now);
    return is_other;
}

static void what_has_not_changed_is_not_loaded(void **state)
{
    struct fixture *fixture = *state;
    struct tls_context *before = tls_source_context(fixture->source);

    tls_source_look(fixture->source, false);
    work_and_finish(fixture);
    assert_false(is_replaced(fixture, before));
    tls_source_look(fixture->source, true);
    work_and_finish(fixture);
    assert_true(is_replaced(fixture, before));
    assert_true(tls_source_expires_ms(fixture->source) < INT64_MAX);
    tls_context_unref(before);
}

static void a_changed_file_is_loaded_and_a_bad_one_is_not_taken(void **state)
{
    struct fixture *fixture = *state;
    struct tls_context *before = tls_source_context(fixture->source);
    struct tls_context *good;

    assert_int_equal(truncate(fixture->options.keystore_path, 100), 0);
    tls_source_look(fixture->source, false);
    work_and_finish(fixture);
    assert_false(is_replaced(fixture, before));
    issue(fixture);
    tls_source_look(fixture->source, false);
    work_and_finish(fixture);
    assert_true(is_replaced(fixture, before));
    good = tls_source_context(fixture->source);
    assert_int_equal(unlink(fixture->options.keystore_path), 0);
    tls_source_look(fixture->source, true);
    work_and_finish(fixture);
    assert_false(is_replaced(fixture, good));
    tls_context_unref(good);
    tls_context_unref(before);
}

static void count_change(void *context)
{
    (*(int *)context)++;
}

static void another_trust_is_told_and_another_certificate_is_not(void **state)
{
    struct fixture *fixture = *state;
    struct tls_source_services services = {.loop = &fixture->loop, .pool = &fixture->pool};
    struct tls_options options = fixture->options;
    char message[TLS_MESSAGE_BYTES];
    int changes = 0;

    tls_source_close(fixture->source, on_closed, fixture);
    (void)loop_turn(&fixture->loop);
    fixture->closed = 0;
    certificates_revoke(&fixture->pki, NULL);
    options.truststore_path = strdup(certificates_path(&fixture->pki, "ca.crt"));
    options.crl_path = strdup(certificates_path(&fixture->pki, "ca.crl"));
    assert_int_equal(tls_source_open(&services, "SSL", &options, message, &fixture->source),
                     ERROR_NONE);
    tls_source_watch_trust(fixture->source, count_change, &changes);
    issue(fixture);
    tls_source_look(fixture->source, false);
    work_and_finish(fixture);
    assert_int_equal(changes, 0);
    certificates_revoke(&fixture->pki, NULL);
    tls_source_look(fixture->source, true);
    work_and_finish(fixture);
    assert_int_equal(changes, 1);
    tls_source_watch_trust(fixture->source, NULL, NULL);
    certificates_revoke(&fixture->pki, NULL);
    tls_source_look(fixture->source, true);
    work_and_finish(fixture);
    assert_int_equal(changes, 1);
    free((char *)(uintptr_t)options.truststore_path);
    free((char *)(uintptr_t)options.crl_path);
}

static void one_that_has_expired_serves_only_until_there_is_a_good_one(void **state)
{
    struct fixture *fixture = *state;
    struct tls_source_services services = {.loop = &fixture->loop, .pool = &fixture->pool};
    char message[TLS_MESSAGE_BYTES];
    struct tls_source *source = NULL;
    struct tls_options options = {
        .is_server = true, .keystore_path = strdup(certificates_path(&fixture->pki, "late.pem"))};

    X509_free(certificates_issue(&fixture->pki, "late", PKI_BROKER, "DNS:localhost", -3600));
    assert_int_equal(tls_source_open(&services, "SSL", &options, message, &source), ERROR_INVALID);
    options.allows_expired = true;
    assert_int_equal(tls_source_open(&services, "SSL", &options, message, &source), ERROR_NONE);
    assert_non_null(strstr(message, "late.pem has expired on 20"));
    tls_source_close(source, on_closed, fixture);
    (void)loop_turn(&fixture->loop);
    assert_int_equal(fixture->closed, 1);
    fixture->closed = 0;
    free((char *)(uintptr_t)options.keystore_path);
}

static struct tls_source *open_with_list(struct fixture *fixture, struct tls_options *options)
{
    struct tls_source_services services = {
        .loop = &fixture->loop, .pool = &fixture->pool, .metrics = fixture->metrics};
    char message[TLS_MESSAGE_BYTES];
    struct tls_source *source = NULL;

    options->truststore_path = strdup(certificates_path(&fixture->pki, "ca.crt"));
    options->crl_path = strdup(certificates_path(&fixture->pki, "ca.crl"));
    assert_int_equal(tls_source_open(&services, "SSL", options, message, &source), ERROR_NONE);
    return source;
}

static bool has_ended_list(struct tls_source *source)
{
    struct tls_context *context = tls_source_context(source);
    bool has = tls_context_has_ended_list(context);

    tls_context_unref(context);
    return has;
}

static void close_with_list(struct fixture *fixture, struct tls_source *source,
                            struct tls_options *options)
{
    tls_source_close(source, on_closed, fixture);
    (void)loop_turn(&fixture->loop);
    assert_int_equal(fixture->closed, 1);
    fixture->closed = 0;
    free((char *)(uintptr_t)options->truststore_path);
    free((char *)(uintptr_t)options->crl_path);
}

static void an_ended_list_replaces_no_good_one(void **state)
{
    struct fixture *fixture = *state;
    struct tls_options options = fixture->options;
    struct tls_source *source;

    certificates_renew_list(&fixture->pki, 3600);
    source = open_with_list(fixture, &options);
    certificates_renew_list(&fixture->pki, -60);
    tls_source_look(source, true);
    work_and_finish(fixture);
    assert_false(has_ended_list(source));
    assert_int_equal(fixture->metrics->values[METRIC_TLS_RELOADS_REFUSED], 1);
    assert_int_equal(fixture->metrics->values[METRIC_TLS_RELOADS], 0);
    certificates_renew_list(&fixture->pki, 7200);
    tls_source_look(source, true);
    work_and_finish(fixture);
    assert_int_equal(fixture->metrics->values[METRIC_TLS_RELOADS], 1);
    close_with_list(fixture, source, &options);
}

static void an_ended_list_is_taken_at_the_start_and_stays_until_a_good_one_comes(void **state)
{
    struct fixture *fixture = *state;
    struct tls_options options = fixture->options;
    struct tls_source *source;

    certificates_renew_list(&fixture->pki, -60);
    source = open_with_list(fixture, &options);
    assert_true(has_ended_list(source));
    issue(fixture); /* another certificate of ours, the same list */
    tls_source_look(source, true);
    work_and_finish(fixture);
    assert_int_equal(fixture->metrics->values[METRIC_TLS_RELOADS], 1);
    certificates_renew_list(&fixture->pki, 3600);
    tls_source_look(source, true);
    work_and_finish(fixture);
    assert_false(has_ended_list(source));
    assert_int_equal(fixture->metrics->values[METRIC_TLS_RELOADS_REFUSED], 0);
    close_with_list(fixture, source, &options);
}

static void other_options_are_loaded_and_bad_ones_change_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct tls_context *before = tls_source_context(fixture->source);
    char *path = strdup(certificates_path(&fixture->pki, "other.pem"));
    struct tls_options options = fixture->options;

    options.keystore_path = path;
    tls_source_change(fixture->source, &options); /* it is not there yet */
    work_and_finish(fixture);
    assert_false(is_replaced(fixture, before));
    tls_source_change(fixture->source, &options); /* no change */
    assert_null(fixture->submitted);
    X509_free(certificates_issue(&fixture->pki, "other", PKI_BROKER, "DNS:localhost", YEAR_S));
    tls_source_look(fixture->source, false);
    tls_source_change(fixture->source, &fixture->options); /* while the pool looks */
    tls_source_change(fixture->source, &options);
    free(path); /* it has a copy */
    work_and_finish(fixture);
    assert_true(is_replaced(fixture, before));
    work_and_finish(fixture);
    assert_null(fixture->submitted);
    tls_context_unref(before);
}

static void session_tickets_are_not_good_for_ever(void **state)
{
    struct fixture *fixture = *state;
    struct tls_context *first = tls_source_context(fixture->source);
    struct tls_context *second;
    struct tls_context *third;

    tls_source_look(fixture->source, true);
    work_and_finish(fixture);
    second = tls_source_context(fixture->source);
    assert_true(tls_context_shares_tickets(first, second));
    fixture->clock.now_us += UINT64_C(12) * 3600 * 1000 * 1000;
    (void)loop_turn(&fixture->loop);
    tls_source_look(fixture->source, false);
    work_and_finish(fixture);
    third = tls_source_context(fixture->source);
    assert_false(tls_context_shares_tickets(second, third));
    tls_source_look(fixture->source, false);
    work_and_finish(fixture);
    assert_false(is_replaced(fixture, third));
    tls_context_unref(first);
    tls_context_unref(second);
    tls_context_unref(third);
}

static void who_asks_during_a_look_is_not_forgotten(void **state)
{
    struct fixture *fixture = *state;

    tls_source_look(fixture->source, false);
    tls_source_look(fixture->source, false);
    tls_source_look(fixture->source, true);
    work_and_finish(fixture);
    assert_non_null(fixture->submitted);
    work_and_finish(fixture);
    assert_null(fixture->submitted);
}

static void closing_waits_for_the_pool(void **state)
{
    struct fixture *fixture = *state;

    tls_source_look(fixture->source, true);
    tls_source_close(fixture->source, on_closed, fixture);
    (void)loop_turn(&fixture->loop);
    assert_int_equal(fixture->closed, 0);
    work_and_finish(fixture);
    assert_int_equal(fixture->closed, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_has_not_changed_is_not_loaded),
        TEST(a_changed_file_is_loaded_and_a_bad_one_is_not_taken),
        TEST(another_trust_is_told_and_another_certificate_is_not),
        TEST(one_that_has_expired_serves_only_until_there_is_a_good_one),
        TEST(an_ended_list_replaces_no_good_one),
        TEST(an_ended_list_is_taken_at_the_start_and_stays_until_a_good_one_comes),
        TEST(other_options_are_loaded_and_bad_ones_change_nothing),
        TEST(session_tickets_are_not_good_for_ever),
        TEST(who_asks_during_a_look_is_not_forgotten),
        TEST(closing_waits_for_the_pool),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
