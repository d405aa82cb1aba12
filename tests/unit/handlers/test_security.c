/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials, access rules, quotas and delegation tokens through their APIs: refused in Kafka's
 * words, seen by every broker when they are answered. What Kafka's tools print of them is compared
 * in tests/interop/security_tools.py. */
#include "gyre/access/identity.h"
#include "gyre/config/config.h"

#include "admin_region.h"
#include "handlers/delegation_tokens.h"
#include "handlers/security_handlers.h"
#include "support/test.h"
#include "wire_messages/alter_client_quotas.h"
#include "wire_messages/alter_user_scram_credentials.h"
#include "wire_messages/api_keys.h"
#include "wire_messages/create_acls.h"
#include "wire_messages/create_delegation_token.h"
#include "wire_messages/delete_acls.h"
#include "wire_messages/describe_acls.h"
#include "wire_messages/describe_client_quotas.h"
#include "wire_messages/describe_delegation_token.h"
#include "wire_messages/describe_user_scram_credentials.h"
#include "wire_messages/expire_delegation_token.h"
#include "wire_messages/renew_delegation_token.h"

static char zeros[64];

/* A broker that has an authorizer; without `authorization` in it everybody may do everything. */
static struct admin_region *secured(void)
{
    struct admin_region *admin = admin_region_new();

    admin->config->authorizer_class_name = STRING("StandardAuthorizer");
    return admin;
}

/* ---- credentials ---- */

static struct alter_user_scram_credentials_response alter_scram(
    struct admin_region *admin, struct alter_user_scram_credentials_request_deletions *deletions,
    int32_t deletion_count, struct alter_user_scram_credentials_request_upsertions *upsertions,
    int32_t upsertion_count)
{
    struct alter_user_scram_credentials_request in = {.deletions = {deletions, deletion_count},
                                                      .upsertions = {upsertions, upsertion_count}};
    struct alter_user_scram_credentials_response out;

    admin_region_ask(admin, API_ALTER_USER_SCRAM_CREDENTIALS, 0, &in,
                     alter_user_scram_credentials_handle, &out);
    return out;
}

static struct alter_user_scram_credentials_request_upsertions upsertion(const char *name,
                                                                        int32_t iterations)
{
    return (struct alter_user_scram_credentials_request_upsertions){
        .name = string_from(name),
        .mechanism = SCRAM_SHA_256,
        .iterations = iterations,
        .salt = {zeros, 16},
        .salted_password = {zeros, 32},
    };
}

static void a_credential_is_stored_on_every_broker_before_the_answer(void **state)
{
    struct admin_region *admin = secured();
    struct alter_user_scram_credentials_request_upsertions alice = upsertion("alice", 4096);

    (void)state;
    struct alter_user_scram_credentials_response out = alter_scram(admin, NULL, 0, &alice, 1);
    assert_int_equal(out.results.count, 1);
    assert_int_equal(out.results.items[0].error_code, KAFKA_ERROR_NONE);
    for (int i = 0; i < REGION_NODES; i++) {
        const struct scram_credential *found =
            catalog_find_scram(admin->region->nodes[i].catalog, STRING("alice"), SCRAM_SHA_256);
        assert_non_null(found);
        assert_memory_not_equal(found->stored_key, zeros, 32); /* not what the client sent */
    }
    admin_region_free(admin);
}

