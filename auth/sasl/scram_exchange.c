/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SCRAM-SHA-256 and SCRAM-SHA-512 (RFC 5802, RFC 7677), and delegation tokens, which ride on them
 * with tokenauth=true (KIP-48).
 *
 *     FIRST --client-first--> [TOKEN: keys on the pool] --service-first--> FINAL --> done
 *
 * Who does not exist gets as far as who does: a challenge, then "invalid credentials". Everything
 * is computed for both. The client's nonce is compared as Kafka does, by its end: librdkafka before
 * 2.6.1 sends its own part twice.
 */
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/config/config.h"

#include "sasl_mechanism.h"
#include "sasl_service_state.h"
#include "scram_message.h"

enum { NONCE_BYTES = 24, NONCE_TEXT_BYTES = 32, TOKEN_TEXT_BYTES = 4 * 24 };

enum step { EXPECTS_FIRST, EXPECTS_FINAL };

struct scram_exchange {
    struct sasl_exchange exchange;
    enum scram_mechanism mechanism;
    enum step step;
    struct scram_credential credential;
    bool is_known;
    bool is_token;
    char *user; /* owned; of a token: its id */
    int32_t user_length;
    char *owner; /* owned; of a token: the principal that it stands for */
    int32_t owner_length;
    int64_t expires_ms;
    char *transcript; /* owned: client-first-bare "," service-first */
    int32_t transcript_length;
    struct string server_first; /* in it */
    struct string nonce;        /* in it: the client's part and ours */
    char *gs2_text;             /* owned: base64 of the header of the first message */
};

static struct scram_exchange *of(struct sasl_exchange *exchange)
{
    return CONTAINER_OF(exchange, struct scram_exchange, exchange);
}

static struct keyed_hash *hash_of(const struct scram_exchange *self)
{
    struct sasl_service *service = self->exchange.service;

    return self->mechanism == SCRAM_SHA_512 ? &service->sha_512 : &service->sha_256;
}

static char *copy_text(struct string text)
{
    char *copy = check_alloc((size_t)text.length + 1);

    memcpy(copy, text.bytes, (size_t)text.length);
    copy[text.length] = '\0';
    return copy;
}

static char *encode_base64(const void *bytes, int32_t length)
{
    char *text = check_alloc(4 * ((size_t)length / 3 + 1) + 1);

    (void)EVP_EncodeBlock((unsigned char *)text, bytes, length);
    return text;
}

/* ---- the first message ---- */

static void challenge(struct scram_exchange *self, struct string bare, struct string client_nonce)
{
    uint8_t random[NONCE_BYTES];
    char server_nonce[NONCE_TEXT_BYTES + 1];
    char salt[4 * (SCRAM_SALT_BYTES_MAX / 3 + 1) + 1];
    size_t size = (size_t)bare.length + (size_t)client_nonce.length + sizeof salt + 96;
    int length;

    CHECK(RAND_bytes(random, sizeof random) == 1);
    (void)EVP_EncodeBlock((unsigned char *)server_nonce, random, sizeof random);
    (void)EVP_EncodeBlock((unsigned char *)salt, self->credential.salt,
                          self->credential.salt_length);
    self->transcript = check_alloc(size);
    length = snprintf(self->transcript, size, "%.*s,r=%.*s%s,s=%s,i=%d", STRING_ARGUMENTS(bare),
                      STRING_ARGUMENTS(client_nonce), server_nonce, salt,
                      (int)self->credential.iterations);
    CHECK(length > 0 && (size_t)length < size);
    self->transcript_length = length;
    self->server_first =
        (struct string){self->transcript + bare.length + 1, length - bare.length - 1};
    self->nonce = (struct string){self->server_first.bytes + 2,
                                  client_nonce.length + (int32_t)strlen(server_nonce)};
    self->step = EXPECTS_FINAL;
    sasl_mechanism_more(&self->exchange, self->server_first);
}

static void make_token_keys(struct work *work)
{
    struct scram_exchange *self = of(CONTAINER_OF(work, struct sasl_exchange, work));
    struct string secret = self->exchange.service->config->delegation_token_secret_key;
    uint8_t hmac[DELEGATION_TOKEN_HMAC_BYTES];
    char text[TOKEN_TEXT_BYTES + 1];
    enum error error =
        credential_token_hmac(secret, (struct string){self->user, self->user_length}, hmac);

    if (error == ERROR_NONE) {
        (void)EVP_EncodeBlock((unsigned char *)text, hmac, sizeof hmac);
        error = credential_set_password(&self->credential, string_from(text));
    }
    if (error != ERROR_NONE) {
        self->is_known = false;
    }
    OPENSSL_cleanse(hmac, sizeof hmac);
    OPENSSL_cleanse(text, sizeof text);
}

