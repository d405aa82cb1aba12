/* SPDX-License-Identifier: Apache-2.0 */
/* Two engines joined by memory: who gets in, what arrives, what is refused. */
#include <openssl/pkcs12.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/tls/tls_context.h"
#include "gyre/tls/tls_stream.h"

#include "support/certificates.h"
#include "support/test.h"

enum { YEAR_S = 365 * 86400, HOUR_S = 3600 };

static struct certificates pki;

static int set_up(void **state)
{
    (void)state;
    certificates_init(&pki);
    X509_free(certificates_issue(&pki, "broker", PKI_BROKER, "DNS:broker.test", YEAR_S));
    X509_free(certificates_issue(&pki, "alice", PKI_CLIENT, NULL, YEAR_S));
    X509_free(certificates_issue(&pki, "late", PKI_CLIENT, NULL, -HOUR_S));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    certificates_release(&pki);
    return 0;
}

/* ---- two sides ---- */

struct sides {
    struct tls_stream *server;
    struct tls_stream *client;
    enum error server_error;
    enum error client_error;
};

static struct tls_options server_options(void)
{
    return (struct tls_options){
        .is_server = true,
        .keystore_path = strdup(certificates_path(&pki, "broker.pem")),
        .truststore_path = strdup(certificates_path(&pki, "ca.crt")),
    };
}

static struct tls_options client_options(const char *keystore)
{
    return (struct tls_options){
        .keystore_path = keystore == NULL ? NULL : strdup(certificates_path(&pki, keystore)),
        .truststore_path = strdup(certificates_path(&pki, "ca.crt")),
        .verifies_host = true,
    };
}

static void forget_paths(const struct tls_options *options)
{
    const char *paths[] = {options->keystore_path, options->truststore_path, options->crl_path,
                           options->key_path};

    for (size_t i = 0; i < 4; i++) {
        free((char *)(uintptr_t)paths[i]);
    }
}

static struct tls_context *load(const struct tls_options *options)
{
    char message[TLS_MESSAGE_BYTES];
    struct tls_context *context = NULL;
    enum error error = tls_context_load(options, NULL, message, &context);

    if (error != ERROR_NONE) {
        fail_msg("%s", message);
    }
    forget_paths(options);
    return context;
}

/* What one side has for the other, fed in pieces. */
static void carry(struct tls_stream *from, struct tls_stream *to, enum error *error)
{
    struct buffer_slice bytes = tls_stream_take_output(from);

    for (size_t at = 0; at < bytes.length && (*error == ERROR_NONE || *error == ERROR_AGAIN);) {
        size_t piece = bytes.length - at < 700 ? bytes.length - at : 700;

        tls_stream_feed(to, bytes.bytes + at, piece);
        *error = tls_stream_handshake(to);
        tls_stream_keep_input(to);
        at += piece;
        if (*error == ERROR_NONE) {
            char plain[1];
            size_t length;

            *error = tls_stream_read(to, plain, 1, &length);
            *error = *error == ERROR_AGAIN ? ERROR_NONE : *error;
            tls_stream_keep_input(to);
            assert_int_equal(length, 0);
        }
    }
    buffer_slice_unref(&bytes);
}

/* Takes the references of the contexts. */
static struct sides shake_hands(struct tls_context *server, struct tls_context *client,
                                const char *host)
{
    struct sides sides = {.server = tls_stream_new(server, NULL),
                          .client = tls_stream_new(client, host),
                          .server_error = ERROR_AGAIN};

    tls_context_unref(server);
    tls_context_unref(client);
    sides.client_error = tls_stream_handshake(sides.client);
    for (int i = 0; i < 4; i++) {
        carry(sides.client, sides.server, &sides.server_error);
        carry(sides.server, sides.client, &sides.client_error);
    }
    return sides;
}

static void part(struct sides *sides)
{
    tls_stream_free(sides->server);
    tls_stream_free(sides->client);
}

static struct sides shake_with(enum tls_client_auth client_auth, const char *keystore)
{
    struct tls_options server = server_options();
    struct tls_options client = client_options(keystore);

    server.client_auth = client_auth;
    return shake_hands(load(&server), load(&client), "broker.test");
}

