/* SPDX-License-Identifier: Apache-2.0 */
#include "certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"

enum {
    SERIAL_BITS = 127, /* RFC 5280: at most 20 octets, positive */
    DAY_S = 24 * 60 * 60,
    BACKDATE_S = 60 * 60, /* clocks differ */
    VERSION_3 = 2,
    KEY_MODE = 0600,
    CERTIFICATE_MODE = 0644,
};

/* ---- files ---- */

static void path_of(const char *dir, const char *name, const char *suffix,
                    char path[CERTIFICATE_PATH_MAX])
{
    (void)snprintf(path, CERTIFICATE_PATH_MAX, "%s/%s%s", dir, name, suffix);
}

/* Beside its place first: who reads it finds the old one or the new one, whole. */
static bool write_file(const char *path, int mode, X509 *certificate, EVP_PKEY *key)
{
    char beside[CERTIFICATE_PATH_MAX + 8];
    FILE *file;
    int descriptor;
    bool is_written;

    (void)snprintf(beside, sizeof beside, "%s.new", path);
    descriptor = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    file = descriptor < 0 ? NULL : fdopen(descriptor, "w");
    if (file == NULL) {
        complain("cannot write %s: %s", path, strerror(errno));
        return false;
    }
    is_written = (certificate == NULL || PEM_write_X509(file, certificate) == 1) &&
                 (key == NULL || PEM_write_PKCS8PrivateKey(file, key, NULL, NULL, 0, NULL, NULL));
    is_written = fclose(file) == 0 && is_written && rename(beside, path) == 0;
    if (!is_written) {
        complain("cannot write %s: %s", path, strerror(errno));
    }
    return is_written;
}

static bool write_files(const char *dir, const char *name, X509 *certificate, EVP_PKEY *key)
{
    char path[CERTIFICATE_PATH_MAX];

    path_of(dir, name, ".key", path);
    if (!write_file(path, KEY_MODE, NULL, key)) {
        return false;
    }
    path_of(dir, name, ".crt", path);
    return write_file(path, CERTIFICATE_MODE, certificate, NULL);
}

static FILE *open_for_reading(const char *dir, const char *suffix, char path[CERTIFICATE_PATH_MAX])
{
    FILE *file;

    path_of(dir, "ca", suffix, path);
    file = fopen(path, "r");
    if (file == NULL) {
        complain("cannot read %s: %s", path, strerror(errno));
    }
    return file;
}

/* Both are the caller's afterwards, and NULL after a failure. */
static bool read_authority(const char *dir, X509 **out_certificate, EVP_PKEY **out_key)
{
    char path[CERTIFICATE_PATH_MAX];
    FILE *file = open_for_reading(dir, ".crt", path);

    *out_certificate = file == NULL ? NULL : PEM_read_X509(file, NULL, NULL, NULL);
    if (file != NULL) {
        (void)fclose(file);
    }
    file = *out_certificate == NULL ? NULL : open_for_reading(dir, ".key", path);
    *out_key = file == NULL ? NULL : PEM_read_PrivateKey(file, NULL, NULL, NULL);
    if (file != NULL) {
        (void)fclose(file);
    }
    if (*out_key == NULL) {
        complain("%s: there is no certificate authority here", dir);
        X509_free(*out_certificate);
        *out_certificate = NULL;
        return false;
    }
    return true;
}

/* ---- certificates ---- */

static bool set_serial(X509 *certificate)
{
    BIGNUM *number = BN_new();
    bool is_set = number != NULL &&
                  BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
                  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;

    BN_free(number);
    return is_set;
}

static bool set_life(X509 *certificate, int days)
{
    long end_s = (long)days * DAY_S;
    long begin_s = days < 0 ? end_s - DAY_S : -BACKDATE_S;

    return X509_gmtime_adj(X509_getm_notBefore(certificate), begin_s) != NULL &&
           X509_gmtime_adj(X509_getm_notAfter(certificate), end_s) != NULL;
}