/* The first message was kept as the transcript meanwhile. */
static void token_keys_made(struct sasl_exchange *exchange)
{
    struct scram_exchange *self = of(exchange);
    struct scram_client_first message;
    char *kept = self->transcript;
    enum error error =
        scram_message_parse_first((struct string){kept, self->transcript_length}, &message);

    CHECK(error == ERROR_NONE); /* it was, before */
    challenge(self, message.bare, message.nonce);
    free(kept);
}

static void begin_token(struct scram_exchange *self, struct string message)
{
    struct sasl_service *service = self->exchange.service;
    struct string id = {self->user, self->user_length};
    struct delegation_token token;

    if (service->config->delegation_token_secret_key.length <= 0) {
        sasl_mechanism_fail(&self->exchange, "delegation tokens are not enabled");
        return;
    }
    (void)sasl_service_get_scram(service, id, self->mechanism, &self->credential); /* its salt */
    self->is_known = service->credentials.find_token(service->credentials.context, id, &token);
    self->credential.mechanism = self->mechanism;
    self->credential.iterations = SCRAM_ITERATIONS_MIN;
    self->credential.version = 0;
    if (self->is_known) {
        self->owner = copy_text(token.owner);
        self->owner_length = token.owner.length;
        self->expires_ms = token.expires_ms;
        self->is_known = token.expires_ms > clock_wall_ms(service->loop->clock);
    }
    self->transcript = copy_text(message);
    self->transcript_length = message.length;
    sasl_mechanism_compute(&self->exchange, make_token_keys, token_keys_made);
}

static bool take_user(struct scram_exchange *self, const struct scram_client_first *message)
{
    struct string user = message->user;
    struct string authzid = message->authzid;
    int32_t authzid_length = 0;
    char *other;
    bool is_same;

    if (user.length > SASL_USER_BYTES_MAX || authzid.length > SASL_USER_BYTES_MAX) {
        return false;
    }
    self->user = check_alloc((size_t)user.length + 1);
    if (scram_message_unescape(user, self->user, &self->user_length) != ERROR_NONE) {
        return false;
    }
    if (authzid.length == 0) {
        return true;
    }
    other = check_alloc((size_t)authzid.length + 1);
    is_same = scram_message_unescape(authzid, other, &authzid_length) == ERROR_NONE &&
              authzid_length == self->user_length &&
              memcmp(other, self->user, (size_t)authzid_length) == 0;
    free(other);
    return is_same;
}

static void take_first(struct scram_exchange *self, struct string text)
{
    struct sasl_exchange *exchange = &self->exchange;
    struct scram_client_first message;

    if (scram_message_parse_first(text, &message) != ERROR_NONE) {
        sasl_mechanism_fail(exchange, "client-first-message is malformed");
        return;
    }
    if (!take_user(self, &message)) {
        sasl_mechanism_fail(exchange, "user name is impossible, or another than the authzid");
        return;
    }
    self->gs2_text = encode_base64(message.gs2_header.bytes, message.gs2_header.length);
    self->is_token = message.is_token;
    if (self->is_token) {
        begin_token(self, text);
        return;
    }
    self->is_known =
        sasl_service_get_scram(exchange->service, (struct string){self->user, self->user_length},
                               self->mechanism, &self->credential);
    challenge(self, message.bare, message.nonce);
}

/* ---- the last message ---- */

static bool ends_with(struct string text, struct string end)
{
    return text.length >= end.length &&
           memcmp(text.bytes + text.length - end.length, end.bytes, (size_t)end.length) == 0;
}

/* Exactly `length` bytes. */
static bool decode_proof(struct string text, uint8_t *out_proof, int32_t length)
{
    unsigned char bytes[SCRAM_KEY_BYTES_MAX + 3];
    int32_t padding = 0;

    while (padding < 2 && padding < text.length && text.bytes[text.length - 1 - padding] == '=') {
        padding++;
    }
    if (text.length % 4 != 0 || text.length / 4 * 3 - padding != length ||
        EVP_DecodeBlock(bytes, (const unsigned char *)text.bytes, text.length) !=
            text.length / 4 * 3) {
        return false;
    }
    memcpy(out_proof, bytes, (size_t)length);
    return true;
}

static void sign(const struct scram_exchange *self, const uint8_t *key,
                 struct string authentication, uint8_t out_signature[SCRAM_KEY_BYTES_MAX])
{
    struct bytes secret = {(char *)(uintptr_t)key, credential_key_bytes(self->mechanism)};

    keyed_hash_sign(hash_of(self), secret, authentication, out_signature);
}

/* H(proof XOR signature) is the stored key: nothing else can have made it. */
static bool is_proof(const struct scram_exchange *self, struct string authentication,
                     const uint8_t *proof)
{
    int32_t bytes = credential_key_bytes(self->mechanism);
    uint8_t key[SCRAM_KEY_BYTES_MAX];
    uint8_t hash[SCRAM_KEY_BYTES_MAX];
    bool is_right;

    sign(self, self->credential.stored_key, authentication, key);
    for (int32_t i = 0; i < bytes; i++) {
        key[i] ^= proof[i];
    }
    keyed_hash_digest(hash_of(self), (struct string){(const char *)key, bytes}, hash);
    is_right = CRYPTO_memcmp(hash, self->credential.stored_key, (size_t)bytes) == 0;
    OPENSSL_cleanse(key, sizeof key);
    return is_right;
}