static void a_bad_credential_is_refused_in_kafkas_words(void **state)
{
    struct admin_region *admin = secured();
    struct alter_user_scram_credentials_request_deletions deletion = {STRING("nobody"),
                                                                      SCRAM_SHA_256};
    struct alter_user_scram_credentials_request_upsertions all[] = {
        upsertion("few", 4095),  upsertion("many", 16385), upsertion("", 4096),
        upsertion("odd", 4096),  upsertion("twice", 4096), upsertion("twice", 4096),
        upsertion("good", 4096), upsertion("salty", 4096),
    };
    static const struct {
        const char *user;
        enum kafka_error error;
        const char *message;
    } expected[] = {
        {"nobody", KAFKA_ERROR_RESOURCE_NOT_FOUND,
         "Attempt to delete a user credential that does not exist"},
        {"few", KAFKA_ERROR_UNACCEPTABLE_CREDENTIAL, "Too few iterations"},
        {"many", KAFKA_ERROR_UNACCEPTABLE_CREDENTIAL, "Too many iterations"},
        {"", KAFKA_ERROR_UNACCEPTABLE_CREDENTIAL, "Username must not be empty"},
        {"odd", KAFKA_ERROR_UNSUPPORTED_SASL_MECHANISM, "Unknown SCRAM mechanism"},
        {"twice", KAFKA_ERROR_DUPLICATE_RESOURCE,
         "A user credential cannot be altered twice in the same request"},
        {"good", KAFKA_ERROR_NONE, NULL},
        {"salty", KAFKA_ERROR_UNACCEPTABLE_CREDENTIAL, "The salt is empty or too long"},
    };

    (void)state;
    all[3].mechanism = 9;
    all[7].salt.length = 0;
    struct alter_user_scram_credentials_response out = alter_scram(admin, &deletion, 1, all, 8);
    assert_int_equal(out.results.count, 8);
    for (int i = 0; i < 8; i++) {
        assert_true(string_is(out.results.items[i].user, expected[i].user));
        assert_int_equal(out.results.items[i].error_code, expected[i].error);
        assert_true(expected[i].message == NULL
                        ? out.results.items[i].error_message.bytes == NULL
                        : string_is(out.results.items[i].error_message, expected[i].message));
    }
    assert_int_equal(catalog_security_count(admin->broker.catalog, CATALOG_SCRAM), 1);
    admin_region_free(admin);
}

static void users_are_described_without_their_keys(void **state)
{
    struct admin_region *admin = secured();
    struct alter_user_scram_credentials_request_upsertions bob = upsertion("bob", 8192);
    struct alter_user_scram_credentials_request_upsertions alice = upsertion("alice", 4096);
    struct describe_user_scram_credentials_request_users names[] = {
        {STRING("bob")}, {STRING("nobody")}, {STRING("alice")}, {STRING("alice")}};
    struct describe_user_scram_credentials_request in = {.users = {.count = -1}};
    struct describe_user_scram_credentials_response out;

    (void)state;
    (void)alter_scram(admin, NULL, 0, &bob, 1);
    (void)alter_scram(admin, NULL, 0, &alice, 1);
    admin_region_ask(admin, API_DESCRIBE_USER_SCRAM_CREDENTIALS, 0, &in,
                     describe_user_scram_credentials_handle, &out);
    assert_int_equal(out.results.count, 2);
    assert_true(string_is(out.results.items[1].user, "bob"));
    assert_int_equal(out.results.items[1].credential_infos.items[0].iterations, 8192);
    in.users.items = names;
    in.users.count = 4;
    admin_region_ask(admin, API_DESCRIBE_USER_SCRAM_CREDENTIALS, 0, &in,
                     describe_user_scram_credentials_handle, &out);
    assert_int_equal(out.results.count, 3);
    assert_int_equal(out.results.items[0].error_code, KAFKA_ERROR_DUPLICATE_RESOURCE);
    assert_int_equal(out.results.items[1].error_code, KAFKA_ERROR_NONE);
    assert_int_equal(out.results.items[2].error_code, KAFKA_ERROR_RESOURCE_NOT_FOUND);
    admin_region_free(admin);
}

/* ---- access rules ---- */

static struct create_acls_request_creations rule(const char *name, int8_t operation)
{
    return (struct create_acls_request_creations){
        .resource_type = ACL_TOPIC,
        .resource_name = string_from(name),
        .resource_pattern_type = ACL_LITERAL,
        .principal = STRING("User:alice"),
        .host = STRING("*"),
        .operation = operation,
        .permission_type = ACL_ALLOW,
    };
}

static int16_t create_rule(struct admin_region *admin, struct create_acls_request_creations one,
                           const char *expected)
{
    struct create_acls_request in = {.creations = {&one, 1}};
    struct create_acls_response out;

    admin_region_ask(admin, API_CREATE_ACLS, 3, &in, create_acls_handle, &out);
    assert_int_equal(out.results.count, 1);
    assert_true(expected == NULL || string_is(out.results.items[0].error_message, expected));
    return out.results.items[0].error_code;
}

