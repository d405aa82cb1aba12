/* SPDX-License-Identifier: Apache-2.0 */
/* A token opens if one of our signers made it, for us, and its time is now; nothing else does. */
#include <jansson.h>
#include <jose/b64.h>
#include <jose/jwk.h>
#include <jose/jws.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/sasl_fixture.h"
#include "support/test.h"

static char keys_path[] = "/tmp/gyre-jwks-XXXXXX";
static char url_option[128];
static json_t *rsa_key;
static json_t *ec_key;
static json_t *weak_key;
static json_t *new_key;

static const char *const issuer_option = "sasl.oauthbearer.expected.issuer=https://issuer";

static json_t *make_key(const char *template, const char *kid)
{
    json_t *key = json_loads(template, 0, NULL);

    assert_true(jose_jwk_gen(NULL, key));
    assert_int_equal(json_object_set_new(key, "kid", json_string(kid)), 0);
    return key;
}

static void write_keys(const json_t *one, const json_t *two, const json_t *three)
{
    const json_t *all[] = {one, two, three};
    json_t *list = json_array();
    json_t *document = json_pack("{s:o}", "keys", list);

    for (int i = 0; i < 3; i++) {
        if (all[i] != NULL) {
            json_t *key = json_deep_copy(all[i]);

            assert_true(jose_jwk_pub(NULL, key));
            (void)json_object_del(key, "key_ops");
            (void)json_array_append_new(list, key);
        }
    }
    assert_int_equal(json_dump_file(document, keys_path, 0), 0);
    json_decref(document);
}

static int make_keys(void **state)
{
    int file = mkstemp(keys_path);

    (void)state;
    assert_true(file >= 0);
    (void)close(file);
    (void)snprintf(url_option, sizeof url_option, "sasl.oauthbearer.jwks.endpoint.url=file://%s",
                   keys_path);
    rsa_key = make_key("{\"kty\":\"RSA\",\"bits\":2048}", "one");
    ec_key = make_key("{\"kty\":\"EC\",\"crv\":\"P-256\"}", "two");
    weak_key = make_key("{\"kty\":\"oct\",\"bytes\":64}", "weak");
    new_key = make_key("{\"kty\":\"EC\",\"crv\":\"P-384\"}", "new");
    write_keys(rsa_key, ec_key, NULL);
    return 0;
}

static int forget_keys(void **state)
{
    (void)state;
    json_decref(rsa_key);
    json_decref(ec_key);
    json_decref(weak_key);
    json_decref(new_key);
    return unlink(keys_path);
}

static void open_fixture(struct sasl_fixture *fixture)
{
    const char *overrides[] = {url_option, issuer_option, "sasl.enabled.mechanisms=OAUTHBEARER",
                               "sasl.oauthbearer.expected.audience=gyre,kafka",
                               "gyre.sasl.oauthbearer.groups.claim.name=groups"};

    sasl_fixture_init(fixture, overrides, 5);
    sasl_fixture_turn(fixture);
}

/* Of this fixture's now. */
static json_t *claims_of(const struct sasl_fixture *fixture)
{
    json_int_t now = (json_int_t)(clock_wall_ms(&fixture->clock.clock) / 1000);

    return json_pack("{s:s,s:s,s:[s,s],s:I,s:I,s:[s,s]}", "sub", "alice", "iss", "https://issuer",
                     "aud", "other", "gyre", "exp", now + 3600, "iat", now, "groups", "ads",
                     "interns");
}

/* Takes the claims and the header. */
static char *sign(json_t *claims, json_t *header, const json_t *key)
{
    char *payload = json_dumps(claims, JSON_COMPACT);
    json_t *encoded = jose_b64_enc(payload, strlen(payload));
    json_t *jws = json_pack("{s:o}", "payload", encoded);
    json_t *signature = json_pack("{s:o}", "protected", header);
    char *token = check_alloc(20000);

    assert_true(jose_jws_sig(NULL, jws, signature, key));
    (void)snprintf(token, 20000, "%s.%s.%s", json_string_value(json_object_get(jws, "protected")),
                   json_string_value(json_object_get(jws, "payload")),
                   json_string_value(json_object_get(jws, "signature")));
    free(payload);
    json_decref(jws);
    json_decref(signature);
    json_decref(claims);
    return token;
}

static char *sign_with(json_t *claims, const char *algorithm, const json_t *key)
{
    return sign(claims,
                json_pack("{s:s,s:O}", "alg", algorithm, "kid", json_object_get(key, "kid")), key);
}

/* Takes the token. */
static enum sasl_state show(struct sasl_fixture *fixture, char *token)
{
    enum sasl_state state = sasl_fixture_login(fixture, "OAUTHBEARER", "", token, false);

