/* SPDX-License-Identifier: Apache-2.0 */
/* Whoever knows the password gets in, and nothing else does; nobody learns who exists. */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/sasl_fixture.h"
#include "support/test.h"

static const char refusal[] = "Authentication failed during authentication due to invalid "
                              "credentials with SASL mechanism SCRAM-SHA-256";

/* ---- a client that can lie ---- */

struct liar {
    const char *header;     /* "n,," */
    const char *user;       /* "alice", as it is written */
    const char *first_more; /* behind client-first-message */
    const char *channel;    /* NULL: base64 of the header */
    const char *nonce_form; /* of "client-nonce", "whole nonce": NULL sends the whole */
    const char *password;
    const char *final_more; /* before the proof */
    int proof_bytes;        /* of the 32 */
    bool doubles_nonce;
    bool cuts_nonce;
};

static const struct liar honest = {.header = "n,,",
                                   .user = "alice",
                                   .password = "pencil",
                                   .proof_bytes = 32};

static void keyed(const uint8_t *key, const char *text, uint8_t out[32])
{
    unsigned length = 0;

    assert_non_null(
        HMAC(EVP_sha256(), key, 32, (const unsigned char *)text, strlen(text), out, &length));
}

static void make_proof(const char *password, const char *server_first, const char *authentication,
                       uint8_t proof[32])
{
    uint8_t salted[32];
    uint8_t client_key[32];
    uint8_t stored_key[32];
    unsigned char salt[66];
    char text[80];
    int iterations;
    const char *at = strstr(server_first, ",s=");

    assert_non_null(at);
    assert_int_equal(sscanf(at, ",s=%79[^,],i=%d", text, &iterations), 2);
    assert_int_equal(strlen(text), 24); /* sixteen bytes */
    assert_int_equal(EVP_DecodeBlock(salt, (const unsigned char *)text, 24), 18);
    assert_int_equal(
        PKCS5_PBKDF2_HMAC(password, -1, salt, 16, iterations, EVP_sha256(), 32, salted), 1);
    keyed(salted, "Client Key", client_key);
    assert_int_equal(EVP_Digest(client_key, 32, stored_key, NULL, EVP_sha256(), NULL), 1);
    keyed(stored_key, authentication, proof);
    for (int i = 0; i < 32; i++) {
        proof[i] ^= client_key[i];
    }
}

static void send_text(struct sasl_fixture *fixture, const char *text)
{
    sasl_fixture_step(fixture, string_from(text));
}

static void say_final(struct sasl_fixture *fixture, const struct liar *liar, const char *bare)
{
    char nonce[600];
    char without_proof[2048];
    char authentication[24000];
    char final[4096];
    char channel[64];
    char proof_text[64];
    uint8_t proof[32];

    assert_int_equal(sscanf(fixture->answer, "r=%599[^,]", nonce), 1);
    (void)EVP_EncodeBlock((unsigned char *)channel, (const unsigned char *)liar->header,
                          (int)strlen(liar->header));
    if (liar->cuts_nonce) {
        nonce[strlen(nonce) - 1] = '\0';
    }
    (void)snprintf(without_proof, sizeof without_proof, "c=%s,r=%s%s%s",
                   liar->channel == NULL ? channel : liar->channel,
                   liar->doubles_nonce ? "fyko" : "",
                   liar->nonce_form == NULL ? nonce : liar->nonce_form,
                   liar->final_more == NULL ? "" : liar->final_more);
    (void)snprintf(authentication, sizeof authentication, "%s,%s,%s", bare, fixture->answer,
                   without_proof);
    make_proof(liar->password, fixture->answer, authentication, proof);
    (void)EVP_EncodeBlock((unsigned char *)proof_text, proof, liar->proof_bytes);
    (void)snprintf(final, sizeof final, "%s,p=%s", without_proof, proof_text);
    send_text(fixture, final);
}

enum { BARE_BYTES = 1024 };

