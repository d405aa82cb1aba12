/* SPDX-License-Identifier: Apache-2.0 */
/* Quotas of the catalog at work: what is charged, and what the client is told. */
#include "gyre/access/identity.h"
#include "gyre/config/config.h"

#include "admin_region.h"
#include "handlers/quotas.h"
#include "metadata/catalog_commands.h"
#include "support/test.h"
#include "wire_messages/api_keys.h"
#include "wire_messages/catalog_command.h"
#include "wire_messages/create_topics.h"

static void give(struct admin_region *admin, const char *client_id, const char *key, double value)
{
    struct catalog_set_quotas_entries_changes change = {.key = string_from(key), .value = value};
    struct catalog_set_quotas_entries entry = {
        .has_client_id = true, .client_id = string_from(client_id), .changes = {&change, 1}};
    struct catalog_set_quotas command = {.entries = {&entry, 1}};
    struct region_answer answer = {0};
    struct buffer *bytes = NULL;

    assert_int_equal(catalog_commands_encode(&catalog_set_quotas_layout, CATALOG_SET_QUOTAS_RECORD,
                                             &command, &bytes),
                     ERROR_NONE);
    region_submit(&admin->region->nodes[0], bytes, &answer);
    region_await(admin->region, &answer);
    assert_int_equal(answer.kafka_error, KAFKA_ERROR_NONE);
    region_run(admin->region, 1000);
}

static struct admin_region *open_region(void)
{
    struct admin_region *admin = admin_region_new();

    admin->broker.quotas =
        quotas_new(&admin->region->nodes[0].loop, admin->broker.catalog, admin->config);
    region_run(admin->region, 1000);
    return admin;
}

static void close_region(struct admin_region *admin)
{
    quotas_free(admin->broker.quotas);
    admin_region_free(admin);
}

/* The fixture's client id is "test". */
static struct request some_request(struct admin_region *admin)
{
    return (struct request){.broker = &admin->broker,
                            .connection = &admin->fixture.connection,
                            .client_id = STRING("test")};
}

static void bytes_beyond_the_quota_make_the_client_rest(void **state)
{
    struct admin_region *admin = open_region();
    struct request request = some_request(admin);

    (void)state;
    quotas_charge_produce(&request, 1000000);
    assert_int_equal(request.throttle_ms, 0); /* no quota yet */
    give(admin, "test", "producer_byte_rate", 1000);
    quotas_charge_produce(&request, 10000);
    assert_int_equal(request.throttle_ms, 0);
    quotas_charge_produce(&request, 2000);
    assert_true(request.throttle_ms >= 1990 && request.throttle_ms <= 2010);
    close_region(admin);
}

static void an_answer_beyond_the_quota_is_not_sent_and_not_charged(void **state)
{
    struct admin_region *admin = open_region();
    struct request request = some_request(admin);

    (void)state;
    assert_true(quotas_fetch_bytes_max(&request) == SIZE_MAX);
    give(admin, "test", "consumer_byte_rate", 1000);
    assert_int_equal(quotas_fetch_bytes_max(&request), 10000);
    for (int i = 0; i < 3; i++) {
        assert_false(quotas_charge_fetch(&request, 20000));
    }
    assert_true(request.throttle_ms > 0);
    assert_true(quotas_charge_fetch(&request, 10000));
    close_region(admin);
}

static void forwarded_requests_are_charged_elsewhere(void **state)
{
    struct admin_region *admin = open_region();
    struct request request = some_request(admin);

    (void)state;
    give(admin, "test", "producer_byte_rate", 1);
    request.is_forwarded = true;
    quotas_charge_produce(&request, 1000000);
    assert_int_equal(request.throttle_ms, 0);
    close_region(admin);
}

static int16_t create(struct admin_region *admin, int16_t version, const char *name,
                      int32_t partitions, int32_t *out_throttle_ms)
{
    struct create_topics_request_topics topic;
    struct create_topics_request in;
    struct create_topics_response out;

    create_topics_request_topics_init(&topic);
    topic.name = string_from(name);
    topic.num_partitions = partitions;
    topic.replication_factor = 1;
    create_topics_request_init(&in);
    in.topics = (struct create_topics_request_topics_array){&topic, 1};
    admin_region_ask(admin, API_CREATE_TOPICS, version, &in, create_topics_handle, &out);
    *out_throttle_ms = out.throttle_time_ms;
    return out.topics.items[0].error_code;
}

static void new_versions_are_refused_beyond_the_quota_and_old_ones_rest(void **state)
{
    struct admin_region *admin = open_region();
    int32_t throttle_ms;

    (void)state;
    give(admin, "test", "controller_mutation_rate", 1);
    /* A burst of eleven is there; it may be overdrawn once. */
    assert_int_equal(create(admin, 7, "one", 20, &throttle_ms), KAFKA_ERROR_NONE);
    assert_int_equal(throttle_ms, 0);
    assert_int_equal(create(admin, 7, "two", 1, &throttle_ms),
                     KAFKA_ERROR_THROTTLING_QUOTA_EXCEEDED);
    assert_true(throttle_ms > 5000);
    assert_null(admin_region_topic(admin, "two"));
    assert_int_equal(create(admin, 5, "three", 1, &throttle_ms), KAFKA_ERROR_NONE);
    assert_true(throttle_ms > 5000);
    region_run(admin->region, 20 * 1000 * 1000);
    assert_int_equal(create(admin, 7, "two", 1, &throttle_ms), KAFKA_ERROR_NONE);
    close_region(admin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_beyond_the_quota_make_the_client_rest),
        cmocka_unit_test(an_answer_beyond_the_quota_is_not_sent_and_not_charged),
        cmocka_unit_test(forwarded_requests_are_charged_elsewhere),
        cmocka_unit_test(new_versions_are_refused_beyond_the_quota_and_old_ones_rest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
