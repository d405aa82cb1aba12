/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/config/config.h"
#include "gyre/tls/tls_context.h"

/* Every text of the options, and the option that says it. */
static const struct text_option {
    const char *option;
    size_t offset;
} text_options[] = {
    {"ssl.keystore.location", offsetof(struct tls_options, keystore_path)},
    {NULL, offsetof(struct tls_options, key_path)},
    {"ssl.keystore.password", offsetof(struct tls_options, keystore_password)},
    {"ssl.key.password", offsetof(struct tls_options, key_password)},
    {"ssl.keystore.certificate.chain", offsetof(struct tls_options, certificate_chain)},
    {"ssl.keystore.key", offsetof(struct tls_options, key)},
    {"ssl.truststore.location", offsetof(struct tls_options, truststore_path)},
    {"ssl.truststore.password", offsetof(struct tls_options, truststore_password)},
    {"ssl.truststore.certificates", offsetof(struct tls_options, trusted_certificates)},
    {"gyre.ssl.crl.location", offsetof(struct tls_options, crl_path)},
    {"ssl.enabled.protocols", offsetof(struct tls_options, protocols)},
    {"ssl.cipher.suites", offsetof(struct tls_options, cipher_suites)},
};
enum { TEXT_OPTIONS = sizeof text_options / sizeof text_options[0] };

static const char **text_at(struct tls_options *options, int index)
{
    return (const char **)(void *)((char *)options + text_options[index].offset);
}

static const char *get_text(const struct tls_options *options, int index)
{
    return *(const char *const *)(const void *)((const char *)options + text_options[index].offset);
}

/* The null string and the empty one are nothing. */
static const char *find_text(tls_option_find find, const void *context, const char *option)
{
    struct string value = find(context, option);

    return value.length > 0 ? value.bytes : NULL;
}

void tls_options_find(struct tls_options *options, tls_option_find find, const void *context)
{
    const char *client_auth = find_text(find, context, "ssl.client.auth");

    *options = (struct tls_options){.is_server = true, .client_auth = TLS_CLIENT_AUTH_NONE};
    for (int i = 0; i < TEXT_OPTIONS; i++) {
        if (text_options[i].option != NULL) {
            *text_at(options, i) = find_text(find, context, text_options[i].option);
        }
    }
    options->verifies_host =
        find_text(find, context, "ssl.endpoint.identification.algorithm") != NULL;
    if (client_auth != NULL && strcmp(client_auth, "required") == 0) {
        options->client_auth = TLS_CLIENT_AUTH_REQUIRED;
    } else if (client_auth != NULL && strcmp(client_auth, "requested") == 0) {
        options->client_auth = TLS_CLIENT_AUTH_REQUESTED;
    }
}

struct of_listener {
    const struct broker_config *config;
    const char *listener;
};

static struct string find_of_listener(const void *context, const char *option)
{
    const struct of_listener *of = context;

    return config_listener_option(of->config, of->listener, option);
}

void tls_options_of_listener(struct tls_options *options, const struct broker_config *config,
                             const char *listener)
{
    struct of_listener of = {config, listener};

    tls_options_find(options, find_of_listener, &of);
}

void tls_options_files(const struct tls_options *options, const char *paths[TLS_OPTIONS_FILES])
{
    paths[0] = options->certificate_chain == NULL ? options->keystore_path : NULL;
    paths[1] = options->key == NULL ? options->key_path : NULL;
    paths[2] = options->trusted_certificates == NULL ? options->truststore_path : NULL;
    paths[3] = options->crl_path;
}

/* ---- copies ---- */

struct tls_options *tls_options_copy(const struct tls_options *options)
{
    struct tls_options *copy = check_alloc(sizeof *copy);

    *copy = *options;
    for (int i = 0; i < TEXT_OPTIONS; i++) {
        const char *text = get_text(options, i);

        if (text != NULL) {
            size_t size = strlen(text) + 1;

            *text_at(copy, i) = memcpy(check_alloc(size), text, size);
        }
    }
    return copy;
}

void tls_options_free(struct tls_options *options)
{
    if (options == NULL) {
        return;
    }
    for (int i = 0; i < TEXT_OPTIONS; i++) {
        char *text = (char *)(uintptr_t)*text_at(options, i); /* of tls_options_copy() */

        if (text != NULL) {
            OPENSSL_cleanse(text, strlen(text));
            free(text);
        }
    }
    free(options);
}

static bool is_same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool tls_options_equal(const struct tls_options *a, const struct tls_options *b)
{
    for (int i = 0; i < TEXT_OPTIONS; i++) {
        if (!is_same_text(get_text(a, i), get_text(b, i))) {
            return false;
        }
    }
    return a->client_auth == b->client_auth && a->is_server == b->is_server &&
           a->wants_broker == b->wants_broker && a->verifies_host == b->verifies_host;
}