/* `bare` is what the proof is made of. */
static void say_first(struct sasl_fixture *fixture, const struct liar *liar, char bare[BARE_BYTES])
{
    char first[BARE_BYTES + 76];

    assert_true(sasl_fixture_begin(fixture, "SCRAM-SHA-256"));
    (void)snprintf(bare, BARE_BYTES, "n=%s,r=fyko%s", liar->user,
                   liar->first_more == NULL ? "" : liar->first_more);
    (void)snprintf(first, sizeof first, "%s%s", liar->header, bare);
    send_text(fixture, first);
}

/* How it ends; SASL_MORE cannot be. */
static enum sasl_state lie(struct sasl_fixture *fixture, const struct liar *liar)
{
    char bare[BARE_BYTES];

    say_first(fixture, liar, bare);
    if (fixture->state == SASL_MORE) {
        say_final(fixture, liar, bare);
    }
    return fixture->state;
}

/* ---- who gets in ---- */

static void the_right_password_opens(void **state)
{
    static const char *const mechanisms[] = {"SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"};
    struct sasl_fixture fixture;

    (void)state;
    sasl_fixture_init(&fixture, NULL, 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(sasl_fixture_login(&fixture, mechanisms[i], "alice", "pencil", false),
                         SASL_DONE);
        assert_true(string_is(fixture.identity->principal, "User:alice"));
        assert_string_equal(fixture.identity->mechanism, mechanisms[i]);
        assert_int_equal(fixture.identity->credential_version, i == 1 ? 12 : 11);
        assert_int_equal(sasl_fixture_login(&fixture, mechanisms[i], "alice", "pencils", false),
                         SASL_FAILED);
        assert_int_equal(sasl_fixture_login(&fixture, mechanisms[i], "mallory", "pencil", false),
                         SASL_FAILED);
    }
    sasl_fixture_release(&fixture);
}

static void names_and_passwords_with_commas_and_equal_signs_work(void **state)
{
    struct sasl_fixture fixture;

    (void)state;
    sasl_fixture_init(&fixture, NULL, 0);
    assert_int_equal(sasl_fixture_login(&fixture, "SCRAM-SHA-512", "b=o,b", "pa,ss=word", false),
                     SASL_DONE);
    assert_true(string_is(fixture.identity->principal, "User:b=o,b"));
    assert_int_equal(sasl_fixture_login(&fixture, "PLAIN", "b=o,b", "pa,ss=word", false),
                     SASL_DONE);
    assert_int_equal(sasl_fixture_login(&fixture, "PLAIN", "b=o,b", "pa,ss=word", false),
                     SASL_DONE); /* remembered */
    assert_int_equal(sasl_fixture_login(&fixture, "SCRAM-SHA-256", "b=o,b", "pa,ss=word", false),
                     SASL_FAILED);
    sasl_fixture_release(&fixture);
}

/* librdkafka before 2.6.1 sends its own part of the nonce twice; Kafka looks at the end. */
static void a_nonce_with_the_clients_part_twice_is_accepted(void **state)
{
    struct sasl_fixture fixture;
    struct liar liar = honest;

    (void)state;
    sasl_fixture_init(&fixture, NULL, 0);
    assert_int_equal(lie(&fixture, &liar), SASL_DONE);
    liar.doubles_nonce = true;
    assert_int_equal(lie(&fixture, &liar), SASL_DONE);
    liar = honest;
    liar.header = "y,,";
    assert_int_equal(lie(&fixture, &liar), SASL_DONE);
    liar.header = "n,a=alice,";
    assert_int_equal(lie(&fixture, &liar), SASL_DONE);
    liar.first_more = ",x=an extension nobody must know";
    liar.final_more = ",y=another one";
    assert_int_equal(lie(&fixture, &liar), SASL_DONE);
    sasl_fixture_release(&fixture);
}

/* ---- who does not ---- */

