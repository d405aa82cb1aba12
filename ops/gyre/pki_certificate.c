/* SPDX-License-Identifier: Apache-2.0 */
#include "pki_certificate.h"

#include <openssl/bn.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

enum { SERIAL_BITS = 127, VERSION_3 = 2, CRL_VERSION_2 = 1, NAMES_BYTES_MAX = 8192 };

EVP_PKEY *pki_key_new(void)
{
    return EVP_EC_gen("P-256");
}

/* ---- pieces ---- */

static bool set_serial(X509 *certificate)
{
    BIGNUM *number = BN_new();
    bool is_good = number != NULL &&
                   BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
                   BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;

    BN_free(number);
    return is_good;
}

static bool set_times(X509 *certificate, int64_t from_s, int64_t to_s)
{
    return X509_gmtime_adj(X509_getm_notBefore(certificate), from_s) != NULL &&
           X509_gmtime_adj(X509_getm_notAfter(certificate), to_s) != NULL;
}

static bool add_name(X509_NAME *name, const char *field, const char *value)
{
    return value == NULL ||
           X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, (const unsigned char *)value, -1,
                                      -1, 0) == 1;
}

static bool add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;
    bool is_good;

    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    is_good = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return is_good;
}

static bool add_alt_names(X509 *certificate, const struct pki_request *request)
{
    char names[NAMES_BYTES_MAX] = "";
    size_t used = 0;

    for (int i = 0; i < request->alt_name_count; i++) {
        int written = snprintf(names + used, sizeof names - used, "%s%s", i == 0 ? "" : ",",
                               request->alt_names[i]);

        if (written < 0 || (size_t)written >= sizeof names - used) {
            return false;
        }
        used += (size_t)written;
    }
    return used == 0 || add_extension(certificate, certificate, NID_subject_alt_name, names);
}

static bool add_purpose(X509 *certificate, X509 *issuer, enum pki_purpose purpose)
{
    bool is_authority = purpose == PKI_AUTHORITY;

    if (!add_extension(certificate, issuer, NID_basic_constraints,
                       is_authority ? "critical,CA:TRUE" : "critical,CA:FALSE") ||
        !add_extension(certificate, issuer, NID_key_usage,
                       is_authority ? "critical,keyCertSign,cRLSign"
                                    : "critical,digitalSignature") ||
        !add_extension(certificate, issuer, NID_subject_key_identifier, "hash") ||
        !add_extension(certificate, issuer, NID_authority_key_identifier, "keyid:always")) {
        return false;
    }
    /* Brokers dial each other: they are clients too. */
    return is_authority ||
           add_extension(certificate, issuer, NID_ext_key_usage,
                         purpose == PKI_BROKER ? "serverAuth,clientAuth" : "clientAuth");
}

/* ---- certificates ---- */

static X509 *blank(EVP_PKEY *key, int64_t from_s, int64_t to_s)
{
    X509 *certificate = X509_new();

    if (certificate != NULL &&
        (X509_set_version(certificate, VERSION_3) != 1 || !set_serial(certificate) ||
         !set_times(certificate, from_s, to_s) || X509_set_pubkey(certificate, key) != 1)) {
        X509_free(certificate);
        certificate = NULL;
    }
    return certificate;
}

static X509 *sign(X509 *certificate, bool is_good, EVP_PKEY *issuer_key)
{
    if (!is_good || X509_sign(certificate, issuer_key, EVP_sha256()) == 0) {
        X509_free(certificate);
        return NULL;
    }
    return certificate;
}

X509 *pki_certificate_new(const struct pki_request *request, EVP_PKEY *key, X509 *issuer,
                          EVP_PKEY *issuer_key)
{
    X509 *certificate = blank(key, request->valid_from_s, request->valid_to_s);
    X509_NAME *subject = X509_NAME_new();
    X509 *by = issuer == NULL ? certificate : issuer;
    bool is_good =
        certificate != NULL && subject != NULL && add_name(subject, "O", request->organization) &&
        add_name(subject, "CN", request->common_name) &&
        X509_set_subject_name(certificate, subject) == 1 &&
        X509_set_issuer_name(certificate, X509_get_subject_name(by)) == 1 &&
        add_purpose(certificate, by, request->purpose) && add_alt_names(certificate, request);

    X509_NAME_free(subject);
    return sign(certificate, is_good, issuer == NULL ? key : issuer_key);
}

/* The two that name keys are made anew. */
static bool copy_extensions(const X509 *old, X509 *certificate, X509 *issuer)
{
    for (int i = 0; i < X509_get_ext_count(old); i++) {
        X509_EXTENSION *extension = X509_get_ext(old, i);
        int nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));
        bool is_good = nid == NID_subject_key_identifier
                           ? add_extension(certificate, issuer, nid, "hash")
                       : nid == NID_authority_key_identifier
                           ? add_extension(certificate, issuer, nid, "keyid:always")
                           : X509_add_ext(certificate, extension, -1) == 1;

        if (!is_good) {
            return false;
        }
    }
    return true;
}

X509 *pki_certificate_renew(const X509 *old, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key,
                            int64_t valid_to_s)
{
    X509 *certificate = blank(key, -300, valid_to_s);
    bool is_good = certificate != NULL &&
                   X509_set_subject_name(certificate, X509_get_subject_name(old)) == 1 &&
                   X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1 &&
                   copy_extensions(old, certificate, issuer);

    return sign(certificate, is_good, issuer_key);
}

/* ---- revocation ---- */

static bool add_revoked(X509_CRL *list, const X509 *revoked)
{
    X509_REVOKED *row = X509_REVOKED_new();
    ASN1_TIME *now = X509_gmtime_adj(NULL, 0);
    bool is_good = row != NULL && now != NULL &&
                   X509_REVOKED_set_serialNumber(
                       row, (ASN1_INTEGER *)(uintptr_t)X509_get0_serialNumber(revoked)) == 1 &&
                   X509_REVOKED_set_revocationDate(row, now) == 1 &&
                   X509_CRL_add0_revoked(list, row) == 1;

    ASN1_TIME_free(now);
    if (!is_good) {
        X509_REVOKED_free(row);
    }
    return is_good;
}

static bool set_list_times(X509_CRL *list, int64_t valid_to_s)
{
    ASN1_TIME *now = X509_gmtime_adj(NULL, -300);
    ASN1_TIME *next = X509_gmtime_adj(NULL, valid_to_s);
    bool is_good = now != NULL && next != NULL && X509_CRL_set1_lastUpdate(list, now) == 1 &&
                   X509_CRL_set1_nextUpdate(list, next) == 1;

    ASN1_TIME_free(now);
    ASN1_TIME_free(next);
    return is_good;
}

X509_CRL *pki_crl_new(X509_CRL *old, const X509 *revoked, X509 *issuer, EVP_PKEY *issuer_key,
                      int64_t valid_to_s)
{
    X509_CRL *list = old == NULL ? X509_CRL_new() : X509_CRL_dup(old);
    bool is_good = list != NULL && X509_CRL_set_version(list, CRL_VERSION_2) == 1 &&
                   X509_CRL_set_issuer_name(list, X509_get_subject_name(issuer)) == 1 &&
                   set_list_times(list, valid_to_s) &&
                   (revoked == NULL || add_revoked(list, revoked)) && X509_CRL_sort(list) == 1 &&
                   X509_CRL_sign(list, issuer_key, EVP_sha256()) > 0;

    if (!is_good) {
        X509_CRL_free(list);
        return NULL;
    }
    return list;
}
