/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/tls/tls_context.h"

#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tls_context_private.h"

enum { SUITES_BYTES_MAX = 1024 };

#define SUITES_12_DEFAULT                                                                          \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"     \
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"

/* ---- sentences ---- */

enum error tls_refuse(struct tls_loading *loading, const char *format, ...)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    va_list arguments;
    int length;

    va_start(arguments, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it was started on the line above. */
    length = vsnprintf(loading->message, TLS_MESSAGE_BYTES, format, arguments);
    va_end(arguments);
    if (reason != NULL && length > 0 && length < TLS_MESSAGE_BYTES) {
        (void)snprintf(loading->message + length, (size_t)(TLS_MESSAGE_BYTES - length), " (%s)",
                       reason);
    }
    ERR_clear_error();
    return ERROR_INVALID;
}

int64_t tls_time_ms(const ASN1_TIME *time)
{
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    int days = 0;
    int seconds = 0;
    bool is_good = epoch != NULL && ASN1_TIME_diff(&days, &seconds, epoch, time) == 1;

    ASN1_TIME_free(epoch);
    return is_good ? ((int64_t)days * 86400 + seconds) * 1000 : 0;
}

/* ---- versions and suites ---- */

/* Takes the next element of "a, b". False: none is left. */
static bool next_element(const char **rest, char *element, size_t size)
{
    size_t length;

    *rest += strspn(*rest, " ,");
    length = strcspn(*rest, " ,");
    (void)snprintf(element, size, "%.*s", (int)length, *rest);
    *rest += length;
    return length > 0;
}

static enum error set_versions(struct tls_loading *loading)
{
    const char *rest =
        loading->options->protocols == NULL ? "TLSv1.3" : loading->options->protocols;
    char element[32];
    bool has_12 = false;
    bool has_13 = false;

    while (next_element(&rest, element, sizeof element)) {
        if (strcmp(element, "TLSv1.3") == 0) {
            has_13 = true;
        } else if (strcmp(element, "TLSv1.2") == 0) {
            has_12 = true;
        } else {
            return tls_refuse(loading, "ssl.enabled.protocols: %s is neither TLSv1.3 nor TLSv1.2",
                              element);
        }
    }
    if (!has_12 && !has_13) {
        return tls_refuse(loading, "ssl.enabled.protocols names no version");
    }
    (void)SSL_CTX_set_min_proto_version(loading->ssl, has_12 ? TLS1_2_VERSION : TLS1_3_VERSION);
    (void)SSL_CTX_set_max_proto_version(loading->ssl, has_13 ? TLS1_3_VERSION : TLS1_2_VERSION);
    return ERROR_NONE;
}

static void add_suite(char suites[SUITES_BYTES_MAX], const char *name)
{
    size_t used = strlen(suites);

    (void)snprintf(suites + used, SUITES_BYTES_MAX - used, "%s%s", used == 0 ? "" : ":", name);
}

static bool is_forward_secret_aead(const char *name)
{
    return strncmp(name, "ECDHE-", 6) == 0 &&
           (strstr(name, "GCM") != NULL || strstr(name, "POLY1305") != NULL);
}

static enum error set_suites(struct tls_loading *loading)
{
    const char *rest = loading->options->cipher_suites;
    char suites_13[SUITES_BYTES_MAX] = "";
    char suites_12[SUITES_BYTES_MAX] = "";
    char element[80];

    while (rest != NULL && next_element(&rest, element, sizeof element)) {
        const char *name = OPENSSL_cipher_name(element);

        if (strncmp(element, "TLS_", 4) == 0 && strstr(element, "_WITH_") == NULL) {
            add_suite(suites_13, element);
        } else if (is_forward_secret_aead(name)) {
            add_suite(suites_12, name);
        } else {
            return tls_refuse(loading,
                              "ssl.cipher.suites: %s has not both ECDHE and AEAD, or is "
                              "unknown",
                              element);
        }
    }
    if (SSL_CTX_set_cipher_list(loading->ssl,
                                suites_12[0] == '\0' ? SUITES_12_DEFAULT : suites_12) != 1 ||
        (suites_13[0] != '\0' && SSL_CTX_set_ciphersuites(loading->ssl, suites_13) != 1)) {
        return tls_refuse(loading, "ssl.cipher.suites: OpenSSL has none of them");
    }
    return ERROR_NONE;
}

/* ---- the rest of a context ---- */

static void set_policy(struct tls_loading *loading)
{
    static const unsigned char session_context[] = "gyre";
    SSL_CTX *ssl = loading->ssl;
    int verify = SSL_VERIFY_NONE;

    (void)SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                       SSL_OP_CIPHER_SERVER_PREFERENCE);
    (void)SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    (void)SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_num_tickets(ssl, 1);
    (void)SSL_CTX_set_max_early_data(ssl, 0);
    (void)SSL_CTX_set_recv_max_early_data(ssl, 0);
    SSL_CTX_set_security_level(ssl, TLS_SECURITY_LEVEL);
    CHECK(SSL_CTX_set_session_id_context(ssl, session_context, sizeof session_context - 1) == 1);
    if (!loading->options->is_server) {
        verify = SSL_VERIFY_PEER;
    } else if (loading->options->client_auth == TLS_CLIENT_AUTH_REQUESTED) {
        verify = SSL_VERIFY_PEER;
    } else if (loading->options->client_auth == TLS_CLIENT_AUTH_REQUIRED) {
        verify = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    }
    SSL_CTX_set_verify(ssl, verify, NULL);
    SSL_CTX_set_verify_depth(ssl, TLS_CHAIN_DEPTH_MAX);
}

