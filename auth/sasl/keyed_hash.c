/* SPDX-License-Identifier: Apache-2.0 */
#include "keyed_hash.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include "gyre/base/check.h"

void keyed_hash_init(struct keyed_hash *hash, const char *digest_name)
{
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t)digest_name, 0),
        OSSL_PARAM_construct_end()};

    CHECK(mac != NULL);
    hash->mac = EVP_MAC_CTX_new(mac);
    hash->context = EVP_MD_CTX_new();
    hash->digest = EVP_MD_fetch(NULL, digest_name, NULL);
    CHECK(hash->mac != NULL);
    CHECK(hash->context != NULL);
    CHECK(hash->digest != NULL);
    CHECK(EVP_MAC_CTX_set_params(hash->mac, parameters) == 1);
    EVP_MAC_free(mac);
}

void keyed_hash_release(struct keyed_hash *hash)
{
    EVP_MAC_CTX_free(hash->mac);
    EVP_MD_CTX_free(hash->context);
    EVP_MD_free(hash->digest);
    *hash = (struct keyed_hash){0};
}

void keyed_hash_sign(struct keyed_hash *hash, struct bytes key, struct string text, uint8_t *out)
{
    size_t length = 0;

    CHECK(EVP_MAC_init(hash->mac, (const unsigned char *)key.bytes, (size_t)key.length, NULL) == 1);
    CHECK(EVP_MAC_update(hash->mac, (const unsigned char *)text.bytes, (size_t)text.length) == 1);
    CHECK(EVP_MAC_final(hash->mac, out, &length, EVP_MAX_MD_SIZE) == 1);
}

void keyed_hash_digest(struct keyed_hash *hash, struct string text, uint8_t *out)
{
    CHECK(EVP_DigestInit_ex2(hash->context, hash->digest, NULL) == 1);
    CHECK(EVP_DigestUpdate(hash->context, text.bytes, (size_t)text.length) == 1);
    CHECK(EVP_DigestFinal_ex(hash->context, out, NULL) == 1);
}
