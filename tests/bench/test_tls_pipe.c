/* SPDX-License-Identifier: Apache-2.0 */
/* A pipe of blast's against a server of OpenSSL's, over sockets with little room. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gyre/base/check.h"

#include "blast/tls_pipe.h"
#include "support/certificates.h"
#include "support/test.h"

enum { YEAR_S = 365 * 86400, ECHO_BYTES = 3 << 20, ROOM_BYTES = 32 << 10, HEAD_BYTES = 90 };

static struct certificates pki;

static int set_up(void **state)
{
    (void)state;
    certificates_init(&pki);
    X509_free(
        certificates_issue(&pki, "broker", PKI_BROKER, "DNS:broker.test,IP:127.0.0.1", YEAR_S));
    X509_free(certificates_issue(&pki, "alice", PKI_CLIENT, NULL, YEAR_S));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    certificates_release(&pki);
    return 0;
}

/* ---- the other side: sends back what it reads, and remembers the largest record ---- */

struct echo {
    pthread_t thread;
    SSL_CTX *context;
    int fd;
    size_t total;   /* to be sent back; then it ends the connection */
    size_t largest; /* read at once, which is one record at most */
    bool has_seen_certificate;
    bool is_refused;
    bool breaks_off; /* without saying so */
};

static void echo_back(struct echo *echo, SSL *ssl)
{
    char *held = check_alloc(ECHO_BYTES);
    size_t count = 0;

    while (count < echo->total) {
        int length = SSL_read(ssl, held + count, (int)(echo->total - count));

        CHECK(length > 0);
        count += (size_t)length;
        echo->largest = (size_t)length > echo->largest ? (size_t)length : echo->largest;
    }
    CHECK(count == 0 || SSL_write(ssl, held, (int)count) == (int)count);
    if (!echo->breaks_off) {
        (void)SSL_shutdown(ssl);
    }
    free(held);
}

static void *run_echo(void *argument)
{
    struct echo *echo = argument;
    SSL *ssl = SSL_new(echo->context);
    X509 *shown;

    CHECK(ssl != NULL && SSL_set_fd(ssl, echo->fd) == 1);
    echo->is_refused = SSL_accept(ssl) != 1;
    if (!echo->is_refused) {
        shown = SSL_get1_peer_certificate(ssl);
        echo->has_seen_certificate = shown != NULL;
        X509_free(shown);
        echo_back(echo, ssl);
    }
    SSL_free(ssl);
    (void)close(echo->fd);
    return NULL;
}

static int start_echo(struct echo *echo, size_t total, bool breaks_off)
{
    const int room = ROOM_BYTES;
    int fds[2];

    *echo = (struct echo){
        .context = SSL_CTX_new(TLS_server_method()), .total = total, .breaks_off = breaks_off};
    CHECK(SSL_CTX_use_certificate_chain_file(echo->context,
                                             certificates_path(&pki, "broker.pem")) == 1);
    CHECK(SSL_CTX_use_PrivateKey_file(echo->context, certificates_path(&pki, "broker.pem"),
                                      SSL_FILETYPE_PEM) == 1);
    CHECK(SSL_CTX_load_verify_file(echo->context, certificates_path(&pki, "ca.crt")) == 1);
    SSL_CTX_set_verify(echo->context, SSL_VERIFY_PEER, NULL);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    CHECK(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room) == 0);
    echo->fd = fds[1];
    CHECK(pthread_create(&echo->thread, NULL, run_echo, echo) == 0);
    return fds[0];
}

static void end_echo(struct echo *echo)
{
    CHECK(pthread_join(echo->thread, NULL) == 0);
    SSL_CTX_free(echo->context);
}

static struct tls_pipe *connect_as(const char *keystore, int fd, const char *host,
                                   char message[TLS_PIPE_MESSAGE_BYTES])
{
    const char *cert = keystore == NULL ? NULL : certificates_path(&pki, keystore);
    SSL_CTX *context = tls_pipe_context_new(certificates_path(&pki, "ca.crt"), cert, cert, message);
    struct tls_pipe *pipe;

    if (context == NULL) {
        fail_msg("%s", message);
    }
    pipe = tls_pipe_new(context, fd, host, message);
    SSL_CTX_free(context); /* the pipe holds on to it */
    return pipe;
}

static void wait_for(int fd, short events)
{
    struct pollfd one = {.fd = fd, .events = events};

    CHECK(poll(&one, 1, 10000) == 1);
}

static char pattern(size_t at)
{
    return (char)(at * 131 ^ at >> 9);
}