static struct describe_acls_response describe_rules(struct admin_region *admin, const char *name)
{
    struct describe_acls_request in = {
        .resource_type_filter = ACL_RESOURCE_ANY,
        .resource_name_filter = string_from(name),
        .pattern_type_filter = ACL_PATTERN_ANY,
        .operation = ACL_OPERATION_ANY,
        .permission_type = ACL_PERMISSION_ANY,
    };
    struct describe_acls_response out;

    admin_region_ask(admin, API_DESCRIBE_ACLS, 3, &in, describe_acls_handle, &out);
    return out;
}

static void rules_are_created_described_and_deleted(void **state)
{
    struct admin_region *admin = secured();
    struct delete_acls_request_filters filter = {
        .resource_type_filter = ACL_TOPIC,
        .resource_name_filter = STRING("clicks"),
        .pattern_type_filter = ACL_PATTERN_MATCH,
        .operation = ACL_READ,
        .permission_type = ACL_PERMISSION_ANY,
    };
    struct delete_acls_request in = {.filters = {&filter, 1}};
    struct delete_acls_response deleted;

    (void)state;
    assert_int_equal(create_rule(admin, rule("clicks", ACL_READ), NULL), KAFKA_ERROR_NONE);
    assert_int_equal(create_rule(admin, rule("clicks", ACL_WRITE), NULL), KAFKA_ERROR_NONE);
    assert_int_equal(create_rule(admin, rule("views", ACL_READ), NULL), KAFKA_ERROR_NONE);
    struct describe_acls_response out = describe_rules(admin, NULL);
    assert_int_equal(out.resources.count, 2);
    assert_int_equal(out.resources.items[0].acls.count + out.resources.items[1].acls.count, 3);
    out = describe_rules(admin, "clicks");
    assert_int_equal(out.resources.count, 1);
    assert_int_equal(out.resources.items[0].acls.count, 2);
    assert_true(string_is(out.resources.items[0].acls.items[0].principal, "User:alice"));
    admin_region_ask(admin, API_DELETE_ACLS, 3, &in, delete_acls_handle, &deleted);
    assert_int_equal(deleted.filter_results.items[0].matching_acls.count, 1);
    assert_int_equal(deleted.filter_results.items[0].matching_acls.items[0].operation, ACL_READ);
    for (int i = 0; i < REGION_NODES; i++) {
        assert_int_equal(acl_set_count(catalog_acls(admin->region->nodes[i].catalog)), 2);
    }
    filter.operation = ACL_OPERATION_UNKNOWN;
    admin_region_ask(admin, API_DELETE_ACLS, 3, &in, delete_acls_handle, &deleted);
    assert_int_equal(deleted.filter_results.items[0].error_code, KAFKA_ERROR_INVALID_REQUEST);
    admin_region_free(admin);
}

static void a_rule_that_makes_no_sense_is_refused(void **state)
{
    struct admin_region *admin = secured();
    struct create_acls_request_creations bad = rule("", ACL_READ);

    (void)state;
    assert_int_equal(create_rule(admin, bad, "Invalid empty resource name"),
                     KAFKA_ERROR_INVALID_REQUEST);
    bad = rule("clicks", ACL_READ);
    bad.principal = STRING("alice");
    assert_int_equal(create_rule(admin, bad,
                                 "Could not parse principal from `alice` (no colon is present "
                                 "separating the principal type from the principal name)"),
                     KAFKA_ERROR_INVALID_REQUEST);
    bad = rule("clicks", ACL_OPERATION_ANY);
    assert_int_equal(create_rule(admin, bad, "Invalid operation ANY"), KAFKA_ERROR_INVALID_REQUEST);
    assert_int_equal(acl_set_count(catalog_acls(admin->broker.catalog)), 0);
    admin_region_free(admin);
}

