/* SPDX-License-Identifier: Apache-2.0 */
#include "pki_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"

enum { KEY_MODE = 0600, CERTIFICATE_MODE = 0644, DIRECTORY_MODE = 0700, LIST_DAYS = 3650 };

/* What goes into one file; NULL is left out. */
struct content {
    X509 *certificate;
    EVP_PKEY *key;
    X509_CRL *list;
};

/* ---- files ---- */

static void path_of(const char *directory, const char *name, const char *suffix,
                    char path[PKI_PATH_BYTES])
{
    (void)snprintf(path, PKI_PATH_BYTES, "%s/%s%s", directory, name, suffix);
}

static bool exists(const char *directory, const char *name, const char *suffix)
{
    char path[PKI_PATH_BYTES];

    path_of(directory, name, suffix, path);
    return access(path, F_OK) == 0;
}

static bool write_content(FILE *file, const struct content *content)
{
    return (content->certificate == NULL || PEM_write_X509(file, content->certificate) == 1) &&
           (content->key == NULL ||
            PEM_write_PKCS8PrivateKey(file, content->key, NULL, NULL, 0, NULL, NULL) == 1) &&
           (content->list == NULL || PEM_write_X509_CRL(file, content->list) == 1);
}

/* Beside its place first: who reads it finds the old one or the new one, whole. */
static bool write_file(const char *directory, const char *name, const char *suffix,
                       const struct content *content)
{
    char path[PKI_PATH_BYTES];
    char beside[PKI_PATH_BYTES + 8];
    int mode = content->key == NULL ? CERTIFICATE_MODE : KEY_MODE;
    int descriptor;
    FILE *file;
    bool is_written;

    path_of(directory, name, suffix, path);
    (void)snprintf(beside, sizeof beside, "%s.new", path);
    (void)unlink(beside);
    descriptor = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    file = descriptor < 0 ? NULL : fdopen(descriptor, "w");
    is_written =
        file != NULL && write_content(file, content) && fflush(file) == 0 && fsync(descriptor) == 0;
    if (file != NULL && fclose(file) != 0) {
        is_written = false;
    }
    if (!is_written || rename(beside, path) != 0) {
        complain("cannot write %s: %s", path, strerror(errno));
        return false;
    }
    return true;
}

/* The key first: a certificate without its key is worse than a key without its certificate. */
static bool write_issued(const char *directory, const char *name, X509 *certificate, EVP_PKEY *key)
{
    const struct content only_key = {.key = key};
    const struct content only_certificate = {.certificate = certificate};
    const struct content both = {.certificate = certificate, .key = key};

    return write_file(directory, name, ".key", &only_key) &&
           write_file(directory, name, ".crt", &only_certificate) &&
           (strcmp(name, "ca") == 0 || write_file(directory, name, ".pem", &both));
}

static FILE *open_file(const char *path)
{
    FILE *file = fopen(path, "re");

    if (file == NULL) {
        complain("%s: %s", path, strerror(errno));
    }
    return file;
}

static bool say_failure(const char *name)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    complain("no certificate can be made for %s: %s", name, reason == NULL ? "unknown" : reason);
    return false;
}

/* ---- the authority ---- */

bool pki_directory_create(const char *path, const char *common_name, int days)
{
    const struct pki_request request = {.purpose = PKI_AUTHORITY,
                                        .common_name = common_name,
                                        .valid_from_s = -PKI_BACKDATE_S,
                                        .valid_to_s = (int64_t)days * PKI_DAY_S};
    EVP_PKEY *key;
    X509 *authority;
    struct content list = {0};
    bool is_made;

    if (mkdir(path, DIRECTORY_MODE) != 0 && errno != EEXIST) {
        complain("%s: %s", path, strerror(errno));
        return false;
    }
    if (exists(path, "ca", ".crt") || exists(path, "ca", ".key")) {
        complain("%s has an authority already", path);
        return false;
    }
    key = pki_key_new();
    authority = key == NULL ? NULL : pki_certificate_new(&request, key, NULL, NULL);
    list.list = authority == NULL
                    ? NULL
                    : pki_crl_new(NULL, NULL, authority, key, (int64_t)LIST_DAYS * PKI_DAY_S);
    is_made = list.list == NULL ? say_failure(common_name)
                                : write_issued(path, "ca", authority, key) &&
                                      write_file(path, "ca", ".crl", &list);
    X509_CRL_free(list.list);
    X509_free(authority);
    EVP_PKEY_free(key);
    return is_made;
}

static bool read_key(struct pki_directory *directory)
{
    char path[PKI_PATH_BYTES];
    FILE *file;

    path_of(directory->path, "ca", ".key", path);
    file = open_file(path);
    if (file == NULL) {
        return false;
    }
    directory->key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    (void)fclose(file);
    if (directory->key == NULL ||
        X509_check_private_key(directory->authority, directory->key) != 1) {
        complain("%s is not the key of the authority", path);
        return false;
    }
    return true;
}

