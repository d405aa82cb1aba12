/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and trust from files: PEM, PKCS12, or PEM text in the configuration. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <stdio.h>
#include <string.h>

#include "tls_context_private.h"

/* The beginnings of files: Java's JKS and JCEKS, and DER's SEQUENCE (PKCS12). */
static const unsigned char jks_magic[] = {0xfe, 0xed, 0xfe, 0xed};
static const unsigned char jceks_magic[] = {0xce, 0xce, 0xce, 0xce};
enum { DER_SEQUENCE = 0x30 };

/* A store: its bytes, and what they are called in sentences. */
struct store {
    const char *name; /* a path, or the option that holds the text */
    const char *password;
    unsigned char *bytes; /* owned; of a file */
    BIO *bio;             /* over the bytes or the text */
    bool is_pkcs12;
};

/* ---- opening ---- */

static void close_store(struct store *store)
{
    BIO_free(store->bio);
    if (store->bytes != NULL) {
        OPENSSL_clear_free(store->bytes, TLS_FILE_BYTES_MAX);
    }
}

/* At most TLS_FILE_BYTES_MAX, in memory: what is parsed twice does not change in between. */
static bool read_file(const char *path, struct store *store, size_t *out_length)
{
    FILE *file = fopen(path, "re");

    if (file == NULL) {
        return false;
    }
    store->bytes = OPENSSL_zalloc(TLS_FILE_BYTES_MAX);
    CHECK(store->bytes != NULL);
    setbuf(file, NULL); /* no second copy of a key */
    *out_length = fread(store->bytes, 1, TLS_FILE_BYTES_MAX, file);
    (void)fclose(file);
    return *out_length > 0 && *out_length < TLS_FILE_BYTES_MAX;
}

static enum error refuse_jks(struct tls_loading *loading, const char *path)
{
    return tls_refuse(loading,
                      "%.100s is a JKS keystore; convert it: keytool -importkeystore "
                      "-srckeystore FILE -destkeystore FILE.p12 -deststoretype PKCS12",
                      path);
}

static enum error open_file(struct tls_loading *loading, const char *path, struct store *store)
{
    size_t length = 0;

    store->name = path;
    if (!read_file(path, store, &length)) {
        return tls_refuse(loading, "%.150s cannot be read", path);
    }
    if (length >= 4 &&
        (memcmp(store->bytes, jks_magic, 4) == 0 || memcmp(store->bytes, jceks_magic, 4) == 0)) {
        return refuse_jks(loading, path);
    }
    store->is_pkcs12 = store->bytes[0] == DER_SEQUENCE;
    store->bio = BIO_new_mem_buf(store->bytes, (int)length);
    CHECK(store->bio != NULL);
    return ERROR_NONE;
}

static enum error open_store(struct tls_loading *loading, const char *path, const char *text,
                             const char *option, struct store *store)
{
    if (text == NULL) {
        return open_file(loading, path, store);
    }
    store->name = option;
    store->bio = BIO_new_mem_buf(text, -1);
    CHECK(store->bio != NULL);
    return ERROR_NONE;
}

/* ---- keys ---- */

static int give_password(char *to, int size, int is_writing, void *context)
{
    const char *password = context;
    size_t length = password == NULL ? 0 : strlen(password);

    (void)is_writing;
    if (length == 0 || length >= (size_t)size) {
        return -1;
    }
    memcpy(to, password, length);
    return (int)length;
}

static enum error use_pem_chain(struct tls_loading *loading, struct store *store)
{
    X509 *leaf = PEM_read_bio_X509_AUX(store->bio, NULL, NULL, NULL);
    X509 *next;

    if (leaf == NULL || SSL_CTX_use_certificate(loading->ssl, leaf) != 1) {
        X509_free(leaf);
        return tls_refuse(loading, "%.120s holds no certificate that can be used", store->name);
    }
    X509_free(leaf);
    while ((next = PEM_read_bio_X509(store->bio, NULL, NULL, NULL)) != NULL) {
        if (SSL_CTX_add0_chain_cert(loading->ssl, next) != 1) {
            X509_free(next);
            return tls_refuse(loading, "%.120s: its chain cannot be used", store->name);
        }
    }
    ERR_clear_error(); /* the end of the file is reported as an error */
    return ERROR_NONE;
}

static enum error use_pem_key(struct tls_loading *loading, struct store *store)
{
    union {
        const char *text;
        void *context;
    } password = {.text = store->password};
    EVP_PKEY *key = PEM_read_bio_PrivateKey(store->bio, NULL, give_password, password.context);

    if (key == NULL) {
        return tls_refuse(loading, "%.120s holds no key, or its password is wrong", store->name);
    }
    if (SSL_CTX_use_PrivateKey(loading->ssl, key) != 1) {
        EVP_PKEY_free(key);
        return tls_refuse(loading, "the key in %.120s does not belong to the certificate",
                          store->name);
    }
    EVP_PKEY_free(key);
    return ERROR_NONE;
}