/* Kafka writes what its clients come from in another spelling than we do. */
static void a_rule_is_for_an_address_and_not_for_its_spelling(void **state)
{
    struct admin_region *admin = secured();
    struct create_acls_request_creations one = rule("clicks", ACL_READ);
    struct delete_acls_request_filters filter = {
        .resource_type_filter = ACL_RESOURCE_ANY,
        .pattern_type_filter = ACL_PATTERN_ANY,
        .host_filter = STRING("2001:DB8::0:1"),
        .operation = ACL_OPERATION_ANY,
        .permission_type = ACL_PERMISSION_ANY,
    };
    struct delete_acls_request in = {.filters = {&filter, 1}};
    struct delete_acls_response deleted;
    struct describe_acls_response out;

    (void)state;
    one.host = STRING("2001:db8:0:0:0:0:0:1");
    assert_int_equal(create_rule(admin, one, NULL), KAFKA_ERROR_NONE);
    one.host = STRING("::ffff:10.0.0.7");
    assert_int_equal(create_rule(admin, one, NULL), KAFKA_ERROR_NONE);
    one.host = STRING("2001:db8::1");
    assert_int_equal(create_rule(admin, one, NULL), KAFKA_ERROR_NONE);
    out = describe_rules(admin, "clicks");
    assert_int_equal(out.resources.items[0].acls.count, 2);
    assert_true(string_is(out.resources.items[0].acls.items[0].host, "2001:db8::1"));
    assert_true(string_is(out.resources.items[0].acls.items[1].host, "10.0.0.7"));
    admin_region_ask(admin, API_DELETE_ACLS, 3, &in, delete_acls_handle, &deleted);
    assert_int_equal(deleted.filter_results.items[0].matching_acls.count, 1);
    assert_int_equal(acl_set_count(catalog_acls(admin->broker.catalog)), 1);
    admin_region_free(admin);
}

static void without_an_authorizer_there_are_no_rules(void **state)
{
    struct admin_region *admin = admin_region_new();

    (void)state;
    assert_int_equal(create_rule(admin, rule("clicks", ACL_READ), "No Authorizer is configured."),
                     KAFKA_ERROR_SECURITY_DISABLED);
    assert_int_equal(describe_rules(admin, NULL).error_code, KAFKA_ERROR_SECURITY_DISABLED);
    admin_region_free(admin);
}

/* ---- quotas ---- */

static int16_t set_quota(struct admin_region *admin, const char *type, const char *name,
                         const char *key, double value, bool validate_only)
{
    struct alter_client_quotas_request_entries_entity part = {string_from(type), string_from(name)};
    struct alter_client_quotas_request_entries_ops op = {
        .key = string_from(key), .value = value, .remove = value < -1};
    struct alter_client_quotas_request_entries entry = {.entity = {&part, 1}, .ops = {&op, 1}};
    struct alter_client_quotas_request in = {.entries = {&entry, 1},
                                             .validate_only = validate_only};
    struct alter_client_quotas_response out;

    admin_region_ask(admin, API_ALTER_CLIENT_QUOTAS, 1, &in, alter_client_quotas_handle, &out);
    assert_int_equal(out.entries.count, 1);
    assert_true(string_is(out.entries.items[0].entity.items[0].entity_type, type));
    return out.entries.items[0].error_code;
}

static int32_t count_quotas(struct admin_region *admin, const char *type, int8_t match_type,
                            const char *name, bool strict)
{
    struct describe_client_quotas_request_components component = {string_from(type), match_type,
                                                                  string_from(name)};
    struct describe_client_quotas_request in = {.components = {&component, type == NULL ? 0 : 1},
                                                .strict = strict};
    struct describe_client_quotas_response out;

    admin_region_ask(admin, API_DESCRIBE_CLIENT_QUOTAS, 1, &in, describe_client_quotas_handle,
                     &out);
    return out.error_code == KAFKA_ERROR_NONE ? out.entries.count : -out.error_code;
}

