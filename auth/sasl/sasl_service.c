/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/sasl/sasl_service.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/config/config.h"

#include "cyrus.h"
#include "jwks.h"
#include "jwks_source.h"
#include "kerberos_rules.h"
#include "sasl_mechanism.h"
#include "sasl_service_state.h"

enum { MOCK_SALT_BYTES = 16, KAFKA_SALT_BYTES_MAX = 26 };

/* In the order in which clients are told of them. */
static const struct sasl_mechanism *const mechanisms[] = {
    &sasl_scram_sha_256, &sasl_scram_sha_512, &sasl_plain, &sasl_oauthbearer, &sasl_gssapi,
};
#define MECHANISM_COUNT ((int)(sizeof mechanisms / sizeof mechanisms[0]))
_Static_assert(sizeof mechanisms / sizeof mechanisms[0] <= (size_t)SASL_MECHANISMS_MAX,
               "callers have room for that many");

/* ---- life ---- */

static enum error refuse_mechanism(struct string name, char *message)
{
    (void)snprintf(message, 256,
                   "sasl.enabled.mechanisms: '%.*s' is not known or lacks its options",
                   STRING_ARGUMENTS(name));
    return ERROR_INVALID;
}

static const struct sasl_mechanism *find_possible(const struct sasl_service *service,
                                                  struct string name)
{
    for (int i = 0; i < MECHANISM_COUNT; i++) {
        const struct sasl_mechanism *mechanism = mechanisms[i];

        if (string_is(name, mechanism->name) &&
            (mechanism->is_possible == NULL || mechanism->is_possible(service))) {
            return mechanism;
        }
    }
    return NULL;
}

static struct string enabled_names(const struct sasl_service *service, const char *listener)
{
    return config_listener_option(service->config, listener, "sasl.enabled.mechanisms");
}

static bool asks_for_sasl(const struct config_listener *listener)
{
    return listener->security_protocol == SECURITY_PROTOCOL_SASL_PLAINTEXT ||
           listener->security_protocol == SECURITY_PROTOCOL_SASL_SSL;
}

static enum error check_mechanisms(const struct sasl_service *service, char *message)
{
    for (int i = 0; i < service->config->kafka_listener_count; i++) {
        const struct config_listener *listener = &service->config->kafka_listeners[i];
        struct string rest = enabled_names(service, listener->name);
        struct string name;

        while (asks_for_sasl(listener) && string_next_element(&rest, ',', &name)) {
            if (find_possible(service, name) == NULL) {
                return refuse_mechanism(name, message);
            }
        }
    }
    return ERROR_NONE;
}

static void open_keys(struct sasl_service *service)
{
    const struct broker_config *config = service->config;
    struct string url = config->sasl_oauthbearer_jwks_endpoint_url;
    struct jwks_source_options options = {
        .loop = service->loop,
        .pool = service->pool,
        .url = url.bytes,
        .ca_path = config->gyre_sasl_oauthbearer_jwks_ca_location.bytes,
        .refresh_us = (uint64_t)config->sasl_oauthbearer_jwks_endpoint_refresh_ms * 1000,
        .retry_us = (uint64_t)config->sasl_oauthbearer_jwks_endpoint_retry_backoff_ms * 1000,
        .retry_us_max =
            (uint64_t)config->sasl_oauthbearer_jwks_endpoint_retry_backoff_max_ms * 1000,
    };

    if (url.bytes != NULL && jwks_is_possible(url)) {
        service->keys = jwks_source_new(&options);
    }
}

/* The library is only woken where it is wanted. */
static enum error open_cyrus(struct sasl_service *service, char *message)
{
    const struct broker_config *config = service->config;

    if (config->sasl_kerberos_service_name.length <= 0 &&
        !string_is(config->gyre_sasl_plain_backend, "cyrus")) {
        return ERROR_NONE;
    }
    if (cyrus_open(config->gyre_sasl_kerberos_keytab.bytes,
                   config->gyre_sasl_saslauthd_path.bytes) != ERROR_NONE) {
        (void)snprintf(message, 256, "cyrus-sasl cannot be started");
        return ERROR_UNSUPPORTED;
    }
    return ERROR_NONE;
}

