/* SPDX-License-Identifier: Apache-2.0 */
#include "scram_users.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

#include "gyre/base/check.h"
#include "gyre/wire/kafka_error.h"

#include "admin.h"
#include "secret.h"
#include "wire_messages/alter_user_scram_credentials.h"
#include "wire_messages/api_keys.h"
#include "wire_messages/describe_user_scram_credentials.h"

enum { SALT_BYTES = 24 };

const char *scram_mechanism_name(int mechanism)
{
    switch (mechanism) {
    case SCRAM_SHA_256: return "SCRAM-SHA-256";
    case SCRAM_SHA_512: return "SCRAM-SHA-512";
    default: return "UNKNOWN";
    }
}

/* ---- looking ---- */

static int16_t fetch_code(const void *response)
{
    return ((const struct describe_user_scram_credentials_response *)response)->error_code;
}

enum exit_status scram_users_fetch(
    struct session *session, const char *name, struct client_call *call,
    const struct describe_user_scram_credentials_response **out_response)
{
    struct describe_user_scram_credentials_request_users user = {string_from(name)};
    struct describe_user_scram_credentials_request request = {
        .users = {name == NULL ? NULL : &user, name == NULL ? -1 : 1}};
    const struct describe_user_scram_credentials_response *response;
    enum exit_status status;

    *call = (struct client_call){.node_id = CLIENT_ANY_NODE,
                                 .api_key = API_DESCRIBE_USER_SCRAM_CREDENTIALS,
                                 .version_max = DESCRIBE_USER_SCRAM_CREDENTIALS_REQUEST_VERSION_MAX,
                                 .request = &request};
    status = admin_ask(session, call, fetch_code);
    response = call->response;
    if (status == STATUS_OK && response->error_code != KAFKA_ERROR_NONE) {
        status = session_refused("users", response->error_code, response->error_message);
    }
    *out_response = response;
    return status;
}

enum exit_status scram_users_have(struct session *session, const char *name, bool *out_is_there)
{
    const struct describe_user_scram_credentials_response *response;
    struct client_call call;
    enum exit_status status = scram_users_fetch(session, name, &call, &response);

    *out_is_there = false;
    if (status == STATUS_OK && response->results.count == 1) {
        int16_t code = response->results.items[0].error_code;

        *out_is_there = code == KAFKA_ERROR_NONE;
        if (code != KAFKA_ERROR_NONE && code != KAFKA_ERROR_RESOURCE_NOT_FOUND) {
            status = session_refused(name, code, response->results.items[0].error_message);
        }
    }
    client_call_release(&call);
    return status;
}

/* ---- changing ---- */

static void stretch(const char *password, const struct scram_change *change, char salt[SALT_BYTES],
                    struct bytes *salted)
{
    const EVP_MD *digest = change->mechanism == SCRAM_SHA_256 ? EVP_sha256() : EVP_sha512();

    salted->length = EVP_MD_get_size(digest);
    CHECK(RAND_bytes((unsigned char *)salt, SALT_BYTES) == 1);
    CHECK(PKCS5_PBKDF2_HMAC(password, (int)strlen(password), (const unsigned char *)salt,
                            SALT_BYTES, change->iterations, digest, salted->length,
                            (unsigned char *)salted->bytes) == 1);
}

static int16_t change_code(const void *response)
{
    const struct alter_user_scram_credentials_response *changed = response;

    return changed->results.count == 0 ? (int16_t)KAFKA_ERROR_NONE
                                       : changed->results.items[0].error_code;
}

static enum exit_status ask_change(struct session *session, const char *name,
                                   const struct alter_user_scram_credentials_request *request)
{
    struct client_call call = {.node_id = CLIENT_ANY_NODE,
                               .api_key = API_ALTER_USER_SCRAM_CREDENTIALS,
                               .version_max = ALTER_USER_SCRAM_CREDENTIALS_REQUEST_VERSION_MAX,
                               .request = request};
    enum exit_status status = admin_ask(session, &call, change_code);
    const struct alter_user_scram_credentials_response *response = call.response;

    for (int32_t i = 0; status == STATUS_OK && i < response->results.count; i++) {
        if (response->results.items[i].error_code != KAFKA_ERROR_NONE) {
            status = session_refused(name, response->results.items[i].error_code,
                                     response->results.items[i].error_message);
        }
    }
    client_call_release(&call);
    return status;
}

enum exit_status scram_users_set(struct session *session, const char *name, const char *password,
                                 const struct scram_change *change)
{
    char salt[SALT_BYTES];
    char key[SCRAM_KEY_BYTES_MAX];
    struct bytes salted = {key, 0};
    struct alter_user_scram_credentials_request_upsertions upsertion = {
        .name = string_from(name),
        .mechanism = (int8_t)change->mechanism,
        .iterations = change->iterations,
        .salt = {salt, SALT_BYTES},
    };
    struct alter_user_scram_credentials_request request = {.upsertions = {&upsertion, 1}};
    enum exit_status status;

    stretch(password, change, salt, &salted);
    upsertion.salted_password = salted;
    status = ask_change(session, name, &request);
    secret_wipe(key, sizeof key);
    return status;
}

enum exit_status scram_users_remove(struct session *session, const char *name,
                                    enum scram_mechanism mechanism)
{
    struct alter_user_scram_credentials_request_deletions deletion = {
        .name = string_from(name), .mechanism = (int8_t)mechanism};
    struct alter_user_scram_credentials_request request = {.deletions = {&deletion, 1}};

    return ask_change(session, name, &request);
}