static void quotas_are_set_and_found_by_filters(void **state)
{
    struct admin_region *admin = secured();

    (void)state;
    assert_int_equal(set_quota(admin, "user", "alice", "producer_byte_rate", 10, true),
                     KAFKA_ERROR_NONE);
    assert_int_equal(count_quotas(admin, NULL, 0, NULL, false), 0); /* only validated */
    assert_int_equal(set_quota(admin, "user", "alice", "producer_byte_rate", 10, false),
                     KAFKA_ERROR_NONE);
    assert_int_equal(set_quota(admin, "user", NULL, "request_percentage", 0.5, false),
                     KAFKA_ERROR_NONE);
    assert_int_equal(
        set_quota(admin, "ip", "0:0:0:0:0:0:0:1", "connection_creation_rate", 5, false),
        KAFKA_ERROR_NONE);
    assert_int_equal(set_quota(admin, "ip", "::1", "connection_creation_rate", 6, false),
                     KAFKA_ERROR_NONE);
    assert_int_equal(count_quotas(admin, "ip", 0, "::1", true), 1);
    assert_int_equal(count_quotas(admin, "ip", 0, "0::0:1", true), 1);
    assert_int_equal(count_quotas(admin, NULL, 0, NULL, false), 3);
    assert_int_equal(count_quotas(admin, NULL, 0, NULL, true), 0);
    assert_int_equal(count_quotas(admin, "user", 0, "alice", true), 1);
    assert_int_equal(count_quotas(admin, "user", 1, NULL, true), 1);
    assert_int_equal(count_quotas(admin, "user", 2, NULL, true), 2);
    assert_int_equal(count_quotas(admin, "client-id", 2, NULL, false), 0);
    assert_int_equal(count_quotas(admin, "user", 0, NULL, false), -KAFKA_ERROR_INVALID_REQUEST);
    assert_int_equal(count_quotas(admin, "shoe", 2, NULL, false), -KAFKA_ERROR_UNSUPPORTED_VERSION);
    assert_int_equal(set_quota(admin, "user", "alice", "producer_byte_rate", -2, false),
                     KAFKA_ERROR_NONE);
    assert_int_equal(count_quotas(admin, "user", 2, NULL, false), 1);
    admin_region_free(admin);
}

static void a_quota_that_makes_no_sense_is_refused(void **state)
{
    struct admin_region *admin = secured();
    static const struct {
        const char *type;
        const char *name;
        const char *key;
        double value;
    } bad[] = {
        {"user", "alice", "producer_byte_rate", 0},
        {"user", "alice", "producer_byte_rate", 1.5},
        {"user", "alice", "producer_byte_rate", 1e19},
        {"user", "alice", "connection_creation_rate", 5},
        {"user", "", "producer_byte_rate", 5},
        {"shoe", "alice", "producer_byte_rate", 5},
        {"ip", "a.host.example", "connection_creation_rate", 5},
        {"ip", "127.0.0.1", "connection_creation_rate", 3e9},
        {"ip", "127.0.0.1", "producer_byte_rate", 5},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(
            set_quota(admin, bad[i].type, bad[i].name, bad[i].key, bad[i].value, false),
            KAFKA_ERROR_INVALID_REQUEST);
    }
    assert_int_equal(count_quotas(admin, NULL, 0, NULL, false), 0);
    admin_region_free(admin);
}

/* ---- delegation tokens ---- */

/* From now on the client is this one, come in over SASL. */
static void become(struct admin_region *admin, const char *name, const char *token)
{
    struct identity_options options = {
        .name = string_from(name), .mechanism = "SCRAM-SHA-256", .token_id = string_from(token)};
    struct identity *identity = NULL;

    assert_int_equal(identity_new(&options, &identity), ERROR_NONE);
    admin->fixture.listener.security_protocol = SECURITY_PROTOCOL_SASL_SSL;
    connection_info_identify(&admin->fixture.connection, identity, 0);
}

static struct create_delegation_token_response create_token(struct admin_region *admin,
                                                            int64_t life_ms)
{
    struct create_delegation_token_request_renewers bob = {STRING("User"), STRING("bob")};
    struct create_delegation_token_request in = {.renewers = {&bob, 1}, .max_lifetime_ms = life_ms};
    struct create_delegation_token_response out;

    admin_region_ask(admin, API_CREATE_DELEGATION_TOKEN, 3, &in, create_delegation_token_handle,
                     &out);
    return out;
}

static int16_t renew(struct admin_region *admin, const char *hmac, int64_t *out_expires_ms)
{
    struct renew_delegation_token_request in = {
        .hmac = {(char *)(uintptr_t)hmac, DELEGATION_TOKEN_HMAC_BYTES}, .renew_period_ms = 1000};
    struct renew_delegation_token_response out;

    admin_region_ask(admin, API_RENEW_DELEGATION_TOKEN, 2, &in, renew_delegation_token_handle,
                     &out);
    *out_expires_ms = out.expiry_timestamp_ms;
    return out.error_code;
}