    free(token);
    return state;
}

/* ---- who gets in ---- */

static void each_allowed_signature_opens(void **state)
{
    static const char *const algorithms[] = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"};
    struct sasl_fixture fixture;

    (void)state;
    open_fixture(&fixture);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(show(&fixture, sign_with(claims_of(&fixture), algorithms[i], rsa_key)),
                         SASL_DONE);
    }
    assert_int_equal(show(&fixture, sign_with(claims_of(&fixture), "ES256", ec_key)), SASL_DONE);
    assert_true(string_is(fixture.identity->principal, "User:alice"));
    assert_int_equal(fixture.identity->group_count, 2);
    assert_true(identity_has_group(fixture.identity, STRING("ads")));
    assert_true(identity_has_group(fixture.identity, STRING("interns")));
    assert_int_equal(fixture.identity->expires_ms,
                     clock_wall_ms(&fixture.clock.clock) / 1000 * 1000 + 3600000);
    assert_true(sasl_service_is_valid(fixture.server, fixture.identity));
    sasl_fixture_release(&fixture);
}

/* ---- who does not ---- */

static void expect_refused(struct sasl_fixture *fixture, char *token, const char *reason)
{
    assert_int_equal(show(fixture, token), SASL_FAILED);
    assert_string_equal(fixture->sentence, "{\"status\":\"invalid_token\"}");
    assert_string_equal(fixture->reason, reason);
}

static json_t *with(json_t *claims, const char *name, json_t *value)
{
    (void)json_object_set_new(claims, name, value);
    return claims;
}

static void claims_that_are_not_for_us_or_not_for_now_are_refused(void **state)
{
    struct sasl_fixture fixture;
    json_int_t now;
    struct {
        const char *name;
        json_t *value;
        const char *reason;
    } rows[] = {
        {"exp", NULL, "it has expired"},
        {"exp", json_string("tomorrow"), "it has no time of expiry"},
        {"exp", json_null(), "it has no time of expiry"},
        {"nbf", NULL, "it is not valid yet"},
        {"iat", NULL, "it was issued in the future"},
        {"aud", json_string("other"), "it is meant for another audience"},
        {"aud", json_null(), "it is meant for another audience"},
        {"iss", json_string("https://issuer2"), "it comes from another issuer"},
        {"iss", json_integer(1), "it comes from another issuer"},
        {"sub", json_string(""), "it names nobody"},
        {"sub", json_array(), "it names nobody"},
        {"sub", json_stringn("a\0b", 3), "its claims are not JSON"},
        {"groups", json_integer(5), "its groups are not a list of names"},
        {"scope", json_true(), "its scope is neither text nor a list"},
        {"exp", json_real(1e300), "it has no time of expiry"},
        {"exp", json_integer(-1), "it has no time of expiry"},
        {"exp", json_array(), "it has no time of expiry"},
        {"nbf", json_string("now"), "it is not valid yet"},
        {"nbf", json_real(1e300), "it is not valid yet"},
        {"iat", json_false(), "it was issued in the future"},
        {"aud", json_array(), "it is meant for another audience"},
        {"aud", json_pack("[[s]]", "gyre"), "it is meant for another audience"},
        {"aud", json_pack("{s:s}", "gyre", "gyre"), "it is meant for another audience"},
        {"aud", json_string("gyre,kafka"), "it is meant for another audience"},
        {"iss", json_pack("[s]", "https://issuer"), "it comes from another issuer"},
        {"sub", json_pack("{s:s}", "name", "alice"), "it names nobody"},
        {"groups", json_pack("[[s]]", "ads"), "its groups are not a list of names"},
        {"groups", json_pack("[s,i]", "ads", 1), "its groups are not a list of names"},
        {"groups", json_pack("[s]", ""), "a group has no possible name"},
    };

    (void)state;
    open_fixture(&fixture);
    now = (json_int_t)(clock_wall_ms(&fixture.clock.clock) / 1000);
    rows[0].value = json_integer(now - 31);
    rows[3].value = json_integer(now + 40);
    rows[4].value = json_integer(now + 40);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *claims = with(claims_of(&fixture), rows[i].name, rows[i].value);

        if (json_is_null(rows[i].value)) {
            (void)json_object_del(claims, rows[i].name);
        }
        expect_refused(&fixture, sign_with(claims, "ES256", ec_key), rows[i].reason);
    }
    /* Clocks may be off by thirty seconds. */
    assert_int_equal(
        show(&fixture,
             sign_with(with(claims_of(&fixture), "exp", json_integer(now - 29)), "ES256", ec_key)),
        SASL_DONE);
    sasl_fixture_release(&fixture);
}

