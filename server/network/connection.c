/* SPDX-License-Identifier: Apache-2.0 */
#include "network/connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gyre/observe/log.h"
#include "gyre/observe/metrics.h"
#include "gyre/tls/tls_stream.h"

#include "network/connection_rate.h"
#include "network/connection_tls.h"
#include "network/file_output.h"
#include "network/network_internal.h"
#include "network/session_watch.h"

enum {
    WRITE_VECTORS_MAX = 64,
    TURN_BYTES = 4 * 1024 * 1024, /* to one connection before others have their turn */
};

static void write_some(struct connection *connection);

/* ---- life ---- */

static void free_if_over(struct connection *connection)
{
    if (connection->is_socket_closed && connection->is_drained && !connection->is_loading) {
        struct network *network = connection->network;

        network_forget_connection(network, connection);
        connection_info_release(&connection->info);
        if (connection->tls != NULL) {
            connection_tls_free(connection->tls);
        }
        free(connection);
        network_check_closed(network);
    }
}

static void on_closed(uv_handle_t *handle)
{
    struct connection *connection = CONTAINER_OF(handle, struct connection, tcp);

    output_queue_release(&connection->queue);
    connection->is_socket_closed = true;
    free_if_over(connection);
}

static void on_drained(void *context)
{
    struct connection *connection = context;

    connection->is_drained = true;
    free_if_over(connection);
}

void connection_close(struct connection *connection)
{
    if (connection->is_closing) {
        return;
    }
    connection->is_closing = true;
    session_watch_stop(connection);
    connection_rate_forget(connection);
    if (connection->tls != NULL) {
        connection_tls_close(connection->tls);
    }
    connection->is_drained = pipeline_close(&connection->pipeline);
    uv_close((uv_handle_t *)&connection->tcp, on_closed);
}

void connection_end(struct connection *connection)
{
    if (!connection->is_closing) {
        pipeline_end(&connection->pipeline);
    }
}

static void touch(struct connection *connection)
{
    connection->active_us = loop_now_us(connection->network->options.loop);
    list_remove(&connection->link);
    list_append(&connection->network->connections, &connection->link);
}

/* ---- bytes in ---- */

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct connection *connection = CONTAINER_OF(handle, struct connection, tcp);

    (void)suggested;
    if (connection->tls != NULL) {
        *buffer = network_tls_input(connection->network);
    } else {
        pipeline_reserve(&connection->pipeline, &buffer->base, &buffer->len);
    }
}

void connection_input_ended(struct connection *connection)
{
    if (!connection->info.is_authenticated || pipeline_is_quiet(&connection->pipeline)) {
        connection_close(connection);
    } else if (!connection->is_closing) {
        connection_pause(connection);
        connection->is_half_closed = true;
        pipeline_end(&connection->pipeline);
    }
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    struct connection *connection = CONTAINER_OF(stream, struct connection, tcp);

    if (size == UV_EOF) {
        connection_input_ended(connection);
        return;
    }
    if (size < 0) {
        connection_close(connection);
        return;
    }
    if (size > 0) {
        touch(connection);
    }
    if (connection->tls == NULL) {
        pipeline_received(&connection->pipeline, (size_t)size);
    } else if (size > 0) {
        connection_tls_received(connection->tls, buffer->base, (size_t)size);
    }
}

void connection_pause(struct connection *connection)
{
    if (connection->is_reading) {
        connection->is_reading = false;
        (void)uv_read_stop((uv_stream_t *)&connection->tcp);
    }
}

void connection_resume(struct connection *connection)
{
    if (connection->is_reading || connection->is_closing) {
        return;
    }
    connection->is_reading = true;
    if (uv_read_start((uv_stream_t *)&connection->tcp, on_allocate, on_read) != 0) {
        connection_close(connection);
    }
}

static void set_reading(void *context, bool is_reading)
{
    struct connection *connection = context;

    if (connection->is_closing) {
        return;
    }
    if (connection->tls != NULL && !connection_tls_set_reading(connection->tls, is_reading)) {
        return; /* it goes on when its handshake has its turn */
    }
    if (is_reading) {
        connection_resume(connection);
    } else {
        connection_pause(connection);
    }
}

