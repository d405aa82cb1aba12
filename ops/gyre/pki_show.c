/* SPDX-License-Identifier: Apache-2.0 */
#include "pki_show.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <jansson.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/tls/principal_rules.h"

#include "json_print.h"
#include "pki_directory.h"
#include "table.h"

enum { ADDRESS_BYTES_MAX = 64, FILES_MAX = 4096 };

/* ---- what is in a certificate ---- */

static json_t *name_to_json(const X509_NAME *name)
{
    unsigned char *der = NULL;
    int length = i2d_X509_NAME(name, &der);
    char text[DN_TEXT_BYTES_MAX] = "";
    size_t used = 0;
    bool is_good =
        length >= 0 && dn_text_print(der, (size_t)length, text, sizeof text, &used) == ERROR_NONE;

    OPENSSL_free(der);
    return is_good ? json_from_string((struct string){text, (int32_t)used}) : json_null();
}

/* "2026-11-21T19:00:00Z" */
static json_t *time_to_json(const ASN1_TIME *time)
{
    struct tm parts;
    char text[32];

    if (ASN1_TIME_to_tm(time, &parts) != 1 ||
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0) {
        return json_null();
    }
    return json_string(text);
}

static json_t *serial_to_json(const X509 *certificate)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
    char *text = number == NULL ? NULL : BN_bn2hex(number);
    json_t *json = text == NULL ? json_null() : json_string(text);

    OPENSSL_free(text);
    BN_free(number);
    return json;
}

static json_t *address_to_json(const ASN1_OCTET_STRING *address)
{
    int length = ASN1_STRING_length(address);
    char text[ADDRESS_BYTES_MAX] = "IP:";

    if ((length != 4 && length != 16) ||
        inet_ntop(length == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(address), text + 3,
                  sizeof text - 3) == NULL) {
        return json_null();
    }
    return json_string(text);
}

static json_t *alt_names_to_json(X509 *certificate)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    json_t *json = json_array();

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        char text[512];

        if (name->type == GEN_IPADD) {
            (void)json_array_append_new(json, address_to_json(name->d.iPAddress));
        } else if (name->type == GEN_DNS || name->type == GEN_URI) {
            (void)snprintf(text, sizeof text, "%s:%.*s", name->type == GEN_DNS ? "DNS" : "URI",
                           ASN1_STRING_length(name->d.ia5),
                           (const char *)ASN1_STRING_get0_data(name->d.ia5));
            (void)json_array_append_new(json, json_from_string(string_from(text)));
        }
    }
    GENERAL_NAMES_free(names);
    return json;
}

static const char *purpose_of(X509 *certificate)
{
    if (X509_check_ca(certificate) != 0) {
        return "authority";
    }
    return X509_check_purpose(certificate, X509_PURPOSE_SSL_SERVER, 0) == 1 ? "broker" : "client";
}

static int64_t days_left(const X509 *certificate)
{
    int days = 0;
    int seconds = 0;

    (void)ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(certificate));
    return seconds < 0 ? (int64_t)days - 1 : days;
}

static json_t *certificate_to_json(const struct pki_directory *directory, const char *name,
                                   X509 *certificate)
{
    return json_pack("{s:s, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:I, s:b}", "name", name, "subject",
                     name_to_json(X509_get_subject_name(certificate)), "issuer",
                     name_to_json(X509_get_issuer_name(certificate)), "serial",
                     serial_to_json(certificate), "purpose", purpose_of(certificate), "alt_names",
                     alt_names_to_json(certificate), "not_before",
                     time_to_json(X509_get0_notBefore(certificate)), "not_after",
                     time_to_json(X509_get0_notAfter(certificate)), "days_left",
                     (json_int_t)days_left(certificate), "revoked",
                     pki_directory_is_revoked(directory, certificate));
}

/* ---- show ---- */

static bool add_certificate(const struct pki_directory *directory, const char *name, json_t *list)
{
    X509 *certificate = pki_directory_read(directory->path, name);
    bool is_good = certificate != NULL;

    if (is_good) {
        (void)json_array_append_new(list, certificate_to_json(directory, name, certificate));
    }
    X509_free(certificate);
    return is_good;
}

static int is_certificate(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);

    return length > 4 && strcmp(entry->d_name + length - 4, ".crt") == 0;
}

static bool add_all(const struct pki_directory *directory, json_t *list)
{
    struct dirent **entries;
    int count = scandir(directory->path, &entries, is_certificate, alphasort);
    bool is_good = count >= 0;

    for (int i = 0; i < count; i++) {
        entries[i]->d_name[strlen(entries[i]->d_name) - 4] = '\0';
        is_good =
            (i >= FILES_MAX || add_certificate(directory, entries[i]->d_name, list)) && is_good;
        free(entries[i]);
    }
    if (count >= 0) {
        free(entries);
    }
    return is_good;
}

static const char *text_in(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));

    return text == NULL ? "" : text;
}