static void every_lie_is_answered_alike(void **state)
{
    struct liar lies[] = {honest, honest, honest, honest, honest, honest, honest,
                          honest, honest, honest, honest, honest, honest};
    struct sasl_fixture fixture;
    size_t count = 0;

    (void)state;
    lies[count++].password = "wrong";
    lies[count++].user = "nobody";
    lies[count++].proof_bytes = 31;
    lies[count++].proof_bytes = 3;
    lies[count++].nonce_form = "fyko";
    lies[count++].cuts_nonce = true;
    lies[count++].channel = "eSws";
    lies[count++].channel = "";
    lies[count++].header = "n,a=admin,";
    lies[count++].header = "p=tls-unique,,";
    lies[count++].user = "al=ice";
    lies[count++].user = "";
    lies[count++].header = "";
    sasl_fixture_init(&fixture, NULL, 0);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(lie(&fixture, &lies[i]), SASL_FAILED);
        assert_string_equal(fixture.sentence, refusal);
        assert_null(fixture.identity);
    }
    sasl_fixture_release(&fixture);
}

static void messages_out_of_order_or_of_no_sense_are_refused(void **state)
{
    static const char *const messages[] = {
        "",
        "n",
        ",",
        "n,,",
        "n,,n=alice",
        "n,,r=fyko,n=alice",
        "n,,n=,r=x",
        "n,,n=a,r=",
        "n,,m=x,n=alice,r=fyko",
        "c=biws,r=fyko,p=AAAA",
        "n,,n=alice,r=fy ko",
        "n,,n=alice,r=fy\x7fko",
        "n,b=alice,n=alice,r=fyko",
    };
    struct sasl_fixture fixture;
    char *large = check_alloc(70000);

    (void)state;
    sasl_fixture_init(&fixture, NULL, 0);
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        assert_true(sasl_fixture_begin(&fixture, "SCRAM-SHA-256"));
        send_text(&fixture, messages[i]);
        assert_int_equal(fixture.state, SASL_FAILED);
    }
    memset(large, 'x', 70000);
    memcpy(large, "n,,n=alice,r=", 13);
    for (int32_t length = 5000; length <= 70000; length += 65000) {
        assert_true(sasl_fixture_begin(&fixture, "SCRAM-SHA-256"));
        sasl_fixture_step(&fixture, (struct string){large, length});
        assert_int_equal(fixture.state, SASL_FAILED);
    }
    assert_true(sasl_fixture_begin(&fixture, "SCRAM-SHA-256"));
    send_text(&fixture, "n,,n=alice,r=fyko");
    send_text(&fixture, "n,,n=alice,r=fyko");
    assert_int_equal(fixture.state, SASL_FAILED);
    assert_false(sasl_fixture_begin(&fixture, "SCRAM-SHA-1"));
    assert_false(sasl_fixture_begin(&fixture, "scram-sha-256"));
    free(large);
    sasl_fixture_release(&fixture);
}

static void who_does_not_exist_is_challenged_alike_each_time(void **state)
{
    struct sasl_fixture fixture;
    char salts[3][80];
    const char *names[] = {"n,,n=ghost,r=a", "n,,n=ghost,r=b", "n,,n=spirit,r=c"};

    (void)state;
    sasl_fixture_init(&fixture, NULL, 0);
    for (int i = 0; i < 3; i++) {
        assert_true(sasl_fixture_begin(&fixture, "SCRAM-SHA-512"));
        send_text(&fixture, names[i]);
        assert_int_equal(fixture.state, SASL_MORE);
        assert_int_equal(sscanf(strstr(fixture.answer, ",s="), ",s=%79[^,],i=4096", salts[i]), 1);
        assert_int_equal(strlen(salts[i]), 24);
    }
    assert_string_equal(salts[0], salts[1]);
    assert_string_not_equal(salts[0], salts[2]);
    sasl_fixture_release(&fixture);
}

