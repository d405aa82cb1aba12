/* SPDX-License-Identifier: Apache-2.0 */
/* Keys agree with the example of RFC 7677, whose password is "pencil", computed by other programs.
 */
#include <openssl/evp.h>

#include "gyre/sasl/credential.h"

#include "support/test.h"

static void assert_base64(const uint8_t *bytes, int32_t length, const char *expected)
{
    unsigned char text[128];

    assert_int_equal(EVP_EncodeBlock(text, bytes, length), (int)strlen(expected));
    assert_string_equal((const char *)text, expected);
}

static struct scram_credential example(enum scram_mechanism mechanism)
{
    static const uint8_t salt[16] = {0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12, 0x35, 0x8e,
                                     0xec, 0xa0, 0x4b, 0x14, 0x12, 0x36, 0xfa, 0x81};
    struct scram_credential credential = {
        .mechanism = mechanism, .iterations = 4096, .salt_length = sizeof salt};

    memcpy(credential.salt, salt, sizeof salt);
    return credential;
}

static void keys_are_those_of_the_password(void **state)
{
    struct scram_credential credential = example(SCRAM_SHA_256);

    (void)state;
    assert_int_equal(credential_set_password(&credential, STRING("pencil")), ERROR_NONE);
    assert_base64(credential.stored_key, 32, "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=");
    assert_base64(credential.server_key, 32, "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");
    credential = example(SCRAM_SHA_512);
    assert_int_equal(credential_set_password(&credential, STRING("pencil")), ERROR_NONE);
    assert_base64(credential.stored_key, 64,
                  "6AAub3065EYRmyFpM2RNwqK+eGnrkYuEWbXn19LsEmBqzu8QaCXNc1FwpnX9NhH2hK/60dzj9DoO5D"
                  "vVkOHbvg==");
    assert_base64(credential.server_key, 64,
                  "jZHbYjC1aHh0/hKbxyBuGFjDrgjgKTT1esA7awWiKcRZ0o/0b1yWEebBeSVkkCFewf91nLDfKF24mv"
                  "D5nmE6rA==");
}

static void what_cannot_be_is_refused(void **state)
{
    struct scram_credential credential = example(SCRAM_UNKNOWN);
    char salted[65] = {0};

    (void)state;
    assert_int_equal(credential_set_password(&credential, STRING("pencil")), ERROR_INVALID);
    credential = example(SCRAM_SHA_256);
    assert_int_equal(credential_set_keys(&credential, (struct bytes){salted, 65}), ERROR_INVALID);
    assert_int_equal(credential_set_keys(&credential, (struct bytes){salted, 0}), ERROR_INVALID);
    credential.iterations = 0;
    assert_int_equal(credential_set_password(&credential, STRING("pencil")), ERROR_INVALID);
}

static void mechanisms_have_kafkas_names(void **state)
{
    (void)state;
    assert_int_equal(credential_mechanism(STRING("SCRAM-SHA-256")), SCRAM_SHA_256);
    assert_int_equal(credential_mechanism(STRING("SCRAM-SHA-512")), SCRAM_SHA_512);
    assert_int_equal(credential_mechanism(STRING("SCRAM-SHA-1")), SCRAM_UNKNOWN);
    assert_string_equal(credential_mechanism_name(SCRAM_SHA_512), "SCRAM-SHA-512");
    assert_int_equal(credential_key_bytes(SCRAM_SHA_512), 64);
    assert_int_equal(credential_key_bytes(SCRAM_UNKNOWN), 0);
}

static void a_token_is_keyed_by_the_regions_secret(void **state)
{
    uint8_t hmac[DELEGATION_TOKEN_HMAC_BYTES];

    (void)state;
    assert_int_equal(credential_token_hmac(STRING("the-secret"), STRING("token-1"), hmac),
                     ERROR_NONE);
    assert_base64(hmac, sizeof hmac,
                  "EOcRSCgwxE9nR63bamNw03eHFcS2bBnVayZPVWfDbKi6f2xiNU+i6EYz/Zy1cOU+R80rDlywReuIkv"
                  "lufsMbUw==");
    assert_int_equal(credential_token_hmac(STRING_NULL, STRING("token-1"), hmac), ERROR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_those_of_the_password),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(mechanisms_have_kafkas_names),
        cmocka_unit_test(a_token_is_keyed_by_the_regions_secret),
    };
    return cmocka_run_group_tests_name("credential", tests, NULL, NULL);
}
