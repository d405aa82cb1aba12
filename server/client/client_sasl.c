/* SPDX-License-Identifier: Apache-2.0 */
#include "client/client_sasl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/sasl/sasl_login.h"
#include "gyre/wire/reader.h"

#include "client/client_connection.h"
#include "client/client_private.h"
#include "wire_messages/api_keys.h"
#include "wire_messages/sasl_authenticate.h"
#include "wire_messages/sasl_handshake.h"

enum { HANDSHAKE_VERSION = 1, AUTHENTICATE_VERSION = 1, ANSWER_ARENA_BYTES = 64 * 1024 };

/* ---- secrets ---- */

static const char *keep_text(struct client *client, int place, const char *text)
{
    if (text == NULL) {
        return NULL;
    }
    client->secrets.texts[place] = strdup(text);
    CHECK(client->secrets.texts[place] != NULL);
    return client->secrets.texts[place];
}

void client_sasl_keep(struct client *client)
{
    struct client_credentials *credentials = &client->options.credentials;

    credentials->mechanism = keep_text(client, 0, credentials->mechanism);
    credentials->user = keep_text(client, 1, credentials->user);
    credentials->password = keep_text(client, 2, credentials->password);
    credentials->token = keep_text(client, 3, credentials->token);
}

void client_sasl_forget(struct client *client)
{
    for (size_t i = 0; i < sizeof client->secrets.texts / sizeof client->secrets.texts[0]; i++) {
        char *text = client->secrets.texts[i];

        if (text != NULL) {
            explicit_bzero(text, strlen(text));
            free(text);
        }
    }
}

/* ---- the conversation ---- */

static enum error refuse(struct client_connection *connection, struct string sentence)
{
    struct client *client = connection->client;

    (void)snprintf(client->refusal, sizeof client->refusal, "%.*s", STRING_ARGUMENTS(sentence));
    return ERROR_UNAUTHENTICATED;
}

static enum error say(struct client_connection *connection, struct string message)
{
    struct sasl_authenticate_request request;

    sasl_authenticate_request_init(&request);
    request.auth_bytes = (struct bytes){(char *)(uintptr_t)message.bytes, message.length};
    return client_connection_ask(connection, API_SASL_AUTHENTICATE, AUTHENTICATE_VERSION, &request);
}

enum error client_sasl_begin(struct client_connection *connection)
{
    const struct client_credentials *credentials = &connection->client->options.credentials;
    struct sasl_login_options options = {.mechanism = credentials->mechanism,
                                         .user = credentials->user,
                                         .password = credentials->password,
                                         .token = credentials->token,
                                         .is_token = credentials->is_token};
    struct sasl_handshake_request request;
    enum error error;

    if (credentials->mechanism == NULL) {
        client_connection_ready(connection);
        return ERROR_NONE;
    }
    error = sasl_login_new(&options, &connection->sasl);
    if (error != ERROR_NONE) {
        return refuse(connection, error == ERROR_UNSUPPORTED
                                      ? STRING("the SASL mechanism is not known here")
                                      : STRING("user name, password or token are missing"));
    }
    connection->state = CLIENT_CONNECTION_AUTHENTICATING;
    sasl_handshake_request_init(&request);
    request.mechanism = string_from(credentials->mechanism);
    return client_connection_ask(connection, API_SASL_HANDSHAKE, HANDSHAKE_VERSION, &request);
}

static enum error take_handshake(struct client_connection *connection, struct reader *reader,
                                 struct arena *arena)
{
    struct sasl_handshake_response answer;
    struct string message;
    char text[CLIENT_REFUSAL_BYTES];
    int length;
    enum error error = sasl_handshake_response_decode(HANDSHAKE_VERSION, reader, arena, &answer);

    if (error != ERROR_NONE) {
        return error;
    }
    if (answer.error_code != 0) {
        length = snprintf(text, sizeof text, "the SASL mechanism is not enabled; these are:");
        for (int32_t i = 0; i < answer.mechanisms.count && length < (int)sizeof text; i++) {
            length += snprintf(text + length, sizeof text - (size_t)length, " %.*s",
                               STRING_ARGUMENTS(answer.mechanisms.items[i]));
        }
        return refuse(connection, string_from(text));
    }
    error = sasl_login_step(connection->sasl, STRING_NULL, &message);
    return error != ERROR_NONE ? error : say(connection, message);
}

static enum error take_authenticate(struct client_connection *connection, struct reader *reader,
                                    struct arena *arena)
{
    struct sasl_authenticate_response answer;
    struct string message;
    enum error error =
        sasl_authenticate_response_decode(AUTHENTICATE_VERSION, reader, arena, &answer);

    if (error != ERROR_NONE) {
        return error;
    }
    if (answer.error_code != 0) {
        return refuse(connection, answer.error_message.length > 0
                                      ? answer.error_message
                                      : STRING("the broker refuses the credentials"));
    }
    error = sasl_login_step(connection->sasl,
                            (struct string){answer.auth_bytes.bytes, answer.auth_bytes.length},
                            &message);
    if (error != ERROR_NONE) {
        return refuse(connection, STRING("the broker cannot prove that it knows our password"));
    }
    if (message.bytes != NULL) {
        return say(connection, message);
    }
    client_sasl_end(connection);
    client_connection_ready(connection);
    return ERROR_NONE;
}

enum error client_sasl_take(struct client_connection *connection, struct reader *reader)
{
    struct arena arena;
    enum error error;

    arena_init(&arena, ANSWER_ARENA_BYTES);
    error = connection->asked_api == API_SASL_HANDSHAKE
                ? take_handshake(connection, reader, &arena)
                : take_authenticate(connection, reader, &arena);
    arena_release(&arena);
    return error;
}

void client_sasl_end(struct client_connection *connection)
{
    sasl_login_free(connection->sasl);
    connection->sasl = NULL;
}