static enum error use_pkcs12_parts(struct tls_loading *loading, const struct store *store,
                                   EVP_PKEY *key, X509 *leaf, STACK_OF(X509) * others)
{
    if (key == NULL || leaf == NULL) {
        return tls_refuse(loading, "%.120s has no key with its certificate", store->name);
    }
    if (SSL_CTX_use_certificate(loading->ssl, leaf) != 1 ||
        SSL_CTX_use_PrivateKey(loading->ssl, key) != 1) {
        return tls_refuse(loading, "the key in %.120s does not belong to the certificate",
                          store->name);
    }
    for (int i = 0; others != NULL && i < sk_X509_num(others); i++) {
        if (SSL_CTX_add1_chain_cert(loading->ssl, sk_X509_value(others, i)) != 1) {
            return tls_refuse(loading, "%.120s: its chain cannot be used", store->name);
        }
    }
    return ERROR_NONE;
}

static enum error parse_pkcs12(struct tls_loading *loading, struct store *store, EVP_PKEY **out_key,
                               X509 **out_leaf, STACK_OF(X509) * *out_others)
{
    PKCS12 *file = d2i_PKCS12_bio(store->bio, NULL);
    int is_good = file != NULL && PKCS12_parse(file, store->password == NULL ? "" : store->password,
                                               out_key, out_leaf, out_others);

    PKCS12_free(file);
    return is_good ? ERROR_NONE
                   : tls_refuse(loading, "%.120s is no PKCS12 file, or its password is wrong",
                                store->name);
}

static enum error use_pkcs12(struct tls_loading *loading, struct store *store)
{
    EVP_PKEY *key = NULL;
    X509 *leaf = NULL;
    STACK_OF(X509) *others = NULL;
    enum error error = parse_pkcs12(loading, store, &key, &leaf, &others);

    if (error == ERROR_NONE) {
        error = use_pkcs12_parts(loading, store, key, leaf, others);
    }
    EVP_PKEY_free(key);
    X509_free(leaf);
    sk_X509_pop_free(others, X509_free);
    return error;
}

static enum error use_separate_key(struct tls_loading *loading)
{
    const struct tls_options *options = loading->options;
    struct store store = {.password = options->key_password};
    enum error error =
        open_store(loading, options->key_path, options->key, "ssl.keystore.key", &store);

    if (error == ERROR_NONE) {
        error = use_pem_key(loading, &store);
    }
    close_store(&store);
    return error;
}

static enum error use_pem(struct tls_loading *loading, struct store *store)
{
    const struct tls_options *options = loading->options;
    enum error error = use_pem_chain(loading, store);

    if (error != ERROR_NONE) {
        return error;
    }
    if (options->key != NULL || options->key_path != NULL) {
        return use_separate_key(loading);
    }
    (void)BIO_reset(store->bio);
    store->password =
        options->key_password != NULL ? options->key_password : options->keystore_password;
    return use_pem_key(loading, store);
}

enum error tls_store_load_keys(struct tls_loading *loading)
{
    const struct tls_options *options = loading->options;
    struct store store = {.password = options->keystore_password};
    enum error error;

    if (options->keystore_path == NULL && options->certificate_chain == NULL) {
        return options->is_server ? tls_refuse(loading, "ssl.keystore.location is not given")
                                  : ERROR_NONE;
    }
    error = open_store(loading, options->keystore_path, options->certificate_chain,
                       "ssl.keystore.certificate.chain", &store);
    if (error == ERROR_NONE) {
        error = store.is_pkcs12 ? use_pkcs12(loading, &store) : use_pem(loading, &store);
    }
    if (error == ERROR_NONE && SSL_CTX_check_private_key(loading->ssl) != 1) {
        error =
            tls_refuse(loading, "the key does not belong to the certificate in %.120s", store.name);
    }
    close_store(&store);
    return error;
}

/* ---- trust ---- */

static void digest_certificate(struct tls_loading *loading, const X509 *certificate)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;

    CHECK(X509_digest(certificate, EVP_sha256(), digest, &length) == 1);
    CHECK(EVP_DigestUpdate(loading->digest, digest, length) == 1);
}

/* Its name also goes to clients, who choose their certificate by it. */
static bool trust(struct tls_loading *loading, X509 *certificate)
{
    digest_certificate(loading, certificate);
    return X509_STORE_add_cert(SSL_CTX_get_cert_store(loading->ssl), certificate) == 1 &&
           (!loading->options->is_server || SSL_CTX_add_client_CA(loading->ssl, certificate) == 1);
}

static enum error trust_pem(struct tls_loading *loading, struct store *store)
{
    int count = 0;
    X509 *certificate;

    while ((certificate = PEM_read_bio_X509_AUX(store->bio, NULL, NULL, NULL)) != NULL) {
        bool is_good = trust(loading, certificate);

        X509_free(certificate);
        if (!is_good) {
            return tls_refuse(loading, "%.120s: an authority cannot be used", store->name);
        }
        count++;
    }
    ERR_clear_error();
    return count > 0 ? ERROR_NONE : tls_refuse(loading, "%.120s holds no certificate", store->name);
}

