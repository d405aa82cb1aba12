/* SPDX-License-Identifier: Apache-2.0 */
#include "network/admin_connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/observe/metrics.h"
#include "gyre/tls/tls_source.h"
#include "gyre/tls/tls_stream.h"

#include "network/admin_http_internal.h"

/* ---- the end ---- */

static void on_closed(uv_handle_t *handle)
{
    struct admin_connection *connection = CONTAINER_OF(handle, struct admin_connection, tcp);
    struct admin_http *admin = connection->admin;

    list_remove(&connection->link);
    admin->connection_count--;
    tls_stream_free(connection->tls);
    buffer_slice_unref(&connection->ciphertext);
    free(connection->answer.body);
    free(connection);
    admin_http_check_closed(admin);
}

void admin_connection_close(struct admin_connection *connection)
{
    if (!connection->is_closing) {
        connection->is_closing = true;
        timer_stop(connection->admin->options.loop, &connection->timeout);
        uv_close((uv_handle_t *)&connection->tcp, on_closed);
    }
}

static void on_timeout(struct timer *timer)
{
    admin_connection_close(CONTAINER_OF(timer, struct admin_connection, timeout));
}

/* ---- the answer ---- */

static void on_written(uv_write_t *write, int status)
{
    (void)status;
    admin_connection_close(CONTAINER_OF(write, struct admin_connection, write));
}

static const char *status_text(int status)
{
    switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 414: return "URI Too Long";
    case 431: return "Request Header Fields Too Large";
    case 503: return "Service Unavailable";
    default: return "Internal Server Error";
    }
}

/* In place of head and body: the same encrypted, with a goodbye behind it. */
static unsigned encrypt(struct admin_connection *connection, uv_buf_t vectors[2], unsigned count)
{
    enum error error = ERROR_NONE;

    for (unsigned i = 0; i < count && error == ERROR_NONE; i++) {
        error = tls_stream_write(connection->tls, vectors[i].base, vectors[i].len);
    }
    if (error != ERROR_NONE) {
        return 0;
    }
    tls_stream_shutdown(connection->tls);
    connection->ciphertext = tls_stream_take_output(connection->tls);
    vectors[0] = uv_buf_init(connection->ciphertext.bytes, (unsigned)connection->ciphertext.length);
    return 1;
}

static void send_answer(struct admin_connection *connection)
{
    const struct admin_http_answer *answer = &connection->answer;
    uv_buf_t vectors[2];
    unsigned count = connection->parser.method != HTTP_HEAD ? 2 : 1;
    int length = snprintf(connection->head, sizeof connection->head,
                          "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                          "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
                          "Connection: close\r\n\r\n",
                          answer->status, status_text(answer->status), answer->content_type,
                          answer->body_length);

    CHECK(length > 0);
    CHECK((size_t)length < sizeof connection->head);
    connection->is_answered = true;
    vectors[0] = uv_buf_init(connection->head, (unsigned)length);
    vectors[1] = uv_buf_init(answer->body, (unsigned)answer->body_length);
    if (connection->tls != NULL) {
        count = encrypt(connection, vectors, count);
    }
    if (count == 0 || uv_write(&connection->write, (uv_stream_t *)&connection->tcp, vectors, count,
                               on_written) != 0) {
        admin_connection_close(connection);
    }
}

static void refuse(struct admin_connection *connection, int status, const char *text)
{
    admin_http_answer_text(&connection->answer, status, text);
    send_answer(connection);
}

static void answer(struct admin_connection *connection)
{
    if (connection->is_path_too_long) {
        refuse(connection, 414, "the path is too long\n");
        return;
    }
    if (connection->parser.method != HTTP_GET && connection->parser.method != HTTP_HEAD) {
        refuse(connection, 405, "only GET and HEAD\n");
        return;
    }
    connection->path[connection->path_length] = '\0';
    connection->path[strcspn(connection->path, "?#")] = '\0';
    admin_http_route_request(connection->admin, connection->path, &connection->answer);
    send_answer(connection);
}

/* ---- the question ---- */

static int on_url(http_parser *parser, const char *text, size_t length)
{
    struct admin_connection *connection = CONTAINER_OF(parser, struct admin_connection, parser);

    if (length >= sizeof connection->path - connection->path_length) {
        connection->is_path_too_long = true;
        return 0;
    }
    memcpy(connection->path + connection->path_length, text, length);
    connection->path_length += length;
    return 0;
}