static void read_list(struct pki_directory *directory)
{
    char path[PKI_PATH_BYTES];
    FILE *file;

    path_of(directory->path, "ca", ".crl", path);
    file = fopen(path, "re");
    if (file != NULL) {
        directory->revoked = PEM_read_X509_CRL(file, NULL, NULL, NULL);
        (void)fclose(file);
    }
}

bool pki_directory_open(struct pki_directory *directory, const char *path, bool has_key)
{
    *directory = (struct pki_directory){.path = path};
    directory->authority = pki_directory_read(path, "ca");
    if (directory->authority == NULL || (has_key && !read_key(directory))) {
        pki_directory_close(directory);
        return false;
    }
    read_list(directory);
    return true;
}

void pki_directory_close(struct pki_directory *directory)
{
    X509_free(directory->authority);
    EVP_PKEY_free(directory->key);
    X509_CRL_free(directory->revoked);
    *directory = (struct pki_directory){0};
}

/* ---- what it issues ---- */

static bool is_name(const char *name)
{
    if (name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL || strcmp(name, "ca") == 0) {
        complain("'%s' cannot be the name of a certificate", name);
        return false;
    }
    return true;
}

bool pki_directory_issue(const struct pki_directory *directory, const char *name,
                         const struct pki_request *request, bool may_replace)
{
    EVP_PKEY *key;
    X509 *certificate;
    bool is_made;

    if (!is_name(name)) {
        return false;
    }
    if (!may_replace && exists(directory->path, name, ".crt")) {
        complain("%s/%s.crt is there already; `gyre pki renew` renews it", directory->path, name);
        return false;
    }
    key = pki_key_new();
    certificate = key == NULL
                      ? NULL
                      : pki_certificate_new(request, key, directory->authority, directory->key);
    is_made = certificate == NULL ? say_failure(name)
                                  : write_issued(directory->path, name, certificate, key);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return is_made;
}

bool pki_directory_renew(const struct pki_directory *directory, const char *name, int days)
{
    X509 *old = is_name(name) ? pki_directory_read(directory->path, name) : NULL;
    EVP_PKEY *key;
    X509 *certificate;
    bool is_made;

    if (old == NULL) {
        return false;
    }
    key = pki_key_new();
    certificate = key == NULL ? NULL
                              : pki_certificate_renew(old, key, directory->authority,
                                                      directory->key, (int64_t)days * PKI_DAY_S);
    is_made = certificate == NULL ? say_failure(name)
                                  : write_issued(directory->path, name, certificate, key);
    X509_free(old);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return is_made;
}

bool pki_directory_is_revoked(const struct pki_directory *directory, X509 *certificate)
{
    X509_REVOKED *row = NULL;

    return directory->revoked != NULL &&
           X509_CRL_get0_by_cert(directory->revoked, &row, certificate) == 1;
}

bool pki_directory_revoke(struct pki_directory *directory, const char *name, int list_days)
{
    X509 *certificate = pki_directory_read(directory->path, name);
    struct content list = {0};
    bool is_made = false;

    if (certificate == NULL) {
        return false;
    }
    if (pki_directory_is_revoked(directory, certificate)) {
        complain("%s is revoked already", name);
    } else {
        list.list = pki_crl_new(directory->revoked, certificate, directory->authority,
                                directory->key, (int64_t)list_days * PKI_DAY_S);
        is_made = list.list == NULL ? say_failure(name)
                                    : write_file(directory->path, "ca", ".crl", &list);
    }
    X509_CRL_free(list.list);
    X509_free(certificate);
    return is_made;
}

/* ---- reading ---- */

bool pki_directory_has(const char *directory, const char *name)
{
    return strchr(name, '/') == NULL && exists(directory, name, ".crt");
}

X509 *pki_directory_read(const char *directory, const char *name)
{
    char path[PKI_PATH_BYTES];
    FILE *file;
    X509 *certificate;

    path_of(directory, name, ".crt", path);
    if (!pki_directory_has(directory, name) && access(name, F_OK) == 0) {
        (void)snprintf(path, sizeof path, "%s", name);
    }
    file = open_file(path);
    if (file == NULL) {
        return NULL;
    }
    certificate = PEM_read_X509(file, NULL, NULL, NULL);
    (void)fclose(file);
    if (certificate == NULL) {
        complain("%s holds no certificate", path);
    }
    return certificate;
}

bool pki_directory_has_key(const char *directory, const char *name, X509 *certificate)
{
    char path[PKI_PATH_BYTES];
    FILE *file;
    EVP_PKEY *key;
    bool is_same;

    path_of(directory, name, ".key", path);
    file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    (void)fclose(file);
    is_same = key != NULL && X509_check_private_key(certificate, key) == 1;
    EVP_PKEY_free(key);
    ERR_clear_error();
    return is_same;
}
