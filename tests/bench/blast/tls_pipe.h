/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS 1.3 for a connection of blast. Written in large pieces, so that records are full and one send
 * carries many of them; read ahead, so that one receive does. One suite is offered, AES-256-GCM,
 * which all brokers have: what is compared then costs each of them the same cipher.
 */
#ifndef GYRE_TESTS_BENCH_TLS_PIPE_H
#define GYRE_TESTS_BENCH_TLS_PIPE_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#define TLS_PIPE_SUITE "TLS_AES_256_GCM_SHA384"

enum { TLS_PIPE_MESSAGE_BYTES = 256 };

struct tls_pipe;

/* Believes what the authorities in the PEM file `ca` have signed; shows the certificate in `cert`,
 * if that is not NULL. NULL and a message if a file is not as it should be. Free with
 * SSL_CTX_free(). */
SSL_CTX *tls_pipe_context_new(const char *ca, const char *cert, const char *key,
                              char message[TLS_PIPE_MESSAGE_BYTES]);

/* Shakes hands over a connected, blocking socket and demands a certificate for `host`, a name or an
 * address. NULL and a message if that fails. The socket stays the caller's. */
struct tls_pipe *tls_pipe_new(SSL_CTX *context, int fd, const char *host,
                              char message[TLS_PIPE_MESSAGE_BYTES]);
void tls_pipe_free(struct tls_pipe *pipe);

/* Encrypts the beginning of what is there, and says how many bytes. Only after a push that left
 * nothing behind. */
size_t tls_pipe_write(struct tls_pipe *pipe, const struct iovec *vectors, int count);

/* Gives the socket what is encrypted. 1: all of it, 0: it takes no more now, -1: see errno. */
int tls_pipe_push(struct tls_pipe *pipe);

/* At most `size` bytes of what has arrived; 0 if the other side ended the connection, -1 if there
 * is nothing now, -2 and a message if it is broken. */
ssize_t tls_pipe_read(struct tls_pipe *pipe, char *bytes, size_t size,
                      char message[TLS_PIPE_MESSAGE_BYTES]);

#endif