/* ---- bytes out ---- */

/* The socket took `bytes`. */
static void advance(struct connection *connection, size_t bytes)
{
    output_queue_consume(&connection->queue, bytes);
    metric_add(connection->network->options.metrics, METRIC_SENT_BYTES, (int64_t)bytes);
    touch(connection);
    if (connection->tls == NULL) {
        pipeline_sent(&connection->pipeline, bytes);
    }
}

static void on_written(uv_write_t *write, int status)
{
    struct connection *connection = CONTAINER_OF(write, struct connection, write);
    size_t bytes = (size_t)(uintptr_t)write->data;

    connection->is_writing = false;
    if (connection->is_closing) {
        return;
    }
    if (status != 0) {
        connection_close(connection);
        return;
    }
    advance(connection, bytes);
    write_some(connection);
}

/* The socket is full: libuv waits for it. The slices stay ours until on_written(). */
static void write_later(struct connection *connection)
{
    uv_buf_t vectors[WRITE_VECTORS_MAX];
    unsigned count = output_queue_vectors(&connection->queue, vectors, WRITE_VECTORS_MAX);
    size_t bytes = 0;

    for (unsigned i = 0; i < count; i++) {
        bytes += vectors[i].len;
    }
    connection->write.data = (void *)(uintptr_t)bytes;
    if (uv_write(&connection->write, (uv_stream_t *)&connection->tcp, vectors, count, on_written) !=
        0) {
        connection_close(connection);
        return;
    }
    connection->is_writing = true;
}

static bool has_output(struct connection *connection)
{
    return !output_queue_is_empty(&connection->queue) ||
           (connection->tls != NULL && connection_tls_refill(connection->tls));
}

static enum error write_once(struct connection *connection, size_t *out_sent)
{
    uv_buf_t vectors[WRITE_VECTORS_MAX];
    unsigned count = output_queue_vectors(&connection->queue, vectors, WRITE_VECTORS_MAX);
    int written;

    *out_sent = 0;
    if (count == 0) {
        return file_output_send(connection, out_sent);
    }
    if (output_queue_file_at(&connection->queue, count) != NULL) {
        return file_output_send_before(connection, vectors, count, out_sent);
    }
    written = uv_try_write((uv_stream_t *)&connection->tcp, vectors, count);
    if (written < 0) {
        return written == UV_EAGAIN ? ERROR_AGAIN : ERROR_CLOSED;
    }
    *out_sent = (size_t)written;
    return ERROR_NONE;
}

static void write_some(struct connection *connection)
{
    size_t left = TURN_BYTES;

    while (!connection->is_closing && !connection->is_writing && !connection->is_loading &&
           has_output(connection)) {
        size_t sent;
        enum error error = write_once(connection, &sent);

        if (sent > 0) {
            left -= sent < left ? sent : left;
            advance(connection, sent);
        }
        if (error == ERROR_NONE && left == 0 &&
            output_queue_file_at(&connection->queue, 0) != NULL) {
            error = file_output_wait(connection);
        }
        if (error == ERROR_AGAIN) {
            write_later(connection);
        } else if (error != ERROR_NONE && error != ERROR_BUSY) {
            connection_close(connection);
            return;
        }
    }
    if (connection->is_finishing && !connection->is_writing && !connection->is_loading) {
        connection_close(connection);
    }
}

void connection_loaded(struct connection *connection, bool is_whole)
{
    connection->is_loading = false;
    if (connection->is_closing) {
        free_if_over(connection);
    } else if (!is_whole) {
        connection_close(connection);
    } else {
        write_some(connection);
    }
}

void connection_queue(struct connection *connection, struct buffer_slice slice)
{
    output_queue_append(&connection->queue, slice);
    write_some(connection);
}

static void send_output(void *context, struct frame_output *output)
{
    struct connection *connection = context;

    if (connection->is_closing) {
        return;
    }
    session_watch(connection);
    output_queue_append_all(connection->tls == NULL ? &connection->queue : &connection->tls->plain,
                            output);
    write_some(connection);
}