/* Programs that make credentials differ in salts and iterations. */
static void who_does_not_exist_looks_as_users_do(void **state)
{
    static const struct scram_shape shapes[] = {
        {4096, 16, false}, {16384, 64, false}, {8192, 26, true}, {4096, 25, true}, {4096, 1, true}};
    struct sasl_fixture fixture;

    (void)state;
    sasl_fixture_init(&fixture, NULL, 0);
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        char salt[100] = "";
        unsigned char bytes[80];
        int iterations = 0;
        int32_t length;

        fixture.shape = shapes[i];
        assert_true(sasl_fixture_begin(&fixture, "SCRAM-SHA-512"));
        send_text(&fixture, "n,,n=ghost,r=a");
        assert_int_equal(fixture.state, SASL_MORE);
        assert_int_equal(
            sscanf(strstr(fixture.answer, ",s="), ",s=%99[^,],i=%d", salt, &iterations), 2);
        assert_int_equal(iterations, shapes[i].iterations);
        length = EVP_DecodeBlock(bytes, (unsigned char *)salt, (int)strlen(salt));
        for (size_t end = strlen(salt); salt[end - 1] == '='; end--) {
            length--;
        }
        assert_int_equal(length, shapes[i].salt_length);
        for (int32_t j = 0; shapes[i].is_text && j < length; j++) {
            assert_non_null(strchr("0123456789abcdefghijklmnopqrstuvwxyz", bytes[j]));
        }
    }
    sasl_fixture_release(&fixture);
}

/* What a stranger knows of a region (its cluster id, its configuration's defaults) makes no salt.
 */
static void salts_of_nobody_hang_on_the_secret_of_the_region(void **state)
{
    static const char *const secrets[] = {"one", "two", "two", "", ""};
    char salts[5][80];

    (void)state;
    for (int i = 0; i < 5; i++) {
        struct sasl_fixture fixture;

        sasl_fixture_init(&fixture, NULL, 0);
        (void)snprintf(fixture.secret, sizeof fixture.secret, "%s", secrets[i]);
        assert_true(sasl_fixture_begin(&fixture, "SCRAM-SHA-512"));
        send_text(&fixture, "n,,n=ghost,r=a");
        assert_int_equal(sscanf(strstr(fixture.answer, ",s="), ",s=%79[^,],i=4096", salts[i]), 1);
        sasl_fixture_release(&fixture);
    }
    assert_string_not_equal(salts[0], salts[1]);
    assert_string_equal(salts[1], salts[2]);
    assert_string_not_equal(salts[3], salts[4]); /* none yet: each broker's own */
}

/* ---- tokens, and what is taken away ---- */

static void a_token_stands_for_its_owner_until_it_expires(void **state)
{
    struct sasl_fixture fixture;
    uint8_t hmac[DELEGATION_TOKEN_HMAC_BYTES];
    char password[2 * DELEGATION_TOKEN_HMAC_BYTES];

    (void)state;
    sasl_fixture_init(&fixture, NULL, 0);
    assert_int_equal(
        credential_token_hmac(STRING("a secret of the region"), STRING("token-1"), hmac),
        ERROR_NONE);
    (void)EVP_EncodeBlock((unsigned char *)password, hmac, sizeof hmac);
    assert_int_equal(sasl_fixture_login(&fixture, "SCRAM-SHA-256", "token-1", password, true),
                     SASL_DONE);
    assert_true(string_is(fixture.identity->principal, "User:carol"));
    assert_true(fixture.identity->is_token);
    assert_int_equal(fixture.identity->expires_ms, fixture.token_expires_ms);
    assert_true(sasl_service_is_valid(fixture.server, fixture.identity));
    fixture.has_token = false;
    assert_false(sasl_service_is_valid(fixture.server, fixture.identity));
    fixture.has_token = true;
    /* Not as a user of that name, not another token, not when its time is over. */
    assert_int_equal(sasl_fixture_login(&fixture, "SCRAM-SHA-256", "token-1", password, false),
                     SASL_FAILED);
    assert_int_equal(sasl_fixture_login(&fixture, "SCRAM-SHA-512", "token-2", password, true),
                     SASL_FAILED);
    assert_int_equal(sasl_fixture_login(&fixture, "SCRAM-SHA-512", "alice", "pencil", true),
                     SASL_FAILED);
    fixture.token_expires_ms = clock_wall_ms(&fixture.clock.clock);
    assert_int_equal(sasl_fixture_login(&fixture, "SCRAM-SHA-512", "token-1", password, true),
                     SASL_FAILED);
    sasl_fixture_release(&fixture);
}

