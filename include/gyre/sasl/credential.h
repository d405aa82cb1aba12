/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a region keeps to check a password: never the password. Salt, iterations and two keys of
 * RFC 5802, for each user and hash. Native PLAIN is checked against the same keys.
 *
 * Thread: any (values only).
 */
#ifndef GYRE_SASL_CREDENTIAL_H
#define GYRE_SASL_CREDENTIAL_H

#include <stdint.h>

#include "gyre/base/bytes.h"

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

#endif
