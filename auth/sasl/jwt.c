/* SPDX-License-Identifier: Apache-2.0 */
#include "jwt.h"

#include <jansson.h>
#include <jose/b64.h>
#include <jose/jws.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "jwks.h"

enum { RSA_BYTES_MIN = 256 };

/* What a signature may be made with, and the kind of its key. */
static const struct {
    const char *name;
    const char *key_type;
} algorithms[] = {
    {"RS256", "RSA"}, {"RS384", "RSA"}, {"RS512", "RSA"}, {"PS256", "RSA"},
    {"PS384", "RSA"}, {"PS512", "RSA"}, {"ES256", "EC"},  {"ES384", "EC"},
};

struct parts {
    struct string header;
    struct string payload;
    struct string signature;
};

/* ---- taking it apart ---- */

static bool split(struct string token, struct parts *parts)
{
    const char *first = memchr(token.bytes, '.', (size_t)token.length);
    const char *end = token.bytes + token.length;
    const char *second = first == NULL ? NULL : memchr(first + 1, '.', (size_t)(end - first) - 1);

    if (second == NULL || memchr(second + 1, '.', (size_t)(end - second) - 1) != NULL) {
        return false;
    }
    parts->header = (struct string){token.bytes, (int32_t)(first - token.bytes)};
    parts->payload = (struct string){first + 1, (int32_t)(second - first) - 1};
    parts->signature = (struct string){second + 1, (int32_t)(end - second) - 1};
    return parts->header.length > 0 && parts->payload.length > 0 && parts->signature.length > 0;
}

/* NULL: no base64url, or no JSON object in it. */
static json_t *decode_object(struct string part)
{
    char *text = check_alloc((size_t)part.length + 1);
    size_t length = jose_b64_dec_buf(part.bytes, (size_t)part.length, text, (size_t)part.length);
    json_t *object =
        length == SIZE_MAX ? NULL : json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);

    free(text);
    if (!json_is_object(object)) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

/* ---- the signature ---- */

static const char *find_key_type(const char *algorithm)
{
    for (size_t i = 0; algorithm != NULL && i < sizeof algorithms / sizeof algorithms[0]; i++) {
        if (strcmp(algorithm, algorithms[i].name) == 0) {
            return algorithms[i].key_type;
        }
    }
    return NULL;
}

static bool is_usable(const json_t *key, const char *key_type, const char *algorithm)
{
    const char *own_algorithm = text_of(key, "alg");
    const char *use = text_of(key, "use");
    const char *type = text_of(key, "kty");

    if (type == NULL || strcmp(type, key_type) != 0 ||
        (own_algorithm != NULL && strcmp(own_algorithm, algorithm) != 0) ||
        (use != NULL && strcmp(use, "sig") != 0)) {
        return false;
    }
    if (strcmp(type, "RSA") == 0) {
        size_t bytes = jose_b64_dec(json_object_get(key, "n"), NULL, 0);

        return bytes != SIZE_MAX && bytes >= RSA_BYTES_MIN;
    }
    return true;
}

static void be_silent(void *context, const char *file, int line, uint64_t code, const char *format,
                      va_list arguments)
{
    (void)context;
    (void)file;
    (void)line;
    (void)code;
    (void)format;
    (void)arguments;
}

static bool is_signed_with(const struct parts *parts, const json_t *key)
{
    json_t *jws = json_pack("{s:s%,s:s%,s:s%}", "protected", parts->header.bytes,
                            (size_t)parts->header.length, "payload", parts->payload.bytes,
                            (size_t)parts->payload.length, "signature", parts->signature.bytes,
                            (size_t)parts->signature.length);
    jose_cfg_t *quiet = jose_cfg();
    bool is_right;

    CHECK(quiet != NULL);
    jose_cfg_set_err_func(quiet, be_silent, NULL);
    is_right = jws != NULL && jose_jws_ver(quiet, jws, NULL, key, false);
    jose_cfg_decref(quiet);
    json_decref(jws);
    return is_right;
}

static enum error check_with_keys(const struct parts *parts, const json_t *header,
                                  const struct jwks *keys, const char *key_type,
                                  const char **out_reason)
{
    const char *kid = text_of(header, "kid");
    bool is_named = false;
    size_t index;
    json_t *key;

    json_array_foreach(keys->keys, index, key)
    {
        const char *own = text_of(key, "kid");

        if (kid != NULL && (own == NULL || strcmp(own, kid) != 0)) {
            continue;
        }
        is_named = true;
        if (is_usable(key, key_type, text_of(header, "alg")) && is_signed_with(parts, key)) {
            return ERROR_NONE;
        }
    }
    *out_reason = is_named ? "the signature is wrong" : "no key with this id is known";
    return is_named ? ERROR_INVALID : ERROR_NOT_FOUND;
}

static enum error check_signature(const struct parts *parts, const struct jwks *keys,
                                  const char **out_reason)
{
    json_t *header = decode_object(parts->header);
    const char *key_type = find_key_type(text_of(header, "alg"));
    enum error error = ERROR_INVALID;

    if (header == NULL) {
        *out_reason = "its header is not JSON";
    } else if (key_type == NULL) {
        *out_reason = "its algorithm is not allowed";
    } else if (json_object_get(header, "crit") != NULL || json_object_get(header, "jku") != NULL ||
               json_object_get(header, "x5u") != NULL || json_object_get(header, "jwk") != NULL ||
               json_object_get(header, "b64") != NULL) {
        *out_reason = "its header asks for what is not done here";
    } else {
        error = check_with_keys(parts, header, keys, key_type, out_reason);
    }
    json_decref(header);
    return error;
}

/* ---- the claims ---- */