static enum error trust_pkcs12(struct tls_loading *loading, struct store *store)
{
    EVP_PKEY *key = NULL;
    X509 *leaf = NULL;
    STACK_OF(X509) *others = NULL;
    enum error error = parse_pkcs12(loading, store, &key, &leaf, &others);

    if (error == ERROR_NONE && (others == NULL || sk_X509_num(others) == 0)) {
        error = tls_refuse(loading, "%.120s holds no authority", store->name);
    }
    for (int i = 0; error == ERROR_NONE && i < sk_X509_num(others); i++) {
        if (!trust(loading, sk_X509_value(others, i))) {
            error = tls_refuse(loading, "%.120s: an authority cannot be used", store->name);
        }
    }
    EVP_PKEY_free(key);
    X509_free(leaf);
    sk_X509_pop_free(others, X509_free);
    return error;
}

static bool has_ended(const X509_CRL *list)
{
    const ASN1_TIME *end = X509_CRL_get0_nextUpdate(list);

    return end != NULL && X509_cmp_current_time(end) <= 0;
}

/* Is there no list of the same authority that has not ended? */
static bool is_last(STACK_OF(X509_OBJECT) * objects, const X509_CRL *list)
{
    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        const X509_CRL *other = X509_OBJECT_get0_X509_CRL(sk_X509_OBJECT_value(objects, i));

        if (other != NULL && !has_ended(other) &&
            X509_NAME_cmp(X509_CRL_get_issuer(other), X509_CRL_get_issuer(list)) == 0) {
            return false;
        }
    }
    return true;
}

static bool lacks_a_list(X509_STORE *trusted)
{
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(trusted);

    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        const X509_CRL *list = X509_OBJECT_get0_X509_CRL(sk_X509_OBJECT_value(objects, i));

        if (list != NULL && has_ended(list) && is_last(objects, list)) {
            return true;
        }
    }
    return false;
}

static enum error load_revoked(struct tls_loading *loading)
{
    X509_STORE *trusted = SSL_CTX_get_cert_store(loading->ssl);
    struct store store = {0};
    enum error error = open_file(loading, loading->options->crl_path, &store);
    int count = 0;
    X509_CRL *list;

    while (error == ERROR_NONE &&
           (list = PEM_read_bio_X509_CRL(store.bio, NULL, NULL, NULL)) != NULL) {
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned length = 0;

        CHECK(X509_CRL_digest(list, EVP_sha256(), digest, &length) == 1);
        CHECK(EVP_DigestUpdate(loading->digest, digest, length) == 1);
        if (X509_STORE_add_crl(trusted, list) != 1) {
            error = tls_refuse(loading, "%.120s: a list cannot be used", store.name);
        }
        X509_CRL_free(list);
        count++;
    }
    ERR_clear_error();
    close_store(&store);
    if (error == ERROR_NONE && count == 0) {
        error = tls_refuse(loading, "%.120s holds no list of revoked certificates",
                           loading->options->crl_path);
    }
    if (error == ERROR_NONE) {
        (void)X509_STORE_set_flags(trusted, X509_V_FLAG_CRL_CHECK);
        loading->has_ended_list = lacks_a_list(trusted);
    }
    return error;
}

enum error tls_store_load_trust(struct tls_loading *loading)
{
    const struct tls_options *options = loading->options;
    struct store store = {.password = options->truststore_password};
    enum error error = ERROR_NONE;

    if (options->truststore_path != NULL || options->trusted_certificates != NULL) {
        error = open_store(loading, options->truststore_path, options->trusted_certificates,
                           "ssl.truststore.certificates", &store);
        if (error == ERROR_NONE) {
            error = store.is_pkcs12 ? trust_pkcs12(loading, &store) : trust_pem(loading, &store);
        }
        close_store(&store);
    } else if (!options->is_server) {
        (void)SSL_CTX_set_default_verify_paths(loading->ssl); /* the system's authorities */
    } else if (options->client_auth != TLS_CLIENT_AUTH_NONE) {
        error = tls_refuse(loading, "ssl.client.auth wants ssl.truststore.location");
    }
    if (error == ERROR_NONE && options->crl_path != NULL) {
        error = load_revoked(loading);
    }
    return error;
}

bool tls_store_believes(const struct tls_context *context, const char *purpose, X509 *certificate,
                        STACK_OF(X509) * others)
{
    X509_STORE_CTX *check = X509_STORE_CTX_new();
    bool is_good;

    CHECK(check != NULL);
    CHECK(X509_STORE_CTX_init(check, SSL_CTX_get_cert_store(context->ssl), certificate, others) ==
          1);
    CHECK(X509_STORE_CTX_set_default(check, purpose) == 1);
    X509_STORE_CTX_set_depth(check, TLS_CHAIN_DEPTH_MAX);
    X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(check), TLS_SECURITY_LEVEL);
    is_good = X509_verify_cert(check) == 1;
    X509_STORE_CTX_free(check);
    ERR_clear_error();
    return is_good;
}
