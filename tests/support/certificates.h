/* SPDX-License-Identifier: Apache-2.0 */
/* An authority and what it issues, in a temporary directory, for tests of TLS. */
#ifndef GYRE_TESTS_SUPPORT_CERTIFICATES_H
#define GYRE_TESTS_SUPPORT_CERTIFICATES_H

#include <stdint.h>

#include "../ops/gyre/pki_certificate.h"

struct certificates {
    char directory[64];
    EVP_PKEY *authority_key;
    X509 *authority;
    X509_CRL *revoked;
};

/* Writes ca.crt. */
void certificates_init(struct certificates *certificates);
void certificates_release(struct certificates *certificates); /* removes the files */

/* NAME.pem: certificate, then key. Valid for `seconds` from now; may be negative. The certificate
 * is the caller's. */
X509 *certificates_issue(struct certificates *certificates, const char *name,
                         enum pki_purpose purpose, const char *alt_name, int64_t seconds);

/* Writes ca.crl; `certificate` NULL: with nobody new in it. */
void certificates_revoke(struct certificates *certificates, const X509 *certificate);

/* Writes ca.crl again, valid for `seconds` from now; may be negative. */
void certificates_renew_list(struct certificates *certificates, int64_t seconds);

/* The path of a file in the directory. Four at a time. */
const char *certificates_path(const struct certificates *certificates, const char *name);

#endif