static void a_changed_credential_is_not_valid_any_more(void **state)
{
    static const char *const mechanisms[] = {"SCRAM-SHA-256", "PLAIN"};
    struct sasl_fixture fixture;

    (void)state;
    sasl_fixture_init(&fixture, NULL, 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(sasl_fixture_login(&fixture, mechanisms[i], "alice", "pencil", false),
                         SASL_DONE);
        assert_true(sasl_service_is_valid(fixture.server, fixture.identity));
        fixture.credentials[0].version++;
        assert_false(sasl_service_is_valid(fixture.server, fixture.identity));
        fixture.credentials[0].version--;
        fixture.has_users = false;
        assert_false(sasl_service_is_valid(fixture.server, fixture.identity));
        fixture.has_users = true;
    }
    sasl_fixture_release(&fixture);
}

static void expect_refusal(struct sasl_fixture *fixture, const struct liar *liar, const char *bare)
{
    assert_int_equal(fixture->state, SASL_MORE);
    say_final(fixture, liar, bare);
    assert_int_equal(fixture->state, SASL_FAILED);
    assert_string_equal(fixture->sentence, refusal);
    assert_false(fixture->is_passing);
    assert_null(fixture->identity);
}

static void what_goes_between_two_messages_opens_no_more(void **state)
{
    struct sasl_fixture fixture;
    struct liar liar = honest;
    uint8_t hmac[DELEGATION_TOKEN_HMAC_BYTES];
    char password[2 * DELEGATION_TOKEN_HMAC_BYTES];
    char bare[BARE_BYTES];

    (void)state;
    sasl_fixture_init(&fixture, NULL, 0);
    say_first(&fixture, &liar, bare);
    fixture.credentials[0].version++;
    expect_refusal(&fixture, &liar, bare);
    say_first(&fixture, &liar, bare);
    fixture.has_users = false;
    expect_refusal(&fixture, &liar, bare);
    assert_int_equal(
        credential_token_hmac(STRING("a secret of the region"), STRING("token-1"), hmac),
        ERROR_NONE);
    (void)EVP_EncodeBlock((unsigned char *)password, hmac, sizeof hmac);
    liar.user = "token-1";
    liar.first_more = ",tokenauth=true";
    liar.password = password;
    assert_int_equal(lie(&fixture, &liar), SASL_DONE);
    say_first(&fixture, &liar, bare);
    fixture.has_token = false;
    expect_refusal(&fixture, &liar, bare);
    sasl_fixture_release(&fixture);
}

static void note_end(void *context, const struct sasl_result *result)
{
    enum sasl_state *state = context;

    *state = result->state;
    identity_unref(result->identity);
}

static void a_password_that_changes_while_it_is_judged_opens_no_more(void **state)
{
    struct sasl_fixture fixture;

    (void)state;
    sasl_fixture_init(&fixture, NULL, 0);
    for (int i = 0; i < 2; i++) {
        enum sasl_state end = SASL_MORE;

        assert_true(sasl_fixture_begin(&fixture, "PLAIN"));
        sasl_exchange_step(fixture.exchange, STRING("\0alice\0pencil"), note_end, &end);
        if (i == 0) {
            fixture.credentials[0].version++;
        }
        sasl_fixture_turn(&fixture);
        assert_int_equal(end, i == 0 ? SASL_FAILED : SASL_DONE);
    }
    sasl_fixture_release(&fixture);
}

static void nobody_new_comes_in_by_a_catalog_that_is_out_of_date(void **state)
{
    struct sasl_fixture fixture;

    (void)state;
    sasl_fixture_init(&fixture, NULL, 0);
    fixture.is_stale = true;
    assert_int_equal(sasl_fixture_login(&fixture, "SCRAM-SHA-256", "alice", "pencil", false),
                     SASL_FAILED);
    assert_true(fixture.is_passing); /* it was not judged */
    fixture.is_stale = false;
    assert_int_equal(sasl_fixture_login(&fixture, "SCRAM-SHA-256", "alice", "pencil", false),
                     SASL_DONE);
    sasl_fixture_release(&fixture);
}