static void move(struct tls_stream *from, struct tls_stream *to, size_t total)
{
    struct buffer *sent = buffer_new(total);
    struct buffer *got = buffer_new(total + 1);
    struct buffer_slice bytes;
    size_t used = 0;
    size_t length;

    for (size_t i = 0; i < total; i++) {
        sent->bytes[i] = (char)(i * 31 + i / 257);
    }
    tls_stream_reserve_output(from, total);
    assert_int_equal(tls_stream_write(from, sent->bytes, total), ERROR_NONE);
    bytes = tls_stream_take_output(from);
    assert_true(total == 0 || bytes.length > total);
    tls_stream_feed(to, bytes.bytes, bytes.length);
    while (tls_stream_read(to, got->bytes + used, got->size - used < 5000 ? got->size - used : 5000,
                           &length) == ERROR_NONE) {
        used += length;
    }
    assert_int_equal(used, total);
    assert_memory_equal(sent->bytes, got->bytes, total);
    buffer_slice_unref(&bytes);
    buffer_unref(sent);
    buffer_unref(got);
}

static void slices_become_whole_records(void **state)
{
    static const size_t lengths[] = {5, 0, 100000, 3, 16384, 1, 40000};
    struct sides sides;
    struct buffer_slice slices[7];
    struct buffer *plain = buffer_new(200000);
    size_t total = 0;
    size_t got = 0;
    size_t taken = 2;

    (void)state;
    sides = shake_with(TLS_CLIENT_AUTH_NONE, NULL);
    for (size_t i = 0; i < plain->size; i++) {
        plain->bytes[i] = (char)(i * 7 + i / 251);
    }
    for (size_t i = 0; i < 7; i++) {
        slices[i] = (struct buffer_slice){plain, plain->bytes + total, lengths[i]};
        total += lengths[i];
    }
    for (size_t done = 2, first = 0, offset = 2; done < total; done += taken) {
        struct buffer_slice bytes;
        char *out = check_alloc(50000);
        size_t length;

        assert_int_equal(
            tls_stream_write_slices(sides.server, slices + first, 7 - first, offset, 50000, &taken),
            ERROR_NONE);
        assert_int_equal(taken, total - done < 50000 ? total - done : 50000);
        bytes = tls_stream_take_output(sides.server);
        tls_stream_feed(sides.client, bytes.bytes, bytes.length);
        for (got = 0; tls_stream_read(sides.client, out + got, 50000 - got + (got == 50000),
                                      &length) == ERROR_NONE;) {
            got += length;
        }
        assert_int_equal(got, taken);
        assert_memory_equal(out, plain->bytes + done, taken);
        for (offset += taken; first < 7 && offset >= lengths[first]; first++) {
            offset -= lengths[first];
        }
        buffer_slice_unref(&bytes);
        free(out);
    }
    buffer_unref(plain);
    part(&sides);
}

/* ---- tests ---- */

static void what_is_written_arrives(void **state)
{
    struct sides sides = shake_with(TLS_CLIENT_AUTH_NONE, NULL);

    (void)state;
    assert_int_equal(sides.server_error, ERROR_NONE);
    assert_int_equal(sides.client_error, ERROR_NONE);
    assert_string_equal(tls_stream_facts(sides.server)->version, "TLSv1.3");
    assert_false(tls_stream_facts(sides.server)->has_certificate);
    assert_null(tls_stream_facts(sides.server)->peer_name);
    assert_true(tls_stream_facts(sides.client)->has_certificate);
    move(sides.client, sides.server, 1);
    move(sides.server, sides.client, 1000000);
    move(sides.client, sides.server, 100000);
    part(&sides);
}

static void a_paused_reader_loses_nothing(void **state)
{
    struct sides sides = shake_with(TLS_CLIENT_AUTH_NONE, NULL);
    struct buffer *plain = buffer_new(60000);
    struct buffer_slice bytes;
    size_t total = 0;
    size_t length;

    (void)state;
    memset(plain->bytes, 'x', plain->size);
    assert_int_equal(tls_stream_write(sides.client, plain->bytes, plain->size), ERROR_NONE);
    bytes = tls_stream_take_output(sides.client);
    tls_stream_feed(sides.server, bytes.bytes, bytes.length);
    assert_int_equal(tls_stream_read(sides.server, plain->bytes, 10, &total), ERROR_NONE);
    tls_stream_keep_input(sides.server);
    memset(bytes.bytes, 0, bytes.length);
    buffer_slice_unref(&bytes);
    while (tls_stream_read(sides.server, plain->bytes, plain->size, &length) == ERROR_NONE) {
        total += length;
    }
    assert_int_equal(total, 60000);
    buffer_unref(plain);
    part(&sides);
}

