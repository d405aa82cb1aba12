/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hostile messages to each mechanism. The input: a byte for the mechanism, then messages, each
 * behind two bytes of length; in a message the byte 2 stands for the nonce that the server chose.
 * Whoever does not know a password must not come in.
 *
 * A password becomes a key in few rounds here, on the server's side as on the side of who checks:
 * thousands of them are most of the time, and all the same to every line of ours.
 */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "support/sasl_fixture.h"

enum { MESSAGE_BYTES_MAX = 70000, ROUNDS = 2 };

/* The linker's names for whom the code under test calls, and for whom it would have called. */
int __wrap_PKCS5_PBKDF2_HMAC(const char *password, int password_length, const unsigned char *salt,
                             int salt_length, int rounds, const EVP_MD *digest, int key_length,
                             unsigned char *out_key);
int __real_PKCS5_PBKDF2_HMAC(const char *password, int password_length, const unsigned char *salt,
                             int salt_length, int rounds, const EVP_MD *digest, int key_length,
                             unsigned char *out_key);

int __wrap_PKCS5_PBKDF2_HMAC(const char *password, int password_length, const unsigned char *salt,
                             int salt_length, int rounds, const EVP_MD *digest, int key_length,
                             unsigned char *out_key)
{
    CHECK(rounds >= SCRAM_ITERATIONS_MIN);
    return __real_PKCS5_PBKDF2_HMAC(password, password_length, salt, salt_length, ROUNDS, digest,
                                    key_length, out_key);
}

static const char *const mechanisms[] = {"SCRAM-SHA-256", "SCRAM-SHA-512", "SCRAM-SHA-256",
                                         "SCRAM-SHA-512", "OAUTHBEARER",   "OAUTHBEARER",
                                         "OAUTHBEARER",   "PLAIN"};

static struct sasl_fixture *get_fixture(void)
{
    static const char *const overrides[] = {
        "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
        "sasl.oauthbearer.jwks.endpoint.url=file:///nonexistent"};
    static struct sasl_fixture *fixture;

    if (fixture == NULL) {
        fixture = check_alloc(sizeof *fixture);
        sasl_fixture_init(fixture, overrides, 2);
    }
    return fixture;
}

/* The message with the nonce of the server's last answer in it. */
static struct string fill(const struct sasl_fixture *fixture, const uint8_t *bytes, size_t length,
                          char *out_text)
{
    const char *end = strchr(fixture->answer, ',');
    size_t nonce_length = 0;
    size_t used = 0;

    if (strncmp(fixture->answer, "r=", 2) == 0 && end != NULL) {
        nonce_length = (size_t)(end - fixture->answer) - 2;
    }
    for (size_t i = 0; i < length && used + nonce_length < MESSAGE_BYTES_MAX; i++) {
        if (bytes[i] == 2) {
            memcpy(out_text + used, fixture->answer + 2, nonce_length);
            used += nonce_length;
        } else {
            out_text[used++] = (char)bytes[i];
        }
    }
    return (struct string){out_text, (int32_t)used};
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static char text[MESSAGE_BYTES_MAX];
    struct sasl_fixture *fixture = get_fixture();
    const uint8_t *at = bytes + 1;

    if (size < 1) {
        return 0;
    }
    CHECK(sasl_fixture_begin(fixture, mechanisms[bytes[0] % 8]));
    fixture->answer[0] = '\0';
    fixture->state = SASL_MORE;
    while (fixture->state == SASL_MORE && bytes + size - at >= 2) {
        size_t left = (size_t)(bytes + size - at) - 2;
        size_t length = (size_t)at[0] + ((size_t)at[1] << 8);
        struct string message;

        length = length < left ? length : left;
        message = fill(fixture, at + 2, length, text);
        at += 2 + length;
        sasl_fixture_step(fixture, message);
        CHECK(fixture->state != SASL_DONE || memmem(bytes, size, "pencil", 6) != NULL ||
              memmem(bytes, size, "pa,ss=word", 10) != NULL);
    }
    fixture->clock.now_us += 1000;
    return 0;
}
