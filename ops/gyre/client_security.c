/* SPDX-License-Identifier: Apache-2.0 */
#include "client_security.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "command.h"

static const char MECHANISM_DEFAULT[] = "SCRAM-SHA-512";

static const char *find(const struct client_security *security, const char *key)
{
    return client_properties_find(&security->properties, key);
}

static bool copy_text(const char *text, const char *what, char *out_text, size_t size)
{
    if (text == NULL || strlen(text) >= size) {
        complain(text == NULL ? "%s is missing" : "%s is too long", what);
        return false;
    }
    memcpy(out_text, text, strlen(text) + 1);
    return true;
}

/* ---- OAUTHBEARER: the token lies in a file ---- */

static bool read_token(struct client_security *security)
{
    const char *path = find(security, "gyre.sasl.oauthbearer.token.file");
    FILE *file;
    size_t length;

    if (path == NULL) {
        complain("gyre.sasl.oauthbearer.token.file is missing: a file with the token");
        return false;
    }
    file = fopen(path, "re");
    if (file == NULL) {
        complain("%s: %s", path, strerror(errno));
        return false;
    }
    length = fread(security->token, 1, sizeof security->token - 1, file);
    (void)fclose(file);
    security->token[length] = '\0';
    security->token[strcspn(security->token, "\r\n")] = '\0';
    security->credentials.token = security->token;
    return true;
}

/* ---- user and password ---- */

static bool find_user(struct client_security *security, const struct connect_arguments *connect)
{
    const char *user = connect->user;

    if (user == NULL) {
        user = find(security, "sasl.username");
    }
    if (user == NULL && client_properties_find_jaas(&security->properties, "username",
                                                    security->user, sizeof security->user)) {
        return true;
    }
    return copy_text(user, "the user name (--user, sasl.username or sasl.jaas.config)",
                     security->user, sizeof security->user);
}

/* The file's password is for the file's user. */
static bool find_password(struct client_security *security, const struct connect_arguments *connect)
{
    const char *password = connect->user == NULL ? find(security, "sasl.password") : NULL;

    if (password != NULL) {
        return copy_text(password, "sasl.password", security->password, sizeof security->password);
    }
    if (connect->user == NULL &&
        client_properties_find_jaas(&security->properties, "password", security->password,
                                    sizeof security->password)) {
        return true;
    }
    return secret_read("GYRE_PASSWORD", "password", false, security->password);
}

static bool is_with_sasl(const struct client_security *security,
                         const struct connect_arguments *connect)
{
    const char *protocol = find(security, "security.protocol");

    return protocol == NULL ? connect->user != NULL || find(security, "sasl.mechanism") != NULL
                            : strncasecmp(protocol, "SASL_", strlen("SASL_")) == 0;
}

static bool fill_credentials(struct client_security *security,
                             const struct connect_arguments *connect)
{
    const char *mechanism = find(security, "sasl.mechanism");
    char is_token[8] = "";

    if (!is_with_sasl(security, connect)) {
        return true;
    }
    mechanism = mechanism == NULL ? find(security, "sasl.mechanisms") : mechanism;
    mechanism = mechanism == NULL ? MECHANISM_DEFAULT : mechanism;
    security->credentials.mechanism = mechanism;
    if (strcmp(mechanism, "OAUTHBEARER") == 0) {
        return read_token(security);
    }
    if (!find_user(security, connect) || !find_password(security, connect)) {
        return false;
    }
    security->credentials.user = security->user;
    security->credentials.password = security->password;
    security->credentials.is_token = connect->user == NULL &&
                                     client_properties_find_jaas(&security->properties, "tokenauth",
                                                                 is_token, sizeof is_token) &&
                                     strcmp(is_token, "true") == 0;
    return true;
}

bool client_security_open(struct client_security *security, const struct connect_arguments *connect)
{
    memset(security, 0, sizeof *security);
    if (connect->command_config != NULL &&
        !client_properties_load(&security->properties, connect->command_config)) {
        return false;
    }
    return fill_credentials(security, connect);
}

void client_security_close(struct client_security *security)
{
    client_properties_release(&security->properties);
    secret_wipe(security, sizeof *security);
}