static void certificates_are_asked_for_as_the_option_says(void **state)
{
    struct sides sides = shake_with(TLS_CLIENT_AUTH_REQUIRED, "alice.pem");
    const struct tls_facts *facts = tls_stream_facts(sides.server);

    (void)state;
    assert_int_equal(sides.server_error, ERROR_NONE);
    assert_true(facts->has_certificate);
    assert_string_equal(facts->peer_name, "CN=alice,O=Gyre");
    assert_true(facts->peer_expires_ms > 0);
    part(&sides);
    sides = shake_with(TLS_CLIENT_AUTH_REQUESTED, "alice.pem");
    assert_string_equal(tls_stream_facts(sides.server)->peer_name, "CN=alice,O=Gyre");
    part(&sides);
    sides = shake_with(TLS_CLIENT_AUTH_REQUESTED, NULL);
    assert_true(tls_stream_is_open(sides.server));
    assert_false(tls_stream_facts(sides.server)->has_certificate);
    part(&sides);
    sides = shake_with(TLS_CLIENT_AUTH_NONE, "alice.pem");
    assert_false(tls_stream_facts(sides.server)->has_certificate);
    part(&sides);
    sides = shake_with(TLS_CLIENT_AUTH_REQUIRED, NULL);
    assert_int_not_equal(sides.server_error, ERROR_NONE);
    assert_false(tls_stream_is_open(sides.server));
    part(&sides);
}

static void wrong_certificates_are_refused(void **state)
{
    struct certificates stranger;
    struct tls_options server = server_options();
    struct tls_options client = client_options(NULL);
    struct sides sides;

    (void)state;
    certificates_init(&stranger);
    X509_free(certificates_issue(&stranger, "mallory", PKI_CLIENT, NULL, YEAR_S));
    server.client_auth = TLS_CLIENT_AUTH_REQUIRED;
    client.keystore_path = strdup(certificates_path(&stranger, "mallory.pem"));
    sides = shake_hands(load(&server), load(&client), "broker.test");
    assert_false(tls_stream_is_open(sides.server));
    assert_non_null(strstr(tls_stream_reason(sides.server), "issuer"));
    part(&sides);

    server = server_options();
    client = client_options(NULL);
    free((char *)(uintptr_t)client.truststore_path);
    client.truststore_path = strdup(certificates_path(&stranger, "ca.crt"));
    sides = shake_hands(load(&server), load(&client), "broker.test");
    assert_false(tls_stream_is_open(sides.client));
    assert_false(tls_stream_is_open(sides.server));
    part(&sides);

    server = server_options();
    client = client_options(NULL);
    sides = shake_hands(load(&server), load(&client), "other.test");
    assert_false(tls_stream_is_open(sides.client));
    assert_non_null(strstr(tls_stream_reason(sides.client), "ostname mismatch"));
    part(&sides);

    server = server_options();
    client = client_options(NULL);
    client.verifies_host = false;
    sides = shake_hands(load(&server), load(&client), "other.test");
    assert_true(tls_stream_is_open(sides.client));
    part(&sides);
    certificates_release(&stranger);
}

static void an_expired_certificate_is_refused(void **state)
{
    char message[TLS_MESSAGE_BYTES];
    struct tls_options server = server_options();
    struct tls_options client = client_options("late.pem");
    struct tls_context *context = NULL;

    (void)state;
    assert_int_equal(tls_context_load(&client, NULL, message, &context), ERROR_INVALID);
    assert_non_null(strstr(message, "late.pem has expired on 20"));
    forget_paths(&client);
    forget_paths(&server);
}

static void a_client_is_no_broker(void **state)
{
    static const char *const names[] = {"alice.pem", "broker.pem"};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct tls_options server = server_options();
        struct tls_options client = client_options(names[i]);
        struct sides sides;

        server.client_auth = TLS_CLIENT_AUTH_REQUIRED;
        server.wants_broker = true;
        sides = shake_hands(load(&server), load(&client), "broker.test");
        assert_int_equal(tls_stream_is_open(sides.server), i == 1);
        part(&sides);
    }
}

static void a_revoked_certificate_is_refused(void **state)
{
    X509 *bob = certificates_issue(&pki, "bob", PKI_CLIENT, NULL, YEAR_S);

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct tls_options server = server_options();
        struct tls_options client = client_options("bob.pem");
        struct sides sides;

        certificates_revoke(&pki, i == 0 ? NULL : bob);
        server.client_auth = TLS_CLIENT_AUTH_REQUIRED;
        server.crl_path = strdup(certificates_path(&pki, "ca.crl"));
        sides = shake_hands(load(&server), load(&client), "broker.test");
        assert_int_equal(tls_stream_is_open(sides.server), i == 0);
        if (i == 1) {
            assert_non_null(strstr(tls_stream_reason(sides.server), "revoked"));
        }
        part(&sides);
    }
    X509_free(bob);
}