/* A short head and the rest, as frames are. */
static void send_all(struct tls_pipe *pipe, int fd, char *bytes, size_t size)
{
    size_t written = 0;
    int pushed = tls_pipe_push(pipe);

    while (pushed == 0 || written < size) {
        size_t left = size - written;
        size_t head = left < HEAD_BYTES ? left : HEAD_BYTES;
        const struct iovec vectors[2] = {
            {.iov_base = bytes + written, .iov_len = head},
            {.iov_base = bytes + written + head, .iov_len = left - head}};

        if (pushed == 0) {
            wait_for(fd, POLLOUT);
        } else {
            written += tls_pipe_write(pipe, vectors, 2);
        }
        pushed = tls_pipe_push(pipe);
        assert_true(pushed >= 0);
    }
}

/* Until the other side ends the connection. */
static size_t receive_all(struct tls_pipe *pipe, int fd, char *bytes, size_t room)
{
    char message[TLS_PIPE_MESSAGE_BYTES];
    size_t count = 0;
    ssize_t size;

    while ((size = tls_pipe_read(pipe, bytes + count, room - count, message)) != 0) {
        if (size < -1) {
            fail_msg("%s", message);
        }
        if (size == -1) {
            wait_for(fd, POLLIN);
        } else {
            count += (size_t)size;
            assert_true(count < room);
        }
    }
    return count;
}

static void what_is_written_arrives_in_full_records_and_comes_back(void **state)
{
    char message[TLS_PIPE_MESSAGE_BYTES];
    char *sent = check_alloc(ECHO_BYTES);
    char *received = check_alloc(ECHO_BYTES + 1);
    struct echo echo;
    int fd = start_echo(&echo, ECHO_BYTES, false);
    struct tls_pipe *pipe = connect_as(NULL, fd, "broker.test", message);

    (void)state;
    assert_non_null(pipe);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    for (size_t i = 0; i < ECHO_BYTES; i++) {
        sent[i] = pattern(i);
    }
    send_all(pipe, fd, sent, ECHO_BYTES);
    assert_int_equal(receive_all(pipe, fd, received, ECHO_BYTES + 1), ECHO_BYTES);
    assert_memory_equal(sent, received, ECHO_BYTES);
    tls_pipe_free(pipe);
    (void)close(fd);
    end_echo(&echo);
    assert_int_equal(echo.largest, 16384);
    assert_false(echo.has_seen_certificate);
    free(sent);
    free(received);
}

static void a_certificate_that_was_given_is_shown(void **state)
{
    char message[TLS_PIPE_MESSAGE_BYTES];
    struct echo echo;
    int fd = start_echo(&echo, 0, false);
    struct tls_pipe *pipe = connect_as("alice.pem", fd, "127.0.0.1", message);
    char byte;

    (void)state;
    assert_non_null(pipe);
    assert_int_equal(tls_pipe_read(pipe, &byte, 1, message), 0);
    tls_pipe_free(pipe);
    (void)close(fd);
    end_echo(&echo);
    assert_true(echo.has_seen_certificate);
}

static void a_broker_of_another_name_is_refused(void **state)
{
    static const char *const hosts[] = {"other.test", "127.0.0.2"};
    char message[TLS_PIPE_MESSAGE_BYTES];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct echo echo;
        int fd = start_echo(&echo, 0, false);

        assert_null(connect_as(NULL, fd, hosts[i], message));
        assert_non_null(strstr(message, hosts[i]));
        assert_non_null(strstr(message, "certificate verify failed"));
        (void)close(fd);
        end_echo(&echo);
    }
}

static void a_connection_that_breaks_off_has_not_ended(void **state)
{
    char message[TLS_PIPE_MESSAGE_BYTES];
    struct echo echo;
    int fd = start_echo(&echo, 0, true);
    struct tls_pipe *pipe = connect_as(NULL, fd, "broker.test", message);
    char byte;

    (void)state;
    assert_non_null(pipe);
    assert_int_equal(tls_pipe_read(pipe, &byte, 1, message), -2);
    assert_non_null(strstr(message, "unexpected eof"));
    tls_pipe_free(pipe);
    (void)close(fd);
    end_echo(&echo);
}

static void files_that_are_not_there_are_named(void **state)
{
    char message[TLS_PIPE_MESSAGE_BYTES];

    (void)state;
    assert_null(tls_pipe_context_new("/nowhere/ca.crt", NULL, NULL, message));
    assert_non_null(strstr(message, "/nowhere/ca.crt"));
    assert_null(tls_pipe_context_new(certificates_path(&pki, "ca.crt"), "/nowhere/alice.pem",
                                     "/nowhere/alice.pem", message));
    assert_non_null(strstr(message, "/nowhere/alice.pem"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_arrives_in_full_records_and_comes_back),
        cmocka_unit_test(a_certificate_that_was_given_is_shown),
        cmocka_unit_test(a_broker_of_another_name_is_refused),
        cmocka_unit_test(a_connection_that_breaks_off_has_not_ended),
        cmocka_unit_test(files_that_are_not_there_are_named),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
