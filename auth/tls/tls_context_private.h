/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this module know of a context. */
#ifndef GYRE_TLS_TLS_CONTEXT_PRIVATE_H
#define GYRE_TLS_TLS_CONTEXT_PRIVATE_H

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <stdatomic.h>

#include "gyre/tls/tls_context.h"

enum { TLS_TICKET_KEY_BYTES = 80, TLS_SECURITY_LEVEL = 2, TLS_CHAIN_DEPTH_MAX = 8 };

struct tls_context {
    atomic_uint references;
    SSL_CTX *ssl; /* owned */
    bool is_server;
    bool verifies_host;
    bool wants_broker;
    bool has_ended_list;
    int64_t expires_ms;
    uint8_t trust_digest[32]; /* of what decides whom we believe */
    uint8_t ticket_keys[TLS_TICKET_KEY_BYTES];
};

/* One load: where a sentence goes, and the digest of all that was trusted. */
struct tls_loading {
    const struct tls_options *options;
    SSL_CTX *ssl;
    EVP_MD_CTX *digest;
    char *message;       /* TLS_MESSAGE_BYTES */
    bool has_ended_list; /* of revoked certificates */
};

/* INVALID; the sentence, and behind it what OpenSSL says. */
__attribute__((format(printf, 2, 3))) enum error tls_refuse(struct tls_loading *loading,
                                                            const char *format, ...);

/* Certificate, chain and key into the SSL_CTX. */
MUST_USE
enum error tls_store_load_keys(struct tls_loading *loading);

/* Authorities and lists of revoked certificates. */
MUST_USE
enum error tls_store_load_trust(struct tls_loading *loading);

/* Would a handshake of today believe this certificate? `others` came with it; `purpose` is
 * "ssl_client" or "ssl_server", what its owner is. */
bool tls_store_believes(const struct tls_context *context, const char *purpose, X509 *certificate,
                        STACK_OF(X509) * others);

/* ASN1_TIME to ms since 1970. */
int64_t tls_time_ms(const ASN1_TIME *time);

#endif
