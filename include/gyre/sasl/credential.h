/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a region keeps to check a password: never the password. Salt, iterations and two keys of
 * RFC 5802, for each user and hash. Native PLAIN is checked against the same keys.
 *
 * Thread: any.
 */
#ifndef GYRE_SASL_CREDENTIAL_H
#define GYRE_SASL_CREDENTIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/base/bytes.h"
#include "gyre/base/error.h"

/* Kafka's numbers (ScramMechanism). */
enum scram_mechanism {
    SCRAM_UNKNOWN = 0,
    SCRAM_SHA_256 = 1,
    SCRAM_SHA_512 = 2,
};

enum {
    SCRAM_KEY_BYTES_MAX = 64,
    SCRAM_SALT_BYTES_MAX = 64,
    SCRAM_SALT_BYTES_MIN = 8,
    SCRAM_ITERATIONS_MIN = 4096,
    SCRAM_ITERATIONS_MAX = 16384,
    DELEGATION_TOKEN_HMAC_BYTES = 64,
};

struct scram_credential {
    enum scram_mechanism mechanism;
    int32_t iterations;
    uint8_t salt[SCRAM_SALT_BYTES_MAX];
    int32_t salt_length;
    uint8_t stored_key[SCRAM_KEY_BYTES_MAX]; /* as long as the hash: 32 or 64 */
    uint8_t server_key[SCRAM_KEY_BYTES_MAX];
    uint64_t version; /* of this user's credential: grows with every change, never 0 */
};

/* What a stranger is told of a credential, besides the salt's bytes. */
struct scram_shape {
    int32_t iterations;
    int32_t salt_length;
    bool is_text; /* the salt is digits and small letters, as Kafka's tools make it */
};

/* A delegation token (KIP-48). Its password is the base64 text of its hmac. */
struct delegation_token {
    struct string id;
    struct string owner;           /* "User:alice": whom it stands for */
    struct string requester;       /* who made it */
    const struct string *renewers; /* principals */
    int32_t renewer_count;
    int64_t issued_ms;
    int64_t expires_ms;
    int64_t limit_ms; /* it cannot be renewed beyond */
};

/* "SCRAM-SHA-256", ... UNKNOWN for other names. */
enum scram_mechanism credential_mechanism(struct string name);
const char *credential_mechanism_name(enum scram_mechanism mechanism); /* static */
int32_t credential_key_bytes(enum scram_mechanism mechanism);          /* 0: unknown */

/* Fill in both keys; mechanism, iterations and salt are set. The first starts from RFC 5802's
 * SaltedPassword, as AlterUserScramCredentials carries it; the second from the password, which
 * takes milliseconds: never on a loop. INVALID: unknown mechanism, a length that cannot be. */
MUST_USE
enum error credential_set_keys(struct scram_credential *credential, struct bytes salted_password);
MUST_USE
enum error credential_set_password(struct scram_credential *credential, struct string password);

/* HMAC-SHA-512 of the token's id under delegation.token.secret.key. INVALID: no secret. */
MUST_USE
enum error credential_token_hmac(struct string secret, struct string id,
                                 uint8_t out_hmac[DELEGATION_TOKEN_HMAC_BYTES]);

#endif
