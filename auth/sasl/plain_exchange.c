/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PLAIN (RFC 4616), checked against the keys of SCRAM: whoever knows the password can make them. To
 * make them takes milliseconds and runs on the pool; that a password was right is remembered by a
 * keyed hash of it and the version of the credential.
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/config/config.h"

#include "cyrus.h"
#include "sasl_mechanism.h"
#include "sasl_service_state.h"

enum { PASSWORD_BYTES_MAX = 1024 };

struct plain_exchange {
    struct sasl_exchange exchange;
    struct scram_credential credential;
    bool is_known;
    bool is_right;
    uint8_t mark[SASL_SECRET_BYTES]; /* of user, password and version */
    int32_t user_length;
    int32_t password_length;
    char user[SASL_USER_BYTES_MAX + 1]; /* NUL-terminated, as the next */
    char password[PASSWORD_BYTES_MAX + 1];
};

static struct plain_exchange *of(struct sasl_exchange *exchange)
{
    return CONTAINER_OF(exchange, struct plain_exchange, exchange);
}

static void refuse(struct plain_exchange *self, const char *reason)
{
    sasl_mechanism_fail(&self->exchange, reason);
}

/* [authzid] NUL user NUL password; the authzid is the user, if anybody. */
static bool parse(struct plain_exchange *self, struct string text)
{
    const char *end = text.bytes + text.length;
    const char *user = text.length == 0 ? NULL : memchr(text.bytes, '\0', (size_t)text.length);
    const char *password = user == NULL ? NULL : memchr(user + 1, '\0', (size_t)(end - user) - 1);
    ptrdiff_t authzid_length = user == NULL ? 0 : user - text.bytes;

    if (password == NULL || memchr(password + 1, '\0', (size_t)(end - password) - 1) != NULL) {
        return false;
    }
    user++;
    self->user_length = (int32_t)(password - user);
    password++;
    self->password_length = (int32_t)(end - password);
    if (self->user_length == 0 || self->user_length > SASL_USER_BYTES_MAX ||
        self->password_length == 0 || self->password_length > PASSWORD_BYTES_MAX ||
        (authzid_length != 0 && (authzid_length != self->user_length ||
                                 memcmp(text.bytes, user, (size_t)authzid_length) != 0))) {
        return false;
    }
    memcpy(self->user, user, (size_t)self->user_length);
    memcpy(self->password, password, (size_t)self->password_length);
    return string_is_utf8((struct string){self->user, self->user_length});
}

/* ---- what was right before ---- */

static void make_mark(struct plain_exchange *self)
{
    unsigned char text[sizeof self->user + sizeof self->password + 16];
    const struct sasl_service *service = self->exchange.service;
    size_t length = 0;
    unsigned mark_length = 0;

    memcpy(text, &self->credential.version, 8);
    memcpy(text + 8, &self->user_length, 4);
    memcpy(text + 12, &self->credential.mechanism, 4);
    length = 16;
    memcpy(text + length, self->user, (size_t)self->user_length);
    length += (size_t)self->user_length;
    memcpy(text + length, self->password, (size_t)self->password_length);
    length += (size_t)self->password_length;
    CHECK(HMAC(EVP_sha256(), service->process_key, sizeof service->process_key, text, length,
               self->mark, &mark_length) != NULL);
    OPENSSL_cleanse(text, sizeof text);
}

static uint8_t *place_of(struct plain_exchange *self)
{
    return self->exchange.service->proved[load_be32(self->mark) % SASL_PROVED_MAX];
}

static void welcome(struct plain_exchange *self)
{
    struct identity_options options = {.name = {self->user, self->user_length},
                                       .are_groups_known = true,
                                       .credential_version = self->credential.version};

    sasl_mechanism_succeed(&self->exchange, STRING(""), &options);
}

/* ---- the slow way ---- */

static void derive(struct work *work)
{
    struct plain_exchange *self = of(CONTAINER_OF(work, struct sasl_exchange, work));
    struct scram_credential derived = self->credential;
    enum error error =
        credential_set_password(&derived, (struct string){self->password, self->password_length});

    self->is_right =
        error == ERROR_NONE && CRYPTO_memcmp(derived.stored_key, self->credential.stored_key,
                                             (size_t)credential_key_bytes(derived.mechanism)) == 0;
    OPENSSL_cleanse(&derived, sizeof derived);
}

static void derived(struct sasl_exchange *exchange)
{
    struct plain_exchange *self = of(exchange);

    if (!self->is_right || !self->is_known) {
        refuse(self, "unknown user or wrong password");
        return;
    }
    memcpy(place_of(self), self->mark, sizeof self->mark);
    welcome(self);
}

/* ---- somebody else's passwords ---- */

/* The library trims blanks, and takes what stands behind an "@" for a realm, which directories
 * often ignore: one password would open several names, and a rule for one of them would miss the
 * others. */
static bool is_one_name(struct string user)
{
    for (int32_t i = 0; i < user.length; i++) {
        unsigned char byte = (unsigned char)user.bytes[i];

        if (byte <= ' ' || byte == 0x7f || byte == '@') {
            return false;
        }
    }
    return true;
}

static void ask_saslauthd(struct work *work)
{
    struct plain_exchange *self = of(CONTAINER_OF(work, struct sasl_exchange, work));

    self->is_right = cyrus_is_password("kafka", self->user, self->password);
}

static void saslauthd_answered(struct sasl_exchange *exchange)
{
    struct plain_exchange *self = of(exchange);

    self->credential.version = 0;
    if (self->is_right) {
        welcome(self);
    } else {
        refuse(self, "saslauthd says no");
    }
}

/* ---- the mechanism ---- */

static void step(struct sasl_exchange *exchange, struct string message)
{
    struct plain_exchange *self = of(exchange);
    struct sasl_service *service = exchange->service;
    struct string user;

    if (!parse(self, message)) {
        refuse(self, "message is malformed, or the authzid is another user");
        return;
    }
    user = (struct string){self->user, self->user_length};
    if (string_is(service->config->gyre_sasl_plain_backend, "cyrus")) {
        if (is_one_name(user)) {
            sasl_mechanism_work(exchange, ask_saslauthd, saslauthd_answered);
        } else {
            refuse(self, "the name has a realm or blanks, which a directory may ignore");
        }
        return;
    }
    self->is_known = sasl_service_get_scram(service, user, SCRAM_SHA_256, &self->credential);
    if (!self->is_known) {
        self->is_known = sasl_service_get_scram(service, user, SCRAM_SHA_512, &self->credential);
        if (!self->is_known) {
            (void)sasl_service_get_scram(service, user, SCRAM_SHA_256, &self->credential);
        }
    }
    make_mark(self);
    if (self->is_known && CRYPTO_memcmp(place_of(self), self->mark, sizeof self->mark) == 0) {
        welcome(self);
        return;
    }
    sasl_mechanism_compute(exchange, derive, derived);
}

static void release(struct sasl_exchange *exchange)
{
    (void)exchange; /* passwords lie in the struct, which is cleansed */
}

static struct sasl_exchange *begin(struct sasl_service *service)
{
    struct plain_exchange *self = check_alloc_zero(sizeof *self);

    (void)service;
    return &self->exchange;
}

const struct sasl_mechanism sasl_plain = {.name = "PLAIN",
                                          .begin = begin,
                                          .step = step,
                                          .release = release,
                                          .bytes = sizeof(struct plain_exchange),
                                          .refusal = "Authentication failed: Invalid username "
                                                     "or password"};
