/* SPDX-License-Identifier: Apache-2.0 */
#include "jwks.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/base/check.h"

enum { DOWNLOAD_LIMIT_S = 5, MESSAGE_BYTES = 256 };

static const char file_scheme[] = "file://";
static const char https_scheme[] = "https://";

struct text {
    char *bytes; /* owned */
    size_t length;
};

/* ---- sets ---- */

enum error jwks_parse(const char *text, size_t length, struct jwks **out_keys)
{
    json_t *document = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    json_t *keys = json_object_get(document, "keys");
    struct jwks *set;

    if (!json_is_array(keys) || json_array_size(keys) > JWKS_KEYS_MAX) {
        json_decref(document);
        return ERROR_MALFORMED;
    }
    set = check_alloc_zero(sizeof *set);
    atomic_init(&set->references, 1);
    set->keys = json_incref(keys);
    json_decref(document);
    *out_keys = set;
    return ERROR_NONE;
}

struct jwks *jwks_ref(struct jwks *keys)
{
    atomic_fetch_add(&keys->references, 1);
    return keys;
}

void jwks_unref(struct jwks *keys)
{
    if (keys != NULL && atomic_fetch_sub(&keys->references, 1) == 1) {
        json_decref(keys->keys);
        free(keys);
    }
}

/* ---- where they come from ---- */

static bool begins_with(struct string text, const char *start)
{
    size_t length = strlen(start);

    return (size_t)text.length > length && memcmp(text.bytes, start, length) == 0;
}

bool jwks_is_possible(struct string url)
{
    return begins_with(url, file_scheme) || begins_with(url, https_scheme);
}

static enum error read_file(const char *path, char *message, struct text *text)
{
    FILE *file = fopen(path, "re");

    if (file == NULL) {
        (void)snprintf(message, MESSAGE_BYTES, "%.150s: %.80s", path, strerror(errno));
        return ERROR_NOT_FOUND;
    }
    text->bytes = check_alloc(JWKS_BYTES_MAX);
    text->length = fread(text->bytes, 1, JWKS_BYTES_MAX, file);
    (void)fclose(file);
    return ERROR_NONE;
}

static size_t take_piece(char *bytes, size_t size, size_t count, void *context)
{
    struct text *text = context;
    size_t length = size * count;

    if (length > JWKS_BYTES_MAX - text->length) {
        return 0; /* which ends the download */
    }
    text->bytes = check_realloc(text->bytes, text->length + length + 1);
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    return length;
}

static CURLcode download_with(CURL *curl, const char *url, const char *ca_path, struct text *text)
{
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
    (void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)DOWNLOAD_LIMIT_S);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_piece);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, text);
    if (ca_path != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_CAINFO, ca_path);
    }
    return curl_easy_perform(curl);
}

static enum error download(const char *url, const char *ca_path, char *message, struct text *text)
{
    CURL *curl = curl_easy_init();
    CURLcode code;

    CHECK(curl != NULL);
    code = download_with(curl, url, ca_path, text);
    curl_easy_cleanup(curl);
    if (code != CURLE_OK) {
        /* Only take_piece() refuses to write, and only for one reason. */
        (void)snprintf(message, MESSAGE_BYTES, "%.150s: %.80s", url,
                       code == CURLE_WRITE_ERROR ? "is too large" : curl_easy_strerror(code));
        return ERROR_IO;
    }
    return ERROR_NONE;
}

enum error jwks_load(const char *url, const char *ca_path, char *message, struct jwks **out_keys)
{
    struct text text = {0};
    enum error error = begins_with(string_from(url), file_scheme)
                           ? read_file(url + strlen(file_scheme), message, &text)
                           : download(url, ca_path, message, &text);

    if (error == ERROR_NONE) {
        error = jwks_parse(text.bytes == NULL ? "" : text.bytes, text.length, out_keys);
        if (error != ERROR_NONE) {
            (void)snprintf(message, MESSAGE_BYTES, "%.200s: is no set of keys", url);
        }
    }
    free(text.bytes);
    return error;
}