static int16_t expire(struct admin_region *admin, const char *hmac, int64_t period_ms)
{
    struct expire_delegation_token_request in = {
        .hmac = {(char *)(uintptr_t)hmac, DELEGATION_TOKEN_HMAC_BYTES},
        .expiry_time_period_ms = period_ms};
    struct expire_delegation_token_response out;

    admin_region_ask(admin, API_EXPIRE_DELEGATION_TOKEN, 2, &in, expire_delegation_token_handle,
                     &out);
    return out.error_code;
}

static int32_t count_tokens(struct admin_region *admin)
{
    struct describe_delegation_token_request in = {.owners = {.count = -1}};
    struct describe_delegation_token_response out;

    admin_region_ask(admin, API_DESCRIBE_DELEGATION_TOKEN, 3, &in, describe_delegation_token_handle,
                     &out);
    return out.error_code == KAFKA_ERROR_NONE ? out.tokens.count : -out.error_code;
}

static void a_token_lives_from_create_to_expire(void **state)
{
    struct admin_region *admin = secured();
    char hmac[DELEGATION_TOKEN_HMAC_BYTES];
    int64_t expires_ms = 0;

    (void)state;
    admin->config->delegation_token_secret_key = STRING("secret");
    become(admin, "alice", NULL);
    struct create_delegation_token_response made = create_token(admin, 5000);
    assert_int_equal(made.error_code, KAFKA_ERROR_NONE);
    assert_int_equal(made.max_timestamp_ms - made.issue_timestamp_ms, 5000);
    assert_int_equal(made.hmac.length, sizeof hmac);
    assert_true(string_is(made.principal_name, "alice"));
    memcpy(hmac, made.hmac.bytes, sizeof hmac);
    assert_int_equal(count_tokens(admin), 1);
    become(admin, "bob", NULL); /* a renewer */
    assert_int_equal(renew(admin, hmac, &expires_ms), KAFKA_ERROR_NONE);
    assert_true(expires_ms <= made.max_timestamp_ms);
    become(admin, "mallory", NULL);
    assert_int_equal(renew(admin, hmac, &expires_ms), KAFKA_ERROR_DELEGATION_TOKEN_OWNER_MISMATCH);
    assert_int_equal(expire(admin, hmac, -1), KAFKA_ERROR_DELEGATION_TOKEN_OWNER_MISMATCH);
    assert_int_equal(expire(admin, zeros, -1), KAFKA_ERROR_DELEGATION_TOKEN_NOT_FOUND);
    become(admin, "alice", NULL);
    assert_int_equal(expire(admin, hmac, -1), KAFKA_ERROR_NONE);
    assert_int_equal(renew(admin, hmac, &expires_ms), KAFKA_ERROR_DELEGATION_TOKEN_NOT_FOUND);
    assert_int_equal(count_tokens(admin), 0);
    admin_region_free(admin);
}

static void each_of_many_tokens_is_found_by_its_hmac(void **state)
{
    enum { COUNT = 12 };
    struct admin_region *admin = secured();
    char hmacs[COUNT][DELEGATION_TOKEN_HMAC_BYTES];
    int64_t expires_ms = 0;

    (void)state;
    admin->config->delegation_token_secret_key = STRING("secret");
    become(admin, "alice", NULL);
    for (int i = 0; i < COUNT; i++) {
        struct create_delegation_token_response made = create_token(admin, 600000);
        memcpy(hmacs[i], made.hmac.bytes, sizeof hmacs[i]);
        assert_int_equal(renew(admin, hmacs[i], &expires_ms), KAFKA_ERROR_NONE);
        assert_int_equal(renew(admin, hmacs[i / 2], &expires_ms),
                         i / 2 % 3 == 0 && i / 2 < i ? KAFKA_ERROR_DELEGATION_TOKEN_NOT_FOUND
                                                     : KAFKA_ERROR_NONE);
        if (i % 3 == 0) {
            assert_int_equal(expire(admin, hmacs[i], -1), KAFKA_ERROR_NONE);
        }
    }
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(renew(admin, hmacs[i], &expires_ms),
                         i % 3 == 0 ? KAFKA_ERROR_DELEGATION_TOKEN_NOT_FOUND : KAFKA_ERROR_NONE);
    }
    admin_region_free(admin);
}