static char *tamper(char *token, char part)
{
    char *at = part == 'h' ? token : part == 'p' ? strchr(token, '.') + 1 : strrchr(token, '.') + 1;

    at[8] = at[8] == 'A' ? 'B' : 'A';
    return token;
}

/* The public key, which everybody has, taken for a secret that both sides share. */
static char *sign_with_public_key(struct sasl_fixture *fixture)
{
    json_t *public = json_deep_copy(rsa_key);
    json_t *secret;
    char *text;

    assert_true(jose_jwk_pub(NULL, public));
    text = json_dumps(public, JSON_COMPACT);
    secret = json_pack("{s:s,s:o}", "kty", "oct", "k", jose_b64_enc(text, strlen(text)));
    free(text);
    text = sign(claims_of(fixture), json_pack("{s:s,s:s}", "alg", "HS256", "kid", "one"), secret);
    json_decref(public);
    json_decref(secret);
    return text;
}

static void refuse_headers(struct sasl_fixture *fixture)
{
    static const char *const headers[] = {
        "{\"alg\":\"None\"}",    "{\"alg\":\"nOnE\",\"kid\":\"one\"}",
        "{\"alg\":\"\"}",        "{\"alg\":null}",
        "{\"alg\":[\"RS256\"]}", "{\"alg\":\"HS512\"}",
        "{\"alg\":\"ES256K\"}",  "{\"alg\":\"RSA-OAEP\",\"enc\":\"A256GCM\"}",
        "{\"kid\":\"one\"}",
    };

    expect_refused(fixture, sign_with_public_key(fixture), "its algorithm is not allowed");
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        json_t *encoded = jose_b64_enc(headers[i], strlen(headers[i]));
        char *token = check_alloc(1024);

        (void)snprintf(token, 1024, "%s.eyJzdWIiOiJhbGljZSJ9.AAAA", json_string_value(encoded));
        json_decref(encoded);
        expect_refused(fixture, token, "its algorithm is not allowed");
    }
}

/* Nobody says which key: each is tried, of its kind only. A number is no time, a half of one is. */
static void a_token_without_the_name_of_its_key_opens(void **state)
{
    struct sasl_fixture fixture;
    json_int_t now;

    (void)state;
    open_fixture(&fixture);
    now = (json_int_t)(clock_wall_ms(&fixture.clock.clock) / 1000);
    assert_int_equal(
        show(&fixture, sign(claims_of(&fixture), json_pack("{s:s}", "alg", "RS256"), rsa_key)),
        SASL_DONE);
    assert_int_equal(show(&fixture, sign(claims_of(&fixture),
                                         json_pack("{s:s,s:i}", "alg", "ES256", "kid", 7), ec_key)),
                     SASL_DONE);
    expect_refused(&fixture, sign(claims_of(&fixture), json_pack("{s:s}", "alg", "ES384"), new_key),
                   "the signature is wrong");
    assert_int_equal(
        show(&fixture, sign_with(with(claims_of(&fixture), "exp", json_real((double)now + 10.5)),
                                 "ES256", ec_key)),
        SASL_DONE);
    assert_int_equal(fixture.identity->expires_ms, (now + 10) * 1000 + 500);
    sasl_fixture_release(&fixture);
}

static void a_claim_that_is_there_twice_is_refused(void **state)
{
    static const char claims[] = "{\"sub\":\"alice\",\"sub\":\"root\",\"iss\":\"https://issuer\","
                                 "\"aud\":\"gyre\",\"exp\":99999999999}";
    struct sasl_fixture fixture;
    json_t *jws = json_pack("{s:o}", "payload", jose_b64_enc(claims, strlen(claims)));
    json_t *signature = json_pack("{s:{s:s}}", "protected", "alg", "ES256");
    char *token = check_alloc(4096);

    (void)state;
    open_fixture(&fixture);
    assert_true(jose_jws_sig(NULL, jws, signature, ec_key));
    (void)snprintf(token, 4096, "%s.%s.%s", json_string_value(json_object_get(jws, "protected")),
                   json_string_value(json_object_get(jws, "payload")),
                   json_string_value(json_object_get(jws, "signature")));
    expect_refused(&fixture, token, "its claims are not JSON");
    json_decref(jws);
    json_decref(signature);
    sasl_fixture_release(&fixture);
}

