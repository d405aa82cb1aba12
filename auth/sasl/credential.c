/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/sasl/credential.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "gyre/base/check.h"

struct hash {
    enum scram_mechanism mechanism;
    const char *name;
    int32_t bytes;
    const EVP_MD *(*digest)(void);
};

static const struct hash hashes[] = {
    {SCRAM_SHA_256, "SCRAM-SHA-256", 32, EVP_sha256},
    {SCRAM_SHA_512, "SCRAM-SHA-512", 64, EVP_sha512},
};

static const struct hash *find_hash(enum scram_mechanism mechanism)
{
    for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++) {
        if (hashes[i].mechanism == mechanism) {
            return &hashes[i];
        }
    }
    return NULL;
}

enum scram_mechanism credential_mechanism(struct string name)
{
    for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++) {
        if (string_is(name, hashes[i].name)) {
            return hashes[i].mechanism;
        }
    }
    return SCRAM_UNKNOWN;
}

const char *credential_mechanism_name(enum scram_mechanism mechanism)
{
    const struct hash *hash = find_hash(mechanism);

    return hash == NULL ? "UNKNOWN" : hash->name;
}

int32_t credential_key_bytes(enum scram_mechanism mechanism)
{
    const struct hash *hash = find_hash(mechanism);

    return hash == NULL ? 0 : hash->bytes;
}

static enum error keyed(const EVP_MD *digest, const void *key, int32_t key_length,
                        struct string text, uint8_t *out)
{
    unsigned length = 0;

    return HMAC(digest, key, key_length, (const unsigned char *)text.bytes, (size_t)text.length,
                out, &length) == NULL
               ? ERROR_INVALID
               : ERROR_NONE;
}

enum error credential_set_keys(struct scram_credential *credential, struct bytes salted_password)
{
    const struct hash *hash = find_hash(credential->mechanism);
    uint8_t client_key[SCRAM_KEY_BYTES_MAX];

    if (hash == NULL || salted_password.length < 1 ||
        salted_password.length > SCRAM_KEY_BYTES_MAX) {
        return ERROR_INVALID;
    }
    enum error error = keyed(hash->digest(), salted_password.bytes, salted_password.length,
                             STRING("Client Key"), client_key);
    if (error == ERROR_NONE) {
        error = keyed(hash->digest(), salted_password.bytes, salted_password.length,
                      STRING("Server Key"), credential->server_key);
    }
    if (error == ERROR_NONE && EVP_Digest(client_key, (size_t)hash->bytes, credential->stored_key,
                                          NULL, hash->digest(), NULL) != 1) {
        error = ERROR_INVALID;
    }
    OPENSSL_cleanse(client_key, sizeof client_key);
    return error;
}

enum error credential_set_password(struct scram_credential *credential, struct string password)
{
    const struct hash *hash = find_hash(credential->mechanism);
    uint8_t salted[SCRAM_KEY_BYTES_MAX];

    if (hash == NULL || credential->iterations < 1) {
        return ERROR_INVALID;
    }
    if (PKCS5_PBKDF2_HMAC(password.bytes, password.length, credential->salt,
                          credential->salt_length, credential->iterations, hash->digest(),
                          hash->bytes, salted) != 1) {
        return ERROR_INVALID;
    }
    enum error error = credential_set_keys(credential, (struct bytes){(char *)salted, hash->bytes});
    OPENSSL_cleanse(salted, sizeof salted);
    return error;
}

enum error credential_token_hmac(struct string secret, struct string id,
                                 uint8_t out_hmac[DELEGATION_TOKEN_HMAC_BYTES])
{
    return secret.length < 1 ? ERROR_INVALID
                             : keyed(EVP_sha512(), secret.bytes, secret.length, id, out_hmac);
}