static enum error read_kerberos_rules(struct sasl_service *service, char *message)
{
    const struct broker_config *config = service->config;

    return config->sasl_kerberos_service_name.length <= 0
               ? ERROR_NONE
               : kerberos_rules_parse(config->sasl_kerberos_principal_to_local_rules.items,
                                      config->sasl_kerberos_principal_to_local_rules.count,
                                      config->gyre_sasl_kerberos_realm, message,
                                      &service->kerberos_rules);
}

enum error sasl_service_check(const struct broker_config *config, char *message)
{
    struct sasl_service *service = check_alloc_zero(sizeof *service);
    enum error error;

    service->config = config;
    error = read_kerberos_rules(service, message);
    if (error == ERROR_NONE) {
        error = check_mechanisms(service, message);
    }
    kerberos_rules_free(service->kerberos_rules);
    free(service);
    return error;
}

static void open_lanes(struct sasl_service *service, const struct sasl_service_options *options)
{
    service->lane = (struct sasl_lane){
        .pool = options->pool, .waiting_max = SASL_WAITING_MAX, .working_max = SASL_WORKING_MAX};
    service->suspects_lane = (struct sasl_lane){
        .pool = options->spare_pool == NULL ? options->pool : options->spare_pool,
        .waiting_max = SASL_SUSPECTS_WAITING_MAX,
        .working_max = SASL_SUSPECTS_WORKING_MAX};
    list_init(&service->lane.waiting);
    list_init(&service->suspects_lane.waiting);
}

enum error sasl_service_new(const struct sasl_service_options *options, char *message,
                            struct sasl_service **out_server)
{
    struct sasl_service *service = check_alloc_zero(sizeof *service);
    enum error error;

    service->loop = options->loop;
    service->pool = options->pool;
    service->config = options->config;
    service->credentials = options->credentials;
    service->proved = check_alloc_zero(SASL_PROVED_MAX * sizeof *service->proved);
    open_lanes(service, options);
    keyed_hash_init(&service->sha_256, "SHA256");
    keyed_hash_init(&service->sha_512, "SHA512");
    CHECK(RAND_bytes(service->process_key, sizeof service->process_key) == 1);
    error = open_cyrus(service, message);
    if (error == ERROR_NONE) {
        error = read_kerberos_rules(service, message);
    }
    if (error == ERROR_NONE) {
        error = check_mechanisms(service, message);
    }
    if (error != ERROR_NONE) {
        sasl_service_free(service);
        return error;
    }
    open_keys(service);
    *out_server = service;
    return ERROR_NONE;
}

void sasl_service_stop(struct sasl_service *service)
{
    if (service->keys != NULL) {
        jwks_source_stop(service->keys);
    }
}

void sasl_service_free(struct sasl_service *service)
{
    if (service == NULL) {
        return;
    }
    CHECK(service->exchange_count == 0);
    jwks_source_free(service->keys);
    kerberos_rules_free(service->kerberos_rules);
    keyed_hash_release(&service->sha_256);
    keyed_hash_release(&service->sha_512);
    free(service->proved);
    OPENSSL_cleanse(service, sizeof *service);
    free(service);
}

/* ---- mechanisms ---- */

const struct sasl_mechanism *sasl_service_find(const struct sasl_service *service,
                                               const char *listener, struct string name)
{
    struct string rest = enabled_names(service, listener);
    struct string enabled;

    while (string_next_element(&rest, ',', &enabled)) {
        if (string_equal(enabled, name)) {
            return find_possible(service, name);
        }
    }
    return NULL;
}

int sasl_service_mechanisms(const struct sasl_service *service, const char *listener,
                            const char *out_names[SASL_MECHANISMS_MAX])
{
    struct string rest = enabled_names(service, listener);
    struct string name;
    int count = 0;

    while (count < SASL_MECHANISMS_MAX && string_next_element(&rest, ',', &name)) {
        const struct sasl_mechanism *mechanism = find_possible(service, name);

        if (mechanism != NULL) {
            out_names[count++] = mechanism->name;
        }
    }
    return count;
}

