/* SPDX-License-Identifier: Apache-2.0 */
/* What is advertised is what is served: computed from the table and the schemas. */
#include "gyre/wire/api.h"
#include "gyre/wire/kafka_error.h"

#include "handlers/api_versions.h"
#include "support/request_fixture.h"
#include "support/test.h"
#include "wire_messages/api_keys.h"
#include "wire_messages/api_versions.h"
#include "wire_messages/heartbeat.h"

static const struct handler handlers[] = {
    {API_API_VERSIONS, api_versions_handle, HANDLER_BEFORE_AUTHENTICATION},
    {API_PRODUCE, request_close, HANDLER_PIPELINED},
    {API_FETCH, request_close, HANDLER_HIDDEN},
};
static const struct handler_table table = {.handlers = handlers, .count = 3};

static struct api_versions_request named(const char *name, const char *version)
{
    return (struct api_versions_request){.client_software_name = string_from(name),
                                         .client_software_version = string_from(version)};
}

static void only_what_is_served_and_not_hidden_is_advertised(void **state)
{
    struct api_versions_request in = named("gyre-test", "1.0");
    struct api_versions_response out;
    struct request_fixture fixture;

    (void)state;
    request_fixture_init(&fixture, NULL);
    for (int16_t version = 0; version <= 4; version++) {
        assert_int_equal(request_fixture_dispatch(&fixture, &table, API_API_VERSIONS, version, &in),
                         ERROR_NONE);
        request_fixture_answer(&fixture, &out);
        assert_int_equal(out.error_code, KAFKA_ERROR_NONE);
        assert_int_equal(out.api_keys.count, 2);
        assert_int_equal(out.api_keys.items[0].api_key, API_PRODUCE);
        assert_int_equal(out.api_keys.items[0].min_version, 0);
        assert_int_equal(out.api_keys.items[0].max_version, api_find(API_PRODUCE)->advertised_max);
        assert_int_equal(out.api_keys.items[1].api_key, API_API_VERSIONS);
    }
    assert_string_equal(fixture.connection.software_name, "gyre-test");
    assert_string_equal(fixture.connection.software_version, "1.0");
    request_fixture_release(&fixture);
}

/* A frame of a version that does not exist yet: only the first eight bytes can be relied on. */
static enum error dispatch_raw(struct request_fixture *fixture, int16_t key, int16_t version)
{
    struct buffer *bytes = buffer_new(12);
    const struct handler *handler;
    enum error error;

    store_be16(bytes->bytes, (uint16_t)key);
    store_be16(bytes->bytes + 2, (uint16_t)version);
    store_be32(bytes->bytes + 4, 77);
    memset(bytes->bytes + 8, 0xff, 4);
    request_release(&fixture->request);
    request_init(&fixture->request, NULL, &fixture->connection, buffer_slice(bytes, 0, 12));
    buffer_unref(bytes);
    error = dispatch_parse(&table, &fixture->request, &handler);
    if (error == ERROR_NONE) {
        dispatch_start(handler, &fixture->request);
    }
    return error;
}

static void a_future_version_is_answered_in_version_0_with_its_own_range(void **state)
{
    struct api_versions_response out;
    struct request_fixture fixture;

    (void)state;
    request_fixture_init(&fixture, NULL);
    assert_int_equal(dispatch_raw(&fixture, API_API_VERSIONS, 99), ERROR_NONE);
    assert_int_equal(fixture.request.output.bytes, 4 + 4 + 2 + 4 + 6);
    request_fixture_answer(&fixture, &out);
    assert_int_equal(out.error_code, KAFKA_ERROR_UNSUPPORTED_VERSION);
    assert_int_equal(out.api_keys.count, 1);
    assert_int_equal(out.api_keys.items[0].api_key, API_API_VERSIONS);
    assert_int_equal(out.api_keys.items[0].max_version, 4);
    request_fixture_release(&fixture);
}

static void other_unknown_keys_and_versions_are_refused(void **state)
{
    struct request_fixture fixture;

    (void)state;
    request_fixture_init(&fixture, NULL);
    assert_int_equal(dispatch_raw(&fixture, API_PRODUCE, 99), ERROR_UNSUPPORTED);
    assert_int_equal(dispatch_raw(&fixture, API_PRODUCE, -1), ERROR_UNSUPPORTED);
    assert_int_equal(dispatch_raw(&fixture, 9999, 0), ERROR_UNSUPPORTED);
    assert_int_equal(dispatch_raw(&fixture, -1, 0), ERROR_UNSUPPORTED);
    assert_int_equal(dispatch_raw(&fixture, API_HEARTBEAT, 0), ERROR_UNSUPPORTED); /* no handler */
    request_fixture_release(&fixture);
}

static void a_client_with_a_strange_name_is_told_so(void **state)
{
    static const char *const strange[] = {"", "-a", "a-", "a b", "a\n", "\xc3\xa9"};
    struct api_versions_response out;
    struct request_fixture fixture;

    (void)state;
    request_fixture_init(&fixture, NULL);
    for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++) {
        struct api_versions_request in = named(strange[i], "1");

        assert_int_equal(request_fixture_dispatch(&fixture, &table, API_API_VERSIONS, 3, &in),
                         ERROR_NONE);
        request_fixture_answer(&fixture, &out);
        assert_int_equal(out.error_code, KAFKA_ERROR_INVALID_REQUEST);
        assert_int_equal(out.api_keys.count, 0);
    }
    assert_string_equal(fixture.connection.software_name, "");
    request_fixture_release(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_served_and_not_hidden_is_advertised),
        cmocka_unit_test(a_future_version_is_answered_in_version_0_with_its_own_range),
        cmocka_unit_test(other_unknown_keys_and_versions_are_refused),
        cmocka_unit_test(a_client_with_a_strange_name_is_told_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
