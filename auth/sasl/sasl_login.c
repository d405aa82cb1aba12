/* SPDX-License-Identifier: Apache-2.0 */
#include "gyre/sasl/sasl_login.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/sasl/credential.h"

enum {
    NONCE_BYTES = 24,
    NONCE_TEXT_BYTES = 32,
    ITERATIONS_MAX = 1000000,
    MESSAGE_BYTES_MAX = 8192
};

enum step { SAYS_FIRST, SAYS_PROOF, CHECKS_SERVER, SAYS_NOTHING };

struct sasl_login {
    enum step step;
    enum scram_mechanism mechanism;
    bool is_plain;
    bool is_bearer;
    bool is_token;
    char *user;     /* owned, as the next three */
    char *password; /* cleansed */
    char *message;  /* the newest */
    char *bare;     /* of SCRAM's first message */
    char nonce[NONCE_TEXT_BYTES + 1];
    uint8_t server_signature[SCRAM_KEY_BYTES_MAX];
};

static char *copy_text(const char *text)
{
    size_t size = strlen(text) + 1;

    return memcpy(check_alloc(size), text, size);
}

static void free_secret(char *text)
{
    if (text != NULL) {
        OPENSSL_cleanse(text, strlen(text));
        free(text);
    }
}

enum error sasl_login_new(const struct sasl_login_options *options, struct sasl_login **out_client)
{
    struct string name = string_from(options->mechanism);
    bool is_bearer = string_is(name, "OAUTHBEARER");
    bool is_plain = string_is(name, "PLAIN");
    enum scram_mechanism mechanism = credential_mechanism(name);
    struct sasl_login *client;

    if (!is_plain && !is_bearer && mechanism == SCRAM_UNKNOWN) {
        return ERROR_UNSUPPORTED;
    }
    if (is_bearer ? options->token == NULL : options->user == NULL || options->password == NULL) {
        return ERROR_INVALID;
    }
    client = check_alloc_zero(sizeof *client);
    client->mechanism = mechanism;
    client->is_plain = is_plain;
    client->is_bearer = is_bearer;
    client->is_token = options->is_token;
    client->user = copy_text(is_bearer ? "" : options->user);
    client->password = copy_text(is_bearer ? options->token : options->password);
    *out_client = client;
    return ERROR_NONE;
}

void sasl_login_free(struct sasl_login *client)
{
    if (client != NULL) {
        free_secret(client->password);
        free_secret(client->message);
        free(client->user);
        free(client->bare);
        OPENSSL_cleanse(client, sizeof *client);
        free(client);
    }
}

/* ---- PLAIN and OAUTHBEARER: one message says it all ---- */

static struct string say_plain(struct sasl_login *client)
{
    size_t user_length = strlen(client->user);
    size_t password_length = strlen(client->password);

    client->message = check_alloc(user_length + password_length + 3);
    client->message[0] = '\0';
    memcpy(client->message + 1, client->user, user_length + 1);
    memcpy(client->message + user_length + 2, client->password, password_length + 1);
    return (struct string){client->message, (int32_t)(user_length + password_length + 2)};
}

static struct string say_bearer(struct sasl_login *client)
{
    size_t size = strlen(client->password) + 32;

    client->message = check_alloc(size);
    (void)snprintf(client->message, size,
                   "n,,\x01"
                   "auth=Bearer %s\x01\x01",
                   client->password);
    return string_from(client->message);
}

/* ---- SCRAM ---- */

static char *escape(const char *name)
{
    char *text = check_alloc(3 * strlen(name) + 1);
    char *to = text;

    for (const char *from = name; *from != '\0'; from++) {
        if (*from == ',' || *from == '=') {
            memcpy(to, *from == ',' ? "=2C" : "=3D", 3);
            to += 3;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
    return text;
}

static struct string say_first(struct sasl_login *client)
{
    uint8_t random[NONCE_BYTES];
    char *name = escape(client->user);
    size_t size = strlen(name) + NONCE_TEXT_BYTES + 32;

    CHECK(RAND_bytes(random, sizeof random) == 1);
    (void)EVP_EncodeBlock((unsigned char *)client->nonce, random, sizeof random);
    client->bare = check_alloc(size);
    (void)snprintf(client->bare, size, "n=%s,r=%s%s", name, client->nonce,
                   client->is_token ? ",tokenauth=true" : "");
    free(name);
    client->message = check_alloc(size + 3);
    (void)snprintf(client->message, size + 3, "n,,%s", client->bare);
    return string_from(client->message);
}

struct challenge {
    char nonce[512];
    char salt[512];
    int iterations;
};

static bool parse_challenge(const struct sasl_login *client, const char *text,
                            struct challenge *challenge)
{
    char end;

    /* NOLINTNEXTLINE(cert-err34-c): nine digits fit. */
    return sscanf(text, "r=%511[^,],s=%511[^,],i=%9d%c", challenge->nonce, challenge->salt,
                  &challenge->iterations, &end) == 3 &&
           strncmp(challenge->nonce, client->nonce, NONCE_TEXT_BYTES) == 0 &&
           strlen(challenge->nonce) > NONCE_TEXT_BYTES &&
           challenge->iterations >= SCRAM_ITERATIONS_MIN && challenge->iterations <= ITERATIONS_MAX;
}

static int32_t decode(const char *text, uint8_t *out, size_t size)
{
    unsigned char bytes[512];
    size_t length = strlen(text);
    int32_t padding = 0;
    int32_t count;

    if (length == 0 || length % 4 != 0 || length / 4 * 3 > sizeof bytes) {
        return -1;
    }
    while (padding < 2 && text[length - 1 - (size_t)padding] == '=') {
        padding++;
    }
    count = EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)length) - padding;
    if (count < 1 || (size_t)count > size) {
        return -1;
    }
    memcpy(out, bytes, (size_t)count);
    return count;
}

