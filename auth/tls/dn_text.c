/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Java's form of RFC 2253 (sun.security.x509.AVA): last name first; nine keywords, else the number;
 * a value of a numbered attribute or of a type that is no text as #hex of its DER.
 */
#include <openssl/asn1.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "gyre/tls/principal_rules.h"

enum { OID_BYTES_MAX = 256, REPLACEMENT_BYTES = 3 };

static const struct {
    int nid;
    const char *keyword;
} keywords[] = {
    {NID_commonName, "CN"},        {NID_countryName, "C"},
    {NID_localityName, "L"},       {NID_stateOrProvinceName, "ST"},
    {NID_organizationName, "O"},   {NID_organizationalUnitName, "OU"},
    {NID_streetAddress, "STREET"}, {NID_domainComponent, "DC"},
    {NID_userId, "UID"},
};

struct text {
    char *bytes;
    size_t used;
    size_t size;
    bool is_full;
};

static void put(struct text *text, const char *bytes, size_t length)
{
    if (text->is_full || length >= text->size - text->used) {
        text->is_full = true;
        return;
    }
    memcpy(text->bytes + text->used, bytes, length);
    text->used += length;
}

static void put_string(struct text *text, const char *string)
{
    put(text, string, strlen(string));
}

/* ---- values ---- */

static bool is_text(int type)
{
    switch (type) {
    case V_ASN1_PRINTABLESTRING:
    case V_ASN1_T61STRING:
    case V_ASN1_IA5STRING:
    case V_ASN1_GENERALSTRING:
    case V_ASN1_BMPSTRING:
    case V_ASN1_UTF8STRING: return true;
    default: return false;
    }
}

static void put_hex(struct text *text, const ASN1_STRING *value)
{
    unsigned char *der = NULL;
    ASN1_TYPE any = {.type = ASN1_STRING_type(value)};
    int length;

    any.value.asn1_string = (ASN1_STRING *)(uintptr_t)value;
    length = i2d_ASN1_TYPE(&any, &der);
    put_string(text, "#");
    for (int i = 0; i < length; i++) {
        char digits[3];

        (void)snprintf(digits, sizeof digits, "%02x", der[i]);
        put(text, digits, 2);
    }
    OPENSSL_free(der);
}

/* How many bytes the well-formed character at `bytes` has; 0: none. Java's limits on each byte. */
static size_t character_bytes(const unsigned char *bytes, size_t left, size_t *out_wrong)
{
    unsigned char first = bytes[0];
    unsigned char low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    unsigned char high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    size_t wanted = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

    *out_wrong = 1;
    if (first == 0xed && left >= 3 && bytes[1] >= 0xa0 && bytes[1] <= 0xbf && bytes[2] >= 0x80 &&
        bytes[2] <= 0xbf) {
        *out_wrong = 3; /* half of a pair: one replacement for all of it */
        return 0;
    }
    if (wanted == 0 || first > 0xf4) {
        return 0;
    }
    for (size_t i = 1; i < wanted; i++) {
        if (i >= left || bytes[i] < low || bytes[i] > high) {
            *out_wrong = i; /* the longest beginning of a character is one replacement */
            return 0;
        }
        low = 0x80;
        high = 0xbf;
    }
    return wanted;
}

static void put_character(struct text *text, const char *bytes, size_t length)
{
    if (length == 1 && bytes[0] == '\0') {
        put_string(text, "\\00");
        return;
    }
    if (length == 1 && strchr(",=+<>#;\"\\", bytes[0]) != NULL) {
        put_string(text, "\\");
    }
    put(text, bytes, length);
}

static bool is_blank(char letter)
{
    return letter == ' ' || letter == '\r';
}

/* Blanks at both ends get a backslash each. */
static void escape_ends(struct text *text, size_t start)
{
    char plain[DN_TEXT_BYTES_MAX];
    size_t length = text->used - start;
    size_t lead = 0;
    size_t trail = length;

    if (text->is_full || length == 0 || length > sizeof plain ||
        (!is_blank(text->bytes[start]) && !is_blank(text->bytes[text->used - 1]))) {
        return;
    }
    memcpy(plain, text->bytes + start, length);
    while (lead < length && is_blank(plain[lead])) {
        lead++;
    }
    while (trail > 0 && is_blank(plain[trail - 1])) {
        trail--;
    }
    text->used = start;
    for (size_t i = 0; i < length; i++) {
        if (i < lead || i >= trail) {
            put_string(text, "\\");
        }
        put(text, &plain[i], 1);
    }
}

static void put_text(struct text *text, const ASN1_STRING *value)
{
    const unsigned char *bytes = ASN1_STRING_get0_data(value);
    size_t left = (size_t)ASN1_STRING_length(value);
    size_t start = text->used;

    while (left > 0) {
        size_t wrong;
        size_t length = character_bytes(bytes, left, &wrong);

        if (length > 0) {
            put_character(text, (const char *)bytes, length);
        } else {
            put(text, "\xef\xbf\xbd", REPLACEMENT_BYTES);
            length = wrong;
        }
        bytes += length;
        left -= length;
    }
    escape_ends(text, start);
}

/* ---- names ---- */

static void put_entry(struct text *text, const X509_NAME_ENTRY *entry)
{
    const ASN1_OBJECT *object = X509_NAME_ENTRY_get_object(entry);
    const ASN1_STRING *value = X509_NAME_ENTRY_get_data(entry);
    int nid = OBJ_obj2nid(object);
    char oid[OID_BYTES_MAX];

    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++) {
        if (keywords[i].nid == nid) {
            put_string(text, keywords[i].keyword);
            put_string(text, "=");
            if (is_text(ASN1_STRING_type(value))) {
                put_text(text, value);
            } else {
                put_hex(text, value);
            }
            return;
        }
    }
    if (OBJ_obj2txt(oid, sizeof oid, object, 1) >= (int)sizeof oid) {
        text->is_full = true;
        return;
    }
    put_string(text, oid);
    put_string(text, "=");
    put_hex(text, value);
}

static void put_name(struct text *text, const X509_NAME *name)
{
    int end = X509_NAME_entry_count(name);

    while (end > 0) {
        int set = X509_NAME_ENTRY_set(X509_NAME_get_entry(name, end - 1));
        int begin = end;

        while (begin > 0 && X509_NAME_ENTRY_set(X509_NAME_get_entry(name, begin - 1)) == set) {
            begin--;
        }
        if (text->used > 0) {
            put_string(text, ",");
        }
        for (int i = begin; i < end; i++) {
            put_string(text, i == begin ? "" : "+");
            put_entry(text, X509_NAME_get_entry(name, i));
        }
        end = begin;
    }
}

enum error dn_text_print(const uint8_t *der, size_t length, char *out, size_t size,
                         size_t *out_length)
{
    const unsigned char *at = der;
    X509_NAME *name = length > INT32_MAX ? NULL : d2i_X509_NAME(NULL, &at, (long)length);
    struct text text = {.bytes = out, .size = size};

    if (name == NULL || at != der + length) {
        X509_NAME_free(name);
        return ERROR_MALFORMED;
    }
    put_name(&text, name);
    X509_NAME_free(name);
    if (text.is_full || size == 0) {
        return ERROR_LIMIT;
    }
    out[text.used] = '\0';
    *out_length = text.used;
    return ERROR_NONE;
}