/* ---- what the region knows ---- */

bool sasl_service_is_fresh(const struct sasl_service *service)
{
    return service->credentials.is_fresh == NULL ||
           service->credentials.is_fresh(service->credentials.context);
}

/* Before the region has a secret salts differ from broker to broker, and are as hard to guess. */
static struct bytes mock_key(struct sasl_service *service)
{
    const struct sasl_credentials *credentials = &service->credentials;
    struct bytes secret = {0};

    if (credentials->get_secret != NULL) {
        secret = credentials->get_secret(credentials->context);
    }
    return secret.length > 0
               ? secret
               : (struct bytes){(char *)service->process_key, sizeof service->process_key};
}

static struct scram_shape choose_shape(struct sasl_service *service, enum scram_mechanism mechanism,
                                       uint64_t number)
{
    const struct sasl_credentials *credentials = &service->credentials;
    struct scram_shape shape = {0};

    if (credentials->choose_shape != NULL) {
        shape = credentials->choose_shape(credentials->context, mechanism, number);
    }
    return shape.iterations > 0
               ? shape
               : (struct scram_shape){SCRAM_ITERATIONS_MIN, MOCK_SALT_BYTES, false};
}

/* As Kafka's tools have it: a number of 130 bits to the base of 36, which begins with 1 if it has
 * 26 digits, and never with 0. */
static void make_text(uint8_t *salt, int32_t length)
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

    for (int32_t i = 0; i < length; i++) {
        salt[i] = (uint8_t)digits[salt[i] % 36];
    }
    if (length == KAFKA_SALT_BYTES_MAX || salt[0] == '0') {
        salt[0] = '1';
    }
}

/* Always computed, for those who exist too: the time must not tell. */
static void make_mock(struct sasl_service *service, struct string user,
                      enum scram_mechanism mechanism, struct scram_credential *mock)
{
    struct bytes key = mock_key(service);
    uint8_t bytes[EVP_MAX_MD_SIZE];

    struct scram_shape shape;

    keyed_hash_sign(&service->sha_512, key, user, bytes);
    shape = choose_shape(service, mechanism, load_be64(bytes + sizeof bytes - 8));
    *mock = (struct scram_credential){
        .mechanism = mechanism, .iterations = shape.iterations, .salt_length = shape.salt_length};
    memcpy(mock->salt, bytes, (size_t)shape.salt_length);
    if (shape.is_text) {
        make_text(mock->salt, shape.salt_length);
    }
    memcpy(mock->stored_key, service->process_key, sizeof service->process_key);
    memcpy(mock->server_key, service->process_key, sizeof service->process_key);
}

bool sasl_service_get_scram(struct sasl_service *service, struct string user,
                            enum scram_mechanism mechanism, struct scram_credential *out_credential)
{
    struct scram_credential choice[2] = {0};
    bool is_found =
        service->credentials.find_scram(service->credentials.context, user, mechanism, &choice[1]);

    make_mock(service, user, mechanism, &choice[0]);
    *out_credential = choice[is_found];
    return is_found;
}

static bool has_version(const struct sasl_service *service, const struct identity *identity,
                        enum scram_mechanism mechanism)
{
    struct scram_credential credential;

    return service->credentials.find_scram(service->credentials.context, identity->name, mechanism,
                                           &credential) &&
           credential.version == identity->credential_version;
}

bool sasl_service_is_valid(const struct sasl_service *service, const struct identity *identity)
{
    struct delegation_token token;
    enum scram_mechanism mechanism = credential_mechanism(string_from(identity->mechanism));

    if (identity->is_token) {
        return service->credentials.find_token(service->credentials.context, identity->token_id,
                                               &token);
    }
    if (identity->credential_version == 0) {
        return true;
    }
    if (mechanism != SCRAM_UNKNOWN) {
        return has_version(service, identity, mechanism);
    }
    return has_version(service, identity, SCRAM_SHA_256) ||
           has_version(service, identity, SCRAM_SHA_512);
}
