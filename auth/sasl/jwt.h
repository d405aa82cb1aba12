/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A signed token (RFC 7519 in RFC 7515's compact form) and what it says of its bearer. Signatures
 * of RSA and elliptic curves only: a token that names another kind, or where to fetch its key, is
 * refused unseen.
 *
 * Private to sasl/. Thread: any; a verification touches only its arguments.
 */
#ifndef GYRE_SASL_JWT_H
#define GYRE_SASL_JWT_H

#include <stdbool.h>
#include <stdint.h>

#include "gyre/base/bytes.h"
#include "gyre/base/error.h"

struct jwks;

enum {
    JWT_BYTES_MAX = 16 * 1024,
    JWT_GROUPS_MAX = 256,
    JWT_NAME_BYTES_MAX = 512,
};

/* What is asked of a token; borrowed. */
struct jwt_policy {
    const struct string *audiences; /* one of them; none: any */
    int32_t audience_count;
    struct string issuer; /* null: any */
    int64_t skew_ms;
    struct string subject_claim; /* "sub" */
    struct string scope_claim;   /* "scope" */
    struct string groups_claim;  /* null: none */
};

struct jwt_claims {
    char *subject; /* owned, as the groups */
    char **groups;
    int32_t group_count;
    int64_t expires_ms;
};

/* NOT_FOUND: no key of this id is known; it may be newer than our keys. INVALID otherwise, with a
 * static `out_reason` for the log. */
MUST_USE
enum error jwt_verify(struct string token, const struct jwks *keys, const struct jwt_policy *policy,
                      int64_t now_ms, struct jwt_claims *out_claims, const char **out_reason);
void jwt_claims_release(struct jwt_claims *claims);

#endif
