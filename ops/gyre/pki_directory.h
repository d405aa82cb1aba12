/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory with an authority and what it issued:
 *
 *     ca.crt ca.key           the authority; its key stays here
 *     ca.crl                  whom it has revoked (gyre.ssl.crl.location)
 *     NAME.crt NAME.key       a certificate and its key
 *     NAME.pem                both, as Kafka's PEM key stores have them
 *
 * Files with keys have mode 0600, and each is replaced whole. False: a sentence was printed.
 */
#ifndef GYRE_OPS_PKI_DIRECTORY_H
#define GYRE_OPS_PKI_DIRECTORY_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

#include "pki_certificate.h"

enum { PKI_PATH_BYTES = 3072, PKI_DAY_S = 24 * 60 * 60, PKI_BACKDATE_S = 60 * 60 };

struct pki_directory {
    const char *path;
    X509 *authority;   /* owned */
    EVP_PKEY *key;     /* owned; NULL where only certificates are read */
    X509_CRL *revoked; /* owned; NULL: there is no list */
};

/* Makes the authority, and an empty list of revoked certificates. There must be none yet. */
bool pki_directory_create(const char *path, const char *common_name, int days);

bool pki_directory_open(struct pki_directory *directory, const char *path, bool has_key);
void pki_directory_close(struct pki_directory *directory);

/* NAME.crt, NAME.key and NAME.pem; there must be none of the name, unless `may_replace`. */
bool pki_directory_issue(const struct pki_directory *directory, const char *name,
                         const struct pki_request *request, bool may_replace);

/* The same names with a new key and time. */
bool pki_directory_renew(const struct pki_directory *directory, const char *name, int days);

bool pki_directory_revoke(struct pki_directory *directory, const char *name, int list_days);

/* Is this a name in the directory? What is not may be a file elsewhere. */
bool pki_directory_has(const char *directory, const char *name);

/* Of a name in the directory, or of a file. The caller's; NULL: a sentence was printed. */
X509 *pki_directory_read(const char *directory, const char *name);

/* Is the certificate's key the one in NAME.key? False also where there is no such file. */
bool pki_directory_has_key(const char *path, const char *name, X509 *certificate);

bool pki_directory_is_revoked(const struct pki_directory *directory, X509 *certificate);

#endif