void connection_finish(struct connection *connection)
{
    connection->is_finishing = true;
    if (!connection->is_closing) {
        write_some(connection);
    }
}

static void finish(void *context)
{
    connection_finish(context);
}

/* ---- birth ---- */

static const struct pipeline_carrier carrier = {.send = send_output,
                                                .set_reading = set_reading,
                                                .finished = finish,
                                                .drained = on_drained};

/* A client that came by IPv4 to a socket for both is known by its IPv4 address. */
static void name_ip6(const struct sockaddr_in6 *address, char *text, size_t size)
{
    struct sockaddr_in ip4 = {.sin_family = AF_INET};

    if (IN6_IS_ADDR_V4MAPPED(&address->sin6_addr)) {
        memcpy(&ip4.sin_addr, address->sin6_addr.s6_addr + 12, sizeof ip4.sin_addr);
        (void)uv_ip4_name(&ip4, text, size);
    } else {
        (void)uv_ip6_name(address, text, size);
    }
}

static void read_peer(struct connection *connection)
{
    struct sockaddr_storage address;
    int length = sizeof address;
    const struct sockaddr *any = (const struct sockaddr *)&address;
    struct connection_info *info = &connection->info;

    (void)snprintf(info->peer_host, sizeof info->peer_host, "unknown");
    if (uv_tcp_getpeername(&connection->tcp, (struct sockaddr *)&address, &length) != 0) {
        return;
    }
    if (any->sa_family == AF_INET) {
        const struct sockaddr_in *ip4 = (const struct sockaddr_in *)&address;

        (void)uv_ip4_name(ip4, info->peer_host, sizeof info->peer_host);
        info->peer_port = ntohs(ip4->sin_port);
    } else if (any->sa_family == AF_INET6) {
        const struct sockaddr_in6 *ip6 = (const struct sockaddr_in6 *)&address;

        name_ip6(ip6, info->peer_host, sizeof info->peer_host);
        info->peer_port = ntohs(ip6->sin6_port);
    }
}

static void set_socket_options(struct connection *connection)
{
    int send_bytes = connection->network->options.send_buffer_bytes;
    int receive_bytes = connection->network->options.receive_buffer_bytes;

    (void)uv_tcp_nodelay(&connection->tcp, 1);
    (void)uv_tcp_keepalive(&connection->tcp, 1, 60);
    if (send_bytes > 0) {
        (void)uv_send_buffer_size((uv_handle_t *)&connection->tcp, &send_bytes);
    }
    if (receive_bytes > 0) {
        (void)uv_recv_buffer_size((uv_handle_t *)&connection->tcp, &receive_bytes);
    }
}

void connection_begin(struct connection *connection)
{
    const struct network_tls *tls = connection->listener->tls;

    if (tls != NULL) {
        connection->tls = connection_tls_new(connection, tls);
    }
    session_watch(connection);
    set_reading(connection, true);
}

void connection_accept(struct listener *listener)
{
    struct network *network = listener->network;
    struct connection *connection = check_alloc_zero(sizeof *connection);

    connection->network = network;
    connection_info_init(&connection->info, &listener->info);
    connection->info.takes_ranges = true;
    connection->info.id = ++network->next_connection_id;
    pipeline_init(&connection->pipeline, &network->shared, &connection->info, &carrier, connection);
    CHECK(uv_tcp_init(network->options.uv, &connection->tcp) == 0);
    list_append(&network->connections, &connection->link);
    connection->active_us = loop_now_us(network->options.loop);
    network->connection_count++;
    if (uv_accept((uv_stream_t *)&listener->tcp, (uv_stream_t *)&connection->tcp) != 0) {
        connection_close(connection);
        return;
    }
    read_peer(connection);
    if (!network_admits(network, connection)) {
        connection_close(connection);
        return;
    }
    set_socket_options(connection);
    connection->listener = listener;
    if (!connection_rate_holds(connection)) {
        connection_begin(connection);
    }
}