static void one_who_is_in_is_asked_about_again(void **state)
{
    X509 *carol = certificates_issue(&pki, "carol", PKI_CLIENT, NULL, YEAR_S);
    struct tls_options client = client_options("carol.pem");
    struct certificates stranger;
    struct sides sides = {0};

    (void)state;
    certificates_init(&stranger);
    for (int i = 0; i < 4; i++) {
        struct tls_options server = {
            .is_server = true,
            .client_auth = TLS_CLIENT_AUTH_REQUIRED,
            .keystore_path = strdup(certificates_path(&pki, "broker.pem")),
            .truststore_path = strdup(certificates_path(i == 3 ? &stranger : &pki, "ca.crt")),
            .crl_path = strdup(certificates_path(&pki, "ca.crl"))};

        certificates_revoke(&pki, i == 2 ? carol : NULL);
        struct tls_context *context = load(&server);
        if (i == 0) {
            sides = shake_hands(tls_context_ref(context), load(&client), "broker.test");
        }
        assert_true(tls_stream_trusts_alike(sides.server, context) == (i == 0));
        assert_true(tls_stream_is_believed(sides.server, context) == (i <= 1));
        tls_context_unref(context);
    }
    part(&sides);
    certificates_release(&stranger);
    X509_free(carol);
}

static void a_context_says_what_is_wrong_with_its_files(void **state)
{
    static const struct {
        const char *keystore;
        const char *crl;
        const char *protocols;
        const char *suites;
        const char *sentence;
    } cases[] = {
        {"nothing.pem", NULL, NULL, NULL, "cannot be read"},
        {"ca.crt", NULL, NULL, NULL, "holds no key"},
        {"store.jks", NULL, NULL, NULL, "keytool -importkeystore"},
        {"late.pem", NULL, NULL, NULL, "has expired"},
        {"mixed.pem", NULL, NULL, NULL, "does not belong"},
        {"broker.pem", "ca.crt", NULL, NULL, "no list of revoked"},
        {"broker.pem", NULL, "TLSv1.1", NULL, "neither TLSv1.3 nor TLSv1.2"},
        {"broker.pem", NULL, NULL, "TLS_RSA_WITH_AES_128_CBC_SHA", "ECDHE and AEAD"},
    };
    char command[512];
    FILE *jks = fopen(certificates_path(&pki, "store.jks"), "w");

    (void)state;
    assert_non_null(jks);
    assert_int_equal(fwrite("\xfe\xed\xfe\xed\0\0\0\2", 1, 8, jks), 8);
    assert_int_equal(fclose(jks), 0);
    (void)snprintf(command, sizeof command,
                   "cd %s && sed -n '/BEGIN CERT/,/END CERT/p' broker.pem > mixed.pem && "
                   "sed -n '/BEGIN PRIV/,/END PRIV/p' alice.pem >> mixed.pem",
                   pki.directory);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tls_options options = server_options();
        char message[TLS_MESSAGE_BYTES];
        struct tls_context *context = NULL;

        free((char *)(uintptr_t)options.keystore_path);
        options.keystore_path = strdup(certificates_path(&pki, cases[i].keystore));
        options.crl_path =
            cases[i].crl == NULL ? NULL : strdup(certificates_path(&pki, cases[i].crl));
        options.protocols = cases[i].protocols;
        options.cipher_suites = cases[i].suites;
        assert_int_equal(tls_context_load(&options, NULL, message, &context), ERROR_INVALID);
        if (strstr(message, cases[i].sentence) == NULL) {
            fail_msg("'%s' does not say '%s'", message, cases[i].sentence);
        }
        forget_paths(&options);
    }
}

static void pkcs12_and_passwords_are_read(void **state)
{
    static const char *const commands[] = {
        "openssl pkcs12 -export -in broker.pem -certfile ca.crt -passout pass:secret -out b.p12",
        "openssl pkey -in broker.pem -aes256 -passout pass:secret -out locked.key",
    };
    struct tls_options options = server_options();
    char message[TLS_MESSAGE_BYTES];
    struct tls_context *context = NULL;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char command[512];

        (void)snprintf(command, sizeof command, "cd %s && %s 2>/dev/null", pki.directory,
                       commands[i]);
        assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
    }
    options.key_path = strdup(certificates_path(&pki, "locked.key"));
    options.key_password = "wrong";
    assert_int_equal(tls_context_load(&options, NULL, message, &context), ERROR_INVALID);
    options.key_password = "secret";
    assert_int_equal(tls_context_load(&options, NULL, message, &context), ERROR_NONE);
    tls_context_unref(context);
    forget_paths(&options);

    options = server_options();
    free((char *)(uintptr_t)options.keystore_path);
    options.keystore_path = strdup(certificates_path(&pki, "b.p12"));
    options.keystore_password = "wrong";
    assert_int_equal(tls_context_load(&options, NULL, message, &context), ERROR_INVALID);
    options.keystore_password = "secret";
    assert_int_equal(tls_context_load(&options, NULL, message, &context), ERROR_NONE);
    tls_context_unref(context);
    forget_paths(&options);
}