/* Groups come with the tokens of OAUTHBEARER alone. Where there are any, those of an owner are not
 * known here: a delegation token must not let through whom his groups would keep out. */
static bool are_groups_of_owners_known(const struct sasl_service *service)
{
    return service->keys == NULL ||
           service->config->gyre_sasl_oauthbearer_groups_claim_name.length <= 0;
}

static void welcome(struct scram_exchange *self, struct string answer)
{
    struct string name = {self->user, self->user_length};
    struct identity_options options = {
        .name = name, .are_groups_known = true, .credential_version = self->credential.version};

    if (self->is_token) {
        const char *colon = memchr(self->owner, ':', (size_t)self->owner_length);
        int32_t type_length = colon == NULL ? 0 : (int32_t)(colon - self->owner);

        options.are_groups_known = are_groups_of_owners_known(self->exchange.service);
        options.token_id = name;
        options.expires_ms = self->expires_ms;
        options.type = (struct string){colon == NULL ? NULL : self->owner, type_length};
        options.name = (struct string){colon == NULL ? self->owner : colon + 1,
                                       self->owner_length - (colon == NULL ? 0 : type_length + 1)};
    }
    sasl_mechanism_succeed(&self->exchange, answer, &options);
}

static void check_proof(struct scram_exchange *self, const struct scram_client_final *message)
{
    uint8_t proof[SCRAM_KEY_BYTES_MAX];
    uint8_t signature[SCRAM_KEY_BYTES_MAX];
    int32_t bytes = credential_key_bytes(self->mechanism);
    size_t size = (size_t)self->transcript_length + 1 + (size_t)message->without_proof.length;
    char *text = check_alloc(size + 1);
    struct string authentication = {text, (int32_t)size};
    char answer[2 + 4 * (SCRAM_KEY_BYTES_MAX / 3 + 1) + 1] = "v=";
    bool is_right;

    memcpy(text, self->transcript, (size_t)self->transcript_length);
    text[self->transcript_length] = ',';
    memcpy(text + self->transcript_length + 1, message->without_proof.bytes,
           (size_t)message->without_proof.length);
    is_right = decode_proof(message->proof, proof, bytes) && is_proof(self, authentication, proof);
    sign(self, self->credential.server_key, authentication, signature);
    free(text);
    if (!is_right || !self->is_known) {
        sasl_mechanism_fail(&self->exchange, "unknown user or wrong password");
        return;
    }
    (void)EVP_EncodeBlock((unsigned char *)answer + 2, signature, bytes);
    welcome(self, string_from(answer));
}

static void take_final(struct scram_exchange *self, struct string text)
{
    struct scram_client_final message;

    if (scram_message_parse_final(text, &message) != ERROR_NONE) {
        sasl_mechanism_fail(&self->exchange, "client-final-message is malformed");
    } else if (!string_is(message.channel, self->gs2_text)) {
        sasl_mechanism_fail(&self->exchange, "channel binding is not the one of the first message");
    } else if (!ends_with(message.nonce, self->nonce)) {
        sasl_mechanism_fail(&self->exchange, "nonce is not ours");
    } else {
        check_proof(self, &message);
    }
}

/* ---- the mechanism ---- */

static void step(struct sasl_exchange *exchange, struct string message)
{
    struct scram_exchange *self = of(exchange);

    if (self->step == EXPECTS_FIRST) {
        take_first(self, message);
    } else {
        take_final(self, message);
    }
}

static void release(struct sasl_exchange *exchange)
{
    struct scram_exchange *self = of(exchange);

    free(self->user);
    free(self->owner);
    free(self->transcript);
    free(self->gs2_text);
}

static struct sasl_exchange *begin(enum scram_mechanism mechanism)
{
    struct scram_exchange *self = check_alloc_zero(sizeof *self);

    self->mechanism = mechanism;
    return &self->exchange;
}

static struct sasl_exchange *begin_256(struct sasl_service *service)
{
    (void)service;
    return begin(SCRAM_SHA_256);
}

static struct sasl_exchange *begin_512(struct sasl_service *service)
{
    (void)service;
    return begin(SCRAM_SHA_512);
}

const struct sasl_mechanism sasl_scram_sha_256 = {.name = "SCRAM-SHA-256",
                                                  .begin = begin_256,
                                                  .step = step,
                                                  .release = release,
                                                  .bytes = sizeof(struct scram_exchange)};
const struct sasl_mechanism sasl_scram_sha_512 = {.name = "SCRAM-SHA-512",
                                                  .begin = begin_512,
                                                  .step = step,
                                                  .release = release,
                                                  .bytes = sizeof(struct scram_exchange)};
