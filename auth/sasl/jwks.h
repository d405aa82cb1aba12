/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public keys of those who sign tokens (RFC 7517), from a file or by https. A set never changes
 * once it is loaded; the next load makes another one.
 *
 * Private to sasl/. Thread: any; the count is atomic.
 */
#ifndef GYRE_SASL_JWKS_H
#define GYRE_SASL_JWKS_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "gyre/base/bytes.h"
#include "gyre/base/error.h"

enum { JWKS_BYTES_MAX = 1024 * 1024, JWKS_KEYS_MAX = 100 };

struct jwks {
    atomic_uint references;
    json_t *keys; /* owned: an array of objects */
};

/* Blocking: "file:///path" or "https://...". The message (>= 256 bytes) says what is wrong. */
MUST_USE
enum error jwks_load(const char *url, const char *ca_path, char *message, struct jwks **out_keys);
/* From text. MALFORMED: it is no set of keys. */
MUST_USE
enum error jwks_parse(const char *text, size_t length, struct jwks **out_keys);

struct jwks *jwks_ref(struct jwks *keys);
void jwks_unref(struct jwks *keys); /* NULL is fine */

/* Is the url of a kind that can be loaded? */
bool jwks_is_possible(struct string url);

#endif