/* ---- PLAIN ---- */

static void plain_messages_of_no_sense_are_refused(void **state)
{
    const struct string messages[] = {
        STRING(""),
        STRING("alice"),
        STRING("\0alice"),
        STRING("\0alice\0"),
        STRING("\0\0pencil"),
        STRING("\0alice\0pencil\0"),
        STRING("admin\0alice\0pencil"),
        STRING("\0alice\0pencil\0pencil"),
        STRING("\0al\xff\0pencil"),
    };
    struct sasl_fixture fixture;

    (void)state;
    sasl_fixture_init(&fixture, NULL, 0);
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        assert_true(sasl_fixture_begin(&fixture, "PLAIN"));
        sasl_fixture_step(&fixture, messages[i]);
        assert_int_equal(fixture.state, SASL_FAILED);
        assert_string_equal(fixture.sentence,
                            "Authentication failed: Invalid username or password");
    }
    assert_true(sasl_fixture_begin(&fixture, "PLAIN"));
    sasl_fixture_step(&fixture, STRING("alice\0alice\0pencil"));
    assert_int_equal(fixture.state, SASL_DONE);
    sasl_fixture_release(&fixture);
}

/* ---- the pool ---- */

static void ignore(void *context, const struct sasl_result *result)
{
    int *answers = context;

    (*answers)++;
    assert_int_equal(result->state, SASL_FAILED);
    assert_true(result->is_passing);
}

static void too_many_slow_ones_are_refused_and_the_gone_cost_nothing(void **state)
{
    enum { COUNT = 600 };
    struct sasl_exchange **exchanges = check_alloc_zero(COUNT * sizeof *exchanges);
    struct sasl_fixture fixture;
    int answers = 0;

    (void)state;
    sasl_fixture_init(&fixture, NULL, 0);
    for (int i = 0; i < COUNT; i++) {
        exchanges[i] = sasl_exchange_new(fixture.server, "SASL_PLAINTEXT", STRING("PLAIN"));
        sasl_exchange_step(exchanges[i], STRING("\0alice\0wrong"), ignore, &answers);
    }
    (void)loop_turn(&fixture.loop);
    assert_int_equal(answers, COUNT - 2 - 512); /* two work, so many wait */
    for (int i = 0; i < COUNT; i++) {
        sasl_exchange_free(exchanges[i]); /* two of them while they work */
    }
    sasl_fixture_turn(&fixture);
    assert_int_equal(answers, COUNT - 2 - 512);
    assert_int_equal(sasl_fixture_login(&fixture, "PLAIN", "alice", "pencil", false), SASL_DONE);
    free(exchanges);
    sasl_fixture_release(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_right_password_opens),
        cmocka_unit_test(names_and_passwords_with_commas_and_equal_signs_work),
        cmocka_unit_test(a_nonce_with_the_clients_part_twice_is_accepted),
        cmocka_unit_test(every_lie_is_answered_alike),
        cmocka_unit_test(messages_out_of_order_or_of_no_sense_are_refused),
        cmocka_unit_test(who_does_not_exist_is_challenged_alike_each_time),
        cmocka_unit_test(who_does_not_exist_looks_as_users_do),
        cmocka_unit_test(salts_of_nobody_hang_on_the_secret_of_the_region),
        cmocka_unit_test(a_token_stands_for_its_owner_until_it_expires),
        cmocka_unit_test(a_changed_credential_is_not_valid_any_more),
        cmocka_unit_test(what_goes_between_two_messages_opens_no_more),
        cmocka_unit_test(a_password_that_changes_while_it_is_judged_opens_no_more),
        cmocka_unit_test(nobody_new_comes_in_by_a_catalog_that_is_out_of_date),
        cmocka_unit_test(plain_messages_of_no_sense_are_refused),
        cmocka_unit_test(too_many_slow_ones_are_refused_and_the_gone_cost_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
