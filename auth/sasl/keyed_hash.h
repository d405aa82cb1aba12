/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HMAC and hash of one kind, many times: OpenSSL looks its algorithms up once, which takes longer
 * than the short messages of SCRAM do.
 *
 * Private to sasl/. Thread: one at a time.
 */
#ifndef GYRE_SASL_KEYED_HASH_H
#define GYRE_SASL_KEYED_HASH_H

#include <openssl/evp.h>
#include <stdint.h>

#include "gyre/base/bytes.h"

struct keyed_hash {
    EVP_MAC_CTX *mac; /* owned, as the others */
    EVP_MD_CTX *context;
    EVP_MD *digest;
};

void keyed_hash_init(struct keyed_hash *hash, const char *digest_name);
void keyed_hash_release(struct keyed_hash *hash);

/* As many bytes as the hash has. */
void keyed_hash_sign(struct keyed_hash *hash, struct bytes key, struct string text, uint8_t *out);
void keyed_hash_digest(struct keyed_hash *hash, struct string text, uint8_t *out);

#endif