static bool set_subject(X509 *certificate, const char *common_name)
{
    X509_NAME *name = X509_get_subject_name(certificate);

    return X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                      (const unsigned char *)common_name, -1, -1, 0) == 1;
}

static bool add_extension(X509 *certificate, X509 *issuer, int kind, const char *text)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;
    bool is_added;

    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, kind, text);
    is_added = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return is_added;
}

static bool add_authority_extensions(X509 *certificate)
{
    return add_extension(certificate, certificate, NID_basic_constraints,
                         "critical,CA:TRUE,pathlen:0") &&
           add_extension(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign") &&
           add_extension(certificate, certificate, NID_subject_key_identifier, "hash");
}

static bool add_leaf_extensions(X509 *certificate, X509 *issuer, const char *hosts)
{
    return add_extension(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(certificate, issuer, NID_key_usage, "critical,digitalSignature") &&
           add_extension(certificate, issuer, NID_ext_key_usage, "serverAuth,clientAuth") &&
           add_extension(certificate, issuer, NID_subject_key_identifier, "hash") &&
           add_extension(certificate, issuer, NID_authority_key_identifier, "keyid:always") &&
           (hosts == NULL || add_extension(certificate, issuer, NID_subject_alt_name, hosts));
}

static X509 *new_certificate(const char *common_name, int days, EVP_PKEY *key)
{
    X509 *certificate = X509_new();

    if (certificate != NULL && key != NULL && X509_set_version(certificate, VERSION_3) == 1 &&
        set_serial(certificate) && set_life(certificate, days) &&
        set_subject(certificate, common_name) && X509_set_pubkey(certificate, key) == 1) {
        return certificate;
    }
    X509_free(certificate);
    return NULL;
}

static bool say_failure(const char *name)
{
    char reason[256];

    ERR_error_string_n(ERR_get_error(), reason, sizeof reason);
    complain("cannot make a certificate for %s: %s", name, reason);
    return false;
}

bool certificate_make_authority(const char *dir, const char *common_name, int days)
{
    char path[CERTIFICATE_PATH_MAX];
    EVP_PKEY *key;
    X509 *certificate;
    bool is_made;

    path_of(dir, "ca", ".crt", path);
    if (access(path, R_OK) == 0) {
        return true;
    }
    key = EVP_EC_gen("P-256");
    certificate = new_certificate(common_name, days, key);
    is_made = certificate != NULL &&
              X509_set_issuer_name(certificate, X509_get_subject_name(certificate)) == 1 &&
              add_authority_extensions(certificate) &&
              X509_sign(certificate, key, EVP_sha256()) > 0;
    is_made = is_made ? write_files(dir, "ca", certificate, key) : say_failure(common_name);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return is_made;
}

/* A `pem` beside: what Kafka calls a PEM key store. */
static bool write_issued(const char *dir, const char *name, X509 *certificate, EVP_PKEY *key)
{
    char path[CERTIFICATE_PATH_MAX];

    path_of(dir, name, ".pem", path);
    return write_files(dir, name, certificate, key) && write_file(path, KEY_MODE, certificate, key);
}

bool certificate_issue(const char *dir, const struct certificate_options *options)
{
    X509 *authority;
    EVP_PKEY *authority_key;
    EVP_PKEY *key;
    X509 *certificate;
    bool is_made;

    if (!read_authority(dir, &authority, &authority_key)) {
        return false;
    }
    key = EVP_EC_gen("P-256");
    certificate = new_certificate(options->common_name, options->days, key);
    is_made = certificate != NULL &&
              X509_set_issuer_name(certificate, X509_get_subject_name(authority)) == 1 &&
              add_leaf_extensions(certificate, authority, options->hosts) &&
              X509_sign(certificate, authority_key, EVP_sha256()) > 0;
    is_made = is_made ? write_issued(dir, options->name, certificate, key)
                      : say_failure(options->common_name);
    X509_free(certificate);
    EVP_PKEY_free(key);
    X509_free(authority);
    EVP_PKEY_free(authority_key);
    return is_made;
}