static void signatures_that_are_not_theirs_are_refused(void **state)
{
    struct sasl_fixture fixture;
    char *token;

    (void)state;
    open_fixture(&fixture);
    expect_refused(&fixture, tamper(sign_with(claims_of(&fixture), "RS256", rsa_key), 'p'),
                   "the signature is wrong");
    expect_refused(&fixture, tamper(sign_with(claims_of(&fixture), "RS256", rsa_key), 's'),
                   "the signature is wrong");
    expect_refused(&fixture, sign_with(claims_of(&fixture), "HS256", weak_key),
                   "its algorithm is not allowed");
    token =
        sign(claims_of(&fixture), json_pack("{s:s,s:s}", "alg", "RS256", "kid", "two"), rsa_key);
    expect_refused(&fixture, token, "the signature is wrong"); /* of another key than it names */
    token = sign(claims_of(&fixture),
                 json_pack("{s:s,s:s,s:s}", "alg", "RS256", "kid", "one", "jku", "https://evil"),
                 rsa_key);
    expect_refused(&fixture, token, "its header asks for what is not done here");
    expect_refused(&fixture, strdup("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.AA"),
                   "its algorithm is not allowed");
    expect_refused(&fixture, strdup("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9."),
                   "it is not three parts");
    refuse_headers(&fixture);
    expect_refused(&fixture, strdup("a.b.c"), "its header is not JSON");
    expect_refused(&fixture, strdup("nonsense"), "it is not three parts");
    sasl_fixture_release(&fixture);
}

static void a_key_that_is_new_is_fetched_once_and_early(void **state)
{
    struct sasl_fixture fixture;

    (void)state;
    open_fixture(&fixture);
    expect_refused(&fixture, sign_with(claims_of(&fixture), "ES384", new_key),
                   "no key with this id is known"); /* the keys were read just now */
    write_keys(rsa_key, ec_key, new_key);
    expect_refused(&fixture, sign_with(claims_of(&fixture), "ES384", new_key),
                   "no key with this id is known");
    fixture.clock.now_us += 10 * 1000 * 1000;
    assert_int_equal(show(&fixture, sign_with(claims_of(&fixture), "ES384", new_key)), SASL_DONE);
    write_keys(rsa_key, ec_key, NULL);
    fixture.clock.now_us += 3600ULL * 1000 * 1000;
    sasl_fixture_turn(&fixture);
    expect_refused(&fixture, sign_with(claims_of(&fixture), "ES384", new_key),
                   "no key with this id is known");
    sasl_fixture_release(&fixture);
}

static void keys_that_come_later_are_waited_for(void **state)
{
    const char *overrides[] = {url_option, "sasl.enabled.mechanisms=OAUTHBEARER"};
    struct sasl_fixture fixture;

    (void)state;
    sasl_fixture_init(&fixture, overrides, 2); /* not turned: nothing is loaded */
    assert_int_equal(show(&fixture, sign_with(claims_of(&fixture), "ES256", ec_key)), SASL_DONE);
    assert_int_equal(fixture.identity->group_count, 0);
    sasl_fixture_release(&fixture);
}

static void messages_of_no_sense_are_refused(void **state)
{
    static const char *const messages[] = {
        "",
        "n,,",
        "n,,\x01",
        "n,,\x01\x01",
        "n,,\x01"
        "auth=Basic abc\x01\x01",
        "n,,\x01"
        "auth=Bearer abc",
        "n,,\x01"
        "auth=Bearer abc\x01",
        "p,,\x01"
        "auth=Bearer abc\x01\x01",
        "n,b=x,\x01"
        "auth=Bearer abc\x01\x01",
        "n,,\x01"
        "auth=Bearer abc\x01"
        "auth=Bearer abc\x01\x01",
        "n,,\x01"
        "auth=Bearer abc\x01\x01rest",
        "n,,\x01"
        "=x\x01\x01",
    };
    struct sasl_fixture fixture;

    (void)state;
    open_fixture(&fixture);
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        assert_true(sasl_fixture_begin(&fixture, "OAUTHBEARER"));
        sasl_fixture_step(&fixture, string_from(messages[i]));
        assert_int_equal(fixture.state, SASL_FAILED);
    }
    sasl_fixture_release(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allowed_signature_opens),
        cmocka_unit_test(claims_that_are_not_for_us_or_not_for_now_are_refused),
        cmocka_unit_test(signatures_that_are_not_theirs_are_refused),
        cmocka_unit_test(a_token_without_the_name_of_its_key_opens),
        cmocka_unit_test(a_claim_that_is_there_twice_is_refused),
        cmocka_unit_test(a_key_that_is_new_is_fetched_once_and_early),
        cmocka_unit_test(keys_that_come_later_are_waited_for),
        cmocka_unit_test(messages_of_no_sense_are_refused),
    };

    return cmocka_run_group_tests(tests, make_keys, forget_keys);
}