static void expired_tokens_are_removed_by_the_broker_that_leads(void **state)
{
    struct admin_region *admin = secured();
    struct broker brokers[REGION_NODES];
    struct token_sweep *sweeps[REGION_NODES];

    (void)state;
    admin->config->delegation_token_secret_key = STRING("secret");
    admin->config->delegation_token_expiry_check_interval_ms = 1000;
    for (int i = 0; i < REGION_NODES; i++) {
        brokers[i] = admin->broker;
        brokers[i].catalog = admin->region->nodes[i].catalog;
        brokers[i].loop = &admin->region->nodes[i].loop;
        sweeps[i] = delegation_tokens_start_sweep(&brokers[i]);
    }
    become(admin, "alice", NULL);
    assert_int_equal(create_token(admin, 3000).error_code, KAFKA_ERROR_NONE);
    assert_int_equal(create_token(admin, 600000).error_code, KAFKA_ERROR_NONE);
    region_run(admin->region, 2000000);
    assert_int_equal(count_tokens(admin), 2);
    region_run(admin->region, 6000000);
    for (int i = 0; i < REGION_NODES; i++) {
        assert_int_equal(catalog_security_count(brokers[i].catalog, CATALOG_TOKEN), 1);
        delegation_tokens_stop_sweep(sweeps[i]);
    }
    admin_region_free(admin);
}

static void tokens_need_a_secret_and_a_connection_that_proves_who_asks(void **state)
{
    struct admin_region *admin = secured();

    (void)state;
    assert_int_equal(create_token(admin, -1).error_code,
                     KAFKA_ERROR_DELEGATION_TOKEN_REQUEST_NOT_ALLOWED); /* plaintext */
    become(admin, "alice", NULL);
    assert_int_equal(create_token(admin, -1).error_code,
                     KAFKA_ERROR_DELEGATION_TOKEN_AUTH_DISABLED); /* no secret */
    assert_int_equal(count_tokens(admin), -KAFKA_ERROR_DELEGATION_TOKEN_AUTH_DISABLED);
    admin->config->delegation_token_secret_key = STRING("secret");
    become(admin, "alice", "a-token");
    assert_int_equal(create_token(admin, -1).error_code,
                     KAFKA_ERROR_DELEGATION_TOKEN_REQUEST_NOT_ALLOWED);
    admin->fixture.listener.security_protocol = SECURITY_PROTOCOL_SSL;
    connection_info_identify(&admin->fixture.connection, identity_anonymous(), 0);
    assert_int_equal(create_token(admin, -1).error_code,
                     KAFKA_ERROR_DELEGATION_TOKEN_REQUEST_NOT_ALLOWED); /* one-way TLS */
    admin_region_free(admin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_credential_is_stored_on_every_broker_before_the_answer),
        cmocka_unit_test(a_bad_credential_is_refused_in_kafkas_words),
        cmocka_unit_test(users_are_described_without_their_keys),
        cmocka_unit_test(rules_are_created_described_and_deleted),
        cmocka_unit_test(a_rule_that_makes_no_sense_is_refused),
        cmocka_unit_test(a_rule_is_for_an_address_and_not_for_its_spelling),
        cmocka_unit_test(without_an_authorizer_there_are_no_rules),
        cmocka_unit_test(quotas_are_set_and_found_by_filters),
        cmocka_unit_test(a_quota_that_makes_no_sense_is_refused),
        cmocka_unit_test(a_token_lives_from_create_to_expire),
        cmocka_unit_test(each_of_many_tokens_is_found_by_its_hmac),
        cmocka_unit_test(expired_tokens_are_removed_by_the_broker_that_leads),
        cmocka_unit_test(tokens_need_a_secret_and_a_connection_that_proves_who_asks),
    };
    return cmocka_run_group_tests_name("security", tests, NULL, NULL);
}