static enum error refuse_expired(struct tls_loading *loading, int64_t expires_ms)
{
    const char *path = loading->options->keystore_path;
    time_t ended_s = (time_t)(expires_ms / 1000);
    struct tm ended;
    char date[32] = "";

    (void)strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&ended_s, &ended));
    return tls_refuse(loading, "the certificate in %.150s has expired on %s",
                      path == NULL ? "ssl.keystore.certificate.chain" : path, date);
}

static enum error check_expiry(struct tls_loading *loading, int64_t *out_expires_ms)
{
    const X509 *leaf = SSL_CTX_get0_certificate(loading->ssl);
    enum error error;

    *out_expires_ms = INT64_MAX;
    if (leaf == NULL) {
        return ERROR_NONE;
    }
    *out_expires_ms = tls_time_ms(X509_get0_notAfter(leaf));
    if (X509_cmp_current_time(X509_get0_notAfter(leaf)) > 0) {
        return ERROR_NONE;
    }
    error = refuse_expired(loading, *out_expires_ms);
    return loading->options->allows_expired ? ERROR_NONE : error;
}

/* Who was let in by a ticket is not asked for a certificate again: other trust, other tickets. */
static void set_tickets(struct tls_context *context, const struct tls_context *before)
{
    if (before != NULL && tls_context_trusts_alike(context, before)) {
        memcpy(context->ticket_keys, before->ticket_keys, sizeof context->ticket_keys);
        CHECK(SSL_CTX_set_tlsext_ticket_keys(context->ssl, context->ticket_keys,
                                             sizeof context->ticket_keys) == 1);
    } else {
        CHECK(SSL_CTX_get_tlsext_ticket_keys(context->ssl, context->ticket_keys,
                                             sizeof context->ticket_keys) == 1);
    }
}

static enum error fill(struct tls_loading *loading, struct tls_context *context)
{
    enum error error = set_versions(loading);

    set_policy(loading);
    CHECK(EVP_DigestInit_ex(loading->digest, EVP_sha256(), NULL) == 1);
    CHECK(EVP_DigestUpdate(loading->digest, &loading->options->client_auth,
                           sizeof loading->options->client_auth) == 1);
    if (error == ERROR_NONE) {
        error = set_suites(loading);
    }
    if (error == ERROR_NONE) {
        error = tls_store_load_keys(loading);
    }
    if (error == ERROR_NONE) {
        error = tls_store_load_trust(loading);
    }
    if (error == ERROR_NONE) {
        error = check_expiry(loading, &context->expires_ms);
    }
    context->has_ended_list = loading->has_ended_list;
    CHECK(EVP_DigestFinal_ex(loading->digest, context->trust_digest, NULL) == 1);
    return error;
}

enum error tls_context_load(const struct tls_options *options, const struct tls_context *before,
                            char *message, struct tls_context **out_context)
{
    struct tls_context *context = check_alloc_zero(sizeof *context);
    struct tls_loading loading = {
        .options = options,
        .ssl = SSL_CTX_new(options->is_server ? TLS_server_method() : TLS_client_method()),
        .digest = EVP_MD_CTX_new(),
        .message = message,
    };
    enum error error;

    CHECK(loading.ssl != NULL && loading.digest != NULL);
    atomic_init(&context->references, 1);
    context->ssl = loading.ssl;
    context->is_server = options->is_server;
    context->verifies_host = options->verifies_host;
    context->wants_broker = options->wants_broker;
    ERR_clear_error();
    message[0] = '\0';
    error = fill(&loading, context);
    EVP_MD_CTX_free(loading.digest);
    if (error != ERROR_NONE) {
        tls_context_unref(context);
        return error;
    }
    if (options->is_server) {
        set_tickets(context, before);
    }
    *out_context = context;
    return ERROR_NONE;
}

struct tls_context *tls_context_ref(struct tls_context *context)
{
    atomic_fetch_add(&context->references, 1);
    return context;
}

void tls_context_unref(struct tls_context *context)
{
    if (context != NULL && atomic_fetch_sub(&context->references, 1) == 1) {
        SSL_CTX_free(context->ssl);
        OPENSSL_cleanse(context->ticket_keys, sizeof context->ticket_keys);
        free(context);
    }
}

int64_t tls_context_expires_ms(const struct tls_context *context)
{
    return context->expires_ms;
}

bool tls_context_has_ended_list(const struct tls_context *context)
{
    return context->has_ended_list;
}

bool tls_context_trusts_alike(const struct tls_context *a, const struct tls_context *b)
{
    return memcmp(a->trust_digest, b->trust_digest, sizeof a->trust_digest) == 0;
}

bool tls_context_shares_tickets(const struct tls_context *a, const struct tls_context *b)
{
    return memcmp(a->ticket_keys, b->ticket_keys, sizeof a->ticket_keys) == 0;
}
