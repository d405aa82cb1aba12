/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TLS context is what one side brings to a handshake: its certificate and key, whom it trusts,
 * which versions and suites it speaks. It never changes: a reload makes a new one, and connections
 * keep the one that they began with.
 *
 * TLS 1.3, and 1.2 by choice with ECDHE and AEAD alone; one session ticket, no early data, no
 * renegotiation, no compression.
 *
 * Ownership: reference-counted, atomically. Thread: any; loading reads files and belongs off loops.
 */
#ifndef GYRE_TLS_TLS_CONTEXT_H
#define GYRE_TLS_TLS_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gyre/base/bytes.h"
#include "gyre/base/error.h"

enum { TLS_MESSAGE_BYTES = 256, TLS_FILE_BYTES_MAX = 4 * 1024 * 1024 };

enum tls_client_auth { TLS_CLIENT_AUTH_NONE, TLS_CLIENT_AUTH_REQUESTED, TLS_CLIENT_AUTH_REQUIRED };

/*
 * Borrowed text, NULL where there is nothing. A store is a file or the same as PEM text. Files are
 * PEM or PKCS12, told apart by what is in them; JKS is refused with the command that converts it.
 */
struct tls_options {
    bool is_server;
    const char *keystore_path; /* certificate, chain and key */
    const char *key_path;      /* the key, where it lies in a PEM file of its own */
    const char *keystore_password;
    const char *key_password;
    const char *certificate_chain; /* PEM text */
    const char *key;               /* PEM text */
    const char *truststore_path;
    const char *truststore_password;
    const char *trusted_certificates; /* PEM text */
    const char *crl_path;             /* PEM; then every certificate needs a valid list */
    const char *protocols;            /* "TLSv1.3,TLSv1.2"; NULL: TLSv1.3 */
    const char *cipher_suites;        /* IANA's names, separated by commas; NULL: all of ours */
    enum tls_client_auth client_auth; /* servers */
    bool wants_broker;   /* servers: a certificate that would not do for a server is refused */
    bool verifies_host;  /* clients: the certificate must be for the host dialled */
    bool allows_expired; /* servers: taken although it has ended, as Kafka does at start */
};

struct broker_config;
struct tls_context; /* opaque */

/* What the configuration says for the listener of this name. Text is the configuration's. */
void tls_options_of_listener(struct tls_options *options, const struct broker_config *config,
                             const char *listener);

/* The same from elsewhere: find() gives an option's text with a NUL behind it, or the null string.
 * What it gives is borrowed. */
typedef struct string (*tls_option_find)(const void *context, const char *option);
void tls_options_find(struct tls_options *options, tls_option_find find, const void *context);

/* With texts of its own; overwritten when they are freed. */
struct tls_options *tls_options_copy(const struct tls_options *options);
void tls_options_free(struct tls_options *options); /* of a copy; NULL is fine */
/* Do both load the same? */
bool tls_options_equal(const struct tls_options *a, const struct tls_options *b);

/* The files that a context is made of, for whoever watches them. NULL where there are fewer. */
enum { TLS_OPTIONS_FILES = 4 };
void tls_options_files(const struct tls_options *options, const char *paths[TLS_OPTIONS_FILES]);

/*
 * INVALID with a sentence in `message` (TLS_MESSAGE_BYTES) when a file cannot be read, key and
 * certificate do not belong together, or the certificate has expired; with allows_expired the last
 * is NONE with the same sentence. `before` (NULL: none) is the
 * context that this one replaces: where trust and revocation are the same, its session tickets
 * stay good.
 */
MUST_USE
enum error tls_context_load(const struct tls_options *options, const struct tls_context *before,
                            char *message, struct tls_context **out_context);

struct tls_context *tls_context_ref(struct tls_context *context);
void tls_context_unref(struct tls_context *context); /* NULL is fine */

/* When our certificate ends, ms since 1970; INT64_MAX: there is none. */
int64_t tls_context_expires_ms(const struct tls_context *context);

/* Had a list of revoked certificates ended when it was loaded, with no other of its authority
 * beside it? Then none of that authority's certificates is believed. */
bool tls_context_has_ended_list(const struct tls_context *context);

/* Do both believe the same authorities, lists and certificates? */
bool tls_context_trusts_alike(const struct tls_context *a, const struct tls_context *b);

/* Do both accept each other's session tickets? */
bool tls_context_shares_tickets(const struct tls_context *a, const struct tls_context *b);

#endif
