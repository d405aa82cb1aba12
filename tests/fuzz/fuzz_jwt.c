/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hostile tokens and sets of keys. By its first byte the input is a token, a set of keys, or claims
 * that are signed here with a key that the verifier trusts: nothing but these may be accepted.
 *
 * Of those claims every SIGNED_ONE_IN-th input is signed and verified indeed; for the others the
 * verifier is told that the signature, which is the same for all, is right. Everybody else's
 * signature is always verified.
 */
#include <jansson.h>
#include <jose/b64.h>
#include <jose/jwk.h>
#include <jose/jws.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/base/check.h"
#include "gyre/base/crc32c.h"

#include "jwks.h"
#include "jwt.h"

enum { NOW_MS = 1700000000, TOKEN_BYTES_MAX = 2 * JWT_BYTES_MAX, SIGNED_ONE_IN = 64 };

static const struct jwt_policy policy = {
    .skew_ms = 30000,
    .subject_claim = {"sub", 3},
    .scope_claim = {"scope", 5},
    .groups_claim = {"groups", 6},
};

static json_t *signer;
static struct jwks *keys;
static bool is_taken_for_right; /* the signature that is verified next */

/* The linker's names for whom the code under test calls, and for whom it would have called. */
bool __wrap_jose_jws_ver(jose_cfg_t *config, const json_t *jws, const json_t *signature,
                         const json_t *key, bool all);
bool __real_jose_jws_ver(jose_cfg_t *config, const json_t *jws, const json_t *signature,
                         const json_t *key, bool all);

bool __wrap_jose_jws_ver(jose_cfg_t *config, const json_t *jws, const json_t *signature,
                         const json_t *key, bool all)
{
    return is_taken_for_right || __real_jose_jws_ver(config, jws, signature, key, all);
}

static void make_keys(void)
{
    json_t *document;
    json_t *public;
    char *text;

    signer = json_pack("{s:s,s:s}", "kty", "EC", "crv", "P-256");
    CHECK(jose_jwk_gen(NULL, signer));
    public = json_deep_copy(signer);
    CHECK(jose_jwk_pub(NULL, public));
    document = json_pack("{s:[o]}", "keys", public);
    text = json_dumps(document, JSON_COMPACT);
    CHECK(jwks_parse(text, strlen(text), &keys) == ERROR_NONE);
    free(text);
    json_decref(document);
}

static enum error verify(struct string token, const struct jwks *with)
{
    struct jwt_claims claims = {0};
    const char *reason = NULL;
    enum error error = jwt_verify(token, with, &policy, NOW_MS, &claims, &reason);

    CHECK((error == ERROR_NONE) == (reason == NULL));
    CHECK(error != ERROR_NONE || claims.subject != NULL);
    jwt_claims_release(&claims);
    return error;
}

static void verify_signed(const uint8_t *bytes, size_t size)
{
    static char token[TOKEN_BYTES_MAX];
    json_t *jws = json_pack("{s:o}", "payload", jose_b64_enc(bytes, size));
    json_t *signature = json_pack("{s:{s:s}}", "protected", "alg", "ES256");

    if (jws != NULL && jose_jws_sig(NULL, jws, signature, signer)) {
        (void)snprintf(token, sizeof token, "%s.%s.%s",
                       json_string_value(json_object_get(jws, "protected")),
                       json_string_value(json_object_get(jws, "payload")),
                       json_string_value(json_object_get(jws, "signature")));
        (void)verify(string_from(token), keys);
    }
    json_decref(jws);
    json_decref(signature);
}

static void verify_as_if_signed(const uint8_t *bytes, size_t size)
{
    static char token[TOKEN_BYTES_MAX];
    json_t *payload = jose_b64_enc(bytes, size);

    if (payload != NULL) {
        (void)snprintf(token, sizeof token, "eyJhbGciOiJFUzI1NiJ9.%s.AAAA",
                       json_string_value(payload));
        is_taken_for_right = true;
        (void)verify(string_from(token), keys);
        is_taken_for_right = false;
    }
    json_decref(payload);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct jwks *others = NULL;

    if (keys == NULL) {
        make_keys();
    }
    if (size < 1 || size > JWT_BYTES_MAX) {
        return 0;
    }
    switch (bytes[0] % 3) {
    case 0:
        CHECK(verify((struct string){(const char *)bytes + 1, (int32_t)size - 1}, keys) !=
              ERROR_NONE);
        break;
    case 1:
        if (jwks_parse((const char *)bytes + 1, size - 1, &others) == ERROR_NONE) {
            (void)verify(STRING("eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.AAAA"), others);
            jwks_unref(others);
        }
        break;
    default:
        (crc32c(bytes, size) % SIGNED_ONE_IN == 0 ? verify_signed : verify_as_if_signed)(bytes + 1,
                                                                                         size - 1);
        break;
    }
    return 0;
}