static void print_row(struct table *table, const json_t *row)
{
    const json_t *names = json_object_get(row, "alt_names");
    json_int_t left = json_integer_value(json_object_get(row, "days_left"));
    bool is_revoked = json_is_true(json_object_get(row, "revoked"));
    char text[512] = "";

    for (size_t i = 0; i < json_array_size(names); i++) {
        size_t used = strlen(text);

        (void)snprintf(text + used, sizeof text - used, "%s%s", i == 0 ? "" : ",",
                       json_string_value(json_array_get(names, i)));
    }
    table_add_line(table);
    table_set(table, 0, "%s", text_in(row, "name"));
    table_set(table, 1, "%s", text_in(row, "purpose"));
    table_set(table, 2, "%s", text_in(row, "subject"));
    table_set(table, 3, "%.19s", text_in(row, "not_after"));
    table_set(table, 4, "%s", is_revoked ? "revoked" : left < 0 ? "expired" : "good");
    table_set(table, 5, "%" JSON_INTEGER_FORMAT, left);
    table_set(table, 6, "%s", text);
}

enum exit_status pki_show(const struct pki_directory *directory, const char *const *names,
                          int count, enum output_format output)
{
    static const char *const headings[] = {"NAME",  "PURPOSE",   "SUBJECT", "ENDS",
                                           "STATE", "DAYS LEFT", "FOR",     NULL};
    json_t *list = json_array();
    bool is_good = count > 0 || add_all(directory, list);
    struct table table;

    for (int i = 0; i < count; i++) {
        is_good = add_certificate(directory, names[i], list) && is_good;
    }
    if (output == OUTPUT_JSON) {
        json_print(list);
        return is_good ? STATUS_OK : STATUS_FAILED;
    }
    table_init(&table, headings);
    for (size_t i = 0; i < json_array_size(list); i++) {
        print_row(&table, json_array_get(list, i));
    }
    table_print(&table);
    json_decref(list);
    return is_good ? STATUS_OK : STATUS_FAILED;
}

/* ---- verify ---- */

static bool expect_host(X509_VERIFY_PARAM *verify, const char *host)
{
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(host);
    bool is_address = address != NULL;

    ASN1_OCTET_STRING_free(address);
    return (is_address ? X509_VERIFY_PARAM_set1_ip_asc(verify, host)
                       : X509_VERIFY_PARAM_set1_host(verify, host, 0)) == 1;
}

/* NULL: it is good. Else why not: a static sentence. */
static const char *judge(const struct pki_directory *directory, X509 *certificate, const char *host,
                         bool is_broker)
{
    X509_STORE *trusted = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    const char *reason = "out of memory";

    if (trusted != NULL && context != NULL &&
        X509_STORE_add_cert(trusted, directory->authority) == 1 &&
        (directory->revoked == NULL || X509_STORE_add_crl(trusted, directory->revoked) == 1) &&
        X509_STORE_CTX_init(context, trusted, certificate, NULL) == 1) {
        X509_VERIFY_PARAM *verify = X509_STORE_CTX_get0_param(context);

        if (directory->revoked != NULL) {
            (void)X509_VERIFY_PARAM_set_flags(verify, X509_V_FLAG_CRL_CHECK);
        }
        (void)X509_STORE_CTX_set_purpose(context, is_broker ? X509_PURPOSE_SSL_SERVER
                                                            : X509_PURPOSE_SSL_CLIENT);
        if (host != NULL && !expect_host(verify, host)) {
            reason = "the host cannot be read";
        } else {
            reason = X509_verify_cert(context) == 1
                         ? NULL
                         : X509_verify_cert_error_string(X509_STORE_CTX_get_error(context));
        }
    }
    X509_STORE_CTX_free(context);
    X509_STORE_free(trusted);
    return reason;
}

/* `reason` NULL: it is good. */
static void print_verdict(const char *name, const X509 *certificate, const char *reason,
                          enum output_format output)
{
    if (output == OUTPUT_JSON) {
        json_print(json_pack("{s:o, s:b, s:s?, s:I}", "certificate",
                             json_from_string(string_from(name)), "good", reason == NULL, "reason",
                             reason, "days_left", (json_int_t)days_left(certificate)));
    } else if (reason == NULL) {
        (void)printf("%s is good for %lld more days\n", name, (long long)days_left(certificate));
    } else {
        complain("%s: %s", name, reason);
    }
}

enum exit_status pki_verify(const struct pki_directory *directory, const char *name,
                            const char *host, bool is_broker, enum output_format output)
{
    X509 *certificate = pki_directory_read(directory->path, name);
    const char *reason;

    if (certificate == NULL) {
        return STATUS_FAILED;
    }
    reason = judge(directory, certificate, host, is_broker);
    if (reason == NULL && pki_directory_has(directory->path, name) &&
        !pki_directory_has_key(directory->path, name, certificate)) {
        reason = "its key is missing or another's";
    }
    print_verdict(name, certificate, reason, output);
    X509_free(certificate);
    return reason == NULL ? STATUS_OK : STATUS_FAILED;
}