struct keys {
    const EVP_MD *digest;
    int bytes;
    uint8_t client[SCRAM_KEY_BYTES_MAX];
    uint8_t stored[SCRAM_KEY_BYTES_MAX];
    uint8_t server[SCRAM_KEY_BYTES_MAX];
};

static void keyed(const struct keys *keys, const uint8_t *key, const char *text, uint8_t *out)
{
    unsigned length = 0;

    CHECK(HMAC(keys->digest, key, keys->bytes, (const unsigned char *)text, strlen(text), out,
               &length) != NULL);
}

static enum error make_keys(const struct sasl_login *client, const struct challenge *challenge,
                            struct keys *keys)
{
    uint8_t salt[512];
    uint8_t salted[SCRAM_KEY_BYTES_MAX];
    int32_t salt_length = decode(challenge->salt, salt, sizeof salt);

    keys->digest = client->mechanism == SCRAM_SHA_512 ? EVP_sha512() : EVP_sha256();
    keys->bytes = credential_key_bytes(client->mechanism);
    if (salt_length < 1 ||
        PKCS5_PBKDF2_HMAC(client->password, (int)strlen(client->password), salt, salt_length,
                          challenge->iterations, keys->digest, keys->bytes, salted) != 1) {
        return ERROR_MALFORMED;
    }
    keyed(keys, salted, "Client Key", keys->client);
    keyed(keys, salted, "Server Key", keys->server);
    CHECK(EVP_Digest(keys->client, (size_t)keys->bytes, keys->stored, NULL, keys->digest, NULL) ==
          1);
    OPENSSL_cleanse(salted, sizeof salted);
    return ERROR_NONE;
}

static struct string prove(struct sasl_login *client, const struct keys *keys,
                           const char *server_first, const char *nonce)
{
    size_t size = strlen(client->bare) + strlen(server_first) + strlen(nonce) + 256;
    char *authentication = check_alloc(size);
    char proof_text[4 * (SCRAM_KEY_BYTES_MAX / 3 + 1) + 1];
    uint8_t proof[SCRAM_KEY_BYTES_MAX];

    (void)snprintf(authentication, size, "%s,%s,c=biws,r=%s", client->bare, server_first, nonce);
    keyed(keys, keys->stored, authentication, proof);
    for (int i = 0; i < keys->bytes; i++) {
        proof[i] ^= keys->client[i];
    }
    keyed(keys, keys->server, authentication, client->server_signature);
    (void)EVP_EncodeBlock((unsigned char *)proof_text, proof, keys->bytes);
    free_secret(client->message);
    client->message = authentication;
    (void)snprintf(client->message, size, "c=biws,r=%s,p=%s", nonce, proof_text);
    return string_from(client->message);
}

static enum error say_proof(struct sasl_login *client, struct string server_first,
                            struct string *out_message)
{
    struct challenge challenge;
    struct keys keys;
    char text[MESSAGE_BYTES_MAX];
    enum error error;

    if ((size_t)server_first.length >= sizeof text) {
        return ERROR_MALFORMED;
    }
    (void)snprintf(text, sizeof text, "%.*s", STRING_ARGUMENTS(server_first));
    if (!parse_challenge(client, text, &challenge)) {
        return ERROR_MALFORMED;
    }
    error = make_keys(client, &challenge, &keys);
    if (error == ERROR_NONE) {
        *out_message = prove(client, &keys, text, challenge.nonce);
        client->step = CHECKS_SERVER;
    }
    OPENSSL_cleanse(&keys, sizeof keys);
    return error;
}

static enum error check_server(struct sasl_login *client, struct string server_final)
{
    uint8_t signature[SCRAM_KEY_BYTES_MAX];
    char text[512];

    if (server_final.length < 2 || (size_t)server_final.length >= sizeof text ||
        memcmp(server_final.bytes, "v=", 2) != 0) {
        return ERROR_MALFORMED;
    }
    (void)snprintf(text, sizeof text, "%.*s", server_final.length - 2, server_final.bytes + 2);
    if (decode(text, signature, sizeof signature) != credential_key_bytes(client->mechanism) ||
        CRYPTO_memcmp(signature, client->server_signature,
                      (size_t)credential_key_bytes(client->mechanism)) != 0) {
        return ERROR_INVALID;
    }
    client->step = SAYS_NOTHING;
    return ERROR_NONE;
}

enum error sasl_login_step(struct sasl_login *client, struct string challenge,
                           struct string *out_message)
{
    *out_message = STRING_NULL;
    switch (client->step) {
    case SAYS_FIRST:
        client->step = client->is_plain || client->is_bearer ? SAYS_NOTHING : SAYS_PROOF;
        *out_message = client->is_plain    ? say_plain(client)
                       : client->is_bearer ? say_bearer(client)
                                           : say_first(client);
        return ERROR_NONE;
    case SAYS_PROOF: return say_proof(client, challenge, out_message);
    case CHECKS_SERVER: return check_server(client, challenge);
    case SAYS_NOTHING: break;
    }
    if (challenge.length > 0 && client->is_bearer) {
        *out_message = STRING("\x01"); /* it said why not, and waits for this to say so aloud */
    }
    return ERROR_NONE;
}
