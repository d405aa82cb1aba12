/* SPDX-License-Identifier: Apache-2.0 */
#include "support/certificates.h"

#include <dirent.h>
#include <limits.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gyre/base/check.h"

enum { YEAR_S = 365 * 86400, PATHS = 4 };

const char *certificates_path(const struct certificates *certificates, const char *name)
{
    static char paths[PATHS][PATH_MAX];
    static int next;

    next = (next + 1) % PATHS;
    (void)snprintf(paths[next], sizeof paths[next], "%s/%s", certificates->directory, name);
    return paths[next];
}

static FILE *open_for_writing(const struct certificates *certificates, const char *name,
                              const char *suffix)
{
    char file[NAME_MAX];
    FILE *out;

    (void)snprintf(file, sizeof file, "%s%s", name, suffix);
    out = fopen(certificates_path(certificates, file), "w");
    CHECK(out != NULL);
    return out;
}

void certificates_init(struct certificates *certificates)
{
    struct pki_request request = {.purpose = PKI_AUTHORITY,
                                  .common_name = "authority",
                                  .valid_from_s = -300,
                                  .valid_to_s = YEAR_S};
    FILE *out;

    *certificates = (struct certificates){.directory = "/tmp/gyre-test-tls-XXXXXX"};
    CHECK(mkdtemp(certificates->directory) != NULL);
    certificates->authority_key = pki_key_new();
    certificates->authority =
        pki_certificate_new(&request, certificates->authority_key, NULL, NULL);
    CHECK(certificates->authority != NULL);
    out = open_for_writing(certificates, "ca", ".crt");
    CHECK(PEM_write_X509(out, certificates->authority) == 1);
    CHECK(fclose(out) == 0);
}

void certificates_release(struct certificates *certificates)
{
    DIR *directory = opendir(certificates->directory);
    const struct dirent *entry;

    CHECK(directory != NULL);
    while ((entry = readdir(directory)) != NULL) {
        (void)unlink(certificates_path(certificates, entry->d_name));
    }
    CHECK(closedir(directory) == 0);
    (void)rmdir(certificates->directory);
    EVP_PKEY_free(certificates->authority_key);
    X509_free(certificates->authority);
    X509_CRL_free(certificates->revoked);
}

X509 *certificates_issue(struct certificates *certificates, const char *name,
                         enum pki_purpose purpose, const char *alt_name, int64_t seconds)
{
    struct pki_request request = {.purpose = purpose,
                                  .common_name = name,
                                  .organization = "Gyre",
                                  .alt_names = {alt_name},
                                  .alt_name_count = alt_name == NULL ? 0 : 1,
                                  .valid_from_s = -7200,
                                  .valid_to_s = seconds};
    EVP_PKEY *key = pki_key_new();
    X509 *certificate =
        pki_certificate_new(&request, key, certificates->authority, certificates->authority_key);
    FILE *out = open_for_writing(certificates, name, ".pem");

    CHECK(certificate != NULL);
    CHECK(PEM_write_X509(out, certificate) == 1);
    CHECK(PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) == 1);
    CHECK(fclose(out) == 0);
    EVP_PKEY_free(key);
    return certificate;
}

static void write_list(struct certificates *certificates, const X509 *certificate, int64_t seconds)
{
    X509_CRL *list = pki_crl_new(certificates->revoked, certificate, certificates->authority,
                                 certificates->authority_key, seconds);
    FILE *out = open_for_writing(certificates, "ca", ".crl");

    CHECK(list != NULL);
    X509_CRL_free(certificates->revoked);
    certificates->revoked = list;
    CHECK(PEM_write_X509_CRL(out, list) == 1);
    CHECK(fclose(out) == 0);
}

void certificates_revoke(struct certificates *certificates, const X509 *certificate)
{
    write_list(certificates, certificate, YEAR_S);
}

void certificates_renew_list(struct certificates *certificates, int64_t seconds)
{
    write_list(certificates, NULL, seconds);
}
