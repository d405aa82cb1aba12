/* SPDX-License-Identifier: Apache-2.0 */
#include "client_security.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "gyre/tls/tls_context.h"

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

/* In any case, as librdkafka has it. A misspelt one must not send passwords in the clear. */
static bool is_protocol_known(const struct client_security *security)
{
    static const char *const known[] = {"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"};
    const char *protocol = find(security, "security.protocol");

    if (protocol == NULL) {
        return true;
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcasecmp(protocol, known[i]) == 0) {
            return true;
        }
    }
    complain("security.protocol: '%s' is none of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL",
             protocol);
    return false;
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

static bool is_known(const char *mechanism)
{
    static const char *const known[] = {MECHANISM_DEFAULT, "SCRAM-SHA-256", "PLAIN", "OAUTHBEARER"};

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(mechanism, known[i]) == 0) {
            return true;
        }
    }
    complain("gyre cannot come in by %s, but by SCRAM-SHA-512, SCRAM-SHA-256, PLAIN, OAUTHBEARER "
             "or a certificate",
             mechanism);
    return false;
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
    if (!is_known(mechanism)) {
        return false;
    }
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

/* ---- TLS ---- */

/* The first that is given. */
static const char *find_first(const struct client_security *security, const char *argument,
                              const char *const *keys)
{
    for (; argument == NULL && *keys != NULL; keys++) {
        argument = find(security, *keys);
    }
    return argument == NULL || argument[0] == '\0' ? NULL : argument;
}

static bool is_with_tls(const struct client_security *security,
                        const struct connect_arguments *connect)
{
    const char *protocol = find(security, "security.protocol");

    if (protocol == NULL) {
        return connect->ca != NULL || connect->certificate != NULL;
    }
    return strcasecmp(protocol, "SSL") == 0 || strcasecmp(protocol, "SASL_SSL") == 0;
}

/* Java's names and librdkafka's. */
static void fill_tls_options(const struct client_security *security,
                             const struct connect_arguments *connect, struct tls_options *options)
{
    static const char *const ca[] = {"ssl.truststore.location", "ssl.ca.location", NULL};
    static const char *const ca_text[] = {"ssl.truststore.certificates", "ssl.ca.pem", NULL};
    static const char *const store[] = {"ssl.keystore.location", "ssl.certificate.location", NULL};
    static const char *const chain[] = {"ssl.keystore.certificate.chain", "ssl.certificate.pem",
                                        NULL};
    static const char *const key[] = {"ssl.key.location", NULL};
    static const char *const key_text[] = {"ssl.keystore.key", "ssl.key.pem", NULL};
    const char *identification = find(security, "ssl.endpoint.identification.algorithm");

    *options = (struct tls_options){
        .keystore_path = find_first(security, connect->certificate, store),
        .key_path = find_first(security, connect->key, key),
        .keystore_password = find(security, "ssl.keystore.password"),
        .key_password = find(security, "ssl.key.password"),
        .truststore_path = find_first(security, connect->ca, ca),
        .truststore_password = find(security, "ssl.truststore.password"),
        .crl_path = find(security, "ssl.crl.location"),
        .protocols = find(security, "ssl.enabled.protocols"),
        .verifies_host = identification == NULL || strcasecmp(identification, "https") == 0,
    };
    if (options->truststore_path == NULL) {
        options->trusted_certificates = find_first(security, NULL, ca_text);
    }
    if (options->keystore_path == NULL) {
        options->certificate_chain = find_first(security, NULL, chain);
        options->key = find_first(security, NULL, key_text);
    }
    if (options->protocols == NULL) {
        options->protocols = "TLSv1.3,TLSv1.2";
    }
}

static bool load_tls(struct client_security *security, const struct connect_arguments *connect)
{
    char message[TLS_MESSAGE_BYTES];
    struct tls_options options;

    if (!is_with_tls(security, connect)) {
        return true;
    }
    fill_tls_options(security, connect, &options);
    if (tls_context_load(&options, NULL, message, &security->tls) != ERROR_NONE) {
        complain("%s", message);
        return false;
    }
    return true;
}

bool client_security_open(struct client_security *security, const struct connect_arguments *connect)
{
    memset(security, 0, sizeof *security);
    if (connect->command_config != NULL &&
        !client_properties_load(&security->properties, connect->command_config)) {
        return false;
    }
    return is_protocol_known(security) && load_tls(security, connect) &&
           fill_credentials(security, connect);
}

void client_security_close(struct client_security *security)
{
    tls_context_unref(security->tls);
    client_properties_release(&security->properties);
    secret_wipe(security, sizeof *security);
}