/* Seconds since 1970, which may have a fraction. False: not there or not a time. */
static bool take_time(const json_t *claims, const char *name, int64_t *out_ms)
{
    const json_t *value = json_object_get(claims, name);
    double seconds = json_number_value(value);

    if (!json_is_number(value) || !isfinite(seconds) || seconds < 0 || seconds > 1e12) {
        return false;
    }
    *out_ms = (int64_t)(seconds * 1000);
    return true;
}

static const char *check_times(const json_t *claims, const struct jwt_policy *policy,
                               int64_t now_ms, int64_t *out_expires_ms)
{
    int64_t time_ms;

    if (!take_time(claims, "exp", out_expires_ms)) {
        return "it has no time of expiry";
    }
    if (*out_expires_ms + policy->skew_ms <= now_ms) {
        return "it has expired";
    }
    if (json_object_get(claims, "nbf") != NULL &&
        (!take_time(claims, "nbf", &time_ms) || time_ms - policy->skew_ms > now_ms)) {
        return "it is not valid yet";
    }
    if (json_object_get(claims, "iat") != NULL &&
        (!take_time(claims, "iat", &time_ms) || time_ms - policy->skew_ms > now_ms)) {
        return "it was issued in the future";
    }
    return NULL;
}

static bool is_expected(const json_t *audience, const struct jwt_policy *policy)
{
    const char *text = json_string_value(audience);

    for (int32_t i = 0; text != NULL && i < policy->audience_count; i++) {
        if (string_is(policy->audiences[i], text)) {
            return true;
        }
    }
    return false;
}

static bool has_audience(const json_t *claims, const struct jwt_policy *policy)
{
    const json_t *audience = json_object_get(claims, "aud");
    size_t index;
    json_t *one;

    if (policy->audience_count == 0 || is_expected(audience, policy)) {
        return true;
    }
    json_array_foreach(audience, index, one)
    {
        if (is_expected(one, policy)) {
            return true;
        }
    }
    return false;
}

static bool has_issuer(const json_t *claims, const struct jwt_policy *policy)
{
    const char *issuer = text_of(claims, "iss");

    return policy->issuer.bytes == NULL || (issuer != NULL && string_is(policy->issuer, issuer));
}

/* Text, or a list of texts; NULL if the name is null. */
static json_t *find_claim(const json_t *claims, struct string name)
{
    return name.bytes == NULL ? NULL : json_object_getn(claims, name.bytes, (size_t)name.length);
}

static bool is_text_or_list(const json_t *value)
{
    size_t index;
    json_t *one;

    if (json_is_string(value)) {
        return true;
    }
    json_array_foreach(value, index, one)
    {
        if (!json_is_string(one)) {
            return false;
        }
    }
    return json_is_array(value);
}

static char *copy_name(const json_t *value)
{
    const char *text = json_string_value(value);

    if (text == NULL || *text == '\0' || strlen(text) != json_string_length(value) ||
        strlen(text) > JWT_NAME_BYTES_MAX) {
        return NULL;
    }
    return strdup(text);
}

static const char *take_groups(const json_t *value, struct jwt_claims *out_claims)
{
    size_t count = json_is_string(value) ? 1 : json_array_size(value);

    if (value == NULL) {
        return NULL;
    }
    if (!is_text_or_list(value) || count > JWT_GROUPS_MAX) {
        return "its groups are not a list of names";
    }
    out_claims->groups = check_alloc_zero((count + 1) * sizeof *out_claims->groups);
    for (size_t i = 0; i < count; i++) {
        char *name = copy_name(json_is_string(value) ? value : json_array_get(value, i));

        if (name == NULL) {
            return "a group has no possible name";
        }
        out_claims->groups[out_claims->group_count++] = name;
    }
    return NULL;
}

static const char *take_claims(const json_t *claims, const struct jwt_policy *policy,
                               struct jwt_claims *out_claims)
{
    const json_t *scope = find_claim(claims, policy->scope_claim);

    if (!has_audience(claims, policy)) {
        return "it is meant for another audience";
    }
    if (!has_issuer(claims, policy)) {
        return "it comes from another issuer";
    }
    if (scope != NULL && !is_text_or_list(scope)) {
        return "its scope is neither text nor a list";
    }
    out_claims->subject = copy_name(find_claim(claims, policy->subject_claim));
    if (out_claims->subject == NULL) {
        return "it names nobody";
    }
    return take_groups(find_claim(claims, policy->groups_claim), out_claims);
}

void jwt_claims_release(struct jwt_claims *claims)
{
    for (int32_t i = 0; i < claims->group_count; i++) {
        free(claims->groups[i]);
    }
    free(claims->groups);
    free(claims->subject);
    *claims = (struct jwt_claims){0};
}

enum error jwt_verify(struct string token, const struct jwks *keys, const struct jwt_policy *policy,
                      int64_t now_ms, struct jwt_claims *out_claims, const char **out_reason)
{
    struct jwt_claims found = {0};
    struct parts parts;
    json_t *claims;
    enum error error;

    if (token.length <= 0 || token.length > JWT_BYTES_MAX || !split(token, &parts)) {
        *out_reason = "it is not three parts";
        return ERROR_INVALID;
    }
    error = check_signature(&parts, keys, out_reason);
    if (error != ERROR_NONE) {
        return error;
    }
    claims = decode_object(parts.payload);
    *out_reason = claims == NULL ? "its claims are not JSON"
                                 : check_times(claims, policy, now_ms, &found.expires_ms);
    if (*out_reason == NULL) {
        *out_reason = take_claims(claims, policy, &found);
    }
    json_decref(claims);
    if (*out_reason != NULL) {
        jwt_claims_release(&found);
        return ERROR_INVALID;
    }
    *out_claims = found;
    return ERROR_NONE;
}
