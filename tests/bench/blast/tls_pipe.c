/* SPDX-License-Identifier: Apache-2.0 */
#include "blast/tls_pipe.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "gyre/base/check.h"

/* Sixteen full records at a time, in both directions. */
enum { PIECE_BYTES = 256 << 10 };

struct tls_pipe {
    SSL *ssl;
    int fd;
    BIO *encrypted; /* owned by ssl: what the socket has not taken */
    size_t sent;    /* of it */
    char piece[PIECE_BYTES];
};

static void explain(char message[TLS_PIPE_MESSAGE_BYTES], const char *what)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code == 0 ? NULL : ERR_reason_error_string(code);

    (void)snprintf(message, TLS_PIPE_MESSAGE_BYTES, "%s: %s", what,
                   reason != NULL ? reason : "failed");
    ERR_clear_error();
}

static bool load_files(SSL_CTX *context, const char *ca, const char *cert, const char *key,
                       char message[TLS_PIPE_MESSAGE_BYTES])
{
    if (SSL_CTX_load_verify_file(context, ca) != 1) {
        explain(message, ca);
        return false;
    }
    if (cert != NULL && SSL_CTX_use_certificate_chain_file(context, cert) != 1) {
        explain(message, cert);
        return false;
    }
    if (cert != NULL && SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) {
        explain(message, key);
        return false;
    }
    return true;
}

SSL_CTX *tls_pipe_context_new(const char *ca, const char *cert, const char *key,
                              char message[TLS_PIPE_MESSAGE_BYTES])
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    CHECK(context != NULL);
    CHECK(SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1);
    CHECK(SSL_CTX_set_ciphersuites(context, TLS_PIPE_SUITE) == 1);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_default_read_buffer_len(context, PIECE_BYTES);
    if (!load_files(context, ca, cert, key, message)) {
        SSL_CTX_free(context);
        return NULL;
    }
    return context;
}

static void expect_host(SSL *ssl, const char *host)
{
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) != 1) {
        CHECK(SSL_set1_host(ssl, host) == 1);
        /* The macro for this casts const away, which clang minds. */
        CHECK(SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                       (void *)(uintptr_t)host) == 1);
    }
}

struct tls_pipe *tls_pipe_new(SSL_CTX *context, int fd, const char *host,
                              char message[TLS_PIPE_MESSAGE_BYTES])
{
    struct tls_pipe *pipe = check_alloc_zero(sizeof *pipe);

    pipe->fd = fd;
    pipe->ssl = SSL_new(context);
    CHECK(pipe->ssl != NULL && SSL_set_fd(pipe->ssl, fd) == 1);
    expect_host(pipe->ssl, host);
    ERR_clear_error();
    if (SSL_connect(pipe->ssl) != 1) {
        explain(message, host);
        tls_pipe_free(pipe);
        return NULL;
    }
    /* From here on what is written is gathered, and only then sent. */
    pipe->encrypted = BIO_new(BIO_s_mem());
    CHECK(pipe->encrypted != NULL);
    SSL_set0_wbio(pipe->ssl, pipe->encrypted);
    return pipe;
}

void tls_pipe_free(struct tls_pipe *pipe)
{
    if (pipe == NULL) {
        return;
    }
    SSL_free(pipe->ssl);
    free(pipe);
}

size_t tls_pipe_write(struct tls_pipe *pipe, const struct iovec *vectors, int count)
{
    size_t held = 0;

    for (int i = 0; i < count && held < PIECE_BYTES; i++) {
        size_t room = PIECE_BYTES - held;
        size_t length = vectors[i].iov_len < room ? vectors[i].iov_len : room;

        memcpy(pipe->piece + held, vectors[i].iov_base, length);
        held += length;
    }
    /* Memory takes everything. */
    CHECK(held == 0 || SSL_write(pipe->ssl, pipe->piece, (int)held) == (int)held);
    return held;
}

int tls_pipe_push(struct tls_pipe *pipe)
{
    char *bytes;
    long pending = BIO_get_mem_data(pipe->encrypted, &bytes);

    while (pipe->sent < (size_t)pending) {
        ssize_t sent =
            send(pipe->fd, bytes + pipe->sent, (size_t)pending - pipe->sent, MSG_NOSIGNAL);

        if (sent < 0) {
            return errno == EAGAIN ? 0 : -1;
        }
        pipe->sent += (size_t)sent;
    }
    if (pending > 0) {
        CHECK(BIO_reset(pipe->encrypted) == 1);
        pipe->sent = 0;
    }
    return 1;
}

ssize_t tls_pipe_read(struct tls_pipe *pipe, char *bytes, size_t size,
                      char message[TLS_PIPE_MESSAGE_BYTES])
{
    int length = size < INT_MAX ? (int)size : INT_MAX;
    int answer;

    ERR_clear_error();
    answer = SSL_read(pipe->ssl, bytes, length);
    if (answer > 0) {
        return answer;
    }
    switch (SSL_get_error(pipe->ssl, answer)) {
    case SSL_ERROR_WANT_READ: return -1;
    case SSL_ERROR_ZERO_RETURN: return 0;
    default: explain(message, "receive"); return -2;
    }
}