static void an_older_version_is_spoken_where_it_is_enabled(void **state)
{
    struct tls_options server = server_options();
    struct tls_options client = client_options(NULL);
    struct sides sides;

    (void)state;
    client.protocols = "TLSv1.2";
    sides = shake_hands(load(&server), load(&client), "broker.test");
    assert_false(tls_stream_is_open(sides.server));
    part(&sides);
    server = server_options();
    client = client_options(NULL);
    client.protocols = "TLSv1.2";
    server.protocols = "TLSv1.2,TLSv1.3";
    server.cipher_suites = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,TLS_AES_128_GCM_SHA256";
    sides = shake_hands(load(&server), load(&client), "broker.test");
    assert_true(tls_stream_is_open(sides.server));
    assert_string_equal(tls_stream_facts(sides.server)->version, "TLSv1.2");
    assert_string_equal(tls_stream_facts(sides.server)->cipher, "ECDHE-ECDSA-AES256-GCM-SHA384");
    move(sides.server, sides.client, 50000);
    part(&sides);
}

static void tickets_end_when_trust_changes(void **state)
{
    struct tls_options options = server_options();
    char message[TLS_MESSAGE_BYTES];
    struct tls_context *first = NULL;
    struct tls_context *same = NULL;
    struct tls_context *other = NULL;

    (void)state;
    assert_int_equal(tls_context_load(&options, NULL, message, &first), ERROR_NONE);
    assert_int_equal(tls_context_load(&options, first, message, &same), ERROR_NONE);
    certificates_revoke(&pki, NULL);
    options.crl_path = strdup(certificates_path(&pki, "ca.crl"));
    assert_int_equal(tls_context_load(&options, first, message, &other), ERROR_NONE);
    assert_true(tls_context_shares_tickets(first, same));
    assert_false(tls_context_shares_tickets(first, other));
    tls_context_unref(first);
    tls_context_unref(same);
    tls_context_unref(other);
    forget_paths(&options);
}

static void noise_is_refused(void **state)
{
    struct tls_options options = server_options();
    struct tls_context *context = load(&options);
    struct tls_stream *server = tls_stream_new(context, NULL);
    static const char noise[] = "GET / HTTP/1.1\r\n\r\n";

    (void)state;
    tls_context_unref(context);
    tls_stream_feed(server, noise, sizeof noise - 1);
    assert_int_equal(tls_stream_handshake(server), ERROR_MALFORMED);
    assert_int_equal(tls_stream_handshake(server), ERROR_STATE);
    assert_true(tls_stream_reason(server)[0] != '\0');
    tls_stream_free(server);
}

static void a_goodbye_is_an_end_and_not_an_error(void **state)
{
    struct sides sides = shake_with(TLS_CLIENT_AUTH_NONE, NULL);
    struct buffer_slice bytes;
    char plain[10];
    size_t length;

    (void)state;
    tls_stream_shutdown(sides.client);
    bytes = tls_stream_take_output(sides.client);
    tls_stream_feed(sides.server, bytes.bytes, bytes.length);
    assert_int_equal(tls_stream_read(sides.server, plain, sizeof plain, &length), ERROR_CLOSED);
    buffer_slice_unref(&bytes);
    part(&sides);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_arrives),
        cmocka_unit_test(slices_become_whole_records),
        cmocka_unit_test(a_paused_reader_loses_nothing),
        cmocka_unit_test(certificates_are_asked_for_as_the_option_says),
        cmocka_unit_test(wrong_certificates_are_refused),
        cmocka_unit_test(an_expired_certificate_is_refused),
        cmocka_unit_test(a_client_is_no_broker),
        cmocka_unit_test(a_revoked_certificate_is_refused),
        cmocka_unit_test(one_who_is_in_is_asked_about_again),
        cmocka_unit_test(a_context_says_what_is_wrong_with_its_files),
        cmocka_unit_test(pkcs12_and_passwords_are_read),
        cmocka_unit_test(an_older_version_is_spoken_where_it_is_enabled),
        cmocka_unit_test(tickets_end_when_trust_changes),
        cmocka_unit_test(noise_is_refused),
        cmocka_unit_test(a_goodbye_is_an_end_and_not_an_error),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