/* Stops the parser: one request a connection. */
static int on_message_complete(http_parser *parser)
{
    CONTAINER_OF(parser, struct admin_connection, parser)->is_asked = true;
    http_parser_pause(parser, 1);
    return 0;
}

static void parse(struct admin_connection *connection, size_t size)
{
    static const http_parser_settings settings = {.on_url = on_url,
                                                  .on_message_complete = on_message_complete};
    (void)http_parser_execute(&connection->parser, &settings, connection->input, size);
    connection->head_bytes += size;
    if (connection->is_asked) {
        answer(connection);
    } else if (HTTP_PARSER_ERRNO(&connection->parser) != HPE_OK) {
        refuse(connection, 400, "not HTTP\n");
    } else if (connection->head_bytes > ADMIN_HTTP_HEAD_BYTES_MAX) {
        refuse(connection, 431, "the request is too long\n");
    }
}

/* ---- TLS ---- */

/* A flight of a handshake is small: who does not take it at once does not read. */
static bool send_flight(struct admin_connection *connection)
{
    struct buffer_slice flight = tls_stream_take_output(connection->tls);
    uv_buf_t vector = uv_buf_init(flight.bytes, (unsigned)flight.length);
    bool is_sent = flight.length == 0 ||
                   uv_try_write((uv_stream_t *)&connection->tcp, &vector, 1) == (int)flight.length;

    buffer_slice_unref(&flight);
    return is_sent;
}

static void decrypt(struct admin_connection *connection, const char *bytes, size_t size)
{
    enum error error;
    size_t length;

    tls_stream_feed(connection->tls, bytes, size);
    error = tls_stream_handshake(connection->tls);
    if (!send_flight(connection) || (error != ERROR_NONE && error != ERROR_AGAIN)) {
        metric_add(connection->admin->options.metrics, METRIC_TLS_HANDSHAKES_FAILED, 1);
        admin_connection_close(connection);
        return;
    }
    while (error == ERROR_NONE && !connection->is_answered && !connection->is_closing) {
        error =
            tls_stream_read(connection->tls, connection->input, sizeof connection->input, &length);
        if (error == ERROR_NONE) {
            parse(connection, length);
        }
    }
    if (error != ERROR_NONE && error != ERROR_AGAIN) {
        admin_connection_close(connection);
    }
}

/* ---- the socket ---- */

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct admin_connection *connection = CONTAINER_OF(handle, struct admin_connection, tcp);
    struct admin_http *admin = connection->admin;

    (void)suggested;
    *buffer = connection->tls == NULL ? uv_buf_init(connection->input, sizeof connection->input)
                                      : uv_buf_init(admin->ciphertext, sizeof admin->ciphertext);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    struct admin_connection *connection = CONTAINER_OF(stream, struct admin_connection, tcp);

    if (size < 0) {
        admin_connection_close(connection);
    } else if (size > 0 && !connection->is_answered) {
        if (connection->tls == NULL) {
            parse(connection, (size_t)size);
        } else {
            decrypt(connection, buffer->base, (size_t)size);
        }
    }
}

static void open_tls(struct admin_connection *connection)
{
    struct tls_source *source = connection->admin->options.tls;

    if (source != NULL) {
        struct tls_context *context = tls_source_context(source);

        connection->tls = tls_stream_new(context, NULL);
        tls_context_unref(context);
    }
}

void admin_connection_accept(struct admin_http *admin)
{
    struct admin_connection *connection = check_alloc_zero(sizeof *connection);

    connection->admin = admin;
    CHECK(uv_tcp_init(admin->options.uv, &connection->tcp) == 0);
    list_append(&admin->connections, &connection->link);
    admin->connection_count++;
    timer_init(&connection->timeout, on_timeout);
    http_parser_init(&connection->parser, HTTP_REQUEST);
    open_tls(connection);
    if (uv_accept((uv_stream_t *)&admin->listener, (uv_stream_t *)&connection->tcp) != 0 ||
        admin->connection_count > ADMIN_HTTP_CONNECTIONS_MAX ||
        uv_read_start((uv_stream_t *)&connection->tcp, on_allocate, on_read) != 0) {
        admin_connection_close(connection);
        return;
    }
    timer_start(admin->options.loop, &connection->timeout, (uint64_t)ADMIN_HTTP_TIMEOUT_MS * 1000);
}
