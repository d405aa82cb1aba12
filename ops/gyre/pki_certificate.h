/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making certificates, keys and lists of revoked ones: P-256 and SHA-256 throughout. Knows no files
 * and prints nothing. What is returned is the caller's; NULL and false: OpenSSL's queue says why.
 */
#ifndef GYRE_OPS_PKI_CERTIFICATE_H
#define GYRE_OPS_PKI_CERTIFICATE_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

enum pki_purpose { PKI_AUTHORITY, PKI_BROKER, PKI_CLIENT };

enum { PKI_ALT_NAMES_MAX = 64 };

struct pki_request {
    enum pki_purpose purpose;
    const char *common_name;
    const char *organization; /* NULL: none */
    const char
        *alt_names[PKI_ALT_NAMES_MAX]; /* as OpenSSL has them: "DNS:a", "IP:::1", "URI:..." */
    int alt_name_count;
    int64_t valid_from_s; /* from now */
    int64_t valid_to_s;   /* from now */
};

EVP_PKEY *pki_key_new(void);

/* `issuer` NULL: signed by itself. */
X509 *pki_certificate_new(const struct pki_request *request, EVP_PKEY *key, X509 *issuer,
                          EVP_PKEY *issuer_key);

/* The same subject, names and purpose with a new key and time. */
X509 *pki_certificate_renew(const X509 *old, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key,
                            int64_t valid_to_s);

/* The list `old` (NULL: an empty one) with `revoked` (NULL: nobody) added, signed anew. */
X509_CRL *pki_crl_new(X509_CRL *old, const X509 *revoked, X509 *issuer, EVP_PKEY *issuer_key,
                      int64_t valid_to_s);

#endif
